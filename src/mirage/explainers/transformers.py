"""Any causal language model of the transformers library; Dolly, as in the MIRAGE paper, when none is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from mirage.errors import Unavailable
from mirage.explainers import prompting
from mirage.explainers.base import ExplainerInfo, Piece, Remark, Request
from mirage.explainers.loading import PINNED, Loaded, Plan, hold, plan, release
from mirage.explainers.sentences import pieces
from mirage.settings import Settings

DEFAULT_MODEL = "databricks/dolly-v2-3b"
# Dolly's own words around an instruction (databrickslabs/dolly, Apache-2.0); it was trained on no other form.
_DOLLY = (
    "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{instruction}\n\n### Response:\n"
)
_DOLLY_END = "### End"
_TOKENS_PER_SENTENCE = 70
_MOST_CONTEXT = 4096
_POLL = 0.05


class TransformersExplainer:
    """Runs a model in this process.

    The model is loaded when it first speaks and stays in memory for the next question; `close` lets go of it, and so does
    being stopped mid-way. One process holds one model.

    Parameters
    ----------
    model : str, optional
        A folder or a hub id; the setting `explainer_model`, else Dolly, when left out.
    revision : str, optional
        Of a hub id; the pinned one where this project knows one.
    download : bool, optional
        Whether a hub id that is not on this machine may be downloaded; the setting `explainer_download` when left out.
    """

    def __init__(self, model: str | None = None, *, revision: str = "", download: bool | None = None) -> None:
        settings = Settings.load()
        self._model = model or settings.explainer_model or DEFAULT_MODEL
        self._revision = revision or PINNED.get(self._model, "")
        self._download = settings.explainer_download if download is None else download

    def info(self) -> ExplainerInfo:
        """Tell who speaks. Loads nothing."""
        return ExplainerInfo("transformers", self._model, self._revision, generative=True)

    def plan(self) -> Plan:
        """Say where and how the model would run, and how much memory that takes, without loading it.

        Raises
        ------
        mirage.errors.Unavailable
            When torch or the model is not there, or it does not fit.
        """
        return plan(self._model, self._revision, self._download)

    def close(self) -> None:
        """Let go of the model that this process holds."""
        release()

    def explain(self, request: Request, stopped: Callable[[], bool] = lambda: False) -> Iterator[Piece]:
        """Yield sentences token by token; see `mirage.explainers.base.Explainer`.

        Raises
        ------
        mirage.errors.Unavailable
            When torch or the model is not there, does not fit into memory, or fails.
        """
        how = self.plan()
        with hold(how, stopped) as loaded:
            if loaded is None:
                return
            if loaded.fresh:
                yield Remark(how.words)
            yield from _spoken(loaded, request, stopped)
        if stopped():
            release()


def _spoken(loaded: Loaded, request: Request, stopped: Callable[[], bool]) -> Iterator[Piece]:
    context = min(loaded.context, _MOST_CONTEXT)
    answer = min(request.most * _TOKENS_PER_SENTENCE, context // 3)
    frame = loaded.count(dressed(loaded.tokenizer, "", ""))
    prompt = prompting.prompt_of(request, context - answer - frame - 8, loaded.count)
    if prompt.remark:
        yield prompt.remark
    text = dressed(loaded.tokenizer, prompt.rules, prompt.data)
    stream = _Generation(loaded, text, answer, stopped)
    try:
        yield from pieces(stream, request.most, stopped, ends=(_DOLLY_END,))
        if stream.full:
            yield Remark("Cut short: the model reached the longest answer it may give.")
    finally:
        stream.end()


def dressed(tokenizer: Any, rules: str, data: str) -> str:
    """The prompt in the form that the model was trained on: its chat template, Dolly's, or none."""
    if getattr(tokenizer, "chat_template", None):
        for turns in (
            [{"role": "system", "content": rules}, {"role": "user", "content": data}],
            [{"role": "user", "content": f"{rules}\n\n{data}"}],
        ):
            try:
                return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
            except Exception:  # noqa: BLE001, S112 - templates raise what they like when they know no system turn
                continue
    if _DOLLY_END in tokenizer.get_vocab():
        return _DOLLY.format(instruction=f"{rules}\n\n{data}")
    return f"{rules}\n\n{data}\n\nAnswer:"


class _Generation:
    """The text of one generation, made in a thread of its own that ends as soon as nobody listens."""

    def __init__(self, loaded: Loaded, prompt: str, most: int, stopped: Callable[[], bool]) -> None:
        import threading  # noqa: PLC0415

        from transformers import StoppingCriteria, StoppingCriteriaList, TextIteratorStreamer  # noqa: PLC0415 - optional

        self._over = over = threading.Event()
        self._stopped = stopped
        self._most = most
        self._made = 0
        self._error: BaseException | None = None
        self._streamer = TextIteratorStreamer(loaded.tokenizer, skip_prompt=True, skip_special_tokens=True)
        inputs = loaded.tokenizer(prompt, return_tensors="pt").to(loaded.model.device)
        asked = inputs["input_ids"].shape[1]

        def enough(ids: Any, *_: Any, **__: Any) -> Any:
            import torch  # noqa: PLC0415

            self._made = ids.shape[1] - asked
            return torch.full((ids.shape[0],), over.is_set(), dtype=torch.bool, device=ids.device)

        criterion = type(
            "Over", (StoppingCriteria,), {"__call__": lambda _self, ids, *rest, **more: enough(ids, *rest, **more)}
        )
        vocabulary = loaded.tokenizer.get_vocab()
        ends = {loaded.tokenizer.eos_token_id, vocabulary.get(_DOLLY_END)} - {None}
        model, streamer = loaded.model, self._streamer

        def generate() -> None:
            import torch  # noqa: PLC0415

            try:
                with torch.inference_mode():
                    model.generate(
                        **{name: inputs[name] for name in ("input_ids", "attention_mask")},
                        streamer=streamer,
                        max_new_tokens=most,
                        do_sample=False,
                        eos_token_id=sorted(ends) or None,
                        pad_token_id=min(ends, default=0),
                        stopping_criteria=StoppingCriteriaList([criterion()]),
                    )
            except BaseException as error:  # noqa: BLE001 - handed over to whoever listens
                self._error = error
            finally:
                streamer.text_queue.put(streamer.stop_signal)

        self._thread = threading.Thread(target=generate, name="mirage-generation", daemon=True)
        self._thread.start()

    @property
    def full(self) -> bool:
        """Whether it ended because it may not write more."""
        return self._made >= self._most

    def __iter__(self) -> Iterator[str]:
        import queue  # noqa: PLC0415

        while not self._stopped():
            try:
                part = self._streamer.text_queue.get(timeout=_POLL)
            except queue.Empty:
                continue
            if part == self._streamer.stop_signal:
                self._thread.join()
                if self._error is not None:
                    raise Unavailable(f"the model failed while it wrote ({_said(self._error)})") from self._error
                return
            yield part

    def end(self) -> None:
        """Stop writing, and wait until that is so."""
        self._over.set()
        self._thread.join()


def _said(error: BaseException) -> str:
    if "out of memory" in str(error).lower() or isinstance(error, MemoryError):
        return "there is not enough memory; choose a smaller model"
    return f"{type(error).__name__}: {str(error).splitlines()[0][:150] if str(error) else 'no reason given'}"
