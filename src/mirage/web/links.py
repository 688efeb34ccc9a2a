"""Addresses on this site. Ids hold colons and may hold slashes and dots; only this module quotes them."""

from __future__ import annotations

from urllib.parse import quote, urlencode

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
    """The stored picture. `version` names its content, so that a browser may keep it for good."""
    return f"/api/pictures/{_quoted(figure_id)}?v={_quoted(version[:20])}"


def thumbnail(figure_id: str, version: str) -> str:
    """The small picture, at most 320 pixels wide or high."""
    return f"/api/thumbnails/{_quoted(figure_id)}?v={_quoted(version[:20])}"


def similar(figure_id: str) -> str:
    """Search page for the like of a figure."""
    return "/search?" + urlencode({"like": figure_id})


def search(query: Query) -> str:
    """Search page of a query; empty when a dropped picture is in it, for that never becomes an address."""
    return "" if query.has_picture else f"/search?{query.print()}"


def explain(query: Query, *, stream: bool = False) -> str:
    """Page that explains what a query finds, or the stream of its pieces; without the query where a picture is in it."""
    path = "/explain/stream" if stream else "/explain"
    return path if query.has_picture else f"{path}?{query.print()}"


def job(job_id: str) -> str:
    """Page of a job."""
    return f"/jobs/{_quoted(job_id)}"


def synthetic(image_id: str) -> str:
    """Page of a synthetic image."""
    return f"/synthetic/{_quoted(image_id)}"


def synthetic_image(image_id: str, format: str = "") -> str:
    """A synthetic image to look at, or as a file in some format; marked either way."""
    return f"/api/synthetic/{_quoted(image_id)}/image" + (f"?format={format}" if format else "")


def preview(job_id: str, step: int) -> str:
    """The image that a job draws, as far as it has come."""
    return f"/api/jobs/{_quoted(job_id)}/preview?step={step}"


def generating(job_id: str) -> str:
    """Page of a job that makes a synthetic image."""
    return f"/generate/{_quoted(job_id)}"
