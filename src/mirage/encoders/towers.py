"""Two towers of torch, placed and ready to run; what `open_clip` and `transformers` models share once they are loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mirage.encoders import placing
from mirage.encoders.preprocessing import Pixels, Preprocessing
from mirage.encoders.reading import Ids, Reading
from mirage.encoders.running import OutOfMemory, Raw, Running


@dataclass(frozen=True, slots=True)
class Towers:
    """A model as two modules.

    Attributes
    ----------
    text : torch.nn.Module
        (n, tokens) int64 to (n, d).
    image : torch.nn.Module
        (n, 3, height, width) to (n, d).
    device, dtype : str
        Where they are, and of which precision their input is.
    patches, width, heads : int
        Of the image tower, for how much memory it takes.
    """

    text: Any
    image: Any
    device: str
    dtype: str
    patches: int
    width: int
    heads: int


def running(torch: Any, towers: Towers, reading: Reading, preprocessing: Preprocessing, dimension: int) -> Running:
    """Make towers ready to be fed."""
    dtype = getattr(torch, towers.dtype)

    def run(module: Any, given: Any) -> Raw:
        try:
            with torch.inference_mode():
                made = module(given).float().cpu().numpy()
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise OutOfMemory from error
        return np.asarray(made, dtype=np.float32)

    def texts(ids: Ids) -> Raw:
        return run(towers.text, torch.from_numpy(ids).to(towers.device))

    def images(pixels: Pixels) -> Raw:
        return run(towers.image, torch.from_numpy(pixels).to(towers.device, dtype))

    at_once = placing.images_at_once(torch, towers.device, towers.dtype, towers.patches, towers.width, towers.heads)
    return Running(reading, preprocessing, dimension, texts, images, placing.texts_at_once(towers.device), at_once)
