"""Slices of stacks to vectors: which of them are encoded, when a stack is added and when an atlas is encoded anew."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from mirage.encoders.base import Encoder
from mirage.errors import BadPicture
from mirage.figure import Stack
from mirage.images.marks import watermarked
from mirage.images.stacks import render
from mirage.images.store import PictureStore
from mirage.storage.records import batched
from mirage.storage.searched import SliceVectors
from mirage.wording import _

ALL = 64  # slices that are all encoded
MOST = 128
APART = 3.0  # millimetres between encoded slices of larger stacks: nearer ones look the same to the encoder
_AT_ONCE = 32  # pictures in memory


def chosen(stack: Stack) -> list[int]:
    """The slices of a stack that are encoded: evenly many, its best one, and the best one of each label."""
    count = stack.shape[0]
    step = 1
    if count > ALL:
        step = -(-count // MOST)
        if stack.spacing is not None:
            step = max(step, min(round(APART / stack.spacing[0]), count // ALL))
    return sorted({*range(step // 2, count, step), stack.best, *(label.best for label in stack.labels)})


def encode_slices(encoder: Encoder, stack: Stack, picture_of: Callable[[int], Image.Image]) -> SliceVectors:
    """The vectors of the slices that are `chosen`, never more than a few pictures in memory.

    Parameters
    ----------
    encoder : Encoder
    stack : Stack
    picture_of : callable
        From the number of a slice to its picture, `mirage.images.stacks.render`.

    Raises
    ------
    mirage.errors.BadPicture
        When a slice carries the watermark of a generated picture.
    """
    numbers = chosen(stack)
    vectors = [encoder.encode_images([_real(picture_of(number)) for number in few]) for few in batched(numbers, _AT_ONCE)]
    return SliceVectors(np.array(numbers, dtype=np.int32), np.concatenate(vectors))


def encode_kept(encoder: Encoder, pictures: PictureStore, stack: Stack, name: str) -> SliceVectors:
    """The vectors of a stack that is in the store.

    Parameters
    ----------
    encoder : Encoder
    pictures : PictureStore
    stack : Stack
    name : str
        Of the file with its voxels.

    Raises
    ------
    mirage.errors.NotFound, mirage.errors.BadPicture
        When the file is lost or damaged.
    """
    file = pictures.open_stack(name, stack)
    return encode_slices(encoder, stack, lambda number: render(file.slice(number), stack, number=number))


def _real(picture: Image.Image) -> Image.Image:
    if watermarked(picture):
        raise BadPicture(_("synthetic image: MIRAGE's watermark is in the pixels of a slice. An atlas holds real ones."))
    return picture
