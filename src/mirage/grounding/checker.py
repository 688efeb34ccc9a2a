"""Check one sentence against the numbered evidence."""

from __future__ import annotations

from collections.abc import Sequence

from mirage.encoders.base import Encoder
from mirage.evidence import Claim, Draft, Evidence


class Checker:
    """Judges sentences of any explainer.

    Parameters
    ----------
    encoder : Encoder
        The atlas's own; its text tower tells which evidence is nearest in meaning.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def check(self, draft: Draft, evidence: Sequence[Evidence], question: str = "") -> Claim:
        """Judge one sentence.

        Parameters
        ----------
        draft : Draft
        evidence : sequence of Evidence
            All that the explanation may use; the same sequence for every sentence of it.
        question : str
            What was asked: words that stand there are not held against a sentence as invented, nor do they support it.
        """
        raise NotImplementedError
