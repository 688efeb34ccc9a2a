"""Contrastive losses in which figures that belong together are not wrong answers to one another.

Two figures of one case or article, two with the same caption, and two that were given the same words cannot be told
apart by words, or should not be pushed apart; such pairs take no part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def negatives(groups: Sequence[str], captions: Sequence[str], texts: Sequence[str]) -> torch.Tensor:
    """Which text (column) is a wrong answer for which image (row).

    Parameters
    ----------
    groups, captions, texts : sequence of str
        Case or article, caption, and the words drawn, of n pairs.

    Returns
    -------
    torch.Tensor
        (n, n) bool, symmetric, false on the diagonal.
    """
    wrong = torch.ones((len(groups), len(groups)), dtype=torch.bool)
    for names in (groups, captions, texts):
        index = {name: number for number, name in enumerate(dict.fromkeys(names))}
        which = torch.tensor([index[name] for name in names])
        wrong &= which[:, None] != which[None, :]
    return wrong


def contrast(
    images: torch.Tensor, texts: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None, wrong: torch.Tensor
) -> torch.Tensor:
    """Symmetric InfoNCE, as CLIP learns (Radford et al., 2021, arXiv 2103.00020).

    Parameters
    ----------
    images, texts : torch.Tensor
        (n, d) float32, unit length.
    scale : torch.Tensor
        Logarithm of the inverse temperature.
    bias : torch.Tensor or None
        Makes no difference here, since a softmax does not see it.
    wrong : torch.Tensor
        (n, n) bool; see `negatives`.
    """
    own = torch.eye(len(images), dtype=torch.bool, device=images.device)
    logits = (images @ texts.T * scale.exp()).masked_fill(~(wrong | own), -torch.inf)
    targets = torch.arange(len(images), device=images.device)
    return (F.cross_entropy(logits, targets) + F.cross_entropy(logits.T, targets)) / 2


def sigmoid(
    images: torch.Tensor, texts: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None, wrong: torch.Tensor
) -> torch.Tensor:
    """The sigmoid loss of SigLIP (Zhai et al., 2023, arXiv 2303.15343): every pair judged for itself.

    Parameters are those of `contrast`; the sum over all pairs is divided by n.
    """
    logits = images @ texts.T * scale.exp()
    if bias is not None:
        logits = logits + bias
    own = torch.eye(len(images), dtype=torch.bool, device=images.device)
    signs = torch.where(own, 1.0, -1.0)
    return -(F.logsigmoid(signs * logits) * (wrong | own)).sum() / len(images)
