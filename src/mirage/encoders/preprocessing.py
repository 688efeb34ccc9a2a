"""Pictures of any kind to the numbers that an image tower sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from mirage.wording import _

Pixels = npt.NDArray[np.float32]

# Means and deviations of CLIP's training pictures, red, green, blue (Radford et al., 2021), where a model says nothing.
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
_MODES = ("shortest", "longest", "squash")
# Past this ratio of sides the middle is cut out first: a strip one pixel high would become a picture of gigabytes.
_LONGEST = 8


def to_rgb(image: Image.Image) -> Image.Image:
    """Turn a picture of any mode into 8-bit RGB.

    Deep pictures (16-bit, 32-bit, float) are stretched between their 0.5th and 99.5th percentiles; transparency is
    laid on black.
    """
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.nan_to_num(np.asarray(image, dtype=np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        low, high = np.percentile(values, (0.5, 99.5))
        if high <= low:
            low, high = float(values.min()), float(values.max())
        scaled = (values - low) / max(float(high - low), 1e-6) * 255
        return Image.fromarray(np.clip(scaled, 0, 255).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        ground = Image.new("RGBA", rgba.size, (0, 0, 0, 255))
        return Image.alpha_composite(ground, rgba).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def three(given: Any) -> tuple[float, float, float]:
    """Numbers for red, green and blue, from three or from one that stands for all.

    Raises
    ------
    TypeError, ValueError
        When it is neither.
    """
    red, green, blue = given if isinstance(given, Sequence) else (given,) * 3
    return float(red), float(green), float(blue)


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What happens to a picture.

    Attributes
    ----------
    height, width : int
        Of what the tower sees, in pixels.
    edge : int
        What the shortest edge is resized to before the middle is cut out; only for ``shortest``.
    mode : str
        ``shortest``: the shortest edge fits and the middle is cut out; ``longest``: the longest edge fits and margins are
        filled; ``squash``: both edges are made to fit.
    resample : int
        Pillow's filter: 2 bilinear, 3 bicubic, and so on.
    mean, std : tuple of float
        Of red, green and blue, taken from values between 0 and 1.
    scale : float
        What a byte is multiplied by first; 1/255 in nearly all models.
    fill : int
        Byte of the margins.
    rounds : bool
        Whether half a pixel of the cut is rounded (open_clip) or dropped (transformers).
    """

    height: int
    width: int
    edge: int
    mode: str = "shortest"
    resample: int = 3
    mean: tuple[float, float, float] = CLIP_MEAN
    std: tuple[float, float, float] = CLIP_STD
    scale: float = 1 / 255
    fill: int = 0
    rounds: bool = True

    def __post_init__(self) -> None:
        if self.mode not in _MODES:
            raise ValueError(_("pictures are resized in a way that is not known: %(mode)s", mode=repr(self.mode)))
        if min(self.height, self.width, self.edge) < 1 or max(self.height, self.width, self.edge) > 10_000:
            raise ValueError(
                _("pictures of %(width)s × %(height)s pixels are not possible", width=self.width, height=self.height)
            )
        if len(self.mean) != 3 or len(self.std) != 3 or not all(self.std):
            raise ValueError(_("mean and std are not three numbers each, or one deviation is nothing"))

    def pixels(self, images: Sequence[Image.Image]) -> Pixels:
        """Pictures of any mode and size to (n, 3, height, width) float32; they are left as they were."""
        bytes_ = np.stack([np.asarray(self._fitted(to_rgb(image)), dtype=np.uint8) for image in images])
        mean, std = np.array(self.mean, dtype=np.float32), np.array(self.std, dtype=np.float32)
        values: Pixels = bytes_.astype(np.float32) * np.float32(self.scale)
        values = np.asarray((values - mean) / std, dtype=np.float32)
        return np.ascontiguousarray(values.transpose(0, 3, 1, 2), dtype=np.float32)

    def _fitted(self, image: Image.Image) -> Image.Image:
        wide, high = image.size
        if self.mode == "squash":
            return image.resize((self.width, self.height), self.resample)
        if self.mode == "longest":
            share = max(high / self.height, wide / self.width)
            across, down = max(1, round(wide / share)), max(1, round(high / share))
            ground = Image.new("RGB", (self.width, self.height), (self.fill,) * 3)
            ground.paste(
                image.resize((across, down), self.resample),
                ((self.width - across) // 2, (self.height - down) // 2),
            )
            return ground
        image = _without_ends(image)
        wide, high = image.size
        if wide <= high:
            across, down = self.edge, int(self.edge * high / wide)
        else:
            across, down = int(self.edge * wide / high), self.edge
        fitted = image.resize((across, down), self.resample) if (across, down) != image.size else image
        left, top = self._half(across - self.width), self._half(down - self.height)
        # Beyond the edges, when the cut is larger than the picture, Pillow puts black, as both libraries do.
        return fitted.crop((left, top, left + self.width, top + self.height))

    def _half(self, pixels: int) -> int:
        return round(pixels / 2) if self.rounds and pixels > 0 else int(pixels / 2)


def _without_ends(image: Image.Image) -> Image.Image:
    wide, high = image.size
    long, short = max(wide, high), min(wide, high)
    if long <= _LONGEST * short:
        return image
    spare = (long - _LONGEST * short) // 2
    if wide > high:
        return image.crop((spare, 0, spare + _LONGEST * short, high))
    return image.crop((0, spare, wide, spare + _LONGEST * short))
