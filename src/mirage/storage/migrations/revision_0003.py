"""Columns of what else is derived from the words of a figure and its case. They are filled with the mentions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns."""
    with op.batch_alter_table("figures") as figures:
        for name in ("contradicted", "language", "proof"):
            figures.add_column(sa.Column(name, sa.Text, nullable=False, server_default=""))
