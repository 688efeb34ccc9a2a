"""How queries and texts are read, by a file of inputs and expected outputs that any implementation can run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mirage.language.concepts import lexicon
from mirage.language.mentions import mentions
from mirage.language.reading import QueryReading, from_spanish, read
from mirage.language.words import fold

CASES = [json.loads(line) for line in Path(__file__).with_name("readings.jsonl").read_text("utf-8").splitlines()]


def asked(text: str, *known: str, more: tuple[str, ...] = ()) -> QueryReading:
    return read(text, lambda word: word in known, lambda: more)


def said_of(reading: QueryReading) -> dict[str, Any]:
    return {
        "concepts": [each.name for each in reading.concepts],
        "others": list(reading.others),
        "mended": [list(each) for each in reading.mended],
        "versus": list(reading.versus) if reading.versus else None,
        "normal": reading.normal,
        "says_nothing": reading.says_nothing,
        "denied": list(reading.denied),
        "doubtful": {short: list(names) for short, names in reading.doubtful.items()},
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['rule']}: {case['input']}")
def test_texts_are_read_as_the_file_says(case: dict[str, Any]) -> None:
    text, expected = case["input"], case["expected"]
    if case["rule"] == "fold":
        assert fold(text) == expected
    elif case["rule"] == "mentions":
        assert [[one.concept, one.polarity] for one in mentions(text)] == expected
    else:
        said = said_of(asked(text))
        assert {name: said[name] for name in expected} == expected


def test_a_word_that_the_atlas_has_is_never_mended() -> None:
    assert asked("Menigioma", "Menigioma").mended == ()
    assert asked("Menigioma").text == "meningioma"


def test_an_error_is_mended_to_words_of_the_atlas_too() -> None:
    assert asked("Kienbockk", more=("kienbock",)).text == "kienbock"


def test_an_ending_that_is_not_the_word_s_own_is_mended_though_the_atlas_s_stems_hold_it() -> None:
    assert [each.name for each in asked("Sjogren syndrom", "syndrom").concepts] == ["Sjogren syndrome"]


def test_a_short_form_of_several_meanings_is_none_of_them_until_a_word_settles_it() -> None:
    reading = asked("RA")
    assert len(reading.doubtful["RA"]) >= 2
    assert reading.concepts == ()
    assert [each.name for each in reading.wanted] == ["RA"]
    assert reading.wanted[0].narrower >= set(reading.doubtful["RA"])
    assert asked("RA of the hand joint").concepts[0].name == "rheumatoid arthritis"


def test_a_long_text_that_somebody_pasted_is_read_as_it_stands() -> None:
    text = "menigioma " * 800
    assert asked(text).text == text


def test_a_short_form_has_no_plural_in_es() -> None:
    assert [each.name for each in read("ABCs", lambda word: False).wanted] == ["aneurysmal bone cyst"]
    assert not read("abces", lambda word: False).wanted


def test_no_english_name_is_taken_for_a_spanish_one() -> None:
    names = [name for each in lexicon().concepts.values() for name in (each.name, *each.synonyms, *each.lay)]
    assert not [name for name in names if from_spanish(name) != name]


@pytest.mark.parametrize(
    ("spanish", "english"),
    [
        ("hígado", "liver"),
        ("cáncer gástrico", "gastric cancer"),
        ("fracturas de cadera", "hip fracture"),
        ("contraste", "contrast"),
        ("riñón izquierdo", "kidney left"),
        ("tumor", "tumor"),
        ("liver and brain MRI with contrast", "liver and brain MRI with contrast"),
        ("", ""),
    ],
)
def test_spanish_names_are_put_in_english_and_english_stays(spanish: str, english: str) -> None:
    assert from_spanish(spanish) == english
