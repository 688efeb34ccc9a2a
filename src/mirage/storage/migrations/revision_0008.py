"""Names of files, cases and folders leave the records, for a file of the person's own data; jobs name no files any more."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

from mirage.storage.names import local_names

revision = "0008"
down_revision = "0007"

names = sa.table("names", *map(sa.column, ("id", "name")))
notes = sa.table("notes", *map(sa.column, ("name", "value")))
jobs = sa.table("jobs", *map(sa.column, ("id", "record")))


def upgrade() -> None:
    """Write the names down first: cut short, they are written again."""
    connection = op.get_bind()
    key = connection.execute(sa.select(notes.c.value).where(notes.c.name == "id_key")).scalar()
    if key is not None:
        called = {own: name for own, name in connection.execute(sa.select(names.c.id, names.c.name)).all() if name}
        local_names(bytes.fromhex(key), connection.engine.url.database).put(called)
        connection.execute(sa.update(names).values(name=""))
    for job, record in connection.execute(sa.select(jobs.c.id, jobs.c.record)).all():
        told = json.loads(record)
        if told.get("kind") == "add" and str(told.get("title", "")).startswith("Add folder"):
            told |= {"title": "Add a folder of pictures", "refused": [], "noted": [], "message": "", "private": True}
            told["message"] = "It was done by an earlier version of MIRAGE, and is listed without names of files."
            connection.execute(sa.update(jobs).where(jobs.c.id == job).values(record=json.dumps(told)))
