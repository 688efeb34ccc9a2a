"""Who came by one link from one address soon after each other, so that owners see it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns; of who has come before, nothing is known."""
    op.add_column("people", sa.Column("came_from", sa.Text, nullable=False, server_default=""))
    op.add_column("people", sa.Column("came_with", sa.Text, nullable=False, server_default=""))
