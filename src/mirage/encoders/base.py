"""The port: words and pictures to vectors in one shared space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from PIL import Image

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EncoderInfo:
    """Who made a vector.

    Attributes
    ----------
    name : str
        Adapter name, e.g. ``starter``.
    digest : str
        Hex digest of the weights and of everything that changes their output. Vectors of two encoders can be compared
        only when their digests are the same.
    dimension : int
        Length of a vector.
    max_tokens : int
        How many tokens of a text are read, special tokens included.
    model : str
        Hub id or folder of the model, as it was given; empty where the name says all.
    made_from : str
        Digest of the encoder that this one was exported from, whose vectors it makes as closely as its export measured;
        empty for all others.
    """

    name: str
    digest: str
    dimension: int
    max_tokens: int
    model: str = ""
    made_from: str = ""


@runtime_checkable
class Encoder(Protocol):
    """A dual encoder. All vectors have unit length; a dot product is a cosine.

    An adapter's class may offer two static methods more. ``options_for(model, settings)`` gives the keywords with which it
    opens a model: by its name or folder (empty for its own), and as the settings have it, where they are given and not
    None. ``opens(folder)`` tells whether the files in a folder are a model of its kind.
    """

    def info(self) -> EncoderInfo:
        """Tell name, digest and sizes."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Encode n texts to (n, d) float32, unit length. Text past `max_tokens` is not read: see `unread`."""
        ...

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """Encode n pictures, any mode and size, to (n, d) float32, unit length."""
        ...

    def unread(self, text: str) -> str:
        """Return the end of the text that `encode_texts` would not read; empty when all of it is read."""
        ...


@runtime_checkable
class OnOneThread(Protocol):
    """An encoder that several threads may ask at once, which is quicker than asking it once with all processors.

    Adding figures asks for it, since there are always pictures to be read beside.
    """

    def on_one_thread(self) -> Encoder | None:
        """Return the same encoder, each call of which keeps to the thread that makes it; None where there is no room."""
        ...
