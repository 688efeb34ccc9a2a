"""Everything that decides what a fine-tuning run makes, in one object that is written beside the weights."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirage.errors import BadInput

CHOICES = {
    "precision": ("auto", "bf16", "fp16", "fp32"),
    "freeze": ("none", "text", "image"),
    "loss": ("auto", "contrast", "sigmoid"),
}
RANGES: dict[str, tuple[float, float]] = {
    "epochs": (1, math.inf),
    "steps": (0, math.inf),
    "batch": (2, math.inf),
    "chunk": (1, math.inf),
    "accumulate": (1, math.inf),
    "rate": (1e-12, 1),
    "weight_decay": (0, 10),
    "beta1": (0, 0.9999999),
    "beta2": (0, 0.9999999),
    "epsilon": (1e-12, 1),
    "clip": (1e-6, math.inf),
    "warm_up": (0, 0.9),
    "max_scale": (1, 1000),
    "augmenting": (0, 1),
    "wording": (0, 1),
    "run": (0, math.inf),
    "held_out": (0, 0.5),
    "measured": (0, 20_000),
    "measure_every": (0, math.inf),
    "keep_minutes": (0, math.inf),
    "workers": (1, 64),
}

# What may differ when a run goes on: how the work is done, not what comes of it.
FREE = ("workers", "keep_minutes")


@dataclass(frozen=True, slots=True)
class Config:
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
    epochs: int = 5
    steps: int = 0
    batch: int = 256
    chunk: int = 32
    accumulate: int = 1
    rate: float = 1e-5
    weight_decay: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.98
    epsilon: float = 1e-6
    clip: float = 1.0
    warm_up: float = 0.05
    max_scale: float = 100.0
    loss: str = "auto"
    precision: str = "auto"
    freeze: str = "none"
    recompute: bool = False
    augmenting: float = 1.0
    wording: float = 0.4
    run: int = 0
    held_out: float = 0.05
    measured: int = 1000
    measure_every: int = 0
    keep_minutes: float = 10.0
    workers: int = 4

    @classmethod
    def read(cls, path: Path) -> Config:
        """Read a configuration from JSON; what it leaves out keeps its default.

        Raises
        ------
        mirage.errors.BadInput
            When the file is not JSON, names something that is no setting, or has a value that cannot be used.
        """
        try:
            values = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise BadInput(f"The configuration {path} cannot be read: {error}") from error
        if not isinstance(values, dict):
            raise BadInput(f"The configuration {path} is not an object of settings.")
        return cls().changed(values, str(path))

    def changed(self, values: dict[str, Any], where: str = "The configuration") -> Config:
        """Replace the given settings.

        Raises
        ------
        mirage.errors.BadInput
        """
        kinds = {field.name: type(getattr(self, field.name)) for field in dataclasses.fields(self)}
        if unknown := sorted(set(values) - set(kinds)):
            raise BadInput(f"{where}: unknown settings ({', '.join(unknown)}). Known: {', '.join(kinds)}.")
        ready = {name: _of_kind(value, kinds[name], f"{where}: {name}") for name, value in values.items()}
        made = dataclasses.replace(self, **ready)
        made._check(where)
        return made

    def differences(self, other: Config) -> list[str]:
        """What tells two configurations apart, as far as it changes what comes of them: ``batch 64, now 128``."""
        pairs = ((field.name, getattr(self, field.name), getattr(other, field.name)) for field in dataclasses.fields(self))
        return [f"{name} {then}, now {now}" for name, then, now in pairs if then != now and name not in FREE]

    def to_json(self) -> str:
        """Write as JSON, one setting a line."""
        return json.dumps(dataclasses.asdict(self), indent=1)

    def _check(self, where: str) -> None:
        for name, known in CHOICES.items():
            if (value := getattr(self, name)) not in known:
                raise BadInput(f"{where}: {name} is “{value}”. It can be {', '.join(known)}.")
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                span = f"at least {low:g}" if math.isinf(high) else f"from {low:g} to {high:g}"
                raise BadInput(f"{where}: {name} is {value:g}. It can be {span}.")


def _of_kind(value: Any, kind: type, what: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        names = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}
        raise BadInput(f"{what} is {value!r}. It must be {names[kind]}.")
    return value
