"""The way from noise to an image, and what leads it: texts with weights, towards and away."""

from __future__ import annotations

import numpy as np
import pytest

from mirage.generate.generators import GenerationRequest, PromptTerm
from mirage.generate.generators.latents import PatchBasis
from mirage.generate.generators.starter import MOST_TEXTS, course, flow, times


def towards(target: np.ndarray, others: dict[int, np.ndarray] | None = None):
    """The true velocity of straight paths that end in one image: (x − image) / t."""

    def velocity(latents: np.ndarray, time: float) -> np.ndarray:
        ends = [np.zeros_like(target), target, *(others or {}).values()]
        return np.stack([(latents[number] - end) / time for number, end in enumerate(ends[: len(latents)])])

    return velocity


def test_a_straight_flow_ends_in_its_image_whatever_the_number_of_steps() -> None:
    rng = np.random.default_rng(0)
    target, noise = rng.standard_normal((2, 4, 6, 6)).astype(np.float32)
    for steps in (1, 3, 25):
        every = list(flow(towards(target), noise, (1.0,), times(steps)))
        assert len(every) == steps
        np.testing.assert_allclose(every[-1], target, atol=1e-4)


def test_guidance_goes_beyond_and_less_of_leads_away() -> None:
    rng = np.random.default_rng(1)
    target, other, noise = rng.standard_normal((3, 4, 6, 6)).astype(np.float32)
    beyond = list(flow(towards(target), noise, (2.0,), times(8)))[-1]
    np.testing.assert_allclose(beyond, 2 * target, atol=1e-4)
    away = list(flow(towards(target, {2: other}), noise, (2.0, -1.0), times(8)))[-1]
    np.testing.assert_allclose(away, 2 * target - other, atol=1e-3)


def test_a_negative_prompt_is_one_more_term_to_have_less_of() -> None:
    one = course(GenerationRequest((PromptTerm("brain MRI"),), negative="contrast"), 4.0)
    other = course(GenerationRequest((PromptTerm("brain MRI"), PromptTerm("contrast", -1.0))), 4.0)
    assert one == other
    assert one.texts == ("", "brain MRI", "contrast")
    assert one.pulls == (4.0, -3.0)


def test_weights_share_the_guidance_and_less_of_is_never_dropped() -> None:
    asked = course(GenerationRequest((PromptTerm("brain MRI"), PromptTerm("tumour", 0.5), PromptTerm("edema", -0.5))), 3.0)
    assert asked.texts == ("", "brain MRI", "tumour", "edema")
    assert asked.pulls == pytest.approx((2.0, 1.0, -1.0))


def test_many_terms_are_joined_and_none_is_lost() -> None:
    terms = tuple(PromptTerm(f"term{number}", (-1) ** number * (1 + number / 10)) for number in range(16))
    asked = course(GenerationRequest(terms), 4.0)
    assert len(asked.texts) <= MOST_TEXTS
    for term in terms:
        assert any(term.text in text for text in asked.texts)


def test_leading_away_has_a_bound() -> None:
    asked = course(GenerationRequest((PromptTerm("brain"), PromptTerm("a", -100.0), PromptTerm("b", -50.0))), 4.0)
    assert sum(pull for pull in asked.pulls if pull < 0) == pytest.approx(-4.5)


def test_patches_of_a_full_basis_bring_an_image_back() -> None:
    rng = np.random.default_rng(2)
    basis, _ = np.linalg.qr(rng.standard_normal((64, 64)))
    mean, scale = rng.standard_normal(64), rng.uniform(0.5, 2, 64)
    decoder = np.zeros((9 * 64 + 1, 64))  # of the nine patches around a place, the middle one alone counts here
    decoder[4 * 64 : 5 * 64], decoder[-1] = scale[:, None] * basis.T, mean
    patches = PatchBasis(*(part.astype(np.float32) for part in (mean, basis, scale, decoder)))
    image = rng.uniform(-1, 1, (32, 32)).astype(np.float32)
    latents = patches.encode(image)
    assert latents.shape == (64, 4, 4)
    np.testing.assert_allclose(patches.decode(latents), image, atol=1e-4)
