"""Any causal language model of the transformers library, on this machine: Dolly, as in the paper, or another.

Sizes are read before weights are: a model that does not fit into memory is refused with a message instead of taking the
machine down. Weights are loaded from safetensors alone, and never by code that comes with a model.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from mirage.errors import Unavailable
from mirage.explain.explainers.base import ExplainerInfo, ExplanationRequest, Piece
from mirage.explain.explainers.language_model import Prompt, pieces, prompt_of
from mirage.installed import to_install
from mirage.locales import number
from mirage.models.files import LocalModel, parameters, weight_files
from mirage.models.hub import locate
from mirage.models.pins import pin_of
from mirage.models.registry import is_folder
from mirage.models.runtime import Placement, first_line, free_memory, release_memory, select_device
from mirage.settings import Settings
from mirage.wording import _

PAPER = "databricks/dolly-v2-3b"
# As Dolly's model card gives it (Databricks, 2023).
INSTRUCTION = (
    "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{instruction}\n\n### Response:\n"
)
END = "### End"
MOST_TOKENS = 512  # of an answer
# Seconds without a token after which the model counts as stuck; a slow processor takes its time to read a long prompt.
_PATIENCE = 900.0
_SPARE = 1.25  # activations and the cache of keys and values, beside the weights

log = logging.getLogger(__name__)

# One model in a process: what was loaded for one question is there for the next, whoever made the explainer.
_kept: dict[tuple[str, str, Placement], tuple[Any, Any]] = {}
_one_at_a_time = threading.Lock()


class TransformersExplainer:
    """Writes with a causal language model in this process.

    Parameters
    ----------
    model : str, optional
        A hub id or a folder; the settings' ``explainer_model``, else the paper's Dolly.
    revision : str, optional
        Of a hub id; pinned by us for Dolly.
    device : str, optional
        ``cuda``, ``mps`` or ``cpu``; the best that is there when left out.
    dtype : str, optional
        ``float32``, ``bfloat16`` or ``float16``; what suits device and memory when left out.
    download : bool, optional
        Whether a model that is not on this machine may be fetched; the setting ``explainer_download`` when left out. The
        network is not reached unasked.
    """

    def __init__(
        self, model: str = "", *, revision: str = "", device: str = "", dtype: str = "", download: bool | None = None
    ) -> None:
        settings = Settings.load()
        self.model = model or settings.explainer_model or PAPER
        pin = pin_of(self.model)
        self.revision = revision or (pin.revision if pin else "")
        self._device, self._dtype = device, dtype
        self._download = settings.explainer_download if download is None else download

    def info(self) -> ExplainerInfo:
        """Tell who speaks. Loads nothing."""
        name = Path(self.model).name if is_folder(self.model) else self.model
        return ExplainerInfo("transformers", name, self.revision, generative=True)

    def close(self) -> None:
        """Let go of the model and its memory."""
        with _one_at_a_time:
            _kept.clear()
            release_memory()

    def memory(self) -> int:
        """Bytes that the model takes while it speaks, from the sizes of its files; nothing is loaded.

        Raises
        ------
        mirage.errors.Unavailable
            When its weights are not on this machine, or not in safetensors.
        """
        numbers = sum(map(parameters, self._weights()))
        return int(numbers * self._place().bytes_each * _SPARE)

    def explain(self, request: ExplanationRequest, stopped: Callable[[], bool] = lambda: False) -> Iterator[Piece]:
        """Write about the evidence; see `mirage.explain.explainers.base.Explainer`.

        Parameters
        ----------
        request : ExplanationRequest
        stopped : callable
        """
        with _one_at_a_time:
            tokenizer, model = self._ready()
            room = _context(tokenizer, model) - MOST_TOKENS
            if room < 64:
                raise Unavailable(
                    _("The model %(model)s reads too little at once to explain anything from evidence.", model=self.model)
                )
            prompt = prompt_of(request, room - 64, lambda text: len(tokenizer(text)["input_ids"]))
            if prompt.remark:
                yield prompt.remark
            with closing(_generated(tokenizer, model, _written(tokenizer, prompt), stopped)) as words:
                yield from pieces(words, request.most, stopped, ends=(END,))

    # -- loading ----------------------------------------------------------------------------------------------------

    def _ready(self) -> tuple[Any, Any]:
        torch, transformers = _libraries()
        place = self._place()
        which = (self.model, self.revision, place)
        if which in _kept:
            return _kept[which]
        _kept.clear()
        needed = self.memory()
        free = free_memory(torch, place.device)
        if free is not None and needed > free:
            raise Unavailable(
                _(
                    "The model %(model)s needs about %(needed)s GB and %(free)s GB are free. Close other "
                    "programs, or use a smaller model or a server (explainer openai).",
                    model=self.model,
                    needed=number(needed / 1e9, 1),
                    free=number(free / 1e9, 1),
                )
            )
        named, options = str(self._local().folder), {"local_files_only": True, "trust_remote_code": False}
        log.info("Loading %s as %s on %s, about %.1f GB.", self.model, place.dtype, place.device, needed / 1e9)
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(named, **options)
            model = transformers.AutoModelForCausalLM.from_pretrained(
                named, dtype=getattr(torch, place.dtype), use_safetensors=True, low_cpu_mem_usage=True, **options
            )
            _kept[which] = tokenizer, model.to(place.device).eval()
            return _kept[which]
        except (OSError, ValueError, RuntimeError, KeyError, ImportError) as error:
            release_memory()
            raise Unavailable(
                _(
                    "The model %(model)s cannot be loaded: %(error)s Fetch it anew, or name another "
                    "(setting explainer_model).",
                    model=self.model,
                    error=first_line(error),
                )
            ) from error

    def _weights(self) -> list[Path]:
        """The safetensors files, fetched first when that is allowed."""
        found = self._local()
        return weight_files(found.folder) or [found.weights(("model.safetensors",))]

    def _local(self) -> LocalModel:
        return locate(self.model, self.revision, download=self._download, part="explainer")

    def _place(self) -> Placement:
        def on_cpu() -> str:
            # Half the memory at about the same speed, which matters from a billion parameters on.
            return "bfloat16" if sum(map(parameters, self._weights())) > 1_000_000_000 else "float32"

        return select_device(_libraries()[0], self._device, self._dtype, on_cpu)


def _generated(tokenizer: Any, model: Any, prompt: str, stopped: Callable[[], bool]) -> Generator[str, None, None]:
    """What a model writes, as it comes. It writes in a thread of its own, which ends when this generator is closed."""
    transformers, halt, failed = _libraries()[1], threading.Event(), list[Exception]()
    streamer = transformers.TextIteratorStreamer(tokenizer, skip_prompt=True, skip_special_tokens=False, timeout=_PATIENCE)
    special = [token for token in tokenizer.all_special_tokens if token.strip() not in ("", END)]
    padding, unknown = tokenizer.pad_token_id, tokenizer.unk_token_id
    ends = {tokenizer.convert_tokens_to_ids(END), tokenizer.eos_token_id} - {None, unknown}
    options: dict[str, Any] = {
        **tokenizer(prompt, return_tensors="pt").to(model.device),
        "max_new_tokens": MOST_TOKENS,
        "do_sample": False,
        "streamer": streamer,
        "stopping_criteria": transformers.StoppingCriteriaList([lambda *_, **__: halt.is_set() or stopped()]),
        "pad_token_id": tokenizer.eos_token_id if padding is None else padding,
    } | ({"eos_token_id": sorted(ends)} if ends else {})

    def run() -> None:
        try:
            model.generate(**options)
        except Exception as error:
            failed.append(error)
            streamer.end()

    thread = threading.Thread(target=run, name="mirage-explain", daemon=True)
    thread.start()
    try:
        for text in streamer:
            for token in special:
                text = text.replace(token, "")  # noqa: PLW2901 - the text without its marks is the text
            yield text
    except queue.Empty:
        raise Unavailable(_("The model gave no word for %(PATIENCE)s seconds.", PATIENCE=number(_PATIENCE))) from None
    finally:
        halt.set()
        thread.join(_PATIENCE)
        release_memory()
    if failed:
        raise Unavailable(_("The model failed while it wrote: %(failed)s", failed=first_line(failed[0]))) from failed[0]


def _written(tokenizer: Any, prompt: Prompt) -> str:
    """The prompt in the model's own format: its chat template, else the instruction format of Dolly and its like."""
    if getattr(tokenizer, "chat_template", None):
        turns = [{"role": "user", "content": prompt.whole}]
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
    return INSTRUCTION.format(instruction=prompt.whole)


def _context(tokenizer: Any, model: Any) -> int:
    """How many tokens the model reads and writes at most."""
    known = [getattr(model.config, name, None) for name in ("max_position_embeddings", "n_positions")]
    sizes = [int(size) for size in [*known, tokenizer.model_max_length] if size]
    return min([*sizes, 32_768])


def _libraries() -> tuple[Any, Any]:
    try:
        import torch  # noqa: PLC0415 - only when this explainer speaks
        import transformers  # noqa: PLC0415
    except ImportError as error:
        raise Unavailable(
            _(
                "The transformers explainer needs %(error)s, which is not installed: `%(install)s`.",
                error=error.name,
                install=to_install("torch", "transformers"),
            )
        ) from error
    return torch, transformers
