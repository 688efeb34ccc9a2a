"""Images and words as the generator sees them: bent a little, in latents, with token states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it

from mirage.generate.generators.latents import PATCH, PatchBasis, with_neighbours
from mirage.generate.generators.starter import TextStates
from mirage_research.training.generator_images import ImageTexts, Pixels
from mirage_research.training.generator_network import POOLED_SCALE
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


class Words:
    """Every text of the examples, read once.

    Parameters
    ----------
    examples : sequence of ImageTexts
    read : TextStates
    """

    def __init__(self, examples: Sequence[ImageTexts], read: TextStates) -> None:
        every = sorted({text for example in examples for text in example.texts} | {""})
        self._at = {text: number for number, text in enumerate(every)}
        states, pooled = [], []
        for text in every:
            found, _, vector = read([text])
            states.append(torch.from_numpy(found[0].astype(np.float16)))
            pooled.append(torch.from_numpy(vector[0]))
        self._states, self._pooled = states, torch.stack(pooled) * POOLED_SCALE

    def __call__(self, texts: Sequence[str]) -> tuple[Any, Any, Any]:
        """Token states (n, t, d), their mask (n, t) and the texts' vectors (n, e)."""
        numbers = [self._at[text] for text in texts]
        rows = [self._states[number].float() for number in numbers]
        mask = torch.nn.utils.rnn.pad_sequence([torch.ones(len(row)) for row in rows], batch_first=True)
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), mask, self._pooled[numbers]


class Batches:
    """Draws batches: rare kinds oftener, words at random, some without."""

    def __init__(
        self,
        images: Pixels,
        examples: Sequence[ImageTexts],
        train: Sequence[int],
        words: Words,
        basis: PatchBasis,
        config: GeneratorConfig,
    ) -> None:
        self._images, self._examples, self._train = torch.from_numpy(images), examples, np.array(train)
        self._words, self._basis, self._config = words, basis, config
        counts = Counter(examples[number].kind for number in train)
        weights = np.array([counts[examples[number].kind] ** -config.balance for number in train])
        self._weights = weights / weights.sum()
        self.generator = torch.Generator().manual_seed(config.seed)
        self.rng = np.random.default_rng(config.seed)

    def draw(self) -> tuple[Any, Any, Any, Any]:
        """Latents, token states, mask and vectors of one batch."""
        config, rng = self._config, self.rng
        chosen = rng.choice(self._train, config.batch, p=self._weights)
        texts = [self._text(int(number)) for number in chosen]
        states, mask, pooled = self._words(texts)
        pooled = pooled * torch.from_numpy(rng.random(len(texts)) >= config.no_pooled).float()[:, None]
        images = bent(self._images[chosen], config.side * PATCH, self.generator)
        return self._encoded(images), states, mask, pooled

    def _text(self, number: int) -> str:
        texts = self._examples[number].texts
        chosen = texts[self.rng.integers(len(texts))]
        return "" if self.rng.random() < self._config.empty else chosen

    def held_out(self, numbers: Sequence[int]) -> tuple[Any, Any, Any, Any]:
        """The same for given images, as they are, with their sources' words."""
        texts = [self._examples[number].texts[min(4, len(self._examples[number].texts) - 1)] for number in numbers]
        images = plain(self._images[list(numbers)], self._config.side * PATCH)
        return (self._encoded(images), *self._words(texts))

    def _encoded(self, images: Any) -> Any:
        """(n, 1, s, s) to latents (n, k, s/8, s/8)."""
        return torch.from_numpy(np.stack([self._basis.encode(image) for image in images[:, 0].numpy()]))
