"""The JSON twins of the pages, under ``/api``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from mirage.errors import BadPicture, BadQuery
from mirage.query import DEFAULT_K, FILTERS, MAX_K
from mirage.web import assets, fields, schemas, uploads, views
from mirage.web.site import site_of

PROBLEM: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "What went wrong, in words for a person (RFC 9457).",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}
PICTURE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The picture.",
        "content": {kind: {} for kind in sorted(set(assets.PICTURE_TYPES.values()))},
    },
    304: {"description": "The picture that the browser has is the right one."},
}

Version = Annotated[str, Query(max_length=200, description="Names the content; then it may be kept for good.")]

router = APIRouter(prefix="/api", responses=PROBLEM)


def sent(view: BaseModel, status: int = 200) -> Response:
    """Send a view as JSON. Pydantic writes it in one go, which FastAPI's own way does not."""
    return Response(view.model_dump_json(), status, media_type="application/json")


def documented(*, required: bool) -> dict[str, Any]:
    """The query string of a search for OpenAPI; `mirage.query.Query.parse` is what reads it."""
    words = {
        "q": "What to look for, in words.",
        "more": "A further term: words@weight. May be repeated.",
        "less": "Less of this: words@weight. May be repeated.",
        "like": "Id of a figure to find the like of. May be repeated.",
        **{name: f"Keep figures whose {name} is this. May be repeated: any of them." for name in FILTERS},
    }
    single = {"q"}
    parameters: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": text,
            "schema": {"type": "string"} if name in single else {"type": "array", "items": {"type": "string"}},
        }
        for name, text in words.items()
    ]
    if required:
        parameters.append(
            {
                "name": "refine",
                "in": "query",
                "required": False,
                "description": "1 to search twice, the second time with what explains the first hits.",
                "schema": {"type": "string", "enum": ["0", "1"]},
            }
        )
        parameters.append(
            {
                "name": "k",
                "in": "query",
                "required": False,
                "description": "How many hits at most.",
                "schema": {"type": "integer", "minimum": 1, "maximum": MAX_K, "default": DEFAULT_K},
            }
        )
    return {"parameters": parameters}


@router.get("/search", response_model=schemas.SearchView, openapi_extra=documented(required=True))
async def search(request: Request) -> Response:
    """Find figures by words, by figures they resemble, and by filters."""
    site = site_of(request)
    query = fields.query_of(fields.tidied(request.query_params.multi_items()), in_address=True)
    return sent(await anyio.to_thread.run_sync(views.search_page, site.atlas, query))


@router.post("/search", response_model=schemas.SearchView)
async def search_by_post(request: Request, body: schemas.QueryBody) -> Response:
    """Find figures by a query that may hold a dropped picture, as the embedding that `/api/embed` gave."""
    site = site_of(request)
    return sent(await anyio.to_thread.run_sync(views.search_page, site.atlas, views.query_of(body)))


@router.get("/facets", response_model=schemas.FacetsView, openapi_extra=documented(required=False))
async def facets(request: Request) -> Response:
    """Count figures by modality, plane, region, corpus and licence, under a query or under filters alone."""
    site = site_of(request)
    pairs = fields.tidied(request.query_params.multi_items())
    if fields.is_blank(pairs):
        given: dict[str, list[str]] = {}
        for name, value in pairs:
            if name not in FILTERS:
                raise BadQuery(f"There is no filter named {name!r}. Filters are: {', '.join(FILTERS)}.")
            given.setdefault(name, []).append(value)
        return sent(await anyio.to_thread.run_sync(views.facets_page, site.atlas, None, given))
    query = fields.query_of(pairs, in_address=True)
    return sent(await anyio.to_thread.run_sync(views.facets_page, site.atlas, query, {}))


@router.get("/figures/{figure_id:path}", response_model=schemas.FigureView)
async def figure(request: Request, figure_id: str) -> Response:
    """One figure with all its words, source and licence."""
    return sent(await anyio.to_thread.run_sync(views.figure_page, site_of(request).atlas, figure_id))


@router.get("/cases/{case_id:path}", response_model=schemas.CaseView)
async def case(request: Request, case_id: str) -> Response:
    """One case: its passages in reading order, and its figures."""
    return sent(await anyio.to_thread.run_sync(views.case_page, site_of(request).atlas, case_id))


@router.get("/atlas", response_model=schemas.AtlasView)
async def atlas(request: Request) -> Response:
    """What the open atlas holds, and which encoder made its vectors."""
    return sent(await anyio.to_thread.run_sync(views.atlas_page, site_of(request).atlas))


@router.get("/pictures/{figure_id:path}", response_class=Response, responses=PICTURE)
async def picture(request: Request, figure_id: str, v: Version = "") -> Response:
    """A figure's picture as its source has it."""
    path = Path(await anyio.to_thread.run_sync(site_of(request).atlas.picture, figure_id))
    return assets.picture(request, path, content=path.stem, version=v)


@router.get("/thumbnails/{figure_id:path}", response_class=Response, responses=PICTURE)
async def thumbnail(request: Request, figure_id: str, v: Version = "") -> Response:
    """A figure's picture, small: at most 320 pixels wide or high."""
    both = partial(_thumbnail, request, figure_id)
    content, path = await anyio.to_thread.run_sync(both)
    return assets.picture(request, path, content=content, version=v)


def _thumbnail(request: Request, figure_id: str) -> tuple[str, Path]:
    atlas = site_of(request).atlas
    return Path(atlas.picture(figure_id)).stem, Path(atlas.thumbnail(figure_id))


@router.post(
    "/embed",
    response_model=schemas.EmbeddingView,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["file"],
                        "properties": {"file": {"type": "string", "format": "binary"}},
                    }
                }
            },
        }
    },
)
async def embed(request: Request) -> Response:
    """Turn a dropped picture into its embedding. The picture is kept nowhere; an address is not fetched."""
    site = site_of(request)
    form = await uploads.read_form(request, site)
    if not form:
        raise BadPicture("No picture came with the form. Choose a file first.")
    return sent(await uploads.embed(form, site))
