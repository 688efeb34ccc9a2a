"""The encoder that ships: trained by this project, run by ONNX Runtime, no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mirage.encoders.base import EncoderInfo
from mirage.encoders.preprocessing import to_square
from mirage.encoders.towers import CONFIG, IMAGE, TEXT, TOKENIZER, OnnxTowerEncoder, Raw, TokenRows
from mirage.models.runtime import digest_of_files, loaded_once
from mirage.settings import SHIPPED as SHIPPED_FILES
from mirage.settings import Settings

SHIPPED = SHIPPED_FILES / "encoder"


class StarterEncoder(OnnxTowerEncoder):
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

    # More at once spill out of the processor's cache: 32 captions together take twice the time of 8 and 8.
    _at_once = (8, 16)

    def __init__(self, path: Path | str | None = None, *, threads: int = 2) -> None:
        again = "Install MIRAGE again, or give the folder that “mirage train encoder” wrote."
        super().__init__(Path(path) if path is not None else SHIPPED, threads, again)

    def _understand(self, config: dict[str, Any]) -> None:
        self._pixels, self.dimension = int(config["pixels"]), int(config["dimension"])
        self._reading = (int(config["max_tokens"]), 0, True)

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
        return EncoderInfo("starter", self._digest, self.dimension, self._reading[0])

    @loaded_once
    def _digest(self) -> str:
        return digest_of_files(self._folder, (CONFIG, IMAGE, TEXT, TOKENIZER))

    def _text_vectors(self, rows: TokenRows) -> Raw:
        ids = self.tokenizer.padded(rows)
        read = np.arange(ids.shape[1]) < np.array([[len(row)] for row in rows])
        return self._run(TEXT, {"ids": ids, "mask": read.astype(np.int64)})

    def _image_vectors(self, pictures: Sequence[Image.Image]) -> Raw:
        return self._run(IMAGE, {"squares": np.stack([to_square(picture, self._pixels) for picture in pictures])})
