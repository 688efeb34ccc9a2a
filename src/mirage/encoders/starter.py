"""The encoder that ships: trained by this project, run by ONNX Runtime, no torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mirage.encoders.base import EncoderInfo
from mirage.encoders.preprocessing import to_square
from mirage.encoders.tokenizing import TowerTokenizer, for_tower
from mirage.encoders.towers import Raw, TokenRows, TowerEncoder, TowerRunner
from mirage.errors import Unavailable
from mirage.models.runtime import OnnxSessions, digest_of_files, loaded_once
from mirage.settings import SHIPPED as SHIPPED_FILES
from mirage.settings import Settings

SHIPPED = SHIPPED_FILES / "encoder"
_FILES = ("config.json", "image.onnx", "text.onnx", "tokenizer.json")
_FORMAT = 1
# More at once spill out of the processor's cache: 32 captions together take twice the time of 8 and 8.
_TEXTS_AT_ONCE = 8
_PICTURES_AT_ONCE = 16


class StarterEncoder(TowerEncoder):
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

    @staticmethod
    def options_for(model: str = "", settings: Settings | None = None) -> dict[str, Any]:
        """The keywords that open it; see `mirage.encoders.base.Encoder`.

        Parameters
        ----------
        model : str
            Its id or folder; empty for the encoder's own.
        settings : Settings, optional
            What a person chose, where that counts.
        """
        return {"threads": settings.threads} if settings else {}

    def info(self) -> EncoderInfo:
        """Tell name, digest and sizes."""
        return EncoderInfo("starter", self._digest, self._dimension, self._max_tokens)

    @loaded_once
    def _digest(self) -> str:
        return digest_of_files(self._folder, _FILES)

    @loaded_once
    def tokenizer(self) -> TowerTokenizer:
        """How texts are read."""
        from tokenizers import Tokenizer  # noqa: PLC0415 - half a second saved where nothing is encoded

        made = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
        return for_tower(made, self._max_tokens, pad=0, trims=True)

    @loaded_once
    def _runner(self) -> TowerRunner:
        return TowerRunner(
            self.tokenizer, self._dimension, self._text_vectors, self._image_vectors, _TEXTS_AT_ONCE, _PICTURES_AT_ONCE
        )

    def _text_vectors(self, rows: TokenRows) -> Raw:
        ids = self.tokenizer.padded(rows)
        read = np.arange(ids.shape[1]) < np.array([[len(row)] for row in rows])
        return np.asarray(self._sessions["text.onnx"].run(None, {"ids": ids, "mask": read.astype(np.int64)})[0])

    def _image_vectors(self, pictures: Sequence[Image.Image]) -> Raw:
        squares = np.stack([to_square(picture, self._pixels) for picture in pictures])
        return np.asarray(self._sessions["image.onnx"].run(None, {"squares": squares})[0])
