"""Everything that decides what a training run makes, in one object that is written beside the weights."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from mirage.errors import BadInput


@dataclass(frozen=True, slots=True)
class Config:
    """Hyperparameters of the starter encoder.

    Attributes
    ----------
    seed : int
        Sets aside the holdout cases and starts every random choice.
    holdout : int
        How many MedPix training cases are set aside to choose on.
    backbone : str
        Which EfficientNet-lite the image tower starts from: ``lite0``, ``lite1`` or ``lite2``.
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
    patience : int
        Stop after this many epochs without a better holdout score.
    """

    seed: int = 54
    holdout: int = 54
    backbone: str = "lite0"
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
    figures_per_case: int = 6
    radiographs_per_epoch: int = 120
    starter_per_epoch: int = 160
    patience: int = 4

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
        return cls().changed(values, path)

    def changed(self, values: object, path: Path | None = None) -> Config:
        """Replace the given settings."""
        names = {field.name: field for field in dataclasses.fields(self)}
        if not isinstance(values, dict) or (unknown := sorted(set(values) - set(names))):
            what = ", ".join(unknown) if isinstance(values, dict) else "not an object"
            raise BadInput(f"{path or 'The configuration'}: unknown settings ({what}). Known: {', '.join(names)}.")
        return dataclasses.replace(self, **values)

    def to_json(self) -> str:
        """Write as JSON, one setting a line."""
        return json.dumps(dataclasses.asdict(self), indent=1)
