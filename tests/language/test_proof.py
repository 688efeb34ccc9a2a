"""How a diagnosis was proven."""

from __future__ import annotations

import pytest

from mirage.language.proof import proof_of, unproven


@pytest.mark.parametrize(
    ("words", "proof"),
    [
        ("Biopsy", "pathology"),
        ("CT guided needle biopsy", "pathology"),
        ("Surgery and Pathology", "pathology"),
        ("CT imaging and surgical removal of the appendix.", "surgery"),
        ("Laparoscopy", "surgery"),
        ("Blood culture", "laboratory"),
        ("Imaging, patient declined biopsy", "imaging"),
        ("Imaging appearance - no histology yet", "imaging"),
        ("CXR, elevated AFP level; biopsy pending", "laboratory"),
        ("Pathognomonic", "imaging"),
        ("Surgical history", "clinical"),
        ("Stability on follow-up", "clinical"),
        ("Unknown.", ""),
        ("No surgery yet", ""),
        ("", ""),
    ],
)
def test_the_strongest_proof_that_was_had_counts(words: str, proof: str) -> None:
    assert proof_of(words) == proof


@pytest.mark.parametrize(
    "sentence",
    [
        "There is no histology.",
        "Biopsy was declined.",
        "The diagnosis was not confirmed.",
        "The diagnosis has not been proven by biopsy.",
        "Histology is not available.",
        "What it is, is not stated.",
    ],
)
def test_what_is_not_proven_says_so(sentence: str) -> None:
    assert unproven(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "The diagnosis was never in doubt.",
        "No further biopsy was taken, as pathology confirmed glioma.",
        "Cytology was not diagnostic, but surgery confirmed carcinoma.",
        "No other pathologic proof than the resection specimen.",
        "Biopsy is not needed to confirm a simple cyst.",
        "The biopsy was not malignant.",
        "No biopsy complications occurred.",
        "Biopsies were never positive.",
    ],
)
def test_what_was_proven_otherwise_or_needs_no_proof_is_not_taken_for_unproven(sentence: str) -> None:
    assert not unproven(sentence)
