"""Reviews by educators, and which figures are hidden from learners."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "reviews",
        sa.Column("id", sa.String, primary_key=True),
        *(_text(name) for name in ("query", "versus", "protocol", "digest")),
        sa.Column("created", sa.Float, nullable=False),
        *(sa.Column(name, sa.Float) for name in ("closed", "deleted")),
    )
    op.create_table(
        "review_items",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("review", sa.String, sa.ForeignKey("reviews.id", ondelete="CASCADE"), nullable=False),
        *(_text(name) for name in ("kind", "content", "key")),
    )
    op.create_index("ix_review_items_review", "review_items", ["review"])
    op.create_table(
        "ratings",
        sa.Column("item", sa.String, sa.ForeignKey("review_items.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("reviewer", sa.String, primary_key=True),
        *(_text(name) for name in ("name", "rating", "comment", "place")),
        sa.Column("rated", sa.Float, nullable=False),
    )
    op.create_table(
        "hidden",
        sa.Column("figure", sa.String, primary_key=True),
        sa.Column("since", sa.Float, nullable=False),
    )


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")
