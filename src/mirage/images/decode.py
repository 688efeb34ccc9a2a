"""Bytes that somebody else made into pixels, safely."""

from __future__ import annotations

import io
import re
import warnings
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from PIL.ExifTags import Base

from mirage.errors import BadPicture, Busy
from mirage.images import metadata
from mirage.images.formats import ACCEPTED, HEAD_BYTES, format_of, looks_like
from mirage.images.limits import BUDGET, DEFAULT_LIMITS, Limits, check_pixels, megabytes, megapixels
from mirage.images.marks.reading import declared
from mirage.images.pixels import DecodedPicture, bare, flatten, grey_if_grey, window

# Pillow warns above its own limit; ours is lower, and refuses in words.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

# Bytes a pixel at the peak of decoding, by mode, measured: the pixels themselves and every copy on their way to 8 bits.
_BYTES_A_PIXEL = {"1": 3, "L": 3, "I;16": 8, "P": 10, "RGB": 10}
_CALLED = {"WEBP": "WebP"}
_BYTES_A_PIXEL_OTHERWISE = 16  # transparent ones, CMYK, 32 bits, and all of WebP


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
    mirage.errors.Busy
        When other pictures take the memory for too long.
    """
    return read_picture(data, name=name, limits=limits).image


def read_picture(
    data: bytes | Path,
    *,
    name: str = "",
    limits: Limits = DEFAULT_LIMITS,
    allow_burned_in: bool = False,
    frame: int = 0,
    deep: bool = False,
) -> DecodedPicture:
    """Decode a picture of any accepted format, safely: nothing is written to disk, metadata is dropped.

    Size is checked before pixels are read, and the memory reserved in `mirage.images.limits.BUDGET`; the format is
    told by content. Pictures of more than 8 bits are windowed between their 0.5th and 99.5th percentile; transparent
    ones are laid on black, or on white when what they show is dark; of several frames the first is taken.

    Parameters
    ----------
    data : bytes or Path
    name : str
        What to call it in messages; the file's name when left out.
    limits : Limits
    allow_burned_in : bool
        Take a DICOM file whose header says that text is burned into its pixels.
    frame : int
        Of a DICOM file with several, the one to take, from 1; 0 takes the middle one.
    deep : bool
        Give values of more than 8 bits as well, as `DecodedPicture.values`.

    Raises
    ------
    mirage.errors.BadPicture, mirage.errors.Busy
    """
    name = name or (data.name if isinstance(data, Path) else "the picture")
    head = _head(data, name)
    kind = format_of(head)
    if kind == "DICOM":
        from mirage.images.dicom import read_dicom  # noqa: PLC0415 - pydicom is slow to import

        return read_dicom(data, name, limits, allow_burned_in, frame)
    if not kind:
        seems = looks_like(head)
        what = f"{name} is {seems}, not a picture" if seems else f"{name} is not a picture that can be read"
        raise BadPicture(f"{what}. Use {ACCEPTED}.")
    size = data.stat().st_size if isinstance(data, Path) else len(data)
    if size > limits.file_bytes:
        raise BadPicture(
            f"{name} has {megabytes(size)}, and the limit is {megabytes(limits.file_bytes)}. "
            "Save it smaller, as PNG or JPEG."
        )
    # The file, and what is left of it without its metadata.
    with ExitStack() as reserved:
        reserved.enter_context(BUDGET.reserve((3 if isinstance(data, Path) else 2) * size, name=name))
        return _decode(_read(data, name), kind, name, limits, reserved, deep=deep)


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


def _read(data: bytes | Path, name: str) -> bytes:
    try:
        return data.read_bytes() if isinstance(data, Path) else bytes(data)
    except OSError as error:
        raise BadPicture(f"{name} cannot be read: {error.strerror or error}. Check the file.") from error


def _decode(data: bytes, kind: str, name: str, limits: Limits, reserved: ExitStack, *, deep: bool) -> DecodedPicture:
    values = None
    try:
        stripped = metadata.strip(data, kind)
        # The decoder gets the stripped bytes, so that it cannot unpack what stands beside the pixels.
        with Image.open(io.BytesIO(stripped.for_decoding), formats=[kind]) as opened:
            check_pixels(*opened.size, name, limits)
            each = _BYTES_A_PIXEL_OTHERWISE
            if kind != "WEBP" and not opened.has_transparency_data:
                each = _BYTES_A_PIXEL.get(opened.mode, each)
            reserved.enter_context(BUDGET.reserve(each * opened.width * opened.height, name=name))
            notes: list[str] = []
            animated = stripped.animated or bool(getattr(opened, "is_animated", False))
            if animated:
                notes.append(f"{name} holds several frames; the first was taken.")
            opened.load()
            if deep and (opened.mode in ("I", "F") or opened.mode.startswith("I;")):
                values = np.asarray(opened).copy()
            image, plain = _to_eight_bits(opened, name, notes)
            turned = 2 <= stripped.orientation <= 8
            if turned:
                image.getexif()[Base.Orientation] = stripped.orientation
                image = ImageOps.exif_transpose(image)
            wide = kind == "PNG" and stripped.bits == 16
            image = bare(image)
    except (BadPicture, Busy):
        raise
    except Image.DecompressionBombError as error:
        found = re.search(r"(\d{6,})", str(error))
        size = f"{megapixels(int(found[1]))}" if found else "too many pixels"
        least = f"the limit is {megapixels(limits.pixels)}"
        raise BadPicture(f"{name} has {size}, and {least}. Save it with fewer pixels.") from None
    except MemoryError:
        raise BadPicture(f"{name} needs more memory than there is. Save it smaller.") from None
    except Exception as error:  # decoders of strangers' bytes raise anything
        raise BadPicture(
            f"{name} is damaged or cut short: its {_CALLED.get(kind, kind)} data cannot be decoded. Copy or export it again."
        ) from error
    keep = plain and not turned and not animated and not wide and kind in ("PNG", "JPEG", "WEBP")
    return DecodedPicture(image, kind, tuple(notes), stripped.to_keep if keep else None, _declared(data), values)


def _declared(data: bytes) -> str:
    # The words and the box that such metadata cannot do without; most pictures are done after this.
    if not any(sign in data for sign in (b"digitalsourcetype", b"jumb", b"XML:com.adobe.xmp")):
        return ""
    told = declared(data)
    return " ".join(mark.said for mark in told.marks if mark.found)


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
            return grey_if_grey(flatten(rgba)), False
        return grey_if_grey(rgba.convert("RGB")), True
    if mode == "L":
        return opened, True
    return grey_if_grey(opened if mode == "RGB" else opened.convert("RGB")), mode != "CMYK"
