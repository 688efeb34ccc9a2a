"""What FastAPI cannot tell by itself in the description of the HTTP API: query strings, forms and errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema
from pydantic_core import to_json
from starlette.responses import Response

from mirage.query import DEFAULT_K, FILTERS, MAX_K
from mirage.web.rights import wants
from mirage.web.root import root
from mirage.web.views.figures import Problem
from mirage.web.views.generate import GenerateBody, PairBody

PROBLEM: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "What went wrong, in words for a person (RFC 9457).",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}
KEPT: dict[int | str, dict[str, Any]] = {304: {"description": "What the asker has is the right one."}}
EVENTS = "text/event-stream"
router = APIRouter(include_in_schema=False, dependencies=[wants("search")])
_STRING: dict[str, Any] = {"type": "string"}
_YES = _STRING | {"enum": ["0", "1"]}
Parameters = list[dict[str, Any]]


def _parameters(words: Mapping[str, str], schema: Mapping[str, Any] = _STRING) -> Parameters:
    shape = {"in": "query", "required": False, "schema": dict(schema)}
    return [{"name": name, "description": description, **shape} for name, description in words.items()]


FACETS = _parameters({"q": "What to look for, in words."}) + _parameters(
    {
        "more": "A further term: words@weight. May be repeated.",
        "less": "Less of this: words@weight. May be repeated.",
        "like": "Id of a figure; finds figures like it. May be repeated.",
        **{name: f"Keep figures whose {name} is this. May be repeated: any of them." for name in FILTERS},
    },
    {"type": "array", "items": _STRING},
)
"""The query string of facets; `mirage.query.Query.parse` is what reads it."""
SEARCH = (
    FACETS
    + _parameters({"refine": "1 to search twice, the second time also with the explanation of the first hits."}, _YES)
    + _parameters({"withdrawn": "1 to find also figures that their source has withdrawn; they are marked."}, _YES)
    + _parameters({"k": "How many hits at most."}, {"type": "integer", "minimum": 1, "maximum": MAX_K, "default": DEFAULT_K})
)
COMPARE = _parameters(
    {
        "a.q": "What A looks for, in words. All names of a search may follow a. and b.",
        "b.q": "What B looks for.",
        "q": "Instead of both: one query, and what B has less and more of.",
        "less": "Less of this: words@weight. May be repeated.",
        "more": "More of this: words@weight. May be repeated.",
    }
)
EXPLAIN = _parameters(
    {
        "explainer": "Which explainer: the one that the settings choose (when left out), or extractive, which only quotes.",
        "stream": "0 for the whole as one JSON object.",
    }
)


def streamed(description: str) -> dict[int | str, dict[str, Any]]:
    """Describe an answer of server-sent events."""
    return {200: {"description": description, "content": {EVENTS: {}}}}


def files(description: str, *kinds: str) -> dict[int | str, dict[str, Any]]:
    """Describe an answer that is a file.

    Parameters
    ----------
    description : str
    *kinds : str
        Its media types.
    """
    return {200: {"description": description, "content": {kind: {} for kind in kinds}}}


def takes(json: str = "", **form: str) -> dict[str, Any]:
    """Describe a body that is read by hand.

    Parameters
    ----------
    json : str
        Name of the schema, where it may be JSON.
    **form : str
        Fields, where it may be a form, with what each is; the first is required, and ``file`` is a file.
    """
    content: dict[str, Any] = {}
    if json:
        content["application/json"] = {"schema": {"$ref": f"#/components/schemas/{json}"}}
    if form:
        fields = {name: _STRING | {"description": words} for name, words in form.items()}
        fields["file"]["format"] = "binary"
        content["multipart/form-data"] = {"schema": {"type": "object", "required": [*form][:1], "properties": fields}}
    return {"requestBody": {"required": True, "content": content}}


TAKES_PICTURE = takes(file="The picture.")


def sent(view: object, status: int = 200) -> Response:
    """Send a view as JSON. Pydantic writes it in one go, which FastAPI's own way does not.

    Parameters
    ----------
    view : pydantic.BaseModel or dataclass
    status : int
        Of HTTP.
    """
    return Response(to_json(view, inf_nan_mode="null"), status, media_type="application/json")


@router.get("/api/openapi.json")
def description(request: Request) -> Response:
    """Describe the HTTP API."""
    return Response(to_json(request.app.openapi()), media_type="application/json")


def describe(app: FastAPI) -> None:
    """Put the shape of errors, and of bodies that are read by hand, into an application's OpenAPI description."""

    def described() -> dict[str, Any]:
        if not app.openapi_schema:
            made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            models = [(model, "validation") for model in (Problem, GenerateBody, PairBody)]
            _, found = models_json_schema(models, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
            made["components"]["schemas"] |= found["$defs"]
            app.openapi_schema = made
        return {**app.openapi_schema, "servers": [{"url": root()}]} if root() else app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]
