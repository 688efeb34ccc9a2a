"""Which format some bytes are in, told by their content and never by their name."""

from __future__ import annotations

from typing import Literal

from mirage.installed import to_install
from mirage.wording import N_, _

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
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
)
# Brands of the container that AVIF, HEIC and films share (ISO/IEC 14496-12, 23008-12).
_BRANDS: tuple[tuple[str, frozenset[bytes]], ...] = (
    ("AVIF", frozenset((b"avif", b"avis"))),
    ("HEIF", frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"heif", b"mif2"))),
)
_KNOWN_OTHERS: tuple[tuple[tuple[bytes, ...], str], ...] = (
    ((b"%PDF",), N_("a PDF")),
    ((b"PK\x03\x04",), N_("a zip archive (or an Office document)")),
    ((b"\x1f\x8b",), N_("a gzip archive (perhaps NIfTI)")),
    ((b"\xff\x0a", b"\x00\x00\x00\x0cJXL "), N_("a JPEG XL picture")),
    ((b"II\xbc\x01", b"WMPHOTO"), N_("a JPEG XR picture")),
    ((b"<!DOCTYPE", b"<!doctype", b"<html"), N_("a web page")),
    ((b"<svg",), N_("an SVG drawing")),
    ((b"<?xml",), N_("an XML file (perhaps an SVG drawing)")),
    ((b"8BPS", b"8BPB"), N_("a Photoshop document")),
    ((b"gimp xcf",), N_("a GIMP picture")),
    ((b"NRRD000",), N_("a NRRD volume")),
    ((b"ObjectType =", b"ObjectType=", b"NDims ="), N_("a MetaImage volume (MHA, MHD)")),
    ((b"MATLAB 5.0", b"MATLAB 7.3"), N_("a MATLAB file")),
    ((b"\x89HDF\r\n\x1a\n",), N_("an HDF5 file (perhaps MATLAB or MINC)")),
    ((b"\x93NUMPY",), N_("a NumPy array")),
    ((b"\x1a\x45\xdf\xa3",), N_("a video (Matroska or WebM)")),
    ((b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3"), N_("a video (MPEG)")),
    ((b"0&\xb2u\x8ef\xcf\x11",), N_("a video (Windows Media)")),
    ((b"FLV\x01",), N_("a video (Flash)")),
    ((b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"), N_("an archive")),
    ((b"\x76\x2f\x31\x01",), N_("an OpenEXR picture")),
    ((b"\x00\x00\x01\x00",), N_("an icon")),
    (tuple(b"P%d%c" % (kind, end) for kind in range(1, 7) for end in b"\n\r "), N_("a Netpbm picture")),
)
_ENDINGS: dict[str, str] = {
    **dict.fromkeys((".heic", ".heif", ".hif"), N_("a HEIC picture")),
    ".avif": N_("an AVIF picture"),
    ".jxl": N_("a JPEG XL picture"),
    **dict.fromkeys((".jp2", ".j2k", ".jpx", ".jpf", ".j2c", ".jpc"), N_("a JPEG 2000 picture")),
    ".jxr": N_("a JPEG XR picture"),
    **dict.fromkeys((".psd", ".psb"), N_("a Photoshop document")),
    ".svg": N_("an SVG drawing"),
    ".svgz": N_("an SVG drawing"),
    ".pdf": N_("a PDF"),
    ".eps": N_("a PostScript drawing"),
    ".ai": N_("a drawing of Illustrator"),
    ".ico": N_("an icon"),
    ".xcf": N_("a GIMP picture"),
    **dict.fromkeys((".ppm", ".pgm", ".pbm", ".pnm"), N_("a Netpbm picture")),
    ".exr": N_("an OpenEXR picture"),
    **dict.fromkeys((".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".rw2", ".raf"), N_("a camera's raw picture")),
    **dict.fromkeys(
        (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".wmv", ".mpg", ".mpeg", ".flv", ".3gp"), N_("a video")
    ),
    **dict.fromkeys((".nrrd", ".nhdr", ".seg.nrrd"), N_("a NRRD volume")),
    **dict.fromkeys((".mha", ".mhd"), N_("a MetaImage volume (MHA, MHD)")),
    ".mat": N_("a MATLAB file"),
    ".npy": N_("a NumPy array"),
    ".npz": N_("a NumPy archive"),
    **dict.fromkeys((".h5", ".hdf5", ".mnc"), N_("an HDF5 file (perhaps MATLAB or MINC)")),
    **dict.fromkeys((".mgz", ".mgh"), N_("a FreeSurfer volume")),
    ".v3draw": N_("a Vaa3D volume"),
    **dict.fromkeys((".svs", ".ndpi", ".scn", ".mrxs", ".vms", ".bif"), N_("a whole slide image")),
    **dict.fromkeys((".czi", ".vsi", ".lif", ".nd2"), N_("a whole slide or microscope image")),
    **dict.fromkeys((".ppt", ".pptx", ".key", ".odp"), N_("slides")),
}
_INSTEAD: tuple[tuple[str, str], ...] = (
    ("HEIC", N_("Save it as PNG or JPEG; or whoever runs MIRAGE here can install what reads it (%(pi_heif)s).")),
    ("AVIF", N_("Save it as PNG; or whoever runs MIRAGE here can install a newer reader (%(pillow)s).")),
    ("JPEG 2000", N_("Save it as PNG; or whoever runs MIRAGE here can install a newer reader (%(pillow)s).")),
    ("video", N_("Save the frames that matter as PNG, or the film as DICOM.")),
    ("PDF", N_("Save its figures as PNG.")),
    ("slides", N_("Save their figures as PNG.")),
    ("volume", N_("Convert it to NIfTI (.nii.gz).")),
    ("MATLAB", N_("Save what it holds as NIfTI, or as PNG.")),
    ("NumPy", N_("Save what it holds as NIfTI, or as PNG.")),
    ("HDF5", N_("Save what it holds as NIfTI, or as PNG.")),
    ("whole slide", N_("Save the parts that matter as PNG.")),
    ("", N_("Save it as PNG or JPEG.")),
)
ACCEPTED = N_("PNG, JPEG, WebP, TIFF, BMP, GIF, AVIF, JPEG 2000, HEIC or DICOM")
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
        ``PNG``, ``JPEG``, ``WEBP``, ``TIFF``, ``BMP``, ``GIF``, ``AVIF``, ``JPEG2000``, ``HEIF`` or ``DICOM``; empty when
        it is none of them.
    """
    # First, because a DICOM file may begin as a TIFF: its preamble is free.
    if head[128:132] == b"DICM":
        return "DICOM"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[4:8] == b"ftyp":
        # What it is first, then what else it may be read as: a picture of either kind may call itself mif1.
        brands = [head[at : at + 4] for at in (8, *range(16, min(int.from_bytes(head[:4], "big"), len(head)), 4))]
        first = next((name for name, own in _BRANDS if brands[0] in own), "")
        return next((name for name, own in _BRANDS if not own.isdisjoint(brands)), first) if first else ""
    return "DICOM" if _is_bare_dicom(head) else ""


def before_picture(head: bytes) -> tuple[int, str] | None:
    """How many bytes, up to 64, stand before a PNG, JPEG or GIF, and which it is; None without one."""
    found = [(at, name) for magic, name in _MAGIC[:4] if (at := head.find(magic, 0, 64 + len(magic))) > 0]
    return min(found, default=None)


def _is_bare_dicom(head: bytes) -> bool:
    """Whether the bytes begin with an element of group 2 or 8, as old DICOM files without a preamble do."""
    if len(head) < 12 or (head[0], head[1]) not in ((2, 0), (8, 0), (0, 8)):
        return False
    order: Literal["little", "big"] = "big" if head[0] == 0 else "little"
    explicit = head[4:6].isalpha() and head[4:6].isupper()
    length = int.from_bytes(head[6:8] if explicit else head[4:8], order)
    return int.from_bytes(head[2:4], order) <= 0x70 and length <= 256 and (explicit or order == "little")


def looks_like(head: bytes) -> str:
    """What refused bytes seem to be, in words: "a PDF"; "text" for text; empty when nothing comes to mind."""
    start = head.lstrip(b"\xef\xbb\xbf \r\n\t")
    for magic, words in _KNOWN_OTHERS:
        if start.startswith(magic) or head.startswith(magic):
            return N_("an SVG drawing") if words.startswith("an XML") and b"<svg" in head else words
    if head[4:8] == b"ftyp":
        return "a video"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "a video"
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free") and head[:2] == b"\0\0":
        return "a video"
    if head and all(byte in b"\t\r\n" or 32 <= byte < 127 for byte in head):
        return "text"
    return ""


def kind_of_file(name: str, head: bytes) -> str:
    """What a file is that shows something and is not read, by its content, else by the ending of its name; empty for others.

    Parameters
    ----------
    name : str
    head : bytes
        As for `format_of`.
    """
    seems = looks_like(head)
    by_name = next((words for ending, words in _ENDINGS.items() if name.lower().endswith(ending)), "")
    if seems in set(_ENDINGS.values()) or seems.startswith("a video"):
        return "a video" if seems.startswith("a video") else seems
    return by_name


def instead_of(kind: str) -> str:
    """What to do with a file of a kind that is not read."""
    said = next(words for part, words in _INSTEAD if part in kind)
    return _(said, pi_heif=to_install("pi-heif"), pillow=to_install("pillow", newer=True))
