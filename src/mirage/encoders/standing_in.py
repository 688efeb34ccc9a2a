"""An exported encoder in the place of the one that it was exported from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from mirage.encoders.base import Encoder, EncoderInfo, Vectors


@dataclass(frozen=True, slots=True)
class StandIn:
    """Encodes with one encoder and goes by the name of another.

    Attributes
    ----------
    inner : Encoder
        An export whose `made_from` is the digest of the other.
    origin : EncoderInfo
        The other, which an atlas was made with.
    """

    inner: Encoder
    origin: EncoderInfo

    def info(self) -> EncoderInfo:
        """Tell name, digest and sizes of the one that is stood for."""
        return self.origin

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Encode texts to (n, d) float32, unit length."""
        return self.inner.encode_texts(texts)

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """Encode pictures to (n, d) float32, unit length."""
        return self.inner.encode_images(images)

    def unread(self, text: str) -> str:
        """Return the end of the text that `encode_texts` would not read."""
        return self.inner.unread(text)
