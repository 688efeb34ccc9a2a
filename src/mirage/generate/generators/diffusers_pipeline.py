"""A Stable Diffusion pipeline in memory: where it runs, whether it fits, and how it is loaded to be quick."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass, field
from typing import Any

from mirage.errors import Unavailable
from mirage.generate.generators.diffusers_folder import Folder, missing
from mirage.models.runtime import Placement, first_line, select_device, whole_memory

# Schedulers that belong to distilled models and their few steps; any other is exchanged for DPM-Solver++.
FEW_STEPS = {"LCMScheduler": 8, "TCDScheduler": 8}
STEPS = 20
_UNTILED = 768 * 768  # pixels up to which an image is decoded in one piece

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Loaded:
    """A pipeline that draws from words, and one of the same parts that begins from a picture."""

    pipe: Any
    place: Placement
    folder: Folder
    _again: list[Any] = field(default_factory=list)

    @property
    def from_picture(self) -> Any:
        """The pipeline that begins from a picture; it shares every weight."""
        if not self._again:
            _, diffusers = libraries()
            pipe = diffusers.StableDiffusionImg2ImgPipeline(**self.pipe.components, requires_safety_checker=False)
            pipe.set_progress_bar_config(disable=True)
            self._again.append(pipe)
        return self._again[0]


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
        raise missing(error) from error
    return torch, diffusers


def place_for(folder: Folder, device: str = "", dtype: str = "") -> Placement:
    """What suits the machine: half precision on a GPU; else 32 bits while they take less than 60 % of the memory.

    Parameters
    ----------
    folder : Folder
    device, dtype : str
        As a person named them; empty to choose. See `mirage.models.runtime.select_device`.
    """
    torch, _ = libraries()

    def on_cpu() -> str:
        # By what the machine has and not by what is free now: the same request shall give the same image tomorrow.
        whole = whole_memory()
        tight = whole is not None and folder.memory(folder.size, folder.size, 4) > 0.6 * whole
        return "bfloat16" if tight else "float32"

    return select_device(torch, device, dtype, on_cpu)


def load(folder: Folder, place: Placement, *, slicing: bool = False) -> Loaded:
    """Load a pipeline from safetensors and make it quick.

    DPM-Solver++ (multistep, second order; Lu et al. 2022, arXiv 2211.01095) takes the place of the pipeline's own
    scheduler, with that one's noise schedule; weights lie channels last.

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
        if slicing:
            pipe.enable_attention_slicing()
        return Loaded(pipe, place, folder)
    except Unavailable:
        raise
    except Exception as error:  # two libraries, each with kinds of its own
        raise Unavailable(
            f"The model in {folder.path} cannot be loaded: {first_line(error)} Fetch it anew, or name another "
            "(setting generator_model)."
        ) from error


def quick_scheduler(own: Any) -> Any:
    """DPM-Solver++ with the noise schedule of the pipeline's own scheduler, or that one where it is no exchange."""
    _, diffusers = libraries()
    quick = diffusers.DPMSolverMultistepScheduler
    if type(own).__name__ in FEW_STEPS or quick not in getattr(own, "compatibles", []):
        return own
    return quick.from_config(own.config, algorithm_type="dpmsolver++", solver_order=2)


def tile(loaded: Loaded, width: int, height: int, tiling: bool | None) -> None:
    """Decode in tiles, which bounds the memory, or in one piece, which leaves no seams; by size when nobody says."""
    wanted = width * height > _UNTILED if tiling is None else tiling
    (loaded.pipe.vae.enable_tiling if wanted else loaded.pipe.vae.disable_tiling)()


def _check_whole(pipe: Any, folder: Folder) -> None:
    """Both libraries fill weights that a file lacks with chance, and only log it."""
    torch, _ = libraries()
    parts = [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]
    wanted = sum(weight.numel() for part in parts for weight in part.parameters())
    if wanted > 1.001 * folder.parameters:
        raise Unavailable(
            f"The weights in {folder.path} do not fill the model: {folder.parameters:,} of {wanted:,}. Fetch it anew."
        )


def _quiet(diffusers: Any) -> None:
    """Keep bars and warnings of the libraries out of the way: what matters is said by us."""
    import transformers  # noqa: PLC0415 - as in `libraries`

    for library in (diffusers, transformers):
        for told in ("set_verbosity_error", "disable_progress_bar"):
            getattr(library.utils.logging, told, lambda: None)()
