"""What the index in PostgreSQL remembers of words: it follows every change, and stays within its bytes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from mirage.indexes import IndexQuery, Point, Ranked
from mirage.indexes import postgres_reading as reading
from mirage.indexes.postgres import PostgresIndex

D = 8
DICE = np.random.default_rng(3)
FIELDS = {"modality": "MR", "plane": "axial", "region": "brain", "proof": "", "corpus": "starter", "licence": "not stated"}
ASKED = IndexQuery(
    np.eye(D, dtype=np.float32)[0], {1: 1.0, 2: 2.0, 3: 0.5}, 50, {"modality": ["CT", "MR"]}, concepts={7: 1.0}
)


def drawn(key: int) -> Point:
    vector = DICE.normal(size=D).astype(np.float32)
    words = {int(one): float(DICE.choice([0.5, 1.0, 1.5])) for one in DICE.choice(np.arange(1, 6), 2, replace=False)}
    fields = FIELDS | {"modality": str(DICE.choice(["CT", "MR", "US"]))}
    return Point(key, vector / np.linalg.norm(vector), None, words, fields, {7: 1.0})


@pytest.fixture
def address(postgres_url: str) -> str:
    database, mark, rest = postgres_url.partition("?")
    return f"{database}/figures{mark}{rest}"


@pytest.fixture
def index(address: str) -> Iterator[PostgresIndex]:
    made = PostgresIndex(address, D)
    yield made
    made.close()


def anew(address: str) -> dict[str, Ranked]:
    """How one answers that remembers nothing."""
    other = PostgresIndex(address, D)
    answer = other.ask(ASKED)
    other.close()
    return answer


def test_what_one_remembers_follows_every_change_of_another(
    index: PostgresIndex, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, reads, read = PostgresIndex(address, D), list[int](), index._memory.read
    monkeypatch.setattr(index._memory, "read", lambda *given: reads.append(1) or read(*given))
    for change in (
        lambda: other.add([drawn(key) for key in range(40)]),
        lambda: other.add([drawn(key) for key in range(30, 60)]),
        lambda: other.remove([1, 2, 31, 59]),
        other.optimise,
        lambda: index.add([drawn(key) for key in (5, 31, 70)]),
        other.optimise,
        lambda: other.remove(range(100)),
        other.optimise,
        lambda: other.add([drawn(3)]),
    ):
        change()
        first, read_so_far = index.ask(ASKED), len(reads)
        assert first == anew(address)
        assert index.ask(ASKED) == first
        assert len(reads) == read_so_far, "what is remembered was read again"
    assert len(reads) == 9
    other.close()


def test_an_index_made_anew_at_the_same_address_is_not_taken_for_the_one_before(index: PostgresIndex, address: str) -> None:
    index.add([drawn(key) for key in range(20)])
    index.ask(ASKED)
    PostgresIndex.drop(address)
    other = PostgresIndex(address, D)
    other.add([drawn(key) for key in range(100, 110)])
    assert index.ask(ASKED) == other.ask(ASKED)
    assert all(key >= 100 for key, _ in index.ask(ASKED)["words"])
    other.close()


def test_it_stays_within_its_bytes_and_answers_alike(index: PostgresIndex, address: str) -> None:
    index.add([drawn(key) for key in range(300)])
    for most in (0, 3_000, 6_000):
        index._memory = reading.Memory(most)
        for question in (ASKED, replace(ASKED, words={4: 1.0, 5: 1.0}), ASKED):
            index.ask(question)
            assert index._memory._size <= most
            assert index._memory._size == sum(row.size for row in index._memory._rows.values())
        assert index.ask(ASKED) == anew(address)
    assert index._memory._rows
    index.close()
    assert not index._memory._rows


def test_while_another_writes_every_answer_is_of_one_moment(index: PostgresIndex, address: str) -> None:
    """Each figure has stem 1 or stem 2 and is of one modality, whenever it is looked at."""

    def points(turn: int) -> list[Point]:
        return [
            replace(drawn(key), words={1 + (key + turn) % 2: 1.0}, fields=FIELDS | {"modality": ["CT", "MR"][turn % 2]})
            for key in range(30)
        ]

    index.add(points(0))
    wrong, done = list[object](), threading.Event()

    def ask() -> None:
        while not done.is_set():
            found = index.ask(replace(ASKED, vector=None))["words"]
            if sorted(key for key, _ in found) != list(range(30)):
                wrong.append(found)

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for one in askers:
        one.start()
    other = PostgresIndex(address, D)
    for turn in range(1, 13):
        other.add(points(turn))
        if turn % 4 == 0:
            other.optimise()
    done.set()
    for one in askers:
        one.join()
    other.close()
    assert not wrong


@pytest.mark.parametrize("far", [1, 1_000_000], ids=["near keys", "far keys"])
@pytest.mark.parametrize("share", [None, 0.5, 0.002], ids=["all", "half", "few"])
def test_scores_are_the_sums_of_the_products_however_they_are_counted(far: int, share: float | None) -> None:
    rows, own = dict[reading.Asked, list[reading._Part]](), dict[int, float]()
    passing = None if share is None else np.flatnonzero(DICE.random(2_000) < share).astype(np.int32) * far
    weights = {number: float(DICE.choice([0.5, 1.25])) for number in range(20)}
    for number, weight in weights.items():
        for segment, keys in enumerate(np.split(np.sort(DICE.choice(2_000, 900, replace=False)), [500])):
            has = DICE.choice([0.25, 0.5], len(keys)).astype(np.float32)
            part = reading._Part(segment, 0, (keys * far).astype(np.int32), has)
            rows.setdefault((reading._POSTINGS, 0, number), []).append(part)
            for key, value in zip(part.keys.tolist(), has.tolist(), strict=True):
                if passing is None or key in passing:
                    own[key] = own.get(key, 0.0) + value * weight
    found = reading.Postings(reading.State("", 0, False, frozenset({0, 1}), {}), rows)
    for limit in (0, 1, 7, 100, 5_000):
        best = sorted(own.items(), key=lambda one: (-round(one[1], 4), one[0]))[:limit]
        assert found.ranked("words", weights, limit, passing) == best
