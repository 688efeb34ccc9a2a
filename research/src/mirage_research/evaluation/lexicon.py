"""What share of labels and captions the lexicon understands, whether it understands them rightly, and what it costs.

A label is a diagnosis or a topic of a case of MedPix's train and dev splits; it is resolved where a disease or finding is
found in it. A caption wants a disease, a finding or a structure; "chest radiograph" has one, the chest, in a name that is
a modality's. Captions that are not in English are counted apart. A hundred resolved labels are drawn and read by hand: a
label is right where every disease and finding that was found in it is what it says, or a broader word for that.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from mirage.corpora.base import Item
from mirage.corpora.medpix import MedPixCorpus
from mirage.errors import BadInput, Unavailable
from mirage.language.concepts import Lexicon
from mirage.language.mentions import Mention, mentions
from mirage.language.sentences import language_of

Table = dict[str, Any]

READ = Path(__file__).with_name("lexicon_read.jsonl")
LABELS = ("diagnosis", "topic")
OF_LABELS = frozenset({"disease", "finding"})
OF_CAPTIONS = OF_LABELS | {"anatomy"}
DRAWN = 100
_TIMES = 5
_PROBE = """
import gc, time
from pathlib import Path
import mirage.language.concepts as concepts

def resident():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").open() if line.startswith("VmRSS"))

gc.collect()
before, started = resident(), time.process_time()
concepts.lexicon().find("meningioma")
took = time.process_time() - started
print(took * 1000, (resident() - before) * 1024 / 1e6)
"""


@dataclass(frozen=True, slots=True)
class CaseLabel:
    """A name that a case has: its diagnosis or its topic."""

    case: str
    field: str
    text: str


def labels(medpix: Path) -> list[CaseLabel]:
    """The labels of the cases of MedPix's train and dev splits; none stands twice in a field."""
    found: dict[tuple[str, str], CaseLabel] = {}
    for item in MedPixCorpus(medpix, splits=("train", "dev")).items():
        if isinstance(item, Item) and item.case:
            for field in LABELS:
                text = " ".join(getattr(item.case, field).split())
                if text:
                    case = item.case.id.partition(":")[2]
                    found.setdefault((field, text.lower()), CaseLabel(case, field, text))
    return list(found.values())


def named(text: str, known: Lexicon) -> tuple[str, ...]:
    """The diseases and findings of a label, as they stand, each once."""
    names = dict.fromkeys(match.concept for match in known.find(text).matches)
    return tuple(name for name in names if known.concepts[name].kind in OF_LABELS)


def captions(file: Path) -> Iterator[str]:
    """The captions of a file of JSON Lines with a ``caption`` each.

    Raises
    ------
    mirage.errors.BadInput
        When it is not there, or a line is broken.
    """
    try:
        for line in file.read_text("utf-8").splitlines():
            yield str(json.loads(line)["caption"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{file} holds no captions, one “caption” a line of JSON ({error}).") from error


def cost() -> Table:
    """Milliseconds and MB that loading takes in a process of its own; medians of several.

    Raises
    ------
    mirage.errors.Unavailable
        When the process fails, as where there is no ``/proc`` to read memory from.
    """
    found = []
    for _ in range(_TIMES):
        done = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, text=True)
        if done.returncode:
            raise Unavailable(f"The lexicon could not be loaded in a process of its own: {done.stderr[-500:]}")
        found.append([float(value) for value in done.stdout.split()])
    took, grown = zip(*found, strict=True)
    return {"loading, ms": round(median(took), 1), "memory, MB": round(median(grown), 1)}


def drawn(known: Iterable[CaseLabel], lexicon: Lexicon, count: int = DRAWN) -> list[CaseLabel]:
    """Resolved labels in an order that a hash of the case and the field gives; no text twice.

    Parameters
    ----------
    known : iterable of CaseLabel
    lexicon : Lexicon
    count : int
    """
    order = sorted(known, key=lambda one: hashlib.sha256(f"{one.case} {one.field}".encode()).hexdigest())
    once = {one.text.lower(): one for one in reversed(order)}
    return [one for one in order if once[one.text.lower()] is one and named(one.text, lexicon)][:count]


def judged(known: Iterable[CaseLabel], lexicon: Lexicon, file: Path = READ) -> Table:
    """What was said of the labels that were read by hand, as far as they still resolve to what was read.

    Parameters
    ----------
    known : iterable of CaseLabel
    lexicon : Lexicon
    file : Path
        JSON Lines of ``case``, ``field``, ``concepts``, ``right`` and ``broader``, which says that a broader word was found.
    """
    texts = {(one.case, one.field): one.text for one in known}
    verdicts = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    held = [
        one
        for one in verdicts
        if (key := (one["case"], one["field"])) in texts and set(named(texts[key], lexicon)) == set(one["concepts"])
    ]
    return {
        "read": len(held),
        "right": sum(one["right"] for one in held),
        "by a broader word": sum(one.get("broader", False) for one in held),
        "read otherwise since": len(verdicts) - len(held),
    }


def evaluate(known: Sequence[CaseLabel], lexicon: Lexicon, texts: Sequence[str] = ()) -> tuple[Table, list[str]]:
    """Coverage, correctness and cost; and what was not resolved.

    Parameters
    ----------
    known : sequence of CaseLabel
    lexicon : Lexicon
    texts : sequence of str
        Captions.
    """
    lost = []
    table: Table = {"concepts": len(lexicon.concepts), **cost()}
    for field in LABELS:
        mine = [one for one in known if one.field == field]
        empty = [one for one in mine if not named(one.text, lexicon)]
        table[field] = {"labels": len(mine), "resolved": len(mine) - len(empty)}
        lost += [f"{field}\t{one.case}\t{one.text}\t{_instead(one.text, lexicon)}" for one in empty]
    if texts:
        started = time.process_time()  # of this one core, whatever else the machine does
        found = [mentions(text, lexicon) for text in texts]
        table["captions a second"] = round(len(texts) / (time.process_time() - started))
        held = [any(_holds(one, lexicon) for one in each) for each in found]
        english = [not language_of(text) for text in texts]
        table["captions"] = {"labels": len(texts), "resolved": sum(held)}
        both = sum(one and other for one, other in zip(held, english, strict=True))
        table["captions in English"] = {"labels": sum(english), "resolved": both}
        lost += [f"caption\t\t{text}" for text, one in zip(texts, held, strict=True) if not one]
    if READ.is_file():
        table["by hand"] = judged(known, lexicon)
    return table, lost


def _holds(mention: Mention, lexicon: Lexicon) -> bool:
    """Whether it is a disease, a finding or a structure, or a structure stands in its name."""
    kinds = {lexicon.kind(mention.concept)}
    for word in mention.sentence[mention.start : mention.end].split():
        kinds.update(lexicon.kind(one.concept) for one in lexicon.find(word).matches)
    return bool(kinds & OF_CAPTIONS)


def _instead(text: str, lexicon: Lexicon) -> str:
    found = lexicon.find(text)
    return ", ".join([*(match.concept for match in found.matches), *(f"{short}?" for short in found.doubtful)])


def rows(table: Table) -> list[tuple[str, str]]:
    """The figures for a reader."""
    found = [(name, f"{value:g}") for name, value in table.items() if not isinstance(value, dict)]
    for name, each in table.items():
        if name == "by hand":
            told = f"{each['right']} of {each['read']} right, {each['by a broader word']} by a broader word"
            told += f"; {each['read otherwise since']} are read otherwise since then"
            found.append(("labels read by hand", told))
        elif isinstance(each, dict):
            what = "a disease, finding or structure" if name.startswith("captions") else "a disease or finding"
            share = each["resolved"] / max(1, each["labels"])
            found.append((name, f"{share:.1%} of {each['labels']:,} hold {what}"))
    return found
