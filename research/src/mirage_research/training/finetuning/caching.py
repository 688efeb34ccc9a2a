"""The gradient of a large batch with the memory of a small one.

GradCache: Gao, Zhang, Han and Callan, *Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup*
(2021, arXiv 2101.06983). All pairs are encoded without keeping anything; the loss over all of them gives the gradient
for every vector; then each chunk is encoded again, with what the backward pass needs, and takes the gradient of its own
vectors further. The result is the gradient of the whole batch. Adding up the gradients of small batches is something
else: there, pairs of different small batches never compete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it

from mirage_research.training.finetuning.losses import Loss
from mirage_research.training.finetuning.towers import Tokens, Towers


@dataclass(frozen=True, slots=True)
class Precision:
    """What the towers compute in.

    Attributes
    ----------
    device : str
    dtype : torch.dtype or None
        None leaves them in 32 bits.
    """

    device: str
    dtype: torch.dtype | None = None

    def __str__(self) -> str:
        names = {torch.bfloat16: "bf16", torch.float16: "fp16"}
        return f"{names[self.dtype] if self.dtype else 'fp32'} on {self.device}"

    def autocast(self) -> AbstractContextManager[object]:
        """A context in which the towers compute."""
        return torch.autocast(self.device.partition(":")[0], self.dtype) if self.dtype else nullcontext()


def encode_images(towers: Towers, pixels: torch.Tensor, precision: Precision) -> torch.Tensor:
    """(n, 3, height, width) to (n, d) float32, unit length."""
    with precision.autocast():
        made = towers.image_features(pixels.to(precision.device, non_blocking=True))
    return F.normalize(made.float(), dim=-1)


def encode_texts(towers: Towers, tokens: Tokens, precision: Precision) -> torch.Tensor:
    """Tokens of n texts to (n, d) float32, unit length."""
    with precision.autocast():
        made = towers.text_features({name: rows.to(precision.device, non_blocking=True) for name, rows in tokens.items()})
    return F.normalize(made.float(), dim=-1)


def backward(
    towers: Towers,
    pixels: torch.Tensor,
    tokens: Tokens,
    loss: Loss,
    *,
    chunk: int,
    freeze: str,
    precision: Precision,
    scaled: Callable[[torch.Tensor], torch.Tensor] = lambda value: value,
) -> float:
    """Add the gradient of one batch to the parameters.

    Parameters
    ----------
    pixels, tokens
        Of n pairs.
    loss : callable
        Takes vectors of all images and all texts, (n, d) each.
    chunk : int
        How many pairs pass through the towers at once.
    freeze : {"none", "text", "image"}
        A tower that learns nothing is encoded once only.
    precision : Precision
    scaled : callable
        Makes the loss larger, for 16-bit floats.

    Returns
    -------
    float
        The loss.
    """
    spans = [slice(start, start + chunk) for start in range(0, len(pixels), chunk)]
    ways = {
        "image": lambda span: encode_images(towers, pixels[span], precision),
        "text": lambda span: encode_texts(towers, {name: rows[span] for name, rows in tokens.items()}, precision),
    }
    if len(spans) == 1:
        images, texts = (_maybe_without(which == freeze, encode, spans[0]) for which, encode in ways.items())
        value = loss(images, texts)
        scaled(value).backward()
        return float(value.detach())

    vectors: dict[str, torch.Tensor] = {}
    chances: dict[str, list[list[torch.Tensor]]] = {}
    for which, encode in ways.items():
        made = []
        chances[which] = []
        for span in spans:
            chances[which].append(_chance(precision.device))
            made.append(_maybe_without(True, encode, span))
        vectors[which] = torch.cat(made).requires_grad_(which != freeze)
    value = loss(vectors["image"], vectors["text"])
    scaled(value).backward()
    for which, encode in ways.items():
        if which == freeze:
            continue
        gradient = vectors[which].grad
        assert gradient is not None
        for span, chance in zip(spans, chances[which], strict=True):
            # Dropout has to fall as it fell the first time.
            with _again(chance, precision.device):
                made_again = encode(span)
            made_again.backward(gradient[span])
    return float(value.detach())


def _maybe_without(without: bool, encode: Callable[[slice], torch.Tensor], span: slice) -> torch.Tensor:
    with torch.set_grad_enabled(not without):
        return encode(span)


def _chance(device: str) -> list[torch.Tensor]:
    states = [torch.get_rng_state()]
    return [*states, torch.cuda.get_rng_state()] if device.startswith("cuda") else states


@contextmanager
def _again(chance: list[torch.Tensor], device: str) -> Iterator[None]:
    on_card = device.startswith("cuda")
    with torch.random.fork_rng(devices=[torch.cuda.current_device()] if on_card else []):
        torch.set_rng_state(chance[0])
        if on_card:
            torch.cuda.set_rng_state(chance[1])
        yield
