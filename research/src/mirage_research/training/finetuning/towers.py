"""What fine-tuning asks of a dual encoder, whichever library it comes from."""

from __future__ import annotations

import importlib.util
import math
import shutil
from pathlib import Path
from typing import Any, Protocol

import torch
from PIL import Image
from torch import nn

from mirage.errors import BadInput, Unavailable
from mirage_research.training.finetuning.bases import OPEN_CLIP, Base
from mirage_research.training.finetuning.config import Config

Tokens = dict[str, torch.Tensor]

INSTALL = {
    OPEN_CLIP: ("open_clip", "pip install open_clip_torch"),
    "transformers": ("transformers", "pip install './research[train]'"),
}
# Of the base's folder, what is not carried over as it is: weights are written anew, its card becomes ours.
_NOT_COPIED = {".safetensors", ".bin", ".pt", ".pth", ".h5", ".msgpack", ".onnx", ".gguf"}
_LARGEST_COPIED = 64 << 20


class Towers(Protocol):
    """An image tower and a text tower with one shared space.

    Attributes
    ----------
    model : torch.nn.Module
    scale : torch.nn.Parameter
        Logarithm of the inverse temperature.
    bias : torch.nn.Parameter or None
        Logit bias of a model trained with the sigmoid loss.
    pixels : int
        Longer side of what the image tower sees.
    context : int
        How many tokens the text tower reads.
    """

    model: nn.Module
    scale: nn.Parameter
    bias: nn.Parameter | None
    pixels: int
    context: int

    def prepare(self, image: Image.Image) -> torch.Tensor:
        """The base's own preprocessing: (3, height, width) float32."""
        ...

    def tokenise(self, texts: list[str]) -> Tokens:
        """The base's own tokenizer: named tensors, each (n, tokens)."""
        ...

    def cut(self, texts: list[str]) -> int:
        """How many texts fill all tokens that are read, so that their end may be missing."""
        ...

    def image_features(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, 3, height, width) to (n, d), of any length."""
        ...

    def text_features(self, tokens: Tokens) -> torch.Tensor:
        """Tokens of n texts to (n, d), of any length."""
        ...

    def tower_of(self, parameter: str) -> str:
        """``image``, ``text``, or empty for what both share, by the name of a parameter."""
        ...

    def recompute(self) -> None:
        """Trade time for memory: activations are computed again in the backward pass."""
        ...

    def save(self, folder: Path) -> None:
        """Write weights and configuration in the format of the base."""
        ...


def check_needs(kind: str) -> None:
    """Say what is missing for fine-tuning a model of this kind.

    Raises
    ------
    mirage.errors.Unavailable
    """
    module, command = INSTALL[kind]
    if importlib.util.find_spec(module) is None:
        raise Unavailable(f"Fine-tuning a model of {kind} needs {module}, which is not installed: {command}")


def load_towers(base: Base) -> Towers:
    """Open a base with its weights in 32 bits, on the processor.

    Raises
    ------
    mirage.errors.Unavailable
        When its library is missing, or its weights are not all there.
    mirage.errors.BadInput
        When it is no dual encoder that can be fine-tuned, or its tokenizer is another model's.
    """
    check_needs(base.kind)
    if base.kind == OPEN_CLIP:
        from mirage_research.training.finetuning.open_clip_towers import OpenClipTowers  # noqa: PLC0415 - needs open_clip

        return OpenClipTowers(base)
    from mirage_research.training.finetuning.transformers_towers import TransformersTowers  # noqa: PLC0415 - needs transformers

    return TransformersTowers(base)


def frozen_towers(towers: Towers, freeze: str) -> None:
    """Freeze the named tower, projection included, as LiT does (Zhai et al., 2022, arXiv 2111.07991)."""
    for name, part in towers.model.named_parameters():
        part.requires_grad_(towers.tower_of(name) != freeze)


def for_training(towers: Towers, freeze: str) -> None:
    """Switch to training; what is frozen, and every batch norm, stays as in use.

    Statistics of a batch norm would follow the chunk and not the batch, and be counted twice where a batch is cached.
    """
    towers.model.train()
    for name, part in towers.model.named_modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm) or (name and towers.tower_of(f"{name}.") == freeze):
            part.eval()


def parameter_groups(towers: Towers, config: Config) -> list[dict[str, Any]]:
    """Parameters that learn: those with two dimensions and more decay; gains, biases, scale and positions do not."""
    decays: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, part in towers.model.named_parameters():
        if part.requires_grad:
            (decays if part.ndim > 1 and "position" not in name else others).append(part)
    return [
        {"params": decays, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]


def clamp_scale(towers: Towers, highest: float) -> None:
    """Keep the temperature from running away, as CLIP does (Radford et al., 2021, arXiv 2103.00020, section 2.5)."""
    with torch.no_grad():
        towers.scale.clamp_(0.0, highest)


def highest_scale(towers: Towers, config: Config) -> float:
    """Greatest logarithm of the inverse temperature: the setting's, or the base's own where that is above it."""
    return max(math.log(config.max_scale), float(towers.scale.detach().max()))


def check_tokens(ids: torch.Tensor, vocabulary: int, name: str) -> None:
    """Refuse a tokenizer with more words than the text tower knows.

    Raises
    ------
    mirage.errors.BadInput
    """
    if int(ids.max()) >= vocabulary:
        raise BadInput(
            f"The tokenizer of {name} belongs to another model: it numbers words up to {int(ids.max())}, and the text tower "
            f"knows {vocabulary}. Put the model's own tokenizer files into its folder."
        )


def filled(rows: torch.Tensor, empty: torch.Tensor) -> int:
    """How many texts fill all tokens that are read, so that their end may be missing.

    Parameters
    ----------
    rows : torch.Tensor
        (n, context) token ids, padded to the context.
    empty : torch.Tensor
        (1, context) token ids of an empty text.
    """
    return int((rows[:, -2] != empty[0, -2]).sum())


def copy_beside(base: Path, folder: Path) -> None:
    """Carry over what belongs to the base beside its weights: tokenizer, preprocessing, licence, its own card."""
    for path in sorted(base.iterdir()):
        name = "base-card.md" if path.name.lower() == "readme.md" else path.name
        unwanted = path.suffix in _NOT_COPIED or path.name.endswith(".index.json") or path.name in _OURS
        if path.is_file() and not unwanted and path.stat().st_size <= _LARGEST_COPIED and not (folder / name).exists():
            shutil.copyfile(path, folder / name)


# A base may be the result of an earlier run.
_OURS = ("card.md", "results.json", "splits.json", "base-card.md")
