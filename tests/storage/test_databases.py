"""Where the databases of an atlas lie, and by which addresses a server is named."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from mirage.errors import BadInput
from mirage.storage.databases import Databases
from mirage.study.records import SCHEMA

SERVER = "postgresql://mirage@db.example.org:5433/atlas?sslmode=require"


def test_without_a_server_each_is_a_file_of_the_folder_a_persons_in_a_folder_of_its_own(tmp_path: Path) -> None:
    databases = Databases(tmp_path)
    places = {name: databases.file(name).relative_to(tmp_path).as_posix() for name in ("records", "study", "study-4f2a")}
    assert places == {"records": "records.sqlite", "study": "study.sqlite", "study-4f2a": "people/4f2a/study.sqlite"}
    assert not databases.there("study-4f2a")
    databases.open("study-4f2a", SCHEMA).close()
    assert databases.there("study-4f2a")


def test_on_a_server_each_is_a_schema_of_one_database(tmp_path: Path) -> None:
    url = sa.make_url(Databases(tmp_path, SERVER).url("study-4f2a"))
    assert (url.host, url.port, url.database, url.query["sslmode"]) == ("db.example.org", 5433, "atlas", "require")
    assert url.query["options"] == '-csearch_path="study-4f2a"'


def test_a_server_is_asked_which_databases_have_been_made(tmp_path: Path, postgres_url: str) -> None:
    databases = Databases(tmp_path, postgres_url)
    assert not databases.there("study-4f2a")
    with psycopg.connect(postgres_url) as connection:
        connection.execute('CREATE SCHEMA "study-4f2a"')
    assert databases.there("study-4f2a")


@pytest.mark.parametrize("name", ["", "../records", "study-", "study-../x", "study-a b", 'study-"', "others"])
def test_no_other_name_leads_anywhere(tmp_path: Path, name: str) -> None:
    for databases in (Databases(tmp_path), Databases(tmp_path, SERVER)):
        with pytest.raises(ValueError, match="no database of an atlas"):
            databases.url(name)


@pytest.mark.parametrize(
    "given",
    [
        "postgresql://mirage:s3cret@db.example.org/atlas",
        "postgresql://mirage:@db.example.org/atlas",
        "postgresql://db.example.org/atlas?user=mirage&password=s3cret",
    ],
)
def test_an_address_with_a_password_is_refused_and_not_repeated(tmp_path: Path, given: str) -> None:
    with pytest.raises(BadInput, match=r"PGPASSWORD, in ~/\.pgpass, or in a service file") as refused:
        Databases(tmp_path, given)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "given",
    [
        "mysql://root@localhost/atlas",
        "/var/lib/records",
        "sqlite:///r.sqlite",
        "postgresql//x",
        "postgresql://me@host:port/x",
    ],
)
def test_what_is_no_address_of_postgresql_is_refused(tmp_path: Path, given: str) -> None:
    with pytest.raises(BadInput, match="postgresql://user@host/database"):
        Databases(tmp_path, given)
