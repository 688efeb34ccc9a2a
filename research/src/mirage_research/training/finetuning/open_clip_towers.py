"""Towers of open_clip."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import nn

from mirage.errors import BadInput, Unavailable
from mirage_research.training.finetuning.bases import Base
from mirage_research.training.finetuning.towers import Tokens, check_tokens, copy_beside, filled

WEIGHTS = "open_clip_model.safetensors"
_SHARED = ("logit_scale", "logit_bias")


class OpenClipTowers:
    """A model of open_clip, from its folder. See `mirage_research.training.finetuning.towers.Towers`.

    Raises
    ------
    mirage.errors.BadInput, mirage.errors.Unavailable
    """

    def __init__(self, base: Base) -> None:
        try:
            library: Any = importlib.import_module("open_clip")
        except Exception as error:  # torchvision beside another torch fails with a RuntimeError
            raise Unavailable(f"open_clip cannot be imported: {str(error).splitlines()[0]}") from error
        self._folder = base.folder
        where = f"local-dir:{base.folder}"
        try:
            # Never from code or pickles that come with a model; every weight has to be there.
            self.model: Any = library.create_model(where, precision="fp32", device="cpu", require_pretrained=True)
            self._tokenizer = library.get_tokenizer(where)
        except (RuntimeError, ValueError, OSError, KeyError, TypeError) as error:
            first = (str(error).strip() or type(error).__name__)[:300]
            raise Unavailable(f"The base {base.name} cannot be loaded by open_clip: {first}") from error
        visual: Any = getattr(self.model, "visual", None)
        scale = getattr(self.model, "logit_scale", None)
        if visual is None or not isinstance(scale, nn.Parameter):
            raise BadInput(f"--base {base.name} is no dual encoder with a learnt temperature.")
        self.scale: nn.Parameter = scale
        self.bias: nn.Parameter | None = getattr(self.model, "logit_bias", None)
        settings = library.transform.PreprocessCfg(**visual.preprocess_cfg)
        self._transform = library.transform.image_transform_v2(settings, is_train=False)
        self.pixels = max(settings.size) if isinstance(settings.size, list | tuple) else int(settings.size)
        self.context = int(self._tokenizer.context_length)
        check_tokens(self._tokenizer(["chest radiograph 0"]), int(self.model.vocab_size), base.name)

    def prepare(self, image: Image.Image) -> torch.Tensor:
        """See `Towers`."""
        return self._transform(image.convert("RGB"))

    def tokenise(self, texts: list[str]) -> Tokens:
        """See `Towers`."""
        return {"ids": self._tokenizer(texts)}

    def cut(self, texts: list[str]) -> int:
        """See `Towers`."""
        return filled(self.tokenise(texts)["ids"], self.tokenise([""])["ids"])

    def image_features(self, pixels: torch.Tensor) -> torch.Tensor:
        """See `Towers`."""
        return self.model.encode_image(pixels)

    def text_features(self, tokens: Tokens) -> torch.Tensor:
        """See `Towers`."""
        return self.model.encode_text(tokens["ids"])

    def tower_of(self, parameter: str) -> str:
        """See `Towers`."""
        if parameter.startswith(_SHARED):
            return ""
        return "image" if parameter.startswith("visual.") else "text"

    def recompute(self) -> None:
        """See `Towers`."""
        self.model.set_grad_checkpointing(True)

    def save(self, folder: Path) -> None:
        """Write what ``local-dir:`` opens: configuration, tokenizer and weights as safetensors."""
        save_file = importlib.import_module("safetensors.torch").save_file
        tensors = {name: value.detach().cpu().contiguous().clone() for name, value in self.model.state_dict().items()}
        copy_beside(self._folder, folder)
        save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
