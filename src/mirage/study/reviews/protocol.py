"""The written protocol of the review by educators: what is rated, by how many, and what would count as failure."""

from __future__ import annotations

import hashlib
import json
import tomllib
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from mirage.errors import BadInput, first_fault
from mirage.shipped import SHIPPED
from mirage.wording import _

FOLDER = SHIPPED / "reviews"
FILE = FOLDER / "protocol.toml"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Condition(_Strict):
    """A condition that is rated: what is asked, and what it is compared with."""

    query: str = Field(min_length=1, max_length=200)
    versus: str = Field("", max_length=200)


class Items(_Strict):
    """How many items of each kind a condition has at most."""

    figures_per_arm: int = Field(ge=1, le=50)
    claims: int = Field(ge=0, le=50)
    comparisons: int = Field(ge=0, le=20)
    synthetic: int = Field(ge=0, le=20)


class Failure(_Strict):
    """What counts as failure; shares and differences from 0 to 1."""

    least_agreement: float
    most_misleading_figures: float
    most_misleading_claims: float
    most_misleading_comparisons: float
    most_misleading_synthetic: float
    least_gain_over_keywords: float


class Protocol(_Strict):
    """A protocol.

    Attributes
    ----------
    raters : int
        How many educators rate each condition.
    fewest_raters, fewest_conditions : int
        Fewer do not count: of a condition its raters, of the whole its conditions.
    hash : str
        SHA-256 of the file, 64 hexadecimal digits.
    """

    name: str
    version: int
    written: str
    raters: int = Field(ge=1)
    fewest_raters: int = Field(ge=2)
    fewest_conditions: int = Field(ge=1)
    items: Items
    failure: Failure
    conditions: tuple[Condition, ...]
    hash: str

    def condition(self, query: str) -> Condition | None:
        """The condition that is asked in these words, whatever their case; None where the protocol has none."""
        return next((each for each in self.conditions if each.query.casefold() == query.casefold()), None)


def read(path: Path) -> Protocol:
    """Read a protocol.

    Parameters
    ----------
    path : Path

    Raises
    ------
    mirage.errors.BadInput
        When it is none.
    """
    try:
        data = path.read_bytes().replace(b"\r\n", b"\n")  # as a checkout on Windows has it
        told = {**tomllib.loads(data.decode("utf-8")), "hash": hashlib.sha256(data).hexdigest()}
        return Protocol.model_validate_json(json.dumps(told))
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(_("%(path)s is no protocol of a review: %(error)s", path=path, error=first_fault(error))) from error


@lru_cache(maxsize=1)
def shipped() -> Protocol:
    """The protocol that ships."""
    return read(FILE)
