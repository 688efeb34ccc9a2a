"""What FastAPI cannot tell by itself in the description of the HTTP API: query strings, forms and errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic_core import to_json
from starlette.responses import Response

from mirage.query import DEFAULT_K, FILTERS, MAX_K
from mirage.web.views.figures import Problem
from mirage.web.views.generate import GenerateBody, PairBody

PROBLEM: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "What went wrong, in words for a person (RFC 9457).",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}
EVENTS = "text/event-stream"
_STRING = {"type": "string"}
_STRINGS = {"type": "array", "items": _STRING}
_SEARCH = {
    "q": "What to look for, in words.",
    "more": "A further term: words@weight. May be repeated.",
    "less": "Less of this: words@weight. May be repeated.",
    "like": "Id of a figure to find the like of. May be repeated.",
    **{name: f"Keep figures whose {name} is this. May be repeated: any of them." for name in FILTERS},
}
_COMPARE = {
    "a.q": "What A looks for, in words. All names of a search may follow a. and b.",
    "b.q": "What B looks for.",
    "q": "Instead of both: one query, and what B has less and more of.",
    "less": "Less of this: words@weight. May be repeated.",
    "more": "More of this: words@weight. May be repeated.",
}
_EXPLAIN = {
    "explainer": "Who shall speak: the one that the settings choose (when left out), or extractive, which only quotes.",
    "stream": "0 for the whole as one JSON object.",
}

Parameters = list[dict[str, Any]]


def _parameter(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": dict(schema)}


FACETS: Parameters = [_parameter(name, words, _STRING if name == "q" else _STRINGS) for name, words in _SEARCH.items()]
"""The query string of facets; `mirage.query.Query.parse` is what reads it."""
SEARCH: Parameters = [
    *FACETS,
    _parameter(
        "refine", "1 to search twice, the second time with what explains the first hits.", _STRING | {"enum": ["0", "1"]}
    ),
    _parameter("k", "How many hits at most.", {"type": "integer", "minimum": 1, "maximum": MAX_K, "default": DEFAULT_K}),
]
COMPARE: Parameters = [_parameter(name, words, _STRING) for name, words in _COMPARE.items()]
EXPLAIN: Parameters = [_parameter(name, words, _STRING) for name, words in _EXPLAIN.items()]


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


def takes(*, json: str = "", form: Mapping[str, dict[str, Any]] | None = None, required: str = "file") -> dict[str, Any]:
    """Describe a body that is read by hand.

    Parameters
    ----------
    json : str
        Name of the schema, where it may be JSON.
    form : mapping, optional
        Field to schema, where it may be a form with a file.
    required : str
        The field that the form must have.
    """
    content: dict[str, Any] = {}
    if json:
        content["application/json"] = {"schema": {"$ref": f"#/components/schemas/{json}"}}
    if form:
        schema = {"type": "object", "required": [required], "properties": dict(form)}
        content["multipart/form-data"] = {"schema": schema}
    return {"requestBody": {"required": True, "content": content}}


TAKES_PICTURE = takes(form={"file": {"type": "string", "format": "binary"}})


def sent(view: object, status: int = 200) -> Response:
    """Send a view as JSON. Pydantic writes it in one go, which FastAPI's own way does not.

    Parameters
    ----------
    view : pydantic.BaseModel or dataclass
    status : int
        Of HTTP.
    """
    return Response(to_json(view), status, media_type="application/json")


def describe(app: FastAPI) -> None:
    """Put the shape of errors, and of bodies that are read by hand, into an application's OpenAPI description."""

    def described() -> dict[str, Any]:
        if not app.openapi_schema:
            made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            schemas = made.setdefault("components", {}).setdefault("schemas", {})
            for model in (Problem, GenerateBody, PairBody):
                one = model.model_json_schema(ref_template="#/components/schemas/{model}")
                schemas.update(one.pop("$defs", {}))
                schemas[model.__name__] = one
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]
