"""Where the text tower's projection starts: the directions in which medical captions differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from mirage_research.training.networks import TextTower, pad


@torch.no_grad()
def start_projection(
    tower: TextTower, texts: Sequence[str], tokenise: Callable[[Sequence[str]], list[list[int]]], most: int = 1500
) -> None:
    """Set the head to the leading principal components of the captions, their mean taken away.

    Components are scaled by the inverse fourth root of their variance: half-way to whitening, so that what all
    captions share does not drown what tells them apart.
    """
    tower.eval()
    chosen = sorted(texts[:: max(1, len(texts) // most)], key=len)
    rows = []
    for start in range(0, len(chosen), 64):
        rows.append(tower.features(*pad(tokenise(chosen[start : start + 64]))))
    values = torch.cat(rows)
    mean = values.mean(0)
    _, spread, directions = torch.linalg.svd(values - mean, full_matrices=False)
    count = min(tower.head.out_features, len(directions))
    scales = spread[:count].clamp_min(1e-3) ** -0.5
    weight = directions[:count] * (scales / scales.mean())[:, None]
    tower.head.weight[:count].copy_(weight)
    tower.head.bias[:count].copy_(-(weight @ mean))
