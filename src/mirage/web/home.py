"""The start page with its examples, and the help."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from mirage.web import links
from mirage.web.forms import SearchForm
from mirage.web.site import RunningSite, site_of
from mirage.web.templating import page
from mirage.web.views.figures import FigureView
from mirage.web.views.search import answer_view

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class SearchExample:
    """A query that works here, in words, with its address and what it finds first."""

    words: str
    url: str
    figure: FigureView


def _examples(site: RunningSite) -> list[SearchExample]:
    found: list[SearchExample] = []
    for query in site.atlas.examples(6):
        view = answer_view(site.atlas.search(query))
        if view.fits and view.hits:
            found.append(SearchExample(query.text, links.search(query), view.hits[0].figure))
    return found


def start_page(site: RunningSite, *, words: str = "", problem: str = "", status: int = 200) -> Response:
    """Show the search box, a place for a picture, and examples that work on the atlas that is open.

    Parameters
    ----------
    site : RunningSite
    words : str
        What was typed.
    problem : str
        What is wrong with it.
    status : int
        Of HTTP.
    """
    atlas = site.holds()
    examples = site.kept("examples", atlas.figures, lambda: _examples(site))
    form = SearchForm(words=words[:2000])
    return page("home.html", status, atlas=atlas, examples=examples, form=form, problem=problem)


@router.get("/")
def home(request: Request) -> Response:
    """Start."""
    if request.url.query:
        return RedirectResponse(f"/search?{request.url.query}", 307)
    return start_page(site_of(request))


@router.get("/about")
def about(request: Request) -> Response:
    """Help: how to search, what the labels mean, keys, licences; that this teaches and does not diagnose."""
    return page("about.html", atlas=site_of(request).holds())


@router.get("/api")
def api(request: Request) -> Response:
    """Show the HTTP API in words, made from its OpenAPI description."""
    operations = [
        {"method": method.upper(), "path": path, **operation}
        for path, methods in request.app.openapi()["paths"].items()
        for method, operation in methods.items()
    ]
    return page("api.html", operations=operations)
