"""Towers of transformers: the CLIP and SigLIP families."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import nn

from mirage.errors import BadInput, Unavailable
from mirage_research.training.finetuning.bases import Base
from mirage_research.training.finetuning.towers import Tokens, check_tokens, copy_beside, filled

FAMILIES = ("clip", "siglip")
_IMAGE = ("vision_model.", "visual_projection.")
_TEXT = ("text_model.", "text_projection.")


class TransformersTowers:
    """A CLIP or SigLIP model of transformers, from its folder. See `mirage_research.training.finetuning.towers.Towers`.

    Raises
    ------
    mirage.errors.BadInput, mirage.errors.Unavailable
    """

    def __init__(self, base: Base) -> None:
        library: Any = importlib.import_module("transformers")
        self._library, self._folder = library, base.folder
        here = {"local_files_only": True}
        try:
            config = library.AutoConfig.from_pretrained(base.folder, **here)
            if config.model_type not in FAMILIES:
                raise BadInput(
                    f"--base {base.name} is of the family “{config.model_type}”. Of transformers, "
                    f"{' and '.join(FAMILIES)} can be fine-tuned; others perhaps as a model of open_clip."
                )
            with _quiet(library):
                self.model, loaded = library.AutoModel.from_pretrained(
                    base.folder, use_safetensors=True, output_loading_info=True, **here
                )
            self._tokenizer = library.AutoTokenizer.from_pretrained(base.folder, **here)
            self._processor = library.AutoImageProcessor.from_pretrained(base.folder, **here)
        except (RuntimeError, ValueError, OSError, KeyError, TypeError, ImportError) as error:
            first = (str(error).strip() or type(error).__name__)[:300]
            raise Unavailable(f"The base {base.name} cannot be loaded by transformers: {first}") from error
        # transformers would fill what is missing with random weights.
        if missing := sorted(name for name in loaded["missing_keys"] if not name.endswith("position_ids")):
            which = f"{missing[0]} and {len(missing) - 1} more" if len(missing) > 1 else missing[0]
            raise Unavailable(f"Weights of {base.name} are missing: {which}. Fetch the model again.")
        self.model.float()
        self.scale: nn.Parameter = self.model.logit_scale
        self.bias: nn.Parameter | None = getattr(self.model, "logit_bias", None)
        self._siglip = config.model_type == "siglip"
        self.pixels = int(config.vision_config.image_size)
        self.context = int(config.text_config.max_position_embeddings)
        self._padding: dict[str, Any] = {"padding": "max_length", "truncation": True, "max_length": self.context}
        last = torch.tensor([len(self._tokenizer) - 1])
        check_tokens(last, int(config.text_config.vocab_size), base.name)

    def prepare(self, image: Image.Image) -> torch.Tensor:
        """See `Towers`."""
        return self._processor(images=image.convert("RGB"), return_tensors="pt")["pixel_values"][0]

    def tokenise(self, texts: list[str]) -> Tokens:
        """See `Towers`. SigLIP learnt with padding to the full length and without a mask."""
        made = self._tokenizer(texts, return_tensors="pt", **self._padding)
        return {"ids": made["input_ids"]} if self._siglip else {"ids": made["input_ids"], "mask": made["attention_mask"]}

    def cut(self, texts: list[str]) -> int:
        """See `Towers`."""
        return filled(self.tokenise(texts)["ids"], self.tokenise([""])["ids"])

    def image_features(self, pixels: torch.Tensor) -> torch.Tensor:
        """See `Towers`."""
        return _pooled(self.model.get_image_features(pixel_values=pixels))

    def text_features(self, tokens: Tokens) -> torch.Tensor:
        """See `Towers`."""
        return _pooled(self.model.get_text_features(input_ids=tokens["ids"], attention_mask=tokens.get("mask")))

    def tower_of(self, parameter: str) -> str:
        """See `Towers`."""
        return "image" if parameter.startswith(_IMAGE) else "text" if parameter.startswith(_TEXT) else ""

    def recompute(self) -> None:
        """See `Towers`."""
        self.model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})

    def save(self, folder: Path) -> None:
        """Write what ``from_pretrained`` opens: configuration, weights as safetensors, tokenizer and preprocessing."""
        with _quiet(self._library):
            self.model.save_pretrained(folder, max_shard_size="50GB")
        copy_beside(self._folder, folder)


def _pooled(features: Any) -> torch.Tensor:
    """transformers gave the features themselves before version 5, and an object that holds them since."""
    return features if isinstance(features, torch.Tensor) else features.pooler_output


@contextmanager
def _quiet(library: Any) -> Iterator[None]:
    """Without its bars: what is loaded is said by us."""
    library.utils.logging.disable_progress_bar()
    before = library.utils.logging.get_verbosity()
    library.utils.logging.set_verbosity_error()
    try:
        yield
    finally:
        library.utils.logging.set_verbosity(before)
