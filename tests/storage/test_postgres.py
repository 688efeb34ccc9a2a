"""An atlas whose records, and what is kept beside them, lie in PostgreSQL."""

from __future__ import annotations

import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from mirage import corpora
from mirage.atlas import Atlas
from mirage.errors import AtlasError, MirageError, Unavailable
from mirage.people.records import SCHEMA as PEOPLE
from mirage.storage import engines, migrations
from mirage.storage.databases import Databases
from mirage.storage.failures import Failures
from mirage.storage.ingest import add
from mirage.storage.records import notes
from mirage.storage.store import Store
from mirage.study.records import SCHEMA
from parts import PATIENCE, picture_folder
from postgres import LOCKED, PASSWORD, PostgresServer
from squares import Squares


@pytest.fixture
def atlas(postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Atlas]:
    """An atlas of four pictures whose records are on a server."""
    monkeypatch.setenv("MIRAGE_RECORDS", postgres_url)
    with Atlas.open(tmp_path / "atlas", encoder=Squares(), create=True) as opened:
        add(opened, corpora.load("folder", path=picture_folder(tmp_path / "phantoms", 4)))
        yield opened


def test_an_atlas_is_made_searched_and_opened_again_by_what_its_folder_says(
    atlas: Atlas, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not list(atlas.path.glob("*.sqlite"))
    made = atlas.study.collections.make("For Monday")
    atlas.study.collections.add(made.id, "figure", atlas.search("phantom number 2").hits[0].figure.id)
    atlas.close()
    monkeypatch.delenv("MIRAGE_RECORDS")
    told = tomllib.loads((atlas.path / "atlas.toml").read_text("utf-8"))
    assert (told["format"], sa.make_url(told["records"])) == (3, sa.make_url(postgres_url))
    with Atlas.open(atlas.path, encoder=Squares()) as again:
        assert again.search("phantom number 2").hits[0].figure.caption == "Phantom number 2"
        assert [(each.title, each.count) for each in again.study.collections.list()] == [("For Monday", 1)]
        assert again.info().figures == 4
        assert type(again.info().bytes) is int


def test_figures_are_removed_and_what_was_removed_is_known(atlas: Atlas) -> None:
    first = atlas.search("phantom number 1").hits[0].figure.id
    atlas.remove(first)
    assert atlas.info().figures == 3
    assert first not in [hit.figure.id for hit in atlas.search("phantom").hits]
    with pytest.raises(Exception, match="was removed"):
        atlas.figure(first)
    atlas.remove(corpus=atlas.info().corpora[0].name)
    assert (atlas.info().figures, len(atlas.info().removed)) == (0, 1)


def test_a_new_atlas_takes_no_other_atlas_records_for_its_own(atlas: Atlas, tmp_path: Path) -> None:
    with pytest.raises(AtlasError, match=r"holds the records of an atlas already.*atlas\.toml"):
        Atlas.open(tmp_path / "another", encoder=Squares(), create=True)
    assert atlas.info().figures == 4


def test_tables_are_those_of_this_version_and_text_is_ordered_by_code(postgres_url: str, tmp_path: Path) -> None:
    databases = Databases(tmp_path, postgres_url)
    for name, schema in (("records", migrations.RECORDS), ("study", SCHEMA), ("people", PEOPLE)):
        databases.open(name, schema).close()
        pool = engines.opened(databases.url(name))
        with closing(pool), pool.engine.connect() as connection:
            connection.exec_driver_sql(f'SET search_path TO "{name}"')
            assert compare_metadata(MigrationContext.configure(connection), schema.tables) == []
            texts = "data_type IN ('text', 'character varying') AND column_name != 'version_num'"
            asked = f"SELECT DISTINCT collation_name FROM information_schema.columns WHERE table_schema = %s AND {texts}"
            assert connection.exec_driver_sql(asked, (name,)).all() == [("C",)]


def test_text_with_a_nul_is_kept_without_it(atlas: Atlas) -> None:
    atlas.store.set_note("a\0b", "c\0d")
    assert (atlas.store.note("ab"), atlas.store.note("a\0b")) == ("cd", "cd")
    assert atlas.store.keys_of(["folder-x:\0"]) == {}
    with pytest.raises(Exception, match="no figure"):
        atlas.figure("folder-x:\0")


OPEN_TWICE = """
import sys
from pathlib import Path
from mirage.storage.databases import Databases
from mirage.storage.store import Store
sys.stdin.readline()
store = Store.of(Databases(Path("."), sys.argv[1]), upgraded=True)
print(store.id_key.hex())
"""


def together(program: str, *arguments: str, times: int = 2) -> set[str]:
    """Let a program run so many times at once; gives the different things that it printed."""
    command, pipe = [sys.executable, "-c", program, *arguments], subprocess.PIPE
    started = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(times)]
    for each in started:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    told = {each.communicate(timeout=PATIENCE)[0] for each in started}
    assert [each.returncode for each in started] == [0] * times
    return told


@pytest.mark.nightly
def test_two_processes_that_begin_at_once_make_the_records_once(postgres_url: str) -> None:
    assert len(together(OPEN_TWICE, postgres_url)) == 1


# -- what fails -----------------------------------------------------------------------------------------------------------


def test_a_server_that_is_started_anew_is_asked_again(atlas: Atlas, postgres_server: PostgresServer) -> None:
    postgres_server.halt(signal.SIGQUIT)
    with pytest.raises(Unavailable, match=r"PostgreSQL server .* does not answer .*See that it runs"):
        atlas.info()
    postgres_server.start()
    assert atlas.info().figures == 4
    postgres_server.halt()
    postgres_server.start()
    assert atlas.info().figures == 4  # by a connection that was kept from before


def test_a_transaction_that_the_server_ends_is_told_and_stores_nothing(atlas: Atlas, postgres_url: str) -> None:
    ended = pytest.raises(Unavailable, match=r"ended the connection .*What was stored before is there")
    with ended, atlas.store._database.writing() as connection:
        connection.execute(sa.insert(notes), {"name": "half", "value": "done"})
        with psycopg.connect(postgres_url, autocommit=True) as other:
            mine = connection.connection.dbapi_connection.info.backend_pid
            other.execute("SELECT pg_terminate_backend(%s, 60000)", (mine,))
        connection.execute(sa.select(notes))
    assert atlas.store.note("half") is None


def test_a_server_that_may_not_be_written_to_says_so_and_is_read(atlas: Atlas, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as other:
        name = other.execute("SELECT current_database()").fetchone()[0]
        other.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    atlas.close()
    with closing(Store.of(atlas.databases)) as store:
        assert len(store.keys()) == 4
        with pytest.raises(AtlasError, match=r"is read-only .*Give the address of the one that is written to"):
            store.set_note("a", "b")


def test_one_who_waits_too_long_for_another_is_told(atlas: Atlas, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as other:
        other.execute("LOCK TABLE records.notes")
        busy = pytest.raises(Unavailable, match="is busy with another change of the records")
        with busy, atlas.store._database.writing() as connection:
            connection.exec_driver_sql("SET LOCAL lock_timeout = 10")
            connection.execute(sa.insert(notes), {"name": "a", "value": "b"})
        slow = pytest.raises(Unavailable, match="took too long over the records")
        with slow, atlas.store._database.writing() as connection:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 10")
            connection.execute(sa.insert(notes), {"name": "a", "value": "b"})


def test_a_full_disk_of_the_server_is_told() -> None:
    error = sa.exc.OperationalError("", None, psycopg.errors.DiskFull("could not extend file"))
    with pytest.raises(Unavailable, match="has no room left on its disk, so this step was not stored"), FAILURES.told():
        raise error


FAILURES = Failures("records", "Restore them.", "db.example.org/atlas")


def locked(url: str) -> str:
    return sa.make_url(url).set(username=LOCKED).render_as_string()


def test_a_password_is_taken_from_where_programs_of_postgresql_take_it_and_told_nobody(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    databases = Databases(tmp_path, locked(postgres_url))
    with pytest.raises(AtlasError, match=r"did not let MIRAGE in .*PGPASSWORD, in ~/\.pgpass or in a service"):
        databases.there("records")
    monkeypatch.setenv("PGPASSWORD", "wrong-one")
    with pytest.raises(AtlasError, match="did not let MIRAGE in") as refused:
        databases.there("records")
    assert "wrong-one" not in str(refused.value)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert not databases.there("records")
    with pytest.raises(AtlasError, match=r"does not let this user do that .*Grant it the right to make schemas"):
        databases.open("records")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"database": "nowhere"}, r"no such database or user .*Make it, or correct the address"),
        ({"username": "nobody-here"}, r"no such database or user .*Make it, or correct the address"),
        ({"query": {"host": "/nowhere"}}, r"does not answer .*See that it runs and is reached from here"),
    ],
)
def test_a_server_that_cannot_be_used_is_told_from_one_that_is_not_there(
    changed: dict[str, Any], said: str, postgres_url: str, tmp_path: Path
) -> None:
    url = sa.make_url(postgres_url).set(**changed).render_as_string()
    with pytest.raises(MirageError, match=said):
        Databases(tmp_path, url).there("records")


def test_without_psycopg_it_is_told_what_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(Unavailable, match=r"pip install 'psycopg\[binary\]'"):
        Databases(tmp_path, "postgresql://mirage@localhost/atlas").open("records")


# -- other versions -------------------------------------------------------------------------------------------------------


def test_records_of_a_newer_version_are_left_alone(atlas: Atlas, postgres_url: str) -> None:
    atlas.close()
    with psycopg.connect(postgres_url) as other:
        other.execute("UPDATE records.alembic_version SET version_num = '9999'")
    with pytest.raises(AtlasError, match=r"version '9999'.*Update MIRAGE.*Nothing was changed"):
        Atlas.open(atlas.path, encoder=Squares())


SECOND = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0002", "0001"
def upgrade():
    with op.batch_alter_table("things") as things:
        things.add_column(sa.Column("colour", sa.Text, nullable=False, server_default=""))
    op.execute("INSERT INTO things (id, colour) SELECT id + 1, 'red' FROM things")
    op.create_index("coloured", "things", ["id"], sqlite_where=sa.text("colour != ''"))
"""
FIRST = "revision, down_revision = '0001', None\ndef upgrade(): raise AssertionError\n"
UPGRADE = """
import sys
from pathlib import Path
import sqlalchemy as sa
from mirage.storage.databases import Databases
from mirage.storage.migrations import Schema
tables = sa.MetaData()
sa.Table("things", tables, sa.Column("id", sa.Integer, primary_key=True), sa.Column("colour", sa.Text))
sa.Table("alembic_version", tables, sa.Column("version_num", sa.String(32), primary_key=True))
schema = Schema("things", tables, "0002", "", Path(sys.argv[1]), "Restore them.")
sys.stdin.readline()
Databases(Path(sys.argv[1]), sys.argv[2]).open("study", schema, upgraded=True).close()
"""


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_a_database_of_an_earlier_version_is_brought_up_to_date_once_by_whoever_comes(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    (tmp_path / "revision_0001.py").write_text(FIRST, "utf-8")
    (tmp_path / "revision_0002.py").write_text(SECOND, "utf-8")
    databases = Databases(tmp_path, request.getfixturevalue("postgres_url") if engine == "postgres" else "")
    pool = engines.opened(databases.url("study"))
    with closing(pool), pool.engine.begin() as connection:
        if engine == "postgres":
            connection.exec_driver_sql("CREATE SCHEMA study")
            connection.exec_driver_sql("SET LOCAL search_path TO study")
        for statement in (
            "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)",
            "INSERT INTO alembic_version VALUES ('0001')",
            "CREATE TABLE things (id INTEGER PRIMARY KEY)",
            "INSERT INTO things VALUES (1)",
        ):
            connection.exec_driver_sql(statement)
    together(UPGRADE, str(tmp_path), databases.server, times=2 if engine == "postgres" else 1)
    pool = engines.opened(databases.url("study"))
    with closing(pool), pool.engine.begin() as connection:
        if engine == "postgres":
            connection.exec_driver_sql("SET LOCAL search_path TO study")
        assert connection.exec_driver_sql("SELECT id, colour FROM things ORDER BY id").all() == [(1, ""), (2, "red")]
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").all() == [("0002",)]
