"""A record, drawn images, and marked files saved anew."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from mirage.errors import BadPicture
from mirage.images import marks, read_picture
from mirage.images.marks import Marks, SyntheticRecord
from mirage.images.marks.reading import declared

ID = "0123456789abcdef"


def record(**changes: object) -> SyntheticRecord:
    given = {
        "id": ID, "prompt": "axial brain MRI; less of: <contrast> & \"noise\"@0.5", "terms": (("axial brain MRI", 1.0),),
        "negative": "", "generator": "starter", "model": "m", "revision": "r", "seed": 7, "steps": 20, "guidance": 4.0,
        "width": 128, "height": 128, "created": "2026-01-02T03:04:05Z", "software": "MIRAGE 0.1.0",
    }  # fmt: skip
    return SyntheticRecord(**{**given, **changes})  # type: ignore[arg-type]


def drawn(size: tuple[int, int] = (128, 128), mode: str = "L", seed: int = 0) -> Image.Image:
    """Soft blobs in an ellipse on black, as a scan has them."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[-1 : 1 : size[1] * 1j, -1 : 1 : size[0] * 1j]
    pixels = 90.0 * ((rows / 0.9) ** 2 + (columns / 0.75) ** 2 < 1)
    for _ in range(30):
        y, x, width = rng.uniform(-0.7, 0.7), rng.uniform(-0.6, 0.6), rng.uniform(0.03, 0.2)
        pixels += rng.uniform(-60, 60) * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * width**2)) * (pixels > 0)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).convert(mode)


def resaved(data: bytes, scale: float = 1.0, kind: str = "JPEG", **options: object) -> bytes:
    image = read_picture(data, allow_burned_in=True).image
    size = (round(image.width * scale), round(image.height * scale))
    file = io.BytesIO()
    image.resize(size, Image.Resampling.LANCZOS).save(file, kind, **options)
    return file.getvalue()


def read(data: bytes) -> Marks:
    """Every mark of a file; those of its metadata alone where it is no picture."""
    try:
        return marks.read(data, read_picture(data, allow_burned_in=True).image)
    except BadPicture:
        return declared(data)
