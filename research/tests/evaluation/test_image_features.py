"""Distances between sets of images, what an image finds, and prompts made from metadata."""

from __future__ import annotations

import numpy as np
import pytest

from mirage_research.data.medpix import FORMS, MedPixPair, kind_of, place_of, prompts
from mirage_research.evaluation import image_features as measures


def pair(**said: str) -> MedPixPair:
    told = {
        "name": "a", "case": "c", "caption": "A made-up mass.", "modality": "MR", "plane": "Axial",
        "location": "Brain and Neuro", "category": "Head", "sort": "MR - T2 weighted", **said,
    }  # fmt: skip
    sort = told.pop("sort")
    return MedPixPair(query=f"{told['plane']} {sort}. {told['caption']}", **told)


def test_the_distance_between_draws_of_one_distribution_is_about_nothing() -> None:
    rng = np.random.default_rng(0)
    found = [measures.Kernels(*rng.normal(size=(2, 60, 8))).mmd() for _ in range(40)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))
    assert min(found) < 0 < max(found), "unbiased, so sometimes below zero"


def test_the_distance_grows_as_a_set_moves_away() -> None:
    rng = np.random.default_rng(0)
    here, there = rng.normal(size=(2, 80, 8))
    far = [measures.Kernels(here, there + shift).mmd() for shift in (0, 0.5, 1, 2)]
    assert far == sorted(far)
    assert far[1] > 0.05


def test_the_distance_is_the_mean_over_pairs_of_different_members() -> None:
    made, real = np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 1.0]])

    def k(x: np.ndarray, y: np.ndarray) -> float:
        return float((x @ y / 2 + 1) ** 3)

    within = np.mean([k(a, b) for i, a in enumerate(made) for j, b in enumerate(made) if i != j])
    others = np.mean([k(a, b) for i, a in enumerate(real) for j, b in enumerate(real) if i != j])
    across = np.mean([k(a, b) for a in made for b in real])
    assert measures.Kernels(made, real).mmd() == pytest.approx(within + others - 2 * across)


def test_drawing_members_again_does_not_compare_them_with_themselves() -> None:
    rng = np.random.default_rng(1)
    kernels = measures.Kernels(*rng.normal(size=(2, 50, 6)))
    cases = [n // 2 for n in range(50)]
    again = [kernels.mmd(measures.drawn_again(cases, rng), measures.drawn_again(cases, rng)) for _ in range(300)]
    assert abs(np.mean(again) - kernels.mmd()) < 0.5 * np.std(again)


def test_precision_counts_the_right_ones_among_the_first() -> None:
    scores = np.array([[0.9, 0.1, 0.8, 0.7], [0.1, 0.9, 0.2, 0.3]])
    right = np.array([[True, True, False, False], [False, True, False, True]])
    assert measures.precision(scores, right, at=2).tolist() == [0.5, 1.0]


def test_the_mean_distance_leaves_out_pairs_of_one_case() -> None:
    points = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 0.1]])
    assert measures.mean_distance(points[:2]) == pytest.approx(5)
    assert measures.mean_distance(points, ["a", "b", "a"]) == pytest.approx((5 + np.hypot(3, 3.9)) / 2)
    assert np.isnan(measures.mean_distance(points[:1]))


def test_a_prompt_says_plane_place_and_modality_in_one_of_three_forms() -> None:
    asked = prompts([pair(name=name) for name in "abcd"])
    assert [one.form for one in asked] == [*FORMS, FORMS[0]]
    assert [one.text for one in asked[:3]] == [
        "axial brain MRI",
        "axial brain MRI. A made-up mass.",
        "Axial MR - T2 weighted. A made-up mass.",
    ]
    assert {one.kind for one in asked} == {("MR", "axial", "Head")}


def test_the_place_is_the_location_else_a_part_that_the_caption_names_else_the_category() -> None:
    assert place_of(pair(location="Genitourinary", category="Abdomen")) == "abdomen and pelvis"
    assert place_of(pair(location="Musculoskeletal", category="Spine and Muscles", caption="Torn ligament, knee.")) == "knee"
    assert place_of(pair(location="Musculoskeletal", category="Spine and Muscles", caption="Shipped.")) == ""
    assert place_of(pair(location="Vascular", category="Thorax", caption="Dissection.")) == "chest"


@pytest.mark.parametrize(
    "said",
    [
        {"plane": "Photograph"}, {"plane": "NOS - Not specified"}, {"modality": ""}, {"category": ""},
        {"sort": "MR - 3D reconstruction"}, {"plane": "Multiple or Montage"},
    ],
)  # fmt: skip
def test_what_is_no_plain_image_in_one_plane_asks_for_nothing(said: dict[str, str]) -> None:
    assert kind_of(pair(**said)) is None
    assert prompts([pair(**said)]) == []


def test_transverse_is_axial() -> None:
    assert kind_of(pair(plane="Transverse")) == ("MR", "axial", "Head")
