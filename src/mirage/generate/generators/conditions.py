"""What the starter generator is told of a picture: concepts of the lexicon that it has learnt, each with learnt numbers.

A prompt is read as a query is (`mirage.language.reading`). Its concepts, and the broader ones above each, lead the image as
far as enough training pictures showed them. What else a prompt says leads nothing, and is told.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from mirage.errors import Unavailable
from mirage.figure import MODALITIES
from mirage.language import reading
from mirage.language.concepts import lexicon
from mirage.language.labels import MODALITY_LABELS
from mirage.wording import _

Floats = npt.NDArray[np.float32]
MODALITY_CONCEPTS = {key: name for name, key in MODALITY_LABELS.items()}
_MADE = ("modality", "sequence")
_PLAIN_PLANES = ("axial", "coronal", "sagittal", "frontal")  # "lateral" and "oblique" may say where something lies
_EVERYWHERE = frozenset({"body"})
# "Contrast" alone names a picture that was made with it, which has a name of its own in each modality.
_WITH_CONTRAST = {"CT": "contrast-enhanced CT", "MR": "contrast-enhanced T1-weighted imaging", "": "contrast enhancement"}
_CONTRAST = "contrast"
WORDS, NUMBERS = "conditions.json", "conditions.npz"


@dataclass(frozen=True, slots=True)
class Learnt:
    """A concept that the generator has learnt.

    Attributes
    ----------
    kind : str
        As in the lexicon.
    pictures, cases : int
        How many training pictures show it, and of how many cases.
    """

    kind: str
    pictures: int
    cases: int


@dataclass(frozen=True, slots=True)
class PromptReading:
    """What of a prompt leads an image.

    Attributes
    ----------
    names : tuple of str
        The learnt concepts.
    used : tuple of str
        What the prompt says of them, in words; what is read as something broader is followed by that in brackets.
    unused : tuple of str
        What leads nothing.
    modality : str
        A key of `mirage.figure.MODALITIES`, learnt or not; empty where none is named.
    plane : str
    places : tuple of str
        The anatomy that is named, or that concerns what is named.
    """

    names: tuple[str, ...]
    used: tuple[str, ...]
    unused: tuple[str, ...]
    modality: str
    plane: str
    places: tuple[str, ...]


def modality_of(concept: str) -> str:
    """The key of `mirage.figure.MODALITIES` that a concept means; empty where it means none."""
    return next((MODALITY_LABELS[each] for each in (concept, *lexicon().parents(concept)) if each in MODALITY_LABELS), "")


def closure(concepts: Iterable[str]) -> tuple[str, ...]:
    """Concepts with all broader ones; where none of them is a place, with the places that they concern."""
    known, given = lexicon(), list(dict.fromkeys(concepts))
    if not any(known.kind(name) == "anatomy" for name in given):
        given += [organ for name in given if (organ := known.organ(name))]
    every = dict.fromkeys(each for name in given for each in (name, *sorted(known.parents(name))))
    return tuple(name for name in every if name not in _EVERYWHERE)


class Conditions:
    """The concepts that a generator has learnt, with their numbers.

    Parameters
    ----------
    learnt : mapping
        Concept by name, in the order of the numbers.
    base : (b, d) float32
        States that stand for nothing said.
    states : (n, d) float32
        One token's state for each concept.
    pooled : (n + 1, e) float32
        What each adds to the vector of all that is said; the last line is the vector of nothing.
    """

    def __init__(self, learnt: Mapping[str, Learnt], base: Floats, states: Floats, pooled: Floats) -> None:
        self.learnt = dict(learnt)
        self.base, self.states, self.pooled = base, states, pooled
        self._place = {name: number for number, name in enumerate(self.learnt)}

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `mirage train generator` wrote.

        Raises
        ------
        mirage.errors.Unavailable
        """
        try:
            rows = json.loads((folder / WORDS).read_text("utf-8"))
            learnt = {name: Learnt(*row) for name, row in rows.items()}
            with np.load(folder / NUMBERS, allow_pickle=False) as parts:
                base, states, pooled = (np.asarray(parts[name], np.float32) for name in ("base", "states", "pooled"))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
            raise Unavailable(
                _(
                    "%(folder)s or %(folder2)s is damaged and cannot be read (%(error)s). Install MIRAGE again.",
                    folder=folder / WORDS,
                    folder2=folder / NUMBERS,
                    error=error,
                )
            ) from error
        if len(states) != len(learnt) or len(pooled) != len(learnt) + 1:
            raise Unavailable(
                _(
                    "%(folder)s does not belong to %(folder2)s. Install MIRAGE again.",
                    folder=folder / NUMBERS,
                    folder2=folder / WORDS,
                )
            )
        return cls(learnt, base, states, pooled)

    def save(self, folder: Path) -> None:
        """Write for `load`; numbers in 16 bits."""
        rows = {name: [each.kind, each.pictures, each.cases] for name, each in self.learnt.items()}
        (folder / WORDS).write_text(json.dumps(rows, indent=0, ensure_ascii=False) + "\n", "utf-8")
        parts = {"base": self.base, "states": self.states, "pooled": self.pooled}
        np.savez_compressed(folder / NUMBERS, **{name: part.astype(np.float16) for name, part in parts.items()})  # type: ignore[arg-type]

    @property
    def modalities(self) -> tuple[str, ...]:
        """Keys of `mirage.figure.MODALITIES` that it has learnt."""
        found = {modality_of(name) for name, each in self.learnt.items() if each.kind == "modality"}
        return tuple(key for key in MODALITIES if key in found)

    def known(self, concepts: Iterable[str]) -> tuple[str, ...]:
        """The learnt ones of some concepts and of all that is broader."""
        return tuple(name for name in closure(concepts) if name in self._place)

    def read(self, text: str) -> PromptReading:
        """Read a prompt."""
        asked = reading.read(text, lambda _: False)
        named = [*(each.name for each in asked.concepts), *(["normal"] if asked.normal else [])]
        others = list(asked.others)
        if _CONTRAST in others or "enhanced" in reading.contrast_of(text):
            ways = [found for name in named if lexicon().kind(name) in _MADE and (found := modality_of(name))]
            if with_it := _WITH_CONTRAST.get((*ways, "")[0]):
                named.append(with_it)
                others = [word for word in others if word != _CONTRAST]
        kept, unused = _one_way(named)
        used = []
        for name in kept:
            broader = self.known([name])
            if not broader:
                unused.append(name)
            else:
                near = [one for one in broader if not any(one in lexicon().parents(other) for other in broader)]
                used.append(name if name in self._place else f"{name} (as {', '.join(near)})")
        modality = next((found for name in kept if (found := modality_of(name))), "")
        plane = next((name for name in kept if lexicon().kind(name) == "plane"), "")
        places = tuple(name for name in closure(kept) if lexicon().kind(name) == "anatomy")
        typed = {lexicon().canonical(word): word for word, _, _ in lexicon().spans(asked.text)}
        others = [typed.get(word, word) for word in others]
        rest = (*asked.doubtful, *others, *(f"no {name}" for name in asked.denied))
        return PromptReading(self.known(kept), tuple(used), tuple(dict.fromkeys((*unused, *rest))), modality, plane, places)

    def numbers(self, prompts: Iterable[Iterable[str]]) -> tuple[Floats, Floats, Floats]:
        """States, mask and vectors of several prompts' learnt concepts, as the network reads them.

        Returns
        -------
        states : (n, tokens, d) float32
            Padded with zeros to the longest.
        mask : (n, tokens) float32
            1 where there is a token.
        pooled : (n, e) float32
        """
        rows = [[self._place[name] for name in names] for names in prompts]
        own = [self.states[row] if row else self.base for row in rows]
        longest = max(map(len, own))
        states = np.zeros((len(rows), longest, self.base.shape[1]), np.float32)
        mask = np.zeros((len(rows), longest), np.float32)
        pooled = np.empty((len(rows), self.pooled.shape[1]), np.float32)
        for line, row in enumerate(rows):
            states[line, : len(own[line])], mask[line, : len(own[line])] = own[line], 1
            pooled[line] = self.pooled[-1] + self.pooled[row].sum(axis=0)
        return states, mask, pooled


def _one_way(named: list[str]) -> tuple[list[str], list[str]]:
    """What is asked for, with one modality and one plane, the first; and what another one would be."""
    kinds = lexicon().kind
    planes = [name for name in named if kinds(name) == "plane"]
    plane = next((name for name in planes if name in _PLAIN_PLANES), planes[0] if planes else "")
    ways = [found for name in named if kinds(name) in _MADE and (found := modality_of(name))]
    way = ways[0] if ways else ""

    def other(name: str) -> bool:
        if kinds(name) == "plane":
            return name != plane
        return kinds(name) in _MADE and modality_of(name) not in (way, "")

    return [name for name in named if not other(name)], [name for name in named if other(name)]
