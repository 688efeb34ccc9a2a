"""Errors for people: a friendly page, or RFC 9457 problem details under ``/api``, never a traceback."""

from __future__ import annotations

import logging
import secrets
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from mirage.errors import MirageError
from mirage.web.templating import page
from mirage.web.views.figures import Problem

log = logging.getLogger("mirage.web")

RETRY_AFTER = "10"
"""Seconds after which somebody who was turned away may ask again."""
TITLES = {
    400: "That cannot be answered as it stands",
    403: "Refused",
    404: "Not here",
    405: "Not that way",
    408: "That took too long",
    409: "Somebody else is using it",
    410: "No longer here",
    413: "Too large",
    415: "Not a kind that is taken",
    422: "That cannot be read",
    429: "Too many at once",
    500: "Something broke on our side",
    503: "Not available now",
}


def problem_of(path: str, status: int, detail: str) -> Problem:
    """Make problem details.

    Parameters
    ----------
    path : str
        What was asked for.
    status : int
        Of HTTP.
    detail : str
        What went wrong, in words for a person.
    """
    return Problem(title=TITLES.get(status) or HTTPStatus(status).phrase, status=status, detail=detail, instance=path)


def defect(method: str, path: str) -> str:
    """Log the exception in hand under a number, and say that number to the person.

    Parameters
    ----------
    method, path : str
        Of the request.
    """
    number = secrets.token_hex(4)
    log.exception("error %s at %s %s", number, method, path)
    return f"A defect of the program, not of what you did. The log of the site has it as error {number}."


def answer(request: Request, status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """Answer with an error as the asker wants it: JSON under ``/api`` and for a script that reads events, else a page.

    Parameters
    ----------
    request : Request
    status : int
    detail : str
    headers : dict, optional
    """
    problem = problem_of(request.url.path, status, detail)
    if request.url.path.startswith("/api/") or request.headers.get("accept") == "text/event-stream":
        return Response(problem.model_dump_json(), status, headers, "application/problem+json")
    shown = page("problem.html", status, problem=problem)
    shown.headers.update(headers or {})
    return shown


async def _answered(request: Request, error: Exception) -> Response:
    match error:
        case MirageError():
            later = {"Retry-After": RETRY_AFTER} if error.status == HTTPStatus.TOO_MANY_REQUESTS else None
            return answer(request, error.status, str(error), later)
        case RequestValidationError():
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"] if part != "body")
            return answer(request, 422, f"The request cannot be read: {where + ': ' if where else ''}{first['msg']}.")
    assert isinstance(error, HTTPException)
    detail = str(error.detail)
    if error.status_code == HTTPStatus.NOT_FOUND:
        detail = "There is no such page. Start again from the search page."
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"This address does not take {request.method}."
    return answer(request, error.status_code, detail, dict(error.headers or {}))


def install(app: FastAPI) -> None:
    """Answer every error that a route raises."""
    for kind in (MirageError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _answered)
