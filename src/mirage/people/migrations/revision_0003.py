"""How many the invitation lets in by which somebody came, beside who came: it is deleted when it is over, and they stay."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column, and fill it from the invitations that are there."""
    op.add_column("people", sa.Column("places", sa.Integer, nullable=False, server_default="1"))
    op.execute(
        "UPDATE people SET places = (SELECT uses FROM invitations WHERE invitations.id = people.invitation) "
        "WHERE invitation IN (SELECT id FROM invitations)"
    )
