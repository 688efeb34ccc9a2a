"""Read the marks of a synthetic image back.

Standard of the mark in DICOM files: DICOM PS3.3, Synthetic Data (0008,001C).
"""

from __future__ import annotations

import contextlib
import struct
import warnings
from dataclasses import dataclass
from typing import Literal

from PIL import Image

from mirage.images import metadata
from mirage.images.formats import HEAD_BYTES, format_of
from mirage.images.limits import DEFAULT_LIMITS
from mirage.images.marks import band, c2pa, first_watermark, watermark
from mirage.images.marks.record import SYNTHETIC_TYPES, SyntheticRecord, creator_tool, find_packet, record_in, source_type
from mirage.wording import N_, _, looked_up

MarkKind = Literal["band", "watermark", "xmp", "record", "c2pa", "dicom"]
_MEDIA = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "TIFF": "image/tiff", "GIF": "image/gif"}
_LARGE = 400  # pixels: a picture of more than twice that is made smaller once before the earlier watermark is looked for
DICOM_GROUP, DICOM_CREATOR = 0x0099, "MIRAGE"
"""The private block of a DICOM file whose element 1 holds the record as JSON."""
_DICOM_TAGS = [(0x0008, 0x001C), (0x0008, 0x0070), (DICOM_GROUP, 0x0010), (DICOM_GROUP, 0x1001)]
NO_PROOF = N_("No mark found does not mean that the image is real.")


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
    record : SyntheticRecord or None
    id : str
        The image's id, as far as a mark carries it; empty otherwise.
    summary : str
        One sentence for people.
    """

    synthetic: bool
    ours: bool
    marks: tuple[Mark, ...]
    record: SyntheticRecord | None
    id: str
    summary: str


def read(data: bytes, image: Image.Image) -> Marks:
    """Look for every mark in a file's bytes and pixels.

    Parameters
    ----------
    data : bytes
    image : PIL.Image.Image
        The same picture, decoded.
    """
    files, ours, record = _of_file(data)
    pixels, carried = _of_pixels(image)
    return _summed([*pixels, *files], ours or any(mark.found for mark in pixels), record, carried)


def declared(data: bytes) -> Marks:
    """Look for the marks in a file's metadata alone, without decoding it; quick."""
    files, ours, record = _of_file(data)
    return _summed(files, ours, record, "")


def warned(marks: Marks) -> str:
    """What to tell somebody who searches with such a picture; empty when no mark was found."""
    if not marks.synthetic:
        return ""
    found = ", ".join(
        mark.kind if mark.kind not in ("xmp", "c2pa", "dicom") else mark.kind.upper() for mark in marks.marks if mark.found
    )
    whose = _("made by MIRAGE") if marks.ours else _("marked so by its maker")
    return _(
        "The picture you dropped is synthetic (%(whose)s; found: %(found)s). "
        "It shows no patient; the figures below are real.",
        whose=whose,
        found=found,
    )


def watermarked(image: Image.Image) -> bool:
    """Whether the pixels alone carry MIRAGE's watermark."""
    return find(image, thorough=False).present


def _of_pixels(image: Image.Image) -> tuple[list[Mark], str]:
    banded = band.has_band(image)
    found = find(image, thorough=True)
    words = (
        _("The words “%(words)s” stand below the picture.", words=band.BAND)
        if banded
        else _("No band with MIRAGE's words below the picture.")
    )
    if not found.present:
        hidden = _("No watermark of MIRAGE in the pixels.")
    elif found.id:
        hidden = _("MIRAGE's watermark is in the pixels, with the image's id %(id)s.", id=found.id)
    else:
        hidden = _("MIRAGE's watermark is in the pixels; the image's id in it can no longer be read.")
    return [Mark("band", banded, words), Mark("watermark", found.present, hidden)], found.id


def find(image: Image.Image, *, thorough: bool) -> watermark.WatermarkReading:
    """Look for the watermark, and for that of MIRAGE 0.1 and 0.2.

    Parameters
    ----------
    image : PIL.Image.Image
        Of any size and mode. In one with a side under 48 pixels nothing is looked for.
    thorough : bool
        Look for the earlier one also with the band at any side, as in a picture that was turned; takes longer.
    """
    if min(image.size) < 48:
        return watermark.WatermarkReading(0.0, False, "")
    grey = image if image.mode == "L" else image.convert("L")
    found = watermark.find(grey)
    if found.present:
        return found
    if min(grey.size) >= 2 * _LARGE:
        grey = grey.reduce(min(grey.size) // _LARGE)
    first = first_watermark.find(grey, _places(*grey.size, thorough=thorough))
    return first if first.present else found


def _places(width: int, height: int, *, thorough: bool) -> list[first_watermark.Box | None]:
    """Where the earlier watermark may be: above its band, in the whole without one, beside it when the picture is turned."""
    shares = {round(min(width * band.SHARE / height, 0.5), 4), round(band.SHARE / (1 + band.SHARE), 4)}
    below: list[first_watermark.Box | None] = [(0.0, 0.0, float(width), height * (1 - share)) for share in sorted(shares)]
    if not thorough:
        return [(0.0, 0.0, float(width), float(height - min(band.height_of(width), height // 2))), None]
    across = {round(min(height * band.SHARE / width, 0.5), 4), round(band.SHARE / (1 + band.SHARE), 4)}
    turned: list[first_watermark.Box | None] = [
        (0.0, height * share, float(width), float(height)) for share in sorted(shares)
    ]
    for share in sorted(across):
        turned += [(0.0, 0.0, width * (1 - share), float(height)), (width * share, 0.0, float(width), float(height))]
    return [*below, None, *turned]


def _of_file(data: bytes) -> tuple[list[Mark], bool, SyntheticRecord | None]:
    """The marks in a file's metadata, whether one is MIRAGE's, and its record."""
    kind = format_of(data[:HEAD_BYTES])
    if kind == "DICOM":
        synthetic, record, maker = _of_dicom(data)
        told = _("Synthetic Data (0008,001C) is YES.")
        if maker:
            told = _("Synthetic Data (0008,001C) is YES, made by %(maker)s.", maker=maker)
        marks = [Mark("dicom", synthetic, told if synthetic else _("Synthetic Data (0008,001C) is not YES."))]
        return [*marks, _record_mark(record)], synthetic and record is not None, record
    packet = _packet(data, kind)
    source, record = source_type(packet), record_in(packet)
    ours = bool(source) and record is not None
    said = _("XMP names no generator.") if packet else _("The file has no XMP metadata.")
    if source:
        maker = creator_tool(packet)
        meant = looked_up(SYNTHETIC_TYPES[source])
        said = _("XMP says %(source)s (%(meant)s).", source=source, meant=meant)
        if maker:
            said = _("XMP says %(source)s (%(meant)s), by %(maker)s.", source=source, meant=meant, maker=maker)
    marks = [Mark("xmp", bool(source), said)]
    manifest = c2pa.read(data, _MEDIA[kind]) if kind in _MEDIA else None
    if manifest is None:
        marks.append(Mark("c2pa", False, _("The file has no C2PA manifest.")))
    else:
        marks.append(Mark("c2pa", manifest.synthetic, manifest.said))
        ours = ours or manifest.ours
        record = manifest.record or record
    return [*marks, _record_mark(record)], ours, record


def _of_dicom(data: bytes) -> tuple[bool, SyntheticRecord | None, str]:
    """What a DICOM file says: whether it is synthetic, MIRAGE's record, and who made it.

    Returns
    -------
    (bool, SyntheticRecord or None, str)
        (False, None, "") for bytes that cannot be read.
    """
    import pydicom  # noqa: PLC0415 - slow to import

    from mirage.images.dicom_header import plain_file  # noqa: PLC0415

    try:
        with warnings.catch_warnings(), plain_file(data, _("the DICOM file"), DEFAULT_LIMITS) as file:
            warnings.simplefilter("ignore")
            ds = pydicom.dcmread(file, stop_before_pixels=True, force=True, specific_tags=_DICOM_TAGS)
            synthetic = str(ds.get("SyntheticData", "")).strip().upper() == "YES"
            maker = str(ds.get("Manufacturer", "") or "").strip()[:80]
            record = None
            with contextlib.suppress(KeyError, ValueError, TypeError):
                record = SyntheticRecord.parse(str(ds.private_block(DICOM_GROUP, DICOM_CREATOR)[0x01].value))
    except Exception:  # strangers' bytes raise anything
        return False, None, ""
    return synthetic, record, maker


def _record_mark(record: SyntheticRecord | None) -> Mark:
    if record is None:
        return Mark("record", False, _("No record of how it was made."))
    said = _(
        "The record says: made by %(generator)s, %(created)s, seed %(seed)s.",
        generator=record.generator,
        created=record.created,
        seed=record.seed,
    )
    return Mark("record", True, said)


def _packet(data: bytes, kind: str) -> str:
    try:
        unpacked = metadata.strip(data, kind).xmp
    except (ValueError, struct.error, IndexError):  # a file that is cut short has no packet beyond its end
        unpacked = b""
    return find_packet(data, unpacked)


def _summed(marks: list[Mark], ours: bool, record: SyntheticRecord | None, carried: str) -> Marks:
    synthetic = any(mark.found for mark in marks)
    id_ = carried or (record.id if record else "")
    if not synthetic:
        summary = _("No mark of a synthetic image found. %(no_proof)s", no_proof=_(NO_PROOF))
    elif ours:
        summary = _("This image is synthetic: it was made by MIRAGE. It shows no patient.")
    else:
        summary = _("This image is marked as synthetic by its maker, which was not MIRAGE.")
    if carried and record and carried != record.id:
        summary += " " + _("Its record belongs to another image: the id in the watermark is a different one.")
    return Marks(synthetic, ours, tuple(marks), record, id_, summary)
