"""Errors for people: a friendly page, or RFC 9457 problem details under ``/api``, never a traceback."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from mirage.errors import MirageError, said_of
from mirage.web.forms import with_query
from mirage.web.root import at
from mirage.web.templating import again_after, page
from mirage.web.views.figures import Problem
from mirage.wording import N_, Words, _

log = logging.getLogger("mirage.web")

TITLES = Words(
    {
        400: N_("That cannot be answered as it stands"),
        401: N_("Sign in first"),
        403: N_("Refused"),
        404: N_("Not here"),
        405: N_("Not that way"),
        408: N_("That took too long"),
        409: N_("Somebody else is using it"),
        410: N_("No longer here"),
        413: N_("Too large"),
        415: N_("Not a kind that is taken"),
        422: N_("That cannot be read"),
        429: N_("Too many at once"),
        500: N_("Something broke on our side"),
        503: N_("Not available now"),
    }
)


def problem_of(path: str, status: int, detail: str, title: str = "") -> Problem:
    """Make problem details.

    Parameters
    ----------
    path : str
        What was asked for.
    status : int
        Of HTTP.
    detail : str
        What went wrong, in words for a person.
    title : str
        What to call it, where that does not follow from the status.
    """
    return Problem(
        title=(title and _(title)) or TITLES.get(status) or HTTPStatus(status).phrase,
        status=status,
        detail=detail.encode("utf-8", "replace").decode(),  # a name of a file need not be text
        instance=path,
    )


def defect(method: str, path: str) -> str:
    """Log the exception in hand under a number, and say that number to the person.

    Parameters
    ----------
    method, path : str
        Of the request.
    """
    number = secrets.token_hex(4)
    log.exception("error %s at %s %s", number, method, path)
    return _("A defect of the program, not of what you did. The log of the site has it as error %(number)s.", number=number)


def answer(request: Request, status: int, detail: str, headers: dict[str, str] | None = None, title: str = "") -> Response:
    """Answer with an error as the asker wants it: JSON under ``/api`` and for a script that reads events, else a page.

    Parameters
    ----------
    request : Request
    status : int
    detail : str
    headers : dict, optional
    title : str
        As for `problem_of`.
    """
    problem = problem_of(request.url.path, status, detail, title)
    if _wants_no_page(request):
        return Response(problem.model_dump_json(), status, headers, "application/problem+json")
    shown = page("problem.html", status, problem=problem)
    shown.headers.update(headers or {})
    return shown


def refused(request: Request, error: MirageError) -> Response:
    """Answer with an expected failure; who has to sign in is led to where that is done, and back.

    Parameters
    ----------
    request : Request
    error : MirageError
    """
    if error.status == HTTPStatus.UNAUTHORIZED and not _wants_no_page(request):
        there = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
        return RedirectResponse(with_query(at("/sign-in"), {"next": there} if request.method == "GET" else {}), 303)
    headers = again_after(error)
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Cookie"
    return answer(request, error.status, str(error), headers, error.title)


def _wants_no_page(request: Request) -> bool:
    return request.url.path.startswith("/api/") or request.headers.get("accept") == "text/event-stream"


async def _answered(request: Request, error: Exception) -> Response:
    match error:
        case MirageError():
            return refused(request, error)
        case RequestValidationError():
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"] if part != "body")
            why = f"{where + ': ' if where else ''}{said_of(first)}"
            return answer(request, 422, _("The request cannot be read: %(why)s.", why=why))
    assert isinstance(error, HTTPException)
    detail = str(error.detail)
    if error.status_code == HTTPStatus.NOT_FOUND:
        detail = _("There is no such page. Start again from the search page.")
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        detail = _("This address does not take %(method)s.", method=request.method)
        return answer(request, error.status_code, detail, {"Allow": ", ".join(_taken(request))})
    return answer(request, error.status_code, detail, dict(error.headers or {}))


def _taken(request: Request) -> list[str]:
    """What an address takes; who raised the error knows of one of its routes only."""
    path = getattr(request.scope.get("route"), "path", "")
    return sorted({method for route in _routes(request.app.routes) if route.path == path for method in route.methods or ()})


def _routes(routes: Iterable[Any]) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        else:
            yield from _routes(getattr(getattr(route, "original_router", None), "routes", ()))


def install(app: FastAPI) -> None:
    """Answer every error that a route raises."""
    for kind in (MirageError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _answered)
