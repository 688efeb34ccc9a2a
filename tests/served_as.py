"""What the site's tests are asked of: an atlas in its folder, or, for all of them, another kind of it.

``MIRAGE_TEST_DATABASE=postgres`` (``make test-two-servers``): records, what is kept and the index lie in PostgreSQL, two
servers have the atlas open, and requests go to one and the other in turn. ``MIRAGE_TEST_READ_ONLY=1``
(``make test-read-only``): the folder is opened to be read only; a test that fails after it was refused a change is skipped,
unless the site broke in it, too, or it was stopped because it hung.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from http import HTTPStatus
from itertools import count
from typing import Any

import pytest
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from mirage.atlas import Atlas
from mirage.backup import move_records
from mirage.errors import ReadOnly
from mirage.jobs import Jobs
from mirage.jobs.others import Others
from mirage.storage import manifest, sharing
from mirage.storage.reindex import rebuild
from mirage.web import problems
from parts import until
from postgres import PostgresServer

TWO_SERVERS = os.environ.get("MIRAGE_TEST_DATABASE") == "postgres"
READ_ONLY = bool(os.environ.get("MIRAGE_TEST_READ_ONLY"))
_sticky: list[str] = []  # why this test asks one server only
_refused: list[str] = []  # changes, in this test
_broke: list[str] = []  # in this test, whether or not it was after that
_because: list[BaseException] = []  # what failed after a refusal
_server: list[PostgresServer] = []

Served = tuple[Atlas, Jobs]


@contextmanager
def served_as(atlas: Atlas) -> Iterator[list[Served]]:
    """Open an atlas as often and as what it is to be served; where that is not as it is, it is closed before.

    Parameters
    ----------
    atlas : mirage.atlas.Atlas
        Open, or one that this closed before.
    """
    folder, encoder = atlas.folder, atlas.encoder
    with ExitStack() as stack:
        opened = [atlas]
        if TWO_SERVERS:
            if not atlas.databases.server:
                atlas.close()
                _to_server(atlas)
            opened = [stack.enter_context(Atlas.open(folder, encoder=encoder)) for _ in range(2)]
        elif READ_ONLY:
            if atlas.copy is None:
                atlas.close()
            with pytest.MonkeyPatch.context() as patch:  # copies of one atlas would share what is kept
                patch.setenv("MIRAGE_KEPT", str(folder.with_name(f"{folder.name}-kept")))
                opened = [stack.enter_context(Atlas.open(folder, encoder=encoder, to_read=True))]
        yield [(each, stack.enter_context(closing(Jobs(each)))) for each in opened]


def _to_server(atlas: Atlas) -> None:
    """Move a closed atlas to a database of its own, unless it is on one."""
    server = _server[0]
    known = manifest.read(atlas.folder)
    if not (known and known.records):
        name = server.create()
        server.execute("CREATE EXTENSION vector", database=name)
        move_records(atlas.folder, server.url(name))
        rebuild(atlas.folder, index=server.url(f"{name}/figures"))


def in_turn(apps: Sequence[ASGIApp], servers: Sequence[Served]) -> ASGIApp:
    """Ask one and then the other, once it has heard what was changed until then; that takes it a second at most."""
    turns = count()

    async def one(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await apps[0](scope, receive, send)
            return
        turn = 0 if _sticky else next(turns) % len(apps)
        if TWO_SERVERS and "/static/" not in scope["path"]:
            await run_sync(_heard, servers[1 - turn][0], servers[turn][0])
        await apps[turn](scope, receive, send)

    return one


# -- what the others have heard -----------------------------------------------------------------------------------------

_numbers = count(1)
_reached: dict[str, int] = {}  # of each server: the newest of these words that it heard, with all before it done
_asked: dict[str, int] = {}
_MARK = "mark "
_WRITES = "it writes: "
_STICKY = "asked of one of the two servers"


def _heard(teller: Atlas, listener: Atlas) -> None:
    """Wait until a server has heard, and followed, all that was told before."""
    assert teller.store.sharing is not None
    assert listener.store.sharing is not None
    number, me = next(_numbers), listener.store.sharing.me
    while _reached.get(me, 0) < number:  # told again where it was lost: a server that listens anew looks at all there is
        teller.store.sharing.tell(f"{_MARK}{number}")
        with suppress(AssertionError):
            until(lambda: _reached.get(me, 0) >= number, seconds=2.0, every=0.002)


def _note_answers(patch: pytest.MonkeyPatch) -> None:
    """Note what changes were refused, and what broke: as an answer, or as an event of one that had begun."""
    answer, exception = problems.answer, problems.log.exception

    def noted(
        request: Request, status: int, detail: str, headers: dict[str, str] | None = None, title: str = ""
    ) -> Response:
        if title == ReadOnly.title and request.method not in ("GET", "HEAD"):
            _refused.append(f"{request.method} {request.url.path}")
        elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _broke.append(f"{request.method} {request.url.path}")
        return answer(request, status, detail, headers, title)

    def logged(*told: Any, **how: Any) -> None:
        _broke.append("a defect")
        exception(*told, **how)

    patch.setattr(problems, "answer", noted)
    patch.setattr(problems.log, "exception", logged)


def _follow_marks(patch: pytest.MonkeyPatch) -> None:
    hear, tick = Others._heard, Others._tick

    def heard(self: Others, what: str) -> None:
        hear(self, what)
        if what.startswith(_MARK):
            number = int(what.removeprefix(_MARK))
            (_asked if self._changed else _reached)[self._sharing.me] = number

    def ticked(self: Others, there: set[str]) -> None:
        tick(self, there)
        if not self._changed and (number := _asked.pop(self._sharing.me, 0)):
            _reached[self._sharing.me] = number

    patch.setattr(Others, "_heard", heard)
    patch.setattr(Others, "_tick", ticked)
    patch.setattr(sharing, "_LISTEN_FOR", 0.05)


# -- for pytest ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def _served_as(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if TWO_SERVERS:
            _server.append(request.getfixturevalue("postgres_server"))
            _follow_marks(patch)
        if READ_ONLY:
            _note_answers(patch)
            patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def pytest_runtest_setup(item: pytest.Item) -> None:
    _refused.clear()
    _broke.clear()
    _sticky.clear()
    if TWO_SERVERS and (mark := item.get_closest_marker("one_server")):
        _sticky.append(mark.args[0])
        item.user_properties.append((_STICKY, mark.args[0]))
    if READ_ONLY and (mark := item.get_closest_marker("writes")):
        pytest.skip(_WRITES + mark.args[0])


def _was_refused(found: BaseException) -> bool:
    """Whether a test failed because a change was refused: not where the site broke as well, or the test hung."""
    if _broke or (isinstance(found, pytest.fail.Exception) and "pytest-timeout" in str(found)):
        return False
    return bool(_refused) or isinstance(found, ReadOnly) or any(found is each for each in _because)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Generator[None, Any, Any]:
    """Count what failed because a change was refused among what is skipped."""
    if READ_ONLY and call.excinfo and not call.excinfo.errisinstance(pytest.skip.Exception):
        found = call.excinfo.value
        if _was_refused(found):
            _because.append(found)
            skipped = pytest.skip.Exception(f"{_WRITES}that was refused")
            call.excinfo = pytest.ExceptionInfo.from_exception(skipped.with_traceback(found.__traceback__))
    return (yield)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many tests passed as they stand, and how many for what reason did not show what they are for."""
    if not (TWO_SERVERS or READ_ONLY):
        return
    passed, left = terminalreporter.stats.get("passed", ()), terminalreporter.stats.get("skipped", ())
    sticky = sum(_STICKY in dict(each.user_properties) for each in passed)
    reasons = Counter(each.longrepr[2].removeprefix("Skipped: ") for each in left if isinstance(each.longrepr, tuple))
    writes = sum(number for reason, number in reasons.items() if reason.startswith(_WRITES))
    terminalreporter.write_line(
        f"{len(passed)} passed, {sticky} of them {_STICKY}"
        if TWO_SERVERS
        else f"{len(passed)} passed, {writes} were refused because they write"
    )
