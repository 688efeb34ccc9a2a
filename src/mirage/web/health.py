"""For whoever runs a site: whether it lives, whether it can answer, and what it does, in numbers that name nobody."""

from __future__ import annotations

import logging

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mirage.errors import MirageError, NotFound
from mirage.people.roles import NOBODY
from mirage.people.visitor import visitor
from mirage.web.rights import wants
from mirage.web.site import RunningSite, Site
from mirage.wording import _

_AS_IT_COMES = ("/stream", "/events")

router = APIRouter(include_in_schema=False, dependencies=[wants("enter")])


@router.get("/healthz")
async def healthz() -> Response:
    """Tell that the process lives and answers."""
    return PlainTextResponse("Alive.")


@router.get("/readyz")
def readyz(site: Site) -> Response:
    """Tell whether the atlas is open, its records can be read and its index answers."""
    if why := not_ready(site):
        if visitor().role == NOBODY:  # whoever looks in from outside is not told where things lie
            logging.getLogger(__name__).warning("not ready: %s", why)
            why = _("Not ready. The log of the site says why.")
        return PlainTextResponse(why, 503)
    return PlainTextResponse(_("Ready: the atlas is open, its records can be read and its index answers."))


def not_ready(site: RunningSite) -> str:
    """Say why nothing can be answered now; empty where all can.

    Parameters
    ----------
    site : RunningSite
    """
    what = _("The records of the atlas cannot be read")
    try:
        site.atlas.store.note("stamp")
        what = _("The index of the atlas does not answer")
        with site.atlas.snapshot() as now:
            now.index.facets({})
    except MirageError as error:
        return f"{what}: {error}"
    except Exception as error:  # of a database's or an index's own library
        return f"{what} ({type(error).__name__})."
    return ""


@router.get("/metrics")
def metrics(site: Site) -> Response:
    """Give the numbers in the format of Prometheus, where the setting ``metrics`` says so."""
    if site.measures is None:
        raise NotFound(_("This site gives no numbers out. The setting metrics changes that."))
    jobs = site.given_jobs.states() if site.given_jobs else {}
    return Response(
        site.measures.written(site.tellings.turns, site.cache, jobs), media_type="text/plain; version=0.0.4; charset=utf-8"
    )


class HeadAsGet:
    """Answers HEAD as GET is answered, without the body: watchers, and programs that check links, ask so.

    What is written as it comes is left out: it would be made for nobody.

    Parameters
    ----------
    app : ASGI application
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD" or scope["path"].endswith(_AS_IT_COMES):
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, sending)
