"""Tables of mentions. They are filled when the atlas is opened, as after every change of the lexicon."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the tables."""
    for name, subject, refers_to in (
        ("figure_mentions", sa.Column("key", sa.Integer, primary_key=True), "figures.key"),
        ("case_mentions", sa.Column("case_id", sa.String, primary_key=True), "cases.id"),
    ):
        op.create_table(
            name,
            subject,
            sa.Column("concept", sa.String, primary_key=True),
            sa.Column("field", sa.String, primary_key=True),
            sa.Column("polarity", sa.String, nullable=False),
            sa.ForeignKeyConstraint([subject.name], [refers_to], ondelete="CASCADE"),
        )
        op.create_index(f"{name}_of", name, ["concept", "polarity"])
