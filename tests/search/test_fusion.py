"""Channels into one list, near-duplicates folded, and how sure a hit is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mirage.search import confidence, fusion
from mirage.search.fusion import Calibration, Found, Fused, Model, Signs

EVEN = {"image": 1.0, "caption": 1.0, "words": 1.0}


def order(fused: list[Fused]) -> list[int]:
    return [entry.key for entry in fused]


def test_a_figure_that_two_channels_found_goes_before_one_that_one_found() -> None:
    fused = fusion.fuse({"image": [(1, 0.9), (2, 0.8)], "words": [(2, 7.0), (3, 5.0)]}, EVEN)
    assert order(fused) == [2, 1, 3]
    assert fused[0].score == pytest.approx(1 / 62 + 1 / 61)
    assert fused[0].channels == (Found("image", 2, 0.8), Found("words", 1, 7.0))


def test_a_weight_decides_which_channel_is_believed() -> None:
    lists = {"image": [(1, 0.9)], "words": [(2, 7.0)]}
    assert order(fusion.fuse(lists, {"image": 2.0, "words": 1.0})) == [1, 2]
    assert order(fusion.fuse(lists, {"image": 1.0, "words": 2.0})) == [2, 1]


def test_a_figure_without_a_caption_is_spoken_for_by_its_picture() -> None:
    lists = {"image": [(1, 0.9), (2, 0.8)], "caption": [(3, 0.7), (1, 0.4)]}
    weights = {"image": 0.0, "caption": 1.0}
    assert order(fusion.fuse(lists, weights)) == [3, 1, 2]
    found = fusion.fuse(lists, weights, uncaptioned={1})
    assert order(found) == [1, 3, 2]
    assert found[0].score == pytest.approx(1 / 61)


def test_ties_go_to_the_lower_key_so_that_answers_do_not_change() -> None:
    assert order(fusion.fuse({"image": [(9, 0.5)], "words": [(4, 1.0)]}, EVEN)) == [4, 9]


def test_nothing_found_is_an_empty_list() -> None:
    assert fusion.fuse({}, EVEN) == []
    assert fusion.fuse({"image": [], "words": []}, EVEN) == []


def test_words_that_are_really_there_lift_a_figure() -> None:
    fused = [Fused(1, 0.03, ()), Fused(2, 0.02, ())]
    assert order(fusion.favour(fused, {1: 0.0, 2: 1.0}, {"coverage": 2.0})) == [2, 1]
    assert order(fusion.favour(fused, {1: 0.0, 2: 0.1}, {"coverage": 2.0})) == [1, 2]
    assert order(fusion.favour(fused, {1: 0.0, 2: 1.0}, {})) == [1, 2]


def test_coverage_weighs_words_by_how_rare_they_are() -> None:
    query = {10: 5.0, 11: 1.0}
    assert fusion.coverage(query, frozenset({10})) == pytest.approx(5 / 6)
    assert fusion.coverage(query, frozenset({11, 99})) == pytest.approx(1 / 6)
    assert fusion.coverage(query, frozenset()) == 0.0
    assert fusion.coverage({}, frozenset({10})) == 0.0


def test_a_rare_word_tells_more_than_a_common_one_and_every_word_tells_something() -> None:
    assert fusion.rarity(1, 300) > fusion.rarity(100, 300) > fusion.rarity(300, 300) >= 0.1
    assert fusion.rarity(0, 0) >= 0.1


def test_signs_fall_back_to_the_most_a_channel_can_have_given() -> None:
    entry = Fused(1, 0.1, (Found("words", 1, 9.0), Found("image", 3, 0.4)))
    assert fusion.signs(entry, {"caption": 0.2, "image": 0.1}, 0.5) == Signs(0.4, 0.2, 0.5)
    assert fusion.signs(entry, {}, 0.5) == Signs(0.4, 0.0, 0.5)


def looking(bits: int, base: int = 2**200 + 12345) -> int:
    return base ^ ((1 << bits) - 1)


def toward(other: np.ndarray, cosine: float) -> np.ndarray:
    side = np.array([0, 1, 0, 0], np.float32)
    return (cosine * other + np.sqrt(1 - cosine**2) * side).astype(np.float32)


FIRST = np.array([1, 0, 0, 0], np.float32)


def test_a_near_duplicate_stands_behind_the_better_ranked_one() -> None:
    looks = {1: looking(0), 2: looking(10), 3: looking(0, base=2**255 - 1)}
    vectors = {1: FIRST, 2: toward(FIRST, 0.995), 3: toward(FIRST, 0.999)}
    assert fusion.fold([1, 2, 3], looks, vectors) == {2: 1}
    assert fusion.fold([2, 3, 1], looks, vectors) == {1: 2}


def test_pictures_that_look_alike_but_are_not_close_in_the_space_stay_apart() -> None:
    looks = {1: looking(0), 2: looking(5)}
    assert fusion.fold([1, 2], looks, {1: FIRST, 2: toward(FIRST, 0.9)}) == {}
    assert fusion.fold([1, 2], looks, {1: FIRST}) == {}


def test_pictures_far_apart_in_looks_stay_apart() -> None:
    looks = {1: looking(0), 2: looking(fusion.SAME_LOOK_BITS)}
    assert fusion.fold([1, 2], looks, {1: FIRST, 2: FIRST}) == {}


def test_look_alikes_are_those_that_folding_has_to_compare() -> None:
    looks = {1: looking(0), 2: looking(8), 3: looking(0, base=2**255 - 1)}
    assert fusion.look_alikes([1, 2, 3], looks) == [1, 2]
    assert fusion.look_alikes([1], looks) == []
    assert fusion.look_alikes([], {}) == []


MODEL = Model(-4.0, 5.0, 2.0, 3.0, likely=0.5, strong=0.8)


def test_more_evidence_never_makes_a_hit_less_sure() -> None:
    little, more = MODEL.probability(Signs(0.2, 0.1, 0.0)), MODEL.probability(Signs(0.4, 0.1, 0.5))
    assert 0 < little < more < 1
    assert 0 <= MODEL.probability(Signs(-1e9, 0, 0)) < MODEL.probability(Signs(1e9, 0, 0)) <= 1


def test_confidence_has_three_words() -> None:
    assert MODEL.confidence(Signs(0.0, 0.0, 0.0)) == "weak"
    assert MODEL.confidence(Signs(0.85, 0.0, 0.0)) == "likely"
    assert MODEL.confidence(Signs(0.9, 0.5, 1.0)) == "strong"


def test_queries_with_words_and_without_have_models_of_their_own() -> None:
    made = Calibration("", EVEN, MODEL, Model(9.0, 0.0, 0.0, 0.0))
    assert made.confidence(Signs(0, 0, 0), has_words=True) == "weak"
    assert made.confidence(Signs(0, 0, 0), has_words=False) == "strong"


def test_a_calibration_is_read_as_it_was_written_with_what_else_is_known_of_it(tmp_path: Path) -> None:
    made = Calibration("ab12", {**EVEN, "coverage": 1.5}, MODEL, Model(-8.0, 9.0, 1.0, 0.0))
    made.write(tmp_path / "calibration.json", quality={"hits": 3})
    assert Calibration.read(tmp_path / "calibration.json") == made
    assert json.loads((tmp_path / "calibration.json").read_text())["quality"] == {"hits": 3}


def test_a_calibration_counts_only_for_its_own_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "calibration.json"
    monkeypatch.setattr(confidence, "SHIPPED_CALIBRATION", path)
    monkeypatch.setattr(confidence, "OWN_CALIBRATIONS", tmp_path / "own")
    assert fusion.calibration_for("ab12") is fusion.DEFAULT_CALIBRATION
    fitted = Calibration("ab12", EVEN, MODEL, MODEL)
    fitted.write(path)
    assert fusion.calibration_for("ab12") == fitted
    assert fusion.calibration_for("cd34") is fusion.DEFAULT_CALIBRATION


def test_the_cautious_defaults_call_nothing_sure_without_evidence() -> None:
    assert fusion.DEFAULT_CALIBRATION.confidence(Signs(0.2, 0.2, 0.0), has_words=True) == "weak"
    assert fusion.DEFAULT_CALIBRATION.confidence(Signs(0.3, 0.2, 0.0), has_words=False) == "weak"


def test_an_encoder_that_does_not_ship_has_its_calibration_in_the_users_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confidence, "OWN_CALIBRATIONS", tmp_path)
    fitted = Calibration("cd34", EVEN, MODEL, MODEL)
    fitted.write(confidence.own_calibration("cd34"))
    assert fusion.calibration_for("cd34") == fitted


def test_pictures_have_weights_of_their_own_and_both_together_the_larger() -> None:
    made = Calibration("", {"image": 0.0, "words": 1.0}, MODEL, MODEL, {"image": 1.0, "words": 0.5})
    assert made.weights_for(words=True, picture=False) == {"image": 0.0, "words": 1.0}
    assert made.weights_for(words=False, picture=True) == {"image": 1.0, "words": 0.5}
    assert made.weights_for(words=True, picture=True) == {"image": 1.0, "words": 1.0}
    assert made.weights_for(words=True, picture=False, less=True) == confidence.DEFAULT_CALIBRATION.weights
    assert Calibration("", EVEN, MODEL, MODEL).weights_for(words=False, picture=True) == EVEN
