"""Everything that decides what a run makes, in one object that is written beside the weights."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from mirage.errors import BadInput


@dataclass(frozen=True, slots=True)
class Config:
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
        Share of images shown without words, for guidance.
    no_pooled : float
        Share of images shown without the text's vector, so that the tokens are read.
    balance : float
        Images are drawn with weight (size of their class) ** −balance; 0 as they come, 1 each class alike.
    channels, layers, components
        As in `mirage_research.training.generator.network.Shape`.
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
    no_pooled: float = 0.3
    balance: float = 0.5
    components: int = 16
    side: int = 16
    channels: tuple[int, ...] = (128, 192, 256)
    layers: int = 1
    dropout: float = 0.05
    guidance: float = 4.0
    drawing_steps: int = 25

    @classmethod
    def read(cls, path: Path) -> Config:
        """Read a configuration from JSON; what it leaves out keeps its default.

        Raises
        ------
        mirage.errors.BadInput
            When the file is not JSON, or names something that is no setting.
        """
        try:
            values = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise BadInput(f"The configuration {path} cannot be read: {error}") from error
        names = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(values, dict) or (unknown := sorted(set(values) - names)):
            what = ", ".join(unknown) if isinstance(values, dict) else "not an object"
            raise BadInput(f"{path}: unknown settings ({what}). Known: {', '.join(sorted(names))}.")
        if "channels" in values:
            values["channels"] = tuple(values["channels"])
        return cls(**values)

    def to_json(self) -> str:
        """Write as JSON, one setting a line."""
        return json.dumps(dataclasses.asdict(self), indent=1)
