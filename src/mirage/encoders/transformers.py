"""Models of the transformers library: the CLIP family (PubMedCLIP) and the SigLIP family (MedSigLIP)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirage.encoders import tokenizer
from mirage.encoders.preprocessing import CLIP_MEAN, CLIP_STD, Preprocessing, three
from mirage.encoders.tokenizer import TowerTokenizer
from mirage.encoders.towers import TorchEncoder, TorchTowers
from mirage.errors import Unavailable
from mirage.locales import listed
from mirage.models.files import LocalModel, shards
from mirage.models.runtime import Placement, first_line, remembered_sha256
from mirage.wording import _

_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
# Dual encoders that the library names so in config.json; which of them are opened is told when one is.
_DUAL = {"clip", "siglip", "siglip2", "chinese_clip", "altclip", "vision-text-dual-encoder"}
_OLD_END = 2  # what the configurations of early CLIP models call their end-of-text token, which is really the last one


@dataclass(frozen=True, slots=True)
class Family:
    """What models of one kind have in common.

    Attributes
    ----------
    kind : str
        Class of the transformers library.
    trims : bool
        Whether its text tower is causal and takes the vector at the end-of-text token.
    vocabulary, tokens : int
        What the library takes where a configuration does not say.
    """

    kind: str
    trims: bool
    vocabulary: int
    tokens: int


FAMILIES = {
    "clip": Family("CLIPModel", True, 49_408, 77),
    "siglip": Family("SiglipModel", False, 32_000, 64),
}


class TransformersEncoder(TorchEncoder):
    """A CLIP or SigLIP model; its parameters are those of `mirage.encoders.towers.TorchEncoder`."""

    adapter = "transformers"

    def _configure(self) -> None:
        self._config = self._local.json("config.json")
        self._family = _family(self._local, self._config)
        self._text, self._vision = self._config.get("text_config") or {}, self._config.get("vision_config") or {}
        weights = self._local.weights(_WEIGHTS)
        self._files = shards(weights) if weights.suffix == ".json" else [weights]
        if lost := [path.name for path in self._files if not path.is_file()]:
            raise Unavailable(
                _("The model %(local)s lacks %(lost)s. Fetch it anew.", local=self._local.name, lost=", ".join(lost))
            )
        text_size = self._text.get("projection_size") or self._text.get("hidden_size", 768)
        self.dimension = int(self._config.get("projection_dim", 512) if self._family.kind == "CLIPModel" else text_size)
        self.preprocessing = _preprocessing(self._local, int(self._vision.get("image_size", 224)))

    @staticmethod
    def opens(folder: Path) -> bool:
        """Whether a folder holds a dual encoder of the transformers library."""
        with suppress(OSError, ValueError, AttributeError):
            return json.loads((folder / "config.json").read_text("utf-8")).get("model_type") in _DUAL
        return False

    def _read_tokenizer(self) -> TowerTokenizer:
        vocabulary = int(self._text.get("vocab_size", self._family.vocabulary))
        tokens = int(self._text.get("max_position_embeddings", self._family.tokens))
        made = tokenizer.saved_tokenizer(self._local.folder)
        row = made.encode("a").ids
        last = row[-1] if row else 0
        # CLIP fills up with its end token, of which the first counts; SigLIP sees what it is filled up with.
        pad = last if self._family.trims or not made.padding else int(made.padding["pad_id"])
        found = TowerTokenizer(made, tokens, pad, self._family.trims)
        tokenizer.check(found, vocabulary, self._end(vocabulary))
        return found

    def _end(self, vocabulary: int) -> int | None:
        if not self._family.trims:
            return None
        end = int(self._text.get("eos_token_id", 49_407))
        return vocabulary - 1 if end == _OLD_END else end

    def _parts(self) -> list[tuple[str, str]]:
        files = [*self._files, *tokenizer.tokenizer_files(self._local.folder)]
        return [
            ("text", json.dumps(self._text, sort_keys=True)),
            ("vision", json.dumps(self._vision, sort_keys=True)),
            *((path.name, remembered_sha256(path)) for path in files),
        ]

    def _load(self, torch: Any, library: Any, where: Placement) -> TorchTowers:
        from mirage.encoders import modules  # noqa: PLC0415 - imports torch

        model, told = getattr(library, self._family.kind).from_pretrained(
            str(self._local.folder),
            dtype=getattr(torch, where.dtype),
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
        lacking = sorted(name for name in told["missing_keys"] if not name.endswith("position_ids"))
        if lacking:
            raise Unavailable(
                _(
                    "The model %(local)s lacks weights (%(lacking)s%(what)s). Fetch it anew.",
                    local=self._local.name,
                    lacking=", ".join(lacking[:3]),
                    what=", …" if len(lacking) > 3 else "",
                )
            )
        model = model.to(where.device).eval().requires_grad_(False)
        patches = (self.preprocessing.height // int(self._vision.get("patch_size", 32))) ** 2 + 1
        width, heads = int(self._vision.get("hidden_size", 768)), int(self._vision.get("num_attention_heads", 12))
        text = modules.TransformersTower(model.text_model, getattr(model, "text_projection", None)).eval()
        image = modules.TransformersTower(model.vision_model, getattr(model, "visual_projection", None)).eval()
        return TorchTowers(text, image, where, patches, width, heads)


def _family(found: LocalModel, config: Mapping[str, Any]) -> Family:
    kind = config.get("model_type")
    if kind not in FAMILIES:
        raise Unavailable(
            _(
                "%(found)s is a model of the kind %(kind)s; the transformers encoder opens "
                "%(FAMILIES)s. Name another (setting encoder_model).",
                found=found.name,
                kind=repr(kind),
                FAMILIES=listed(list(FAMILIES)),
            )
        )
    return FAMILIES[str(kind)]


def _preprocessing(found: LocalModel, side: int) -> Preprocessing:
    """What ``preprocessor_config.json`` says, or ``processor_config.json`` as newer versions write it."""
    if (found.folder / "preprocessor_config.json").is_file():
        given = found.json("preprocessor_config.json")
    else:
        given = found.json("processor_config.json").get("image_processor") or {}
    try:
        made = _understood(given)
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable(
            _("The preprocessing of %(found)s cannot be used: %(error)s", found=found.name, error=first_line(error))
        ) from error
    if (made.height, made.width) != (side, side):
        raise Unavailable(
            _(
                "The preprocessing of %(found)s makes pictures of %(width)s × %(height)s pixels and "
                "its image tower sees %(side)s × %(side)s: they are of two models. Fetch the model "
                "anew.",
                found=found.name,
                width=made.width,
                height=made.height,
                side=side,
            )
        )
    return made


def _understood(given: Mapping[str, Any]) -> Preprocessing:
    if not given.get("do_resize", True) or not given.get("do_normalize", True):
        raise ValueError(_("pictures are to be taken as they are, which is not supported"))
    size, crop = given["size"], given.get("crop_size")
    size = {"shortest_edge": size} if isinstance(size, int) else dict(size)
    crop = {"height": crop, "width": crop} if isinstance(crop, int) else crop
    if edge := size.get("shortest_edge"):
        cut = crop if given.get("do_center_crop", True) and crop else {"height": edge, "width": edge}
        height, width, mode = int(cut["height"]), int(cut["width"]), "shortest"
    else:
        height, width, mode, edge = int(size["height"]), int(size["width"]), "squash", int(size["height"])
        if given.get("do_center_crop") and crop and (crop["height"], crop["width"]) != (height, width):
            raise ValueError(_("pictures are squashed and then cut, which is not supported"))
    return Preprocessing(
        height=height,
        width=width,
        edge=int(edge),
        mode=mode,
        resample=int(given.get("resample", 3)),
        mean=three(given.get("image_mean") or CLIP_MEAN),
        std=three(given.get("image_std") or CLIP_STD),
        scale=float(given.get("rescale_factor", 1 / 255)) if given.get("do_rescale", True) else 1.0,
        rounds=False,
    )
