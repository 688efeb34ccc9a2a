"""Names and their synonyms as text–text positives."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from mirage.figure import MODALITIES
from mirage_research.data.samples import TrainingSample, word
from mirage_research.training.synonyms import Term, draw, kinds, other_names, read_terms

ROWS = [
    {"name": "uterine leiomyoma", "exact": ["fibroid", "fibroids"], "is_a": ["leiomyoma"]},
    {"name": "gastric leiomyoma", "exact": ["leiomyoma of stomach"], "is_a": ["leiomyoma"]},
    {"name": "leiomyoma", "exact": [], "is_a": ["benign neoplasm"]},
]


@pytest.fixture
def terms(tmp_path: Path) -> dict[str, list[Term]]:
    (tmp_path / "doid_synonyms.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
    return read_terms(tmp_path, ("doid",))


def test_what_is_near_is_a_parent_or_a_sibling_and_never_the_thing_itself(terms: dict[str, list[Term]]) -> None:
    fibroid = next(term for term in terms["doid"] if "fibroid" in term.called)
    assert fibroid.near == ("leiomyoma", "gastric leiomyoma")
    for seed in range(20):
        drawn = draw(terms, 2, random.Random(seed))
        own = {name for row in ROWS for name in (row["name"], *row["exact"]) if row["exact"]}
        assert all(a != b for a, b in zip(drawn.names, drawn.called, strict=True))
        assert not set(drawn.near) & own, "a name of a thing in the batch would be a wrong answer to itself"


def test_a_case_is_also_asked_for_by_the_other_names_of_its_title(terms: dict[str, list[Term]]) -> None:
    also = other_names(terms)["uterine leiomyoma"]
    assert set(also) == {"fibroid", "fibroids"}
    sample = TrainingSample("medpix:1", "c", "c", "", "q", "", Path("none"), title="Uterine leiomyoma", also=also)
    rng = random.Random(3)
    assert any("fibroid" in word(sample, rng).text for _ in range(300))


def test_words_for_a_kind_of_picture_name_it(terms: dict[str, list[Term]]) -> None:
    drawn = kinds(terms, 300, random.Random(1), ("US", "OP", "OT"))
    assert {modality for _, modality in drawn} == {"US", "OP"}
    said = {"US": ("ultraso", "sono", "doppler", "echo"), "OP": ("fundus", "retina", "fundosc", MODALITIES["OP"].lower())}
    assert all(any(word in text.lower() for word in said[modality]) for text, modality in drawn)


@pytest.mark.torch
def test_names_that_lie_together_cost_less_than_names_that_lie_apart() -> None:
    import torch

    from mirage_research.training.contrastive import contrast_names

    names = torch.nn.functional.normalize(torch.randn(6, 16, generator=torch.Generator().manual_seed(0)), dim=-1)
    near, scale = names.roll(1, 0), torch.tensor(2.7)
    together = contrast_names(names, names, near[:0], scale)
    apart = contrast_names(names, names.roll(1, 0), near[:0], scale)
    with_near = contrast_names(names, names, -names, scale), contrast_names(names, names, names + 0.1 * near, scale)
    assert together < apart
    assert with_near[0] < with_near[1], "what is close and something else costs more than what is far"
