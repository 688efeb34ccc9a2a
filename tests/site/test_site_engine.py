"""The search of a site over the data that is gathered for it, against the atlas's own; the script's part is numpy's here."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from mirage.atlas import Atlas
from mirage.query import Query
from mirage.shipped import SHIPPED
from mirage.site.browser.engine import SHARD, Engine
from mirage.site.data import CHANNELS, SiteData, gather

QUERIES = [
    "aortic dissection, CT angiogram",
    "axial brain MRI",
    "lung noduel",
    "riñón izquierdo",
    "no fracture chest x-ray",
    "normal retina",
    "liver",
    "something that nobody has",
    "CT vs MRI of the abdomen",
]


class NumpyHost:
    """What a page's script does, with numpy."""

    def __init__(self, data: SiteData) -> None:
        head, size = data.head, data.head["encoder"]["dimension"]
        vectors = np.frombuffer(data.vectors, np.float16).astype(np.float32).reshape(2, -1, size)
        norms = np.linalg.norm(vectors, axis=2, keepdims=True)
        self._vectors = dict(zip(("image", "caption"), vectors / np.where(norms == 0, 1, norms), strict=True))
        self._captioned = np.array(head["captioned"])
        cut, self._slices, start = np.frombuffer(data.slices, np.float16).astype(np.float32).reshape(-1, size), {}, 0
        for key, numbers in head["slices"].items():
            self._slices[int(key)] = cut[start : start + len(numbers)]
            start += len(numbers)
        self._lists, at = {}, 0
        for channel in CHANNELS:
            numbers, pairs = head["postings"][channel]
            parts = []
            for kind, length in (("<u4", numbers), ("<u4", numbers), ("<u4", pairs), ("<f4", pairs)):
                parts.append(np.frombuffer(data.postings, kind, length, at))
                at += 4 * length
            self._lists[channel] = parts

    def nearest(self, channel: str, vector: Any, limit: int, among: Any) -> list[float]:
        scores = self._vectors[channel] @ np.asarray(vector, np.float32)
        if channel == "image":
            for key, rows in self._slices.items():
                scores[key] = max(scores[key], float((rows @ np.asarray(vector, np.float32)).max()))
        keys = np.flatnonzero(self._captioned) if channel == "caption" else np.arange(len(scores))
        return self._best(scores, [int(key) for key in keys if among is None or key in among], limit)

    def matching(self, channel: str, numbers: Any, weights: Any, limit: int, among: Any) -> list[float]:
        known, ends, keys, worth = self._lists[channel]
        scores: dict[int, float] = {}
        for number, weight in zip(numbers, weights, strict=True):
            place = int(np.searchsorted(known, number))
            if place < len(known) and known[place] == number:
                for pair in range(int(ends[place - 1]) if place else 0, int(ends[place])):
                    scores[int(keys[pair])] = scores.get(int(keys[pair]), 0.0) + float(worth[pair]) * weight
        return self._best(scores, [key for key in scores if among is None or key in among], limit)

    @staticmethod
    def _best(scores: Any, keys: list[int], limit: int) -> list[float]:
        chosen = sorted(keys, key=lambda key: (-round(float(scores[key]), 4), key))[:limit]
        return [value for key in chosen for value in (float(key), float(scores[key]))]

    def frequency(self, channel: str, number: int) -> int:
        known, ends = self._lists[channel][:2]
        place = int(np.searchsorted(known, number))
        if place == len(known) or known[place] != number:
            return 0
        return int(ends[place]) - (int(ends[place - 1]) if place else 0)

    def vector(self, channel: str, key: int) -> Any:
        return [] if channel == "caption" and not self._captioned[key] else self._vectors[channel][key]

    def slices(self, key: int) -> Any:
        return self._slices[key]


class Site:
    """An engine that is brought what it wants, as a page's script brings it."""

    def __init__(self, atlas: Atlas, *, towers: bool = True) -> None:
        rows = [row for batch in atlas.store.each() for row in batch]
        cases = atlas.store.cases({row.figure.case_id for row in rows if row.figure.case_id})
        self.data = gather(atlas, rows, cases)
        shown = {"pages": self.data.head["ids"], "thumbnails": self.data.head["ids"], "explained": {}}
        pieces = json.loads((SHIPPED / "encoder" / "tokenizer.json").read_text("utf-8"))["model"]["vocab"] if towers else {}
        self.engine = Engine(json.dumps(self.data.head | shown), NumpyHost(self.data), json.dumps(pieces))
        self._encoder, self.brought = atlas.encoder, 0

    def ask(self, query: Query) -> dict[str, Any]:
        while True:
            answer = json.loads(self.engine.answer(query.print()))
            if "wanted" not in answer:
                return dict(answer)
            self.brought += 1
            for text in answer["wanted"]["texts"]:
                self.engine.know(text, self._encoder.encode_texts([text])[0])
            for shard in answer["wanted"]["shards"]:
                self.engine.take(shard, json.dumps(self.data.shards[shard]))

    def explain(self, query: Query) -> dict[str, Any]:
        while True:
            told = json.loads(self.engine.explain(query.print()))
            if "wanted" not in told:
                return dict(told)
            for text in told["wanted"]["texts"]:
                self.engine.know(text, self._encoder.encode_texts([text])[0])
            for shard in told["wanted"]["cases"]:
                self.engine.take_cases(shard, json.dumps(self.data.cases[shard]))


@pytest.fixture(scope="module")
def site(some: Atlas) -> Site:
    return Site(some)


@pytest.mark.parametrize("text", QUERIES)
def test_a_site_answers_as_its_atlas_does(site: Site, some: Atlas, text: str) -> None:
    there, here = site.ask(Query.of(text)), some.search(text)
    assert [hit["id"] for hit in there["hits"]] == [hit.figure.id for hit in here.hits]
    assert [(hit["confidence"], hit["basis"]) for hit in there["hits"]] == [(hit.confidence, hit.basis) for hit in here.hits]
    assert there["notes"] == list(here.notes)
    assert there["fits"] == here.fits
    told = [(hit["slice"] and hit["slice"]["number"]) for hit in there["hits"]]
    assert told == [hit.slice and hit.slice.number for hit in here.hits]


def test_filters_pictures_and_figures_are_searched_with_too(site: Site, some: Atlas) -> None:
    first = some.search("liver").hits[0].figure
    queries = [
        Query.of("liver", modality="CT", plane="axial"),
        Query.of(like=[first.id]),
        Query.of("liver", less=["contrast@0.5"]),
        Query.of("kidney", more=["tumor@0.4"], k=40),
        Query.of(pictures=[site.engine.picture(some.store.vectors.of([1], some.encoder_info.digest)[1][0])]),
    ]
    for query in queries:
        there, here = site.ask(query), some.search(query)
        assert [hit["id"] for hit in there["hits"]] == [hit.figure.id for hit in here.hits], query
        assert [hit["confidence"] for hit in there["hits"]] == [hit.confidence for hit in here.hits], query


def test_only_what_is_looked_at_is_brought(some: Atlas) -> None:
    site = Site(some)
    assert len(site.data.shards) == -(-len(site.data.head["ids"]) // SHARD)
    site.ask(Query.of("liver"))
    assert site.brought
    before = site.brought
    site.ask(Query.of("liver"))
    assert site.brought == before


def test_a_site_without_towers_searches_words_and_refuses_pictures(some: Atlas) -> None:
    site = Site(some, towers=False)
    found = site.ask(Query.of("liver"))
    assert found["fits"]
    assert "liver" in json.dumps(found["hits"][0]).lower()
    refused = site.ask(Query.of(like=[found["hits"][0]["id"]]))
    assert "searches words only" in refused["error"]


@pytest.mark.parametrize(
    "address", ["q=", "less=contrast", "nonsense=1", "q=x&k=900", "like=nobody:9", "picture=zz", "q=liver&modality=nothing"]
)
def test_what_cannot_be_asked_is_told_in_words(site: Site, address: str) -> None:
    told = json.loads(site.engine.answer(address))
    assert set(told) == {"error"}
    assert len(told["error"]) > 20
    assert "Traceback" not in told["error"]


def test_what_is_found_is_explained_as_the_atlas_explains_it(site: Site, some: Atlas) -> None:
    said = 0
    for text in QUERIES:
        query = Query.of(text)
        site.ask(query)
        there, here = site.explain(query), some.explain(text, explainer="extractive")
        assert [(each["text"], tuple(each["cites"])) for each in there["claims"]] == [
            (each.text, each.cites) for each in here.claims
        ], text
        assert there["remarks"] == list(here.remarks), text
        known = {each["number"]: each for each in there["evidence"]}
        for claim in there["claims"]:
            assert all(known[number]["pages"] and known[number]["text"] for number in claim["cites"])
        said += len(here.claims)
    assert said > 3
    assert site.explain(Query.of("which was not asked"))["claims"] == []


def test_what_the_towers_have_to_read_is_told_before_anything_is_counted(site: Site, monkeypatch) -> None:
    counted: list[str] = []
    for name in ("nearest", "matching"):
        own = getattr(NumpyHost, name)
        monkeypatch.setattr(NumpyHost, name, lambda self, *given, own=own: counted.append(own.__name__) or own(self, *given))
    query = Query.of("a liver that no other test asks for").print()
    assert json.loads(site.engine.answer(query))["wanted"]["texts"]
    assert not counted
    site.ask(Query.parse(query))
    assert {"nearest", "matching"} <= set(counted)
