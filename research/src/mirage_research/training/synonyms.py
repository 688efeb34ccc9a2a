"""Names that mean one thing, as text–text positives, and the words for kinds of pictures.

*Fibroids* should lie near *uterine leiomyoma*. What a name is a kind of, and that kind's other kinds, are the hard
negatives: near in words, and something else.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirage.errors import BadInput
from mirage.figure import ALSO_CALLED, MODALITIES
from mirage_research.data.admission import check_admitted

SETS = ("doid", "uberon")
_MOST_NEAR = 40  # of some parents hundreds of names are children


@dataclass(frozen=True, slots=True)
class Term:
    """A name with what else it is called.

    Attributes
    ----------
    name : str
    called : tuple of str
        Exact synonyms.
    near : tuple of str
        Names of its parents and siblings: close, and not the same.
    """

    name: str
    called: tuple[str, ...]
    near: tuple[str, ...]


def read_terms(folder: Path, sets: Sequence[str] = SETS) -> dict[str, list[Term]]:
    """Read the ontologies' names that have synonyms.

    Parameters
    ----------
    folder : Path
        Holds ``<set>_synonyms.jsonl``.
    sets : sequence of str

    Raises
    ------
    mirage.errors.BadInput
        When a set may not be learnt from, or is not there.
    """
    check_admitted(sets)
    found = {}
    for name in sets:
        path = folder / f"{name}_synonyms.jsonl"
        try:
            rows: list[dict[str, Any]] = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror or error}.") from error
        children: dict[str, list[str]] = defaultdict(list)
        for row in rows:
            for parent in row["is_a"]:
                children[parent].append(row["name"])
        found[name] = [
            Term(row["name"], tuple(row["exact"]), _near(row["name"], row["is_a"], children)) for row in rows if row["exact"]
        ]
    return found


def _near(name: str, parents: Sequence[str], children: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    siblings = [child for parent in parents for child in children[parent] if child != name]
    return tuple(dict.fromkeys([*parents, *siblings]))[:_MOST_NEAR]


def other_names(terms: Mapping[str, Sequence[Term]]) -> dict[str, tuple[str, ...]]:
    """From each name, in lower case, to the other names of the same thing."""
    found: dict[str, tuple[str, ...]] = {}
    for each in (term for of in terms.values() for term in of):
        names = (each.name, *each.called)
        for name in names:
            found.setdefault(name.lower(), tuple(other for other in names if other != name))
    return found


@dataclass(frozen=True, slots=True)
class SynonymBatch:
    """Two names of each of n things, and names of m things close to them."""

    names: list[str]
    called: list[str]
    near: list[str]


def draw(terms: Mapping[str, Sequence[Term]], count: int, rng: random.Random) -> SynonymBatch:
    """Draw pairs of names, as many of each ontology.

    Parameters
    ----------
    terms : mapping of str to sequence of Term
    count : int
        How many pairs in all.
    rng : random.Random
    """
    picked = [term for of in terms.values() for term in rng.sample(list(of), min(len(of), count // len(terms)))]
    near = [rng.choice(term.near) for term in picked if term.near]
    taken = {name.lower() for term in picked for name in (term.name, *term.called)}
    pairs = [rng.sample([term.name, *term.called], 2) for term in picked]
    return SynonymBatch([a for a, _ in pairs], [b for _, b in pairs], [name for name in near if name.lower() not in taken])


# How pictures of each kind are asked for; {} stands for a structure or a disease.
_ASKED = {
    "CT": ("CT of the {}", "CT scan: {}", "{} on CT"),
    "MR": ("MRI of the {}", "MR image: {}", "{} on MRI"),
    "US": ("ultrasound of the {}", "sonogram: {}", "{} on ultrasound", "Doppler ultrasound, {}", "echocardiogram, {}"),
    "XR": ("X-ray of the {}", "radiograph: {}", "{} on plain film"),
    "XA": ("angiogram of the {}", "angiography: {}"),
    "NM": ("scintigraphy of the {}", "bone scan, {}", "nuclear medicine: {}"),
    "OP": ("fundus photograph, {}", "retinal photograph: {}", "{} on fundoscopy", "photograph of the retina, {}"),
    "SM": ("histology of the {}", "micrograph: {}", "{}, H&E stain", "{} under the microscope", "blood film, {}"),
    "XC": ("photograph of the skin, {}", "clinical photograph: {}", "{}, skin lesion photograph", "dermoscopy, {}"),
}


def kinds(
    terms: Mapping[str, Sequence[Term]], count: int, rng: random.Random, known: Sequence[str] = tuple(_ASKED)
) -> list[tuple[str, str]]:
    """Draw words that name a kind of picture, with that kind: of some kinds too few pictures teach their words.

    Parameters
    ----------
    terms : mapping of str to sequence of Term
    count : int
    rng : random.Random
    known : sequence of str
        Keys of `mirage.figure.MODALITIES` to draw from.

    Returns
    -------
    list of (str, str)
        Words, and the modality's key.
    """
    names = [term.name for of in terms.values() for term in of]
    drawn = []
    for _ in range(count):
        modality = rng.choice([key for key in known if key in _ASKED])
        text = rng.choice(_ASKED[modality]).format(rng.choice(names))
        if rng.random() < 0.15:
            text = rng.choice([MODALITIES[modality], *ALSO_CALLED.get(modality, "").split()][:2])
        drawn.append((text, modality))
    return drawn
