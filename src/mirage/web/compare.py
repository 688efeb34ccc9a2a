"""Two queries side by side: the page, what its script asks for, and the JSON twins."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal
from urllib.parse import urlencode

import anyio.to_thread
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mirage.compare.comparison import Comparison
from mirage.compare.dual import Dual, Side
from mirage.errors import MirageError
from mirage.explain import explainers
from mirage.explain.explanation import Explanation
from mirage.search.fusion import Answer
from mirage.web import comparing, fields, generate_views, pages, schemas, streaming, uploads, views
from mirage.web.api import PROBLEM, sent
from mirage.web.comparing import address, comparison_view
from mirage.web.drawing import Drawing, Drawn, drawn, nothing, places_of
from mirage.web.explain import OPTIONS, STREAMED, Asked, answered
from mirage.web.fields import Pairs
from mirage.web.forms import search_form
from mirage.web.schemas.comparing import CompareBody, ComparisonView
from mirage.web.site import Site, site_of
from mirage.web.templating import render

# Cards of a side that are shown at once; the others are a click away.
SHOWN = 12
Whose = Literal["a", "b", ""]
_FIELDS = {
    "a.q": "What A looks for, in words. All names of a search may follow a. and b.",
    "b.q": "What B looks for.",
    "q": "Instead of both: one query, and what B has less and more of.",
    "less": "Less of this: words@weight. May be repeated.",
    "more": "More of this: words@weight. May be repeated.",
}
_PARAMETERS: list[dict[str, Any]] = [
    {"name": name, "in": "query", "required": False, "description": text, "schema": {"type": "string"}}
    for name, text in _FIELDS.items()
]

twins = APIRouter(prefix="/api", responses=PROBLEM)
router = APIRouter(include_in_schema=False)


# -- the API -----------------------------------------------------------------------------------------------------------


@twins.get("/compare", response_model=ComparisonView, openapi_extra={"parameters": _PARAMETERS})
async def compare(request: Request) -> Response:
    """Answer two queries side by side: what both have, what tells them apart, figures to look at together."""
    dual = comparing.dual_of(fields.tidied(request.query_params.multi_items()), in_address=True)
    return sent(comparison_view(await _compared(request, dual)))


@twins.post("/compare", response_model=ComparisonView)
async def compare_by_post(request: Request, body: CompareBody) -> Response:
    """The same for queries that may hold a dropped picture, as the embedding that `/api/embed` gave."""
    return sent(comparison_view(await _compared(request, _dual_in(body))))


@twins.get(
    "/compare/explain",
    response_model=schemas.ExplanationView,
    openapi_extra={"parameters": _PARAMETERS + OPTIONS["parameters"]},
    responses=STREAMED,
)
async def explain_difference(request: Request) -> Response:
    """Explain how two sides differ: sentences with their sources of both, each checked against them."""
    asked = Asked.of(request)
    return await _answered(request, comparing.dual_of(asked.pairs, in_address=True), asked)


@twins.post("/compare/explain", response_model=schemas.ExplanationView, openapi_extra=OPTIONS, responses=STREAMED)
async def explain_difference_by_post(request: Request, body: CompareBody) -> Response:
    """The same for queries that may hold a dropped picture."""
    return await _answered(request, _dual_in(body), Asked.of(request))


def _dual_in(body: CompareBody) -> Dual:
    return Dual.of(views.query_of(body.a), views.query_of(body.b))


async def _compared(request: Request, dual: Dual) -> Comparison:
    return await anyio.to_thread.run_sync(site_of(request).atlas.compare, dual)


async def _answered(request: Request, dual: Dual, asked: Asked) -> Response:
    site = site_of(request)
    speaker = await anyio.to_thread.run_sync(site.speaker, asked.explainer)
    comparison = await _compared(request, dual)
    make = partial(site.atlas.contrasting, comparison, explainer=speaker)
    return await answered(request, make, _question(comparison), stream=asked.stream)


def _question(comparison: Comparison) -> str:
    return "{}, compared with {}".format(*comparison.words)


# -- the page ----------------------------------------------------------------------------------------------------------


@router.get("/compare")
async def page(request: Request) -> Response:
    """Two queries side by side, from the address."""
    dual = await _from_address(request, request.query_params.multi_items())
    return await _shown(request, dual) if isinstance(dual, Dual) else dual


@router.post("/compare")
async def page_by_post(request: Request) -> Response:
    """The same with a dropped picture: the picture itself, or its embedding in a field."""
    dual = await _from_form(request)
    return await _shown(request, dual) if isinstance(dual, Dual) else dual


@router.get("/compare/explain")
async def explained_page(request: Request) -> Response:
    """The page with the difference explained, for browsers without scripts."""
    asked = Asked.of(request)
    dual = await _from_address(request, asked.pairs)
    return await _explained(request, dual, "", asked.explainer) if isinstance(dual, Dual) else dual


@router.post("/compare/explain")
async def explained_page_by_post(request: Request) -> Response:
    """The same with a dropped picture."""
    dual = await _from_form(request)
    return await _explained(request, dual, "", "") if isinstance(dual, Dual) else dual


@router.get("/compare/explain/stream")
async def pieces(request: Request) -> Response:
    """The explanation of the difference in pieces of HTML, for the page's script."""
    asked = Asked.of(request)
    return await _pieces(request, comparing.dual_of(asked.pairs, in_address=True), "", asked.explainer)


@router.post("/compare/explain/stream")
async def pieces_by_post(request: Request) -> Response:
    """The same with a dropped picture."""
    return await _pieces(request, await _dual_posted(request), "", "")


@router.get("/compare/explain/{side}")
async def side_explained_page(request: Request, side: Side) -> Response:
    """The page with one side explained, for browsers without scripts."""
    asked = Asked.of(request)
    dual = await _from_address(request, asked.pairs)
    return await _explained(request, dual, side, asked.explainer) if isinstance(dual, Dual) else dual


@router.post("/compare/explain/{side}")
async def side_explained_page_by_post(request: Request, side: Side) -> Response:
    """The same with a dropped picture."""
    dual = await _from_form(request)
    return await _explained(request, dual, side, "") if isinstance(dual, Dual) else dual


@router.get("/compare/explain/{side}/stream")
async def side_pieces(request: Request, side: Side) -> Response:
    """The explanation of one side in pieces of HTML."""
    asked = Asked.of(request)
    return await _pieces(request, comparing.dual_of(asked.pairs, in_address=True), side, asked.explainer)


@router.post("/compare/explain/{side}/stream")
async def side_pieces_by_post(request: Request, side: Side) -> Response:
    """The same with a dropped picture."""
    return await _pieces(request, await _dual_posted(request), side, "")


async def _dual_posted(request: Request) -> Dual:
    form = await uploads.read_form(request, site_of(request))
    texts = [(name, value) for name, value in form.multi_items() if isinstance(value, str) and name != "file"]
    return comparing.dual_of(fields.tidied(texts), in_address=False)


async def _from_address(request: Request, given: Pairs) -> Dual | Response:
    """The two queries that stand in the address, or what to show instead."""
    kept = [(name, value) for name, value in given if name not in ("file", "explainer", "stream")]
    pairs = fields.tidied(kept)
    asked_for_b = any(name.startswith("b.") for name, _ in kept) or not any(name.startswith("a.") for name, _ in pairs)
    if not pairs or not asked_for_b:
        # Nothing yet, or A alone, as a page of results leads here: the form, to be filled in.
        return await _form(request, pairs)
    try:
        dual = comparing.dual_of(pairs, in_address=True)
    except MirageError as error:
        return await _form(request, pairs, error)
    if request.url.path == "/compare" and pairs != given:
        # A plain form sends empty fields and weights apart; the address bar gets the short form.
        return RedirectResponse(f"/compare?{urlencode(pairs)}", 303)
    return dual


async def _from_form(request: Request) -> Dual | Response:
    """The two queries that a form posts, or where to go instead: without a picture they get an address."""
    site = site_of(request)
    pairs: Pairs = []
    try:
        form = await uploads.read_form(request, site)
        texts = [(name, value) for name, value in form.multi_items() if isinstance(value, str) and name != "file"]
        pairs = fields.tidied(texts)
        given = form.get("file")
        if given is not None and (not pairs or pages.has_file(given)):
            pairs.append(("picture", (await uploads.embed(form, site)).picture))
        dual = comparing.dual_of(pairs, in_address=False)
    except MirageError as error:
        return await _form(request, pairs, error)
    if not dual.has_picture and len(dual.print()) < pages.MOST_ADDRESS:
        return RedirectResponse(f"{request.url.path}?{urlencode(pairs)}", 303)
    return dual


async def _form(request: Request, pairs: Pairs, error: MirageError | None = None) -> Response:
    """The form as far as it is filled in, what is wrong with it, and examples."""
    site = site_of(request)

    def empty() -> str:
        held = pages.held(site)
        return render(
            "compare.html",
            form=search_form(None),
            compare=comparing.compare_form(pairs),
            examples=comparing.examples_of(site.atlas, held.figures),
            problem=str(error) if error else "",
            view=None,
        )

    return HTMLResponse(await anyio.to_thread.run_sync(empty), error.status if error else 200)


async def _shown(
    request: Request, dual: Dual, comparison: Comparison | None = None, whole: dict[Whose, Drawn] | None = None
) -> Response:
    try:
        comparison = comparison or await _compared(request, dual)
    except MirageError as error:
        return await _form(request, dual.pairs(), error)
    pairs = dual.pairs()
    if request.method == "GET":  # a weight of 0 is no term, but it is a slider
        raw = [pair for pair in request.query_params.multi_items() if pair[0] not in ("file", "explainer", "stream")]
        pairs = fields.tidied(raw)
    html = await anyio.to_thread.run_sync(_page, site_of(request), comparison, pairs, whole or {})
    return HTMLResponse(html)


def _page(site: Site, comparison: Comparison, pairs: Pairs, whole: dict[Whose, Drawn]) -> str:
    view = comparison_view(comparison)
    dual = comparison.dual
    figures = {hit.figure.id: hit for side in (view.b, view.a) for hit in side.hits}
    panels: dict[Whose, tuple[str, str]] = {}
    every: tuple[Whose, ...] = ("", "a", "b")
    for side in every:
        path = "/compare/explain" + (f"/{side}" if side else "")
        panels[side] = (address(dual, f"{path}/stream"), "" if dual.has_picture else address(dual, path))
    sides: tuple[tuple[Whose, schemas.SearchView], ...] = (("a", view.a), ("b", view.b))
    whole = {**{name: nothing() for name, answer in sides if not answer.fits}, **whole}
    return render(
        "compare.html",
        form=search_form(None),
        compare=comparing.compare_form(pairs),
        examples=[],
        problem="",
        view=view,
        figures=figures,
        panels=panels,
        whole=whole,
        shown=SHOWN,
        costly=site.explainer != explainers.DEFAULT,
        making=generate_views.making(site, dual.a, dual.b),
    )


def _drawing(comparison: Comparison, side: Whose) -> tuple[Answer | None, Drawing]:
    """How to draw what is said of one side, or of the difference."""
    if not side:
        places = {
            **places_of(comparison.a, side="a", prefix="a-"),
            **places_of(comparison.b, side="b", prefix="b-"),
        }
        return None, Drawing(Explanation(_question(comparison)), places, prefix="ab-")
    answer = comparison.a if side == "a" else comparison.b
    words = comparison.words["ab".index(side)]
    return answer, Drawing(Explanation(words), places_of(answer, prefix=f"{side}-"), prefix=f"{side}-")


async def _making(site: Site, comparison: Comparison, side: Whose, explainer: str) -> tuple[streaming.Make, Drawing]:
    speaker = await anyio.to_thread.run_sync(site.speaker, explainer)
    answer, drawing = _drawing(comparison, side)
    if answer is None:
        return partial(site.atlas.contrasting, comparison, explainer=speaker), drawing
    return partial(site.atlas.explaining, answer, explainer=speaker), drawing


async def _pieces(request: Request, dual: Dual, side: Whose, explainer: str) -> Response:
    make, drawing = await _making(site_of(request), await _compared(request, dual), side, explainer)
    return streaming.EventStream(streaming.drawn(request, make, drawing.draw))


async def _explained(request: Request, dual: Dual, side: Whose, explainer: str) -> Response:
    try:
        comparison = await _compared(request, dual)
        make, drawing = await _making(site_of(request), comparison, side, explainer)
    except MirageError as error:
        return await _form(request, dual.pairs(), error)
    events = await streaming.whole(request, make)
    return await _shown(request, dual, comparison, {side: drawn(drawing, events)})
