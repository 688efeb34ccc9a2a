"""Cards that are repeated, what moved them, and what somebody chose."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "cards",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("item", sa.String, nullable=False, unique=True),
        sa.Column("kind", sa.String, nullable=False),
        *(_text(name) for name in ("figure", "structure")),
        sa.Column("added", sa.Float, nullable=False),
        *(sa.Column(name, sa.Float) for name in ("begun", "reviewed")),
        sa.Column("due", sa.Float, nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False, server_default="0") for name in ("answered", "lapses")),
        _text("state"),
        sa.Column("taken", sa.Float),
    )
    op.create_table(
        "repetitions",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("item", sa.String, nullable=False),
        sa.Column("when", sa.Float, nullable=False),
        *(sa.Column(name, sa.String, nullable=False) for name in ("rating", "phase")),
        _text("before"),
    )
    op.create_table("choices", sa.Column("name", sa.String, primary_key=True), _text("value"))
    for table, column in (("cards", "due"), ("repetitions", "place"), ("repetitions", "when")):
        op.create_index(f"ix_{table}_{column}", table, [column])


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")
