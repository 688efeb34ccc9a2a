"""Two towers of torch, placed and ready to run; what `open_clip` and `transformers` models share once they are loaded."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from mirage.encoders.preprocessing import Pixels, Preprocessing
from mirage.encoders.reading import Ids, Reading
from mirage.encoders.running import OutOfMemory, Raw, Running
from mirage.models.runtime import Placement, image_batch, text_batch

# Up to so many tokens in a batch, oneDNN's matrices are quicker than torch's own; with more the gain is gone.
_FEW_TOKENS = 48


@dataclass(frozen=True, slots=True)
class Towers:
    """A model as two modules.

    Attributes
    ----------
    text : torch.nn.Module
        (n, tokens) int64 to (n, d).
    image : torch.nn.Module
        (n, 3, height, width) to (n, d).
    where : Placement
        The device that they are on, and the precision of their input.
    patches, width, heads : int
        Of the image tower, for how much memory it takes.
    """

    text: Any
    image: Any
    where: Placement
    patches: int
    width: int
    heads: int


def running(torch: Any, towers: Towers, reading: Reading, preprocessing: Preprocessing, dimension: int) -> Running:
    """Make towers ready to be fed."""
    dtype = getattr(torch, towers.where.dtype)

    def run(module: Any, given: Any) -> Raw:
        try:
            with torch.inference_mode():
                made = module(given).float().cpu().numpy()
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise OutOfMemory from error
        return np.asarray(made, dtype=np.float32)

    has_few = reading.trims and towers.where == Placement("cpu", "float32") and torch.backends.mkldnn.is_available()
    few: list[Any] = []  # the tower for few tokens, once it was needed
    making = threading.Lock()

    def text_tower(tokens: int) -> Any:
        if not has_few or tokens > _FEW_TOKENS:
            return towers.text
        with making:
            if not few:
                from mirage.encoders import modules  # noqa: PLC0415 - torch is there by now

                few.append(modules.for_few_tokens(towers.text))
        return few[0]

    def texts(ids: Ids) -> Raw:
        return run(text_tower(ids.size), torch.from_numpy(ids).to(towers.where.device))

    def images(pixels: Pixels) -> Raw:
        return run(towers.image, torch.from_numpy(pixels).to(towers.where.device, dtype))

    at_once = image_batch(torch, towers.where, tokens=towers.patches, width=towers.width, heads=towers.heads)
    return Running(reading, preprocessing, dimension, texts, images, text_batch(towers.where.device), at_once)
