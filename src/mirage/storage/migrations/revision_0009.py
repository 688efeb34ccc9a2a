"""What a source says of a figure that it has withdrawn since."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column, and the index of those that are withdrawn."""
    op.add_column("figures", sa.Column("withdrawn", sa.Text, nullable=False, server_default=""))
    op.create_index("withdrawn_figures", "figures", ["key"], sqlite_where=sa.text("withdrawn != ''"))
