"""What is known of how a synthetic image was made, and how it is found in the XMP packet of a file.

Formats: XMP (ISO 16684-1); IPTC Photo Metadata Standard, Digital Source Type. Packets of strangers are searched and never
parsed as XML: each search is linear in the packet's length, and what it finds is bounded.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from html import unescape
from typing import Self

from pydantic import ConfigDict, TypeAdapter

from mirage.wording import N_, _

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
TRAINED = SOURCE_TYPES + "trainedAlgorithmicMedia"
PACKET_MOST = 1_000_000
"""Bytes of a packet that are looked at."""
RECORD_MOST = 100_000
"""Characters of a record; what `mirage.generate.provenance.mark` writes is shorter."""
# Source types that say a picture, or part of it, was made by a generator.
SYNTHETIC_TYPES = {
    "trainedAlgorithmicMedia": N_("made by a trained generator"),
    "compositeWithTrainedAlgorithmicMedia": N_("edited or composed with a trained generator"),
    "compositeSynthetic": N_("composed with synthetic parts"),
    "algorithmicMedia": N_("made by an algorithm"),
    "algorithmicallyEnhanced": "",
}
_SOURCE_TYPE = re.compile(r"digitalsourcetype/(\w{1,60})", re.IGNORECASE)
_TOOL = re.compile(r"CreatorTool(?:>|=[\"'])([^<\"']{1,200})")


@dataclass(frozen=True, slots=True)
class SyntheticRecord:
    """How one synthetic image was made; enough to make it again.

    Attributes
    ----------
    id : str
        16 hex digits, made anew for each image; the invisible watermark carries it.
    prompt : str
        What was asked for, in words, as `mirage.generate.generators.GenerationRequest.prompt` writes it.
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
    drafts : int
        From how many drafts it was chosen; 1 where nothing was chosen.
    chooser : str
        By which encoder, with the beginning of its digest.
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
    drafts: int = 1
    chooser: str = ""

    def print(self) -> str:
        """As JSON text."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `print` wrote; what a newer program added is left aside.

        Raises
        ------
        ValueError
            When it is no such record, too long, or a value is of another kind.
        """
        if len(text) > RECORD_MOST:
            raise ValueError(_("the record is too long"))
        return TypeAdapter(cls).validate_json(text.encode("utf-8", "replace"))


# A record is shown and sent as JSON, which has no infinite numbers.
SyntheticRecord.__pydantic_config__ = ConfigDict(extra="ignore", allow_inf_nan=False)  # type: ignore[attr-defined]


def find_packet(data: bytes, unpacked: bytes) -> str:
    """Find the XMP packet of a file.

    Parameters
    ----------
    data : bytes
        The file; a packet is mostly in it as plain text, whatever the format.
    unpacked : bytes
        The packet as `mirage.images.metadata.strip` found it, perhaps compressed in the file; taken where no plain one is.
    """
    start = data.find(b"<x:xmpmeta")
    if start < 0:
        return unpacked[:PACKET_MOST].decode("utf-8", "replace")
    end = data.find(b"</x:xmpmeta>", start, start + PACKET_MOST)
    return data[start : end if end >= 0 else start + 200_000].decode("utf-8", "replace")


def source_type(text: str) -> str:
    """Name the digital source type of a packet, if it is one of a generator; else empty."""
    return next((found[1] for found in _SOURCE_TYPE.finditer(text) if SYNTHETIC_TYPES.get(found[1])), "")


def creator_tool(text: str) -> str:
    """Name the program that a packet names; empty when it names none."""
    found = _TOOL.search(text)
    return unescape(found[1]).strip() if found else ""


def record_in(text: str) -> SyntheticRecord | None:
    """Read MIRAGE's record in a packet, if there is one that can be read."""
    written, closed, _ = text.partition("<mirage:record>")[2].partition("</mirage:record>")
    if not closed or len(written) > 2 * RECORD_MOST:
        return None
    try:
        return SyntheticRecord.parse(unescape(written))
    except (ValueError, TypeError):
        return None
