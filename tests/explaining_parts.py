"""Evidence for tests of explanations."""

from __future__ import annotations

from mirage.explain.evidence import Evidence
from mirage.figure import Source

SOURCE = Source("made", "A. Example, 2026")


def evidence(*texts: str) -> tuple[Evidence, ...]:
    """Captions, numbered from 1."""
    return tuple(Evidence(number, "caption", text, (f"made:{number}",), SOURCE) for number, text in enumerate(texts, 1))
