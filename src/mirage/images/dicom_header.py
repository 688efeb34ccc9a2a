"""DICOM files opened, and what their headers say. Only an allow-list of tags is ever read: no names, dates or free text.

Planes: DICOM PS3.3, C.7.6.2.1.1. Functional groups: C.7.6.16.
"""

from __future__ import annotations

import io
import logging
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pydicom

from mirage.errors import BadPicture
from mirage.images.limits import BUDGET, DEFAULT_LIMITS, Limits, check_pixels, megabytes

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
    "SeriesInstanceUID", "InstanceNumber",  # to tell series apart while they are read; never kept
)  # fmt: skip
_PALETTE_TAGS = tuple(
    f"{segmented}{colour}PaletteColorLookupTable{part}"
    for colour in ("Red", "Green", "Blue")
    for segmented, part in (("", "Descriptor"), ("", "Data"), ("Segmented", "Data"))
)
_PIXEL_TAGS = (
    "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "PlanarConfiguration", "PixelPaddingValue", "PixelPaddingRangeLimit",
    "RescaleSlope", "RescaleIntercept",
    "ModalityLUTSequence", "VOILUTSequence", "WindowCenter", "WindowWidth", "VOILUTFunction",
    "PresentationLUTShape", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    *_PALETTE_TAGS,
)  # fmt: skip
TAGS = frozenset((*_HEADER_TAGS, *_PIXEL_TAGS))
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
    """

    modality: str
    plane: str
    region: str
    frames: int
    width: int
    height: int
    burned_in: bool
    synthetic: bool = False


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
    with opened(data, name, limits) as (_, _, header):
        return header


@contextmanager
def opened(data: bytes | Path, name: str, limits: Limits) -> Iterator[tuple[BinaryIO, pydicom.Dataset, DicomHeader]]:
    """Open a DICOM file and read its header.

    Parameters
    ----------
    data : bytes or Path
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
    name = name or (data.name if isinstance(data, Path) else "the DICOM file")
    with plain_file(data, name, limits) as file:
        tags = _read_tags(file, name)
        yield file, tags, _header(tags, name, limits)


@contextmanager
def plain_file(data: bytes | Path, name: str, limits: Limits) -> Iterator[BinaryIO]:
    """Open a file, unpacked when it is a deflated one.

    Parameters
    ----------
    data : bytes or Path
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
    mirage.errors.Busy
        When memory to unpack it did not come free in time.
    """
    try:
        size = data.stat().st_size if isinstance(data, Path) else len(data)
        if size > limits.dicom_bytes:
            raise BadPicture(f"{name} has {megabytes(size)}, and the limit is {megabytes(limits.dicom_bytes)}.")
        file: BinaryIO = data.open("rb") if isinstance(data, Path) else io.BytesIO(data)
    except OSError as error:
        raise BadPicture(f"{name} cannot be read: {error.strerror or error}. Check the file.") from error
    with file, ExitStack() as reserved:
        yield _inflated(file, name, reserved)


def _inflated(file: BinaryIO, name: str, reserved: ExitStack) -> BinaryIO:
    """A deflated file as an uncompressed one, so that one frame of it can be read; any other file as it is.

    It is unpacked twice in small pieces: once to count its bytes, which are then reserved, and once to keep them.
    """
    start = file.read(2048)
    file.seek(0)
    if _DEFLATED not in start or start[128:136] != b"DICM\x02\x00\x00\x00":
        return file
    begin = 144 + int.from_bytes(start[140:144], "little")
    total = sum(map(len, _pieces(file, begin, name)))
    reserved.enter_context(BUDGET.reserve(begin + total, name=name))
    file.seek(0)
    plain = io.BytesIO(bytes(begin + total))
    # The two identifiers differ in length, and a shorter one is filled up with zeros.
    plain.write(file.read(begin).replace(_DEFLATED, _UNCOMPRESSED.ljust(len(_DEFLATED), b"\0")))
    for piece in _pieces(file, begin, name):
        plain.write(piece)
    plain.seek(0)
    return plain


def _pieces(file: BinaryIO, begin: int, name: str) -> Iterator[bytes]:
    """Unpack what follows the file meta information, at most 1 MiB at a time; pydicom would unpack it at once."""
    file.seek(begin)
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    total = 0
    try:
        while not unpacker.eof and (piece := unpacker.unconsumed_tail or file.read(1 << 16)):
            unpacked = unpacker.decompress(piece, 1 << 20)
            total += len(unpacked)
            if total > _DEFLATED_MOST:
                raise BadPicture(f"{name} unpacks to more than {megabytes(_DEFLATED_MOST)}. Save it uncompressed.")
            yield unpacked
    except zlib.error:
        raise BadPicture(f"{name} is damaged: its compressed data cannot be unpacked.") from None


def _read_tags(file: BinaryIO, name: str) -> pydicom.Dataset:
    file.seek(0)
    try:
        return pydicom.dcmread(file, force=True, stop_before_pixels=True, specific_tags=list(TAGS))
    except Exception as error:  # decoders of strangers' bytes raise anything
        raise BadPicture(f"{name} is no DICOM file that can be read, or is cut short. Export it again.") from error


def _header(tags: pydicom.Dataset, name: str, limits: Limits) -> DicomHeader:
    try:
        width, height = int(tags.get("Columns") or 0), int(tags.get("Rows") or 0)
        frames = max(int(tags.get("NumberOfFrames") or 1), 1)
        modality = modality_of(str(tags.get("Modality") or ""))
        orientation = of_frame(tags, 1).get("ImageOrientationPatient")
        plane = plane_of(modality, orientation, str(tags.get("ViewPosition") or ""))
        region = region_of(str(tags.get("BodyPartExamined") or ""))
        burned_in = str(tags.get("BurnedInAnnotation") or "").strip().upper().startswith("Y")
        synthetic = str(tags.get("SyntheticData") or "").strip().upper() == "YES"
    except Exception as error:  # decoders of strangers' bytes raise anything
        raise BadPicture(f"{name} has a DICOM header that cannot be read. Export it again.") from error
    if not width or not height:
        raise BadPicture(f"{name} is a DICOM file without a picture (a report, a plan or a directory). Leave it out.")
    check_pixels(width, height, name, limits)
    return DicomHeader(modality, plane, region, frames, width, height, burned_in, synthetic)


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
        The file's own tags, and those of the functional groups of this frame and of all frames. Tags without a value and
        look-up tables without entries are left out, because they say nothing.
    """
    merged = pydicom.Dataset()
    merged.set_original_encoding(*tags.original_encoding)
    for group in [
        *(tags.get("SharedFunctionalGroupsSequence") or [])[:1],
        *(tags.get("PerFrameFunctionalGroupsSequence") or [])[number - 1 : number],
    ]:
        for macro in group:
            for element in macro.value[0] if macro.VR == "SQ" and macro.value else ():
                if element.keyword in TAGS:
                    merged[element.tag] = element
    for element in tags:
        if not element.is_empty and "FunctionalGroups" not in element.keyword:
            merged[element.tag] = element
    for name in _LOOKUP_TABLES:
        table = (merged.get(name) or [pydicom.Dataset()])[0]
        if name in merged and (len(table.get("LUTDescriptor") or ()) != 3 or not table.get("LUTData")):
            del merged[name]
    return merged


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
