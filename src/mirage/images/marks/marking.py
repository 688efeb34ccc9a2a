"""Put the marks on a synthetic image: band, watermark, XMP, and a C2PA manifest where a certificate is configured."""

from __future__ import annotations

import io
import re

from PIL import Image

from mirage.errors import BadInput
from mirage.images.marks import banding, watermark, xmp
from mirage.images.marks.banding import BAND
from mirage.images.marks.record import Record

__all__ = ["BAND", "FORMATS", "band", "mark"]
FORMATS = ("png", "jpeg", "webp", "dicom")
MEDIA_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp", "dicom": "application/dicom"}
_QUALITY = 92
_MOST_PACKET = 60_000  # bytes: a JPEG keeps its XMP in one segment of 64 kB


def band(image: Image.Image) -> Image.Image:
    """The image, RGB or L, with the visible band below its content; enough for previews, which are not kept."""
    return banding.banded(image)


def mark(image: Image.Image, record: Record, format: str = "png") -> bytes:
    """Mark an image and write it as a file.

    Parameters
    ----------
    image : PIL.Image.Image
        As the generator drew it, mode L or RGB. Smaller than 512 px, it is brought to 512 px first.
    record : Record
    format : {"png", "jpeg", "webp", "dicom"}

    Returns
    -------
    bytes
        The file, with all marks; the C2PA manifest signed last.

    Raises
    ------
    mirage.errors.BadInput
        When the format is another one, the record cannot be carried, or the signing certificate cannot be used.
    mirage.errors.Unavailable
        When signing is configured and its package is not installed. No file leaves unsigned then.
    """
    if format not in FORMATS:
        raise BadInput(f"A synthetic image cannot be written as {format[:40]!r}. Choose {', '.join(FORMATS)}.")
    if not re.fullmatch(r"[0-9a-f]{16}", record.id):
        raise BadInput(f"The id of a synthetic image is 16 hex digits, not {record.id[:40]!r}.")
    if len(xmp.packet(record)) > _MOST_PACKET:
        raise BadInput("The prompt is too long for the image's own record (60 kB). Shorten it.")
    return rewrite(banding.banded(watermark.embed(banding.enlarged(image), record.id)), record, format)


def rewrite(marked: Image.Image, record: Record, format: str = "png") -> bytes:
    """Write an image that has band and watermark already as another file, with the marks that a file carries.

    Parameters
    ----------
    marked : PIL.Image.Image
        The pixels of what `mark` wrote.
    record, format
        As for `mark`.

    Raises
    ------
    mirage.errors.BadInput, mirage.errors.Unavailable
        As `mark` does.
    """
    if format not in FORMATS:
        raise BadInput(f"A synthetic image cannot be written as {format[:40]!r}. Choose {', '.join(FORMATS)}.")
    if format == "dicom":
        from mirage.images.marks.dicom import write  # noqa: PLC0415 - pydicom is slow to import

        return write(marked, record)
    file = io.BytesIO()
    packet = xmp.packet(record)
    if format == "jpeg":
        marked.save(file, "JPEG", quality=_QUALITY, subsampling=0, xmp=packet)
    elif format == "webp":
        marked.save(file, "WEBP", quality=_QUALITY, method=4, xmp=packet)
    else:
        from PIL.PngImagePlugin import PngInfo  # noqa: PLC0415 - for this branch alone

        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", packet.decode())
        info.add_itxt("Comment", f"{BAND}. {record.software}, image {record.id}.")
        marked.save(file, "PNG", pnginfo=info, optimize=False, compress_level=6)
    from mirage.images.marks import c2pa  # noqa: PLC0415 - reads the settings

    return c2pa.signed(file.getvalue(), MEDIA_TYPES[format], record)
