"""Images as the generator sees them: bent a little, in latents, with the concepts that it is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it

from mirage.generate.generators.conditions import closure
from mirage.generate.generators.latents import PATCH, PatchBasis, with_neighbours
from mirage_research.training.generator_images import ConditionedImage, Pixels
from mirage_research.training.runs import GeneratorConfig

_TURN, _SCALE, _SHIFT, _BEND = 0.12, 0.08, 0.06, 0.03  # radians; shares of the side
_WINDOW, _BRIGHT = 0.2, 0.08
_DECODED, _NOISE = 800, 0.2  # images that the way back is fitted on, and noise added to their numbers


def plain(images: Any, pixels: int) -> Any:
    """(n, s, s) uint8 to (n, 1, pixels, pixels) float32 in [−1, 1].

    Parameters
    ----------
    images : torch.Tensor
        (n, s, s) uint8.
    pixels : int
        Side of the result.
    """
    ready = images.float()[:, None] / 255
    return F.interpolate(ready, size=(pixels, pixels), mode="bilinear", antialias=True, align_corners=False) * 2 - 1


def bent(images: Any, pixels: int, generator: Any) -> Any:
    """Like `plain`, each turned, scaled, shifted, bent and windowed a little. Never mirrored: sides mean something.

    Parameters
    ----------
    images : torch.Tensor
        (n, s, s) uint8.
    pixels : int
        Side of the result.
    generator : torch.Generator
        All changes are drawn from it.

    Returns
    -------
    torch.Tensor
        (n, 1, pixels, pixels) float32 in [−1, 1].
    """
    ready, n = images.float()[:, None] / 255, len(images)

    def some(*shape: int) -> Any:
        return torch.rand(*shape, generator=generator) * 2 - 1

    angle, scale, shift = some(n) * _TURN, 1 - some(n) * _SCALE, some(n, 2) * _SHIFT
    rows = (
        torch.stack([scale * angle.cos(), -scale * angle.sin(), shift[:, 0]], 1),
        torch.stack([scale * angle.sin(), scale * angle.cos(), shift[:, 1]], 1),
    )
    field = F.interpolate(some(n, 2, 4, 4) * _BEND, size=(pixels, pixels), mode="bicubic", align_corners=False)
    places = F.affine_grid(torch.stack(rows, 1), (n, 1, pixels, pixels), align_corners=False) + field.permute(0, 2, 3, 1)
    moved = F.grid_sample(ready, places, mode="bilinear", padding_mode="zeros", align_corners=False).clamp(0, 1)
    windowed = moved ** torch.exp(some(n, 1, 1, 1) * _WINDOW) * (1 + some(n, 1, 1, 1) * _BRIGHT)
    return windowed.clamp(0, 1) * 2 - 1


def fit_decoder(
    patches: PatchBasis, images: Iterable[npt.NDArray[np.float32]], noise: float, seed: int = 0
) -> npt.NDArray[np.float32]:
    """Least squares from the numbers of a patch and its neighbours to its pixels.

    Parameters
    ----------
    patches : PatchBasis
    images : iterable of (s, s) float32 in [−1, 1]
    noise : float
        Standard deviation of what is added to the numbers; what a generator makes is not free of noise either, and
        without it seams stay.
    seed : int

    Returns
    -------
    (9k + 1, 64) float32
    """
    rng = np.random.default_rng(seed)
    size = 9 * patches.components + 1
    square, product = np.eye(size) * 1e-3, np.zeros((size, PATCH * PATCH))
    for image in images:
        side = image.shape[0] // PATCH
        found = patches.encode(image)
        given = with_neighbours(found + noise * rng.standard_normal(found.shape, dtype=np.float32)).astype(np.float64)
        wanted = image.reshape(side, PATCH, side, PATCH).transpose(0, 2, 1, 3).reshape(side * side, -1)
        square += given.T @ given
        product += given.T @ wanted
    return np.asarray(np.linalg.solve(square, product), dtype=np.float32)


def fit_basis(images: Any, config: GeneratorConfig, path: Path) -> float:
    """Find the principal components of patches and write them; returns the share of variance that they keep.

    Parameters
    ----------
    images : torch.Tensor
        (n, s, s) uint8.
    config : GeneratorConfig
        Says how many components are kept, and how large the latents are.
    path : Path
        Gets mean, basis, scale and decoder, as `mirage.generate.generators.latents.PatchBasis` reads them.

    Returns
    -------
    float
        The share, from 0 to 1.
    """
    pixels = config.side * PATCH
    parts = [_patches(plain(images[at : at + 64], pixels)).reshape(-1, PATCH**2) for at in range(0, len(images), 64)]
    every = torch.cat(parts)
    mean = every.mean(0)
    centred = every - mean
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(centred))
    values, vectors = values.flip(0)[: config.components], vectors.flip(1)[:, : config.components]
    # Half the way to equal variances: the fine components are heard, but the coarse ones lead.
    scale = values**0.25
    scale = scale * (values / scale**2).mean().sqrt()
    found = {"mean": mean.numpy(), "basis": vectors.numpy(), "scale": scale.numpy()}
    some = plain(images[:: max(1, len(images) // _DECODED)], pixels)[:, 0].numpy()
    unfitted = PatchBasis(**found, decoder=np.zeros((9 * config.components + 1, PATCH**2), np.float32))
    np.savez(path, **found, decoder=fit_decoder(unfitted, some, _NOISE))
    return float(values.sum() / centred.var(0, correction=0).sum())


def _patches(images: Any) -> Any:
    return F.unfold(images, PATCH, stride=PATCH).transpose(1, 2)


class Batches:
    """Draws batches: rare kinds and cases of few pictures oftener.

    Of some nothing is told, of others now and then a concept less.

    Attributes
    ----------
    weights : (n,) float
        How often each of the training images is drawn.
    """

    def __init__(
        self,
        images: Pixels,
        examples: Sequence[ConditionedImage],
        train: Sequence[int],
        learnt: Iterable[str],
        basis: PatchBasis,
        config: GeneratorConfig,
    ) -> None:
        self._images, self._basis, self._config = torch.from_numpy(images), basis, config
        place = {name: number for number, name in enumerate(learnt)}
        self._told = [[place[name] for name in closure(example.concepts) if name in place] for example in examples]
        self._train = np.array(train)
        counts = Counter(examples[number].kind for number in train)
        of_case = Counter(examples[number].group for number in train)  # a stack has many pictures of one person
        sizes = [counts[examples[number].kind] * of_case[examples[number].group] for number in train]
        weights = np.array([size**-config.balance for size in sizes])
        self.weights = weights / weights.sum()
        self.generator = torch.Generator().manual_seed(config.seed)
        self.rng = np.random.default_rng(config.seed)

    def draw(self) -> tuple[Any, Any]:
        """Latents of one batch, and the numbers of the concepts of each, −1 where there is none."""
        config, rng = self._config, self.rng
        chosen = rng.choice(self._train, config.batch, p=self.weights)
        rows = []
        for number in chosen:
            told, keep = self._told[int(number)], 0.0
            if rng.random() >= config.empty:
                # Sometimes little is said, sometimes all: a prompt may be either.
                keep = 1.0 if rng.random() < config.whole else rng.random()
            rows.append([each for each in told if rng.random() < keep])
        return self._encoded(bent(self._images[chosen], config.side * PATCH, self.generator)), padded(rows)

    def held_out(self, numbers: Sequence[int]) -> tuple[Any, Any]:
        """The same for given images, as they are, with all that is known of them."""
        images = plain(self._images[list(numbers)], self._config.side * PATCH)
        return self._encoded(images), padded([self._told[number] for number in numbers])

    def _encoded(self, images: Any) -> Any:
        """(n, 1, s, s) to latents (n, k, s/8, s/8)."""
        return torch.from_numpy(np.stack([self._basis.encode(image) for image in images[:, 0].numpy()]))


def padded(rows: Sequence[Sequence[int]]) -> Any:
    """(n, longest) int64, −1 where a row is shorter; at least one wide."""
    longest = max(1, *map(len, rows))
    return torch.tensor([[*row, *[-1] * (longest - len(row))] for row in rows])
