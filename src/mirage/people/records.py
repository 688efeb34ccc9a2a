"""The tables of who may use a shared atlas.

Who changes a table adds a revision to `mirage.people.migrations` and names it in `SCHEMA`. Of what lets somebody in, an
invitation or a session, only a digest is kept: who reads the tables cannot sign in by them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import sqlalchemy as sa

from mirage.storage.dialects import INTEGER, STRING, TEXT
from mirage.storage.migrations import Schema
from mirage.wording import N_

_metadata = sa.MetaData()


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, TEXT, nullable=False, server_default="")


def _times(*names: str) -> list[sa.Column[float]]:
    return [sa.Column(name, sa.Float, nullable=False, server_default="0") for name in names]


people = sa.Table(
    "people",
    _metadata,
    sa.Column("id", STRING, primary_key=True),
    *(_text(name) for name in ("name", "role")),
    sa.Column("subject", TEXT, nullable=True, unique=True),  # who a provider or a proxy says it is
    *_times("created", "seen"),
    _text("invitation"),  # id of the link that they came by, which may be deleted since
    sa.Column("places", INTEGER, nullable=False, server_default="1"),  # how many it lets in
    _text("came_from"),  # a keyed digest of the address, for some minutes
    _text("came_with"),  # what tells those apart who came by one link from one address; empty for most
)
invitations = sa.Table(
    "invitations",
    _metadata,
    sa.Column("id", STRING, primary_key=True),
    sa.Column("hash", STRING, nullable=False, unique=True),
    # With a person's id it signs that person in once more, on another device.
    *(_text(name) for name in ("role", "person", "made_by")),
    *(sa.Column(name, INTEGER, nullable=False, server_default="0") for name in ("uses", "used")),
    *_times("created", "until", "ended"),
    _text("maker"),  # id of who made it; empty for a command on the machine
)
sessions = sa.Table(
    "sessions",
    _metadata,
    sa.Column("id", STRING, primary_key=True),
    sa.Column("hash", STRING, nullable=False, unique=True),
    sa.Column("person", STRING, sa.ForeignKey("people.id", ondelete="CASCADE"), nullable=False, index=True),
    *_times("created", "seen"),
)
audit = sa.Table(
    "audit",
    _metadata,
    sa.Column("id", STRING, primary_key=True),
    sa.Column("when", sa.Float, nullable=False, index=True),
    *(_text(name) for name in ("person", "name", "role", "what", "target")),
)
counts = sa.Table(
    "counts",
    _metadata,
    sa.Column("person", STRING, primary_key=True),
    sa.Column("what", STRING, primary_key=True),
    *_times("since", "amount"),
)
keys = sa.Table("keys", _metadata, sa.Column("name", STRING, primary_key=True), _text("value"))
sa.Table("alembic_version", _metadata, sa.Column("version_num", sa.String(32), primary_key=True))

SCHEMA = Schema(
    N_("people"),
    _metadata,
    "0004",
    "",
    Path(__file__).parent / "migrations",
    N_("Restore it from a backup, or move it away: then everybody is invited anew."),
)


def digest(secret: str) -> str:
    """What is kept of a secret of 256 random bits: SHA-256, as hexadecimal digits."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
