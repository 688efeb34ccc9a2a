"""People, invitations, sessions, what was done, and what was used up."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _times(*names: str) -> list[sa.Column[float]]:
    return [sa.Column(name, sa.Float, nullable=False, server_default="0") for name in names]


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "people",
        sa.Column("id", sa.String, primary_key=True),
        *(_text(name) for name in ("name", "role")),
        sa.Column("subject", sa.Text, nullable=True, unique=True),
        *_times("created", "seen"),
    )
    op.create_table(
        "invitations",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("hash", sa.String, nullable=False, unique=True),
        *(_text(name) for name in ("role", "person", "made_by")),
        *(sa.Column(name, sa.Integer, nullable=False, server_default="0") for name in ("uses", "used")),
        *_times("created", "until", "ended"),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("hash", sa.String, nullable=False, unique=True),
        sa.Column("person", sa.String, sa.ForeignKey("people.id", ondelete="CASCADE"), nullable=False, index=True),
        *_times("created", "seen"),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("when", sa.Float, nullable=False, index=True),
        *(_text(name) for name in ("person", "name", "role", "what", "target")),
    )
    op.create_table(
        "counts",
        sa.Column("person", sa.String, primary_key=True),
        sa.Column("what", sa.String, primary_key=True),
        *_times("since", "amount"),
    )
    op.create_table("keys", sa.Column("name", sa.String, primary_key=True), _text("value"))
