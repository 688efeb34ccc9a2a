"""The encoder that ships: trained by this project, run by ONNX Runtime, no torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mirage.encoders.base import EncoderInfo, Vectors
from mirage.encoders.preparing import to_square
from mirage.errors import Unavailable
from mirage.models.runtime import OnnxSessions, digest_of_files, loaded_once

SHIPPED = Path(__file__).parent.parent / "shipped" / "encoder"
_FILES = ("config.json", "image.onnx", "text.onnx", "tokenizer.json")
_FORMAT = 1
# More at once spill out of the processor's cache: 32 captions together take twice the time of 8 and 8.
_TEXTS_AT_ONCE = 8
_PICTURES_AT_ONCE = 16


class StarterEncoder:
    """EfficientNet-lite and MiniLM in one space; see the card beside the weights.

    Parameters
    ----------
    path : Path or str, optional
        A folder that ``mirage train encoder`` wrote; the shipped one when left out.
    threads : int
        How many threads one call may use.

    Raises
    ------
    mirage.errors.Unavailable
        When a file of the encoder is missing or unusable.
    """

    def __init__(self, path: Path | str | None = None, *, threads: int = 2) -> None:
        self._folder = Path(path) if path is not None else SHIPPED
        self._sessions = OnnxSessions(self._folder, threads, "Install MIRAGE again.")
        missing = [name for name in _FILES if not (self._folder / name).is_file()]
        if missing:
            raise Unavailable(
                f"The encoder in {self._folder} lacks {', '.join(missing)}. Install MIRAGE again, or give the folder "
                "that “mirage train encoder” wrote."
            )
        try:
            self._config = json.loads((self._folder / "config.json").read_text("utf-8"))
            self._pixels, self._dimension = int(self._config["pixels"]), int(self._config["dimension"])
            self._max_tokens = int(self._config["max_tokens"])
            made_for = int(self._config["format"])
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(f"{self._folder / 'config.json'} is damaged ({error}). Install MIRAGE again.") from error
        if made_for > _FORMAT:
            raise Unavailable(f"The encoder in {self._folder} was made by a newer MIRAGE. Update MIRAGE to use it.")

    def info(self) -> EncoderInfo:
        """Tell name, digest and sizes."""
        return EncoderInfo("starter", self._digest, self._dimension, self._max_tokens)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Encode texts to (n, d) float32, unit length; tokens past `max_tokens` are not read."""
        vectors = np.zeros((len(texts), self._dimension), dtype=np.float32)
        if not len(texts):
            return vectors
        rows = self._tokenizer.encode_batch([_sound(text) for text in texts])
        # Texts of like length go together: padding costs as much as reading.
        order = sorted(range(len(rows)), key=lambda number: len(rows[number].ids))
        session = self._sessions["text.onnx"]
        for start in range(0, len(order), _TEXTS_AT_ONCE):
            chosen = order[start : start + _TEXTS_AT_ONCE]
            longest = max(len(rows[number].ids) for number in chosen)
            ids = np.zeros((len(chosen), longest), dtype=np.int64)
            mask = np.zeros_like(ids)
            for line, number in enumerate(chosen):
                tokens = rows[number].ids
                ids[line, : len(tokens)] = tokens
                mask[line, : len(tokens)] = 1
            vectors[chosen] = session.run(None, {"ids": ids, "mask": mask})[0]
        return _unit(vectors)

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """Encode pictures of any mode and size to (n, d) float32, unit length."""
        vectors = np.zeros((len(images), self._dimension), dtype=np.float32)
        if not len(images):
            return vectors
        session = self._sessions["image.onnx"]
        for start in range(0, len(images), _PICTURES_AT_ONCE):
            chosen = images[start : start + _PICTURES_AT_ONCE]
            squares = np.stack([to_square(image, self._pixels) for image in chosen])
            vectors[start : start + len(chosen)] = session.run(None, {"squares": squares})[0]
        return _unit(vectors)

    def unread(self, text: str) -> str:
        """Return the end of the text that `encode_texts` would not read; empty when all of it is read."""
        row = self._tokenizer.encode(_sound(text))
        if not row.overflowing:
            return ""
        # The last token that is read is the separator; the one before it ends what is read.
        read = [end for (_, end), special in zip(row.offsets, row.special_tokens_mask, strict=True) if not special]
        return text[read[-1] if read else 0 :].lstrip()

    @loaded_once
    def _digest(self) -> str:
        return digest_of_files(self._folder, _FILES)

    @loaded_once
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer  # noqa: PLC0415 - half a second saved where nothing is encoded

        tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(self._max_tokens)
        return tokenizer


def _sound(text: str) -> str:
    """Replace lone surrogates, which the tokenizer would refuse, one character for one so that offsets hold."""
    return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    bad = ~np.isfinite(lengths) | (lengths < 1e-6)
    if bad.any():
        vectors = np.where(bad, 1.0, vectors)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / lengths, dtype=np.float32)
