"""Pages of a file, and pictures in a row, as one volume."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageSequence

from mirage.errors import BadPicture, Busy
from mirage.images.decode import read_picture, synthetic_by
from mirage.images.limits import BUDGET, DEFAULT_LIMITS, Limits, check_pixels
from mirage.images.notes import OF_PAGES, PAGES_LOST
from mirage.images.pages import MOST_PAGES, Pages, TiffPages
from mirage.images.pixels import DecodedPicture, grey_if_grey
from mirage.images.volume import Volume, check_size
from mirage.wording import _

_DEPTHS = ("I;16", "I;16B", "I;16L", "I", "F")


def can_stack(pages: Pages | None, size: int, limits: Limits = DEFAULT_LIMITS) -> bool:
    """Whether the pages of a file of so many bytes are slices of one stack.

    Parameters
    ----------
    pages : Pages or None
    size : int
    limits : Limits
    """
    if pages is None or pages.apart or pages.count > MOST_PAGES:
        return False
    width, height = pages.size
    try:
        check_pixels(width, height, "", limits)
        check_size((pages.count, height, width), pages.each, "", limits)
    except BadPicture:
        return False
    return size <= (limits.dicom_bytes if pages.kind == "TIFF" else limits.file_bytes)


def read_pages(path: Path, pages: Pages, name: str, limits: Limits = DEFAULT_LIMITS) -> Volume:
    """Read the pages of a file as one volume: all, or those before the first that is damaged, which is noted.

    Parameters
    ----------
    path : Path
    pages : Pages
        What `mirage.images.pages.pages_of` said of it.
    name : str
        What to call the file in messages.
    limits : Limits

    Raises
    ------
    mirage.errors.BadPicture, mirage.errors.Busy
    """
    note = OF_PAGES % {"pages": pages.called}
    try:
        with path.open("rb") as file:
            read = _tiff(file, pages, name) if pages.kind == "TIFF" else _frames(file, pages, name, limits)
            volume = stacked(_undamaged(read), (pages.count, *pages.size[::-1]), pages.each, name, (note,), limits)
    except (BadPicture, Busy, MemoryError):
        raise
    except OSError as error:
        raise BadPicture(
            _("%(name)s cannot be read: %(strerror)s. Check the file.", name=name, strerror=error.strerror or error)
        ) from error
    read_well = len(volume.voxels)
    if read_well == pages.count:
        return volume
    lost = PAGES_LOST % {"all": pages.count, "pages": pages.called, "number": read_well}
    return replace(volume, notes=(*volume.notes, lost))


def _undamaged(pages: Iterator[tuple[str, DecodedPicture]]) -> Iterator[tuple[str, DecodedPicture]]:
    """Pages up to the first that cannot be read."""
    first = True
    try:
        for page in pages:
            yield page
            first = False
    except BadPicture:
        if first:
            raise


def stacked(
    pictures: Iterable[tuple[str, DecodedPicture]],
    shape: tuple[int, int, int],
    each: int,
    name: str,
    notes: tuple[str, ...] = (),
    limits: Limits = DEFAULT_LIMITS,
) -> Volume:
    """Make one volume of pictures in their order, each with its name.

    Parameters
    ----------
    pictures : iterable of (str, DecodedPicture)
        With their values, where these have more than 8 bits; asked for one at a time.
    shape : (int, int, int)
        How many there are, their rows and columns.
    each : int
        Bytes of a pixel.
    name : str
        What to call the whole in messages.
    notes : tuple of str
    limits : Limits

    Raises
    ------
    mirage.errors.BadPicture
        When they differ in size or depth, one is a synthetic image, or they are too large together.
    mirage.errors.Busy
    """
    size = check_size(shape, each, name, limits)
    with BUDGET.reserve(2 * size, name=name):
        arrays, names = [], []  # no pictures, which take more room than their pixels
        for own, picture in pictures:
            if picture.synthetic:
                raise BadPicture(
                    _(
                        "%(own)s is a synthetic image: %(synthetic)s An atlas holds real ones.",
                        own=own,
                        synthetic=picture.synthetic,
                    )
                )
            arrays.append(np.array(picture.image) if picture.values is None else picture.values)
            names.append(own)
        if any(array.ndim == 3 for array in arrays):
            grey = [array.dtype == np.uint8 and array.ndim == 2 for array in arrays]
            arrays = [
                np.broadcast_to(array[..., None], (*array.shape, 3)) if is_grey else array
                for array, is_grey in zip(arrays, grey, strict=True)
            ]
        for own, array in zip(names, arrays, strict=True):
            if (array.shape, array.dtype) != (arrays[0].shape, arrays[0].dtype):
                raise BadPicture(
                    _("%(own)s is of another size or depth than %(names)s. Take it out of the row.", own=own, names=names[0])
                )
        voxels = np.stack(arrays)
    return Volume(voxels, np.eye(4), sides_known=False, spacing_known=False, views=("axial",), notes=notes)


def _tiff(file: BinaryIO, pages: Pages, name: str) -> Iterator[tuple[str, DecodedPicture]]:
    opened = TiffPages(file, pages)
    for number in range(pages.count):
        own = f"{name}, page {number + 1}"
        try:
            data = opened.page(number)
        except (ValueError, struct.error, OverflowError) as error:
            raise BadPicture(_("%(own)s is damaged or cut short. Copy or export the file again.", own=own)) from error
        yield own, read_picture(data, name=own, deep=True)


def _frames(file: BinaryIO, pages: Pages, name: str, limits: Limits) -> Iterator[tuple[str, DecodedPicture]]:
    done = 0
    try:
        data = file.read(limits.file_bytes)
        made_by = synthetic_by(data)
        with Image.open(io.BytesIO(data), formats=[pages.kind]) as opened:
            check_pixels(*opened.size, name, limits)
            # What a PNG shows where no film can be shown may be no frame of the film.
            begin = int(getattr(opened, "default_image", False))
            for frame in islice(ImageSequence.Iterator(opened), begin, begin + pages.count):
                own = f"{name}, frame {done + 1}"
                if frame.mode in _DEPTHS:
                    read = DecodedPicture(frame.convert("L"), pages.kind, (), None, made_by, np.asarray(frame).copy())
                else:
                    ground = Image.new("RGBA", frame.size, "black")  # one for all, that what stands still does so
                    shown = Image.alpha_composite(ground, frame.convert("RGBA")) if frame.has_transparency_data else frame
                    read = DecodedPicture(grey_if_grey(shown.convert("RGB")), pages.kind, (), None, made_by)
                yield own, read
                done += 1
    except (BadPicture, Busy, MemoryError):
        raise
    except Exception as error:  # decoders of strangers' bytes raise anything
        raise BadPicture(
            _("%(name)s, frame %(done)s is damaged or cut short. Copy or export the file again.", name=name, done=done + 1)
        ) from error
