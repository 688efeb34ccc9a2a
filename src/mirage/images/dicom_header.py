"""DICOM files opened, and what their headers say. Only an allow-list of tags is ever read: no names, dates or free text.

Planes: DICOM PS3.3, C.7.6.2.1.1. Functional groups: C.7.6.16.
"""

from __future__ import annotations

import io
import logging
import math
import re
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import pydicom

from mirage.errors import BadPicture
from mirage.images.inflated import Bounded, Inflated
from mirage.images.limits import DEFAULT_LIMITS, Limits, check_pixels, megabytes
from mirage.wording import _

# Values that break a rule of the standard are ours to judge, not to print.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
warnings.filterwarnings("ignore", module=r"pydicom\.")
# What it logs may quote a header, and a header names a patient.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)

_DEFLATED, _UNCOMPRESSED = b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.1"
_DEFLATED_MOST = 512 * 2**20
_HEADER_TAGS = (
    "Modality", "BodyPartExamined", "ViewPosition", "ImageOrientationPatient", "BurnedInAnnotation",
    "SyntheticData", "NumberOfFrames", "Rows", "Columns", "PixelSpacing", "ImagerPixelSpacing",
    "NominalScannedPixelSpacing", "PixelAspectRatio", "ImagePositionPatient",
    "SpacingBetweenSlices", "FrameIncrementPointer", "DetectorInformationSequence",
    "SOPClassUID", "ConversionType",  # kinds of files, of the standard's own list
    "SeriesInstanceUID", "InstanceNumber",  # to tell series apart while they are read; never kept
)  # fmt: skip
_PALETTE_TAGS = tuple(
    f"{segmented}{colour}PaletteColorLookupTable{part}"
    for colour in ("Red", "Green", "Blue")
    for segmented, part in (("", "Descriptor"), ("", "Data"), ("Segmented", "Data"))
)
_PIXEL_TAGS = (
    "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "PlanarConfiguration",
    *(f"{kind}PixelPadding{what}" for kind in ("", "Float", "DoubleFloat") for what in ("Value", "RangeLimit")),
    "RescaleSlope", "RescaleIntercept",
    "ModalityLUTSequence", "VOILUTSequence", "WindowCenter", "WindowWidth", "VOILUTFunction",
    "PresentationLUTShape", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    *_PALETTE_TAGS,
)  # fmt: skip
_SINGLE = {
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
    "PlanarConfiguration", "PixelPaddingValue", "PixelPaddingRangeLimit",
}  # fmt: skip
"""Whole numbers that a header has once; of one that it repeats the first counts."""
TAGS = frozenset((*_HEADER_TAGS, *_PIXEL_TAGS))
OVERLAYS = tuple(group << 16 | element for group in range(0x6000, 0x6020, 2) for element in (0x0100, 0x0102))
"""Bits allocated and bit position of the overlays that a file may have (PS3.3, C.9.2)."""
_WANTED = [*(pydicom.tag.Tag(str(tag)) for tag in TAGS), *map(pydicom.tag.BaseTag, OVERLAYS)]
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_WITH_TEXT = {"", "US", "IVUS", "SC", "OT", "XC", "ES", "GM", "OP", "DG", "DOC"}
_LOOKUP_TABLES = ("ModalityLUTSequence", "VOILUTSequence")
_MODALITIES = {
    "CT": "CT", "MR": "MR", "US": "US", "IVUS": "US", "XA": "XA", "NM": "NM", "PT": "PT", "MG": "MG",
    "RF": "RF", "CR": "XR", "DX": "XR", "RG": "XR", "IO": "XR", "PX": "XR", "OP": "OP", "OPM": "OP",
    "SM": "SM",
}  # fmt: skip
# Defined terms of Body Part Examined (PS3.16, annex L) in our words. Anything else could be free text.
_REGIONS = {
    "BRAIN": "brain", "HEAD": "head", "SKULL": "head", "FACE": "face", "NECK": "neck",
    "HEADNECK": "head and neck", "CHEST": "thorax", "THORAX": "thorax", "LUNG": "thorax", "HEART": "heart",
    "AORTA": "aorta", "BREAST": "breast", "ABDOMEN": "abdomen", "LIVER": "liver", "KIDNEY": "kidney",
    "PANCREAS": "pancreas", "SPLEEN": "spleen", "STOMACH": "stomach", "COLON": "colon", "PELVIS": "pelvis",
    "BLADDER": "bladder", "PROSTATE": "prostate", "UTERUS": "uterus", "ABDOMENPELVIS": "abdomen",
    "CHESTABDPELVIS": "thorax and abdomen", "SPINE": "spine", "CSPINE": "cervical spine",
    "TSPINE": "thoracic spine", "LSPINE": "lumbar spine", "SSPINE": "sacrum", "SHOULDER": "shoulder",
    "ARM": "arm", "ELBOW": "elbow", "FOREARM": "forearm", "WRIST": "wrist", "HAND": "hand",
    "FINGER": "finger", "HIP": "hip", "THIGH": "thigh", "FEMUR": "thigh", "KNEE": "knee", "LEG": "leg",
    "ANKLE": "ankle", "FOOT": "foot", "CLAVICLE": "shoulder", "RIB": "thorax", "JAW": "jaw", "EYE": "eye",
    "ORBIT": "orbit", "SINUS": "sinuses", "CAROTID": "neck", "EXTREMITY": "extremity",
    "WHOLEBODY": "whole body",
}  # fmt: skip
_VIEWS = dict.fromkeys(("AP", "PA"), "frontal") | dict.fromkeys(("LL", "RL", "LLD", "RLD"), "lateral")
_SLICED = {"CT", "MR", "PT", "NM"}
_OBLIQUE_BELOW = 0.85


@dataclass(frozen=True, slots=True)
class DicomHeader:
    """What a DICOM file says of its picture in coded words.

    Attributes
    ----------
    modality : str
        A key of `mirage.figure.MODALITIES`; empty when the file does not say.
    plane : str
        One of `mirage.figure.PLANES`, from the orientation of the slices or the view; may be empty.
    region : str
        Body part in lower case, when it is one of the standard's defined terms; may be empty.
    frames, width, height : int
    burned_in : bool
        Whether the file says that text is burned into its pixels.
    synthetic : bool
        Whether it says that a generator made them: Synthetic Data (0008,001C).
    may_hold_text : bool
        Whether it does not deny that text is burned in, and is of a kind in which that is common: ultrasound, endoscopy,
        photographs, screens that were captured, and what is of no kind.
    """

    modality: str
    plane: str
    region: str
    frames: int
    width: int
    height: int
    burned_in: bool
    synthetic: bool = False
    may_hold_text: bool = False


def dicom_header(data: bytes | Path, *, name: str = "", limits: Limits = DEFAULT_LIMITS) -> DicomHeader:
    """Read what a DICOM file says of its picture, without decoding it.

    Parameters
    ----------
    data : bytes or Path
    name : str
        What to call it in messages; the file's name when left out.
    limits : Limits

    Raises
    ------
    mirage.errors.BadPicture
        When it is no DICOM file, holds no picture, or one that is too large.
    """
    with opened(data, name, limits) as (_file, _tags, header):
        return header


@contextmanager
def opened(
    data: bytes | Path | BinaryIO, name: str, limits: Limits
) -> Iterator[tuple[BinaryIO, pydicom.Dataset, DicomHeader]]:
    """Open a DICOM file and read its header.

    Parameters
    ----------
    data : bytes, Path or binary file
    name : str
        What to call it in messages.
    limits : Limits

    Yields
    ------
    (file, pydicom.Dataset, DicomHeader)
        The file, unpacked when it was deflated; the allowed tags; and what they say.

    Raises
    ------
    mirage.errors.BadPicture
    """
    name = name or (data.name if isinstance(data, Path) else _("the DICOM file"))
    with plain_file(data, name, limits) as file:
        tags = _read_tags(file, name)
        yield file, tags, _header(tags, name, limits)


@contextmanager
def plain_file(data: bytes | Path | BinaryIO, name: str, limits: Limits) -> Iterator[BinaryIO]:
    """Open a file, unpacked when it is a deflated one.

    Parameters
    ----------
    data : bytes, Path or binary file
    name : str
        What to call it in messages.
    limits : Limits
        Of which ``dicom_bytes`` is what the file may have as it lies, packed or not.

    Yields
    ------
    binary file
        Closed when the block ends.

    Raises
    ------
    mirage.errors.BadPicture
        When it cannot be read, or is too large.
    """
    try:
        size = data.stat().st_size if isinstance(data, Path) else len(data) if isinstance(data, bytes) else data.seek(0, 2)
        if size > limits.dicom_bytes:
            raise BadPicture(
                _(
                    "%(name)s has %(size)s, and the limit is %(dicom_bytes)s.",
                    name=name,
                    size=megabytes(size),
                    dicom_bytes=megabytes(limits.dicom_bytes),
                )
            )
        if isinstance(data, bytes):
            file: BinaryIO = io.BytesIO(data)
        else:
            file = Bounded(io.FileIO(data) if isinstance(data, Path) else cast(io.RawIOBase, data), size)
            file.seek(0)
    except OSError as error:
        raise BadPicture(
            _("%(name)s cannot be read: %(strerror)s. Check the file.", name=name, strerror=error.strerror or error)
        ) from error
    with file:
        try:
            yield _inflated(file)
        except OverflowError:
            most = megabytes(_DEFLATED_MOST)
            raise BadPicture(
                _("%(name)s unpacks to more than %(most)s, or to no picture. Save it uncompressed.", name=name, most=most)
            ) from None
        except zlib.error:
            raise BadPicture(_("%(name)s is damaged: its compressed data cannot be unpacked.", name=name)) from None


def _inflated(file: BinaryIO) -> BinaryIO:
    """A deflated file as an uncompressed one, unpacked while it is read; any other file as it is."""
    start = file.read(2048)
    file.seek(0)
    if _DEFLATED not in start or start[128:136] != b"DICM\x02\x00\x00\x00":
        return file
    begin = 144 + int.from_bytes(start[140:144], "little")
    # The two identifiers differ in length, and a shorter one is filled up with zeros.
    head = file.read(min(begin, len(start))).replace(_DEFLATED, _UNCOMPRESSED.ljust(len(_DEFLATED), b"\0"))
    return Inflated(file, head, len(head), _DEFLATED_MOST)


def _read_tags(file: BinaryIO, name: str) -> pydicom.Dataset:
    file.seek(0)
    try:
        tags = pydicom.dcmread(file, force=True, stop_before_pixels=True, specific_tags=_WANTED)
        for element in tags:
            if element.keyword in _SINGLE and element.VM > 1:
                element.value = element.value[0]
        return tags
    except (OverflowError, zlib.error):
        raise
    except Exception as error:  # decoders of strangers' bytes raise anything
        raise BadPicture(
            _("%(name)s is no DICOM file that can be read, or is cut short. Export it again.", name=name)
        ) from error


def _header(tags: pydicom.Dataset, name: str, limits: Limits) -> DicomHeader:
    try:
        width, height = int(tags.get("Columns") or 0), int(tags.get("Rows") or 0)
        frames = frames_in(tags)
        modality = modality_of(str(tags.get("Modality") or ""))
        orientation = of_frame(tags, 1).get("ImageOrientationPatient")
        plane = plane_of(modality, orientation, str(tags.get("ViewPosition") or ""))
        region = region_of(str(tags.get("BodyPartExamined") or ""))
        said = str(tags.get("BurnedInAnnotation") or "").strip().upper()
        captured = str(tags.get("SOPClassUID") or "").startswith(_SECONDARY_CAPTURE) or tags.get("ConversionType")
        shows_text = captured or str(tags.get("Modality") or "").strip().upper() in _WITH_TEXT
        synthetic = str(tags.get("SyntheticData") or "").strip().upper() == "YES"
    except Exception as error:  # decoders of strangers' bytes raise anything
        raise BadPicture(_("%(name)s has a DICOM header that cannot be read. Export it again.", name=name)) from error
    if not width or not height:
        raise BadPicture(
            _("%(name)s is a DICOM file without a picture (a report, a plan or a directory). Leave it out.", name=name)
        )
    check_pixels(width, height, name, limits)
    size = frames, width, height
    return DicomHeader(
        modality, plane, region, *size, said.startswith("Y"), synthetic, bool(shows_text) and not said.startswith("N")
    )


def of_frame(tags: pydicom.Dataset, number: int) -> pydicom.Dataset:
    """The header as it holds for one frame.

    Parameters
    ----------
    tags : pydicom.Dataset
        Of the file.
    number : int
        Of the frame, from 1.

    Returns
    -------
    pydicom.Dataset
        The file's own tags, and in their place those of the functional groups of all frames and of this one. Tags without a
        value and look-up tables without entries are left out, because they say nothing; of several tables the first that
        has entries is there.
    """
    merged = pydicom.Dataset()
    merged.set_original_encoding(*tags.original_encoding)
    for element in tags:
        if not element.is_empty and "FunctionalGroups" not in element.keyword:
            merged[element.tag] = element
    macros: dict[int, pydicom.Dataset] = {}  # that of the frame takes the place of the one of all frames as a whole
    for group in [
        *(tags.get("SharedFunctionalGroupsSequence") or [])[:1],
        *(tags.get("PerFrameFunctionalGroupsSequence") or [])[number - 1 : number],
    ]:
        macros |= {macro.tag: macro.value[0] for macro in group if macro.VR == "SQ" and macro.value}
    for macro in macros.values():
        for element in macro:
            if element.keyword in TAGS and not element.is_empty:
                merged[element.tag] = element
    for name in _LOOKUP_TABLES:
        if name in merged:
            items = merged[name].value if merged[name].VR == "SQ" else ()
            usable = next((each for each in items if _has_entries(each)), None)
            del merged[name]
            if usable is not None:
                merged.add_new(name, "SQ", [usable])
    return merged


def _has_entries(table: pydicom.Dataset) -> bool:
    """Whether a look-up table holds half of the entries that it announces, at least."""
    described, data = table.get("LUTDescriptor") or (), table.get("LUTData") or ()
    if not isinstance(described, Sequence) or len(described) != 3 or not isinstance(data, Sequence):
        return False
    return 2 * entries_in(data, int(described[0]) or 65_536) >= (int(described[0]) or 65_536)


def entries_in(data: Sequence[int], announced: int) -> int:
    """How many entries a look-up table's data hold: numbers, bytes where these are as many as announced, or words.

    Parameters
    ----------
    data : sequence of int
        Bytes, or numbers.
    announced : int
        How many entries its descriptor says that it has.
    """
    return len(data) // 2 if isinstance(data, bytes) and len(data) not in (announced, announced + 1) else len(data)


def frames_in(tags: pydicom.Dataset) -> int:
    """Return how many frames a file says that it has; 1 where it says nothing useful."""
    said = re.match(r"\s*\+?(\d{1,9})", str(tags.get("NumberOfFrames") or ""))
    return max(int(said[1]), 1) if said else 1


def numbers_of(tags: pydicom.Dataset, keyword: str) -> list[float | None]:
    """Return the numbers that a tag holds, None for each value that is none; a comma counts as a decimal point.

    Parameters
    ----------
    tags : pydicom.Dataset
    keyword : str
    """
    value = tags.get(keyword)
    several = isinstance(value, Sequence) and not isinstance(value, str)
    found: list[float | None] = []
    for one in value if several else [value]:
        try:
            number = float(str(one).strip().replace(",", "."))
        except ValueError:
            number = math.nan
        found.append(number if math.isfinite(number) else None)
    return found


def modality_of(code: str) -> str:
    """Name the modality by a key of `mirage.figure.MODALITIES`; ``OT`` for others, empty for no code."""
    code = code.strip().upper()
    return _MODALITIES.get(code, "OT") if code else ""


def region_of(code: str) -> str:
    """Name the body part; empty unless the code is one of the standard's defined terms."""
    return _REGIONS.get(code.strip().upper().replace(" ", "").replace("_", ""), "")


def plane_of(modality: str, orientation: Any, view: str) -> str:
    """Name the plane, from the slice's normal for sliced modalities, from the view for projections.

    Parameters
    ----------
    modality : str
    orientation : sequence of 6 numbers, or None
        Image Orientation (Patient): direction cosines of rows and columns.
    view : str
        View Position.
    """
    if modality in _SLICED and isinstance(orientation, Sequence) and len(orientation) == 6:
        a, b, c, d, e, f = (float(value) for value in orientation)
        normal = (abs(b * f - c * e), abs(c * d - a * f), abs(a * e - b * d))
        length = sum(part * part for part in normal) ** 0.5
        if length < 1e-6:
            return ""
        largest = max(normal)
        if largest / length < _OBLIQUE_BELOW:
            return "oblique"
        return ("sagittal", "coronal", "axial")[normal.index(largest)]
    return _VIEWS.get(view.strip().upper(), "") if modality == "XR" else ""
