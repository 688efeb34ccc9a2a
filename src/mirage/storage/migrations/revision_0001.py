"""From records without a version: what is inferred of a figure, keyed ids, and names that stay in the atlas."""

from __future__ import annotations

import re
import secrets
from urllib.parse import quote_plus

import sqlalchemy as sa
from alembic import op

from mirage.storage.records import MADE_OF_A_NAME, keyed, keyed_id

revision = "0001"
down_revision = None

figures = sa.table("figures", *map(sa.column, ("id", "case_id", "title", "diagnosis", "corpus", "fingerprint")))
cases = sa.table("cases", *map(sa.column, ("id", "title")))
corpora = sa.table("corpora", *map(sa.column, ("name", "version")))
jobs = sa.table("jobs", *map(sa.column, ("id", "record")))
notes = sa.table("notes", *map(sa.column, ("name", "value")))
names = sa.table("names", *map(sa.column, ("id", "name")))
former_ids = sa.table("former_ids", *map(sa.column, ("former", "id")))


def upgrade() -> None:
    """Add the columns and tables, then rename what was called by the names of files."""
    connection = op.get_bind()
    if "inferred" not in {column["name"] for column in sa.inspect(connection).get_columns("figures")}:
        with op.batch_alter_table("figures") as figures:
            figures.add_column(sa.Column("inferred", sa.Text, nullable=False, server_default=""))
    op.create_table("names", sa.Column("id", sa.String, primary_key=True), sa.Column("name", sa.Text, nullable=False))
    op.create_table(
        "former_ids",
        sa.Column("former", sa.String, primary_key=True),
        sa.Column("id", sa.String, nullable=False, index=True),
    )
    key = secrets.token_bytes(32)
    renamed = _renamed(connection, key)
    if renamed:
        connection.execute(sa.insert(notes), {"name": "id_key", "value": key.hex()})
        _rename(connection, renamed)
        _hide(connection, key, {new: old.partition(":")[2] for old, new in renamed.items()})


def _renamed(connection: sa.Connection, key: bytes) -> dict[str, str]:
    ids = [own for table in (figures, cases) for own in connection.execute(sa.select(table.c.id)).scalars()]
    return {own: keyed_id(key, own) for own in ids if MADE_OF_A_NAME.fullmatch(own)}


def _rename(connection: sa.Connection, renamed: dict[str, str]) -> None:
    pairs = [{"old": old, "new": new} for old, new in renamed.items()]
    for table, column in ((figures, "id"), (figures, "case_id"), (cases, "id")):
        changed = sa.update(table).where(table.c[column] == sa.bindparam("old")).values({column: sa.bindparam("new")})
        connection.execute(changed, pairs)
    connection.execute(sa.insert(former_ids), [{"former": old, "id": new} for old, new in renamed.items()])
    written = {quote_plus(old): new for old, new in renamed.items()} | renamed
    one = re.compile(r"folder-[a-z0-9-]+(?::|%3A)[a-z0-9-]+")
    for job, record in connection.execute(sa.select(jobs.c.id, jobs.c.record)).all():
        now = one.sub(lambda found: written.get(found[0], found[0]), record)
        connection.execute(sa.update(jobs).where(jobs.c.id == job).values(record=now))


def _hide(connection: sa.Connection, key: bytes, called: dict[str, str]) -> None:
    """Key what was hashed with the names, and keep to the atlas the names and the titles that were the names of cases."""
    hashed = sa.select(figures.c.id, figures.c.fingerprint, figures.c.corpus).where(figures.c.corpus.startswith("folder-"))
    of_folders = set[str]()
    for own, mark, corpus in connection.execute(hashed).all():
        if own in called:
            of_folders.add(corpus)
            connection.execute(sa.update(figures).where(figures.c.id == own).values(fingerprint=keyed(key, mark)))
    for name, told in connection.execute(sa.select(corpora.c.name, corpora.c.version)).all():
        if name in of_folders:
            connection.execute(sa.update(corpora).where(corpora.c.name == name).values(version=keyed(key, told)))
    # A case without a title or a diagnosis of its own was called by what the table has in its column for cases.
    titled = sa.select(figures.c.case_id).where((figures.c.title != "") | (figures.c.diagnosis != ""))
    titles = sa.select(cases.c.id, cases.c.title).where(cases.c.title != "", cases.c.id.not_in(titled))
    for own, title in connection.execute(titles).all():
        if own in called:
            called[own] = title
            connection.execute(sa.update(cases).where(cases.c.id == own).values(title=""))
    connection.execute(sa.insert(names), [{"id": own, "name": name} for own, name in called.items()])
