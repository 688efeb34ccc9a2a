"""What many ask for is made once and kept until the atlas changes, within so many bytes, and nothing of a person with it."""

from __future__ import annotations

import pickle
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from serving import Served, serving

from mirage.atlas import Atlas
from mirage.search.answer import Answer, FoundFacets
from mirage.settings import Settings
from mirage.web import answers
from mirage.web.cache import Cache
from parts import PATIENCE, copy_atlas, until


def test_who_asks_while_it_is_made_waits_and_it_is_made_once() -> None:
    cache, go_on, made = Cache(), threading.Event(), []

    def make() -> str:
        assert go_on.wait(60)
        made.append(1)
        return "made"

    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(cache.made, "key", 1, make, len) for _ in range(6)]
        go_on.set()
        assert {each.result() for each in asked} == {"made"}
    assert (len(made), cache.missed, cache.found, cache.bytes) == (1, 1, 5, 4)


def test_what_cannot_be_made_is_kept_for_nobody() -> None:
    cache = Cache()

    def broken() -> str:
        raise ValueError("no")

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            cache.made("key", 1, broken, len)
    assert (cache.missed, len(cache)) == (2, 0)
    assert cache.made("key", 1, lambda: "yes", len) == "yes"


def test_what_was_asked_for_longest_ago_gives_way_and_nothing_takes_all() -> None:
    cache = Cache(most=1600)
    for name in range(16):
        cache.made(name, 1, lambda: "x" * 100, len)
    cache.made(0, 1, lambda: "never", len)
    cache.made("more", 1, lambda: "x" * 100, len)
    assert cache.known(0, 1) is not None
    assert cache.known(1, 1) is None
    assert cache.made("large", 1, lambda: "x" * 101, len) == "x" * 101
    assert (cache.known("large", 1), cache.bytes) == (None, 1600)


def test_all_is_forgotten_when_it_is_made_of_something_else() -> None:
    cache = Cache()
    cache.made("key", 1, lambda: "old", len)
    assert cache.made("key", 2, lambda: "new", len) == "new"
    cache.keep("other", 1, "old", 3)  # what was begun before
    assert (cache.known("other", 2), cache.bytes) == (None, 3)


class Elsewhere:
    """What another process has made."""

    def __init__(self) -> None:
        self.asked = 0

    def known(self, key: object, of: object) -> str:
        self.asked += 1
        return "made there"


def test_what_another_process_made_is_asked_for_once() -> None:
    cache = Cache()
    cache.sharing = there = Elsewhere()
    assert {cache.known("key", 1, len) for _ in range(5)} == {"made there"}
    assert (there.asked, cache.found, cache.bytes) == (1, 4, len("made there"))


@pytest.fixture
def own(tmp_path: Path, some_folder: Path) -> Iterator[Served]:
    with (
        Atlas.open(copy_atlas(some_folder, tmp_path / "atlas")) as atlas,
        serving(atlas, Settings(), tmp_path) as served,
    ):
        yield served


def unasked(*_: object, **__: object) -> None:
    raise AssertionError("It was made again.")


def asked(served: Served, path: str, **headers: str) -> httpx.Response:
    with served.client() as client:
        return client.get(path, headers=headers)


@pytest.mark.one_server("what one server remembers")
def test_an_answer_is_sent_again_only_to_who_has_not_got_it(own: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    first = asked(own, "/api/search?q=brain+MRI")
    monkeypatch.setattr(own.atlas, "search", unasked)
    again = asked(own, "/api/search?q=brain+MRI")
    plain = asked(own, "/api/search?q=brain+MRI", **{"Accept-Encoding": "identity"})
    assert first.json() == again.json() == plain.json()
    assert (again.headers["content-encoding"], "content-encoding" in plain.headers) == ("gzip", False)
    known = asked(own, "/api/search?q=brain+MRI", **{"If-None-Match": first.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")


@pytest.mark.one_server("what one server answers at once")
def test_of_what_nobody_has_asked_before_so_much_is_answered_at_once_and_what_is_kept_is_meanwhile(
    own: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = ("/api/search?q=brain+MRI", "/api/compare?a.q=brain&b.q=chest")
    kept += (
        "/search?q=brain+MRI",
        "/compare?a.q=brain&b.q=chest",
        "/api/facets?q=brain+MRI",
        "/api/facets",
        "/explain?q=brain+MRI",
    )
    assert {asked(own, each).status_code for each in kept} == {200}
    query, dual = ({"terms": [{"text": each}]} for each in ("brain MRI", "brain"))
    posted = {"/api/search": query, "/api/compare": {"a": dual, "b": {"terms": [{"text": "chest"}]}}}

    def post(path: str) -> int:
        with httpx.Client(base_url=own.url, trust_env=False, timeout=PATIENCE) as client:
            return client.post(path, json=posted[path]).status_code

    assert {post(each) for each in posted} == {200}
    finding, goes_on, begun = own.site.finding, threading.Event(), []
    search, compare = own.atlas.search, own.atlas.compare

    def held(answer: Callable[[Any], Any], what: Any) -> Any:
        begun.append(what)
        assert goes_on.wait(PATIENCE)
        return answer(what)

    monkeypatch.setattr(own.atlas, "search", partial(held, search))
    monkeypatch.setattr(own.atlas, "compare", partial(held, compare))
    kinds = ("search?q", "compare?a.q=chest&b.q", "api/search?q", "api/facets?q", "api/compare?a.q=chest&b.q")
    paths = [f"/{kind}={words}+{number}" for number, kind in enumerate(kinds) for words in ("lesion", "tumor")]
    with ThreadPoolExecutor(len(paths)) as pool:
        try:
            answers = [pool.submit(asked, own, each) for each in paths]
            most = int(finding.total_tokens)
            until(lambda: (finding.statistics().tasks_waiting, len(begun)) == (len(paths) - most, most))
            assert {asked(own, each).status_code for each in kept} == {200}
            assert {post(each) for each in posted} == {200}
        finally:
            goes_on.set()
        assert {each.result(PATIENCE).status_code for each in answers} == {200}


@pytest.mark.one_server("what one server remembers")
def test_a_page_reads_what_is_found_once(own: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    read, loads = [], pickle.loads

    def loading(data: bytes) -> Any:
        read.append(made := loads(data))
        return made

    monkeypatch.setattr(answers.pickle, "loads", loading)
    assert asked(own, "/search?q=brain+MRI").status_code == 200
    assert [type(each) for each in read] == [Answer, FoundFacets]


def test_what_is_hidden_or_removed_is_in_no_answer_from_then_on(own: Served) -> None:
    def found() -> list[str]:
        answer = asked(own, "/api/search?q=brain+MRI").json()
        page = asked(own, "/search?q=brain+MRI").text
        assert page.count('<li class="card') == len(answer["hits"])
        return [hit["figure"]["id"] for hit in answer["hits"]]

    first, second, *_ = found()
    own.atlas.study.reviews.hidden.set(own.atlas.reference(first), hide=True)
    assert first not in found()
    own.atlas.study.reviews.hidden.set(own.atlas.reference(first), hide=False)
    assert first in found()
    own.atlas.remove(second)
    assert second not in found()
    assert asked(own, f"/figure/{second}").status_code == 410


@pytest.mark.parametrize("path", ["/", "/compare"])
def test_what_is_hidden_is_no_example_from_then_on(own: Served, path: str) -> None:
    def shown() -> list[str]:
        return re.findall(r'/api/thumbnails/([^"?]+)', asked(own, path).text)

    first = shown()[0]
    own.atlas.study.reviews.hidden.set(own.atlas.reference(first), hide=True)
    assert first not in shown()


@pytest.mark.one_server("what one server remembers")
def test_of_a_dropped_picture_nothing_is_kept(own: Served) -> None:
    site = own.atlas
    picture = site.embed(Image.new("L", (64, 64), 90)).print()
    body = {"terms": [{"picture": picture}, {"text": "brain"}]}
    with own.client() as client:
        assert client.post("/api/search", json=body).status_code == 200
        assert client.post("/explain/stream", data={"q": "brain", "picture": picture}).status_code == 200
        assert client.post("/search", data={"q": "brain", "picture": picture}).status_code == 200
    cache = own.site.cache
    assert len(cache) == 0


@pytest.mark.one_server("what one server remembers")
def test_the_token_of_who_asks_is_put_into_a_page_that_is_kept(own: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    assert own.token in asked(own, "/search?q=brain+MRI").text
    monkeypatch.setattr(own.site, "start", "another-token")
    again = asked(own, "/search?q=brain+MRI").text
    assert "another-token" in again
    assert own.token not in again


@pytest.mark.one_server("what one server remembers")
def test_an_explanation_that_is_kept_streams_as_it_did(own: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    events = {"Accept": "text/event-stream"}
    first = asked(own, "/explain/stream?q=brain+MRI", **events).text
    told = asked(own, "/api/explain?q=brain+MRI", **events).text
    monkeypatch.setattr(own.atlas, "explaining", unasked)
    assert asked(own, "/explain/stream?q=brain+MRI", **events).text == first
    assert asked(own, "/api/explain?q=brain+MRI", **events).text == told
    assert first.rstrip().splitlines()[-2] == "event: ended"
