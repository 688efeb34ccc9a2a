"""Contrastive losses, and the gradient of a large batch with the memory of a small one.

Two figures of one case or article, two with the same caption, and two that were given the same words cannot be told apart
by words, or should not be pushed apart; such pairs take no part in a loss.

GradCache: Gao, Zhang, Han and Callan, *Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup*
(2021, arXiv 2101.06983). All pairs are encoded without keeping anything; the loss over all of them gives the gradient
for every vector; then each chunk is encoded again, with what the backward pass needs, and takes the gradient of its own
vectors further. The result is the gradient of the whole batch. Adding up the gradients of small batches is something
else: there, pairs of different small batches never compete.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch.utils.checkpoint import checkpoint

from mirage.models.runtime import Placement
from mirage_research.evaluation.intervals import codes
from mirage_research.training.dual_encoders import DualEncoder, Tokens

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
        which = torch.from_numpy(codes(names))
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

    Parameters
    ----------
    images, texts : torch.Tensor
        (n, d) float32, unit length.
    scale : torch.Tensor
        Logarithm of the inverse temperature.
    bias : torch.Tensor or None
        Added to every logit.
    wrong : torch.Tensor
        (n, n) bool; see `negatives`.

    Returns
    -------
    torch.Tensor
        () float32: the sum over all pairs that take part, divided by n.
    """
    logits = images @ texts.T * scale.exp()
    if bias is not None:
        logits = logits + bias
    own = torch.eye(len(images), dtype=torch.bool, device=images.device)
    signs = torch.where(own, 1.0, -1.0)
    return -(F.logsigmoid(signs * logits) * (wrong | own)).sum() / len(images)


def autocast(where: Placement) -> torch.autocast:
    """A context in which the towers compute in 16 bits, where that is asked for; weights and loss stay in 32."""
    return torch.autocast(torch.device(where.device).type, getattr(torch, where.dtype), enabled=where.dtype != "float32")


def encode_images(towers: DualEncoder, pixels: torch.Tensor, where: Placement) -> torch.Tensor:
    """(n, 3, height, width) to (n, d) float32, unit length.

    Parameters
    ----------
    towers : DualEncoder
    pixels : torch.Tensor
        (n, 3, height, width) float32, as `DualEncoder.prepare` gives them, on any device.
    where : Placement
        On which device and in which numbers the tower computes.
    """
    with autocast(where):
        made = towers.image_features(pixels.to(where.device, non_blocking=True))
    return F.normalize(made.float(), dim=-1)


def encode_texts(towers: DualEncoder, tokens: Tokens, where: Placement) -> torch.Tensor:
    """Tokens of n texts to (n, d) float32, unit length.

    Parameters
    ----------
    towers : DualEncoder
    tokens : dict of str to torch.Tensor
        (n, tokens) each, as `DualEncoder.tokenise` gives them, on any device.
    where : Placement
        On which device and in which numbers the tower computes.
    """
    with autocast(where):
        made = towers.text_features({name: rows.to(where.device, non_blocking=True) for name, rows in tokens.items()})
    return F.normalize(made.float(), dim=-1)


def backward(
    towers: DualEncoder,
    pixels: torch.Tensor,
    tokens: Tokens,
    loss: Loss,
    *,
    chunk: int,
    freeze: str,
    where: Placement,
    scaled: Callable[[torch.Tensor], torch.Tensor] = lambda value: value,
) -> float:
    """Add the gradient of one batch to the parameters.

    Parameters
    ----------
    towers : DualEncoder
    pixels, tokens
        Of n pairs.
    loss : callable
        Takes vectors of all images and all texts, (n, d) each.
    chunk : int
        How many pairs pass through the towers at once.
    freeze : {"none", "text", "image"}
        A tower that learns nothing is encoded once only.
    where : Placement
    scaled : callable
        Makes the loss larger, for 16-bit floats.

    Returns
    -------
    float
        The loss.
    """
    spans = [slice(start, start + chunk) for start in range(0, len(pixels), chunk)]
    ways: dict[str, Callable[[slice], torch.Tensor]] = {
        "image": lambda span: encode_images(towers, pixels[span], where),
        "text": lambda span: encode_texts(towers, {name: rows[span] for name, rows in tokens.items()}, where),
    }
    vectors = []
    for which, encode in ways.items():
        with torch.set_grad_enabled(which != freeze):
            if len(spans) > 1 and which != freeze:
                # Keeps no activations: each chunk is encoded again when the gradient reaches it, and dropout falls as it
                # fell the first time. The second argument tells torch whose random numbers to keep: the device's.
                made = [checkpoint(lambda s, _, e=encode: e(s), span, towers.scale, use_reentrant=False) for span in spans]
            else:
                made = [encode(span) for span in spans]
        vectors.append(torch.cat(made))
    value = loss(*vectors)
    scaled(value).backward()
    return float(value.detach())


def contrast_names(names: torch.Tensor, called: torch.Tensor, near: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Symmetric InfoNCE of names and synonyms, what is close to them among the wrong answers.

    Parameters
    ----------
    names, called : torch.Tensor
        (n, d), unit length.
    near : torch.Tensor
        (m, d), unit length.
    scale : torch.Tensor
        Logarithm of the inverse temperature.
    """
    sharp = scale.exp().clamp(max=60.0)
    targets = torch.arange(len(names))
    one = F.cross_entropy(names @ torch.cat([called, near]).T * sharp, targets)
    other = F.cross_entropy(called @ torch.cat([names, near]).T * sharp, targets)
    return (one + other) / 2
