"""Dual encoders that can be fine-tuned: open_clip, and CLIP and SigLIP of transformers."""

from __future__ import annotations

import importlib
import shutil
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import torch
from PIL import Image
from torch import nn

from mirage.errors import BadInput, Unavailable
from mirage.models.runtime import first_line
from mirage_research.training.bases import OPEN_CLIP, BaseModel
from mirage_research.training.runs import FineTuningConfig

Tokens = dict[str, torch.Tensor]

# Of the base's folder, what is not carried over as it is: weights are written anew, its card becomes ours.
_NOT_COPIED = {".safetensors", ".bin", ".pt", ".pth", ".h5", ".msgpack", ".onnx", ".gguf"}
_LARGEST_COPIED = 64 << 20
# A base may be the result of an earlier run.
_OURS = ("card.md", "results.json", "splits.json", "base-card.md")


class DualEncoder(ABC):
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
    image_parts : tuple of str
        How the names of the image tower's parameters begin.
    """

    image_parts: ClassVar[tuple[str, ...]]
    model: Any
    scale: nn.Parameter
    bias: nn.Parameter | None
    pixels: int
    context: int
    _folder: Path

    @abstractmethod
    def prepare(self, image: Image.Image) -> torch.Tensor:
        """The base's own preprocessing: (3, height, width) float32."""

    @abstractmethod
    def tokenise(self, texts: list[str]) -> Tokens:
        """The base's own tokenizer: named tensors, each (n, tokens)."""

    @abstractmethod
    def image_features(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, 3, height, width) to (n, d), of any length."""

    @abstractmethod
    def text_features(self, tokens: Tokens) -> torch.Tensor:
        """Tokens of n texts to (n, d), of any length."""

    @abstractmethod
    def recompute(self) -> None:
        """Trade time for memory: activations are computed again in the backward pass."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write weights and configuration in the format of the base."""

    def tower_of(self, parameter: str) -> str:
        """``image``, ``text``, or empty for what both share, by the name of a parameter."""
        if parameter.startswith(("logit_scale", "logit_bias")):
            return ""
        return "image" if parameter.startswith(self.image_parts) else "text"

    def cut(self, texts: list[str]) -> int:
        """How many texts fill all tokens that are read, so that their end may be missing."""
        rows, empty = self.tokenise(texts)["ids"], self.tokenise([""])["ids"]
        return int((rows[:, -2] != empty[0, -2]).sum())

    def _copy_beside(self, folder: Path) -> None:
        """Carry over what belongs to the base beside its weights: tokenizer, preprocessing, licence, its own card."""
        for path in sorted(self._folder.iterdir()):
            name = "base-card.md" if path.name.lower() == "readme.md" else path.name
            unwanted = path.suffix in _NOT_COPIED or path.name.endswith(".index.json") or path.name in _OURS
            if path.is_file() and not unwanted and path.stat().st_size <= _LARGEST_COPIED and not (folder / name).exists():
                shutil.copyfile(path, folder / name)


def load_dual_encoder(base: BaseModel) -> DualEncoder:
    """Open a base with its weights in 32 bits, on the processor.

    Raises
    ------
    mirage.errors.Unavailable
        When its library is missing, or its weights are not all there.
    mirage.errors.BadInput
        When it is no dual encoder that can be fine-tuned, or its tokenizer is another model's.
    """
    try:
        return OpenClipDualEncoder(base) if base.kind == OPEN_CLIP else TransformersDualEncoder(base)
    except ImportError as error:
        raise Unavailable(
            f"Fine-tuning {base.name} needs {error.name}, which is not installed: "
            "pip install './research[train]' open_clip_torch"
        ) from error
    except (RuntimeError, ValueError, OSError, KeyError, TypeError) as error:
        raise Unavailable(f"The base {base.name} cannot be loaded by {base.kind}: {first_line(error)[:300]}") from error


def for_training(towers: DualEncoder, freeze: str) -> None:
    """Switch to training; what is frozen, and every batch norm, stays as in use.

    Statistics of a batch norm would follow the chunk and not the batch, and be counted twice where a batch is cached.

    Parameters
    ----------
    towers : DualEncoder
        Changed in place.
    freeze : {"none", "text", "image"}
        The tower that learns nothing.
    """
    towers.model.train()
    for name, part in towers.model.named_modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm) or (name and towers.tower_of(f"{name}.") == freeze):
            part.eval()


def parameter_groups(towers: DualEncoder, config: FineTuningConfig) -> list[dict[str, Any]]:
    """Parameters that learn: those with two dimensions and more decay; gains, biases, scale and positions do not.

    Parameters
    ----------
    towers : DualEncoder
    config : FineTuningConfig
        Its weight decay is taken.

    Returns
    -------
    list of dict
        Two groups, as torch's optimisers take them.
    """
    decays: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, part in towers.model.named_parameters():
        if part.requires_grad:
            (decays if part.ndim > 1 and "position" not in name else others).append(part)
    return [{"params": decays, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]


def check_tokens(ids: torch.Tensor, vocabulary: int, name: str) -> None:
    """Refuse a tokenizer with more words than the text tower knows.

    Parameters
    ----------
    ids : torch.Tensor
        Numbers of tokens, of any shape; the largest counts.
    vocabulary : int
        How many tokens the text tower knows.
    name : str
        Of the model, for what is said.

    Raises
    ------
    mirage.errors.BadInput
    """
    if int(ids.max()) >= vocabulary:
        raise BadInput(
            f"The tokenizer of {name} belongs to another model: it numbers words up to {int(ids.max())}, and the text tower "
            f"knows {vocabulary}. Put the model's own tokenizer files into its folder."
        )


WEIGHTS = "open_clip_model.safetensors"


class OpenClipDualEncoder(DualEncoder):
    """A model of open_clip, from its folder.

    Raises
    ------
    mirage.errors.BadInput, mirage.errors.Unavailable
    """

    image_parts = ("visual.",)

    def __init__(self, base: BaseModel) -> None:
        library: Any = importlib.import_module("open_clip")
        self._folder = base.folder
        where = f"local-dir:{base.folder}"
        # Never from code or pickles that come with a model; every weight has to be there.
        self.model = library.create_model(where, precision="fp32", device="cpu", require_pretrained=True)
        self._tokenizer = library.get_tokenizer(where)
        visual: Any = getattr(self.model, "visual", None)
        scale = getattr(self.model, "logit_scale", None)
        if visual is None or not isinstance(scale, nn.Parameter):
            raise BadInput(f"--base {base.name} is no dual encoder with a learnt temperature.")
        self.scale = scale
        self.bias = getattr(self.model, "logit_bias", None)
        settings = library.transform.PreprocessCfg(**visual.preprocess_cfg)
        self._transform = library.transform.image_transform_v2(settings, is_train=False)
        self.pixels = max(settings.size) if isinstance(settings.size, list | tuple) else int(settings.size)
        self.context = int(self._tokenizer.context_length)
        check_tokens(self._tokenizer(["chest radiograph 0"]), int(self.model.vocab_size), base.name)

    def prepare(self, image: Image.Image) -> torch.Tensor:
        return self._transform(image.convert("RGB"))

    def tokenise(self, texts: list[str]) -> Tokens:
        return {"ids": self._tokenizer(texts)}

    def image_features(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.model.encode_image(pixels)

    def text_features(self, tokens: Tokens) -> torch.Tensor:
        return self.model.encode_text(tokens["ids"])

    def recompute(self) -> None:
        self.model.set_grad_checkpointing(True)

    def save(self, folder: Path) -> None:
        """Write what ``local-dir:`` opens: configuration, tokenizer and weights as safetensors."""
        save_file = importlib.import_module("safetensors.torch").save_file
        tensors = {name: value.detach().cpu().contiguous().clone() for name, value in self.model.state_dict().items()}
        self._copy_beside(folder)
        save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})


FAMILIES = ("clip", "siglip")


class TransformersDualEncoder(DualEncoder):
    """A CLIP or SigLIP model of transformers, from its folder.

    Raises
    ------
    mirage.errors.BadInput, mirage.errors.Unavailable
    """

    image_parts = ("vision_model.", "visual_projection.")

    def __init__(self, base: BaseModel) -> None:
        library: Any = importlib.import_module("transformers")
        # Without its bars and warnings: what is loaded is said by us.
        library.utils.logging.disable_progress_bar()
        library.utils.logging.set_verbosity_error()
        self._folder = base.folder
        here = {"local_files_only": True}
        config = library.AutoConfig.from_pretrained(base.folder, **here)
        if config.model_type not in FAMILIES:
            raise BadInput(
                f"--base {base.name} is of the family “{config.model_type}”. Of transformers, {' and '.join(FAMILIES)} can "
                "be fine-tuned; others perhaps as a model of open_clip."
            )
        self.model, loaded = library.AutoModel.from_pretrained(
            base.folder, use_safetensors=True, output_loading_info=True, **here
        )
        self._tokenizer = library.AutoTokenizer.from_pretrained(base.folder, **here)
        self._processor = library.AutoImageProcessor.from_pretrained(base.folder, **here)
        # transformers would fill what is missing with random weights.
        if missing := sorted(name for name in loaded["missing_keys"] if not name.endswith("position_ids")):
            which = f"{missing[0]} and {len(missing) - 1} more" if len(missing) > 1 else missing[0]
            raise Unavailable(f"Weights of {base.name} are missing: {which}. Fetch the model again.")
        self.model.float()
        self.scale = self.model.logit_scale
        self.bias = getattr(self.model, "logit_bias", None)
        self._siglip = config.model_type == "siglip"
        self.pixels = int(config.vision_config.image_size)
        self.context = int(config.text_config.max_position_embeddings)
        self._padding: dict[str, Any] = {"padding": "max_length", "truncation": True, "max_length": self.context}
        last = torch.tensor([len(self._tokenizer) - 1])
        check_tokens(last, int(config.text_config.vocab_size), base.name)

    def prepare(self, image: Image.Image) -> torch.Tensor:
        return self._processor(images=image.convert("RGB"), return_tensors="pt")["pixel_values"][0]

    def tokenise(self, texts: list[str]) -> Tokens:
        """SigLIP learnt with padding to the full length and without a mask."""
        made = self._tokenizer(texts, return_tensors="pt", **self._padding)
        return {"ids": made["input_ids"]} if self._siglip else {"ids": made["input_ids"], "mask": made["attention_mask"]}

    def image_features(self, pixels: torch.Tensor) -> torch.Tensor:
        return _pooled(self.model.get_image_features(pixel_values=pixels))

    def text_features(self, tokens: Tokens) -> torch.Tensor:
        return _pooled(self.model.get_text_features(input_ids=tokens["ids"], attention_mask=tokens.get("mask")))

    def recompute(self) -> None:
        self.model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})

    def save(self, folder: Path) -> None:
        """Write what ``from_pretrained`` opens: configuration, weights as safetensors, tokenizer and preprocessing."""
        self.model.save_pretrained(folder, max_shard_size="50GB")
        self._copy_beside(folder)


def _pooled(features: Any) -> torch.Tensor:
    """transformers gave the features themselves before version 5, and an object that holds them since."""
    return features if isinstance(features, torch.Tensor) else features.pooler_output
