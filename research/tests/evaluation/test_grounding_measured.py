"""The edits do what they say, and the checker keeps its bars on MedPix."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from evidence_maker import KIDNEY
from mirage import encoders
from mirage.errors import BadInput
from mirage.explain.checker import Checker
from mirage.explain.evidence import Claim
from mirage_research.evaluation.grounding import (
    CheckedSentence,
    LabelledSentence,
    derived,
    judge,
    read_cases,
    score,
    written,
)
from mirage_research.evaluation.grounding_edits import (
    change_number,
    deny,
    flip_side,
    reworded,
    state,
    swap_modality,
    swap_plane,
)

MEDPIX = os.environ.get("MIRAGE_MEDPIX", "")
needs_medpix = pytest.mark.skipif(not MEDPIX, reason="MIRAGE_MEDPIX does not name a copy of MedPix 2.0")


def rng() -> random.Random:
    return random.Random(4)


def test_each_edit_changes_what_a_sentence_says() -> None:
    assert flip_side("A mass in the left kidney.", rng()) == "A mass in the right kidney."
    assert deny("There is a mass.", rng()) == "There is no mass."
    assert state("There is no evidence of hemorrhage.", rng()) == "There is hemorrhage."
    assert swap_plane("Axial CT shows a mass.", rng()) in ("Coronal CT shows a mass.", "Sagittal CT shows a mass.")
    assert swap_modality("CT shows a mass.", rng()) == "MRI shows a mass."
    changed = change_number("The mass measures 4.0 cm.", rng())
    assert changed is not None
    assert "4.0 cm" not in changed


def test_an_edit_leaves_alone_what_it_would_not_make_wrong() -> None:
    assert flip_side("The tube was left in place.", rng()) is None
    assert flip_side("Bilateral masses, the left one larger.", rng()) is None
    assert deny("There is no mass.", rng()) is None
    assert change_number("A large mass.", rng()) is None


def test_a_rewording_keeps_sides_and_denials() -> None:
    text = "There is no hemorrhage in the left frontal lobe."
    for seed in range(20):
        new = reworded(text, random.Random(seed))
        assert new is None or ("left" in new and "right" not in new and "no" in new.lower())


def test_scores_are_shares_of_what_was_marked() -> None:
    def one(kind: str, label: str, support: str) -> CheckedSentence:
        labelled = LabelledSentence("c", "x", (KIDNEY,), label, kind, "dev")
        return CheckedSentence(labelled, Claim("x", (), support))  # type: ignore[arg-type]

    found = score([
        one("laterality", "contradicted", "contradicted"),
        one("laterality", "contradicted", "supported"),
        one("faithful", "supported", "unsupported"),
        one("faithful", "supported", "partly"),
    ])  # fmt: skip
    assert [found[name][0] for name in ("recall", "precision", "flagged", "partly")] == [0.5] * 4


@pytest.mark.medpix
@needs_medpix
@pytest.mark.nightly
def test_set_a_of_dev_is_the_same_twice_and_as_good_as_the_docs_say() -> None:
    encoder = encoders.load("starter")
    cases = read_cases(Path(MEDPIX), "dev")
    examples = derived(cases, encoder)
    assert examples == derived(cases, encoder)
    found = score(judge(Checker(encoder), examples[::2]))
    assert found["recall"][0] >= 0.91  # 0.918 of all of them, as docs/grounding.md says
    assert found["precision"][0] >= 0.95
    kinds = {kind: values["recall"][0] for kind, values in found["kinds"].items()}
    assert kinds["laterality"] >= 0.9
    assert kinds["negation"] >= 0.87


@pytest.mark.medpix
@needs_medpix
def test_every_written_pair_finds_its_evidence() -> None:
    pairs = written(Path(MEDPIX))
    assert len(pairs) == 100
    assert all(pair.evidence for pair in pairs)


@pytest.mark.medpix
@needs_medpix
def test_a_pair_that_names_an_unknown_case_is_said(tmp_path: Path) -> None:
    file = tmp_path / "pairs.toml"
    file.write_text(
        '[[pair]]\ncase="MPX0"\nsplit="dev"\nevidence=["findings"]\nclaim="x"\nlabel="supported"\nkind="faithful"\nnote=""\n'
    )
    with pytest.raises(BadInput, match="MPX0"):
        written(Path(MEDPIX), pairs=file)
