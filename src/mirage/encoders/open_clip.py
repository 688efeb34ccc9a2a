"""Models of open_clip: the paper's CLIP, BiomedCLIP, and others in a folder or on the hub."""

from __future__ import annotations

import importlib.util
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from mirage.encoders import tokenizer
from mirage.encoders.preprocessing import CLIP_MEAN, CLIP_STD, Preprocessing, three
from mirage.encoders.tokenizer import TowerTokenizer
from mirage.encoders.towers import TorchEncoder, TorchTowers, missing_package
from mirage.errors import BadInput, Unavailable
from mirage.models.files import LocalModel
from mirage.models.runtime import Placement, first_line, remembered_sha256
from mirage.once import loaded_once
from mirage.settings import Settings
from mirage.wording import _

PAPER = "hf-hub:luhuitong/CLIP-ViT-L-14-448px-MedICaT-ROCO"
CONFIG = "open_clip_config.json"
_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "model.safetensors")
_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
ACTIVATIONS = ("gelu", "quick_gelu")


class OpenClipEncoder(TorchEncoder):
    """A dual encoder of the open_clip library. Nothing of torch is loaded before the first text or picture.

    Parameters
    ----------
    model : str
        ``hf-hub:org/name``, ``local-dir:/path``, or either without its prefix; the paper's when empty.
    revision : str, optional
        Of a hub id; the one that MIRAGE pins when left out.
    device : str, optional
        ``cuda``, ``mps`` or ``cpu``; the best that is there when left out.
    dtype : str, optional
        ``float32``, ``bfloat16`` or ``float16``; what suits the device when left out.
    download : bool
        Whether a hub model that is not on this machine may be fetched.
    activation : str
        ``gelu`` or ``quick_gelu``, where the model's configuration is silent or wrong; as configured when empty.
    threads : int, optional
        Of the processor; torch's own choice when left out.

    Raises
    ------
    mirage.errors.Unavailable
        When the model is not on this machine, is not whole, or has no weights that may be opened.
    mirage.errors.BadInput
        When an option cannot be used.
    """

    adapter = "open_clip"
    own_model = PAPER

    def __init__(
        self,
        model: str = "",
        *,
        revision: str | None = None,
        device: str | None = None,
        dtype: str | None = None,
        download: bool = False,
        activation: str = "",
        threads: int | None = None,
    ) -> None:
        if activation and activation not in ACTIVATIONS:
            raise BadInput(
                _(
                    "The activation is one of %(ACTIVATIONS)s, not %(activation)s.",
                    ACTIVATIONS=", ".join(ACTIVATIONS),
                    activation=repr(activation),
                )
            )
        self._activation = activation
        super().__init__(model, revision=revision, device=device, dtype=dtype, download=download, threads=threads)

    def _configure(self) -> None:
        self._config = _configuration(self._local, self._activation)
        self._weights = self._local.weights(_WEIGHTS)
        self.dimension = int(self._config["embed_dim"])
        self.preprocessing = _preprocessing(self._local, self._config)

    @staticmethod
    def options_for(model: str = "", settings: Settings | None = None) -> dict[str, Any]:
        """The keywords that open it; see `mirage.encoders.base.Encoder`.

        Parameters
        ----------
        model : str
            Its id or folder; empty for the encoder's own.
        settings : Settings, optional
            What a person chose, where that counts.
        """
        return TorchEncoder.options_for(model, settings) | ({"activation": settings.encoder_activation} if settings else {})

    @staticmethod
    def opens(folder: Path) -> bool:
        """Whether a folder holds a model of open_clip."""
        return (folder / CONFIG).is_file()

    def _read_tokenizer(self) -> TowerTokenizer:
        text = self._config["text_cfg"]
        named, options = text.get("hf_tokenizer_name"), text.get("tokenizer_kwargs") or {}
        if text.get("tokenizer_mode") or options.get("strip_sep_token"):
            raise Unavailable(
                _("The model %(local)s reads texts in a way that MIRAGE does not have.", local=self._local.name)
            )
        kind = str(options.get("clean") or ("whitespace" if named else "lower"))
        if named:
            made = tokenizer.saved_tokenizer(self._tokenizer_folder)
            made.normalizer = tokenizer.cleaning(kind, made.normalizer)
        else:
            made = tokenizer.clip_tokenizer(_merges(), kind)
        pad = int(made.padding["pad_id"]) if made.padding else int(text.get("pad_id", 0))
        found = TowerTokenizer(made, int(text.get("context_length", 77)), pad, _is_causal(self._config))
        tokenizer.check(found, None if _is_hf(text) else int(text.get("vocab_size", 49_408)), _end(text))
        return found

    def _parts(self) -> list[tuple[str, str]]:
        named = self._config["text_cfg"].get("hf_tokenizer_name")
        files = tokenizer.tokenizer_files(self._tokenizer_folder) if named else [_merges()]
        return [
            ("weights", remembered_sha256(self._weights)),
            ("model", json.dumps(self._config, sort_keys=True)),
            *((f"tokenizer/{path.name}", remembered_sha256(path)) for path in files),
        ]

    @loaded_once
    def _tokenizer_folder(self) -> Path:
        folder = self._local.folder
        if tokenizer.tokenizer_files(folder):
            return folder
        from mirage.models.hub import locate  # noqa: PLC0415 - imports HTTP clients

        return locate(self._config["text_cfg"]["hf_tokenizer_name"], download=self._download, weights=False).folder

    def _load(self, torch: Any, library: Any, where: Placement) -> TorchTowers:
        from mirage.encoders import modules  # noqa: PLC0415 - imports torch

        with _alone(offline=not self._download):
            model = _built(library, self._local, self._config, where.dtype, where.device)
            library.load_checkpoint(model, str(self._weights), strict=True)
        model = model.eval().requires_grad_(False)
        is_bert = _is_hf(self._config["text_cfg"]) and model.text.config.model_type == "bert"
        foreign = modules.OpenClipBertText if is_bert else modules.OpenClipText
        text = (modules.OpenClipShortText if _is_causal(self._config) else foreign)(model).eval()
        vision = self._config["vision_cfg"]
        side, patch = self.preprocessing.height, int(vision.get("patch_size") or 16)
        width = int(vision.get("width") or 768) if "timm_model_name" not in vision else 1024
        return TorchTowers(
            text, modules.OpenClipImage(model).eval(), where, (side // patch) ** 2 + 1, width, max(1, width // 64)
        )


def _configuration(found: LocalModel, activation: str) -> dict[str, Any]:
    """``model_cfg``, with the activation that is used written into it."""
    whole = found.json(CONFIG)
    given = whole.get("model_cfg")
    wanted = ("embed_dim", "vision_cfg", "text_cfg")
    if not isinstance(given, dict) or not all(name in given for name in wanted):
        raise Unavailable(
            _(
                "The %(CONFIG)s of %(found)s is of no model that open_clip has: it lacks %(wanted)s.",
                CONFIG=CONFIG,
                found=found.name,
                wanted=", ".join(wanted),
            )
        )
    config = {**given, "quick_gelu": bool(given.get("quick_gelu", False))}
    if activation:
        config["quick_gelu"] = activation == "quick_gelu"
    return config


def _preprocessing(found: LocalModel, config: Mapping[str, Any]) -> Preprocessing:
    given = found.json(CONFIG).get("preprocess_cfg") or {}
    try:
        size = config["vision_cfg"].get("image_size", 224)
        height, width = (size, size) if isinstance(size, int) else size
        if height != width and given.get("resize_mode", "shortest") == "shortest":
            raise ValueError(_("pictures that are not square are not supported"))
        return Preprocessing(
            height=int(height),
            width=int(width),
            edge=int(height),
            mode=str(given.get("resize_mode") or "shortest"),
            resample=int(_FILTERS.get(given.get("interpolation") or "bicubic", Image.Resampling.BICUBIC)),
            mean=three(given.get("mean") or CLIP_MEAN),
            std=three(given.get("std") or CLIP_STD),
            fill=int(given.get("fill_color") or 0),
        )
    except (TypeError, ValueError) as error:
        raise Unavailable(
            _(
                "The preprocessing in %(folder)s cannot be used: %(error)s",
                folder=found.folder / CONFIG,
                error=first_line(error),
            )
        ) from error


def _is_hf(text: Mapping[str, Any]) -> bool:
    return bool(text.get("hf_model_name"))


def _is_causal(config: Mapping[str, Any]) -> bool:
    """Whether tokens see those before them alone and the vector is taken at the end of the text."""
    text = config["text_cfg"]
    other = _is_hf(text) or text.get("no_causal_mask") or text.get("embed_cls") or "multimodal_cfg" in config
    return not other and text.get("pool_type", "argmax") in ("argmax", "eos")


def _end(text: Mapping[str, Any]) -> int | None:
    pool = text.get("pool_type", "argmax")
    if _is_hf(text) or pool not in ("argmax", "eos"):
        return None
    # The end-of-text token is found as the largest number in a text, so it has to be the largest of all.
    return int(text.get("eos_id", 2)) if pool == "eos" else int(text.get("vocab_size", 49_408)) - 1


def _merges() -> Path:
    spec = importlib.util.find_spec("open_clip")
    if spec is None or not spec.submodule_search_locations:
        raise missing_package("open_clip", ModuleNotFoundError(name="open_clip_torch"))
    return Path(spec.submodule_search_locations[0]) / "bpe_simple_vocab_16e6.txt.gz"


def _built(open_clip: Any, found: LocalModel, config: Mapping[str, Any], dtype: str, device: str) -> Any:
    """The architecture, its weights still to come: open_clip would choose their file itself, a pickle before safetensors."""
    short = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}[dtype]
    # open_clip lowers the precision of its own layers alone; towers of other libraries are lowered as a whole.
    foreign = _is_hf(config["text_cfg"]) or config["vision_cfg"].get("timm_model_name")
    return open_clip.create_model(
        f"local-dir:{found.folder}",
        load_weights=False,
        pretrained_text=False,
        precision=f"pure_{short}" if foreign and short != "fp32" else short,
        device=device,
        quick_gelu=config["quick_gelu"],
    )


@contextmanager
def _alone(*, offline: bool) -> Iterator[None]:
    """Build a model without what open_clip logs, and without the network unless it is allowed.

    That a model has no weights yet would worry people; a text tower of the transformers library looks up its configuration.
    """
    from huggingface_hub import constants  # noqa: PLC0415

    def ours(record: logging.LogRecord) -> bool:
        return Path(record.pathname).parent.name != "open_clip"

    root, before = logging.getLogger(), constants.HF_HUB_OFFLINE
    root.addFilter(ours)
    constants.HF_HUB_OFFLINE = before or offline
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
        root.removeFilter(ours)
