"""A Stable Diffusion pipeline: its folder looked over, loaded to be quick, given what it reads, and what it drew decoded."""

from __future__ import annotations

import hashlib
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from mirage.errors import Unavailable
from mirage.generate.generators.base import GenerationRequest
from mirage.installed import to_install
from mirage.locales import number
from mirage.models.files import LocalModel, missing_parts, parameters, weight_files
from mirage.models.runtime import Placement, first_line, select_device, whole_memory
from mirage.wording import N_, _

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
OTHERWISE = N_("Name the folder or hub id of a Stable Diffusion pipeline (setting generator_model).")
# Schedulers that belong to distilled models and their few steps; any other is exchanged for DPM-Solver++.
FEW_STEPS = {"LCMScheduler": 8, "TCDScheduler": 8}
STEPS = 20
_UNTILED = 768 * 768  # pixels up to which an image is decoded in one piece


# -- a folder before a weight is loaded ---------------------------------------------------------------------------------


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
            _(
                "%(path)s holds a %(kind)s, which takes other arguments than a %(PIPELINES)s and is "
                "not supported. %(OTHERWISE)s",
                path=path,
                kind=kind,
                PIPELINES=_PIPELINES[0],
                OTHERWISE=_(OTHERWISE),
            )
        )
    _check_parts(path, index)
    if lacking := missing_parts(path):
        raise Unavailable(
            _("%(path)s is not whole: %(lacking)s is missing. Fetch the model anew.", path=path, lacking=", ".join(lacking))
        )
    unet, vae, text = (model.json(f"{part}/config.json") for part in ("unet", "vae", "text_encoder"))
    if unet.get("in_channels") != vae.get("latent_channels", 4):
        raise Unavailable(
            _(
                "The network in %(path)s reads %(what)s channels and not %(what2)s: it is made for "
                "inpainting or the like, not for drawing from words. %(OTHERWISE)s",
                path=path,
                what=unet.get("in_channels"),
                what2=vae.get("latent_channels", 4),
                OTHERWISE=OTHERWISE,
            )
        )
    if unet.get("cross_attention_dim") != text.get("hidden_size"):
        raise Unavailable(
            _(
                "The network in %(path)s reads texts of %(what)s numbers a token and the text "
                "encoder writes %(what2)s: they are of two models. Fetch the model anew.",
                path=path,
                what=unet.get("cross_attention_dim"),
                what2=text.get("hidden_size"),
            )
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
        raise Unavailable(
            _("The configuration in %(path)s lacks %(error)s Fetch the model anew.", path=path, error=first_line(error))
        ) from error


def _of_another_kind(model: LocalModel) -> str:
    path, told = model.folder, ""
    with suppress(Unavailable):
        config = model.json("config.json")
        kinds = config.get("architectures") or [config.get("model_type")]
        told = " " + _("It holds a %(kind)s, a model of another kind.", kind=kinds[0]) if kinds[0] else ""
    if not told and (single := sorted([*path.glob("*.safetensors"), *path.glob("*.ckpt")])):
        told = " " + _(
            "%(name)s alone is not enough: the folder of a pipeline has unet, vae, text_encoder and tokenizer.",
            name=single[0].name,
        )
    return (
        _("%(path)s is no Stable Diffusion pipeline: it has no %(index)s.", path=path, index=INDEX)
        + f"{told} {_(OTHERWISE)}"
    )


def _check_parts(path: Path, index: dict[str, Any]) -> None:
    for part, named in index.items():
        if part.startswith("_") or not isinstance(named, list) or len(named) != 2 or named[0] is None:
            continue
        if named[0] not in _LIBRARIES:
            raise Unavailable(
                _(
                    "The %(part)s in %(path)s would run code that comes with the model, which is refused. %(OTHERWISE)s",
                    part=part,
                    path=path,
                    OTHERWISE=_(OTHERWISE),
                )
            )
        if not str(named[1]).startswith(_NEEDED.get(part, "")):
            raise Unavailable(
                _(
                    "The %(part)s in %(path)s is a %(named)s, where %(NEEDED)s is read. %(OTHERWISE)s",
                    part=part,
                    path=path,
                    named=named[1],
                    NEEDED=_NEEDED[part],
                    OTHERWISE=_(OTHERWISE),
                )
            )
    if absent := [part for part in _NEEDED if not isinstance(index.get(part), list) or index[part][0] is None]:
        raise Unavailable(
            _("%(path)s names no %(absent)s. Fetch the model anew.", path=path / INDEX, absent=", ".join(absent))
        )


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


# -- a pipeline in memory -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LoadedPipeline:
    """A pipeline in memory, where it is, and what its files tell."""

    pipe: Any
    place: Placement
    folder: PipelineFolder

    @property
    def from_picture(self) -> Any:
        """A pipeline of the same parts that begins from a picture; it shares every weight."""
        _other, diffusers = libraries()
        pipe = diffusers.StableDiffusionImg2ImgPipeline(**self.pipe.components, requires_safety_checker=False)
        pipe.set_progress_bar_config(disable=True)
        return pipe


def libraries() -> tuple[Any, Any]:
    """torch and diffusers.

    Raises
    ------
    mirage.errors.Unavailable
        Naming the extra, when one of them is not installed.
    """
    try:
        import diffusers  # noqa: PLC0415 - only when this generator draws
        import torch  # noqa: PLC0415
        import transformers  # noqa: F401, PLC0415 - diffusers comes without it, its Stable Diffusion does not
    except ImportError as error:
        raise Unavailable(
            _(
                "The diffusers generator needs %(error)s, which is not installed: `%(install)s`.",
                error=error.name,
                install=to_install("torch", "transformers", "diffusers", "accelerate"),
            )
        ) from error
    return torch, diffusers


def place_for(folder: PipelineFolder, device: str = "", dtype: str = "") -> Placement:
    """What suits the machine: half precision on a GPU; else 32 bits while they take less than 60 % of the memory.

    Parameters
    ----------
    folder : PipelineFolder
    device, dtype : str
        As a person named them; empty to choose. See `mirage.models.runtime.select_device`.
    """
    torch, _other = libraries()

    def on_cpu() -> str:
        # By what the machine has and not by what is free now: the same request shall give the same image tomorrow.
        whole = whole_memory()
        tight = whole is not None and folder.memory(folder.size, folder.size, 4) > 0.6 * whole
        return "bfloat16" if tight else "float32"

    return select_device(torch, device, dtype, on_cpu)


def load(folder: PipelineFolder, place: Placement) -> LoadedPipeline:
    """Load a pipeline from safetensors and make it quick.

    DPM-Solver++ (multistep, second order; Lu et al. 2022, arXiv 2211.01095) takes the place of the pipeline's own
    scheduler, with that one's noise schedule; weights lie channels last.

    Parameters
    ----------
    folder : PipelineFolder
        As `look_over` reads it.
    place : Placement
        The device and the precision to draw in.

    Raises
    ------
    mirage.errors.Unavailable
        When it cannot be loaded.
    """
    torch, diffusers = libraries()
    try:
        _quiet(diffusers)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pipe = diffusers.StableDiffusionPipeline.from_pretrained(
                str(folder.path),
                torch_dtype=getattr(torch, place.dtype),
                use_safetensors=True,
                local_files_only=True,
                requires_safety_checker=False,
            )
        _check_whole(pipe, folder)
        pipe.to(place.device)
        pipe.set_progress_bar_config(disable=True)
        pipe.scheduler = quick_scheduler(pipe.scheduler)
        pipe.tokenizer.model_max_length = min(pipe.tokenizer.model_max_length, folder.tokens + 2)
        for part in (pipe.unet, pipe.vae):
            part.to(memory_format=torch.channels_last)
        return LoadedPipeline(pipe, place, folder)
    except Unavailable:
        raise
    except Exception as error:  # two libraries, each with kinds of its own
        raise Unavailable(
            _(
                "The model in %(path)s cannot be loaded: %(error)s Fetch it anew, or name another "
                "(setting generator_model).",
                path=folder.path,
                error=first_line(error),
            )
        ) from error


def quick_scheduler(own: Any) -> Any:
    """DPM-Solver++ with the noise schedule of the pipeline's own scheduler, or that one where it is no exchange."""
    _other, diffusers = libraries()
    quick = diffusers.DPMSolverMultistepScheduler
    if type(own).__name__ in FEW_STEPS or quick not in getattr(own, "compatibles", []):
        return own
    return quick.from_config(own.config, algorithm_type="dpmsolver++", solver_order=2)


def tile(loaded: LoadedPipeline, width: int, height: int, tiling: bool | None) -> None:
    """Decode in tiles, which bounds the memory, or in one piece, which leaves no seams; by size when nobody says.

    Parameters
    ----------
    loaded : LoadedPipeline
        Its decoder is set.
    width, height : int
        Of the image, in pixels.
    tiling : bool or None
        None for tiles above 768 × 768 pixels only.
    """
    wanted = width * height > _UNTILED if tiling is None else tiling
    (loaded.pipe.vae.enable_tiling if wanted else loaded.pipe.vae.disable_tiling)()


def _check_whole(pipe: Any, folder: PipelineFolder) -> None:
    """Both libraries fill weights that a file lacks with chance, and only log it."""
    torch, _other = libraries()
    parts = [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]
    wanted = sum(weight.numel() for part in parts for weight in part.parameters())
    if wanted > 1.001 * folder.parameters:
        raise Unavailable(
            _(
                "The weights in %(path)s do not fill the model: %(parameters)s of %(wanted)s. Fetch it anew.",
                path=folder.path,
                parameters=number(folder.parameters),
                wanted=number(wanted),
            )
        )


def _quiet(diffusers: Any) -> None:
    """Keep bars and warnings of the libraries out of the way: what matters is said by us."""
    import transformers  # noqa: PLC0415 - as in `libraries`

    for library in (diffusers, transformers):
        for told in ("set_verbosity_error", "disable_progress_bar"):
            getattr(library.utils.logging, told, lambda: None)()


_PREVIEW = 24  # side of what a preview decodes, in latent cells: an image of 192 pixels
# A preview may be asked for by another thread while the decoder is for once in another precision.
_decoding = threading.Lock()

AGAIN = N_("Half precision overflowed when the image was decoded; it was decoded again in 32 bits.")
OVERFLOWED = N_(
    "Nothing came out: the numbers overflowed while it was drawn (not a number), which half precision does. "
    "Draw it in float32, with less guidance, or from another seed."
)
UNDECODED = N_(
    "Nothing came out: the numbers overflowed when the image was decoded, in 32 bits too. The model may be damaged."
)
UNSAFE = N_(
    "Nothing came out: the model's own safety checker took the image for indecent and blackened it. It is often wrong about "
    "medical images. Draw it from another seed, or say it in other words."
)
EVEN = N_("The image came out in one even colour. Neither the safety checker nor an overflow did it: the model drew it so.")


def embeddings(loaded: LoadedPipeline, request: GenerationRequest) -> tuple[Any, Any]:
    """The prompt and what it is set against, (1, tokens, width) each.

    The prompt is the mean of the embeddings of the wanted terms by weight. It is set against the mean of the unwanted ones
    (`request.negative` with weight 1 among them), as far as the heaviest of them weighs against the heaviest wanted one; the
    rest is the empty prompt, so that "less of: contrast@0.1" steers less than "less of: contrast".

    Parameters
    ----------
    loaded : LoadedPipeline
    request : GenerationRequest
        At least one term has a positive weight.

    Returns
    -------
    tuple of torch.Tensor
        In the text encoder's precision, on the pipeline's device.
    """
    torch, _other = libraries()
    wanted = [(term.text, term.weight) for term in request.terms if term.weight > 0]
    unwanted = [(term.text, -term.weight) for term in request.terms if term.weight < 0]
    unwanted += [(request.negative, 1.0)] if request.negative else []

    def mean(texts: list[tuple[str, float]]) -> Any:
        each, _other = loaded.pipe.encode_prompt([text for text, _ in texts], loaded.place.device, 1, False)
        weights = torch.tensor([weight for _, weight in texts], dtype=torch.float32, device=each.device)
        return torch.einsum("n,ntw->tw", weights / weights.sum(), each.float())[None]

    prompt, against = mean(wanted), mean([("", 1.0)])
    if unwanted:
        share = min(1.0, max(weight for _, weight in unwanted) / max(weight for _, weight in wanted))
        against = share * mean(unwanted) + (1 - share) * against
    return tuple(told.to(loaded.pipe.text_encoder.dtype) for told in (prompt, against))


def inputs(loaded: LoadedPipeline, request: GenerationRequest, generator: Any) -> tuple[Any, dict[str, Any]]:
    """The pipeline to call and what it begins from: noise of the seed, or a picture with some noise.

    Parameters
    ----------
    loaded : LoadedPipeline
    request : GenerationRequest
        As `mirage.generate.generators.base.filled` leaves it.
    generator : torch.Generator
        On the processor, with the seed of this image.

    Returns
    -------
    tuple
        The pipeline; and the arguments that it is called with beside embeddings, steps and guidance.
    """
    torch, _other = libraries()
    pipe = loaded.pipe
    steps, width, height = int(request.steps or 1), int(request.width or 0), int(request.height or 0)
    if request.start is not None:
        start = ImageOps.pad(request.start.convert("RGB"), (width, height), Image.Resampling.LANCZOS)
        least = (1 + 1e-6) / steps  # of which it makes one step
        return loaded.from_picture, {"image": start, "strength": max(request.strength, least), "generator": generator}
    cells = (1, pipe.unet.config.in_channels, height // pipe.vae_scale_factor, width // pipe.vae_scale_factor)
    # Noise is made in 32 bits on the processor, so that a seed means the same on every device and in every precision.
    noise = torch.randn(cells, generator=generator, dtype=torch.float32)
    latents = noise.to(loaded.place.device, getattr(torch, loaded.place.dtype))
    return pipe, {"latents": latents, "width": width, "height": height, "generator": generator}


def preview(loaded: LoadedPipeline, latents: Any) -> Callable[[], Image.Image]:
    """How to see what the image will be, small: what DPM-Solver++ takes the clean image for, else the noisy one.

    Parameters
    ----------
    loaded : LoadedPipeline
    latents : torch.Tensor
        (1, channels, rows, columns) as they are after a step.

    Returns
    -------
    callable
        Makes the picture, at most 24 latent cells a side; costs time only when called.
    """
    torch, _other = libraries()
    clean = (getattr(loaded.pipe.scheduler, "model_outputs", None) or [None])[-1]
    seen = clean if clean is not None and clean.shape == latents.shape else latents

    def make() -> Image.Image:
        with torch.inference_mode():
            factor = -(-max(seen.shape[-2:]) // _PREVIEW)
            small = torch.nn.functional.avg_pool2d(seen.float(), factor, ceil_mode=True)
            with _decoding:
                return _picture(_decode(loaded, small))

    return make


def finished(loaded: LoadedPipeline, latents: Any) -> tuple[Image.Image, tuple[str, ...], bool]:
    """Decode what was drawn: the image, remarks about it, and whether it is blank.

    Parameters
    ----------
    loaded : LoadedPipeline
    latents : torch.Tensor
        (1, channels, rows, columns) as they are after the last step.
    """
    torch, _other = libraries()
    remarks: tuple[str, ...] = ()
    black = Image.new("RGB", tuple(side * loaded.pipe.vae_scale_factor for side in reversed(latents.shape[-2:])))
    with torch.inference_mode():
        if not bool(torch.isfinite(latents).all()):
            return black, (_(OVERFLOWED),), True
        with _decoding:
            image = _decode(loaded, latents)
            if not bool(torch.isfinite(image).all()):
                image, remarks = _decode_in_32_bits(loaded, latents), (_(AGAIN),)
        if not bool(torch.isfinite(image).all()):
            return black, (_(UNDECODED),), True
        _other, flagged = loaded.pipe.run_safety_checker(image.clone(), loaded.place.device, loaded.pipe.unet.dtype)
        if flagged and any(flagged):
            return black, (*remarks, _(UNSAFE)), True
        picture = _picture(image)
    shades = np.asarray(picture)
    if bool((shades == shades[0, 0]).all()):
        return picture, (*remarks, _(EVEN)), True
    return picture, remarks, False


def _decode(loaded: LoadedPipeline, latents: Any) -> Any:
    vae = loaded.pipe.vae
    return vae.decode(latents.to(vae.dtype) / vae.config.scaling_factor, return_dict=False)[0]


def _decode_in_32_bits(loaded: LoadedPipeline, latents: Any) -> Any:
    torch, _other = libraries()
    vae, usual = loaded.pipe.vae, loaded.pipe.vae.dtype
    try:
        vae.to(dtype=torch.float32)
        return _decode(loaded, latents)
    finally:
        # The next image is decoded as if this one had never been: same request, same image.
        vae.to(dtype=usual)


def _picture(image: Any) -> Image.Image:
    """(1, 3, h, w) in −1…1 to a picture."""
    shown = (image[0].float().nan_to_num(-1.0) / 2 + 0.5).clamp(0, 1)
    return Image.fromarray((shown * 255).round().byte().permute(1, 2, 0).cpu().numpy(), "RGB")
