"""Two queries side by side: the page with its form and examples, what its script asks for, and the JSON twins.

Among the twins is the paper's one gesture: hits, an explanation of them, and a synthetic image, for one query or for two.
"""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from mirage.compare.comparison import Comparison
from mirage.compare.dual import EXAMPLES, SIDES, Dual, Side
from mirage.compare.keyness import KeyConcept
from mirage.errors import MirageError, Unavailable
from mirage.figure import MODALITIES
from mirage.search.answer import Answer
from mirage.web import explain, forms, generate, openapi, uploads
from mirage.web.explain import STREAMED, DrawnExplanation, Whose, nothing
from mirage.web.forms import Pairs, first, term_rows, tidied
from mirage.web.openapi import PROBLEM, sent
from mirage.web.rights import wants
from mirage.web.security import NEEDS_TOKEN
from mirage.web.site import RunningSite, Site, site_of
from mirage.web.templating import page
from mirage.web.views.explain import ExplanationView
from mirage.web.views.figures import ApiBody, ApiModel
from mirage.web.views.generate import ChoicesBody, JobView
from mirage.web.views.search import QueryBody, SearchView, answer_view, hit_view
from mirage.web.views.stacks import ShownSlice, StackView, shown_slice, stack_in
from mirage.wording import N_, _

# Cards of a side that are shown at once; the others are a click away.
SHOWN = 12
MOST_EXAMPLES = 4
NO_WORDS = N_("A synthetic image is made of words; say in words what each side shall show.")

twins = APIRouter(prefix="/api", responses=PROBLEM, dependencies=[wants("search")])
router = APIRouter(include_in_schema=False, dependencies=[wants("search")])


class CompareBody(ApiBody):
    """Two queries as JSON, either of which may hold a dropped picture."""

    a: QueryBody
    b: QueryBody


class PairingView(ApiModel):
    """Figures of both sides taken in one way, to look at together."""

    modality: str
    modality_name: str
    plane: str
    region: str
    a: list[str] = Field(description="Ids of A's figures, best first.")
    b: list[str]


class ComparisonView(ApiModel):
    """Two queries answered side by side."""

    url: str = Field(description="Its page; empty with a dropped picture, for that never becomes an address.")
    modified: bool = Field(description="Whether B is A with less of some terms and more of others.")
    same: bool = Field(description="Whether both sides ask the same.")
    words: tuple[str, str]
    a: SearchView
    b: SearchView
    cases: tuple[int, int] = Field(description="How many cases of each side were counted.")
    shared: list[KeyConcept] = Field(description="What both sides have, and more of than the atlas at large.")
    of_a: list[KeyConcept] = Field(description="What at least two cases of A have, and fewer of B's.")
    of_b: list[KeyConcept]
    alike: list[PairingView]
    beside: list[str] = Field(description="Where none are alike, a figure of each side to look at together; else empty.")
    both: list[str] = Field(description="Ids of figures that fit both sides.")
    notes: list[str]
    seconds: float


class AskBody(ChoicesBody):
    """A question, or two to be compared: hits, an explanation and a synthetic image of each."""

    a: QueryBody
    b: QueryBody | None = None
    explainer: str = Field("", description="Which explainer; the settings' one when left out.")


class AskView(ApiModel):
    """The paper's one gesture: what is real, what is said of it, and a synthetic image in the making."""

    search: SearchView | None = Field(description="Of one query.")
    comparison: ComparisonView | None = Field(description="Of two.")
    explanation: ExplanationView
    seed: int | None
    jobs: list[JobView] = Field(description="One for each query; follow `/api/jobs/{id}/events`.")
    no_image: str = Field(description="Why no image is being made; empty when one is.")


def comparison_view(comparison: Comparison) -> ComparisonView:
    """Show two queries answered side by side."""
    dual = comparison.dual
    pairings = [
        PairingView.of(
            pairing,
            modality_name=MODALITIES.get(pairing.modality, pairing.modality),
            a=[hit.figure.id for hit in pairing.a],
            b=[hit.figure.id for hit in pairing.b],
        )
        for pairing in comparison.alike
    ]
    return ComparisonView.of(
        comparison,
        url=forms.compare_address(dual) if not dual.has_picture else "",
        modified=dual.modified,
        same=dual.same,
        a=answer_view(comparison.a),
        b=answer_view(comparison.b),
        alike=pairings,
        beside=[hit.figure.id for hit in comparison.beside],
    )


# -- the form ----------------------------------------------------------------------------------------------------------


def compare_form(pairs: Pairs) -> dict[str, Any]:
    """Fill in the two forms of the page with tidied fields, whether they make sense or not.

    Returns
    -------
    dict
        What the template needs: whether the second form, a query with less and more, is the one in use; the words of
        both; what else each carries unseen, filters, figures and pictures; and the method, ``post`` when a dropped
        picture is among them.
    """
    two = [(name, value) for name, value in pairs if name.partition(".")[0] in SIDES and "." in name]
    one = [pair for pair in pairs if pair not in two]
    a, b, words = (first(pairs, name)[:2000] for name in ("a.q", "b.q", "q"))
    has_picture = any(name.rpartition(".")[2] == "picture" for name, _ in pairs)
    return {
        "modify": bool(one) and not two,
        "a": a or words,
        "b": b,
        "words": words or a,
        "less": term_rows(one, "less"),
        "more": term_rows(one, "more"),
        "two_rest": [pair for pair in two if pair[0] not in ("a.q", "b.q")],
        "modify_rest": [pair for pair in one if pair[0] not in ("q", "less", "more")],
        "method": "post" if has_picture else "get",
    }


def _examples(site: RunningSite) -> list[dict[str, Any]]:
    """Two queries each that both find something here, with what each finds first."""
    plain = [query.text for query in site.atlas.examples(6)]
    pairs = [urlencode({"a.q": a, "b.q": b}) for a, b in zip(plain[::2], plain[1::2], strict=False)]
    found: list[dict[str, Any]] = []
    for query_string in dict.fromkeys((*EXAMPLES, *pairs)) if site.holds().figures else ():
        dual = Dual.parse(query_string)
        a, b = (site.search(query) for query in (dual.a, dual.b))
        if not (a.fits and b.fits):
            continue
        first_a = a.hits[0]
        # Of a modified query what it finds anew.
        first_b = next((hit for hit in b.hits if hit.figure.id != first_a.figure.id), b.hits[0])
        words = _("%(a)s and %(b)s", a=dual.a.text, b=dual.b.text)
        if dual.modified:
            changes = (
                _("less %(words)s", words=term.text) if term.weight < 0 else _("more %(words)s", words=term.text)
                for term in dual.changes
            )
            words = ", ".join((dual.a.text, *changes))
        figures = {"a": hit_view(first_a).figure, "b": hit_view(first_b).figure}
        found.append({"words": words, "url": forms.compare_address(dual), **figures})
        if len(found) == MOST_EXAMPLES:
            break
    return found


# -- the API -----------------------------------------------------------------------------------------------------------


@twins.get("/compare", response_model=ComparisonView, openapi_extra={"parameters": openapi.COMPARE}, responses=openapi.KEPT)
async def compare(request: Request) -> Response:
    """Answer two queries side by side: what both have, what tells them apart, figures to look at together."""
    dual = forms.read(Dual, tidied(request.query_params.multi_items()), in_address=True)
    site = site_of(request)
    return await site.json(request, "compare", dual, lambda: sent(comparison_view(site.compare(dual))))


@twins.post("/compare", response_model=ComparisonView)
async def compare_by_post(site: Site, body: CompareBody) -> Response:
    """The same for queries that may hold a dropped picture, as the embedding that `/api/embed` gave."""
    dual = _dual_in(body)
    return await site.found(dual, lambda: sent(comparison_view(site.compare(dual))))


@twins.get(
    "/compare/explain",
    response_model=ExplanationView,
    openapi_extra={"parameters": openapi.COMPARE + openapi.EXPLAIN},
    responses=STREAMED,
)
async def explain_difference(request: Request) -> Response:
    """Explain how two sides differ: sentences with their sources of both, each checked against them."""
    return await explain.by_api(request, forms.read(Dual, explain.fields_of(request), in_address=True))


@twins.post(
    "/compare/explain",
    response_model=ExplanationView,
    openapi_extra={"parameters": openapi.EXPLAIN},
    responses=STREAMED,
)
async def explain_difference_by_post(request: Request, body: CompareBody) -> Response:
    """The same for queries that may hold a dropped picture."""
    return await explain.by_api(request, _dual_in(body))


def _dual_in(body: CompareBody) -> Dual:
    return Dual.of(body.a.query(), body.b.query())


@twins.post("/ask", response_model=AskView, dependencies=[NEEDS_TOKEN])
async def ask(request: Request, body: AskBody) -> Response:
    """Ask one question, or two to be compared: hits, an explanation, and the job of a synthetic image. Wants the token.

    Two sides are drawn from the same seed. Where no generator is installed, the rest is answered and `no_image` says so.
    """
    queries = [side.query() for side in (body.a, body.b) if side is not None]
    seed: int | None = None
    jobs: list[JobView] = []
    drawable, why = generate.drawable(queries), _(NO_WORDS)
    if drawable:
        try:
            (seed, jobs), why = await generate.started(site_of(request), drawable, body.options()), ""
        except Unavailable as error:
            why = str(error)
    asked = Dual.of(*queries) if len(queries) > 1 else queries[0]
    found, wanted, drawing = await explain.prepared(request, asked, explainer=body.explainer)
    view = AskView(
        search=answer_view(found) if isinstance(found, Answer) else None,
        comparison=comparison_view(found) if isinstance(found, Comparison) else None,
        explanation=await explain.explained(request, wanted, drawing.so_far.question),
        seed=seed,
        jobs=jobs,
        no_image=why,
    )
    return sent(view)


# -- the page ----------------------------------------------------------------------------------------------------------


@router.api_route("/compare", methods=["GET", "POST"])
async def compare_page(request: Request) -> Response:
    """Show two queries side by side."""
    return await explain.on_page(request, await _asked(request), _form_page, _shown)


@router.api_route("/compare/explain/stream", methods=["GET", "POST"])
@router.api_route("/compare/explain/{side}/stream", methods=["GET", "POST"])
async def explained_pieces(request: Request, side: Side = "") -> Response:  # type: ignore[assignment]
    """Send the explanation of one side, or of the difference, in pieces of HTML, for the page's script."""
    return await explain.in_pieces(request, Dual, side)


@router.api_route("/compare/explain", methods=["GET", "POST"])
@router.api_route("/compare/explain/{side}", methods=["GET", "POST"])
async def explained_page(request: Request, side: Side = "") -> Response:  # type: ignore[assignment]
    """Show the page with one side, or the difference, explained, for browsers without scripts."""
    return await explain.on_page(request, await _asked(request), _form_page, partial(_shown, side=side), side)


async def _asked(request: Request) -> Dual | Response:
    """The two queries that stand in the address or that a form posts, or what to show instead."""
    return await uploads.asked(request, Dual, _form_page, _begun)


def _begun(pairs: Pairs, given: Pairs) -> bool:
    """Whether there is nothing yet, or A alone, as a page of results leads here: the form shall be filled in."""
    a, b = (any(name.startswith(side) for name, _ in some) for side, some in (("a.", pairs), ("b.", given)))
    return not pairs or (a and not b)


def _form_page(request: Request, pairs: Pairs, error: MirageError | None) -> Response:
    """The form as far as it is filled in, what is wrong with it, and examples."""
    site = site_of(request)
    return page(
        "compare.html",
        error,
        compare=compare_form(pairs),
        examples=site.kept("compare", site.answers.of, lambda: _examples(site)),
        problem=str(error) if error else "",
        view=None,
    )


def _stacks(site: RunningSite, view: ComparisonView) -> dict[str, tuple[StackView, ShownSlice]]:
    """Those of the two figures that are seen large which are stacks, each at the slice that was found."""
    large = view.beside if not view.alike else [view.alike[0].a[0], view.alike[0].b[0]]
    found: dict[str, tuple[StackView, ShownSlice]] = {}
    # Each at the slice that its own side found: the other side may have found another one of it.
    sides = zip(large, (view.a.hits, view.b.hits), strict=False)  # empty where nothing stands large
    for hit in [each for own, hits in sides for each in hits if each.figure.id == own and each.figure.slices]:
        stack, reader = stack_in(site.atlas, hit.figure.id), site.atlas.stack(hit.figure.id)
        at = {"slice_": str(hit.slice.number + 1), "plane": hit.slice.view} if hit.slice else {"slice_": "", "plane": ""}
        structure = hit.slice.label if hit.slice else ""
        found[hit.figure.id] = stack, shown_slice(stack, reader, **at, window="", structure=structure)
    return found


def _shown(request: Request, comparison: Comparison, explained: DrawnExplanation | None, side: Whose = "") -> Response:
    """Both answers beside each other, one of them or their difference explained."""
    site, dual, view = site_of(request), comparison.dual, comparison_view(comparison)
    pairs = dual.pairs()
    if request.method == "GET":  # a weight of 0 is no term, but it is a slider
        pairs = explain.fields_of(request)
    panels: dict[Whose, tuple[str, str]] = {}
    whole: dict[Whose, DrawnExplanation] = {} if explained is None else {side: explained}
    sides: dict[Whose, SearchView | None] = {"": None, "a": view.a, "b": view.b}
    for name, answer in sides.items():
        path = "/compare/explain" + (f"/{name}" if name else "")
        panels[name] = (
            forms.compare_address(dual, f"{path}/stream"),
            "" if dual.has_picture else forms.compare_address(dual, path),
        )
        if answer and not answer.fits:
            whole.setdefault(name, nothing())
    return page(
        "compare.html",
        compare=compare_form(pairs),
        examples=[],
        problem="",
        view=view,
        figures={hit.figure.id: hit for answer in (view.b, view.a) for hit in answer.hits},
        dropped={
            which: [value for name, value in dual.pairs() if name in ("picture", f"{which}.picture")] for which in SIDES
        },
        stacks=_stacks(site, view),
        panels=panels,
        whole=whole,
        shown=SHOWN,
        costly=site.costly,
        making=generate.offer(site, dual.a, dual.b),
    )
