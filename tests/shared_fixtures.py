"""Real parts that tests share: the starter atlas, copies of it, and small atlases."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from functools import cache, wraps
from pathlib import Path
from typing import Any

import pytest
import typer.testing
from filelock import FileLock

import browsing
import postgres
from mirage import corpora
from mirage.atlas import Atlas
from mirage.encoders.starter import StarterEncoder
from mirage.indexes import embedded
from mirage.search import calibrations
from mirage.settings import Settings
from mirage.shipped import SHIPPED
from mirage.storage.ingest import add
from mirage.study.records import FILE
from mirage.study.studies import Studies
from parts import Process, copy_atlas, picture_folder, some_of_starter, start
from s3 import S3, s3_server


@pytest.fixture(scope="session", autouse=True)
def _not_the_users_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep every test away from the atlas, the models, the settings and the proxies of the person who runs it."""
    # Where Ctrl-C is ignored (a shell's background jobs), what the tests start would ignore it too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith("MIRAGE_") and name.removeprefix("MIRAGE_").lower() in Settings.model_fields:
                patch.delenv(name)
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            patch.delenv(name, raising=False)
            patch.delenv(name.upper(), raising=False)
        patch.setattr(calibrations, "OWN_CALIBRATIONS", tmp_path_factory.mktemp("nobody") / "calibrations")
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("nobody")))
        patch.setenv("MIRAGE_MODELS", str(tmp_path_factory.mktemp("nobody") / "models"))
        patch.setenv("MIRAGE_NAMES", str(tmp_path_factory.mktemp("nobody") / "names"))
        patch.setenv("MIRAGE_ATLAS", str(tmp_path_factory.mktemp("nobody") / "atlas"))
        yield


@pytest.fixture(scope="session", autouse=True)
def _opened_once() -> Iterator[None]:
    """Let all encoders of the shipped files have the models of the first: opening them takes longer than most tests."""
    make, first = StarterEncoder.__init__, {}

    @wraps(make)
    def shared(self: StarterEncoder, path: Path | str | None = None, *, threads: int = 2) -> None:
        make(self, path, threads=threads)
        if path is None and self._folder == SHIPPED / "encoder":
            one = first.setdefault(threads, self)
            self._sessions = one._sessions
            vars(self).update(tokenizer=one.tokenizer, _digest=one._digest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StarterEncoder, "__init__", shared)
        yield


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Give a folder that the first of the run's processes makes; the others wait for it and take the same.

    What takes it copies it, and never writes into it or opens it.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name: str, make: Callable[[Path], object]) -> Path:
        folder, partial = shared / name, shared / f"{name}.partial"
        with FileLock(shared / f"{name}.lock"):
            if not folder.exists():
                make(partial)
                partial.rename(folder)
        return folder

    return made


@pytest.fixture(scope="session", autouse=True)
def _empty_shards_copied(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Iterator[None]:
    """Let empty shards be copies of one that the engine made: it writes to the disk five hundred times for each."""
    make = embedded._make

    def copied(path: Path, dimension: int, layout: embedded.Layout) -> None:
        embedded.check_room(path.parent)
        limits = f"{embedded._INDEXING_THRESHOLD_KB}-{embedded._FULL_SCAN_THRESHOLD_KB}"  # which a test may have set
        one = made_once(f"empty-{layout}-{dimension}-{limits}", lambda folder: make(folder, dimension, layout))
        if path.exists():
            path.rmdir()
        path.parent.mkdir(parents=True, exist_ok=True)
        copy_atlas(one, path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "_make", copied)
        yield


@pytest.fixture(scope="session", autouse=True)
def _commands_built_once() -> Iterator[None]:
    """Let what runs the command in this process build it once."""
    build = cache(typer.testing._get_command)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.testing, "_get_command", build)
        yield


@pytest.fixture(scope="session")
def starter_folder(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """The starter atlas, closed. Copy it; do not open it."""

    def make(folder: Path) -> None:
        with Atlas.open(folder, create=True) as atlas:
            add(atlas, corpora.load("starter"))

    return made_once("starter-atlas", make)


@pytest.fixture(scope="session")
def starter(starter_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    """The starter atlas, open. Tests only read it."""
    with Atlas.open(copy_atlas(starter_folder, tmp_path_factory.mktemp("open") / "atlas")) as atlas:
        yield atlas


@pytest.fixture
def starter_copy(starter_folder: Path, tmp_path: Path) -> Path:
    """A closed copy of the starter atlas that a test may change."""
    return copy_atlas(starter_folder, tmp_path / "starter-copy")


@pytest.fixture(scope="session")
def some_folder(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """An atlas of a part of the starter, closed. Copy it; do not open it."""

    def make(folder: Path) -> None:
        corpus = corpora.load("starter", path=some_of_starter(folder.with_name("some-of-starter")))
        with Atlas.open(folder, create=True) as atlas:
            add(atlas, corpus)

    return made_once("some-atlas", make)


@pytest.fixture(scope="session")
def some(some_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    """The atlas of a part of the starter, open. Tests only read it."""
    with Atlas.open(copy_atlas(some_folder, tmp_path_factory.mktemp("open") / "some")) as atlas:
        yield atlas


@pytest.fixture
def some_copy(some_folder: Path, tmp_path: Path) -> Path:
    """A closed copy of the atlas of a part of the starter that a test may change."""
    return copy_atlas(some_folder, tmp_path / "some-copy")


@pytest.fixture
def pictures(tmp_path: Path) -> Callable[..., Path]:
    """Make a folder of so many pictures."""

    def make(count: int, name: str = "phantoms", **options: Any) -> Path:
        return picture_folder(tmp_path / name, count, **options)

    return make


@pytest.fixture(scope="session")
def _small_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("small")
    with Atlas.open(place / "small", create=True) as atlas:
        add(atlas, corpora.load("folder", path=picture_folder(place / "phantoms", 6)))
    return place


@pytest.fixture
def small(_small_once: Path, tmp_path: Path) -> Path:
    """A closed atlas of six pictures; the folder they came from, ``phantoms``, lies beside it."""
    copy_atlas(_small_once / "phantoms", tmp_path / "phantoms")
    return copy_atlas(_small_once / "small", tmp_path / "small")


@pytest.fixture(scope="module")
def _small_opened(_small_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    with Atlas.open(copy_atlas(_small_once / "small", tmp_path_factory.mktemp("studied") / "small")) as atlas:
        yield atlas


@pytest.fixture
def unkept(_small_opened: Atlas) -> Iterator[Atlas]:
    """The atlas of six pictures, open, of which nothing is kept. Tests change nothing but what is kept of it."""
    yield _small_opened
    _small_opened.study.close()
    for left in _small_opened.path.glob(f"{FILE}*"):
        left.unlink()
    _small_opened.studies = Studies(_small_opened.databases, _small_opened.store, _small_opened)
    _small_opened.study = _small_opened.studies.own


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that a program has taken and where nobody answers; no other gets it meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def started() -> Iterator[Callable[..., Process]]:
    """Start commands that are killed at the end of the test if they still run."""
    running: list[Process] = []

    def starting(*arguments: str | Path, **given: Any) -> Process:
        running.append(start(*arguments, **given))
        return running[-1]

    yield starting
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.PostgresServer]:
    """A PostgreSQL server with pgvector, begun when a test first asks for it. Tests that stop it start it again."""
    if postgres.MISSING:
        pytest.skip(f"{postgres.MISSING} Tests on PostgreSQL are left out.")
    server = postgres.PostgresServer()
    yield server
    server.stop()


@pytest.fixture
def postgres_url(postgres_server: postgres.PostgresServer) -> Iterator[str]:
    """The URL of an empty database of a real PostgreSQL server, as a person writes it; it ends with the test."""
    if postgres_server.process is None:  # a test that failed had stopped it
        postgres_server.start()
    name = postgres_server.create()
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture(scope="session")
def _s3() -> Iterator[S3]:
    with s3_server() as server:
        yield server


@pytest.fixture
def s3(_s3: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    """A server of S3's kind on loopback, with an empty bucket; where its own tools look for it."""
    given = {"ENDPOINT_URL": _s3.url, "ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b", "DEFAULT_REGION": "us-east-1"}
    for name, value in given.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    return _s3


@pytest.fixture
def locked_disk(tmp_path: Path) -> Iterator[Callable[[Path], Path]]:
    """Copy an atlas to a disk that cannot be written to; permissions would not hold back who is root."""
    disk = tmp_path / "disk"

    def copied(atlas: Path) -> Path:
        disk.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", disk], capture_output=True, check=False)
        if done.returncode:
            pytest.skip("mounting a disk is not allowed here")
        copy_atlas(atlas, disk / "atlas")
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        return disk / "atlas"

    yield copied
    subprocess.run(["umount", "-l", disk], capture_output=True, check=False)


@pytest.fixture(scope="session")
def _browser() -> Iterator[tuple[Any, Any]]:
    """One Chromium for all modules: starting it takes as long as a test. Its loop counts as running until it ends."""
    with browsing.started() as browser:
        loop = asyncio.get_running_loop()
        yield browser, loop
        asyncio._set_running_loop(loop)


@pytest.fixture(scope="module")
def chromium(_browser: tuple[Any, Any]) -> Iterator[Any]:
    """A Chromium for the tests of a module."""
    browser, loop = _browser
    asyncio._set_running_loop(loop)
    yield browser
    for context in browser.contexts:
        context.close()
    asyncio._set_running_loop(None)  # a test that comes after may run a loop of its own
