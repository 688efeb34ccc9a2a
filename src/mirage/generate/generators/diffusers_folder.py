"""The folder of a Stable Diffusion pipeline: found on this machine or fetched, and looked over before a weight is loaded."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirage.errors import Unavailable
from mirage.models.files import LocalModel, missing_parts, parameters, weight_files
from mirage.models.runtime import first_line

INDEX = "model_index.json"
_PIPELINES = ("StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline")
_NEEDED = {
    "unet": "UNet2DConditionModel",
    "vae": "AutoencoderKL",
    "text_encoder": "CLIPTextModel",
    "tokenizer": "CLIPTokenizer",
    "scheduler": "",
}
_LIBRARIES = ("diffusers", "transformers", "stable_diffusion")
_WITH_WEIGHTS = ("unet", "vae", "text_encoder", "safety_checker", "image_encoder")
_SAMPLE = 65_536
OTHERWISE = "Name the folder or hub id of a Stable Diffusion pipeline (setting generator_model)."


@dataclass(frozen=True, slots=True)
class PipelineFolder:
    """What the files of a pipeline tell without its weights.

    Attributes
    ----------
    path : Path
    digest : str
        Hexadecimal, of the configurations and of size, beginning and end of each file of weights.
    size, multiple : int
        The side the network was trained at, and what a side is a multiple of, in pixels.
    tokens : int
        How many tokens of a text the text encoder reads, its marks of beginning and end left out.
    scheduler : str
        Class of the pipeline's own scheduler.
    parameters : int
        Of all its parts.
    widest : int
        Channels of the image decoder at full size.
    """

    path: Path
    digest: str
    size: int
    multiple: int
    tokens: int
    scheduler: str
    parameters: int
    widest: int

    def memory(self, width: int, height: int, bytes_each: int) -> int:
        """Bytes it takes to draw an image: an estimate from the weights and four times the widest layer of the decoder.

        Parameters
        ----------
        width, height : int
            Of the image, in pixels.
        bytes_each : int
            Bytes of one number, by precision: 4 for float32.
        """
        return bytes_each * (self.parameters + 4 * self.widest * width * height)


def look_over(path: Path) -> PipelineFolder:
    """Read a pipeline's configurations and the headers of its weights.

    Raises
    ------
    mirage.errors.Unavailable
        When it is no Stable Diffusion pipeline, or not a whole one; the message names the file and what to do.
    """
    model = LocalModel(str(path), path)
    if not (path / INDEX).is_file():
        raise Unavailable(_of_another_kind(model))
    index = model.json(INDEX)
    kind = index.get("_class_name")
    if kind not in _PIPELINES:
        raise Unavailable(
            f"{path} holds a {kind}, which is called otherwise than a {_PIPELINES[0]} and is not supported. {OTHERWISE}"
        )
    _check_parts(path, index)
    if lacking := missing_parts(path):
        raise Unavailable(f"{path} is not whole: {', '.join(lacking)} is missing. Fetch the model anew.")
    unet, vae, text = (model.json(f"{part}/config.json") for part in ("unet", "vae", "text_encoder"))
    if unet.get("in_channels") != vae.get("latent_channels", 4):
        raise Unavailable(
            f"The network in {path} reads {unet.get('in_channels')} channels and not {vae.get('latent_channels', 4)}: it is "
            f"made for inpainting or the like, not for drawing from words. {OTHERWISE}"
        )
    if unet.get("cross_attention_dim") != text.get("hidden_size"):
        raise Unavailable(
            f"The network in {path} reads texts of {unet.get('cross_attention_dim')} numbers a token and the text encoder "
            f"writes {text.get('hidden_size')}: they are of two models. Fetch the model anew."
        )
    files = [file for part in _WITH_WEIGHTS for file in weight_files(path / part)]
    try:
        blocks = [int(width) for width in vae["block_out_channels"]]
        multiple = 2 ** (len(blocks) - 1)
        side = unet["sample_size"]
        side = int(side if isinstance(side, int) else min(side))
        return PipelineFolder(
            path=path,
            digest=_digest(path, files),
            size=side * multiple,
            multiple=max(8, multiple),
            tokens=int(text["max_position_embeddings"]) - 2,
            scheduler=str(index["scheduler"][1]),
            parameters=sum(parameters(file) for file in files),
            widest=2 * blocks[0],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable(f"The configuration in {path} lacks {first_line(error)} Fetch the model anew.") from error


def _of_another_kind(model: LocalModel) -> str:
    path, told = model.folder, ""
    with suppress(Unavailable):
        config = model.json("config.json")
        kinds = config.get("architectures") or [config.get("model_type")]
        told = f" It holds a {kinds[0]}, a model of another kind." if kinds[0] else ""
    if not told and (single := sorted([*path.glob("*.safetensors"), *path.glob("*.ckpt")])):
        told = f" {single[0].name} alone is not enough: the folder of a pipeline has unet, vae, text_encoder and tokenizer."
    return f"{path} is no Stable Diffusion pipeline: it has no {INDEX}.{told} {OTHERWISE}"


def _check_parts(path: Path, index: dict[str, Any]) -> None:
    for part, named in index.items():
        if part.startswith("_") or not isinstance(named, list) or len(named) != 2 or named[0] is None:
            continue
        if named[0] not in _LIBRARIES:
            raise Unavailable(
                f"The {part} in {path} would run code that comes with the model, which is refused. {OTHERWISE}"
            )
        if not str(named[1]).startswith(_NEEDED.get(part, "")):
            raise Unavailable(f"The {part} in {path} is a {named[1]}, where {_NEEDED[part]} is read. {OTHERWISE}")
    if absent := [part for part in _NEEDED if not isinstance(index.get(part), list) or index[part][0] is None]:
        raise Unavailable(f"{path / INDEX} names no {', '.join(absent)}. Fetch the model anew.")


def _digest(path: Path, files: list[Path]) -> str:
    told = hashlib.sha256()
    for file in [path / INDEX, *sorted(path.glob("*/*config.json"))]:
        told.update(file.read_bytes())
    for file in files:
        size = file.stat().st_size
        told.update(f"{file.relative_to(path)} {size}".encode())
        with file.open("rb") as opened:
            told.update(opened.read(_SAMPLE))
            opened.seek(max(0, size - _SAMPLE))
            told.update(opened.read())
    return told.hexdigest()[:16]
