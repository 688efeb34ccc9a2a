"""Calibrations in files: of an atlas, of the encoder that ships, and of others that somebody has calibrated."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Annotated, NotRequired

from pydantic import Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic wants this one until Python 3.12

from mirage.aside import aside
from mirage.errors import BadInput, first_fault
from mirage.places import own_data
from mirage.search.confidence import DEFAULT_CALIBRATION, Calibration, ConfidenceModel
from mirage.shipped import SHIPPED
from mirage.storage.manifest import CALIBRATION_FILE
from mirage.wording import _

_FIELDS = "title|diagnosis|topic|caption|findings|rest"
Weighted = Annotated[str, Field(pattern=f"^(image|caption|words|case|coverage|concepts|in ({_FIELDS}))$")]
Finite = Annotated[float, Field(ge=-1000, le=1000, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Weights = dict[Weighted, Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]]

SHIPPED_CALIBRATION = SHIPPED / "encoder" / CALIBRATION_FILE
# Where the calibrations of encoders are kept that do not ship, each named by its encoder's digest.
OWN_CALIBRATIONS = own_data() / "calibrations"


class _Model(TypedDict):
    """A `ConfidenceModel` as a file has it."""

    bias: Finite
    image: Finite
    caption: Finite
    words: Finite
    likely: NotRequired[Share]
    strong: NotRequired[Share]


class _File(TypedDict):
    """A `Calibration` as a file has it, with whatever else was written beside."""

    encoder: str
    weights: Weights
    text: _Model
    picture: _Model
    picture_weights: NotRequired[Weights | None]


@cache  # made once: that takes longer than reading, which happens whenever an atlas is opened or changed
def _form() -> TypeAdapter[_File]:
    return TypeAdapter(_File)


def read(path: Path) -> Calibration:
    """Read what `write` wrote.

    Raises
    ------
    mirage.errors.BadInput
        When the file cannot be read or holds something else.
    """
    try:
        found = _form().validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise BadInput(
            _(
                "%(path)s is no calibration (%(error)s). Delete it or name another; `mirage evaluate calibrate` writes one.",
                path=path,
                error=first_fault(error),
            )
        ) from error
    text, picture = ConfidenceModel(**found["text"]), ConfidenceModel(**found["picture"])
    return Calibration(found["encoder"], found["weights"], text, picture, found.get("picture_weights"))


def write(calibration: Calibration, path: Path, **more: object) -> None:
    """Write as JSON, with whatever else should be known of how it was made."""
    with aside(path) as partial:
        partial.write_text(json.dumps({**asdict(calibration), **more}, indent=2) + "\n", "utf-8")


def own_calibration(encoder_digest: str) -> Path:
    """Where the calibration of an encoder that does not ship is kept."""
    return OWN_CALIBRATIONS / f"{encoder_digest[:32]}.json"


def calibration_for(encoder_digest: str, atlas: Path | None = None) -> Calibration:
    """The calibration for an encoder: the atlas's own, else the encoder's, or cautious defaults where there is none.

    Parameters
    ----------
    encoder_digest : str
        A calibration that was chosen for another encoder does not count.
    atlas : Path, optional
        The folder of an atlas.

    Raises
    ------
    mirage.errors.BadInput
        When one of the files is no calibration.
    """
    own = [atlas / CALIBRATION_FILE] if atlas else []
    for path in (*own, SHIPPED_CALIBRATION, own_calibration(encoder_digest)):
        if path.exists():
            fitted = read(path)
            if fitted.encoder == encoder_digest:
                return fitted
    return DEFAULT_CALIBRATION
