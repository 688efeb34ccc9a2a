"""Who made an invitation, and by which one somebody came."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("people", sa.Column("invitation", sa.Text, nullable=False, server_default=""))
    op.add_column("invitations", sa.Column("maker", sa.Text, nullable=False, server_default=""))
