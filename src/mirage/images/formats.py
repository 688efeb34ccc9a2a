"""Which format some bytes are in, told by their content and never by their name."""

from __future__ import annotations

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
)
_KNOWN_OTHERS: tuple[tuple[tuple[bytes, ...], str], ...] = (
    ((b"%PDF",), "a PDF"),
    ((b"PK\x03\x04",), "a zip archive (or an Office document)"),
    ((b"\x1f\x8b",), "a gzip archive (perhaps NIfTI)"),
    ((b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51"), "a JPEG 2000"),
    ((b"\xff\x0a",), "a JPEG XL"),
    ((b"<!DOCTYPE", b"<!doctype", b"<html"), "a web page"),
    ((b"<svg",), "an SVG drawing"),
    ((b"<?xml",), "an XML file (perhaps an SVG drawing)"),
    ((b"8BPS",), "a Photoshop document"),
)
ACCEPTED = "PNG, JPEG, WebP, TIFF, BMP, GIF or DICOM"
HEAD_BYTES = 512


def format_of(head: bytes) -> str:
    """Name the format of a picture.

    Parameters
    ----------
    head : bytes
        The first bytes; `HEAD_BYTES` are enough.

    Returns
    -------
    str
        ``PNG``, ``JPEG``, ``WEBP``, ``TIFF``, ``BMP``, ``GIF`` or ``DICOM``; empty when it is none of them.
    """
    # First, because a DICOM file may begin as a TIFF: its preamble is free.
    if head[128:132] == b"DICM":
        return "DICOM"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    return "DICOM" if _is_bare_dicom(head) else ""


def _is_bare_dicom(head: bytes) -> bool:
    """Whether the bytes begin with an element of group 2 or 8, as old DICOM files without a preamble do."""
    if len(head) < 12 or head[1] != 0 or head[0] not in (2, 8):
        return False
    element = int.from_bytes(head[2:4], "little")
    explicit = head[4:6].isalpha() and head[4:6].isupper()
    length = int.from_bytes(head[6:8] if explicit else head[4:8], "little")
    return element <= 0x70 and length <= 256


def looks_like(head: bytes) -> str:
    """What refused bytes seem to be, in words: "a PDF"; "text" for text; empty when nothing comes to mind."""
    start = head.lstrip(b"\xef\xbb\xbf \r\n\t")
    for magic, words in _KNOWN_OTHERS:
        if start.startswith(magic) or head.startswith(magic):
            return words
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return "an AVIF picture" if brand.startswith(b"avi") else "a HEIC picture or a video"
    if head and all(byte in b"\t\r\n" or 32 <= byte < 127 for byte in head):
        return "text"
    return ""
