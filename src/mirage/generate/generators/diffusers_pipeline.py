"""A Stable Diffusion pipeline in memory: where it runs, whether it fits, and how it is loaded to be quick."""

from __future__ import annotations

import gc
import logging
import os
import warnings
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mirage.errors import BadInput, Unavailable
from mirage.generate.generators.diffusers_folder import Folder, first_line, missing

# Schedulers that belong to distilled models and their few steps; any other is exchanged for DPM-Solver++.
FEW_STEPS = {"LCMScheduler": 8, "TCDScheduler": 8}
STEPS = 20
_TYPES = {"float32": 4, "bfloat16": 2, "float16": 2}
_UNTILED = 768 * 768  # pixels up to which an image is decoded in one piece

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pipeline runs: ``cuda``, ``mps`` or ``cpu``, and as ``float32``, ``bfloat16`` or ``float16``."""

    device: str
    dtype: str

    @property
    def bytes_each(self) -> int:
        """Of one number."""
        return _TYPES[self.dtype]


@dataclass(slots=True)
class Loaded:
    """A pipeline that draws from words, and one of the same parts that begins from a picture."""

    pipe: Any
    place: Place
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


def place_for(folder: Folder, device: str = "", dtype: str = "") -> Place:
    """What suits the machine: half precision on a GPU; else 32 bits while they take less than 60 % of the memory."""
    torch, _ = libraries()
    if dtype and dtype not in _TYPES:
        raise BadInput(f"dtype is float32, bfloat16 or float16, not {dtype!r}.")
    device = device or ("cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu")
    if dtype:
        return Place(device, dtype)
    if device.startswith("cuda"):
        return Place(device, "bfloat16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "float16")
    if device == "mps":
        return Place(device, "float16")
    # By what the machine has and not by what is free now: the same request shall give the same image tomorrow.
    whole = _whole_memory()
    tight = whole is not None and folder.memory(folder.size, folder.size, 4) > 0.6 * whole
    return Place(device, "bfloat16" if tight else "float32")


def free_memory(device: str) -> int | None:
    """Bytes that are free on a device; None where nobody can tell."""
    torch, _ = libraries()
    if device.startswith("cuda") and torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    with suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with suppress(AttributeError, ValueError, OSError):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def load(folder: Folder, place: Place, *, slicing: bool = False) -> Loaded:
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


def tidy_up() -> None:
    """Give memory that nobody holds any more back to the machine."""
    gc.collect()
    with suppress(Unavailable):
        torch, _ = libraries()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


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


def _whole_memory() -> int | None:
    with suppress(AttributeError, ValueError, OSError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None
