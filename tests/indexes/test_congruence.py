"""Every index answers as the one in this process does: the same operations on each, and their answers side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from index_kinds import KINDS, maker
from mirage.indexes import Index, IndexQuery, Point, bm25
from mirage.indexes.bm25 import TEXT_CHANNELS

pytestmark = pytest.mark.filterwarnings("ignore:(Payload indexes|Local mode)")
D, FIGURES = 32, 240
DICE = np.random.default_rng(11)
WORDS = "brain lung lesion hematoma aorta fracture kidney spleen cyst nodule axial coronal contrast edema mass".split()
VALUES = {
    "modality": ["CT", "MR", "US"],
    "plane": ["axial", "coronal", ""],
    "region": ["brain", "thorax"],
    "proof": ["", "biopsy"],
    "corpus": ["starter", "own"],
    "licence": ["CC BY 4.0", "not stated"],
}


def unit(*shape: int) -> np.ndarray:
    vectors = DICE.normal(size=(*shape, D)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def said(most: int) -> str:
    return " ".join(DICE.choice(WORDS, size=DICE.integers(1, most)))


def drawn(key: int) -> Point:
    own = said(12)
    return Point(
        key,
        unit(),
        unit() if DICE.random() < 0.8 else None,
        bm25.weighted(own, "words") if DICE.random() < 0.95 else {},
        {name: str(DICE.choice(values)) for name, values in VALUES.items()},
        {int(number): float(DICE.choice([0.5, 1.0])) for number in DICE.integers(2**31, 2**32, size=2)} | {7: 0.25},
        bm25.weighted(f"{own} {said(60)}", "case"),
        unit(int(DICE.integers(2, 6))) if key % 20 == 0 else None,
    )


def question(index: Index) -> IndexQuery:
    rarity, text = bm25.Rarity(index), said(5)
    names = DICE.choice(list(VALUES), size=DICE.integers(0, 3), replace=False)
    return IndexQuery(
        unit() if DICE.random() < 0.8 else None,
        rarity.asked(text),
        int(DICE.choice([1, 10, 64])),
        {name: [str(one) for one in DICE.choice(VALUES[name], size=DICE.integers(1, 3))] for name in names},
        caption_channel=bool(DICE.random() < 0.8),
        concepts={7: 1.0, 11: 1.0} if DICE.random() < 0.5 else {},
        among=sorted(DICE.choice(FIGURES, size=60, replace=False).tolist()) if DICE.random() < 0.3 else None,
        case=rarity.asked(text, "case"),
    )


def changed(index: Index, points: list[Point], again: list[Point]) -> None:
    """Added in pieces, some of it replaced, some removed."""
    for start in range(0, len(points), 90):
        index.add(points[start : start + 90])
    index.add(again)
    index.remove([3, 20, 77, 9_999])
    index.optimise()
    index.warm()


@pytest.fixture(scope="module")
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Index, Index]]:
    """The index in this process and another one, with the same done to both."""
    points = [drawn(key) for key in range(FIGURES)]
    again = [replace(drawn(key), slices=None) for key in (0, 5, 40, 41)]
    folder: Path = tmp_path_factory.mktemp("pair")
    here, there = maker("embedded", request)(folder / "here"), maker(request.param, request)(folder / "there")
    for index in (here, there):
        changed(index, points, again)
    yield here, there
    here.close()
    there.close()


OTHERS = [kind for kind in KINDS if not kind.startswith("embedded")]


@pytest.mark.parametrize("pair", OTHERS, indirect=True)
def test_every_operation_answers_as_in_this_process(pair: tuple[Index, Index]) -> None:
    here, there = pair
    assert len(here) == len(there) == FIGURES - 3
    assert sorted(here.keys()) == sorted(there.keys())
    for filters in ({}, {"modality": ["CT"]}, {"modality": ["CT", "US"], "plane": [""]}, {"region": ["nowhere"]}):
        assert here.facets(filters) == there.facets(filters)
    for word in WORDS:
        number = bm25.number(word) or 0
        for channel in TEXT_CHANNELS:
            assert here.frequency(number, channel) == there.frequency(number, channel)
    some = [0, 3, 5, 40, 9_999]
    mine, theirs = here.vectors(some), there.vectors(some)
    assert mine.keys() == theirs.keys() == {0, 5, 40}
    for key, vector in mine.items():
        np.testing.assert_allclose(vector, theirs[key], atol=1e-6)


@pytest.mark.parametrize("pair", OTHERS, indirect=True)
def test_every_channel_lists_the_same_figures_with_the_same_scores(pair: tuple[Index, Index]) -> None:
    here, there = pair
    listed = 0
    for _ in range(60):
        asked = question(here)
        mine, theirs = here.ask(asked), there.ask(asked)
        assert mine.keys() == theirs.keys()
        for channel, ranked in mine.items():
            assert [key for key, _ in ranked] == [key for key, _ in theirs[channel]], channel
            np.testing.assert_allclose([score for _, score in ranked], [score for _, score in theirs[channel]], atol=1e-4)
            listed += len(ranked)
    assert listed > 1_000
