"""Stems of figures' words are stored; mentions lie in the order in which a search asks for them: by field, then concept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from mirage.figure import Figure, Source
from mirage.language.words import packed_stems

revision = "0004"
down_revision = "0003"

_WORDS = ("caption", "title", "diagnosis", "modality", "modality_detail", "plane", "region")


def upgrade() -> None:
    """Add the column and fill it; copy the mentions."""
    with op.batch_alter_table("figures") as changed:
        changed.add_column(sa.Column("stems", sa.LargeBinary, nullable=False, server_default=sa.text("X''")))
    _fill_stems(op.get_bind())
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


def _fill_stems(connection: sa.Connection) -> None:
    figures = sa.table("figures", *map(sa.column, ("key", "stems", *_WORDS)))
    page = sa.select(figures.c.key, *(figures.c[name] for name in _WORDS)).order_by(figures.c.key).limit(500)
    put = sa.update(figures).where(figures.c.key == sa.bindparam("one"))
    put = put.values(stems=sa.bindparam("packed", type_=sa.LargeBinary))
    last = -1
    while rows := connection.execute(page.where(figures.c.key > last)).all():
        read = [Figure("", source=Source("", ""), **dict(zip(_WORDS, row[1:], strict=True))) for row in rows]
        stems = [packed_stems(figure.words) for figure in read]
        connection.execute(put, [{"one": row.key, "packed": own} for row, own in zip(rows, stems, strict=True)])
        last = rows[-1].key
