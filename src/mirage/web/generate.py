"""Synthetic images are asked for, and watched in the making: the form, its pages, and the JSON twins."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from PIL import Image
from pydantic import Field, ValidationError
from starlette.responses import RedirectResponse, Response

from mirage.compare.dual import SIDES
from mirage.errors import BadInput, BadQuery, MirageError, NotFound
from mirage.generate.generators.base import MOST_GUIDANCE, MOST_IMAGES, MOST_SEED
from mirage.generate.synthesis import MAX_AHEAD, GenerationOptions, filter_words
from mirage.jobs.job import GENERATE
from mirage.query import Query, Term, shown
from mirage.web import forms, uploads
from mirage.web.forms import Pairs, term_rows, tidied
from mirage.web.openapi import PROBLEM, sent, takes
from mirage.web.rights import wants
from mirage.web.security import check_token
from mirage.web.site import RunningSite, Site, site_of
from mirage.web.synthetic import synthetic_in, synthetics_in
from mirage.web.templating import page
from mirage.web.views.figures import ApiModel, FigureView
from mirage.web.views.generate import EMPTY, ChoicesBody, GenerateBody, JobView, PairBody, SyntheticView, job_view
from mirage.wording import N_, Words, _

LATEST = 8
"""How many images the form's page shows."""
_WORDS = ("q", "more", "less")
_FOLDED = ("negative", "seed", "steps", "guidance", "count", "strength")
_CALLED = Words({"steps": N_("number of steps"), "count": N_("number of images")})
# What a form keeps of words that are far too long, so that they can be shortened.
_MOST_KEPT = 20_000

twins = APIRouter(prefix="/api", responses=PROBLEM, dependencies=[wants("generate")])
router = APIRouter(include_in_schema=False, dependencies=[wants("generate")])


class GeneratorView(ApiModel):
    """Who draws, within which bounds, and how many wait."""

    ready: bool
    problem: str = Field(description="Why nothing can be made, for a person to read; empty when it can.")
    name: str
    model: str
    revision: str
    licence: str
    size: int = Field(description="Side of an image in pixels when nobody asks for another.")
    smallest: int
    largest: int
    multiple: int = Field(description="A side is a multiple of this.")
    steps: int
    most_steps: int
    guidance: float
    most_guidance: float
    most_images: int
    from_picture: bool = Field(description="Whether it can begin from a picture.")
    notes: list[str] = Field(description="What it can draw and what not, as far as that is known.")
    waiting: int = Field(description="How many wait or run.")
    most_waiting: int


class PairView(ApiModel):
    """The two jobs of a comparison."""

    seed: int
    a: JobView
    b: JobView


# -- the form ----------------------------------------------------------------------------------------------------------


def generate_form(pairs: Pairs) -> dict[str, Any]:
    """Fill in the form of the page with these fields, whether they make sense or not; every value is as typed."""
    typed = {name: value[:_MOST_KEPT] for name, value in reversed(pairs)}
    folded: dict[str, Any] = {name: typed.get(name, "") for name in _FOLDED}
    folded |= {"size": typed.get("size") or typed.get("width", ""), "more": term_rows(pairs, "more")}
    return {
        **folded,
        # Whether anything is filled in that is folded away.
        "advanced": any(folded.values()),
        "words": typed.get("q", ""),
        "figure": typed.get("figure", ""),
        "less": term_rows(pairs, "less"),
    }


def asked_of(pairs: Pairs) -> tuple[Query, GenerationOptions]:
    """Read what the fields of a form ask for.

    Raises
    ------
    mirage.errors.BadQuery
        Without words, or with too many.
    mirage.errors.BadInput
        Naming the field that is no number, or that is not known.
    """
    known = sorted({*_WORDS, *ChoicesBody.model_fields, "size"})
    if unknown := [name for name, _ in pairs if name not in known]:
        raise BadInput(
            _("There is no choice named %(shown)s. There are: %(known)s.", shown=shown(unknown[0]), known=", ".join(known))
        )
    words = [(name, value) for name, value in pairs if name in _WORDS]
    if not any(name in ("q", "more") for name, _ in words):
        raise BadQuery(_(EMPTY))
    chosen = {name: value.strip() for name, value in pairs if name not in _WORDS}
    if size := chosen.pop("size", ""):
        chosen = {"width": size, "height": size, **chosen}
    try:
        # A form says numbers as texts.
        return forms.read(Query, words, in_address=False), ChoicesBody.model_validate(chosen, strict=False).options()
    except ValidationError as error:
        wrong = error.errors()[0]
        name, kind = str(wrong["loc"][0]), _("whole number") if wrong["type"].startswith("int") else _("number")
        raise BadInput(
            _(
                "The %(name)s is a %(kind)s, not %(shown)s.",
                name=_CALLED.get(name, name),
                kind=kind,
                shown=shown(wrong["input"]),
            )
        ) from None


def drawable(queries: Iterable[Query]) -> list[Query]:
    """What can be drawn of searches: their words, with what their filters say in words; nothing when one has no words.

    A picture or a figure among the terms is left out: the image is made of words.
    """
    drawn = []
    for query in queries:
        terms = [Term(text=term.text, weight=term.weight) for term in query.terms if term.text]
        at = next((number for number, term in enumerate(terms) if term.weight > 0), None)
        if at is None:
            return []
        if said := " ".join(filter_words(query)):
            terms[at] = replace(terms[at], text=f"{terms[at].text}, {said}")
        drawn.append(Query(tuple(terms)))
    return drawn


# -- what other pages offer --------------------------------------------------------------------------------------------


def offer(site: RunningSite, *queries: Query) -> dict[str, Any] | None:
    """Offer an image of one query, or of each of two; None where one has no words to draw.

    Parameters
    ----------
    site : RunningSite
    *queries : mirage.query.Query

    Returns
    -------
    dict or None
        What the template needs: what the form sends, who draws, whether it is drawn without a click, and the page
        where more can be chosen, empty for two sides.
    """
    drawn = drawable(queries)
    if not drawn:
        return None
    sides = [""] if len(drawn) == 1 else [f"{side}." for side in SIDES]
    pairs = [(side + name, value) for side, query in zip(sides, drawn, strict=True) for name, value in query.pairs()]
    return {
        "fields": pairs,
        "token": site.token,
        "generator": generator_view(site),
        "always": site.settings.generate_always,
        "page": forms.generate_address(drawn[0]) if len(drawn) == 1 else "",
    }


def address_from(site: RunningSite, figure: FigureView) -> str:
    """Find the page that makes an image which begins from a figure; empty where the generator cannot.

    Parameters
    ----------
    site : RunningSite
    figure : FigureView
    """
    if figure.withdrawn or not site.generator()[0].from_picture:
        return ""
    words = figure.title or " ".join(word for word in (figure.plane, figure.modality_name, figure.region) if word)
    return forms.generate_address(Query.of(words[:300]) if words else None, figure=figure.id)


def generator_view(site: RunningSite) -> GeneratorView:
    """Show who draws, or why nobody does."""
    info, problem = site.generator()
    return GeneratorView.of(
        info,
        ready=not problem,
        problem=problem,
        most_guidance=MOST_GUIDANCE,
        most_images=MOST_IMAGES,
        waiting=site.jobs.under_way(GENERATE),
        most_waiting=MAX_AHEAD,
    )


# -- starting ----------------------------------------------------------------------------------------------------------


async def started(
    site: RunningSite, queries: Sequence[Query], options: GenerationOptions, picture: Image.Image | None = None
) -> tuple[int | None, list[JobView]]:
    """Queue one generation of each query: all, from the same seed, or none.

    Parameters
    ----------
    site : RunningSite
    queries : sequence of mirage.query.Query
    options : mirage.generate.synthesis.GenerationOptions
    picture : PIL.Image.Image, optional
        To begin from.

    Returns
    -------
    int or None, list of JobView
        The seed, where it is known already, and the jobs.

    Raises
    ------
    mirage.errors.Busy
        When too many wait.
    mirage.errors.BadInput
        Naming the choice that the generator cannot follow.
    """
    if len(queries) > 1 and options.seed is None:
        options = replace(options, seed=secrets.randbelow(MOST_SEED - MOST_IMAGES))
    if len(queries) > 1:  # from one seed they begin alike only where nothing is chosen
        options = replace(options, drafts=1)
    drawn = len(queries) * options.count
    await site.spend("generations", drawn)
    jobs: list[JobView] = []
    try:
        for query in queries:
            begin = partial(site.jobs.start_generate, query, options, start=picture)
            jobs.append(job_view(await run_sync(begin)))
    except MirageError:
        for job in jobs:
            await run_sync(site.jobs.cancel, job.id)
        await site.spend("generations", -drawn)
        raise
    return options.seed, jobs


async def _started_by_form(
    request: Request, sides: Sequence[str], pairs: Pairs | None = None
) -> tuple[int | None, list[JobView]]:
    """Begin what a form asks for; `pairs` gets its fields, so that they are there where it is refused."""
    site, form = site_of(request), await uploads.read_form(request)
    pairs = [] if pairs is None else pairs
    pairs += tidied(uploads.texts_of(form))
    check_token(request, str(form.get("token", "")))
    common = [pair for pair in pairs if "." not in pair[0]] if sides != ("",) else pairs
    asked = []
    for side in sides:
        own = [(name.removeprefix(f"{side}."), value) for name, value in pairs if side and name.startswith(f"{side}.")]
        asked.append(asked_of(own + common))
    picture = await uploads.decoded(form, site, lambda _, image: image) if uploads.has_file(form) else None
    options = replace(asked[0][1], **_by_command(request))
    return await started(site, [query for query, _ in asked], options, picture)


def _by_command(request: Request) -> dict[str, Any]:
    """What stands in the address and only a command of the user who serves may choose."""
    given = {"generator": request.query_params.get("generator", ""), "insist": request.query_params.get("insist") == "1"}
    if any(given.values()) and not check_token(request, None):
        raise BadInput(
            _("For another generator, or to get near copies of training images, use the command `mirage generate`.")
        )
    return given


async def _begun(request: Request, model: type[GenerateBody] | type[PairBody]) -> tuple[int | None, list[JobView]]:
    """Begin what JSON or a form asks for."""
    if uploads.kind_of(request.headers) != "application/json":
        return await _started_by_form(request, model.sides)
    check_token(request, None)
    try:
        body = model.model_validate_json(await request.body())
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from None
    return await started(site_of(request), body.queries(), replace(body.options(), **_by_command(request)))


# -- the API -----------------------------------------------------------------------------------------------------------


@twins.get("/generate", response_model=GeneratorView)
def generator(site: Site) -> Response:
    """Who draws, within which bounds, and how many wait."""
    return sent(generator_view(site))


@twins.post(
    "/generate",
    response_model=JobView,
    status_code=202,
    openapi_extra=takes("GenerateBody", q="What the image shall show.", file="A picture to begin from."),
)
async def generate(request: Request) -> Response:
    """Begin a synthetic image: JSON, or a form that may carry a picture to begin from. Wants the token.

    The picture is decoded in memory and never stored. Follow `/api/jobs/{id}/events`.
    """
    _, jobs = await _begun(request, GenerateBody)
    return sent(jobs[0], 202)


@twins.post("/compare/generate", response_model=PairView, status_code=202, openapi_extra=takes("PairBody"))
async def generate_pair(request: Request) -> Response:
    """Begin a synthetic image of each of two queries, from the same seed. Wants the token."""
    seed, jobs = await _begun(request, PairBody)
    return sent(PairView(seed=seed or 0, a=jobs[0], b=jobs[1]), 202)


# -- the pages ---------------------------------------------------------------------------------------------------------


def _page(request: Request, pairs: Pairs, error: MirageError | None = None) -> Response:
    site = site_of(request)
    jobs = [job_view(job) for job in site.jobs.list() if job.kind == GENERATE]
    return page(
        "generate.html",
        error,
        asked=generate_form(pairs),
        generator=generator_view(site),
        problem=str(error) if error else "",
        under_way=[job for job in jobs if not job.ended],
        latest=synthetics_in(site, 1, LATEST).images,
        token=site.token,
    )


@router.get("/generate")
def form_page(request: Request) -> Response:
    """The form, filled in from the address."""
    return _page(request, tidied(request.query_params.multi_items()))


@router.post("/generate")
async def generate_by_form(request: Request) -> Response:
    """Begin from the form, and lead to the job's page; or say what is wrong, with what was typed."""
    pairs: Pairs = []
    try:
        _, jobs = await _started_by_form(request, ("",), pairs)
    except MirageError as error:
        return await run_sync(_page, request, pairs, error)
    return RedirectResponse(forms.address("generate", jobs[0].id), 303)


@router.post("/compare/generate")
async def generate_pair_by_form(request: Request) -> Response:
    """Begin one image of each side, and lead to the page that shows both."""
    _, (a, b) = await _started_by_form(request, SIDES)
    return RedirectResponse(f"{forms.address('generate', a.id)}?beside={b.id}", 303)


def _generation(site: RunningSite, job_id: str) -> JobView:
    view = job_view(site.jobs.get(job_id))
    if view.kind != GENERATE:
        raise NotFound(_("The job %(job_id)s makes no image.", job_id=job_id))
    return view


def made(site: RunningSite, job: JobView) -> list[SyntheticView]:
    """Show the images that a job has made; those that somebody has deleted since are left out.

    Parameters
    ----------
    site : RunningSite
    job : JobView
    """
    found = []
    for name in job.results:
        with suppress(NotFound):
            found.append(synthetic_in(site, name))
    return found


@router.get("/generate/{job_id}")
def generating_page(site: Site, job_id: str, beside: str = "") -> Response:
    """One generation, or two side by side; without scripts the page reloads itself."""
    jobs = [_generation(site, each) for each in (job_id, beside) if each]
    return page("generating.html", jobs=jobs, made={job.id: made(site, job) for job in jobs}, token=site.token)


@router.get("/generate/{job_id}/piece")
def generating_piece(site: Site, job_id: str) -> Response:
    """One generation as it stands, to be put into a page by its script."""
    job = _generation(site, job_id)
    return page("synthetic_piece.html", kind="job", job=job, made=made(site, job), token=site.token)
