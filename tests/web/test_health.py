"""Whoever runs a site sees whether it lives and what it does, and never who looked for what."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from serving import Served, serving

from mirage.atlas import Atlas
from mirage.errors import AtlasError
from mirage.settings import Settings
from mirage.web.logs import JsonLines
from parts import copy_atlas


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, some_folder: Path) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("measured")
    with (
        Atlas.open(copy_atlas(some_folder, folder / "atlas")) as atlas,
        serving(atlas, Settings(metrics=True), folder) as served,
    ):
        yield served


def test_it_is_alive_and_ready_under_any_name(client) -> None:
    for path in ("/healthz", "/readyz"):
        answer = client.get(path, headers={"Host": "10.1.2.3"})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert "index answers" in client.get("/readyz").text


@pytest.mark.parametrize("path", ["/", "/healthz", "/quiz", "/api/atlas", "/search?q=liver"])
def test_who_only_wants_to_know_whether_it_answers_gets_the_head_of_the_answer(client, path: str) -> None:
    whole, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]
    assert client.head("/no-such-page").status_code == 404


def test_a_head_of_what_is_written_as_it_comes_is_refused(client) -> None:
    assert client.head("/explain/stream?q=liver").status_code == 405


@pytest.mark.parametrize(
    ("error", "words"), [(AtlasError("It is gone."), "It is gone."), (OSError("secret path"), "(OSError).")]
)
@pytest.mark.one_server("what the test breaks is one of the two servers")
def test_what_cannot_be_read_is_said_in_a_sentence(measured: Served, monkeypatch, error: Exception, words: str) -> None:
    def broken(_: str) -> None:
        raise error

    monkeypatch.setattr(measured.atlas.store, "note", broken)
    with measured.client() as client:
        answer = client.get("/readyz")
        assert (answer.status_code, answer.text.startswith("The records of the atlas cannot be read")) == (503, True)
        assert answer.text.endswith(words)
        assert client.get("/healthz").status_code == 200


def test_no_numbers_are_given_out_unless_a_setting_says_so(client) -> None:
    assert client.get("/metrics").status_code == 404


@pytest.mark.one_server("each server counts for itself")
def test_numbers_are_by_route_and_hold_nothing_of_what_was_asked(measured: Served) -> None:
    with measured.client() as client:
        found = client.get("/api/search?q=zebra+fibroid").json()["hits"][0]["figure"]["id"]
        client.get(f"/figure/{found}")
        client.get("/nowhere/zebra")
        text = client.get("/metrics").text
    assert "zebra" not in text
    assert found not in text
    told = {each.name: each for each in text_string_to_metric_families(text)}
    routes = {each.labels["route"] for each in told["mirage_requests"].samples}
    assert {"/api/search", "/figure/{figure_id:path}", "none"} <= routes
    seconds = [each for each in told["mirage_request_seconds"].samples if each.labels.get("route") == "/api/search"]
    assert any(each.name.endswith("_count") and each.value == 1 for each in seconds)
    assert told["mirage_kept_missed"].samples[0].value >= 1
    assert {"mirage_explanations_waiting", "mirage_jobs", "mirage_picture_memory_used_bytes"} <= told.keys()


def test_a_line_of_the_log_has_the_route_and_the_id_of_the_request_and_no_query(
    measured: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "mirage.web.access"), measured.client() as client:
        answer = client.get("/api/search?q=zebra")
    lines = [json.loads(JsonLines().format(each)) for each in caplog.records if each.name == "mirage.web.access"]
    line = next(each for each in lines if each["id"] == answer.headers["x-request-id"])
    assert {name: line[name] for name in ("method", "route", "status")} == {
        "method": "GET", "route": "/api/search", "status": 200,
    }  # fmt: skip
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    assert "zebra" not in json.dumps(lines)


def test_a_defect_is_a_line_too() -> None:
    record = logging.LogRecord("mirage", logging.ERROR, "", 0, "It %s.", ("broke",), None)
    assert json.loads(JsonLines().format(record))["message"] == "It broke."
