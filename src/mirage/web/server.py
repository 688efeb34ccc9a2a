"""The site as an ASGI application, served until somebody stops it."""

from __future__ import annotations

import errno
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from gettext import NullTranslations
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import uvicorn
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from mirage import __version__, locales
from mirage.atlas import Atlas
from mirage.errors import BadInput, MirageError
from mirage.jobs import Jobs
from mirage.people.proxies import networks
from mirage.people.visitor import sharing
from mirage.settings import Settings
from mirage.web import (
    account,
    add,
    browse,
    collections,
    compare,
    corpora,
    crawlers,
    edit,
    explain,
    figures,
    generate,
    health,
    jobs,
    logs,
    look,
    map,
    openapi,
    owndata,
    people,
    problems,
    quiz,
    remove,
    repeat,
    reviews,
    search,
    sign_in,
    speaking,
    stacks,
    synthetic,
    taking,
    templating,
)
from mirage.web.account import clear
from mirage.web.answers import ReadOnce
from mirage.web.connections import PatientProtocol, until_stopped
from mirage.web.measures import Measures
from mirage.web.proxies import Proxied
from mirage.web.root import Rooted
from mirage.web.security import Guard
from mirage.web.site import RunningSite
from mirage.web.uploads import BodyLimits
from mirage.web.visiting import Visiting
from mirage.wording import _

DESCRIPTION = (
    "Find real medical images by words, by pictures, and by both. For teaching; nothing here diagnoses. "
    "Every page of the site has its twin here. Errors are RFC 9457 problem details."
)
_PATIENCE = 5  # seconds that a stop waits for requests under way, and that another program on the port may take to answer
_TIDY_SECONDS = 3600.0
_RESTING = 20  # seconds; who reads for a while and asks again then should not meet a connection that is just being closed
UVICORN: dict[str, Any] = {
    "log_config": None,
    "access_log": False,  # ours leaves query strings out
    "server_header": False,
    "proxy_headers": False,
    "timeout_graceful_shutdown": _PATIENCE,
    "timeout_keep_alive": _RESTING,
    "http": PatientProtocol,
}
"""How the server goes about connections."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not listened on


def create_app(
    atlas: Atlas,
    settings: Settings,
    *,
    jobs_of: Jobs | None = None,
    token: str | None = None,
    language: NullTranslations | None = None,
) -> FastAPI:
    """Make the site of an open atlas.

    It starts no thread and reads nothing, so that a program may make one for a single request and ask it in process
    (``httpx.ASGITransport(create_app(atlas, settings))``). The atlas's jobs are made when a request first needs them;
    who made none then closes those of ``app.state.site.given_jobs``, where there are some.

    Parameters
    ----------
    atlas : mirage.atlas.Atlas
    settings : mirage.settings.Settings
    jobs_of : mirage.jobs.Jobs, optional
        The atlas's jobs; made when first needed, when left out.
    token : str, optional
        What a request must show to change state; made anew when left out. A request may show the atlas's own token,
        ``atlas.holder.token``, instead.
    language : gettext.NullTranslations, optional
        The only language of all pages; each request has its own of the catalogue when left out.
    """
    app = FastAPI(
        title="MIRAGE",
        version=__version__,
        description=DESCRIPTION,
        openapi_url=None,  # ours wants the right to search, as all that is not for everybody
        # FastAPI's own pages load scripts from elsewhere; ours is /api.
        docs_url=None,
        redoc_url=None,
    )
    app.state.site = RunningSite(atlas, settings, token or secrets.token_urlsafe(32), jobs_of)
    if settings.metrics:
        app.state.site.measures = Measures()
    # Looking through those before it costs a request its time: what a class asks for most comes first.
    for asked_most in (search, figures):
        app.include_router(asked_most.router)
    for feature in (
        search,
        map,
        figures,
        stacks,
        explain,
        compare,
        generate,
        synthetic,
        corpora,
        jobs,
        add,
        look,
        edit,
        remove,
        collections,
        repeat,
        owndata,
        taking,
        quiz,
        browse,
        reviews,
        account,
        people,
    ):
        app.include_router(feature.twins)
    # The pages of synthetic images in the making have the widest addresses among those of their kind.
    for pages in (
        corpora,
        jobs,
        reviews,
        add,
        look,
        edit,
        remove,
        generate,
        synthetic,
        collections,
        taking,
        quiz,
        repeat,
        owndata,
        browse,
        compare,
        map,
        account,
        people,
        sign_in,
        speaking,
        templating,
    ):
        app.include_router(pages.router)
    app.include_router(account.public)
    app.include_router(health.router)
    app.include_router(crawlers.router)
    app.include_router(openapi.router)
    problems.install(app)
    openapi.describe(app)
    app.add_middleware(health.HeadAsGet)
    app.add_middleware(ReadOnce)
    read_only = getattr(atlas, "copy", None) is not None  # there is no atlas where only the routes are looked at
    app.add_middleware(templating.ReadOnly, read_only=read_only)
    # The last one added is the first to see a request.
    app.add_middleware(
        BodyLimits,
        upload_bytes=settings.upload_max_bytes,
        streamed=dict.fromkeys(("/add", "/api/uploads"), settings.add_max_bytes),
    )
    if settings.shared:
        app.add_middleware(Visiting, site=app.state.site)
    app.add_middleware(GZipMiddleware, minimum_size=800, compresslevel=5)
    named = urlsplit(settings.site_url).netloc
    hosts = (*settings.allowed_hosts, settings.host, named)
    app.add_middleware(Guard, hosts=hosts, measures=app.state.site.measures)
    app.add_middleware(speaking.Speaking, language=language, otherwise=locales.known(settings.language) or locales.ENGLISH)
    app.add_middleware(Rooted, path=settings.root_path)
    app.add_middleware(Proxied, proxies=settings.trusted_proxies)
    return app


def serve(atlas_path: Path | None, *, host: str, port: int, settings: Settings) -> None:
    """Open an atlas and serve its site until Ctrl-C or SIGTERM.

    Parameters
    ----------
    atlas_path : Path or None
        None takes the one that the settings name.
    host : str
    port : int
        0 takes a free one.
    settings : mirage.settings.Settings

    Raises
    ------
    mirage.errors.BadInput
        When the port is taken or the address is not this machine's.
    mirage.errors.AtlasError
        When the atlas cannot be opened.
    """
    listening = listen(host, port)
    taken: int = listening.getsockname()[1]
    url = address(host, taken)
    with (
        listening,
        _stoppable(),
        Atlas.open(atlas_path or settings.atlas, to_read=settings.read_only) as atlas,
        closing(Jobs(atlas)) as jobs,
    ):
        here = settings.model_copy(update={"host": host, "port": taken})
        app = create_app(atlas, here, jobs_of=jobs)
        logs.begin(settings.log_format)
        if settings.shared:
            search.warm(app.state.site)
        config = uvicorn.Config(until_stopped(app), lifespan="off", **UVICORN)
        atlas.serving(url)
        greet(app.state.site, url)
        try:
            with tidied(app.state.site):
                uvicorn.Server(config).run(sockets=[listening])
        except (KeyboardInterrupt, SystemExit):
            say("Stopping.")


def greet(site: RunningSite, url: str, tell: Callable[[str], object] | None = None) -> None:
    """Say where the site is, and what whoever serves it has to know.

    Parameters
    ----------
    site : RunningSite
    url : str
        Without the path at which it begins.
    tell : callable, optional
        Given each line; `say` when left out.
    """
    settings, atlas, tell = site.settings, site.atlas, tell or say
    tell(_("MIRAGE is at %(url)s (stop it with Ctrl-C)", url=f"{url}{settings.root_path}"))
    if atlas.copy is not None:
        tell(
            _("%(folder)s is read only: what is there is found, and nothing in it can be changed here.", folder=atlas.folder)
        )
    if settings.shared:
        _say_shared(site, url + settings.root_path, tell)
    if settings.host not in _LOOPBACK:
        tell(_("It answers to these names only: %(names)s (setting allowed_hosts)", names=", ".join(settings.allowed_hosts)))


def _say_shared(site: RunningSite, url: str, tell: Callable[[str], object]) -> None:
    """Say what a shared site still needs: its first owner, or an address that it can be reached at safely."""
    networks(site.settings.trusted_proxies)  # which refuses what is no address
    if token := site.people.invitations.first():
        tell(_("Nobody owns this site yet. Who opens this link first does; it works once, within a day:"))
        tell(f"  {site.settings.site_url.rstrip('/') or url}/invited/{token}")
    if site.settings.insecure:
        tell(_("People may sign in over http here (--insecure): others on the network can read along, and sign in as them."))
    elif not (site.settings.host in _LOOPBACK or site.settings.site_url or site.settings.trusted_proxies):
        tell(
            _(
                "Signing in works on this machine only. From others it needs HTTPS, and the setting site_url: "
                "docs/classes.md."
            )
        )


@contextmanager
def tidied(site: RunningSite) -> Iterator[None]:
    """Be a shared site where it is one, and keep the times that things are kept for, also while nobody asks."""
    stopped, settings = threading.Event(), site.settings

    def work() -> None:
        while True:
            with suppress(MirageError):  # a disk that is full, or a server that is gone, may be back in an hour
                site.people.tidy(settings.session_days, settings.audit_days, always=True)
                for person in site.people.persons.gone():  # what another server was doing for them meanwhile
                    clear(site, person)
            if stopped.wait(_TIDY_SECONDS):
                return

    if not settings.shared:
        yield
        return
    worker = threading.Thread(target=work, name="retention", daemon=True)
    worker.start()
    try:
        with sharing():
            yield
    finally:
        stopped.set()
        worker.join(_PATIENCE)
        site.people.close()


def address(host: str, port: int) -> str:
    """The site's address as a person would open it.

    Parameters
    ----------
    host : str
    port : int
    """
    name = "localhost" if host in (*_EVERYWHERE, *_LOOPBACK) else host
    return f"http://{f'[{name}]' if ':' in name else name}:{port}"


def listen(host: str, port: int) -> socket.socket:
    """Take the port.

    Parameters
    ----------
    host : str
    port : int
        0 takes a free one.

    Raises
    ------
    mirage.errors.BadInput
        When it is taken, not allowed, or the address is not this machine's; says what to do.
    """
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, where = found[0]
        both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
        listening = socket.create_server(where[:2], family=family, backlog=128, dualstack_ipv6=both)
        # asyncio does this only for sockets that name their protocol. Without it the second packet of each answer waits for
        # the first to be acknowledged, 40 ms on Linux. Connections take it over from here.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except OSError as error:
        raise BadInput(_why_not(error, host, port)) from None


def _why_not(error: OSError, host: str, port: int) -> str:
    other = _("--port 8001, or --port 0 for any that is free")
    if error.errno == errno.EADDRINUSE:
        url = address(host, port)
        if _is_mirage(url):
            return _(
                "Port %(port)s is taken by another MIRAGE. Open %(url)s, or stop it, or use %(other)s.",
                port=port,
                url=url,
                other=other,
            )
        return _(
            "Port %(port)s is taken by another program. Stop that one, or use another port: %(other)s.",
            port=port,
            other=other,
        )
    if error.errno == errno.EACCES:
        return _(
            "This user may not take port %(port)s; ports below 1024 are reserved. Use %(other)s.", port=port, other=other
        )
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return _("%(host)s is no address of this machine. Use 127.0.0.1 or leave it out.", host=repr(host))
    return _(
        "Port %(port)s cannot be used: %(error)s. Use %(other)s.", port=port, error=error.strerror or error, other=other
    )


def _is_mirage(url: str) -> bool:
    try:
        answer = httpx.get(f"{url}/api/atlas", timeout=_PATIENCE, trust_env=False)
        told = answer.json()
        return "encoder" in told or told.get("instance") == "/api/atlas"  # one whose people sign in says only that
    except (httpx.HTTPError, ValueError):
        return False


@contextmanager
def _stoppable() -> Iterator[None]:
    """Turn SIGTERM into an ordinary exit, so that the atlas is closed as with Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(_signal: int, _frame: object) -> None:
        raise SystemExit(0)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def say(words: str) -> None:
    """Print a line for whoever serves."""
    sys.stdout.write(words + "\n")
    sys.stdout.flush()
