"""Bytes that somebody else made into pixels, safely."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError, features
from PIL.ExifTags import Base

from mirage.errors import BadPicture, Busy
from mirage.images import metadata
from mirage.images.formats import ACCEPTED, HEAD_BYTES, before_picture, format_of, instead_of, looks_like
from mirage.images.jpeg_end import ended, uncommon
from mirage.images.limits import BUDGET, DEFAULT_LIMITS, Limits, check_pixels, megabytes, megapixels
from mirage.images.marks.reading import declared
from mirage.images.pages import FRAMES, MOST_PAGES, Pages, pages_of
from mirage.images.pixels import DecodedPicture, bare, flatten, grey_if_grey, window
from mirage.images.wide import in_eight_bits, tiff_kind, tiff_size, tiff_values, wide_colour
from mirage.wording import _, looked_up

# Pillow warns above its own limit; ours is lower, and refuses in words.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
# Pillow takes memory in blocks of 16 MB, which the system's allocator keeps for later; it gives larger ones back at once.
Image.core.set_block_size(2**27)  # type: ignore[attr-defined]

# Bytes a pixel at the peak of decoding, by mode, measured: the pixels themselves and every copy on their way to 8 bits.
_BYTES_A_PIXEL = {"1": 3, "L": 3, "I;16": 8, "P": 10, "RGB": 10}
CALLED = {"WEBP": "WebP", "JPEG2000": "JPEG 2000", "HEIF": "HEIC"}
"""Formats that people know by another name."""
_BYTES_A_PIXEL_OTHERWISE = 17  # transparent ones, CMYK, 32 bits, and all of WebP
_BYTES_A_PIXEL_OF = {"JPEG2000": 24, "AVIF": 16, "HEIF": 24}


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
    name = name or (data.name if isinstance(data, Path) else _("the picture"))
    head = _head(data, name)
    kind = format_of(head)
    if kind == "DICOM":
        from mirage.images.dicom import read_dicom  # noqa: PLC0415 - pydicom is slow to import

        return read_dicom(data, name, limits, allow_burned_in, frame)
    if not kind and (before := before_picture(head)):
        count, begun = before
        raise BadPicture(
            _(
                "%(name)s has %(count)s bytes before its %(kind)s data, which do not belong there. Copy or export it again.",
                name=name,
                count=count,
                kind=CALLED.get(begun, begun),
            )
        )
    if not kind:
        seems = looks_like(head)
        what = _("%(name)s is not a picture that can be read", name=name)
        if "picture" in seems:
            what = _("%(name)s is %(seems)s, which is not read", name=name, seems=_(seems))
        elif seems:
            what = _("%(name)s is %(seems)s, not a picture", name=name, seems=_(seems))
        raise BadPicture(_("%(what)s. Use %(accepted)s.", what=what, accepted=_(ACCEPTED)))
    if not decodes(kind):
        called = CALLED.get(kind, kind)
        raise BadPicture(
            _(
                "%(name)s is a %(kind)s picture, which is not read here. %(instead)s",
                name=name,
                kind=called,
                instead=instead_of(called),
            )
        )
    size = data.stat().st_size if isinstance(data, Path) else len(data)
    if size > limits.file_bytes:
        raise BadPicture(
            _(
                "%(name)s has %(size)s, and the limit is %(file_bytes)s. Save it smaller, as PNG or JPEG.",
                name=name,
                size=megabytes(size),
                file_bytes=megabytes(limits.file_bytes),
            )
        )
    # The file, and what is left of it without its metadata.
    with ExitStack() as reserved:
        reserved.enter_context(BUDGET.reserve((3 if isinstance(data, Path) else 2) * size, name=name))
        return _decode(_read(data, name), kind, name, limits, reserved, deep=deep)


@cache
def decodes(kind: str) -> bool:
    """Whether pictures of a format can be decoded by what is installed.

    Parameters
    ----------
    kind : str
        As `mirage.images.formats.format_of` names it.
    """
    if kind == "HEIF":
        try:
            import pi_heif  # noqa: PLC0415 - an extra
        except ImportError:
            return False
        pi_heif.register_heif_opener(thumbnails=False)
        return True
    needed = {"AVIF": "avif", "JPEG2000": "jpg_2000"}.get(kind)
    return needed is None or bool(features.check(needed))


def _head(data: bytes | Path, name: str) -> bytes:
    try:
        if isinstance(data, Path):
            with data.open("rb") as file:
                head = file.read(HEAD_BYTES)
        else:
            head = bytes(data[:HEAD_BYTES])
    except FileNotFoundError:
        raise BadPicture(_("%(name)s is not there. Check the path.", name=name)) from None
    except OSError as error:
        raise BadPicture(
            _("%(name)s cannot be read: %(value)s. Check the file.", name=name, value=error.strerror or error)
        ) from error
    if not head:
        raise BadPicture(_("%(name)s is empty (0 bytes). Copy or export it again.", name=name))
    return head


def _read(data: bytes | Path, name: str) -> bytes:
    try:
        return data.read_bytes() if isinstance(data, Path) else bytes(data)
    except OSError as error:
        raise BadPicture(
            _("%(name)s cannot be read: %(value)s. Check the file.", name=name, value=error.strerror or error)
        ) from error


def _decode(  # noqa: PLR0915 - one decoder's many refusals
    data: bytes, kind: str, name: str, limits: Limits, reserved: ExitStack, *, deep: bool
) -> DecodedPicture:
    try:
        stripped = metadata.strip(data, kind)
        notes: list[str] = []

        def reserve(need: int) -> None:
            reserved.enter_context(BUDGET.reserve(need, name=name))

        given = stripped.for_decoding
        if kind == "JPEG" and stripped.to_keep is None:
            given = _with_end(given, name, limits, reserve)
        held = pages_of(io.BytesIO(data), kind)
        frames, plain, orientation = held.count if held else 1, False, stripped.orientation
        shown, values = _of_tiff(given, name, limits, reserve, notes) if kind == "TIFF" else (None, None)
        if shown is None:
            # The decoder gets the stripped bytes, so that it cannot unpack what stands beside the pixels.
            with Image.open(io.BytesIO(given), formats=[kind]) as opened:
                check_pixels(*opened.size, name, limits)
                each = _bytes_a_pixel(opened, kind)
                reserve(each * opened.width * opened.height)
                frames = _frames_of(opened, kind, frames)
                wide = wide_colour(opened, given, kind, reserve, name)
                if deep and (opened.mode in ("I", "F") or opened.mode.startswith("I;")):
                    values = np.asarray(opened).copy()
                if kind == "AVIF":
                    orientation = metadata.orientation_of(opened.info.get("exif", b"").removeprefix(b"Exif\0\0"))
                shown, plain = _to_eight_bits(opened if wide is None else in_eight_bits(wide), name, notes)
            if wide is not None:
                plain = False
                notes += (
                    []
                    if wide[..., :3].max() >= 2**15
                    else [
                        _(
                            "%(name)s has more than 8 bits a colour and fills only a part of them; it was brightened.",
                            name=name,
                        )
                    ]
                )
        several = _several(frames, held)
        notes = (
            [_("%(name)s holds %(several)s; the first was taken.", name=name, several=several), *notes] if several else notes
        )
        turned = 2 <= orientation <= 8
        shown = _turned(shown, orientation) if turned else shown
        wider = kind == "PNG" and stripped.bits == 16
        image = bare(shown)
    except (BadPicture, Busy):
        raise
    except UnidentifiedImageError as error:
        of_tiff = tiff_kind(data) if kind == "TIFF" else ""
        if not of_tiff:
            raise _damaged(name, kind, data) from error
        raise BadPicture(
            _(
                "%(name)s is a TIFF of a kind that is not read: %(kind)s. Save it with 8 or 16 bits, or as PNG.",
                name=name,
                kind=of_tiff,
            )
        ) from error
    except Image.DecompressionBombError as error:
        found = re.search(r"(\d{6,})", str(error))
        size = f"{megapixels(int(found[1]))}" if found else _("too many pixels")
        least = _("the limit is %(most)s", most=megapixels(limits.pixels))
        raise BadPicture(
            _("%(name)s has %(size)s, and %(least)s. Save it with fewer pixels.", name=name, size=size, least=least)
        ) from None
    except MemoryError:
        raise BadPicture(_("%(name)s needs more memory than there is. Save it smaller.", name=name)) from None
    except Exception as error:  # decoders of strangers' bytes raise anything
        raise _damaged(name, kind, data) from error
    keep = plain and not turned and not several and not wider and kind in ("PNG", "JPEG", "WEBP")
    original = stripped.to_keep if keep else None
    told = (
        (_("The file holds %(several)s; the first was taken. Save the others as files of their own.", several=several),)
        if several
        else ()
    )
    return DecodedPicture(image, kind, tuple(notes), original, synthetic_by(data), values if deep else None, remarks=told)


def _frames_of(opened: Image.Image, kind: str, known: int) -> int:
    """How many frames a file holds, where its structure has not told."""
    return int(getattr(opened, "n_frames", 1)) if kind in ("AVIF", "HEIF") else known


def _several(frames: int, held: Pages | None) -> str:
    """Pages or frames in words, where there are several."""
    if frames < 2:
        return ""
    count = _("more than %(number)s", number=f"{MOST_PAGES:,}") if frames > MOST_PAGES else f"{frames}"
    called = looked_up(held.called if held else FRAMES)
    return " ".join(filter(None, (count, called, looked_up(held.apart) if held else "")))


def _with_end(data: bytes, name: str, limits: Limits, reserve: Callable[[int], None]) -> bytes:
    """A JPEG with the end mark that it lacks."""
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as opened:
        check_pixels(*opened.size, name, limits)
        reserve(3 * len(data) + 12 * opened.width * opened.height)
    if (whole := ended(data)) is None:
        raise _damaged(name, "JPEG", data)
    return whole


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    image.getexif()[Base.Orientation] = orientation
    return ImageOps.exif_transpose(image)


def _damaged(name: str, kind: str, data: bytes = b"") -> BadPicture:
    if kind == "JPEG" and (called := uncommon(data)):
        return BadPicture(
            _("%(name)s is %(kind)s, which is not read. Save it as PNG, or as JPEG of 8 bits.", name=name, kind=called)
        )
    return BadPicture(
        _(
            "%(name)s is damaged or cut short: its %(kind)s data cannot be decoded. Copy or export it again.",
            name=name,
            kind=CALLED.get(kind, kind),
        )
    )


def _of_tiff(
    data: bytes, name: str, limits: Limits, reserve: Callable[[int], None], notes: list[str]
) -> tuple[Image.Image | None, np.ndarray[Any, Any] | None]:
    """A TIFF that Pillow would show wrongly, and its grey values; None of any other."""
    width, height = tiff_size(data)
    if not width or not height or width * height > limits.pixels:
        return None, None  # which is said of all alike
    values = tiff_values(data, reserve)
    if values is not None and values.shape[2:] == (2,):
        grey = window(values[..., 0])
        notes.append(_("%(name)s is partly transparent; it was laid on a plain ground.", name=name))
        seen = Image.merge("LA", (grey, Image.fromarray((values[..., 1] >> 8).astype(np.uint8))))
        return grey_if_grey(flatten(seen.convert("RGBA"))), values[..., 0]
    if values is None or values.ndim == 3:
        return (None if values is None else grey_if_grey(in_eight_bits(values))), None
    if values.dtype == np.uint8:
        return Image.fromarray(np.ascontiguousarray(values)), None
    notes.append(_spread(name))
    return window(values), values


def synthetic_by(data: bytes) -> str:
    """What the metadata of a file says of a generator that made it; empty where it says nothing.

    Parameters
    ----------
    data : bytes
    """
    # The words and the box that such metadata cannot do without; most pictures are done after this.
    if not any(sign in data for sign in (b"digitalsourcetype", b"jumb", b"XML:com.adobe.xmp")):
        return ""
    told = declared(data)
    return " ".join(mark.said for mark in told.marks if mark.found)


def _spread(name: str) -> str:
    return _("%(name)s has more than 8 bits a pixel; the middle 99 %% of its values were spread over 8.", name=name)


def _bytes_a_pixel(opened: Image.Image, kind: str) -> int:
    if kind == "WEBP" or kind in _BYTES_A_PIXEL_OF or opened.has_transparency_data:
        return _BYTES_A_PIXEL_OF.get(kind, _BYTES_A_PIXEL_OTHERWISE)
    return _BYTES_A_PIXEL.get(opened.mode, _BYTES_A_PIXEL_OTHERWISE)


def _to_eight_bits(opened: Image.Image, name: str, notes: list[str]) -> tuple[Image.Image, bool]:
    """The picture as ``L`` or ``RGB``, and whether its pixels are still those of the file."""
    mode = opened.mode
    if opened.format == "WEBP":
        opened.load()
        opened.fp = opened._decoder = None  # type: ignore[attr-defined] # they keep the picture three times
    if mode in ("I", "F") or mode.startswith("I;"):
        notes.append(_spread(name))
        return window(np.asarray(opened)), False
    if mode == "1":
        return opened.convert("L"), True
    if opened.has_transparency_data:
        rgba = opened.convert("RGBA")
        if rgba.getchannel("A").getextrema()[0] < 255:  # type: ignore[operator]
            notes.append(_("%(name)s is partly transparent; it was laid on a plain ground.", name=name))
            return grey_if_grey(flatten(rgba)), False
        return grey_if_grey(rgba.convert("RGB")), True
    if mode == "L":
        return opened, True
    return grey_if_grey(opened if mode == "RGB" else opened.convert("RGB")), mode != "CMYK"
