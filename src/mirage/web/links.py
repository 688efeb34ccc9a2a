"""Addresses on this site. Ids hold colons and may hold slashes and dots; only this module quotes them."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from mirage.compare.dual import Dual
from mirage.errors import BadQuery
from mirage.query import Query


def _quoted(identifier: str) -> str:
    return quote(identifier, safe=":")


def figure(figure_id: str) -> str:
    """Page of a figure."""
    return f"/figure/{_quoted(figure_id)}"


def case(case_id: str) -> str:
    """Page of a case."""
    return f"/case/{_quoted(case_id)}"


def figure_json(figure_id: str) -> str:
    """JSON twin of a figure's page."""
    return f"/api/figures/{_quoted(figure_id)}"


def case_json(case_id: str) -> str:
    """JSON twin of a case's page."""
    return f"/api/cases/{_quoted(case_id)}"


def picture(figure_id: str, version: str) -> str:
    """The stored picture.

    Parameters
    ----------
    figure_id : str
    version : str
        Names the picture's content, so that a browser may keep it for good.
    """
    return f"/api/pictures/{_quoted(figure_id)}?v={_quoted(version[:20])}"


def thumbnail(figure_id: str, version: str) -> str:
    """The small picture, at most 320 pixels wide or high.

    Parameters
    ----------
    figure_id : str
    version : str
        Names the picture's content, so that a browser may keep it for good.
    """
    return f"/api/thumbnails/{_quoted(figure_id)}?v={_quoted(version[:20])}"


def similar(figure_id: str) -> str:
    """Search page for the like of a figure."""
    return "/search?" + urlencode({"like": figure_id})


def search(query: Query) -> str:
    """Search page of a query; empty when a dropped picture is in it, for that never becomes an address."""
    return "" if query.has_picture else f"/search?{query.print()}"


def explain(query: Query, *, stream: bool = False) -> str:
    """Page that explains what a query finds; without the query where a picture is in it.

    Parameters
    ----------
    query : mirage.query.Query
    stream : bool
        Whether the stream of the page's pieces is meant.
    """
    path = "/explain/stream" if stream else "/explain"
    return path if query.has_picture else f"{path}?{query.print()}"


def job(job_id: str) -> str:
    """Page of a job."""
    return f"/jobs/{_quoted(job_id)}"


def synthetic(image_id: str) -> str:
    """Page of a synthetic image."""
    return f"/synthetic/{_quoted(image_id)}"


def synthetic_image(image_id: str, format: str = "") -> str:
    """A synthetic image, marked.

    Parameters
    ----------
    image_id : str
    format : str
        Of a file to keep; empty for the image to look at.
    """
    return f"/api/synthetic/{_quoted(image_id)}/image" + (f"?format={format}" if format else "")


def preview(job_id: str, step: int) -> str:
    """The image that a job draws, as far as it has come.

    Parameters
    ----------
    job_id : str
    step : int
        Keeps addresses apart.
    """
    return f"/api/jobs/{_quoted(job_id)}/preview?step={step}"


def generating(job_id: str) -> str:
    """Page of a job that makes a synthetic image."""
    return f"/generate/{_quoted(job_id)}"


def compare(dual: Dual, path: str = "/compare") -> str:
    """Address of a comparison, or of a part of its page; without the queries where a picture is in one.

    Parameters
    ----------
    dual : mirage.compare.dual.Dual
    path : str
    """
    return path if dual.has_picture else f"{path}?{dual.print()}"


def comparing(query: Query) -> dict[str, str]:
    """From a page of results: where to say what to compare it with, and its comparison with the unmodified query."""
    if query.has_picture:
        return {"compare_url": "", "unmodified_url": ""}
    given = urlencode([(f"a.{name}", value) for name, value in query.pairs()])
    try:
        dual = Dual.modify(query)
    except BadQuery:
        return {"compare_url": f"/compare?{given}", "unmodified_url": ""}
    return {"compare_url": f"/compare?{given}", "unmodified_url": compare(dual) if dual.changes else ""}


def generate(query: Query | None, **choices: str) -> str:
    """Page that makes a synthetic image, its form filled in.

    Parameters
    ----------
    query : mirage.query.Query or None
    **choices
        Other fields of the form; empty ones are left out.
    """
    pairs = (query.pairs() if query else []) + [(name, value) for name, value in choices.items() if value]
    return "/generate" + (f"?{urlencode(pairs)}" if pairs else "")
