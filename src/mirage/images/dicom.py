"""DICOM files as pictures, as their headers want them seen. pydicom does the arithmetic.

Windowing and look-up tables: DICOM PS3.3, C.11.1 and C.11.2. Padding: C.7.5.1.1.2. Shape of a pixel: C.7.6.3.1.7.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pydicom
from PIL import Image
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi, apply_windowing
from pydicom.pixels.utils import iter_pixels

from mirage.errors import BadPicture
from mirage.images.dicom_header import DicomHeader, of_frame, opened
from mirage.images.limits import BUDGET, Limits, sampled
from mirage.images.pixels import DecodedPicture, by_blocks, robust_range, sample, spread

_SPACINGS = ("PixelAspectRatio", "PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
_MOST_STRETCHED = 10.0  # a pixel that is said to be longer than that is an error in the header

Function = Callable[[Any], Any]


def read_dicom(data: bytes | Path, name: str, limits: Limits, allow_burned_in: bool, frame: int = 0) -> DecodedPicture:
    """Decode a frame of a DICOM file; see `mirage.images.decode.read_picture`.

    Parameters
    ----------
    data : bytes or Path
    name : str
        What to call the file in messages.
    limits : Limits
    allow_burned_in : bool
        Take a file whose header says that text is burned into its pixels.
    frame : int
        From 1; 0 for the middle one, which is noted where there are several.

    Raises
    ------
    mirage.errors.BadPicture, mirage.errors.Busy
    """
    with opened(data, name, limits) as (file, tags, header):
        if header.burned_in and not allow_burned_in:
            raise BadPicture(
                f"{name} says that text is burned into its pixels (Burned In Annotation: YES), which may name "
                "the patient. Look at it, and allow burned-in text only if it names nobody."
            )
        number = frame or sampled(header.frames, 1)[0]
        if not 1 <= number <= header.frames:
            raise BadPicture(f"{name} has no frame {number}; it has {header.frames}.")
        image = _frame(file, tags, header, number, name, limits)
    noted = not frame and header.frames > 1
    notes = (f"{name} holds {header.frames} frames; number {number} was taken.",) if noted else ()
    synthetic = "Synthetic Data (0008,001C) is YES." if header.synthetic else ""
    return DecodedPicture(image, "DICOM", notes, synthetic=synthetic)


def _frame(
    file: BinaryIO, tags: pydicom.Dataset, header: DicomHeader, number: int, name: str, limits: Limits
) -> Image.Image:
    # A frame as it is stored and unpacked, and in blocks on its way to 8 bits.
    each = int(tags.get("SamplesPerPixel") or 1) * max(int(tags.get("BitsAllocated") or 8), 8) // 8
    with BUDGET.reserve(header.width * header.height * (3 * each + 6), name=name):
        values = frame_values(file, tags, number, name)
        try:
            with np.errstate(all="ignore"):
                return _square_pixels(_picture(values, of_frame(tags, number)), of_frame(tags, number), limits)
        except Exception as error:  # headers of strangers raise anything
            raise BadPicture(f"{name} has pixels that its header does not describe. Export it again.") from error


def frame_values(file: BinaryIO, tags: pydicom.Dataset, number: int, name: str) -> Any:
    """Return the stored values of a frame, from 1, before rescaling."""
    return next(frames_values(file, tags, [number], name))


def frames_values(file: BinaryIO, tags: pydicom.Dataset, numbers: Sequence[int], name: str) -> Generator[Any]:
    """Yield the stored values of some frames, before rescaling, without beginning anew for each.

    Parameters
    ----------
    file : binary file
    tags : pydicom.Dataset
        Of its header.
    numbers : sequence of int
        Of the frames, from 1.
    name : str
        What to call the file in messages.

    Raises
    ------
    mirage.errors.BadPicture
    """
    meta = getattr(tags, "file_meta", pydicom.Dataset())
    # Old files without file meta information do not name their form; reading the header has told it.
    implicit = pydicom.uid.ImplicitVRLittleEndian if tags.original_encoding[0] else pydicom.uid.ExplicitVRLittleEndian
    syntax = meta.get("TransferSyntaxUID") or implicit
    compressed = _compressed(syntax, name)
    file.seek(0)
    indices = [number - 1 for number in numbers]
    frames, done = iter_pixels(file, indices=indices, transfer_syntax_uid=syntax), 0
    while done < len(numbers):
        try:
            values = next(frames)
        except StopIteration:
            raise BadPicture(f"{name} is cut short: it has no frame {numbers[done]}. Export it again.") from None
        except MemoryError:
            raise BadPicture(f"{name} needs more memory than there is.") from None
        except AttributeError as error:
            raise BadPicture(
                f"{name} is a DICOM file without a picture: it has no pixel data, or nothing that describes them."
            ) from error
        except Exception as error:  # decoders of strangers' bytes raise anything
            otherwise = f", or needs the package {package}" if compressed and (package := _package(syntax)) else ""
            raise BadPicture(
                f"{name} is damaged or cut short{otherwise}: frame {numbers[done]} cannot be decoded. "
                "Export it again, uncompressed."
            ) from error
        done += 1
        yield values


def _compressed(syntax: Any, name: str) -> bool:
    """Whether pixels are compressed; refuses what cannot be unpacked here."""
    try:
        if not syntax.is_compressed or syntax.is_deflated:
            return False
        available = get_decoder(syntax).is_available
    except (ValueError, NotImplementedError):
        # A private form, one that is newer than pydicom, or a video.
        raise BadPicture(
            f"{name} is stored in a form that cannot be read ({str(syntax.name)[:64]}). Export it uncompressed, or its "
            "frames as pictures."
        ) from None
    if not available:
        kind = syntax.name.split(",")[0].split("(")[0].strip()
        raise BadPicture(
            f"{name} is compressed as {kind}, which needs the package {_package(syntax)}. "
            "Install it beside MIRAGE, or export the file uncompressed."
        )
    return True


def _package(syntax: Any) -> str:
    """The package that reads a compression, by what pydicom misses; empty when it misses none."""
    missing = [line.partition(" - requires ")[2] for line in get_decoder(syntax).missing_dependencies]
    # gdcm reads less of what comes from cameras and archives than the others do.
    best = sorted((line for line in missing if line), key=lambda line: ("gdcm" in line, "pylibjpeg" in line))
    return best[0].split(" and ")[-1].partition(">")[0].partition("[")[0] if best else ""


def _picture(values: Any, tags: pydicom.Dataset) -> Image.Image:
    kind = str(tags.get("PhotometricInterpretation") or "").strip()
    if kind == "PALETTE COLOR":
        colours = apply_color_lut(values, tags)[..., :3]
        # Many 16-bit tables hold entries of 8 bits.
        return _colour(colours, 65_535.0 if colours.max() > 255 else 255.0)
    if values.ndim == 3:
        top = float(2 ** int(tags.get("BitsStored") or 8) - 1)
        return _colour(values[..., :3], top if values.max() <= top else float(np.iinfo(values.dtype).max))
    inverse = kind == "MONOCHROME1" or str(tags.get("PresentationLUTShape") or "") == "INVERSE"
    image = _windowed(values, tags)
    return image.point(lambda value: 255 - value) if inverse else image


def _colour(colours: Any, top: float) -> Image.Image:
    return Image.merge("RGB", [by_blocks(colours[..., part], lambda block: spread(block, 0.0, top)) for part in range(3)])


def _windowed(raw: Any, tags: pydicom.Dataset) -> Image.Image:
    """Grey values as the header wants them seen; between robust percentiles where it says nothing useful."""
    rescale = _rescaling(tags)
    shows = _table(raw, tags, rescale) or _window(raw, tags)
    if shows is not None:
        image = by_blocks(raw, lambda block: shows(rescale(block)))
        # A window beside all values leaves a black or white square: then the header is wrong.
        if np.ptp(np.asarray(image)) > 2:
            return image
    seen = sample(raw)
    inside = ~padded(seen, tags)
    low, high = robust_range(rescale(seen[inside] if inside.any() else seen))
    return by_blocks(raw, lambda block: spread(rescale(block), low, high))


def _rescaling(tags: pydicom.Dataset) -> Function:
    """From stored values to those that a window means."""
    slope, intercept = _number(tags, "RescaleSlope"), _number(tags, "RescaleIntercept")
    given = pydicom.Dataset()
    given.set_original_encoding(*tags.original_encoding)
    if "ModalityLUTSequence" in tags:
        given.ModalityLUTSequence = [_wide(tags.ModalityLUTSequence[0])]
    elif slope or intercept is not None:
        # Either may be missing, and then changes nothing.
        given.RescaleSlope, given.RescaleIntercept = slope or 1.0, intercept or 0.0
    return lambda values: apply_modality_lut(values.astype(np.int64) if values.dtype.kind in "iu" else values, given)


def _table(raw: Any, tags: pydicom.Dataset, rescale: Function) -> Function | None:
    """The VOI LUT, if there is one."""
    if "VOILUTSequence" not in tags:
        return None
    item = tags.VOILUTSequence[0]
    entries, first, bits = (int(value) for value in item.LUTDescriptor)
    entries = entries or 65_536
    if first >= 32_768 and rescale(np.array([raw.min(), raw.max()])).min() < 0:
        first -= 65_536  # written as an unsigned number, as the pixels are; they are negative once rescaled
    given = pydicom.Dataset()
    given.set_original_encoding(*tags.original_encoding)
    given.VOILUTSequence = [_wide(item, first)]

    def shows(values: Any) -> Any:
        # pydicom counts places in the type of the entries, 8 or 16 bits, and wraps beyond; so values beside the table are
        # brought to its ends first, in integers that hold them all: negative ones after an intercept, large after a slope.
        places = np.clip(np.rint(values), first, first + entries - 1).astype(np.int64)
        return spread(apply_voi(places, given), 0.0, float(2**bits - 1))

    return shows


def _wide(item: pydicom.Dataset, first: int | None = None) -> pydicom.Dataset:
    """A look-up table whose entries are taken as 16 bits, whatever it says: pydicom knows 8 and 16 alone."""
    entries, begin, _ = (int(value) for value in item.LUTDescriptor)
    data = item["LUTData"].value
    wide = pydicom.Dataset()
    wide.add_new("LUTDescriptor", "SS", [entries, begin if first is None else first, 16])
    if isinstance(data, bytes) and len(data) >= 2 * (entries or 65_536):
        wide.add_new("LUTData", "OW", data)
    else:
        wide.add_new("LUTData", "US", list(data))
    return wide


def _window(raw: Any, tags: pydicom.Dataset) -> Function | None:
    """The first window, if there is one that can be."""
    centre, width = _number(tags, "WindowCenter"), _number(tags, "WindowWidth")
    function = str(tags.get("VOILUTFunction") or "LINEAR").strip().upper()
    if raw.dtype.kind == "f" and function == "LINEAR":
        function = "LINEAR_EXACT"  # the other is meant for integers and makes a window of width 1 a step
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        function = "LINEAR"
    if centre is None or width is None or width <= 0 or (function == "LINEAR" and width < 1):
        return None
    given = pydicom.Dataset()
    # pydicom spreads a window over the range of the stored values; that of unsigned 8 bits is wanted.
    given.PhotometricInterpretation, given.PixelRepresentation, given.BitsStored = "MONOCHROME2", 0, 8
    given.WindowCenter, given.WindowWidth, given.VOILUTFunction = centre, width, function
    return lambda values: spread(apply_windowing(values, given), 0.0, 255.0)


def padded(raw: Any, tags: pydicom.Dataset) -> Any:
    """Which stored values stand for nothing."""
    ends = [tags.get(name) for name in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
    if not isinstance(ends[0], int) or raw.dtype.kind not in "iu":
        return np.zeros(raw.shape, bool)
    # A negative value is often written as an unsigned one: both have the same bits.
    low, high = sorted(
        int(np.int64(end).astype(raw.dtype)) for end in (ends[0], ends[1] if isinstance(ends[1], int) else ends[0])
    )
    return (raw >= low) & (raw <= high)


def _square_pixels(image: Image.Image, tags: pydicom.Dataset, limits: Limits) -> Image.Image:
    """Stretch a picture whose pixels are not square, so that a circle is one."""
    ratio = next((found for name in _SPACINGS if (found := _ratio(tags.get(name)))), 1.0)
    if abs(ratio - 1) < 0.01 or not 1 / _MOST_STRETCHED <= ratio <= _MOST_STRETCHED:
        return image
    width, height = image.size
    larger = image.width * image.height * max(ratio, 1 / ratio) <= limits.pixels
    if (ratio > 1) == larger:
        height = max(1, round(height * ratio))
    else:
        width = max(1, round(width / ratio))
    return image.resize((width, height), Image.Resampling.BICUBIC)


def _ratio(pair: Any) -> float:
    """Height of a pixel over its width; 0 where nothing useful is said."""
    try:
        height, width = (float(value) for value in pair)
        return height / width if height > 0 and width > 0 else 0.0
    except (TypeError, ValueError):
        return 0.0


def _number(tags: pydicom.Dataset, keyword: str) -> float | None:
    value = tags.get(keyword)
    try:
        number = float(value[0] if isinstance(value, pydicom.multival.MultiValue) else value)
    except (TypeError, ValueError, IndexError):
        return None
    return number if np.isfinite(number) else None
