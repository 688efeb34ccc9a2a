"""The site of one atlas, answered by several processes that share its port.

Each opens the atlas for itself, so it has to be one that several processes may open: read only, or with its records in
PostgreSQL and its index on a server. A process that dies is begun again; all of them show and take the same tokens.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from functools import partial
from tempfile import TemporaryDirectory

import httpx
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from mirage.atlas import Atlas
from mirage.errors import BadInput, MirageError, Unavailable
from mirage.jobs import Jobs
from mirage.settings import Settings
from mirage.web import logs, measures, search, server
from mirage.web.cache import MOST_BYTES
from mirage.web.connections import until_stopped
from mirage.web.sharing import Held, Sharing
from mirage.wording import N_, _

logger = logging.getLogger(__name__)

_ANSWERS_WITHIN = 60  # seconds, before a process is taken to hang; a busy one takes its time
_ALONE = N_(
    "This atlas can be open in one process at a time. Several may answer with --read-only, or where its records lie in "
    "PostgreSQL and its index on a server (docs/postgresql.md). Leave --workers out."
)


def serve(settings: Settings, workers: int) -> None:
    """Serve the site of an atlas by several processes until Ctrl-C or SIGTERM.

    Parameters
    ----------
    settings : mirage.settings.Settings
        They name the atlas, the host and the port.
    workers : int
        How many processes.

    Raises
    ------
    mirage.errors.BadInput
        When the atlas is one that only one process may have open, or the port cannot be taken.
    mirage.errors.AtlasError
        When the atlas cannot be opened.
    """
    listening = server.listen(settings.host, settings.port)
    with listening, ExitStack() as serving:
        taken: int = listening.getsockname()[1]
        # Files that somebody sends, and what a source offers, are with the process that got them; another would not know.
        changed = {"port": taken, "add_files": False, "live": False}
        url = server.address(settings.host, taken)
        with Atlas.open(settings.atlas, to_read=settings.read_only) as atlas:
            if atlas.copy is None and not atlas.is_shared:
                raise BadInput(_(_ALONE))
            tokens = secrets.token_urlsafe(32), atlas.holder.token
            here = settings.model_copy(update=changed)
            lines: list[str] = []
            copied = atlas.copy is not None
            server.greet(server.create_app(atlas, here, token=tokens[0]).state.site, url, lines.append)
        lines.append(_("%(workers)s processes answer.", workers=workers))
        if not (here.read_only or atlas.copy):
            lines[-1] += " " + _("Files and sources are added by mirage add, not from pages.")
        server.say(
            _("%(workers)s processes open the atlas; the address follows when the first of them answers.", workers=workers)
        )
        threading.Thread(target=_say_when_answered, args=(f"{url}{here.root_path}/healthz", lines), daemon=True).start()
        shared: tuple[str, bytes] | None = None
        if copied:  # an atlas that changes is another one in each process for a moment
            try:
                held = serving.enter_context(Held(MOST_BYTES))
                shared = held.address, held.secret
            except OSError as error:  # as where the path of the folder for temporary files is too long
                logger.warning("What one process finds is not given to the others (%s).", error)
        config = uvicorn.Config(
            partial(_app, here, url, tokens, shared),
            factory=True,
            workers=workers,
            timeout_worker_healthcheck=_ANSWERS_WITHIN,
            lifespan="on",
            **server.UVICORN,
        )
        logs.begin(here.log_format)
        if here.metrics:  # each process writes its numbers into a file there, and all of them are read by any
            counted = serving.enter_context(TemporaryDirectory(prefix="mirage-metrics-"))
            os.environ[measures.TOGETHER] = counted
        _Processes(config, sockets=[listening]).run()
        server.say("Stopping.")


class _Processes(Multiprocess):
    """The processes that answer; the log says when one has ended that nobody stopped, and which takes its place."""

    def keep_subprocess_alive(self) -> None:
        """Begin those anew that have ended or hang."""
        for each in self.processes:
            # Their end of the pipe, by which they are asked whether they live. Held open here, too, it would keep silent
            # of one that dies while it is asked, and the minute would be waited for.
            each.child_conn.close()
        before, begun = list(self.processes), time.monotonic()
        super().keep_subprocess_alive()
        waited = time.monotonic() - begun >= _ANSWERS_WITHIN  # one that hangs is waited for, and then killed
        for was, now in zip(before, self.processes, strict=False):
            if was is not now:
                how = f"did not answer for {_ANSWERS_WITHIN} seconds and was stopped" if waited else _ending(was.exitcode)
                logger.warning("The process %s, which answered here, %s. %s takes its place.", was.pid, how, now.pid)


def _ending(code: int | None) -> str:
    """How a process ended, by its exit code, which is negative for a signal."""
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    with suppress(ValueError):
        return f"was killed by {signal.Signals(-code).name}"
    return f"was killed by signal {-code}"


def _say_when_answered(probe: str, lines: list[str]) -> None:
    """Say where the site is once one of its processes answers: who opens the address before would wait for nothing seen."""
    with suppress(httpx.HTTPError):  # none came up, which is said by them
        httpx.get(probe, timeout=None, trust_env=False)  # noqa: S113 - it waits for as long as they take
        for line in lines:
            server.say(line)


def _app(settings: Settings, url: str, tokens: tuple[str, str], shared: tuple[str, bytes] | None) -> ASGIApp:
    """The site in one of the processes; the atlas is open until it ends."""
    logs.begin(settings.log_format)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    opened = ExitStack()
    try:
        atlas = opened.enter_context(Atlas.open(settings.atlas, to_read=settings.read_only))
        jobs = opened.enter_context(closing(Jobs(atlas)))
    except MirageError as error:
        opened.close()
        logger.error("%s", error)
        sys.exit(STARTUP_FAILURE)  # it would fail again
    if atlas.copy is not None:
        jobs.refusal = Unavailable(
            _(
                "Several processes answer for this site and know nothing of each other's jobs, so none is begun. Whoever "
                "runs it can serve it by one (without --workers)."
            )
        )
    atlas.holder = replace(atlas.holder, token=tokens[1])
    app = server.create_app(atlas, settings, jobs_of=jobs, token=tokens[0])
    if shared is not None:
        app.state.site.cache.sharing = Sharing(*shared)
    search.warm(app.state.site)
    atlas.serving(url)
    opened.enter_context(server.tidied(app.state.site))
    return _Ending(until_stopped(app), opened.close)


def _end_with_parent() -> None:
    """End this process as a stop does, once the one that began it is gone, however that ended."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


class _Ending:
    """An application that does something when its server ends."""

    def __init__(self, app: ASGIApp, end: Callable[[], None]) -> None:
        self._app, self._end = app, end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or be told of the server's begin and end."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._end()
        await send({"type": "lifespan.shutdown.complete"})
