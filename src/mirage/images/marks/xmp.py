"""The XMP packet of a marked image, and what any image's XMP says of how it was made.

Formats: XMP (ISO 16684-1); IPTC Photo Metadata Standard, Digital Source Type.
"""

from __future__ import annotations

import re
from html import unescape
from xml.sax.saxutils import escape

from mirage.images.marks.record import Record

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
TRAINED = SOURCE_TYPES + "trainedAlgorithmicMedia"
NAMESPACE = "urn:mirage:provenance:1"
# Source types that say a picture, or part of it, was made by a generator.
SYNTHETIC_TYPES = {
    "trainedAlgorithmicMedia": "made by a trained generator",
    "compositeWithTrainedAlgorithmicMedia": "edited or composed with a trained generator",
    "compositeSynthetic": "composed with synthetic parts",
    "algorithmicMedia": "made by an algorithm",
    "algorithmicallyEnhanced": "",
}
_MOST = 1_000_000
_SOURCE_TYPE = re.compile(r"digitalsourcetype/(\w+)", re.IGNORECASE)
_OF_RECORD = re.compile(r"<mirage:record>(.*?)</mirage:record>", re.DOTALL)
_OF_TOOL = re.compile(r"CreatorTool(?:>|=[\"'])([^<\"']{1,200})")


def packet(record: Record) -> bytes:
    """The packet, UTF-8."""
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:mirage="{NAMESPACE}">
<Iptc4xmpExt:DigitalSourceType>{TRAINED}</Iptc4xmpExt:DigitalSourceType>
<xmp:CreatorTool>{escape(record.software)}</xmp:CreatorTool>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">Synthetic image, not a patient.</rdf:li></rdf:Alt></dc:description>
<mirage:record>{escape(record.print())}</mirage:record>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>""".encode()


def source_type(text: str) -> str:
    """The digital source type that a packet names, if it is one of a generator; else empty."""
    for name in _SOURCE_TYPE.findall(text[:_MOST]):
        if SYNTHETIC_TYPES.get(name):
            return str(name)
    return ""


def tool(text: str) -> str:
    """The program that a packet names; empty when it names none."""
    found = _OF_TOOL.search(text[:_MOST])
    return unescape(found[1]).strip() if found else ""


def record_of(text: str) -> Record | None:
    """MIRAGE's record in a packet, if there is one that can be read."""
    found = _OF_RECORD.search(text[:_MOST])
    if not found:
        return None
    try:
        return Record.parse(unescape(found[1]))
    except (ValueError, TypeError):
        return None
