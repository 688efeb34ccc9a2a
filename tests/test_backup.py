"""Records moved to a server and back, and all of an atlas kept in one file and brought back, on either engine."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from mirage import corpora
from mirage.aside import machine
from mirage.atlas import Atlas
from mirage.backup import back_up, copying, move_records, restore
from mirage.cli import app
from mirage.errors import AtlasError, AtlasHeld, BadInput, MirageError, Unavailable
from mirage.people.invitations import InvitationError
from mirage.people.limits import LimitReached
from mirage.people.people import People
from mirage.people.records import SCHEMA as PEOPLE
from mirage.settings import Settings
from mirage.storage import manifest
from mirage.storage.databases import Databases
from mirage.storage.ingest import add
from mirage.web import create_app
from parts import copy_atlas, picture_folder, until

SECRET_TABLES = ("sessions", "invitations", "keys")


@pytest.fixture(scope="module")
def kept_once(_small_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed atlas of six pictures, beside which its owner and a person keep something."""
    place = copy_atlas(_small_once / "small", tmp_path_factory.mktemp("kept") / "atlas")
    with Atlas.open(place) as atlas:
        made = atlas.study.collections.make("For Monday")
        atlas.study.collections.add(made.id, "figure", atlas.search("phantom number 2").hits[0].figure.id)
        atlas.studies.of("4f2a").collections.make("Theirs")
        with closing(People(atlas.databases)) as people:
            people.key("server")
    return place


@pytest.fixture
def folder(kept_once: Path, tmp_path: Path) -> Path:
    return copy_atlas(kept_once, tmp_path / "atlas")


def rows(databases: Databases) -> dict[str, dict[str, bytes]]:
    """A digest of each table of each database."""
    with copying.reading(databases) as of:
        names = databases.names()
        return {name: {each.name: copying.digest(of(name), each) for each in copying.tables_of(name)} for name in names}


def titles(folder: Path) -> list[list[str]]:
    with Atlas.open(folder) as atlas:
        assert len(atlas.search("phantom number 2").hits) == 6
        return [[each.title for each in study.collections.list()] for study in (atlas.study, atlas.studies.of("4f2a"))]


# -- moving ---------------------------------------------------------------------------------------------------------------


def test_records_move_to_a_server_and_back_and_all_is_there(folder: Path, postgres_url: str) -> None:
    before, told = rows(Databases(folder)), list[tuple[int, int]]()
    moved = move_records(folder, postgres_url, lambda done, total: told.append((done, total)))
    assert told[-1] == (moved.rows, moved.rows)
    assert sorted(each.name for each in folder.rglob("*.sqlite*")) == [
        "people.sqlite.moved", "records.sqlite.moved", "study.sqlite.moved", "study.sqlite.moved",
    ]  # fmt: skip
    assert rows(Databases(folder, postgres_url)) == before
    assert titles(folder) == [["For Monday"], ["Theirs"]]
    with Atlas.open(folder) as atlas:  # what is added next does not meet the keys of what was moved
        add(atlas, corpora.load("folder", path=picture_folder(folder.parent / "more", 2, first=50)))
        assert atlas.info().figures == 8
    with psycopg.connect(postgres_url) as connection:
        connection.execute("DELETE FROM records.jobs")
    there = rows(Databases(folder, postgres_url))
    back = move_records(folder, "")
    assert back.kept == ("schema people", "schema records", "schema study", "schema study-4f2a")
    assert rows(Databases(folder)) == there
    assert move_records(folder, "").rows == 0


def test_a_move_that_ended_before_the_atlas_went_by_it_is_finished(
    folder: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(manifest.AtlasManifest, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            move_records(folder, postgres_url)
    assert titles(folder) == [["For Monday"], ["Theirs"]]  # from the files, as before
    move_records(folder, postgres_url)
    assert titles(folder) == [["For Monday"], ["Theirs"]]
    assert not list(folder.glob("*.sqlite"))


def test_a_move_that_is_stopped_leaves_nothing_on_the_server(folder: Path, postgres_url: str) -> None:
    def stop(done: int, total: int) -> None:
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move_records(folder, postgres_url, stop)
    assert Databases(folder, postgres_url).names() == []
    assert titles(folder) == [["For Monday"], ["Theirs"]]


@pytest.mark.nightly
def test_records_do_not_move_over_others_nor_while_somebody_has_the_atlas(
    folder: Path, postgres_url: str, tmp_path: Path
) -> None:
    other = copy_atlas(folder, tmp_path / "other")
    move_records(other, postgres_url)
    with Atlas.open(other) as atlas:
        atlas.study.collections.make("More")
    before = rows(Databases(other, postgres_url))
    with pytest.raises(
        AtlasError, match=r"holds the records of an atlas already, and they are not these.*Nothing was changed"
    ):
        move_records(folder, postgres_url)
    assert rows(Databases(other, postgres_url)) == before
    with Atlas.open(folder), pytest.raises(AtlasHeld):
        move_records(folder, postgres_url)
    assert titles(folder) == [["For Monday"], ["Theirs"]]


# -- backup and restore ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def backup_once(kept_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of that atlas."""
    file = tmp_path_factory.mktemp("backup") / "atlas.mirage-backup"
    back_up(kept_once, file)
    return file


def test_a_backup_brings_all_of_it_back_but_what_lets_somebody_in(
    kept_once: Path, backup_once: Path, tmp_path: Path
) -> None:
    found = restore(backup_once, tmp_path / "back")
    assert (found.figures, found.missing, found.unopened) == (6, 0, "")
    before, after = rows(Databases(kept_once)), rows(Databases(tmp_path / "back"))
    secret = {name: before["people"].pop(name) == after["people"].pop(name) for name in SECRET_TABLES}
    assert secret == {"sessions": True, "invitations": True, "keys": False}
    del before["records"]["notes"], after["records"]["notes"]  # the index was filled
    assert after == before
    assert titles(tmp_path / "back") == [["For Monday"], ["Theirs"]]
    pictures = [
        sorted(each.name for each in (folder / "pictures").rglob("*.*")) for folder in (kept_once, tmp_path / "back")
    ]
    assert pictures[0] == pictures[1] != []
    assert stat.S_IMODE(backup_once.stat().st_mode) == 0o600
    with Atlas.open(kept_once) as atlas, closing(People(atlas.databases)) as people, zipfile.ZipFile(backup_once) as file:
        assert people.key("server").encode() not in file.read("people.sqlite")
    assert sorted(each.name for each in backup_once.parent.iterdir()) == [backup_once.name]


def test_a_backup_of_either_engine_is_brought_back_on_the_other(folder: Path, postgres_url: str, tmp_path: Path) -> None:
    move_records(folder, postgres_url)
    before = rows(Databases(folder, postgres_url))
    back_up(folder, tmp_path / "b")
    with psycopg.connect(postgres_url) as connection:
        for name in before:
            connection.execute(f'DROP SCHEMA "{name}" CASCADE')
    assert restore(tmp_path / "b", tmp_path / "files").place == str(tmp_path / "files" / "records.sqlite")
    found = restore(tmp_path / "b", tmp_path / "server", postgres_url)
    assert (found.place, found.unopened) == (Databases(folder, postgres_url).server, "")
    for after in (rows(Databases(tmp_path / "files")), rows(Databases(tmp_path / "server", postgres_url))):
        assert {name: after[name] for name in ("study", "study-4f2a")} == {
            name: before[name] for name in ("study", "study-4f2a")
        }
        assert after["records"]["figures"] == before["records"]["figures"]
    assert titles(tmp_path / "server") == [["For Monday"], ["Theirs"]]
    assert not list((tmp_path / "server").rglob("*.sqlite*"))


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgres", marks=pytest.mark.nightly)])
def test_a_backup_while_a_server_answers_and_figures_are_added_is_of_one_moment(
    engine: str, folder: Path, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if engine == "postgres":
        move_records(folder, request.getfixturevalue("postgres_url"))
    added = picture_folder(tmp_path / "more", 30, first=60)
    answered, begun, ended = list[int](), threading.Event(), threading.Event()
    with Atlas.open(folder) as atlas, TestClient(create_app(atlas, Settings.load()), base_url="http://localhost") as client:

        def ask() -> None:
            while not ended.is_set():
                answered.append(client.get("/api/search", params={"q": "phantom"}).status_code)

        def enlarge() -> None:
            add(atlas, corpora.load("folder", path=added), progress=lambda _: begun.set())

        with ThreadPoolExecutor(2) as pool:
            asking, adding = pool.submit(ask), pool.submit(enlarge)
            backups = []
            try:
                until(lambda: begun.is_set() or adding.done())
                while not backups or not adding.done():
                    backups.append(tmp_path / f"{len(backups)}.mirage-backup")
                    back_up(folder, backups[-1])
                backups.append(tmp_path / "last.mirage-backup")
                back_up(folder, backups[-1])
                adding.result()
            finally:
                ended.set()
            asking.result()
        assert set(answered) == {200}
        assert atlas.info().figures == 36
    sizes = []
    for file in (backups[0], backups[-1]):
        back = tmp_path / f"back-{file.stem}"
        found = restore(file, back)
        assert (found.missing, found.unopened) == (0, "")
        with Atlas.open(back) as atlas:
            sizes.append(atlas.info().figures)
            assert len(atlas.index) == sizes[-1]
            assert all(row.picture.name in atlas.pictures for row in atlas.store.rows(atlas.store.keys()).values())
    assert 6 <= sizes[0] <= sizes[1] == 36


def test_a_picture_that_goes_while_it_is_backed_up_goes_with_its_figure(folder: Path, tmp_path: Path) -> None:
    with Atlas.open(folder) as atlas:
        first, *_ = (row.figure.id for row in atlas.store.rows(atlas.store.keys()).values())
        told = list[object]()

        def remove_one(progress: object) -> None:
            if not told:
                atlas.remove(first)
            told.append(progress)

        made = back_up(folder, tmp_path / "b", remove_one)
    assert (made.figures, made.missing) == (5, 0)
    assert restore(tmp_path / "b", tmp_path / "back").figures == 5


@pytest.fixture
def of_people(folder: Path) -> tuple[Path, dict[str, str]]:
    """An atlas that five came to by a link for twelve, of whom each has used up what one may; and what lets them in."""
    with Atlas.open(folder) as atlas, closing(People(atlas.databases)) as people:
        link = people.invitations.make("learner", uses=12)[1]
        came = [people.invitations.accept(link, f"Eve {number}", came_from="an address") for number in range(5)]
        held = people.sessions.begin(came[0])
        with people.limits.joining("an address", 30):
            pass
        for number, person in enumerate(came):
            secret = held if not number else people.sessions.begin(person)
            people.limits.use(people.sessions.find(secret, 30), "explanations", 2, 2, 86_400)
        return folder, {"link": link, "device": people.invitations.make("learner", person=came[0])[1], "session": held}


@pytest.mark.parametrize("to", ["files", "a server"])
def test_a_restore_lets_nobody_in_by_what_let_in_before_and_forgives_nothing_that_was_used(
    to: str, of_people: tuple[Path, dict[str, str]], postgres_url: str, tmp_path: Path
) -> None:
    folder, before = of_people
    back_up(folder, tmp_path / "b")
    with zipfile.ZipFile(tmp_path / "b") as file:
        file.extract("people.sqlite", tmp_path)
    with closing(sqlite3.connect(tmp_path / "people.sqlite")) as seen:
        assert {came for (came,) in seen.execute("SELECT came_from FROM people")} == {""}
        assert not seen.execute("SELECT person FROM counts WHERE person LIKE '%address%'").fetchall()
    restore(tmp_path / "b", tmp_path / "back", postgres_url if to == "a server" else "")
    with Atlas.open(tmp_path / "back") as atlas, closing(People(atlas.databases)) as people:
        assert people.sessions.find(before["session"], 30) is None
        for name in ("link", "device"):
            with pytest.raises(InvitationError, match="of another MIRAGE"):
                people.invitations.look(before[name])
            secret = before[name].partition(".")[2]
            with pytest.raises(InvitationError, match="no such invitation"):  # nor by the name of this one
                people.invitations.look(f"{people.key('server')[:8]}.{secret}")
        assert people.invitations.list() == []
        theirs = sorted(people.persons.list(), key=lambda each: each.created)
        assert len({each.came_with for each in theirs} - {""}) == 1
        first = people.sessions.find(people.sessions.begin(theirs[0].id), 30)
        assert first is not None
        assert first.places == 12
        with pytest.raises(LimitReached, match="One person may ask for 2"):
            people.limits.use(first, "explanations", 1, 2, 86_400)
        with pytest.raises(LimitReached, match="All who came by the same link"):
            people.limits.use(replace(first, id="who comes next"), "explanations", 1, 2, 86_400)


def test_a_backup_that_somebody_put_together_lets_nobody_in(of_people: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    folder, before = of_people
    back_up(folder, tmp_path / "b")
    with closing(sqlite3.connect(folder / "people.sqlite")) as there:
        there.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    people = (folder / "people.sqlite").read_bytes()  # with sessions, invitations and keys
    with zipfile.ZipFile(tmp_path / "b") as file:
        told = json.loads(file.read("backup.json"))
    with closing(sqlite3.connect(folder / "people.sqlite")) as there:
        told["counts"]["people"] = {
            name: there.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0] for name in told["counts"]["people"]
        }
    told["files"]["people.sqlite"] = [len(people), hashlib.sha256(people).hexdigest()]
    change = {"people.sqlite": people, "backup.json": json.dumps(told).encode()}
    restore(damaged(tmp_path / "b", tmp_path / "c", lambda name, data: change.get(name) or data), tmp_path / "back")
    with Atlas.open(tmp_path / "back") as atlas, closing(People(atlas.databases)) as found:
        assert found.sessions.find(before["session"], 30) is None
        with pytest.raises(InvitationError):
            found.invitations.look(before["link"])
        assert len(found.persons.list()) == 5


def test_a_backup_is_of_this_version_though_nobody_has_signed_in_since_an_upgrade(
    folder: Path, postgres_url: str, tmp_path: Path
) -> None:
    earlier = (
        "ALTER TABLE {}people DROP COLUMN came_from",
        "ALTER TABLE {}people DROP COLUMN came_with",
        "ALTER TABLE {}people DROP COLUMN places",
        "ALTER TABLE {}people DROP COLUMN invitation",
        "ALTER TABLE {}invitations DROP COLUMN maker",
        "UPDATE {}alembic_version SET version_num = '0001'",
    )

    def written(name: str) -> str:
        back_up(folder, tmp_path / name)
        with zipfile.ZipFile(tmp_path / name) as file:
            return str(json.loads(file.read("backup.json"))["versions"]["people"])

    with closing(sqlite3.connect(folder / "people.sqlite")) as there:
        for each in earlier:
            there.execute(each.format(""))
        there.commit()
        assert written("of-files") == PEOPLE.newest
        assert there.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)  # nobody's but the file's
    restore(tmp_path / "of-files", tmp_path / "back")
    assert rows(Databases(tmp_path / "back"))["people"].keys() > set(SECRET_TABLES)
    move_records(folder, postgres_url)
    with psycopg.connect(postgres_url) as server:
        for each in earlier:
            server.execute(each.format("people."))
    assert written("of-a-server") == PEOPLE.newest


def test_a_backup_that_is_stopped_leaves_nothing_and_one_that_is_killed_is_tidied_by_the_next(
    folder: Path, tmp_path: Path
) -> None:
    place = tmp_path / "backups"

    def stop(_progress: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        back_up(folder, place / "b", stop)
    assert not list(place.iterdir())
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    host = machine()
    killed = f".b.{host}-{gone.pid}-00000000"
    (place / f"{killed}.parts" / "1").mkdir(parents=True)
    (place / f"{killed}.partial").write_bytes(b"half")
    back_up(folder, place / "b")
    assert [each.name for each in place.iterdir()] == ["b"]
    with pytest.raises(BadInput, match="is there already"):
        back_up(folder, place / "b")


def test_a_backup_that_no_disk_has_room_for_is_not_begun(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=10_000)
    monkeypatch.setattr("mirage.errors.shutil.disk_usage", lambda _: usage)
    with pytest.raises(Unavailable, match="is full"):
        back_up(folder, tmp_path / "b")
    assert not list(tmp_path.glob("*b*"))


def damaged(
    backup: Path, to: Path, change: Callable[[str, bytes], bytes | None], more: dict[str, bytes] | None = None
) -> Path:
    """A copy of a backup in which files are others, or left out."""
    with zipfile.ZipFile(backup) as source, zipfile.ZipFile(to, "w") as target:
        for name in source.namelist():
            if (data := change(name, source.read(name))) is not None:
                target.writestr(name, data)
        for name, data in (more or {}).items():
            target.writestr(name, data)
    return to


def about(**changed: Any) -> Callable[[str, bytes], bytes]:
    return lambda name, data: json.dumps({**json.loads(data), **changed}).encode() if name == "backup.json" else data


def flipped(ending: str) -> Callable[[str, bytes], bytes]:
    return lambda name, data: data[:-1] + bytes([data[-1] ^ 1]) if name.endswith(ending) else data


def without(ending: str) -> Callable[[str, bytes], bytes | None]:
    return lambda name, data: None if name.endswith(ending) else data


BROKEN: dict[str, tuple[Callable[[str, bytes], bytes | None], str]] = {
    "a picture that is another": (flipped(".png"), "is not what was written"),
    "records that are others": (flipped("records.sqlite"), "is not what was written"),
    "a picture that is gone": (without(".png"), "does not hold the files that it names"),
    "nothing about it": (without("backup.json"), "is damaged, or no backup of MIRAGE"),
    "a newer program": (about(format=2, program="9.0"), r"newer MIRAGE \(9\.0\)\. Update MIRAGE"),
    "newer tables": (about(versions={"records": "9999"}), "newer MIRAGE"),
    "no records": (about(counts={}), "does not hold the databases that it names"),
    "a database that is none": (about(versions={"../records": "0001"}), "does not hold the databases that it names"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_backup_that_is_damaged_or_newer_is_refused_and_nothing_is_left(
    what: str, backup_once: Path, tmp_path: Path
) -> None:
    change, said = BROKEN[what]
    file = damaged(backup_once, tmp_path / "b", change)
    with pytest.raises(AtlasError, match=f"{said}.*Nothing was changed"):
        restore(file, tmp_path / "back")
    assert [each.name for each in tmp_path.iterdir()] == ["b"]


def test_a_file_that_would_be_written_elsewhere_is_refused(backup_once: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(backup_once) as file:
        files = json.loads(file.read("backup.json"))["files"]
    for name in ("../evil", "/tmp/evil", "pictures/../../evil", "synthetic/../evil.png"):
        digest = hashlib.sha256(b"x").hexdigest()
        made = damaged(backup_once, tmp_path / "b", about(files={**files, name: (1, digest)}), {name: b"x"})
        with pytest.raises(AtlasError, match="which no backup has"):
            restore(made, tmp_path / "back")


@pytest.mark.parametrize("line", ['records = "postgresql://evil@evil.example/a"', 'pictures = "s3://evil/a"'])
def test_a_backup_that_would_lead_to_other_servers_is_refused(line: str, backup_once: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(backup_once) as file:
        told = f"{line}\n".encode() + file.read("atlas.toml")
        files = json.loads(file.read("backup.json"))["files"]
    files["atlas.toml"] = len(told), hashlib.sha256(told).hexdigest()
    change = about(files=files)
    made = damaged(backup_once, tmp_path / "b", lambda name, data: told if name == "atlas.toml" else change(name, data))
    with pytest.raises(AtlasError, match=r"its atlas\.toml is not what a backup has.*Nothing was changed"):
        restore(made, tmp_path / "back")
    assert [each.name for each in tmp_path.iterdir()] == ["b"]


def test_what_is_cut_short_or_no_backup_is_refused(backup_once: Path, tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(backup_once.read_bytes()[:-2000])
    (tmp_path / "text").write_text("hello", "utf-8")
    for name in ("short", "text"):
        with pytest.raises(AtlasError, match=r"no backup of MIRAGE.*Nothing was changed"):
            restore(tmp_path / name, tmp_path / "back")
    with pytest.raises(MirageError, match="There is no file"):
        restore(tmp_path / "nothing", tmp_path / "back")


def test_nothing_is_restored_over_what_is_there(backup_once: Path, tmp_path: Path) -> None:
    (tmp_path / "back").mkdir()
    (tmp_path / "back" / "notes.txt").write_text("mine", "utf-8")
    with pytest.raises(BadInput, match="nothing is written over"):
        restore(backup_once, tmp_path / "back")
    assert (tmp_path / "back" / "notes.txt").read_text("utf-8") == "mine"
    (tmp_path / "back" / "notes.txt").unlink()
    assert restore(backup_once, tmp_path / "back").figures == 6


def test_nothing_is_left_where_the_database_is_not_empty(folder: Path, tmp_path: Path, postgres_url: str) -> None:
    back_up(folder, tmp_path / "b")
    assert restore(tmp_path / "b", tmp_path / "first", postgres_url).figures == 6
    with psycopg.connect(postgres_url) as other:
        other.execute("UPDATE records.figures SET caption = 'of another atlas'")
    with pytest.raises(AtlasError, match=r"Name an empty database. Nothing was changed"):
        restore(tmp_path / "b", tmp_path / "back", postgres_url)
    assert sorted(each.name for each in tmp_path.iterdir() if each != folder) == ["b", "first"]


def test_a_restore_that_is_stopped_leaves_nothing(backup_once: Path, tmp_path: Path) -> None:
    def stop(_progress: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore(backup_once, tmp_path / "back", progress=stop)
    assert not list(tmp_path.iterdir())


def test_the_commands_say_what_was_written_and_brought_back(
    folder: Path, tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = CliRunner().invoke
    told = run(app, ["backup", str(tmp_path / "b"), "--atlas", str(folder)])
    assert (told.exit_code, "6 figures" in told.output) == (0, True), told.output
    told = run(app, ["restore", str(tmp_path / "b"), "--atlas", str(tmp_path / "back")])
    assert (told.exit_code, "6 figures, as they were at 20" in told.output) == (0, True), told.output
    told = run(app, ["atlas", "move", "--records", postgres_url, "--atlas", str(tmp_path / "back")])
    assert (told.exit_code, "records.sqlite.moved" in told.output) == (0, True), told.output
    told = run(app, ["atlas", "info", "--atlas", str(tmp_path / "back")])
    assert "records postgresql://mirage@/" in " ".join(told.output.split()), told.output
    monkeypatch.setenv("MIRAGE_ATLAS", str(tmp_path / "back"))
    assert f"index{tmp_path / 'back' / 'index'}" in "".join(told.output.split()), told.output
    assert "records in postgresql://mirage@/" in " ".join(run(app, ["doctor"]).output.replace("✓", "").split())
    told = run(app, ["atlas", "move", "--atlas", str(tmp_path / "back")])
    assert (told.exit_code, "Say what to move" in told.output) == (2, True), told.output
