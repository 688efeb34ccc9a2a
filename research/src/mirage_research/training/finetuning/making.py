"""A dual encoder fine-tuned on a corpus: what ``mirage train encoder --base`` runs."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mirage.corpora.base import Corpus
from mirage.errors import BadInput, Unavailable
from mirage_research.training.finetuning import bases
from mirage_research.training.finetuning.config import Config
from mirage_research.training.finetuning.examples import Tell, read_examples, split

# Corpora whose pictures lie in groups of rows; see `feeding.order_of`.
_IN_PARQUET = ("roco", "rocov2")
_NEIGHBOURS = 32
_LIBRARIES = ("torch", "transformers", "open_clip_torch", "safetensors")


class Log:
    """Tells the person and keeps what was told."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, line: str) -> None:
        stamped = f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {line}"
        with self._path.open("a", encoding="utf-8") as file:
            file.write(stamped + "\n")
        print(stamped, flush=True)  # noqa: T201 - a run of hours shows how far it is


def check_needs() -> None:
    """Say that torch is missing, with the command that installs it.

    Raises
    ------
    mirage.errors.Unavailable
    """
    missing = [name for name in ("torch", "safetensors") if importlib.util.find_spec(name) is None]
    if missing:
        raise Unavailable(f"Fine-tuning needs {' and '.join(missing)}: pip install './research[train]'")


def fine_tune(
    base: bases.Base,
    corpus: Corpus,
    out: Path,
    config: Config,
    *,
    device: str = "",
    resume: bool = False,
    threads: int = 2,
    stop: Callable[[], bool] = lambda: False,
) -> Path | None:
    """Fine-tune a base on a corpus.

    Parameters
    ----------
    base : Base
    corpus : Corpus
    out : Path
        Gets the model, checkpoint, configuration, splits, log and curves.
    config : Config
    device : str
        ``cuda``, ``mps`` or ``cpu``; the best that is there when empty.
    resume : bool
        Go on from the checkpoint in the output folder.
    threads : int
        Processor threads of torch.
    stop : callable
        Asked before every step; a run that was stopped leaves a checkpoint.

    Returns
    -------
    Path or None
        The folder of the model; None when the run was stopped before its last step.

    Raises
    ------
    mirage.errors.MirageError
    """
    check_needs()
    torch: Any = importlib.import_module("torch")
    from mirage_research.training.finetuning import loop, saving, towers  # noqa: PLC0415
    from mirage_research.training.finetuning.checkpoints import NAME  # noqa: PLC0415
    from mirage_research.training.finetuning.feeding import Feeder  # noqa: PLC0415
    from mirage_research.training.finetuning.precision import choose_precision  # noqa: PLC0415

    if (out / NAME).is_file() and not resume:
        raise BadInput(f"{out} holds a training run already. Go on with --resume, or choose another --out.")
    towers.check_needs(base.kind)
    torch.set_num_threads(threads)
    torch.manual_seed(config.seed)
    precision = choose_precision(device, config.precision)
    opened = towers.load_towers(base)
    out.mkdir(parents=True, exist_ok=True)
    tell = Log(out / "log.txt")
    info = corpus.info()
    tell(f"base {base.name} ({base.kind}, {base.revision or 'a folder'}), corpus {info.title} ({info.version})")
    examples, left_out = read_examples(corpus, tell)
    splits = split(examples, config.held_out, config.seed, left_out)
    story = saving.Story(base, info, splits, config, str(precision), _versions())
    feeder = Feeder(corpus, opened, config, tell, neighbours=_NEIGHBOURS if info.name in _IN_PARQUET else 1)
    run = loop.Run(
        opened,
        splits,
        feeder,
        config,
        out,
        precision=precision,
        made_from={"base": base.digest, "set of figures": splits.digest},
        keep_model=lambda history: _tell_saved(tell, saving.save(opened, story, history, run.total, out)),
        tell=tell,
    )
    if resume:
        run.resume()
    _write_records(out, config, story, run.total)
    _tell_data(tell, splits, opened, config)
    tell(f"{precision}, {run.total:,} steps of {config.batch * config.accumulate:,} pairs, seed {config.seed}")
    if not run.run(stop):
        return None
    if not run.history:
        saving.save(opened, story, [], run.total, out)
    else:
        saving.write_card(out / saving.MODEL, story, run.history, run.total)
        if not run.better:
            tell("on the held-out figures the base itself does as well; another rate, or more figures, may help")
    return out / saving.MODEL


@contextmanager
def stopping() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C, or a request to end, finish the step at hand; a second one ends at once.

    Yields
    ------
    callable
        Whether to stop.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def ask(number: int, _frame: object) -> None:
        asked.set()
        signal.signal(number, before[signal.Signals(number)])

    before: dict[signal.Signals, Any] = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, ask)
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _write_records(out: Path, config: Config, story: Any, steps: int) -> None:
    (out / "config.train.json").write_text(config.to_json() + "\n", "utf-8")
    (out / "splits.json").write_text(story.splits.to_json() + "\n", "utf-8")
    record = {
        **story.base.record(),
        "corpus": {"name": story.corpus.name, "title": story.corpus.title, "version": story.corpus.version},
        "computed_in": story.precision,
        "steps": steps,
        "versions": story.versions,
    }
    (out / "run.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _tell_data(tell: Tell, splits: Any, towers: Any, config: Config) -> None:
    how = "the corpus's own splits" if splits.own else f"groups set aside with seed {config.seed}"
    tell(f"{len(splits.train):,} figures to train on, {len(splits.held_out):,} held out ({how})")
    for reason, count in splits.left_out.items():
        tell(f"left out, {reason}: {count:,}")
    if splits.shared_captions:
        tell(f"{splits.shared_captions:,} held-out figures have a caption that is also trained on")
    sample = splits.train[:: max(1, len(splits.train) // 1000)]
    long = towers.cut([one.caption for one in sample])
    if long:
        share = long / len(sample)
        tell(f"{share:.1%} of the captions fill all {towers.context} tokens that are read; their end may not be learnt")


def _tell_saved(tell: Tell, folder: Path) -> None:
    tell(f"the best so far is in {folder}")


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        if importlib.util.find_spec(name.removesuffix("_torch")) is not None:
            try:
                found[name.removesuffix("_torch")] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                continue
    return found
