"""BM25 as sparse vectors."""

from __future__ import annotations

import math

import pytest

from mirage.indexes import bm25
from mirage.language.words import stem


class Ten:
    """What `bm25.Rarity` asks of an index: ten points, of which so many have each word."""

    def __init__(self, **words: int) -> None:
        self.counts = {bm25.number(word): count for word, count in words.items()}
        self.asked: list[int] = []

    def __len__(self) -> int:
        return 10

    def frequency(self, number: int, channel: bm25.TextChannel = "words") -> int:
        self.asked.append(number)
        return self.counts.get(number, 0)


def weight(word: str, text: str, channel: bm25.TextChannel = "words") -> float:
    number = bm25.number(word)
    assert number is not None
    return bm25.weighted(text, channel)[number]


@pytest.mark.parametrize("channel", bm25.TEXT_CHANNELS)
def test_a_texts_weights_are_those_of_the_formula(channel: bm25.TextChannel) -> None:
    text = "A mass in the left lung; MASSES of both lungs, and a brain."
    share = bm25.length(text) / bm25.AVERAGE_LENGTH[channel]
    assert bm25.length(text) == 6
    for word, often in (("lung", 2), ("mass", 2), ("brain", 1)):
        damped = often * (bm25.K1 + 1) / (often + bm25.K1 * (1 - bm25.B + bm25.B * share))
        assert weight(word, text, channel) == pytest.approx(damped, rel=1e-6)


def test_forms_of_one_stem_have_one_number_and_stop_words_none() -> None:
    assert bm25.number("Hematomas") == bm25.number("hematoma") is not None
    assert bm25.number("the") is None
    assert bm25.weighted("the of and", "words") == bm25.weighted("", "words") == {}


def test_numbers_fit_the_engine_with_the_fewest() -> None:
    # Many stems lie beyond the most that pgvector takes.
    words = "brain thalamus lung meningioma hematoma aorta liver kidney spleen femur tibia retina".split()
    beyond = [word for word in words if (stem(word) or 0) >= bm25.DIMENSION]
    assert beyond
    for word in beyond:
        (number,) = bm25.weighted(word, "words")
        assert number == bm25.number(word) == (stem(word) or 0) % bm25.DIMENSION


def test_of_a_text_with_more_stems_than_an_engine_keeps_the_most_frequent_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bm25, "MOST", 2)
    kept = bm25.weighted("brain lung lung liver liver", "words")
    assert set(kept) == {bm25.number("lung"), bm25.number("liver")}


def test_rare_words_count_more_each_is_counted_once_and_those_that_nobody_has_are_left_out() -> None:
    counts = Ten(brain=9, zebra=1)
    rarity = bm25.Rarity(counts)
    asked = rarity.asked("brain brains zebra qwzx of the")
    assert asked == {
        bm25.number("brain"): pytest.approx(math.log(1 + 1.5 / 9.5)),
        bm25.number("zebra"): pytest.approx(math.log(1 + 9.5 / 1.5)),
    }
    assert rarity.frequency("Brains") == 9
    assert rarity.asked("brain") == {bm25.number("brain"): asked[bm25.number("brain") or 0]}
    assert counts.asked.count(bm25.number("brain") or 0) == 1
