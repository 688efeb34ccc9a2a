"""Bytes that somebody else made into pixels, safely."""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageOps

from mirage.errors import BadPicture
from mirage.images import stripping
from mirage.images.formats import ACCEPTED, HEAD_BYTES, format_of, looks_like
from mirage.images.limits import DEFAULT_LIMITS, Limits, megabytes, megapixels

# Pillow warns above its own limit; ours is lower, and refuses in words.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

_LOW, _HIGH = 0.5, 99.5
_SIDEWAYS = 0x0112


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture, and what somebody who gave it should know.

    Attributes
    ----------
    image : PIL.Image.Image
        ``L`` or ``RGB``, 8 bits, upright, without any metadata.
    format : str
        What the bytes were: ``PNG``, ``JPEG``, ``WEBP``, ``TIFF``, ``BMP``, ``GIF`` or ``DICOM``.
    notes : tuple of str
        What was done to it, in words: the first frame taken, 16 bits brought to 8.
    original : bytes or None
        The given file without its metadata, when a browser shows it exactly as `image`: what to keep of it.
        None when it has to be encoded anew (TIFF, BMP, DICOM; turned, 16-bit, transparent or animated).
    synthetic : str
        What its metadata, which is gone by now, said of a generator that made it; empty when it said nothing.
    """

    image: Image.Image
    format: str
    notes: tuple[str, ...] = ()
    original: bytes | None = None
    synthetic: str = ""


def decode(data: bytes | Path, *, name: str = "", limits: Limits = DEFAULT_LIMITS) -> Image.Image:
    """Decode a picture; see `read_picture`, which also tells what was done to it.

    Parameters
    ----------
    data : bytes or Path
        The picture's bytes, or the file that has them.
    name : str
        What to call it in messages; the file's name when left out.
    limits : Limits

    Returns
    -------
    PIL.Image.Image
        ``L`` or ``RGB``, 8 bits, upright, without metadata.

    Raises
    ------
    mirage.errors.BadPicture
        With a message that names the picture and says what to do.
    """
    return read_picture(data, name=name, limits=limits).image


def read_picture(
    data: bytes | Path, *, name: str = "", limits: Limits = DEFAULT_LIMITS, allow_burned_in: bool = False
) -> Picture:
    """Decode a picture of any accepted format, safely: nothing is written to disk, metadata is dropped.

    Size is checked before pixels are read; the format is told by content. Pictures of more than 8 bits are
    windowed between their 0.5th and 99.5th percentile; transparent ones are laid on black, or on white when
    what they show is dark; of several frames the first is taken.

    Parameters
    ----------
    data : bytes or Path
    name : str
        What to call it in messages; the file's name when left out.
    limits : Limits
    allow_burned_in : bool
        Take a DICOM file whose header says that text is burned into its pixels.

    Raises
    ------
    mirage.errors.BadPicture
    """
    name = name or (data.name if isinstance(data, Path) else "the picture")
    head = _head(data, name)
    kind = format_of(head)
    if kind == "DICOM":
        from mirage.images.dicom import read_dicom  # noqa: PLC0415 - pydicom is slow to import

        return read_dicom(data, name=name, limits=limits, allow_burned_in=allow_burned_in)
    if not kind:
        seems = looks_like(head)
        what = f"{name} is {seems}, not a picture" if seems else f"{name} is not a picture that can be read"
        raise BadPicture(f"{what}. Use {ACCEPTED}.")
    return _decode(_read(data, name, limits), kind, name, limits)


def _head(data: bytes | Path, name: str) -> bytes:
    try:
        if isinstance(data, Path):
            with data.open("rb") as file:
                head = file.read(HEAD_BYTES)
        else:
            head = bytes(data[:HEAD_BYTES])
    except FileNotFoundError:
        raise BadPicture(f"{name} is not there. Check the path.") from None
    except OSError as error:
        raise BadPicture(f"{name} cannot be read: {error.strerror or error}. Check the file.") from error
    if not head:
        raise BadPicture(f"{name} is empty (0 bytes). Copy or export it again.")
    return head


def _read(data: bytes | Path, name: str, limits: Limits) -> bytes:
    try:
        size = data.stat().st_size if isinstance(data, Path) else len(data)
        if size > limits.file_bytes:
            raise BadPicture(
                f"{name} has {megabytes(size)}, and the limit is {megabytes(limits.file_bytes)}. "
                "Save it smaller, as PNG or JPEG."
            )
        return data.read_bytes() if isinstance(data, Path) else bytes(data)
    except OSError as error:
        raise BadPicture(f"{name} cannot be read: {error.strerror or error}. Check the file.") from error


def _decode(data: bytes, kind: str, name: str, limits: Limits) -> Picture:
    try:
        stripped = stripping.strip(data, kind)
        # Decoding reads the stripped bytes: a PNG's compressed text never gets to be unpacked.
        source = stripped.for_decoding
        with Image.open(io.BytesIO(source), formats=[kind]) as opened:
            _check_size(opened.size, name, limits)
            notes: list[str] = []
            animated = stripped.animated or _has_more_frames(opened)
            if animated:
                notes.append(f"{name} holds several frames; the first was taken.")
            opened.load()
            image, plain = _to_eight_bits(opened, name, notes)
            turned = _orientation(opened) not in (0, 1)
            if turned:
                image = ImageOps.exif_transpose(_with_orientation(image, _orientation(opened)))
            deep = kind == "PNG" and stripped.bits == 16
    except BadPicture:
        raise
    except Image.DecompressionBombError as error:
        found = re.search(r"(\d{6,})", str(error))
        size = f"{megapixels(int(found[1]))}" if found else "too many pixels"
        raise BadPicture(_too_large(name, size, limits)) from None
    except MemoryError:
        raise BadPicture(f"{name} needs more memory than there is. Save it smaller.") from None
    except Exception as error:  # decoders of strangers' bytes raise anything
        raise BadPicture(
            f"{name} is damaged or cut short: its {_called(kind)} data cannot be decoded. Copy or export it again."
        ) from error
    keep = plain and not turned and not animated and not deep and kind in ("PNG", "JPEG", "WEBP")
    return Picture(_clean(image), kind, tuple(notes), stripped.to_keep if keep else None, _declared(data))


def _declared(data: bytes) -> str:
    # The words and the box that such metadata cannot do without; most pictures are done after this.
    if not any(sign in data for sign in (b"digitalsourcetype", b"jumb", b"XML:com.adobe.xmp")):
        return ""
    from mirage.images.marks.reading import declared  # noqa: PLC0415 - reads pictures itself

    told = declared(data)
    return " ".join(mark.said for mark in told.marks if mark.found)


def _called(kind: str) -> str:
    return "WebP" if kind == "WEBP" else kind


def _too_large(name: str, size: str, limits: Limits) -> str:
    return f"{name} has {size}, and the limit is {megapixels(limits.pixels)}. Save it with fewer pixels."


def _check_size(size: tuple[int, int], name: str, limits: Limits) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise BadPicture(f"{name} has no pixels ({width} × {height}). Export it again.")
    if width * height > limits.pixels:
        words = f"{width:,} × {height:,} pixels ({megapixels(width * height)})"
        raise BadPicture(_too_large(name, words, limits))


def _has_more_frames(opened: Image.Image) -> bool:
    """Whether a second frame follows, without counting them all: a hostile file may chain millions."""
    if opened.format == "TIFF":
        try:
            opened.seek(1)
        except EOFError:
            return False
        finally:
            opened.seek(0)
        return True
    return bool(getattr(opened, "is_animated", False))


def _orientation(opened: Image.Image) -> int:
    try:
        return int(opened.getexif().get(_SIDEWAYS, 1))
    except Exception:  # a broken EXIF block must not cost us the picture
        return 1


def _with_orientation(image: Image.Image, value: int) -> Image.Image:
    bare = _clean(image)
    bare.getexif()[_SIDEWAYS] = value
    return bare


def _to_eight_bits(opened: Image.Image, name: str, notes: list[str]) -> tuple[Image.Image, bool]:
    """The picture as ``L`` or ``RGB``, and whether its pixels are still those of the file."""
    mode = opened.mode
    if mode in ("I", "F") or mode.startswith("I;"):
        notes.append(f"{name} has more than 8 bits a pixel; the middle 99 % of its values were spread over 8.")
        return window(np.asarray(opened)), False
    if mode == "1":
        return opened.convert("L"), True
    if opened.has_transparency_data:
        rgba = opened.convert("RGBA")
        if rgba.getchannel("A").getextrema()[0] < 255:  # type: ignore[operator]
            notes.append(f"{name} is partly transparent; it was laid on a plain ground.")
            return _grey_if_grey(_flatten(rgba)), False
        return _grey_if_grey(rgba.convert("RGB")), True
    if mode == "L":
        return opened, True
    return _grey_if_grey(opened.convert("RGB")), mode != "CMYK"


def _flatten(rgba: Image.Image) -> Image.Image:
    """Lay a transparent picture on black, or on white when what it shows is dark and would be lost."""
    alpha = rgba.getchannel("A")
    shown = np.asarray(rgba.convert("L"))[np.asarray(alpha) > 127]
    ground = (255, 255, 255) if shown.size and float(shown.mean()) < 64 else (0, 0, 0)
    flat = Image.new("RGB", rgba.size, ground)
    flat.paste(rgba, mask=alpha)
    return flat


def _grey_if_grey(image: Image.Image) -> Image.Image:
    """One channel when all three are the same: most scans are grey pictures saved as colour."""
    red, green, blue = image.split()
    if ImageChops.difference(red, green).getbbox() is None and ImageChops.difference(red, blue).getbbox() is None:
        return red
    return image


def window(values: np.ndarray[Any, Any], low: float | None = None, high: float | None = None) -> Image.Image:
    """Grey values of any depth as an 8-bit picture.

    Parameters
    ----------
    values : (height, width) array
        Integers or floats; NaN and infinities become black and white.
    low, high : float, optional
        The values shown black and white. Left out: the 0.5th and 99.5th percentile of the finite values, so
        that a few hot pixels do not darken all the others.
    """
    numbers = np.asarray(values, dtype=np.float32)
    if low is None or high is None:
        finite = numbers[np.isfinite(numbers)]
        if finite.size > 1_000_000:
            finite = finite[:: finite.size // 500_000]
        low, high = (float(v) for v in np.percentile(finite, (_LOW, _HIGH))) if finite.size else (0.0, 1.0)
        if high <= low and finite.size:
            low, high = float(finite.min()), float(finite.max())
    span = max(high - low, 1e-12)
    scaled = np.nan_to_num((numbers - low) / span, nan=0.0, posinf=1.0, neginf=0.0)
    return Image.fromarray((np.clip(scaled, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8))


def _clean(image: Image.Image) -> Image.Image:
    bare = Image.frombytes(image.mode, image.size, image.tobytes())
    bare.info.clear()
    return bare
