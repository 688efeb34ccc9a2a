"""The tables of ``study.sqlite``, which lies beside an atlas and holds what people keep, not what the atlas holds.

Who changes a table adds a revision to `mirage.study.migrations` and names it in `SCHEMA`.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from mirage.storage.migrations import Schema

FILE = "study.sqlite"

_metadata = sa.MetaData()


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _time(name: str, *, nullable: bool = False) -> sa.Column[float]:
    return sa.Column(name, sa.Float, nullable=nullable)


collections = sa.Table(
    "collections",
    _metadata,
    sa.Column("id", sa.String, primary_key=True),
    _text("title"),
    _text("notes"),
    *(_time(name) for name in ("created", "changed")),
    _time("deleted", nullable=True),  # when; it can be taken back for a while
)
items = sa.Table(
    "items",
    _metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("collection", sa.String, sa.ForeignKey("collections.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("place", sa.Float, nullable=False),  # among the others of its collection
    sa.Column("kind", sa.String, nullable=False),
    # Of a figure a reference (`mirage.storage.records.reference_of`), of a case its id, of the others a query string.
    *(_text(name) for name in ("target", "title", "note", "attribution", "url", "licence", "licence_url")),
    _time("added"),
    _time("deleted", nullable=True),
)
sa.Table("alembic_version", _metadata, sa.Column("version_num", sa.String(32), primary_key=True))

SCHEMA = Schema(
    "collections",
    _metadata,
    "0001",
    "",
    Path(__file__).parent / "migrations",
    f"Restore {FILE} from a copy, or move it away: a new one is made.",
)
