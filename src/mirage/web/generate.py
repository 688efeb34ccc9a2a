"""Synthetic images are asked for: the page with the form, and the JSON twins."""

from __future__ import annotations

import secrets
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from PIL import Image
from pydantic import ValidationError
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mirage.errors import MirageError
from mirage.generate.generators.asking import MOST_IMAGES, MOST_SEED
from mirage.generate.synthesis import Options
from mirage.query import Query
from mirage.web import generate_forms, links, schemas, uploads
from mirage.web.api import PROBLEM, sent
from mirage.web.fields import Pairs, tidied
from mirage.web.forms import search_form
from mirage.web.generate_views import GENERATE, generator_view, synthetics_view
from mirage.web.jobs import job_view
from mirage.web.pages import has_file
from mirage.web.schemas.generating import GenerateBody, GeneratorView, PairBody, PairView
from mirage.web.security import check_token
from mirage.web.site import Site, site_of
from mirage.web.templating import render

if TYPE_CHECKING:
    from mirage.jobs import Job

_LATEST = 8
# Read by hand, since a form is taken as well; the description of the API has to be told of them.
BODIES = (GenerateBody, PairBody)
_TAKEN: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/GenerateBody"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["q"],
                    "properties": {
                        "q": {"type": "string", "description": "What the image shall show."},
                        "file": {"type": "string", "format": "binary", "description": "A picture to begin from."},
                    },
                }
            },
        },
    }
}

twins = APIRouter(prefix="/api", responses=PROBLEM)
router = APIRouter(include_in_schema=False)


def wants_token(request: Request) -> None:
    """Refuse a request without this start's token in its header, before its body is looked at."""
    check_token(request, None)


# -- starting ----------------------------------------------------------------------------------------------------------


async def started(site: Site, query: Query, options: Options, picture: Image.Image | None = None) -> Job:
    """Queue one generation.

    Raises
    ------
    mirage.errors.Busy
        When too many wait.
    mirage.errors.BadInput
        Naming the choice that the generator cannot follow.
    """
    return await anyio.to_thread.run_sync(partial(site.jobs.start_generate, query, options, start=picture))


async def started_pair(site: Site, both: tuple[Query, Query], options: Options) -> PairView:
    """Queue one generation of each side, from the same seed; both or neither."""
    seed = options.seed if options.seed is not None else secrets.randbelow(MOST_SEED - MOST_IMAGES)
    same = replace(options, seed=seed)
    first = await started(site, both[0], same)
    try:
        second = await started(site, both[1], same)
    except MirageError:
        await anyio.to_thread.run_sync(site.jobs.cancel, first.id)
        raise
    return PairView(seed=seed, a=job_view(first), b=job_view(second))


async def _form_of(request: Request) -> tuple[Pairs, FormData]:
    form = await uploads.read_form(request, site_of(request))
    texts = [(name, value) for name, value in form.multi_items() if isinstance(value, str) and name != "file"]
    return tidied(texts), form


async def _started_by(request: Request, pairs: Pairs, form: FormData) -> Job:
    site = site_of(request)
    check_token(request, str(form.get("token", "")))
    query, options = generate_forms.asked_of(pairs)
    picture = await uploads.picture(form, site) if has_file(form.get("file") or "") else None
    return await started(site, query, options, picture)


async def _started_pair_by(request: Request, pairs: Pairs, form: FormData) -> PairView:
    check_token(request, str(form.get("token", "")))
    a, b = (generate_forms.asked_of(generate_forms.side_of(pairs, side)) for side in ("a", "b"))
    return await started_pair(site_of(request), (a[0], b[0]), a[1])


def _is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


# -- the API -----------------------------------------------------------------------------------------------------------


@twins.get("/generate", response_model=GeneratorView)
async def generator(request: Request) -> Response:
    """Who draws, within which bounds, and how many wait."""
    return sent(await anyio.to_thread.run_sync(generator_view, site_of(request)))


@twins.post("/generate", response_model=schemas.JobView, status_code=202, openapi_extra=_TAKEN)
async def generate(request: Request) -> Response:
    """Begin a synthetic image: JSON, or a form that may carry a picture to begin from. Wants the token.

    The picture is decoded in memory and never stored. Follow `/api/jobs/{id}/events`.
    """
    if not _is_json(request):
        return sent(job_view(await _started_by(request, *await _form_of(request))), 202)
    check_token(request, None)
    try:
        body = GenerateBody.model_validate_json(await uploads.read_json(request))
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from None
    query = generate_forms.query_in(body.terms)
    return sent(job_view(await started(site_of(request), query, generate_forms.options_in(body))), 202)


@twins.post(
    "/compare/generate",
    response_model=PairView,
    status_code=202,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/PairBody"}}},
        }
    },
)
async def generate_pair(request: Request) -> Response:
    """Begin a synthetic image of each of two queries, from the same seed. Wants the token."""
    if not _is_json(request):
        return sent(await _started_pair_by(request, *await _form_of(request)), 202)
    check_token(request, None)
    try:
        body = PairBody.model_validate_json(await uploads.read_json(request))
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from None
    both = generate_forms.query_in(body.a), generate_forms.query_in(body.b)
    return sent(await started_pair(site_of(request), both, generate_forms.options_in(body)), 202)


# -- the page ----------------------------------------------------------------------------------------------------------


async def _page(request: Request, pairs: Pairs, error: MirageError | None = None) -> Response:
    site = site_of(request)

    def page() -> str:
        jobs = [job_view(job) for job in site.jobs.list() if job.kind == GENERATE]
        return render(
            "generate.html",
            form=search_form(None),
            asked=generate_forms.generate_form(pairs),
            generator=generator_view(site),
            problem=str(error) if error else "",
            under_way=[job for job in jobs if not job.ended],
            latest=synthetics_view(site, 1).images[:_LATEST],
            token=site.token,
        )

    return HTMLResponse(await anyio.to_thread.run_sync(page), error.status if error else 200)


@router.get("/generate")
async def form_page(request: Request) -> Response:
    """The form, filled in from the address."""
    return await _page(request, tidied(request.query_params.multi_items()))


@router.post("/generate")
async def generate_by_form(request: Request) -> Response:
    """Begin from the form, and lead to the job's page; or say what is wrong, with what was typed."""
    pairs: Pairs = []
    try:
        pairs, form = await _form_of(request)
        job = await _started_by(request, pairs, form)
    except MirageError as error:
        return await _page(request, pairs, error)
    return RedirectResponse(links.generating(job.id), 303)


@router.post("/compare/generate")
async def generate_pair_by_form(request: Request) -> Response:
    """Begin one image of each side, and lead to the page that shows both."""
    pair = await _started_pair_by(request, *await _form_of(request))
    return RedirectResponse(f"{links.generating(pair.a.id)}?beside={pair.b.id}", 303)


wanted = Depends(wants_token)
