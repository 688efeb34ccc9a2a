"""DICOM files as pictures. Only an allow-list of coded tags is ever read: no names, dates or free text.

Windowing and look-up tables: DICOM PS3.3, C.11.1 and C.11.2. Planes: PS3.3, C.7.6.2.1.1.
"""

from __future__ import annotations

import io
import logging
import warnings
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pydicom
from PIL import Image
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi, apply_windowing
from pydicom.pixels.utils import pixel_array

from mirage.errors import BadPicture
from mirage.images.dicom_words import modality_of, plane_of, region_of
from mirage.images.limits import BUDGET, DEFAULT_LIMITS, Limits, megabytes, megapixels, sampled
from mirage.images.pixels import Picture, window

# Values that break a rule of the standard are ours to judge, not to print.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
warnings.filterwarnings("ignore", module=r"pydicom\.")
# What it logs may quote a header, and a header names a patient.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)

_DEFLATED, _UNCOMPRESSED = b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.1"
_DEFLATED_MOST = 512 * 2**20
_HEADER_TAGS = (
    "Modality", "BodyPartExamined", "ViewPosition", "ImageOrientationPatient", "BurnedInAnnotation",
    "SyntheticData", "NumberOfFrames", "Rows", "Columns",
)  # fmt: skip
_PALETTE_TAGS = tuple(
    f"{segmented}{colour}PaletteColorLookupTable{part}"
    for colour in ("Red", "Green", "Blue")
    for segmented, part in (("", "Descriptor"), ("", "Data"), ("Segmented", "Data"))
)
_PIXEL_TAGS = (
    "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "PlanarConfiguration", "PixelPaddingValue", "RescaleSlope", "RescaleIntercept",
    "ModalityLUTSequence", "VOILUTSequence", "WindowCenter", "WindowWidth", "VOILUTFunction",
    "PresentationLUTShape", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    *_PALETTE_TAGS,
)  # fmt: skip


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

    Raises
    ------
    mirage.errors.BadPicture
        When it is no DICOM file, holds no picture, or one that is too large.
    """
    name = _name(data, name)
    with _opened(data, name, limits) as file:
        return _header(_read_tags(file, name), name, limits)


def dicom_frames(
    data: bytes | Path,
    *,
    at_most: int,
    name: str = "",
    limits: Limits = DEFAULT_LIMITS,
    allow_burned_in: bool = False,
) -> Iterator[tuple[int, Image.Image]]:
    """Decode frames of a DICOM file, evenly spread over all it has; one frame is in memory at a time.

    Parameters
    ----------
    at_most : int
        How many frames to take; one takes the middle frame.

    Yields
    ------
    (int, PIL.Image.Image)
        The frame's number, from 1, and its picture, ``L`` or ``RGB``.

    Raises
    ------
    mirage.errors.BadPicture
    """
    name = _name(data, name)
    with _opened(data, name, limits) as file:
        tags = _read_tags(file, name)
        header = _header(tags, name, limits)
        _refuse_burned_in(header, name, allow_burned_in)
        for number in sampled(header.frames, at_most):
            with BUDGET.reserve(_need(tags, header), name=name):
                image = _frame(file, tags, number, name)
            yield number, image


def dicom_frame(
    data: bytes | Path,
    number: int,
    *,
    name: str = "",
    limits: Limits = DEFAULT_LIMITS,
    allow_burned_in: bool = False,
) -> Image.Image:
    """Decode one frame, counted from 1.

    Raises
    ------
    mirage.errors.BadPicture
    """
    name = _name(data, name)
    with _opened(data, name, limits) as file:
        tags = _read_tags(file, name)
        header = _header(tags, name, limits)
        _refuse_burned_in(header, name, allow_burned_in)
        if not 1 <= number <= header.frames:
            raise BadPicture(f"{name} has no frame {number}; it has {header.frames}.")
        with BUDGET.reserve(_need(tags, header), name=name):
            return _frame(file, tags, number, name)


def _need(tags: pydicom.Dataset, header: DicomHeader) -> int:
    """Bytes that one frame takes at the peak: as it is stored and unpacked, and in blocks on its way to 8 bits."""
    each = int(tags.get("SamplesPerPixel") or 1) * max(int(tags.get("BitsAllocated") or 8), 8) // 8
    return header.width * header.height * (3 * each + 8)


def read_dicom(data: bytes | Path, *, name: str, limits: Limits, allow_burned_in: bool = False) -> Picture:
    """Decode the only frame of a DICOM file, or the middle one of several.

    Raises
    ------
    mirage.errors.BadPicture
    """
    header = dicom_header(data, name=name, limits=limits)
    frames, synthetic = header.frames, "Synthetic Data (0008,001C) is YES." if header.synthetic else ""
    number, image = next(dicom_frames(data, at_most=1, name=name, limits=limits, allow_burned_in=allow_burned_in))
    notes = (f"{name} holds {frames} frames; number {number} was taken.",) if frames > 1 else ()
    return Picture(image, "DICOM", notes, synthetic=synthetic)


def _name(data: bytes | Path, name: str) -> str:
    return name or (data.name if isinstance(data, Path) else "the DICOM file")


@contextmanager
def _opened(data: bytes | Path, name: str, limits: Limits) -> Iterator[BinaryIO]:
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
        return pydicom.dcmread(file, force=True, stop_before_pixels=True, specific_tags=[*_HEADER_TAGS, *_PIXEL_TAGS])
    except Exception as error:  # decoders of strangers' bytes raise anything
        raise BadPicture(f"{name} is no DICOM file that can be read, or is cut short. Export it again.") from error


def _header(tags: pydicom.Dataset, name: str, limits: Limits) -> DicomHeader:
    try:
        width, height = int(tags.get("Columns") or 0), int(tags.get("Rows") or 0)
        frames = max(int(tags.get("NumberOfFrames") or 1), 1)
        modality = modality_of(str(tags.get("Modality") or ""))
        orientation = _in_groups(tags, 1, "PlaneOrientationSequence", "ImageOrientationPatient")
        plane = plane_of(modality, orientation, str(tags.get("ViewPosition") or ""))
        region = region_of(str(tags.get("BodyPartExamined") or ""))
        burned_in = str(tags.get("BurnedInAnnotation") or "").strip().upper() == "YES"
        synthetic = str(tags.get("SyntheticData") or "").strip().upper() == "YES"
    except Exception as error:  # decoders of strangers' bytes raise anything
        raise BadPicture(f"{name} has a DICOM header that cannot be read. Export it again.") from error
    if not width or not height:
        raise BadPicture(f"{name} is a DICOM file without a picture (a report, a plan or a directory). Leave it out.")
    if width * height > limits.pixels:
        raise BadPicture(
            f"{name} has {width:,} × {height:,} pixels ({megapixels(width * height)}), and the limit is "
            f"{megapixels(limits.pixels)}. Save it with fewer pixels."
        )
    return DicomHeader(modality, plane, region, frames, width, height, burned_in, synthetic)


def _refuse_burned_in(header: DicomHeader, name: str, allow: bool) -> None:
    if header.burned_in and not allow:
        raise BadPicture(
            f"{name} says that text is burned into its pixels (Burned In Annotation: YES), which may name "
            "the patient. Look at it, and allow burned-in text only if it names nobody."
        )


def _frame(file: BinaryIO, tags: pydicom.Dataset, number: int, name: str) -> Image.Image:
    syntax = getattr(tags.file_meta, "TransferSyntaxUID", None) if hasattr(tags, "file_meta") else None
    _refuse_unknown_compression(syntax, name)
    file.seek(0)
    try:
        values = pixel_array(file, index=number - 1)
    except AttributeError as error:
        # Deflated files, and old ones without file meta information, are read whole.
        values = _read_whole(file, number, name, error)
    except MemoryError:
        raise BadPicture(f"{name} needs more memory than there is.") from None
    except Exception as error:  # decoders of strangers' bytes raise anything
        if "does not support" in str(error):
            raise BadPicture(_needs_package(syntax, name)) from error
        raise BadPicture(f"{name} is damaged or cut short: frame {number} cannot be decoded. Export it again.") from error
    try:
        return _picture(values, tags, number)
    except Exception as error:  # decoders of strangers' bytes raise anything
        raise BadPicture(f"{name} has pixels that its header does not describe. Export it again.") from error


def _read_whole(file: BinaryIO, number: int, name: str, error: Exception) -> Any:
    file.seek(0)
    try:
        tags = pydicom.dcmread(file, force=True, specific_tags=[*_HEADER_TAGS, *_PIXEL_TAGS, "PixelData"])
        if "PixelData" not in tags:
            raise BadPicture(f"{name} is a DICOM file without a picture: it has no pixel data.")
        if not getattr(tags.file_meta, "TransferSyntaxUID", None):
            implicit = bool(tags.original_encoding[0])
            tags.file_meta = pydicom.dataset.FileMetaDataset()
            tags.file_meta.TransferSyntaxUID = (
                pydicom.uid.ImplicitVRLittleEndian if implicit else pydicom.uid.ExplicitVRLittleEndian
            )
        return pixel_array(tags, index=number - 1)
    except BadPicture:
        raise
    except Exception:  # decoders of strangers' bytes raise anything
        raise BadPicture(f"{name} is damaged or cut short. Export it again.") from error


def _refuse_unknown_compression(syntax: Any, name: str) -> None:
    if syntax is None or not syntax.is_compressed or syntax.is_deflated:
        return
    try:
        decoder = get_decoder(syntax)
        available = decoder.is_available
    except NotImplementedError:
        available = False
    if not available:
        raise BadPicture(_needs_package(syntax, name))


def _needs_package(syntax: Any, name: str) -> str:
    kind = syntax.name.split(",")[0].split("(")[0].strip()
    package = "pyjpegls" if "JPEG-LS" in syntax.name else "python-gdcm"
    return (
        f"{name} is compressed as {kind}, which needs the package {package}. "
        "Install it beside MIRAGE, or export the file uncompressed."
    )


def _picture(values: Any, tags: pydicom.Dataset, number: int) -> Image.Image:
    kind = str(tags.get("PhotometricInterpretation") or "").strip()
    if kind == "PALETTE COLOR":
        values = apply_color_lut(values, tags)
    if values.ndim == 3:
        return Image.fromarray(_eight_bits(values[..., :3]), "RGB")
    inverse = kind == "MONOCHROME1" or str(tags.get("PresentationLUTShape") or "") == "INVERSE"
    image = _windowed(values, tags, number)
    return image.point(lambda value: 255 - value) if inverse else image


def _eight_bits(colours: Any) -> Any:
    if colours.dtype == np.uint8:
        return np.ascontiguousarray(colours)
    top = float(np.iinfo(colours.dtype).max) if colours.dtype.kind in "iu" else float(colours.max() or 1.0)
    return np.ascontiguousarray(np.clip(colours.astype(np.float32) / top * 255.0 + 0.5, 0, 255).astype(np.uint8))


def _windowed(raw: Any, tags: pydicom.Dataset, number: int) -> Image.Image:
    """Grey values as the header wants them seen; between robust percentiles where it says nothing useful."""
    values = _rescaled(raw, tags, number)
    shown: Image.Image | None = None
    centre = _first_number(_in_groups(tags, number, "FrameVOILUTSequence", "WindowCenter"))
    width = _first_number(_in_groups(tags, number, "FrameVOILUTSequence", "WindowWidth"))
    function = str(_in_groups(tags, number, "FrameVOILUTSequence", "VOILUTFunction") or "LINEAR").upper()
    if tags.get("VOILUTSequence"):
        table = apply_voi(values.astype(raw.dtype) if values.dtype.kind == "f" else values, tags)
        bits = int(tags.VOILUTSequence[0].LUTDescriptor[2])
        shown = window(table, 0.0, float(2**bits - 1))
    elif centre is not None and width is not None and width >= 1:
        if function == "SIGMOID":
            shown = window(apply_windowing(values, tags))
        elif function == "LINEAR_EXACT":
            shown = window(values, centre - width / 2, centre + width / 2)
        else:
            half = max(width - 1, 1e-3) / 2
            shown = window(values, centre - 0.5 - half, centre - 0.5 + half)
    # A window beside all values leaves a black or white square: then the header is wrong.
    if shown is not None and np.ptp(np.asarray(shown)) > 2:
        return shown
    padding = tags.get("PixelPaddingValue")
    if isinstance(padding, int) and (raw == padding).any() and not (raw == padding).all():
        inside = values[raw != padding]
        low, high = (float(v) for v in np.percentile(inside, (0.5, 99.5)))
        return window(values, low, high) if high > low else window(values)
    return window(values)


def _rescaled(raw: Any, tags: pydicom.Dataset, number: int) -> Any:
    slope = _first_number(_in_groups(tags, number, "PixelValueTransformationSequence", "RescaleSlope"))
    intercept = _first_number(_in_groups(tags, number, "PixelValueTransformationSequence", "RescaleIntercept"))
    if tags.get("ModalityLUTSequence"):
        return apply_modality_lut(raw, tags)
    if slope is not None and intercept is not None:
        return raw.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    return raw


def _in_groups(tags: pydicom.Dataset, number: int, sequence: str, keyword: str) -> Any:
    """A value from the file itself, else from the functional groups of one frame, or of all frames."""
    if tags.get(keyword) is not None:
        return tags.get(keyword)
    frames = tags.get("PerFrameFunctionalGroupsSequence") or []
    shared = tags.get("SharedFunctionalGroupsSequence") or []
    for group in [*frames[number - 1 : number], *shared[:1]]:
        macro = group.get(sequence)
        if macro and macro[0].get(keyword) is not None:
            return macro[0].get(keyword)
    return None


def _first_number(value: Any) -> float | None:
    if value is None or value == "":
        return None
    try:
        number = float(value[0] if isinstance(value, pydicom.multival.MultiValue) else value)
    except (TypeError, ValueError, IndexError):
        return None
    return number if np.isfinite(number) else None
