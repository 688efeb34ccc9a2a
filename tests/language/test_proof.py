"""How a diagnosis was proven."""

from __future__ import annotations

import pytest

from mirage.language.proof import proof_of


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
