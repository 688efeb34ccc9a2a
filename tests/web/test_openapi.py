"""The HTTP API keeps its paths, its schemas and their fields, so that nothing of others breaks by accident."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from mirage.settings import Settings
from mirage.web import create_app

LISTING = Path(__file__).parents[1] / "data" / "openapi.txt"
RENEW = "MIRAGE_RENEW_LISTING"


def listed(document: dict[str, Any]) -> Iterator[str]:
    """One line for each operation with its parameters, body and answers, and one for each schema with its fields."""
    for path, methods in sorted(document["paths"].items()):
        for method, operation in sorted(methods.items()):
            yield f"{method.upper()} {path}"
            given = [f"{each['name']}{'' if each.get('required') else '?'}" for each in operation.get("parameters", ())]
            body = operation.get("requestBody", {}).get("content", {})
            for what, names in (("given", given), ("body", contents(body))):
                if names:
                    yield f"  {what}: {' '.join(names)}"
            for status, answer in sorted(operation["responses"].items()):
                yield f"  {status}: {' '.join(contents(answer.get('content', {})))}".rstrip()
    for name, schema in sorted(document["components"]["schemas"].items()):
        required = schema.get("required", ())
        fields = [f"{field}{'' if field in required else '?'}" for field in sorted(schema.get("properties", ()))]
        yield f"{name}: {' '.join(fields)}"


def contents(content: dict[str, Any]) -> list[str]:
    names = []
    for kind, each in sorted(content.items()):
        schema = each.get("schema", {})
        fields = schema.get("properties", {})
        names.append(schema.get("$ref", "").rpartition("/")[2] or f"{kind}{sorted(fields) if fields else ''}")
    return names


def test_paths_schemas_and_fields_are_those_that_are_committed():
    now = "".join(f"{line}\n" for line in listed(create_app(None, Settings()).openapi()))
    if RENEW in os.environ:
        LISTING.write_text(now, "utf-8")
    assert now.splitlines() == LISTING.read_text("utf-8").splitlines(), f"meant so? Then run this test with {RENEW}=1"


def test_an_address_that_is_asked_wrongly_says_all_that_it_takes():
    app = create_app(None, Settings())
    client = TestClient(app, base_url="http://localhost")
    for path, methods in app.openapi()["paths"].items():
        answer = client.options(re.sub(r"\{[^}]*\}", "1", path))
        assert answer.status_code == 405, path
        assert answer.headers["Allow"].split(", ") == sorted(map(str.upper, methods)), path
