"""Read the marks of a synthetic image back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PIL import Image

from mirage.provenance.record import Record

MarkKind = Literal["band", "watermark", "xmp", "record", "c2pa", "dicom"]


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark that was looked for.

    Attributes
    ----------
    kind : str
    found : bool
    said : str
        What was found, or why not, in a sentence for people.
    """

    kind: MarkKind
    found: bool
    said: str


@dataclass(frozen=True, slots=True)
class Marks:
    """What a file says of itself.

    Attributes
    ----------
    synthetic : bool
        Whether any mark says so. False means "no mark found", never "this is real".
    ours : bool
        Whether the mark is MIRAGE's; others' XMP and C2PA marks are read too.
    marks : tuple of Mark
        Every kind that was looked for.
    record : Record or None
    id : str
        The image's id, as far as a mark carries it; empty otherwise.
    summary : str
        One sentence for people.
    """

    synthetic: bool
    ours: bool
    marks: tuple[Mark, ...]
    record: Record | None
    id: str
    summary: str


def read(data: bytes) -> Marks:
    """Look for every mark in a file's bytes; bytes that are no picture have none."""
    raise NotImplementedError


def watermarked(image: Image.Image) -> bool:
    """Whether the pixels alone carry MIRAGE's watermark."""
    raise NotImplementedError
