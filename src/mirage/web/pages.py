"""The pages a student reads. Each works without JavaScript."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import anyio.to_thread
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mirage.errors import MirageError, NotFound
from mirage.explain import explainers
from mirage.query import DEFAULT_K, MAX_K, Query
from mirage.web import assets, comparing, drawing, fields, generate_views, links, schemas, uploads, views
from mirage.web.drawing import Drawn
from mirage.web.examples import examples_of
from mirage.web.forms import search_form
from mirage.web.site import Site, site_of
from mirage.web.templating import render

SIMILAR = 12
# An address longer than this is cut by some browsers and proxies; the form posts it instead.
MOST_ADDRESS = 6_000

# Counting a large atlas takes longer than searching it; pages may say what it held a moment ago.
_MOMENT = 2.0

router = APIRouter(include_in_schema=False)


def held(site: Site) -> schemas.AtlasView:
    """What the atlas holds, as of now or a moment ago."""
    now = time.monotonic()
    if site.held is None or now - site.held[0] > _MOMENT:
        site.held = (now, views.atlas_page(site.atlas))
    return site.held[1]


@router.get("/")
async def home(request: Request) -> Response:
    """Start: the search box, a place for a picture, and examples that work on the atlas that is open."""
    if request.url.query:
        return RedirectResponse(f"/search?{request.url.query}", 307)
    site = site_of(request)
    return HTMLResponse(await anyio.to_thread.run_sync(_home, site))


def _home(site: Site) -> str:
    return render(
        "home.html",
        atlas=held(site),
        examples=examples_of(site.atlas, held(site).figures),
        form=search_form(None),
    )


@router.get("/search")
async def search(request: Request) -> Response:
    """Results of a query that stands in the address."""
    query = await from_address(request, fields.tidied(request.query_params.multi_items()))
    return await results(request, query) if isinstance(query, Query) else query


@router.post("/search")
async def search_by_post(request: Request) -> Response:
    """Results of a query with a dropped picture: the picture itself, or its embedding in a field."""
    query = await from_form(request)
    return await results(request, query) if isinstance(query, Query) else query


async def from_address(request: Request, pairs: fields.Pairs) -> Query | Response:
    """The query that stands in the address, or where to go instead."""
    if fields.is_blank(pairs):
        return RedirectResponse("/", 303)
    try:
        query = fields.query_of(pairs, in_address=True)
    except MirageError as error:
        return await refused(request, pairs, error)
    raw = request.query_params.multi_items()
    beside = [pair for pair in raw if pair[0] == "explainer" and pair not in pairs]
    if [pair for pair in raw if pair not in beside] != pairs:
        # A plain form sends empty fields and weights apart; the address bar gets the short form.
        return RedirectResponse(f"{request.url.path}?{urlencode(pairs + beside)}", 303)
    return query


async def from_form(request: Request) -> Query | Response:
    """The query that a form posts, or where to go instead: without a picture it gets an address."""
    site = site_of(request)
    pairs: fields.Pairs = []
    try:
        form = await uploads.read_form(request, site)
        texts = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
        pairs = fields.tidied(pair for pair in texts if pair[0] != "file")
        if form.get("file") is not None and (fields.is_blank(pairs) or has_file(form.get("file"))):
            embedded = await uploads.embed(form, site)
            request.state.synthetic = embedded.synthetic
            pairs.append(("picture", embedded.picture))
        query = fields.query_of(pairs, in_address=False)
    except MirageError as error:
        return await refused(request, pairs, error)
    if not query.has_picture and len(query.print()) < MOST_ADDRESS:
        return RedirectResponse(f"{request.url.path}?{query.print()}", 303)
    return query


def has_file(given: Any) -> bool:
    """Whether a form's file field holds something."""
    return bool(given.strip()) if isinstance(given, str) else bool(given.filename or given.size)


async def results(request: Request, query: Query, explained: Drawn | None = None) -> Response:
    """The results page; `explained` is the explanation where it is there already."""
    site = site_of(request)
    synthetic = getattr(request.state, "synthetic", "")
    try:
        return HTMLResponse(await anyio.to_thread.run_sync(_results_page, site, query, explained, synthetic))
    except NotFound as error:
        return await refused(request, [], error)
    except MirageError as error:
        return await refused(request, [pair for pair in query.pairs() if pair[0] != "picture"], error)


def _results_page(site: Site, query: Query, explained: Drawn | None, synthetic: str) -> str:
    view = views.search_page(site.atlas, query)
    facets = views.facets_page(site.atlas, query, {}).facets
    atlas = held(site)
    next_k = min(query.k + DEFAULT_K, MAX_K)
    more = len(view.hits) >= query.k and next_k > query.k
    return render(
        "results.html",
        synthetic_warning=synthetic,
        view=view,
        atlas=atlas,
        facets=facets,
        form=search_form(query),
        likes=_likes(site, query),
        next_k=next_k if more else 0,
        more_url=links.search(replace(query, k=next_k)) if more else "",
        unfiltered_url=links.search(query.with_filters({})),
        offer_medpix=not any(corpus.name == "medpix" for corpus in atlas.corpora),
        explained=explained if view.fits else drawing.nothing(),
        explain_stream=links.explain(query, stream=True),
        explain_url="" if query.has_picture else links.explain(query),
        costly=site.explainer != explainers.DEFAULT,
        making=generate_views.making(site, query),
        **comparing.entries(query),
    )


def _likes(site: Site, query: Query) -> dict[str, schemas.FigureView]:
    """The figures that a query wants the like of, to show them beside the words."""
    return {term.figure: views.figure_page(site.atlas, term.figure) for term in query.terms if term.figure}


async def refused(request: Request, pairs: fields.Pairs, error: MirageError) -> Response:
    """The start page with what was typed still in the box, and what is wrong with it."""
    site = site_of(request)
    words = next((value for name, value in pairs if name == "q"), "")

    def page() -> str:
        return render(
            "home.html",
            atlas=held(site),
            examples=examples_of(site.atlas, held(site).figures),
            form=search_form(None, words=words[:2000]),
            problem=str(error),
        )

    return HTMLResponse(await anyio.to_thread.run_sync(page), error.status)


@router.get("/figure/{figure_id:path}")
async def figure(request: Request, figure_id: str) -> Response:
    """A figure: the picture large, all its words, source and licence, and others like it."""
    site = site_of(request)

    def page() -> str:
        view = views.figure_page(site.atlas, figure_id)
        like = views.search_page(site.atlas, Query.of(like=[figure_id], k=SIMILAR))
        case = views.case_page(site.atlas, view.case_id) if view.case_id else None
        begin = generate_views.beginning_with(site, view)
        return render("figure.html", figure=view, like=like, case=case, begin_url=begin, form=search_form(None))

    return HTMLResponse(await anyio.to_thread.run_sync(page))


@router.get("/case/{case_id:path}")
async def case(request: Request, case_id: str, answer: str = "shown") -> Response:
    """A case, from history to discussion; ``?answer=hidden`` lets the reader think first."""
    site = site_of(request)
    view = await anyio.to_thread.run_sync(views.case_page, site.atlas, case_id)
    return HTMLResponse(render("case.html", case=view, hidden=answer == "hidden", form=search_form(None)))


@router.get("/about")
async def about(request: Request) -> Response:
    """Help: how to search, what the labels mean, keys, licences; that this teaches and does not diagnose."""
    site = site_of(request)
    atlas = await anyio.to_thread.run_sync(views.atlas_page, site.atlas)
    return HTMLResponse(render("about.html", atlas=atlas, form=search_form(None)))


@router.get("/api")
async def api(request: Request) -> Response:
    """The HTTP API in words, made from its OpenAPI description."""
    described = request.app.openapi()
    operations = [
        {"method": method.upper(), "path": path, **operation}
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]
    return HTMLResponse(render("api.html", operations=operations, form=search_form(None)))


@router.get("/static/{version}/{name}")
async def static(version: str, name: str) -> Response:
    """Style sheets and scripts."""
    return await assets.static(version, name)


@router.get("/favicon.ico")
async def favicon() -> Response:
    """Browsers ask for it whatever the page says."""
    return RedirectResponse(assets.address("icon.svg"), 301)


@router.get("/robots.txt")
async def robots() -> Response:
    """Nothing here is for crawlers."""
    return Response("User-agent: *\nDisallow: /\n", media_type="text/plain")
