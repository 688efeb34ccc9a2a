"""The encoder that ships: trained by this project, run by ONNX Runtime, no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mirage.encoders.base import EncoderInfo
from mirage.encoders.preprocessing import to_rgb
from mirage.encoders.towers import CONFIG, IMAGE, TEXT, TOKENIZER, OnnxTowerEncoder, Raw, TokenRows
from mirage.models.runtime import digest_of_files
from mirage.once import loaded_once
from mirage.settings import Settings
from mirage.shipped import SHIPPED as SHIPPED_FILES
from mirage.wording import N_

SHIPPED = SHIPPED_FILES / "encoder"
# Pictures are squeezed into the square up to this ratio of sides; longer ones get black margins, so that a spine
# stays a spine.
MOST_SQUEEZE = 1.3


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
        again = N_("Install MIRAGE again, or give the folder that “mirage train encoder” wrote.")
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


def to_square(image: Image.Image, pixels: int) -> npt.NDArray[np.uint8]:
    """Fit a picture into a square.

    Parameters
    ----------
    image : PIL.Image.Image
        Any mode and size.
    pixels : int
        Side of the square.

    Returns
    -------
    numpy.ndarray
        (pixels, pixels, 3) uint8.
    """
    width, height = image.size
    across = min(pixels, max(1, round(pixels * MOST_SQUEEZE * width / height)))
    down = min(pixels, max(1, round(pixels * MOST_SQUEEZE * height / width)))
    # Grey is resized before it becomes three channels: the same result for a third of the work.
    ready = image if image.mode == "L" and "transparency" not in image.info else to_rgb(image)
    fitted = ready.resize((across, down), Image.Resampling.BILINEAR, reducing_gap=2.0).convert("RGB")
    seen = np.asarray(fitted, dtype=np.uint8)
    if (across, down) == (pixels, pixels):
        return seen
    square = np.zeros((pixels, pixels, 3), dtype=np.uint8)
    top, left = (pixels - down) // 2, (pixels - across) // 2
    square[top : top + down, left : left + across] = seen
    return square
