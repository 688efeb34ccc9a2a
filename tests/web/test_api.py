"""The JSON twins: the same answers as the pages, described truly by OpenAPI."""

import json
import re
import sys
from urllib.parse import quote

import pytest
from pydantic import TypeAdapter

from mirage.query import Query
from mirage.web.views import figures

FILES = ("/file", "/packet", "/ratings", ".csv", ".json")


@pytest.fixture
def openapi(client):
    return client.get("/api/openapi.json").json()


def test_a_search_is_the_same_from_python_over_http_and_on_the_page(site, client):
    query = Query.of("axial brain MRI", less=["contrast@0.5"], modality="MR", k=10)
    expected = [hit.figure.id for hit in site.atlas.search(query).hits]
    got = client.get(f"/api/search?{query.print()}").json()
    assert [hit["figure"]["id"] for hit in got["hits"]] == expected
    body = {
        "terms": [{"text": "axial brain MRI"}, {"text": "contrast", "weight": -0.5}],
        "filters": {"modality": ["MR"]},
        "k": 10,
    }
    posted = client.post("/api/search", json=body).json()
    assert [hit["figure"]["id"] for hit in posted["hits"]] == expected
    page = client.get(f"/search?{query.print()}").text
    shown = [figure["figure"] for group in got["groups"] for figure in group["figures"]]
    assert sorted(shown) == sorted(expected)
    assert re.findall(r'<a class="shot" href="/figure/([^"?]+)', page) == shown


def test_every_answer_is_what_openapi_says(site, client, openapi, a_figure, a_case):
    asked = {
        "/api/search": "/api/search?q=brain&k=3",
        "/api/facets": "/api/facets?q=brain&modality=MR",
        "/api/explain": "/api/explain?q=brain&stream=0",
        "/api/compare": "/api/compare?a.q=brain&b.q=heart",
        "/api/compare/explain": "/api/compare/explain?a.q=brain&b.q=heart&stream=0",
        "/api/figures/{figure_id}": f"/api/figures/{quote(a_figure)}",
        "/api/cases/{case_id}": f"/api/cases/{quote(a_case)}",
        "/api/atlas": "/api/atlas",
        "/api/corpora": "/api/corpora",
        "/api/jobs": "/api/jobs",
        "/api/generate": "/api/generate",
        "/api/collections": "/api/collections",
        "/api/synthetic": "/api/synthetic",
        "/api/browse": "/api/browse",
        "/api/suggest": "/api/suggest?q=br",
        "/api/quiz": "/api/quiz",
        "/api/repeat": "/api/repeat",
        "/api/repeat/cards": "/api/repeat/cards",
        "/api/repeat/progress": "/api/repeat/progress",
        "/api/my-data": "/api/my-data",
        "/api/me": "/api/me",
        "/api/reviews": "/api/reviews",
        "/api/reviews/misleading": "/api/reviews/misleading",
        "/api/reviews/results": "/api/reviews/results",
    }
    described = {path for path, methods in openapi["paths"].items() if "get" in methods}
    files = {path for path in described if path.endswith(FILES)}
    # Told of something that must first be there: each has tests of its own, beside the feature.
    assert {path for path in described - set(asked) - files if "{" not in path} == {
        *("/api/remove", "/api/edit", "/api/take", "/api/map", "/api/people", "/api/audit"),
    }
    for path, address in asked.items():
        answer = client.get(address)
        assert answer.status_code == 200, answer.text
        success = openapi["paths"][path]["get"]["responses"]["200"]["content"]
        name = success["application/json"]["schema"]["$ref"].rpartition("/")[2]
        model = next(
            found
            for module, where in sys.modules.items()
            if module.startswith("mirage.") and (found := getattr(where, name, None))
        )
        assert TypeAdapter(model).validate_json(answer.text, strict=True)  # extra fields are refused, too
        assert set(openapi["components"]["schemas"][name]["properties"]) == set(answer.json())


def test_every_operation_names_its_answer_its_error_and_itself(openapi):
    names = set()
    for path, methods in openapi["paths"].items():
        assert path.startswith("/api/")
        for method, operation in methods.items():
            assert operation["description"], (method, path)
            assert operation["operationId"] not in names
            names.add(operation["operationId"])
            errors = operation["responses"]["default"]["content"]
            assert errors == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
            if "204" in operation["responses"]:
                continue  # what is gone has nothing to tell
            content = next(r for s, r in operation["responses"].items() if s in ("200", "201", "202"))["content"]
            assert content
            # What is no file has a schema of its own, or one of several.
            if path.endswith(FILES):
                continue
            schema = content.get("application/json", {"schema": {"$ref": ""}})["schema"]
            assert all("$ref" in one for one in schema.get("anyOf", [schema])), path
    pointers = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(openapi)))
    assert pointers <= set(openapi["components"]["schemas"])


def test_the_documented_parameters_of_a_search_are_those_that_are_read(client, openapi):
    documented = {p["name"] for p in openapi["paths"]["/api/search"]["get"]["parameters"]}
    refused = client.get("/api/search?q=a&strange=1").json()["detail"]
    known = set(refused.partition("Known are: ")[2].rstrip(".").split(", "))
    assert documented == known - {"picture"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/search", None, 400),
        ("GET", "/api/search?q=brain&k=0", None, 400),
        ("GET", "/api/search?q=brain&picture=0123456789ab.AAAAAAAAAAAA", None, 400),
        ("GET", "/api/facets?colour=red", None, 400),
        ("GET", "/api/figures/starter:none", None, 404),
        ("GET", "/api/cases/none", None, 404),
        ("GET", "/api/pictures/none", None, 404),
        ("GET", "/api/thumbnails/..%2F..%2Frecords.sqlite", None, 404),
        ("GET", "/api/jobs/none", None, 404),
        ("GET", "/api/none", None, 404),
        ("DELETE", "/api/search", None, 405),
        ("POST", "/api/search", "not json", 422),
        ("POST", "/api/search", {"terms": []}, 400),
        ("POST", "/api/search", {"terms": [{"text": "a", "weight": "NaN"}]}, 422),
        ("POST", "/api/search", {"terms": [{"text": "a", "weight": True}]}, 422),
        ("POST", "/api/search", {"terms": [{"text": "a"}], "k": "3"}, 422),
        ("POST", "/api/search", {"terms": [{"text": "a"}], "refine": 1}, 422),
        ("POST", "/api/search", {"terms": [{"text": "a", "figure": "b"}]}, 400),
        ("POST", "/api/search", {"terms": [{"text": "a"}], "k": 10**9}, 400),
        ("POST", "/api/search", {"terms": [{"text": "a"}], "colour": "red"}, 422),
        ("POST", "/api/search", {"terms": [{"picture": "https://example.org/a.png"}]}, 400),
        ("POST", "/api/search", {"terms": [{"picture": "0123456789ab.AAAAAAAAAAAA"}]}, 400),
        ("POST", "/api/search", {"terms": [{"text": "a" * 10_000}]}, 400),
    ],
)
def test_an_error_is_a_problem_in_words(client, method, path, body, status):
    given = {"content": body, "headers": {"Content-Type": "application/json"}} if isinstance(body, str) else {"json": body}
    answer = client.request(method, path, **(given if body is not None else {}))
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = TypeAdapter(figures.Problem).validate_json(answer.content)
    assert problem.status == status
    assert problem.detail
    assert problem.instance == path.partition("?")[0].replace("%2F", "/")
    assert "Traceback" not in answer.text


def test_a_filter_value_may_be_said_in_other_words(client):
    assert client.get("/api/search?q=brain&modality=mri&k=3").json()["query"]["filters"] == {"modality": ["MR"]}


@pytest.mark.one_server("what the test breaks is one of the two servers")
def test_an_unforeseen_error_shows_an_id_and_logs_it_without_the_query(site, caplog, monkeypatch):
    def broken(query):
        raise RuntimeError("out of cheese")

    monkeypatch.setattr(site.atlas, "search", broken)
    with site.client() as client:
        answer = client.get("/api/search?q=a+private+matter")
        page = client.get("/search?q=a+private+matter")
    for shown in (answer, page):
        assert shown.status_code == 500
        number = re.search(r"error ([0-9a-f]{8})", shown.text)[1]
        assert number in caplog.text
        assert "cheese" not in shown.text
    assert "content-security-policy" in answer.headers
    assert "private" not in caplog.text
