"""Figures' words are stored as a search compares them; mentions lie in the order in which it asks for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from mirage.figure import Figure, Source
from mirage.language.concepts import lexicon
from mirage.language.words import packed_stems

revision = "0004"
down_revision = "0003"

_WORDS = ("caption", "title", "diagnosis", "modality", "modality_detail", "plane", "region")


def upgrade() -> None:
    """Add the columns and fill them; copy the mentions."""
    with op.batch_alter_table("figures") as changed:
        changed.add_column(sa.Column("stems", sa.LargeBinary, nullable=False, server_default=sa.text("X''")))
        changed.add_column(sa.Column("folded", sa.Text, nullable=False, server_default=""))
    _fill(op.get_bind())
    for name, subject, refers_to in (
        ("figure_mentions", sa.Column("key", sa.Integer, primary_key=True), "figures.key"),
        ("case_mentions", sa.Column("case_id", sa.String, primary_key=True), "cases.id"),
    ):
        op.drop_index(f"{name}_of", name)
        op.rename_table(name, f"{name}_before")
        op.create_table(
            name,
            subject,
            sa.Column("field", sa.String, primary_key=True),
            sa.Column("concept", sa.String, primary_key=True),
            sa.Column("polarity", sa.String, nullable=False),
            sa.ForeignKeyConstraint([subject.name], [refers_to], ondelete="CASCADE"),
            sqlite_with_rowid=False,
        )
        columns = f'"{subject.name}", field, concept, polarity'
        op.execute(f"INSERT INTO {name} ({columns}) SELECT {columns} FROM {name}_before ORDER BY 1, 2, 3")  # noqa: S608 - own names
        op.drop_table(f"{name}_before")
        op.create_index(f"{name}_of", name, ["concept", "polarity"])


def _fill(connection: sa.Connection) -> None:
    figures = sa.table("figures", *map(sa.column, ("key", "stems", "folded", *_WORDS)))
    page = sa.select(figures.c.key, *(figures.c[name] for name in _WORDS)).order_by(figures.c.key).limit(500)
    filled = {"stems": sa.bindparam("packed", type_=sa.LargeBinary), "folded": sa.bindparam("words")}
    put = sa.update(figures).where(figures.c.key == sa.bindparam("one")).values(filled)
    last = -1
    while rows := connection.execute(page.where(figures.c.key > last)).all():
        read = [Figure("", source=Source("", ""), **dict(zip(_WORDS, row[1:], strict=True))) for row in rows]
        texts = {row.key: figure.words for row, figure in zip(rows, read, strict=True)}
        values = [{"one": key, "packed": packed_stems(text), "words": lexicon().folded(text)} for key, text in texts.items()]
        connection.execute(put, values)
        last = rows[-1].key
