"""The way from noise to an image, and what leads it: texts with weights, towards and away."""

from __future__ import annotations

import numpy as np
import pytest

from mirage import encoders
from mirage.errors import Unavailable
from mirage.generate.generators import GenerationRequest, PromptTerm
from mirage.generate.generators.latents import PatchBasis
from mirage.generate.generators.starter import MOST_TEXTS, TextStates, course, flow, times, with_output
from mirage.models.runtime import onnx_session
from mirage.settings import SHIPPED

TEXTS = ["axial brain MRI", "", "sagittal knee MRI with a large joint effusion"]
STATES = "/tower/trunk/encoder/layer.5/output/LayerNorm/LayerNormalization_output_0"
ENCODER = SHIPPED / "encoder"


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


def test_token_states_come_out_of_the_encoder_that_ships_and_its_vectors_stay_the_same() -> None:
    read = TextStates(ENCODER, STATES, 64)
    states, mask, pooled = read(TEXTS)
    assert states.shape == (3, int(mask.sum(1).max()), 384)
    assert not states[1, int(mask[1].sum()) :].any(), "padding is nothing"
    vectors = encoders.load("starter").encode_texts(TEXTS)
    np.testing.assert_allclose(pooled, vectors, atol=1e-5)
    alone, _, _ = read(["axial brain MRI"])
    np.testing.assert_array_equal(alone[0], states[0, : alone.shape[1]])


def test_what_is_not_read_is_told() -> None:
    read = TextStates(ENCODER, STATES, 64)
    assert read.unread("axial brain MRI") == ""
    long = "axial brain MRI " + "with a mass " * 60
    rest = read.unread(long)
    assert rest
    assert long.strip().endswith(rest.strip())


def test_a_model_without_that_value_is_said() -> None:
    model = with_output((ENCODER / "text.onnx").read_bytes(), "/no/such/value")
    with pytest.raises(Unavailable, match=r"text\.onnx is damaged"):
        onnx_session(model, 1, "Install MIRAGE again.", path=ENCODER / "text.onnx")
