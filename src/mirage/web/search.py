"""Searching: the start page and the help, the page of results, its JSON twin, the counts beside it, dropped pictures."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from mirage.errors import BadPicture, BadQuery, MirageError
from mirage.query import DEFAULT_K, FILTERS, MAX_K, Query
from mirage.search.answer import Answer
from mirage.web import explain, forms, generate, openapi, uploads
from mirage.web.corpora import addable, cards
from mirage.web.explain import DrawnExplanation
from mirage.web.forms import Pairs, tidied
from mirage.web.openapi import PROBLEM, sent
from mirage.web.rights import wants
from mirage.web.root import at
from mirage.web.site import RunningSite, Site, site_of
from mirage.web.templating import page, render
from mirage.web.views.corpora import AddableView, spoken_view
from mirage.web.views.figures import CorpusView, FacetsView, figure_in
from mirage.web.views.search import EmbeddingView, QueryBody, SearchView, answer_view
from mirage.wording import _

twins = APIRouter(prefix="/api", responses=PROBLEM, dependencies=[wants("search")])
router = APIRouter(include_in_schema=False, dependencies=[wants("search")])


# -- the API -----------------------------------------------------------------------------------------------------------


@twins.get("/search", response_model=SearchView, openapi_extra={"parameters": openapi.SEARCH}, responses=openapi.KEPT)
async def search(request: Request) -> Response:
    """Find figures by words, by figures they resemble, and by filters."""
    query = forms.read(Query, tidied(request.query_params.multi_items()), in_address=True)
    site = site_of(request)
    return await site.json(request, "search", query, lambda: sent(answer_view(site.search(query))))


@twins.post("/search", response_model=SearchView)
async def search_by_post(site: Site, body: QueryBody) -> Response:
    """Find figures by a query that may hold a dropped picture, as the embedding that `/api/embed` gave."""
    query = body.query()
    return await site.found(query, lambda: sent(answer_view(site.search(query))))


@twins.get("/facets", response_model=FacetsView, openapi_extra={"parameters": openapi.FACETS})
async def facets(request: Request) -> Response:
    """Count figures by modality, plane, region, corpus and licence, within what a query finds or under filters alone."""
    site, pairs = site_of(request), tidied(request.query_params.multi_items())
    if not forms.is_blank(pairs):
        query = forms.read(Query, pairs, in_address=True)
        found = await site.found(query, lambda: site.answers.facets(site.search(query)), counted=True)
        return sent(FacetsView(facets=found.counts, among=found.among))
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        if name not in FILTERS:
            raise BadQuery(
                _(
                    "There is no filter named %(name)s. Filters are: %(filters)s.",
                    name=repr(name),
                    filters=", ".join(FILTERS),
                )
            )
        given.setdefault(name, []).append(value)
    return sent(FacetsView(facets=await run_sync(site.atlas.facets, given), among="all"))


@twins.post("/embed", response_model=EmbeddingView, openapi_extra=openapi.TAKES_PICTURE)
async def embed(request: Request) -> Response:
    """Turn a dropped picture into its embedding. The picture is kept nowhere; an address is not fetched."""
    form = await uploads.read_form(request)
    if not form:
        raise BadPicture(_("No picture came with the form. Choose a file first."))
    return sent(await uploads.embed(form, site_of(request)))


# -- the page ----------------------------------------------------------------------------------------------------------


@router.api_route("/search", methods=["GET", "POST"])
async def results_page(request: Request) -> Response:
    """Show what a query finds."""
    asked = await query_asked(request)
    if isinstance(asked, Query) and (drawn := await run_sync(_kept, request, asked)):
        return drawn
    return await explain.on_page(request, asked, start_page, results)


def _kept(request: Request, query: Query) -> Response | None:
    """Show what is kept of a page of results, without finding anything anew; None where nothing is."""
    site = site_of(request)
    key = _key(site, query)
    if query.has_picture or not site.answers.has_piece(key):
        return None
    return _shown(query, site.answers.piece(key, site.token, lambda: _results(site, site.search(query), None, "")))


def _key(site: RunningSite, query: Query) -> Hashable:
    return "results", query.print(), site.sees, site.generator()[1]  # why nobody draws, which may change by itself


def _shown(query: Query, body: str) -> Response:
    return page("results.html", form=forms.SearchForm.of(query), hits='id="hit-1"' in body, body=body)


async def query_asked(request: Request) -> Query | Response:
    """Read the query that stands in the address or that a form posts, or say where to go instead."""
    return await uploads.asked(request, Query, start_page, lambda pairs, _: forms.is_blank(pairs))


@router.api_route("/explain", methods=["GET", "POST"])
async def explain_page(request: Request) -> Response:
    """Show the results with the whole explanation beside them, for browsers without scripts."""
    return await explain.on_page(request, await query_asked(request), start_page, results, "")


@router.api_route("/explain/stream", methods=["GET", "POST"])
async def explain_pieces(request: Request) -> Response:
    """Send the explanation in pieces of HTML, for the page's script."""
    return await explain.in_pieces(request, Query)


def results(request: Request, answer: Answer, explained: DrawnExplanation | None = None) -> Response:
    """Show what a query found.

    Parameters
    ----------
    request : Request
    answer : mirage.search.answer.Answer
    explained : DrawnExplanation, optional
        The explanation, where it is there already.
    """
    site, query = site_of(request), answer.query

    def body() -> str:
        return _results(site, answer, explained, getattr(request.state, "synthetic", ""))

    kept = explained is None and not query.has_picture
    return _shown(query, site.answers.piece(_key(site, query), site.token, body) if kept else body())


def _results(site: RunningSite, answer: Answer, explained: DrawnExplanation | None, synthetic_warning: str) -> str:
    """Draw what a query found."""
    query, view = answer.query, answer_view(answer)
    atlas = site.holds()
    found = site.answers.facets(answer)
    # A corpus that can be had by a click and is not there yet, for somebody who finds nothing.
    held = {corpus.name for corpus in atlas.corpora}
    offered = [] if view.fits else _offered(site)
    next_k = min(query.k + DEFAULT_K, MAX_K)
    more = len(view.hits) >= query.k and next_k > query.k
    fitting = {hit.rank for hit in view.hits if hit.confidence != "weak"}
    fits = [group for group in view.groups if any(figure.rank in fitting for figure in group.figures)]
    return render(
        "results_body.html",
        groups=[[view.hits[figure.rank - 1] for figure in group.figures] for group in view.groups],
        fitting=len(fitting),
        cases=sum(bool(group.case_id) for group in fits),
        alone=sum(not group.case_id for group in fits),
        synthetic_warning=synthetic_warning,
        view=view,
        atlas=atlas,
        facets=found.counts,
        among=found.among,
        form=forms.SearchForm.of(query),
        # The figures that a query wants the like of stand beside its words.
        likes={term.figure: figure_in(site.atlas, term.figure) for term in query.terms if term.figure},
        next_k=next_k if more else 0,
        more_url=forms.search_address(replace(query, k=next_k)) if more else "",
        withdrawn_url=forms.search_address(replace(query, withdrawn=True)),
        standing_url=forms.search_address(replace(query, withdrawn=False)),
        unfiltered_url=forms.search_address(query.with_filters({})),
        offer=next((each for each in offered if each.downloads and not each.live and each.name not in held), None),
        sources=[each for each in offered if each.live],
        sought=" ".join(term.text for term in query.terms if term.text and term.weight > 0),
        token=site.token,
        takes_files=site.takes_files,
        explained=explained if view.fits else explain.nothing(),
        explain_stream=forms.explain_address(query, stream=True),
        explain_url="" if query.has_picture else forms.explain_address(query),
        costly=site.costly,
        making=generate.offer(site, query),
        **forms.comparing(replace(query, withdrawn=False)),
    )


def _offered(site: RunningSite) -> list[AddableView]:
    """What can be added, for somebody who finds nothing."""
    return addable(site, site.holds().corpora, site.kept("cards", "", cards))


def warm(site: RunningSite) -> None:
    """Find, draw and explain an example, so that the first of many does not wait while models and words are read."""
    with suppress(MirageError):
        _offered(site)
        for query in site.atlas.examples(1):
            answer = site.search(query)
            _results(site, answer, None, "")
            if not site.costly:
                deque(site.atlas.explaining(answer, explainer=site.explainer("")), 0)


# -- the start page and the help --------------------------------------------------------------------------------------


def _examples(site: RunningSite) -> list[dict[str, Any]]:
    """Queries that work here, in words, each with its address and what it finds first."""
    found: list[dict[str, Any]] = []
    for query in site.atlas.examples(6):
        view = answer_view(site.search(query))
        if view.fits and view.hits:
            found.append({"words": query.text, "url": forms.search_address(query), "figure": view.hits[0].figure})
    return found


def _shipped(held: list[CorpusView]) -> list[CorpusView]:
    """Those of the corpora that came with this installation."""
    ships = {name for name, card in cards().items() if card.ships}
    return [corpus for corpus in held if corpus.name in ships]


def start_page(request: Request, pairs: Pairs, error: MirageError | None) -> Response:
    """Show the search box, a place for a picture, and examples that work on the atlas that is open.

    Parameters
    ----------
    request : Request
    pairs : list of (str, str)
        What was asked for; its words are still in the box.
    error : mirage.errors.MirageError or None
        What is wrong with it; where nothing is, another address leads here.
    """
    # Reloaded, the page of a dropped picture is asked for without it: the browser keeps the picture, and looks again.
    reloaded = request.url.path == "/search" and not request.url.query
    if error is None and request.url.path != "/" and not reloaded:
        return RedirectResponse(at("/"), 303)
    site = site_of(request)
    atlas = site.holds()
    return page(
        "home.html",
        error,
        atlas=atlas,
        examples=site.kept("examples", site.answers.of, lambda: _examples(site)),
        educators=site.educators(),
        # What somebody did not choose to add says what it is, and of how many people.
        shipped=map(spoken_view, site.kept("shipped", atlas.corpora, lambda: _shipped(atlas.corpora))),
        form=forms.SearchForm(words=forms.first(pairs, "q")[:2000]),
        problem=str(error) if error else "",
    )


@router.get("/")
def home(request: Request) -> Response:
    """Start."""
    if request.url.query:
        return RedirectResponse(at(f"/search?{request.url.query}"), 307)
    return start_page(request, [], None)


@router.get("/about")
def about(site: Site) -> Response:
    """Help: how to search, what the labels mean, keys, licences; that this teaches and does not diagnose."""
    return page("about.html", atlas=site.holds(), educators=site.educators())


@router.get("/api")
def api(request: Request) -> Response:
    """Show the HTTP API in words, made from its OpenAPI description."""
    return page("api.html", paths=request.app.openapi()["paths"])
