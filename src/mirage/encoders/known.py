"""Vectors that were made before, found again by what they were made of, so that what ships need not be encoded anew."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from mirage.encoders.base import Encoder, EncoderInfo, Vectors

_KEY = 8  # bytes of a hash
Thing = TypeVar("Thing")


def _of_text(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=_KEY, person=b"text").digest()


def _of_picture(image: Image.Image) -> bytes:
    made = hashlib.blake2b(f"{image.mode} {image.size}".encode(), digest_size=_KEY, person=b"picture")
    made.update(image.tobytes())
    return made.digest()


@dataclass(slots=True)
class KnownVectors:
    """Vectors by a hash of the text, or of the pixels, that they were made of.

    Attributes
    ----------
    digest : str
        Of the encoder that made them.
    vectors : dict
        Hash to (d,) float16.
    """

    digest: str = ""
    vectors: dict[bytes, npt.NDArray[np.float16]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> KnownVectors:
        """Read a file that `write` made; none are known where it is missing or damaged, and all are made anew."""
        try:
            with np.load(path, allow_pickle=False) as kept:
                keys, vectors = kept["keys"], kept["vectors"]
                return cls(str(kept["digest"]), {key.tobytes(): one for key, one in zip(keys, vectors, strict=True)})
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return cls()

    def write(self, path: Path) -> None:
        """Write them in the order of their hashes."""
        keys = sorted(self.vectors)
        hashes = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, _KEY)
        np.savez(path, digest=np.array(self.digest), keys=hashes, vectors=np.array([self.vectors[key] for key in keys]))


class Recalling:
    """An encoder that makes only the vectors that are not known yet, and knows them from then on.

    Parameters
    ----------
    inner : Encoder
    known : KnownVectors
        Of another encoder they are set aside.
    """

    def __init__(self, inner: Encoder, known: KnownVectors) -> None:
        self._inner, digest = inner, inner.info().digest
        if known.digest != digest:
            known.digest, known.vectors = digest, {}
        self._known = known.vectors

    def info(self) -> EncoderInfo:
        """Tell name, digest and sizes of the encoder."""
        return self._inner.info()

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Encode n texts to (n, d) float32, unit length within 16 bits."""
        return self._recalled(texts, _of_text, self._inner.encode_texts)

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """Encode n pictures to (n, d) float32, unit length within 16 bits."""
        return self._recalled(images, _of_picture, self._inner.encode_images)

    def unread(self, text: str) -> str:
        """Return the end of the text that `encode_texts` would not read."""
        return self._inner.unread(text)

    def _recalled(
        self, things: Sequence[Thing], key_of: Callable[[Thing], bytes], encode: Callable[[Sequence[Thing]], Vectors]
    ) -> Vectors:
        keys = [key_of(thing) for thing in things]
        new = {key: thing for key, thing in zip(keys, things, strict=True) if key not in self._known}
        if new:
            made = encode(list(new.values())).astype(np.float16)
            self._known.update(zip(new, made, strict=True))
        dimension = self._inner.info().dimension
        return np.array([self._known[key] for key in keys], dtype=np.float32).reshape(-1, dimension)
