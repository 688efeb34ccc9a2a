"""What every index that is installed must do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from index_kinds import KINDS, maker
from mirage import indexes
from mirage.errors import AtlasError, NotFound
from mirage.indexes import CHANNELS, FILTER_FIELDS, Index, IndexQuery, Point, bm25

D = 32


def unit(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=D).astype(np.float32)
    return vector / np.linalg.norm(vector)


def said(words: str) -> dict[int, float]:
    return bm25.weighted(words, "words")


def point(key: int, words: str = "a brain", *, caption: bool = True, **fields: str) -> Point:
    values = {
        "modality": "MR",
        "plane": "axial",
        "region": "brain",
        "proof": "",
        "corpus": "starter",
        "licence": "not stated",
    }
    about = {7: 0.5 + key / 10, 100 + key: 1.0}
    return Point(key, unit(key), unit(1000 + key) if caption else None, said(words), {**values, **fields}, about)


POINTS = [
    point(0, "Axial MRI of the thalamus"),
    point(1, "Subdural hematoma of the brain", modality="CT"),
    point(2, "The heart and its valves", modality="US", plane="", region="heart"),
    point(3, "Lesions, enhancing", caption=False, plane="coronal"),
    point(4, "Chest radiograph, frontal", modality="XR", plane="frontal", region="thorax"),
]


def ask(vector: np.ndarray | None = None, words: str = "", limit: int = 10, **filters: list[str]) -> IndexQuery:
    """Each word counts 1, whichever index is asked and however rare it is there."""
    return IndexQuery(vector, dict.fromkeys(said(words), 1.0), limit, filters)


Make = Callable[..., Index]


@pytest.fixture(scope="module", params=KINDS)
def make(request: pytest.FixtureRequest) -> Make:
    """Gives an index at a place, the same one for the same place; an index at an address is named after it."""
    return maker(request.param, request)


@pytest.fixture(scope="module")
def index(make: Make, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """An index of five points. Tests only read it."""
    made = make(tmp_path_factory.mktemp("index") / "index")
    made.add(POINTS)
    yield made
    made.close()


@pytest.fixture
def own(make: Make, tmp_path: Path) -> Iterator[Index]:
    """The same five points, for a test to change."""
    made = make(tmp_path / "index")
    made.add(POINTS)
    yield made
    made.close()


def keys(ranked: list[tuple[int, float]]) -> list[int]:
    return [key for key, _ in ranked]


def test_it_follows_the_port(index: Index) -> None:
    assert isinstance(index, Index)
    assert len(index) == 5
    assert sorted(index.keys()) == [0, 1, 2, 3, 4]


def test_each_channel_answers_with_its_own_ranked_list(index: Index) -> None:
    answer = index.ask(replace(ask(unit(2), "thalamus"), concepts={7: 2.0}, case=said("a brain")))
    assert set(answer) == set(CHANNELS)
    assert answer["concepts"][0] == (4, pytest.approx(1.8, abs=1e-3))
    assert answer["image"][0] == (2, pytest.approx(1.0, abs=1e-4))
    for ranked in answer.values():
        scores = [score for _, score in ranked]
        assert scores == sorted(scores, reverse=True)
    assert keys(answer["words"]) == [0]


def test_scores_of_vectors_are_cosines(index: Index) -> None:
    answer = dict(index.ask(ask(unit(77)))["image"])
    for key in range(5):
        assert answer[key] == pytest.approx(float(unit(77) @ unit(key)), abs=1e-4)


def test_the_caption_channel_looks_at_captions_and_passes_over_figures_without(index: Index) -> None:
    answer = index.ask(ask(unit(1002)))
    assert keys(answer["caption"])[0] == 2
    assert sorted(keys(answer["caption"])) == [0, 1, 2, 4]


def test_channels_that_have_nothing_to_look_with_stay_out(index: Index) -> None:
    assert set(index.ask(ask(unit(0)))) == {"image", "caption"}
    assert set(index.ask(ask(None, "brain"))) == {"words"}
    assert set(index.ask(replace(ask(), case=said("brain")))) == {"case"}
    assert index.ask(ask()) == {}
    assert set(index.ask(IndexQuery(unit(0), {}, 5, {}, caption_channel=False))) == {"image"}


@pytest.mark.parametrize(
    ("words", "found"),
    [("LESION", [3]), ("enhance", [3]), ("hematomas", [1]), ("the of and", []), ("qwzx", []), ("", None), ("valve", [2])],
)
def test_words_are_stemmed_and_stop_words_find_nothing(index: Index, words: str, found: list[int] | None) -> None:
    assert keys(index.ask(ask(None, words)).get("words", [])) == (found or [])


def test_the_limit_holds_in_every_channel(index: Index) -> None:
    answer = index.ask(ask(unit(0), "brain", 1))
    assert [len(answer[channel]) for channel in ("image", "caption", "words")] == [1, 1, 1]


def test_words_of_cases_are_a_channel_of_their_own(make: Make, tmp_path: Path) -> None:
    made = make(tmp_path / "own")
    made.add([replace(point(9, "Axial CT"), case=said("Fever after a journey. Axial CT.")), point(8, "Axial CT")])
    answer = made.ask(replace(ask(None, "journeys"), case=said("journeys")))
    assert (keys(answer["case"]), keys(answer["words"])) == ([9], [])
    made.add([point(9, "Axial CT")])
    assert keys(made.ask(replace(ask(), case=said("journeys")))["case"]) == []
    made.close()


def test_a_long_tie_is_cut_alike_whatever_the_order_in_which_it_was_added(make: Make, tmp_path: Path) -> None:
    # More of them than an index asks for to be on the safe side.
    points = [replace(point(key, "prostate"), caption=unit(1000)) for key in range(150)]
    answers = []
    for place, order in (("forwards", points), ("backwards", points[::-1]), ("halves", [*points[75:], *points[:75]])):
        made = make(tmp_path / place)
        for start in range(0, len(order), 50):
            made.add(order[start : start + 50])
        found = made.ask(ask(unit(1000), "prostate", 10))
        answers.append((keys(found["words"]), keys(found["caption"])))
        made.close()
    assert answers == [(list(range(10)), list(range(10)))] * 3


def test_filters_apply_inside_every_channel(index: Index) -> None:
    answer = index.ask(ask(unit(0), "brain thalamus hematoma", modality=["CT"]))
    assert {channel: keys(ranked) for channel, ranked in answer.items() if ranked} == {
        "image": [1],
        "caption": [1],
        "words": [1],
    }


def test_values_of_a_filter_are_alternatives_and_filters_add_up(index: Index) -> None:
    assert sorted(keys(index.ask(ask(unit(0), modality=["CT", "US"]))["image"])) == [1, 2]
    assert keys(index.ask(ask(unit(0), modality=["CT", "US"], region=["heart"]))["image"]) == [2]
    assert keys(index.ask(ask(unit(0), modality=["CT"], region=["heart"]))["image"]) == []


def test_an_empty_value_can_be_filtered_for(index: Index) -> None:
    assert keys(index.ask(ask(unit(0), plane=[""]))["image"]) == [2]


def test_facets_count_every_field(index: Index) -> None:
    facets = index.facets({})
    assert set(facets) == set(FILTER_FIELDS)
    assert facets["modality"] == {"MR": 2, "CT": 1, "US": 1, "XR": 1}
    assert index.facets({"modality": ["MR"]})["plane"] == {"axial": 1, "coronal": 1}


def test_frequency_counts_points_by_stem_in_each_channel(own: Index) -> None:
    def counted(word: str, channel: bm25.TextChannel = "words") -> int:
        return bm25.Rarity(own).frequency(word, channel)

    own.add([replace(point(5, "Brains"), case=said("the brains of a journey"))])
    assert (counted("brain"), counted("Lesion"), counted("qwzx"), counted("the")) == (2, 1, 0, 0)
    assert (counted("journey"), counted("journey", "case"), counted("brain", "case")) == (0, 1, 1)
    own.remove([5])
    own.add([point(1, "A fracture")])
    assert (counted("brain"), counted("journey", "case")) == (0, 0)


def stack(key: int, *seeds: int, **fields: str) -> Point:
    return replace(point(key, "Axial CT of the chest", **fields), slices=np.stack([unit(seed) for seed in seeds]))


def test_a_stack_is_found_by_the_best_of_its_slices_and_listed_once(own: Index) -> None:
    own.add([stack(5, 500, 501, 502), stack(6, 600, 601)])
    for seed, key in ((501, 5), (600, 6), (5, 5)):
        ranked = own.ask(ask(unit(seed)))["image"]
        assert sorted(keys(ranked)) == [0, 1, 2, 3, 4, 5, 6]
        assert ranked[0] == (key, pytest.approx(1.0, abs=1e-3))
    scores = dict(own.ask(ask(unit(77)))["image"])
    assert scores[5] == pytest.approx(max(float(unit(77) @ unit(seed)) for seed in (5, 500, 501, 502)), abs=1e-3)
    assert scores[4] == pytest.approx(float(unit(77) @ unit(4)), abs=1e-3)


def test_slices_are_filtered_and_limited_as_figures_are_and_counted_as_none(own: Index) -> None:
    own.add([stack(5, 500, 501, 502, modality="CT")])
    assert 5 not in keys(own.ask(ask(unit(501), modality=["MR"]))["image"])
    assert keys(own.ask(ask(unit(501), limit=1))["image"]) == [5]
    assert keys(own.ask(replace(ask(unit(501)), among=[1, 2]))["image"]) in ([1, 2], [2, 1])
    assert len(own) == 6
    assert own.facets({})["modality"]["CT"] == 2
    assert own.vectors([5])[5] @ unit(5) == pytest.approx(1.0, abs=1e-3)


def test_a_stack_that_is_replaced_or_removed_is_found_by_its_slices_no_more(make: Make, tmp_path: Path) -> None:
    made = make(tmp_path / "stacks")
    made.add([*POINTS, stack(5, 500), stack(6, 600)])
    made.close()
    made = make(tmp_path / "stacks")
    assert keys(made.ask(ask(unit(600)))["image"])[0] == 6
    made.add([point(5)])
    made.remove([6])
    for seed in (500, 600):
        assert made.ask(ask(unit(seed)))["image"][0][1] < 0.9
    made.close()


def test_adding_a_key_again_replaces_all_of_it(own: Index) -> None:
    own.add([point(1, "A fracture", caption=False, modality="XR", region="knee")])
    assert len(own) == 5
    assert own.ask(ask(None, "hematoma"))["words"] == []
    assert keys(own.ask(ask(None, "fracture"))["words"]) == [1]
    assert 1 not in keys(own.ask(ask(unit(1001)))["caption"])
    assert own.facets({})["modality"] == {"MR": 2, "US": 1, "XR": 2}


def test_removed_points_are_gone_from_every_channel(own: Index) -> None:
    own.remove([1, 999])
    own.remove([])
    assert sorted(own.keys()) == [0, 2, 3, 4]
    assert all(1 not in keys(ranked) for ranked in own.ask(ask(unit(1), "hematoma")).values())


def test_vectors_are_given_back_by_key(index: Index) -> None:
    found = index.vectors([0, 3, 999])
    assert set(found) == {0, 3}
    np.testing.assert_allclose(found[3], unit(3), atol=1e-4)


def test_warming_changes_no_answer_and_ends_when_the_index_is_closed(own: Index) -> None:
    question = ask(unit(3), "brain")
    before = own.ask(question)
    own.warm()
    assert own.ask(question) == before
    own.close()
    own.warm()


def test_what_was_added_is_there_after_closing_and_opening(make: Make, tmp_path: Path) -> None:
    first = make(tmp_path / "index")
    first.add(POINTS[:3])
    first.close()
    first.close()
    second = make(tmp_path / "index")
    second.add(POINTS[3:])
    second.optimise()
    assert len(second) == 5
    assert keys(second.ask(ask(None, "hematoma"))["words"]) == [1]
    second.close()


def test_many_points_are_all_listed_and_found(make: Make, tmp_path: Path) -> None:
    with_many = make(tmp_path / "index")
    with_many.add([point(key, f"Phantom {key}") for key in range(2100)])
    with_many.optimise()
    assert sorted(with_many.keys()) == list(range(2100))
    assert keys(with_many.ask(ask(unit(1717), limit=3))["image"])[0] == 1717
    with_many.close()


def test_vectors_of_another_length_are_refused_when_it_is_opened(make: Make, tmp_path: Path) -> None:
    make(tmp_path / "index").close()
    with pytest.raises(AtlasError, match=r"length 32, not 16.*mirage atlas rebuild"):
        make(tmp_path / "index", 16)


def test_a_name_that_nobody_has_names_those_there_are() -> None:
    with pytest.raises(NotFound, match=r"no index “nowhere”. There are: .*embedded"):
        indexes.load("nowhere")
