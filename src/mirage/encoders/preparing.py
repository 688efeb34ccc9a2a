"""Pictures of any kind to the square of bytes that the starter's image tower sees."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

# Pictures are squeezed into the square up to this ratio of sides; longer ones get black margins, so that a spine
# stays a spine.
MOST_SQUEEZE = 1.3

Pixels = npt.NDArray[np.uint8]


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


def to_square(image: Image.Image, pixels: int) -> Pixels:
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
    if (across, down) == (pixels, pixels):
        return np.asarray(fitted, dtype=np.uint8)
    square = np.zeros((pixels, pixels, 3), dtype=np.uint8)
    top, left = (pixels - down) // 2, (pixels - across) // 2
    square[top : top + down, left : left + across] = np.asarray(fitted, dtype=np.uint8)
    return square
