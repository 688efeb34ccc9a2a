"""What was answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "answers",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("when", sa.Float, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("item", sa.String, nullable=False),
        *(
            sa.Column(name, sa.Text, nullable=False, server_default="")
            for name in ("quiz", "figure", "asked", "asked_name", "given", "given_text")
        ),
        *(sa.Column(name, sa.Boolean, nullable=False) for name in ("right", "graded")),
        sa.Column("seconds", sa.Float, nullable=False),
    )
    for name in ("when", "item"):
        op.create_index(f"ix_answers_{name}", "answers", [name])
