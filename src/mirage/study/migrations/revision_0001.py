"""Collections and what is kept in them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "collections",
        sa.Column("id", sa.String, primary_key=True),
        *(_text(name) for name in ("title", "notes")),
        *(sa.Column(name, sa.Float, nullable=False) for name in ("created", "changed")),
        sa.Column("deleted", sa.Float),
    )
    op.create_table(
        "items",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("collection", sa.String, sa.ForeignKey("collections.id", ondelete="CASCADE"), nullable=False),
        sa.Column("place", sa.Float, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        *(_text(name) for name in ("target", "title", "note", "attribution", "url", "licence", "licence_url")),
        sa.Column("added", sa.Float, nullable=False),
        sa.Column("deleted", sa.Float),
    )
    op.create_index("ix_items_collection", "items", ["collection"])


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")
