"""The search box suggests what this atlas holds, by all names, and nothing that finds nothing."""

from __future__ import annotations

import pytest

from mirage.browse import Browse
from mirage.browse.inventory import Inventory
from mirage.browse.suggest import Suggestions


@pytest.fixture(scope="module")
def browse(some) -> Browse:
    return Browse(some.store, some.path, some.encoder_info.digest)


def texts(found) -> list[str]:
    return [each.text for each in found]


def made(**concepts: int) -> Suggestions:
    """Suggestions of an atlas with so many figures of some concepts."""
    names = {name.replace("_", " "): range(count) for name, count in concepts.items()}
    return Suggestions(Inventory(names, frozenset(names), {}, dict.fromkeys(names, 0)))


def test_every_suggestion_finds_something(some, browse):
    offered = list(browse.suggestions)
    assert {"condition", "structure", "finding", "topic"} <= {each.kind for each in offered}
    assert [each.text for each in offered if not some.search(each.text, k=4).fits] == []


def test_a_suggestion_says_how_many_figures_are_of_it(some, browse):
    (found,) = [each for each in browse.suggest("spleen") if each.text == "spleen"]
    assert found.kind == "structure"
    told = some.store.mentions.of(some.store.keys())
    own = {key for key, said in told.items() for one in said if (one.concept, one.polarity) == ("spleen", "affirmed")}
    assert found.figures == len(own) > 1


def test_what_the_atlas_does_not_hold_is_not_suggested(browse):
    assert browse.suggest("meningioma") == []
    assert browse.suggest("pregnan") == []


@pytest.mark.parametrize(
    ("typed", "text", "name"),
    [
        ("fibroid", "uterine leiomyoma", "fibroid"),
        ("mioma", "uterine leiomyoma", "mioma"),
        ("heart att", "myocardial infarction", "heart attack"),
        ("haemorr", "hemorrhage", ""),
        ("brain tumour", "brain tumor", ""),
        ("RCC", "renal cell carcinoma", "RCC"),
        ("cell carc", "renal cell carcinoma", ""),
    ],
)
def test_synonyms_spellings_and_words_within_find_the_preferred_name(typed, text, name):
    box = made(uterine_leiomyoma=3, myocardial_infarction=2, hemorrhage=4, brain_tumor=1, renal_cell_carcinoma=5)
    assert [(each.text, each.name, each.mended) for each in box.of(typed)][:1] == [(text, name, False)]


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("menigioma", "meningioma"),
        ("appendisitis", "appendicitis"),
        ("appendisit", "appendicitis"),
        ("renal cell carsinoma", "renal cell carcinoma"),
    ],
)
def test_typing_errors_are_mended(typed, text):
    box = made(meningioma=1, appendicitis=1, renal_cell_carcinoma=1)
    assert [(each.text, each.mended) for each in box.of(typed)] == [(text, True)]


def test_names_that_begin_so_come_first_and_the_commonest_of_them():
    box = made(meningioma=3, meningitis=9, spinal_meningioma=20)
    assert texts(box.of("menin")) == ["meningitis", "meningioma", "spinal meningioma"]
    assert texts(box.of("meningioma")) == ["meningioma", "spinal meningioma"]
    assert texts(box.of("m", most=1)) == ["meningitis"]


@pytest.mark.parametrize("typed", ["", "   ", "?!", "\0", "%_*", "<xss>", "𝔐" * 3000, "a" * 100_000, "\u202e"])
def test_nothing_sensible_gets_no_suggestion_and_no_error(browse, typed):
    assert browse.suggest(typed) == []


def test_an_atlas_that_has_changed_suggests_what_it_holds_now(some_copy):
    from mirage.atlas import Atlas

    with Atlas.open(some_copy) as atlas:
        (nevus,) = [each for each in atlas.browse.suggest("nevus") if each.kind == "condition"]
        atlas.remove(*(hit.figure.id for hit in atlas.search(nevus.text).hits if "nevus" in hit.figure.diagnosis.lower()))
        assert atlas.browse.suggest("nevus") == []
