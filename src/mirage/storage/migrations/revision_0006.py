"""What was removed, and when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "removed",
        *(sa.Column(name, sa.String, primary_key=True) for name in ("id", "kind")),
        sa.Column("corpus", sa.String, nullable=False, index=True),
        sa.Column("at", sa.Float, nullable=False),
    )
