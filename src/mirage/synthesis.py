"""From a query to synthetic images: ask a generator, mark what it draws, and put what is real beside it.

A synthetic image is never a figure and never enters the records or the index of an atlas. It leaves this module marked, with
the nearest real figures, how well it matches its prompt, and whether it is a near copy of a training image.
"""

from __future__ import annotations

from dataclasses import dataclass

from mirage.generators.copies import Copy
from mirage.provenance import Record

__all__ = ["MAX_AHEAD", "Copy", "Match", "Options", "Synthetic"]

MAX_AHEAD = 16  # how many generations may wait; more are refused with 429


@dataclass(frozen=True, slots=True)
class Options:
    """What may be chosen beside the query; None leaves it to the generator.

    Attributes
    ----------
    negative : str
    seed : int or None
        None draws one.
    steps, guidance, width, height
    count : int
    figure : str
        Id of a figure to begin from.
    strength : float
    generator : str
        Adapter name; the settings' one when empty.
    """

    negative: str = ""
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    width: int | None = None
    height: int | None = None
    count: int = 1
    figure: str = ""
    strength: float = 0.6
    generator: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """How well an image matches its prompt, by the atlas's encoder.

    Attributes
    ----------
    better_than : float
        Share (0 to 1) of the atlas's own figures that match the prompt less well than the image does. A raw cosine is
        never shown: those of texts and images are low by nature.
    said : str
        One sentence for people.
    """

    better_than: float
    said: str


@dataclass(frozen=True, slots=True)
class Synthetic:
    """One synthetic image with all that stands beside it.

    Attributes
    ----------
    record : Record
    data : bytes
        A marked PNG; empty when it is withheld or came out blank.
    nearest : tuple of str
        Ids of the real figures of the atlas that look most like it, best first.
    match : Match or None
    copy : Copy
    withheld : bool
        Whether it is a near copy and nobody insisted.
    remarks : tuple of str
    """

    record: Record
    data: bytes
    nearest: tuple[str, ...]
    match: Match | None
    copy: Copy
    withheld: bool
    remarks: tuple[str, ...] = ()
