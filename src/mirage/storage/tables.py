"""The tables of an atlas's records; `mirage.storage.store` reads and writes them.

Who changes them adds a revision to `mirage.storage.migrations` and names it in `VERSION`.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from mirage.figure import Case

metadata = sa.MetaData()


def _source_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("corpus", sa.String, nullable=False, index=True),
        sa.Column("attribution", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("url_of", sa.String, nullable=False),
        sa.Column("licence", sa.String, nullable=False),
        sa.Column("licence_url", sa.Text, nullable=False),
        sa.Column("allows_sharing", sa.Boolean, nullable=False),
    ]


FIGURE_WORDS = ("caption", "title", "diagnosis", "modality", "modality_detail", "plane", "region", "case_id", "patient")
CASE_WORDS = ("title", "topic", *Case.PASSAGES)

figures = sa.Table(
    "figures",
    metadata,
    sa.Column("key", sa.Integer, primary_key=True),
    sa.Column("id", sa.String, nullable=False, unique=True),
    *(sa.Column(name, sa.Text, nullable=False, index=name == "case_id") for name in FIGURE_WORDS),
    *_source_columns(),
    sa.Column("inferred", sa.Text, nullable=False, server_default=""),  # names of fields, separated by spaces
    sa.Column("fingerprint", sa.String, nullable=False),
    sa.Column("picture", sa.String, nullable=False),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("bytes", sa.Integer, nullable=False),
    sa.Column("look", sa.String, nullable=False),  # `mirage.images.look`, in hex
    sa.Column("stamp", sa.Integer, nullable=False, index=True),
)
cases = sa.Table(
    "cases",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    *(sa.Column(name, sa.Text, nullable=False) for name in CASE_WORDS),
    *_source_columns(),
)
vectors = sa.Table(
    "vectors",
    metadata,
    sa.Column("key", sa.Integer, sa.ForeignKey("figures.key", ondelete="CASCADE"), primary_key=True),
    sa.Column("encoder", sa.String, primary_key=True),
    sa.Column("image", sa.LargeBinary, nullable=False),
    sa.Column("caption", sa.LargeBinary),
)
corpora = sa.Table(
    "corpora",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("version", sa.String, nullable=False),
    sa.Column("homepage", sa.Text, nullable=False),
    sa.Column("licence", sa.String, nullable=False),
    sa.Column("licence_url", sa.Text, nullable=False),
    sa.Column("complete", sa.Boolean, nullable=False),
    sa.Column("added", sa.Float, nullable=False),
)
jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("record", sa.Text, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
)
notes = sa.Table("notes", metadata, sa.Column("name", sa.String, primary_key=True), sa.Column("value", sa.Text))
# What stays in this atlas, and is never exported or shown to others: names of files often name patients.
names = sa.Table(
    "names",
    metadata,
    sa.Column("id", sa.String, primary_key=True),  # of a figure or a case; or the name of a corpus
    sa.Column("name", sa.Text, nullable=False),
)
former_ids = sa.Table(
    "former_ids",
    metadata,
    sa.Column("former", sa.String, primary_key=True),
    sa.Column("id", sa.String, nullable=False, index=True),
)
# The name is what alembic calls it; the value is the newest revision of `mirage.storage.migrations` that was run.
version = sa.Table("alembic_version", metadata, sa.Column("version_num", sa.String(32), primary_key=True))
VERSION = "0001"
