"""Put the marks on a synthetic image: band, watermark, XMP, and a C2PA manifest where a certificate is configured."""

from __future__ import annotations

from PIL import Image

from mirage.provenance.record import Record

BAND = "SYNTHETIC – MIRAGE – not a patient"
FORMATS = ("png", "jpeg", "webp", "dicom")


def band(image: Image.Image) -> Image.Image:
    """The image, RGB or L, with the visible band below its content; enough for previews, which are not kept."""
    raise NotImplementedError


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
    """
    raise NotImplementedError
