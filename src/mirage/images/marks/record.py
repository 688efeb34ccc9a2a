"""What is known of how a synthetic image was made."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Record:
    """How one synthetic image was made; enough to make it again.

    Attributes
    ----------
    id : str
        16 hex digits, made anew for each image; the invisible watermark carries it.
    prompt : str
        What was asked for, in words, as `mirage.generate.generators.Request.prompt` writes it.
    terms : tuple of (str, float)
        The same as texts and weights.
    negative : str
    generator, model, revision : str
        Who drew it.
    seed, steps : int
    guidance : float
    width, height : int
    start : str
        What it began from: empty for noise, ``an upload``, or a figure's id.
    strength : float
        With `start`.
    created : str
        ISO 8601, UTC, to the second.
    software : str
        ``MIRAGE 0.1.0``.
    """

    id: str
    prompt: str
    terms: tuple[tuple[str, float], ...]
    negative: str
    generator: str
    model: str
    revision: str
    seed: int
    steps: int
    guidance: float
    width: int
    height: int
    created: str
    software: str
    start: str = ""
    strength: float = 0.0

    def print(self) -> str:
        """As JSON text."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `print` wrote; what a newer program added is left aside.

        Raises
        ------
        ValueError
            When it is no such record.
        """
        given: dict[str, Any] = json.loads(text)
        if not isinstance(given, dict):
            raise ValueError("no record")
        known = {field.name for field in fields(cls)}
        values = {name: value for name, value in given.items() if name in known}
        values["terms"] = tuple((str(words), float(weight)) for words, weight in values.get("terms", ()))
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(str(error)) from error
