"""Channels into one list, near-duplicates folded, and how sure a hit is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mirage.errors import BadInput
from mirage.search import calibrations, confidence, deduplication, fusion
from mirage.search.answer import ChannelMatch
from mirage.search.confidence import Calibration, ConfidenceModel, HitFeatures
from mirage.search.fusion import FusedFigure
from mirage.search.query_vector import Feedback

EVEN = {"image": 1.0, "caption": 1.0, "words": 1.0}


def order(fused: list[FusedFigure]) -> list[int]:
    return [entry.key for entry in fused]


def test_a_figure_that_two_channels_found_goes_before_one_that_one_found() -> None:
    fused = fusion.fuse({"image": [(1, 0.9), (2, 0.8)], "words": [(2, 7.0), (3, 5.0)]}, EVEN)
    assert order(fused) == [2, 1, 3]
    assert fused[0].score == pytest.approx(1 / 62 + 1 / 61)
    assert fused[0].channels == (ChannelMatch("image", 2, 0.8), ChannelMatch("words", 1, 7.0))


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
    fused = [FusedFigure(1, 0.03, ()), FusedFigure(2, 0.02, ())]
    assert order(fusion.boost_coverage(fused, {1: 0.0, 2: 1.0}, {"coverage": 2.0})) == [2, 1]
    assert order(fusion.boost_coverage(fused, {1: 0.0, 2: 0.1}, {"coverage": 2.0})) == [1, 2]
    assert order(fusion.boost_coverage(fused, {1: 0.0, 2: 1.0}, {})) == [1, 2]


def test_coverage_weighs_words_by_how_rare_they_are() -> None:
    query = {10: 5.0, 11: 1.0}
    assert fusion.coverage(query, frozenset({10})) == pytest.approx(5 / 6)
    assert fusion.coverage(query, frozenset({11, 99})) == pytest.approx(1 / 6)
    assert fusion.coverage(query, frozenset()) == 0.0
    assert fusion.coverage({}, frozenset({10})) == 0.0


def test_a_rare_word_tells_more_than_a_common_one_and_every_word_tells_something() -> None:
    rare, common, everywhere, nowhere = (fusion.inverse_document_frequency(n, 300) for n in (1, 100, 300, 0))
    assert nowhere > rare > common > everywhere == 0.1
    assert rare == pytest.approx(np.log(1 + 299.5 / 1.5))
    assert fusion.inverse_document_frequency(0, 0) >= 0.1


def test_signs_fall_back_to_the_most_a_channel_can_have_given() -> None:
    entry = FusedFigure(1, 0.1, (ChannelMatch("words", 1, 9.0), ChannelMatch("image", 3, 0.4)))
    assert fusion.features_of(entry, {"caption": 0.2, "image": 0.1}, 0.5) == HitFeatures(0.4, 0.2, 0.5)
    assert fusion.features_of(entry, {}, 0.5) == HitFeatures(0.4, 0.0, 0.5)


def looking(bits: int, base: int = 2**200 + 12345) -> int:
    return base ^ ((1 << bits) - 1)


def toward(other: np.ndarray, cosine: float) -> np.ndarray:
    side = np.array([0, 1, 0, 0], np.float32)
    return (cosine * other + np.sqrt(1 - cosine**2) * side).astype(np.float32)


FIRST = np.array([1, 0, 0, 0], np.float32)


def test_a_near_duplicate_stands_behind_the_better_ranked_one() -> None:
    looks = {1: looking(0), 2: looking(10), 3: looking(0, base=2**255 - 1)}
    vectors = {1: FIRST, 2: toward(FIRST, 0.995), 3: toward(FIRST, 0.999)}
    assert deduplication.duplicates([1, 2, 3], looks, vectors) == {2: 1}
    assert deduplication.duplicates([2, 3, 1], looks, vectors) == {1: 2}


def test_pictures_that_look_alike_but_are_not_close_in_the_space_stay_apart() -> None:
    looks = {1: looking(0), 2: looking(5)}
    assert deduplication.duplicates([1, 2], looks, {1: FIRST, 2: toward(FIRST, 0.9)}) == {}
    assert deduplication.duplicates([1, 2], looks, {1: FIRST}) == {}


@pytest.mark.parametrize(("cosine", "found"), [(0.95, {}), (0.98, {}), (0.99, {2: 1})])
def test_equal_hashes_alone_are_no_near_duplicates_until_the_vectors_all_but_agree(
    cosine: float, found: dict[int, int]
) -> None:
    looks = {1: looking(0), 2: looking(0)}
    vectors = {1: FIRST, 2: toward(FIRST, cosine)}
    assert deduplication.duplicates([1, 2], looks, vectors) == found


def test_a_near_duplicate_of_one_that_is_gone_stands_behind_the_same_figure() -> None:
    looks = {1: looking(0), 2: looking(20), 3: looking(34), 4: looking(35)}
    vectors = dict.fromkeys(looks, FIRST)
    asked: list[list[int]] = []

    def vectors_of(keys: Sequence[int]) -> dict[int, np.ndarray]:
        asked.append(list(keys))
        return {key: vectors[key] for key in keys}

    assert deduplication.deduplicated([1, 4, 2, 3], looks, vectors_of) == ([1, 4], {1: [2, 3]})
    assert asked == [[1, 4, 2, 3]]
    assert deduplication.deduplicated([1, 4], looks, vectors_of) == ([1, 4], {})
    assert len(asked) == 1, "no vector is read where no hash is close"


def test_pictures_far_apart_in_looks_stay_apart() -> None:
    looks = {1: looking(0), 2: looking(deduplication.SAME_LOOK_BITS)}
    assert deduplication.duplicates([1, 2], looks, {1: FIRST, 2: FIRST}) == {}


def test_look_alikes_are_those_that_folding_has_to_compare() -> None:
    looks = {1: looking(0), 2: looking(8), 3: looking(0, base=2**255 - 1)}
    assert deduplication.look_alikes([1, 2, 3], looks) == [1, 2]
    assert deduplication.look_alikes([1], looks) == []
    assert deduplication.look_alikes([], {}) == []


MODEL = ConfidenceModel(-4.0, 5.0, 2.0, 3.0, likely=0.5, strong=0.8)


def test_more_evidence_never_makes_a_hit_less_sure() -> None:
    little, more = MODEL.probability(HitFeatures(0.2, 0.1, 0.0)), MODEL.probability(HitFeatures(0.4, 0.1, 0.5))
    assert 0 < little < more < 1
    assert 0 <= MODEL.probability(HitFeatures(-1e9, 0, 0)) < MODEL.probability(HitFeatures(1e9, 0, 0)) <= 1


def test_confidence_has_three_words() -> None:
    assert MODEL.confidence(HitFeatures(0.0, 0.0, 0.0)) == "weak"
    assert MODEL.confidence(HitFeatures(0.85, 0.0, 0.0)) == "likely"
    assert MODEL.confidence(HitFeatures(0.9, 0.5, 1.0)) == "strong"


def test_queries_with_words_and_without_have_models_of_their_own() -> None:
    made = Calibration("", EVEN, MODEL, ConfidenceModel(9.0, 0.0, 0.0, 0.0))
    assert made.confidence(HitFeatures(0, 0, 0), has_words=True) == "weak"
    assert made.confidence(HitFeatures(0, 0, 0), has_words=False) == "strong"


def test_a_calibration_is_read_as_it_was_written_with_what_else_is_known_of_it(tmp_path: Path) -> None:
    made = Calibration("ab12", {**EVEN, "coverage": 1.5}, MODEL, ConfidenceModel(-8.0, 9.0, 1.0, 0.0))
    calibrations.write(made, tmp_path / "calibration.json", quality={"hits": 3})
    assert calibrations.read(tmp_path / "calibration.json") == made
    assert json.loads((tmp_path / "calibration.json").read_text())["quality"] == {"hits": 3}


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("text", "bias", "much"),
        ("text", "bias", float("nan")),
        ("text", "image", None),
        ("picture", "words", 10**400),
        ("text", "strong", -1),
        ("weights", "image", -5),
        ("weights", "image", float("inf")),
        ("weights", "smell", 1),
        ("picture_weights", "words", "all"),
    ],
)
def test_a_calibration_with_a_value_that_cannot_be_is_refused_by_its_name(
    tmp_path: Path, part: str, name: str, value: object
) -> None:
    path = tmp_path / "calibration.json"
    calibrations.write(Calibration("ab12", EVEN, MODEL, MODEL, {"words": 1.0}), path)
    written = json.loads(path.read_text())
    written[part][name] = value
    path.write_text(json.dumps(written))
    with pytest.raises(BadInput, match=rf"no calibration \({part}\.{name}"):
        calibrations.read(path)
    path.write_text("[" * 200_000)
    with pytest.raises(BadInput, match="no calibration"):
        calibrations.read(path)


def test_a_calibration_counts_only_for_its_own_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "calibration.json"
    monkeypatch.setattr(calibrations, "SHIPPED_CALIBRATION", path)
    monkeypatch.setattr(calibrations, "OWN_CALIBRATIONS", tmp_path / "own")
    assert calibrations.calibration_for("ab12") is confidence.DEFAULT_CALIBRATION
    fitted = Calibration("ab12", EVEN, MODEL, MODEL)
    calibrations.write(fitted, path)
    assert calibrations.calibration_for("ab12") == fitted
    assert calibrations.calibration_for("cd34") is confidence.DEFAULT_CALIBRATION


def test_the_cautious_defaults_call_nothing_sure_without_evidence() -> None:
    assert confidence.DEFAULT_CALIBRATION.confidence(HitFeatures(0.2, 0.2, 0.0), has_words=True) == "weak"
    assert confidence.DEFAULT_CALIBRATION.confidence(HitFeatures(0.3, 0.2, 0.0), has_words=False) == "weak"


def test_an_encoder_that_does_not_ship_has_its_calibration_in_the_users_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrations, "OWN_CALIBRATIONS", tmp_path)
    fitted = Calibration("cd34", EVEN, MODEL, MODEL)
    calibrations.write(fitted, calibrations.own_calibration("cd34"))
    assert calibrations.calibration_for("cd34") == fitted


def test_pictures_have_weights_of_their_own_and_both_together_the_larger() -> None:
    made = Calibration("", {"image": 0.0, "words": 1.0}, MODEL, MODEL, {"image": 1.0, "words": 0.5})
    assert made.weights_for(words=True, picture=False) == {"image": 0.0, "words": 1.0}
    assert made.weights_for(words=False, picture=True) == {"image": 1.0, "words": 0.5}
    assert made.weights_for(words=True, picture=True) == {"image": 1.0, "words": 1.0}
    assert made.weights_for(words=True, picture=False, less=True) == confidence.DEFAULT_CALIBRATION.weights
    assert Calibration("", EVEN, MODEL, MODEL).weights_for(words=False, picture=True) == EVEN


def test_each_channel_s_score_and_rank_reach_the_fused_figure_and_most_are_cut() -> None:
    fused = fusion.fuse({"image": [(1, 0.9), (2, 0.8), (3, 0.7)]}, {}, most=2)
    assert order(fused) == [1, 2]
    assert fused[1].channels == (ChannelMatch("image", 2, 0.8),)


def test_coverage_lifts_by_its_square_in_units_of_a_first_place() -> None:
    fused = [FusedFigure(1, 0.0, ()), FusedFigure(2, 0.0, ())]
    lifted = fusion.boost_coverage(fused, {1: 0.5, 2: 1.0}, {"coverage": 2.0})
    assert [entry.score for entry in lifted] == pytest.approx([2 / 61, 0.25 * 2 / 61])


def test_feedback_is_mixed_by_its_share_and_left_out_where_it_cancels_the_query() -> None:
    other = np.array([0, 1, 0, 0], np.float32)
    assert np.allclose(Feedback(other, 0.5).mixed(FIRST), (FIRST + other) / np.sqrt(2))
    assert np.allclose(Feedback(other, 0.25).mixed(FIRST), (0.75 * FIRST + 0.25 * other) / np.hypot(0.75, 0.25))
    assert np.array_equal(Feedback(-FIRST, 0.5).mixed(FIRST), FIRST)


def test_words_and_a_picture_together_take_the_larger_weight_of_each_channel() -> None:
    made = Calibration("", {"image": 0.1, "words": 1.0}, MODEL, MODEL, picture_weights={"image": 1.0, "words": 0.5})
    assert made.weights_for(words=True, picture=False) == {"image": 0.1, "words": 1.0}
    assert made.weights_for(words=False, picture=True) == {"image": 1.0, "words": 0.5}
    assert made.weights_for(words=True, picture=True) == {"image": 1.0, "words": 1.0}
    assert made.weights_for(words=True, picture=True, less=True) == confidence.DEFAULT_CALIBRATION.weights
