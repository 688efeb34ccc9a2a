"""``python -m benchmarks.twos``: two of everything that changes an atlas, at once; count what is lost, doubled, left over.

Each pair of operations, every one with itself too, begins in two processes of their own at nearly the same moment, on a copy
of one atlas. Of an atlas in a folder one of them may be told in a sentence that another has it open. With ``--postgres URL``
records and index are in PostgreSQL, and both may have it open: one changes it after the other. An end in anything but a
sentence counts as lost. Then what both acknowledged is looked for, and what lies in the folder that nothing uses is counted.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.killed import OPERATIONS, Ack
from benchmarks.kills import (
    Postgres,
    atlas_to_copy,
    begun,
    copied,
    ended,
    forked,
    leftover,
    summed_up,
    twice,
    unseen,
    whole,
    wrong_with,
)
from mirage import errors
from mirage.atlas import Atlas

_WITHIN = 0.3  # seconds from the begin of one to that of the other
_TAKES_OUT = {"remove", "prune"}


def _look(place: Path, before: list[str], told: dict[str, list[str]], through: list[str], ack: Ack) -> None:
    """Open the atlas after both: what was acknowledged and is not there, and what is there twice."""
    lost, doubled = list[str](), list[str]()
    with Atlas.open(place / "atlas") as atlas:
        there = whole(atlas, lost, doubled)
        gone = {each for each in before if each not in there}
        named = {each for each in told.get("prune", []) if each in before}
        if "remove" in through:
            lost += ["the removal"] if set(before) - gone else []
        elif "remove" not in told:
            lost += sorted(gone - named)
        if "prune" in through:
            lost += [f"the removal of {each}" for each in named if each in there]
        for name in {*told} - _TAKES_OUT:
            if name != "export" or (not _TAKES_OUT & told.keys() and not {"add", "import"} & told.keys()):
                lost += unseen(place, name, told[name], atlas, there)
            doubled += twice(name, atlas)
    ack(json.dumps({"lost": lost, "doubled": doubled, "left": leftover(place)}))


def pair(one: str, other: str, base: Path, before: list[str], folder: Path, wait: float, server: Postgres | None) -> Any:
    """Do two operations at once on a copy, and look."""
    with copied(base, folder, server) as place:
        first = begun(lambda ack: OPERATIONS[one](place, ack))
        time.sleep(wait)
        second = begun(lambda ack: OPERATIONS[other](place, ack))
        told: dict[str, list[str]] = {}
        said, through, failed = list[str](), list[str](), list[str]()
        for name, begin in ((one, first), (other, second)):
            lines, done = ended(*begin)
            told.setdefault(name, []).extend(line for line in lines if not line.startswith("error "))
            through += [name] * done
            for line in lines:
                if line.startswith("error "):
                    kind, _, sentence = line.removeprefix("error ").partition(": ")
                    ours = isinstance(known := getattr(errors, kind, None), type) and issubclass(known, errors.MirageError)
                    (said if ours else failed).append(f"{name}: {sentence if ours else line}")
            failed += [] if done or any(line.startswith("error ") for line in lines) else [f"{name} ended without a word"]
        failed += [] if through else ["neither came to its end"]
        lines, looked = forked(lambda ack: _look(place, before, told, through, ack))
        found: dict[str, Any] = json.loads(lines[-1]) if looked else {"lost": lines, "doubled": [], "left": []}
        found["lost"] += failed
        return {"operations": [one, other], "through": through, "said": said, **found}


def main(words: list[str] | None = None) -> int:
    """Do all pairs, and print what came of each; 1 where anything was lost, doubled or left over."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.twos", description=__doc__)
    parser.add_argument("--times", type=int, default=1, help="how often each pair (1)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments at which the second begins")
    parser.add_argument("--only", action="append", choices=list(OPERATIONS), help="pairs with this; may be given again")
    parser.add_argument(
        "--postgres", default="", help="a database of a PostgreSQL server, as postgresql://user@host/postgres"
    )
    parser.add_argument("--out", type=Path, help="write what came of each pair here, as JSON")
    given = parser.parse_args(words)
    dice, found = random.Random(given.seed), list[dict[str, Any]]()
    pairs = list(itertools.combinations_with_replacement(OPERATIONS, 2))
    pairs = [each for each in pairs if not given.only or set(given.only) & set(each)]
    with atlas_to_copy(given.postgres, index_too=True) as (folder, base, before, server):
        for one, other in pairs * given.times:
            came = pair(one, other, base, before, folder, dice.uniform(0, _WITHIN), server)
            found.append(came)
            told = f"; {came['said'][0][:140]}" if came["said"] else ""
            print(f"{one:9} {other:9} {len(came['through'])} came to their end{told} {wrong_with(came)}", flush=True)
    both = sum(len(each["through"]) == len(each["operations"]) for each in found)
    told = f"{len(found)} pairs, seed {given.seed}: both came to their end in {both};"
    return summed_up(told, found, given.out, "pairs", seed=given.seed, both=both)


if __name__ == "__main__":
    sys.exit(main())
