"""How often the right figure comes up among held-out ones, while a model learns."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mirage_research.evaluation.ranking import Scores, random_recalls, recalls
from mirage_research.training.finetuning.caching import Precision, encode_images, encode_texts
from mirage_research.training.finetuning.examples import Example
from mirage_research.training.finetuning.feeding import Feeder
from mirage_research.training.finetuning.towers import Towers

AT = (1, 5, 10)
WAYS = ("text_to_image", "image_to_text")


@dataclass(frozen=True, slots=True)
class Recall:
    """R@1, 5 and 10 over a stated pool.

    Attributes
    ----------
    pool : int
        How many figures are searched, and how many queries there are.
    text_to_image, image_to_text, chance : tuple of float
        At 1, 5 and 10; chance is what a random order would reach.
    """

    pool: int
    text_to_image: tuple[float, ...]
    image_to_text: tuple[float, ...]
    chance: tuple[float, ...]

    def row(self) -> dict[str, float]:
        """Named numbers, rounded."""
        named: dict[str, float] = {"pool": self.pool}
        for name in (*WAYS, "chance"):
            named |= {f"{name}_r{k}": round(value, 4) for k, value in zip(AT, getattr(self, name), strict=True)}
        return named

    def __str__(self) -> str:
        words = "/".join(f"{value:.3f}" for value in self.text_to_image)
        pictures = "/".join(f"{value:.3f}" for value in self.image_to_text)
        chance = "/".join(f"{value:.3f}" for value in self.chance)
        return f"R@1/5/10 text→image {words}, image→text {pictures} (pool {self.pool:,}, chance {chance})"


def score(row: dict[str, float]) -> float:
    """One number to choose by: the mean recall at 1, 5 and 10, both ways."""
    return sum(row[f"{way}_r{k}"] for way in WAYS for k in AT) / (len(WAYS) * len(AT))


def pool_of(examples: Sequence[Example], most: int, seed: int) -> list[Example]:
    """The held-out figures that are measured on: all, or as many as wanted, in the corpus's order."""
    if len(examples) <= most:
        return list(examples)
    chosen = random.Random(f"{seed}/pool").sample(list(examples), most)  # noqa: S311 - not a secret
    return sorted(chosen, key=lambda example: example.number)


@torch.no_grad()
def measure(towers: Towers, feeder: Feeder, pool: Sequence[Example], chunk: int, precision: Precision) -> Recall:
    """Encode a pool and count.

    A figure with the same caption is right as well: words cannot tell the two apart.
    """
    towers.model.eval()
    images, texts, keys = [], [], []
    for batch in feeder.plain(pool, chunk):
        images.append(encode_images(towers, batch.pixels, precision).cpu().numpy())
        texts.append(encode_texts(towers, batch.tokens, precision).cpu().numpy())
        keys += [example.key for example in batch.examples]
    index = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    which = np.array([index[key] for key in keys])
    right = which[:, None] == which[None, :]
    scores: Scores = np.concatenate(texts) @ np.concatenate(images).T
    return Recall(
        len(keys),
        _means(recalls(scores, right, AT)),
        _means(recalls(np.ascontiguousarray(scores.T), right, AT)),
        _means(random_recalls(right, at=AT)),
    )


def _means(found: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]) -> tuple[float, ...]:
    return tuple(float(values.mean()) for values in found.values())
