"""What weights that ship may learn from: `may_train.json` as rows, and the check that refuses all else.

Only what is CC0, in the public domain, CC BY, or under permissive terms that demonstrably cover the data is admitted, and a
few named exceptions with their reason. A repository's licence alone does not cover the data in it. What is not in the list
serves measurement only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from mirage.errors import BadInput

LIST = Path(__file__).with_name("may_train.json")
HELD_OUT = 4  # of each set one group in so many is only measured on


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class AdmittedSet:
    """A data set that weights which ship may learn from.

    Attributes
    ----------
    set : str
        What stands before the colon in the ids of its samples.
    what : str
        For the card.
    licence : str
        Of the data, as its source says it.
    terms : {"open", "row", "exception"}
        ``open`` terms cover all of it; of ``row`` each picture has its own; an ``exception`` is admitted for its reason.
    holds : {"pictures", "words"}
    reason : str
        Why it is admitted.
    allowed : tuple of str
        With ``row``: the licences of which a row must have one.
    """

    set: str
    what: str
    licence: str
    terms: Literal["open", "row", "exception"]
    holds: Literal["pictures", "words"]
    reason: str
    allowed: tuple[str, ...] = ()


@cache
def admitted() -> dict[str, AdmittedSet]:
    """The list, by the name of the set."""
    rows = TypeAdapter(list[AdmittedSet]).validate_python(json.loads(LIST.read_text("utf-8")))
    return {row.set: row for row in rows}


def check_admitted(sets: Iterable[str]) -> None:
    """Refuse to train on anything that is not in the list.

    Raises
    ------
    mirage.errors.BadInput
        Naming what is not.
    """
    if others := sorted(set(sets) - set(admitted())):
        raise BadInput(
            f"Weights that ship may not learn from {', '.join(others)}: {LIST.name} does not list "
            f"{'it' if len(others) == 1 else 'them'}. It serves measurement only. Admitted are {', '.join(admitted())}."
        )


def allows(name: str, licence: str) -> bool:
    """Whether a row of a set with a licence for each picture may be learnt from.

    Parameters
    ----------
    name : str
        Of the set.
    licence : str
        As the row states it; nothing stated is no permission.
    """
    row = admitted()[name]
    return row.terms != "row" or licence.strip().lower() in {each.lower() for each in row.allowed}


def held_out(group: str) -> bool:
    """Whether a patient, or an original, of an added set is only measured on: fixed by its name, whatever the run."""
    return int(sha256(group.encode()).hexdigest()[:8], 16) % HELD_OUT == 0


def card_rows(used: dict[str, str]) -> list[str]:
    """The card's table of what a run learnt from.

    Parameters
    ----------
    used : dict of str to str
        Name of each set to how much of it was used.
    """
    check_admitted(used)
    lines = ["| what | how much | licence | why it may |", "|---|---|---|---|"]
    for name, row in admitted().items():
        if name in used:
            exception = "Exception. " if row.terms == "exception" else ""
            lines.append(f"| {row.what} (`{name}`) | {used[name]} | {row.licence} | {exception}{row.reason} |")
    return lines
