"""What a rule finds wrong, and how much weight that has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mirage.explain.evidence import Break, BreakKind

Weight = Literal["partly", "unsupported", "contradicted"]
ORDER: tuple[str, ...] = ("supported", "partly", "unsupported", "contradicted")


@dataclass(frozen=True, slots=True)
class Doubt:
    """One break and what it makes of the sentence."""

    broken: Break
    weight: Weight


def doubt(kind: BreakKind, words: str, reason: str, weight: Weight) -> Doubt:
    """Put a doubt together."""
    return Doubt(Break(kind, words, reason), weight)
