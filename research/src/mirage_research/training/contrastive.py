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

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it

from mirage.errors import BadInput, Unavailable
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


@dataclass(frozen=True, slots=True)
class ComputePrecision:
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

    @property
    def kind(self) -> str:
        """The device without its number."""
        return self.device.partition(":")[0]

    def autocast(self) -> AbstractContextManager[object]:
        """A context in which the towers compute."""
        return torch.autocast(self.kind, self.dtype) if self.dtype else nullcontext()


def choose_precision(device: str, wanted: str) -> ComputePrecision:
    """Choose device and number format.

    ``auto`` takes bf16 where the device computes in it; on a CUDA card without it fp16, with a scaler; elsewhere fp32.

    Parameters
    ----------
    device : str
        ``cuda``, ``cuda:1``, ``mps`` or ``cpu``; the best that is there when empty.
    wanted : {"auto", "bf16", "fp16", "fp32"}

    Raises
    ------
    mirage.errors.BadInput
        When the device's name is no device.
    mirage.errors.Unavailable
        When the device is not there.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    chosen = device or next(name for name, found in there.items() if found)
    kind = chosen.partition(":")[0]
    if kind not in there:
        raise BadInput(f"--device {device} is no device. It can be {', '.join(there)}.")
    if not there[kind]:
        raise Unavailable(f"There is no {kind} device here, or this torch was built without it. Leave out --device.")
    if kind == "cuda":
        try:
            torch.cuda.set_device(chosen)
        except (RuntimeError, ValueError, AssertionError) as error:
            raise Unavailable(f"The device {chosen} is not here; {torch.cuda.device_count()} of CUDA are.") from error
    if wanted == "auto":
        if kind == "cuda":
            wanted = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
        else:  # a processor without bf16 imitates it, slower than it computes in 32 bits
            wanted = "bf16" if kind == "cpu" and _processor_has_bf16() else "fp32"
    return ComputePrecision(chosen, {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": None}[wanted])


def _processor_has_bf16() -> bool:
    try:
        return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):  # builds without oneDNN do not have the question
        return False


def encode_images(towers: DualEncoder, pixels: torch.Tensor, precision: ComputePrecision) -> torch.Tensor:
    """(n, 3, height, width) to (n, d) float32, unit length.

    Parameters
    ----------
    towers : DualEncoder
    pixels : torch.Tensor
        (n, 3, height, width) float32, as `DualEncoder.prepare` gives them, on any device.
    precision : ComputePrecision
        Says on which device and in which numbers the tower computes.
    """
    with precision.autocast():
        made = towers.image_features(pixels.to(precision.device, non_blocking=True))
    return F.normalize(made.float(), dim=-1)


def encode_texts(towers: DualEncoder, tokens: Tokens, precision: ComputePrecision) -> torch.Tensor:
    """Tokens of n texts to (n, d) float32, unit length.

    Parameters
    ----------
    towers : DualEncoder
    tokens : dict of str to torch.Tensor
        (n, tokens) each, as `DualEncoder.tokenise` gives them, on any device.
    precision : ComputePrecision
        Says on which device and in which numbers the tower computes.
    """
    with precision.autocast():
        made = towers.text_features({name: rows.to(precision.device, non_blocking=True) for name, rows in tokens.items()})
    return F.normalize(made.float(), dim=-1)


def backward(
    towers: DualEncoder,
    pixels: torch.Tensor,
    tokens: Tokens,
    loss: Loss,
    *,
    chunk: int,
    freeze: str,
    precision: ComputePrecision,
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
    precision : ComputePrecision
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
            chances[which].append(random_state(precision.device))
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
            with _replayed(chance, precision.device):
                made_again = encode(span)
            made_again.backward(gradient[span])
    return float(value.detach())


def _maybe_without(without: bool, encode: Callable[[slice], torch.Tensor], span: slice) -> torch.Tensor:
    with torch.set_grad_enabled(not without):
        return encode(span)


def random_state(device: str) -> list[torch.Tensor]:
    """Where torch's random numbers stand, on the processor and on a CUDA card."""
    states = [torch.get_rng_state()]
    return [*states, torch.cuda.get_rng_state()] if device.startswith("cuda") else states


def set_random_state(states: list[torch.Tensor], device: str) -> None:
    """Let torch's random numbers go on from `states`.

    Parameters
    ----------
    states : list of torch.Tensor
        As `random_state` gives them.
    device : str
    """
    torch.set_rng_state(states[0])
    if device.startswith("cuda") and len(states) > 1:
        torch.cuda.set_rng_state(states[1])


@contextmanager
def _replayed(chance: list[torch.Tensor], device: str) -> Iterator[None]:
    on_card = device.startswith("cuda")
    with torch.random.fork_rng(devices=[torch.cuda.current_device()] if on_card else []):
        set_random_state(chance, device)
        yield
