"""Stacks: their files and headers, the vectors of their slices, and of which stack a single figure is a slice."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column and the tables."""
    op.add_column("figures", sa.Column("slice_of", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "stacks",
        _key(),
        *(sa.Column(name, sa.String, nullable=False) for name in ("voxels", "labels")),
        sa.Column("bytes", sa.Integer, nullable=False),
        sa.Column("header", sa.Text, nullable=False),
    )
    op.create_table(
        "slice_vectors",
        _key(),
        sa.Column("encoder", sa.String, primary_key=True),
        *(sa.Column(name, sa.LargeBinary, nullable=False) for name in ("numbers", "vectors")),
    )


def _key() -> sa.Column[int]:
    return sa.Column("key", sa.Integer, sa.ForeignKey("figures.key", ondelete="CASCADE"), primary_key=True)
