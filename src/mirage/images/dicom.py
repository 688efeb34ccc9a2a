"""DICOM files as pictures, as their headers want them seen. pydicom does the arithmetic.

Windowing and look-up tables: DICOM PS3.3, C.11.1 and C.11.2. Padding: C.7.5.1.1.2. Shape of a pixel: C.7.6.3.1.7.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pydicom
from PIL import Image
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi, apply_windowing

from mirage.errors import BadPicture, Busy
from mirage.images.dicom_frames import frames_values
from mirage.images.dicom_header import DicomHeader, entries_in, numbers_of, of_frame, opened
from mirage.images.limits import BUDGET, Limits, sampled
from mirage.images.pixels import DecodedPicture, by_blocks, robust_range, sample, spread
from mirage.wording import _

_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio")
_MOST_STRETCHED = 10.0  # a pixel that is said to be longer than that is an error in the header

# Grey pictures of 8 bits are meant to be seen as they are, unless all that they hold is darker than that, as masks are.
_MEANT_TO_BE_SEEN = 64

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
                _(
                    "%(name)s says that text is burned into its pixels (Burned In Annotation: YES), "
                    "which may name the patient. Look at it, and allow burned-in text only if it names "
                    "nobody.",
                    name=name,
                )
            )
        number = frame or sampled(header.frames, 1)[0]
        if not 1 <= number <= header.frames:
            raise BadPicture(
                _("%(name)s has no frame %(number)s; it has %(frames)s.", name=name, number=number, frames=header.frames)
            )
        try:
            image = _frame(file, tags, header, number, name, limits)
            windows = windows_in(of_frame(tags, number)) if image.mode == "L" else []
        except (BadPicture, Busy, OverflowError, zlib.error):  # the last two of a deflated file
            raise
        except Exception as error:  # headers of strangers raise anything
            raise BadPicture(
                _("%(name)s has pixels that its header does not describe. Export it again.", name=name)
            ) from error
    notes: list[str] = []
    if not frame and header.frames > 1:
        notes.append(
            _(
                "%(name)s holds %(frames)s frames; number %(number)s was taken.",
                name=name,
                frames=header.frames,
                number=number,
            )
        )
    if len(windows) > 1:
        (centre, width), count = windows[0], len(windows)
        notes.append(
            _(
                "%(name)s has %(count)s windows; the first is shown (centre %(centre)s, width %(width)s).",
                name=name,
                count=count,
                centre=f"{centre:g}",
                width=f"{width:g}",
            )
        )
    synthetic = _("Synthetic Data (0008,001C) is YES.") if header.synthetic else ""
    return DecodedPicture(image, "DICOM", tuple(notes), synthetic=synthetic)


def _frame(
    file: BinaryIO, tags: pydicom.Dataset, header: DicomHeader, number: int, name: str, limits: Limits
) -> Image.Image:
    # A frame as it is stored and unpacked, and in blocks on its way to 8 bits.
    each = int(tags.get("SamplesPerPixel") or 1) * max(int(tags.get("BitsAllocated") or 8), 8) // 8
    with BUDGET.reserve(header.width * header.height * (3 * each + 6), name=name):
        values = next(frames_values(file, tags, [number], name))
        with np.errstate(all="ignore"):
            return _square_pixels(_picture(values, of_frame(tags, number)), of_frame(tags, number), limits)


def _picture(values: Any, tags: pydicom.Dataset) -> Image.Image:
    kind = str(tags.get("PhotometricInterpretation") or "").strip()
    if kind == "PALETTE COLOR":
        tables = _with_wide_entries(tags)
        # Many 16-bit tables hold entries of 8 bits, which all of a table tells, and no frame that uses a part of it.
        count, first = (int(tables.RedPaletteColorLookupTableDescriptor[part]) for part in (0, 1))
        every = apply_color_lut(np.arange(first, first + (count or 65_536))[np.newaxis], tables)[..., :3]
        return _colour(apply_color_lut(values, tables)[..., :3], 65_535.0 if every.max() > 255 else 255.0)
    if values.ndim == 3:
        return Image.fromarray(np.ascontiguousarray(in_bytes(values, tags)))
    inverse = kind == "MONOCHROME1" or str(tags.get("PresentationLUTShape") or "") == "INVERSE"
    image = _windowed(values, tags)
    return image.point(lambda value: 255 - value) if inverse else image


def in_bytes(values: Any, tags: pydicom.Dataset) -> Any:
    """Bring colours of any depth to 8 bits, by the bits that are stored.

    Parameters
    ----------
    values : (rows, columns, 3) array
    tags : pydicom.Dataset

    Returns
    -------
    (rows, columns, 3) array
        uint8.
    """
    top = 2 ** int(tags.get("BitsStored") or 8) - 1
    top = top if values.max() <= top else int(np.iinfo(values.dtype).max)
    if values.dtype == np.uint8 and top == 255:
        return values
    shown = np.empty(values.shape, np.uint8)
    for part in range(3):
        shown[..., part] = np.asarray(by_blocks(values[..., part], lambda block: spread(block, 0.0, float(top))))
    return shown


def _with_wide_entries(tags: pydicom.Dataset) -> pydicom.Dataset:
    """The palette with entries of 16 bits where pydicom would misread them: of 9 to 15, or bytes in big-endian words."""
    names = [f"{colour}PaletteColorLookupTable" for colour in ("Red", "Green", "Blue")]
    little = tags.original_encoding[1]
    bits = {int(tags[f"{name}Descriptor"].value[2]) for name in names}
    if f"{names[0]}Data" not in tags or bits == {16} or (little and bits == {8}):
        return tags
    wide = pydicom.Dataset()
    wide.set_original_encoding(*tags.original_encoding)
    wide.update(tags)
    for name in names:
        (count, first, said), data = (tags[f"{name}{part}"].value for part in ("Descriptor", "Data"))
        order = "<u2" if little else ">u2"
        words = np.frombuffer(data, order)
        if len(words) < (count or 65_536):
            words = np.frombuffer(words.astype("<u2").tobytes(), np.uint8)
        entries = words.astype(np.uint32) * 65_535 // max(2 ** int(said) - 1, int(words.max()))
        wide.add_new(f"{name}Descriptor", "US", [count, first, 16])
        wide.add_new(f"{name}Data", "OW", entries.astype(order).tobytes())
    return wide


def _colour(colours: Any, top: float) -> Image.Image:
    return Image.merge("RGB", [by_blocks(colours[..., part], lambda block: spread(block, 0.0, top)) for part in range(3)])


def _windowed(raw: Any, tags: pydicom.Dataset) -> Image.Image:
    """Grey values as the header wants them seen; between robust percentiles where it says nothing useful."""
    rescale = _rescaling(tags)
    shows = _table(raw, tags, rescale) or _window(raw, tags)
    if shows is not None:
        image = by_blocks(raw, lambda block: shows(rescale(block)))
        # A window beside all values leaves a black or white square: then the header is wrong.
        seen = np.asarray(image)
        if seen.max() > 2 and seen.min() < 253:
            return image
    seen = sample(raw)
    inside = ~padded(seen, tags)
    seen = seen[inside] if inside.any() else seen
    if "ModalityLUTSequence" in tags:
        low, high = robust_range(rescale(seen))
        return by_blocks(raw, lambda block: spread(rescale(block), low, high))
    # Slope and intercept change nothing of what is seen then, except which end is white.
    (low, high), falling = robust_range(seen), (numbers_of(tags, "RescaleSlope")[0] or 1.0) < 0
    if raw.dtype == np.uint8 and high >= _MEANT_TO_BE_SEEN and shows is None:
        low, high = 0.0, 255.0
    image = by_blocks(raw, lambda block: spread(block, low, high))
    return image.point(lambda value: 255 - value) if falling else image


def _rescaling(tags: pydicom.Dataset) -> Function:
    """From stored values to those that a window means."""
    slope, intercept = numbers_of(tags, "RescaleSlope")[0], numbers_of(tags, "RescaleIntercept")[0]
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
    entries, begin, _other = (int(value) for value in item.LUTDescriptor)
    data, most = item["LUTData"].value, entries or 65_536
    lacking = max(most - entries_in(data, most), 0)  # values beyond the last entry are shown as that
    wide = pydicom.Dataset()
    wide.add_new("LUTDescriptor", "SS", [entries, begin if first is None else first, 16])
    if isinstance(data, bytes) and len(data) not in (most, most + 1):
        whole = data[: len(data) // 2 * 2]
        wide.add_new("LUTData", "OW", whole + lacking * whole[-2:])
    else:
        wide.add_new("LUTData", "US", [*data, *lacking * list(data[-1:])])
    return wide


def windows_in(tags: pydicom.Dataset) -> list[tuple[float, float]]:
    """Centre and width of each window of a header that can be, in its order.

    Parameters
    ----------
    tags : pydicom.Dataset
        As they hold for one frame.
    """
    pairs = zip(numbers_of(tags, "WindowCenter"), numbers_of(tags, "WindowWidth"), strict=False)
    least = 1.0 if _function(tags) == "LINEAR" and not _in_floats(tags) else 0.0
    return [
        (centre, width)
        for centre, width in pairs
        if centre is not None and width is not None and width > 0 and width >= least
    ]


def curve_in(tags: pydicom.Dataset) -> str:
    """How the windows of a header make values grey, as `mirage.figure.Window` has it.

    Parameters
    ----------
    tags : pydicom.Dataset
        As they hold for one frame.
    """
    return "sigmoid" if windows_in(tags) and _function(tags) == "SIGMOID" else ""


def _function(tags: pydicom.Dataset) -> str:
    said = str(tags.get("VOILUTFunction") or "").strip().upper()
    return said if said in ("LINEAR_EXACT", "SIGMOID") else "LINEAR"


def _in_floats(tags: pydicom.Dataset) -> bool:
    return "PixelRepresentation" not in tags and int(tags.get("BitsAllocated") or 0) >= 32


def _window(raw: Any, tags: pydicom.Dataset) -> Function | None:
    """The first window that can be, if there is one."""
    windows, function = windows_in(tags), _function(tags)
    if raw.dtype.kind == "f" and function == "LINEAR":
        function = "LINEAR_EXACT"  # the other is meant for integers and makes a window of width 1 a step
    if not windows:
        return None
    given = pydicom.Dataset()
    # pydicom spreads a window over the range of the stored values; that of unsigned 8 bits is wanted.
    given.PhotometricInterpretation, given.PixelRepresentation, given.BitsStored = "MONOCHROME2", 0, 8
    (given.WindowCenter, given.WindowWidth), given.VOILUTFunction = windows[0], function
    return lambda values: spread(apply_windowing(values, given), 0.0, 255.0)


def window_of_table(tags: pydicom.Dataset) -> tuple[float, float] | None:
    """Centre and width of the straight window over the values that a rising VOI LUT tells apart; None where there is none.

    Parameters
    ----------
    tags : pydicom.Dataset
        As they hold for one frame.
    """
    if "VOILUTSequence" not in tags:
        return None
    item = _wide(tags.VOILUTSequence[0])
    first, data = int(item.LUTDescriptor[1]), item["LUTData"].value
    order = "<u2" if tags.original_encoding[1] else ">u2"
    entries = np.asarray(np.frombuffer(data, order) if isinstance(data, bytes) else data, np.int64)
    if first >= 32_768 and (numbers_of(tags, "RescaleIntercept")[0] or 0.0) < 0:
        first -= 65_536
    low, high = int(entries.min()), int(entries.max())
    between = np.flatnonzero((entries > low + 0.01 * (high - low)) & (entries < high - 0.01 * (high - low)))
    if entries[-1] <= entries[0] or not between.size:
        return None
    return first + float(between[0] + between[-1]) / 2, max(float(between[-1] - between[0]), 1.0)


def padded(raw: Any, tags: pydicom.Dataset) -> Any:
    """Which stored values stand for nothing."""
    kind = ("DoubleFloat" if raw.dtype.itemsize == 8 else "Float") if raw.dtype.kind == "f" else ""
    value, limit = (numbers_of(tags, f"{kind}PixelPadding{what}")[0] for what in ("Value", "RangeLimit"))
    if value is None:
        return np.zeros(raw.shape, bool)
    low, high = sorted((value, value if limit is None else limit))
    if raw.dtype.kind in "iu":
        # A negative value is often written as an unsigned one: both have the same bits.
        low, high = sorted(int(np.int64(end).astype(raw.dtype)) for end in (low, high))
    return (raw >= low) & (raw <= high)


def _square_pixels(image: Image.Image, tags: pydicom.Dataset, limits: Limits) -> Image.Image:
    """Stretch a picture whose pixels are not square, so that a circle is one."""
    ratio = next((found for name in _SPACINGS if (found := _ratio(numbers_of(tags, name)))), 1.0)
    if abs(ratio - 1) < 0.01 or not 1 / _MOST_STRETCHED <= ratio <= _MOST_STRETCHED:
        return image
    width, height = image.size
    larger = image.width * image.height * max(ratio, 1 / ratio) <= limits.pixels
    if (ratio > 1) == larger:
        height = max(1, round(height * ratio))
    else:
        width = max(1, round(width / ratio))
    return image.resize((width, height), Image.Resampling.BICUBIC)


def _ratio(sides: list[float | None]) -> float:
    """Height of a pixel over its width; 0 where nothing useful is said."""
    if len(sides) != 2:
        return 0.0
    height, width = (side or 0.0 for side in sides)
    return height / width if height > 0 and width > 0 else 0.0
