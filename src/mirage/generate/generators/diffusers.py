"""Any Stable Diffusion pipeline of the diffusers library, on this machine: Prompt2MedImage, as in the paper, or another.

Its files are looked over before a weight is loaded: a model that is not whole, of another kind, or larger than the memory is
refused with a message. Weights come from safetensors alone, and no code that comes with a model is run.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from mirage.errors import MirageError, Unavailable
from mirage.generate.generators.base import (
    DrawnImage,
    GenerationRequest,
    GenerationStep,
    GeneratorInfo,
    filled,
    unread_words,
)
from mirage.generate.generators.diffusers_pipeline import (
    FEW_STEPS,
    STEPS,
    LoadedPipeline,
    PipelineFolder,
    embeddings,
    finished,
    inputs,
    libraries,
    load,
    look_over,
    place_for,
    preview,
    tile,
)
from mirage.locales import number
from mirage.models.files import NOT_STATED, licence_of
from mirage.models.hub import locate
from mirage.models.pins import pin_of
from mirage.models.registry import is_folder
from mirage.models.runtime import first_line, free_memory, release_memory
from mirage.settings import Settings
from mirage.wording import _

PAPER = "Nihirc/Prompt2MedImage"
_GUIDANCE = 7.5
_MOST_STEPS = 150
# What is usual for Stable Diffusion 1, until the model's own files are here.
_USUAL = PipelineFolder(Path(), digest="", size=512, multiple=8, tokens=75, scheduler="", parameters=0, widest=0)

log = logging.getLogger(__name__)

# One pipeline in a process: what was loaded for one image is there for the next, whoever made the generator.
_kept: dict[tuple[object, ...], LoadedPipeline] = {}
_one_at_a_time = threading.RLock()


class DiffusersGenerator:
    """Draws with a Stable Diffusion pipeline in this process.

    Parameters
    ----------
    model : str, optional
        A hub id or a folder; the settings' ``generator_model``, else the paper's Prompt2MedImage.
    revision : str, optional
        Of a hub id; pinned by us for Prompt2MedImage.
    device : str, optional
        ``cuda``, ``mps`` or ``cpu``; the best that is there when left out.
    dtype : str, optional
        ``float32``, ``bfloat16`` or ``float16``; what suits device and memory when left out.
    download : bool, optional
        Whether a model that is not on this machine may be fetched; the setting ``generator_download`` when left out. The
        network is not reached unasked.
    vae_tiling : bool, optional
        Decode in tiles: less memory, possible seams; above 768 × 768 pixels when left out.
    """

    def __init__(
        self,
        model: str = "",
        *,
        revision: str = "",
        device: str = "",
        dtype: str = "",
        download: bool | None = None,
        vae_tiling: bool | None = None,
    ) -> None:
        settings = Settings.load()
        self.model = model or settings.generator_model or PAPER
        self._pin = None if is_folder(self.model) else pin_of(self.model)
        self.revision = revision or (self._pin.revision if self._pin is not None else "")
        self._device, self._dtype = device, dtype
        self._download = settings.generator_download if download is None else download
        self._tiling = vae_tiling
        self._tokenizers: dict[str, Any] = {}

    def info(self) -> GeneratorInfo:
        """Tell who draws. Loads no weights; without the model's files, tells what is usual for Stable Diffusion 1."""
        path, folder = None, _USUAL
        with suppress(MirageError):
            path = locate(self.model, self.revision, part="generator").folder
            folder = look_over(path)
        by_hub = path.name if path is not None else self.revision
        return GeneratorInfo(
            name="diffusers",
            model=Path(self.model).expanduser().name if is_folder(self.model) else self.model,
            revision=folder.digest if is_folder(self.model) else by_hub,
            licence=self._pin.licence if self._pin else licence_of(path) if path is not None else NOT_STATED,
            size=folder.size,
            smallest=-(-folder.size // 2 // folder.multiple) * folder.multiple,
            largest=2 * folder.size,
            multiple=folder.multiple,
            steps=FEW_STEPS.get(folder.scheduler, STEPS),
            most_steps=_MOST_STEPS,
            guidance=_GUIDANCE,
            most_tokens=folder.tokens,
            from_picture=True,
        )

    def unread(self, text: str) -> str:
        """The end of a text that the text encoder does not read, from the word that is cut; counted in its own tokens."""
        folder = self._folder()
        told = self._tokenizer(folder)(
            text, truncation=False, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        places = told["offset_mapping"]
        return unread_words(text, int(places[folder.tokens][0])) if len(places) > folder.tokens else ""

    def refusal(self, text: str) -> str:
        """Nothing is refused: what a model of somebody's own has learnt is not known here."""
        return ""

    def close(self) -> None:
        """Let go of the model and its memory."""
        with _one_at_a_time:
            _kept.clear()
            release_memory()

    def generate(
        self,
        request: GenerationRequest,
        progress: Callable[[GenerationStep], None] = lambda _: None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[DrawnImage]:
        """Yield the images one after another; see `mirage.generate.generators.base.Generator`.

        Parameters
        ----------
        request : GenerationRequest
            Is checked and filled in first.
        progress : callable
            Called after every step.
        stopped : callable
            Asked before every image and after every step; once it says True, the image in hand is given up.

        Raises
        ------
        mirage.errors.BadInput
            When the request has a value that cannot be used.
        mirage.errors.Unavailable
            When the model or its libraries are missing or damaged, or memory does not suffice.
        """
        request = filled(request, self.info())
        libraries()
        remarks: tuple[str, ...] = ()
        if request.guidance == 1 and (request.negative or any(term.weight < 0 for term in request.terms)):
            remarks = (_("Without guidance (1) the model cannot draw away from what is unwanted; that was left out."),)
        for place in range(request.count):
            # Held for one image only: whoever reads on slowly, or not at all, keeps nobody else waiting.
            with _one_at_a_time:
                drawn = None if stopped() else self._drawn(request, place, progress, stopped)
            if drawn is None:
                return
            yield replace(drawn, remarks=(*remarks, *drawn.remarks))

    # -- drawing ----------------------------------------------------------------------------------------------------

    def _drawn(
        self,
        request: GenerationRequest,
        number: int,
        progress: Callable[[GenerationStep], None],
        stopped: Callable[[], bool],
    ) -> DrawnImage | None:
        loaded = self._ready(request)
        if stopped():
            return None
        torch, _other = libraries()
        raised: list[Exception] = []

        def after(pipe: Any, step: int, _time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            shown = preview(loaded, tensors["latents"])
            try:
                progress(GenerationStep(number + 1, request.count, step + 1, int(pipe.num_timesteps), shown))
                halt = stopped()
            except Exception as error:
                raised.append(error)
                raise
            if halt:
                pipe._interrupt = True  # the library's own way to end early
            return tensors

        try:
            with torch.inference_mode():
                tile(loaded, int(request.width or 0), int(request.height or 0), self._tiling)
                prompt, against = embeddings(loaded, request)
                seed = request.seed + number
                pipe, given = inputs(loaded, request, torch.Generator("cpu").manual_seed(seed))
                latents = pipe(
                    prompt_embeds=prompt,
                    negative_prompt_embeds=against,
                    num_inference_steps=request.steps,
                    guidance_scale=request.guidance,
                    output_type="latent",
                    callback_on_step_end=after,
                    **given,
                ).images
                if stopped():
                    return None
                picture, remarks, blank = finished(loaded, latents)
            return DrawnImage(picture, seed, remarks, blank)
        except (RuntimeError, ValueError, MemoryError) as error:
            if error in raised:
                raise
            release_memory()
            raise _failed(self.model, error) from error

    # -- loading ----------------------------------------------------------------------------------------------------

    def _folder(self) -> PipelineFolder:
        return look_over(locate(self.model, self.revision, download=self._download, part="generator").folder)

    def _ready(self, request: GenerationRequest) -> LoadedPipeline:
        folder = self._folder()
        place = place_for(folder, self._device, self._dtype)
        which = (folder.path.resolve(), folder.digest, place)
        needed = folder.memory(int(request.width or folder.size), int(request.height or folder.size), place.bytes_each)
        log.info("%s needs about %.1f GB as %s on %s.", self.model, needed / 1e9, place.dtype, place.device)
        needed -= folder.parameters * place.bytes_each if which in _kept else 0
        free = free_memory(libraries()[0], place.device)
        if free is not None and needed > free:
            raise Unavailable(
                _(
                    "The model %(model)s needs about %(needed)s GB for %(width)s × %(height)s pixels, "
                    "and %(free)s GB are free. Close other programs, draw a smaller image, or use the "
                    "starter.",
                    model=self.model,
                    needed=number(needed / 1e9, 1),
                    width=request.width,
                    height=request.height,
                    free=number(free / 1e9, 1),
                )
            )
        if which not in _kept:
            _kept.clear()
            release_memory()
            _kept[which] = load(folder, place)
        return _kept[which]

    def _tokenizer(self, folder: PipelineFolder) -> Any:
        if folder.digest not in self._tokenizers:
            libraries()
            import transformers  # noqa: PLC0415 - only when this generator reads

            try:
                made = transformers.AutoTokenizer.from_pretrained(str(folder.path / "tokenizer"), local_files_only=True)
            except Exception as error:  # whatever its files hold
                raise Unavailable(
                    _(
                        "The tokenizer in %(path)s cannot be read: %(error)s Fetch the model anew.",
                        path=folder.path,
                        error=first_line(error),
                    )
                ) from error
            self._tokenizers = {folder.digest: made}
        return self._tokenizers[folder.digest]


def _failed(model: str, error: Exception) -> MirageError:
    told = first_line(error)
    if isinstance(error, MemoryError) or "memory" in told or "allocate" in told:
        return Unavailable(
            _(
                "There was too little memory for %(model)s. Draw a smaller image, close other programs, or use the starter.",
                model=model,
            )
        )
    return Unavailable(
        _(
            "The model %(model)s failed while it drew: %(told)s Fetch it anew, or name another (generator_model).",
            model=model,
            told=told,
        )
    )
