"""What a file says of itself."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from mirage.web.schemas.base import Model


class MarkView(Model):
    """One mark that was looked for."""

    kind: str = Field(description="band, watermark, xmp, record, c2pa or dicom.")
    found: bool
    said: str


class MarksView(Model):
    """The marks of a synthetic image that a file carries."""

    synthetic: bool = Field(
        description="Whether any mark says so. False means that none was found, not that the image is real."
    )
    ours: bool = Field(description="Whether the mark is MIRAGE's.")
    summary: str
    id: str = Field(description="The image's id, as far as a mark carries it; empty otherwise.")
    marks: list[MarkView]
    record: dict[str, Any] | None = Field(description="How the image was made, where a mark tells it.")
