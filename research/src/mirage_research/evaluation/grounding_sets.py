"""The labelled sets that the checker is measured on: sentences, the evidence they are read against, and what they are.

Set (a) is made by a script from MedPix: documented edits that make a source's sentence wrong, and rewordings that leave it
right. Set (b) was written by hand for this project; its file holds no words of the source and is joined with the reader's
own copy of MedPix here.
"""

from __future__ import annotations

import itertools
import random
import re
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mirage.corpora.base import Refused
from mirage.corpora.medpix import MedPixCorpus
from mirage.encoders import Encoder
from mirage.errors import BadInput
from mirage.explain.evidence import Evidence
from mirage.explain.explanation import gather
from mirage.figure import Case, Figure
from mirage.language.sentences import cut
from mirage.search.fusion import Hit
from mirage_research.evaluation.grounding_edits import EDITS
from mirage_research.evaluation.grounding_paraphrases import joined, reworded

PAIRS = Path(__file__).with_name("grounding_pairs.toml")
FAITHFUL = "faithful"
ERRORS = ("laterality", "negation", "number", "modality", "plane", "term", "unrelated")
_OF_EACH_KIND = 3
_FIGURES_OF_THE_CASE, _FIGURES = 4, 12


@dataclass(frozen=True, slots=True)
class Labelled:
    """One sentence whose support is known.

    Attributes
    ----------
    case : str
        Whose evidence it was made from.
    claim : str
    evidence : tuple of Evidence
        What it is read against.
    label : str
        ``supported``, ``contradicted`` or ``unsupported``.
    kind : str
        ``faithful``, or the kind of error.
    split : str
    """

    case: str
    claim: str
    evidence: tuple[Evidence, ...]
    label: str
    kind: str
    split: str

    @property
    def wrong(self) -> bool:
        """Whether a checker should mark it."""
        return self.label != "supported"


@dataclass(frozen=True, slots=True)
class Shelf:
    """The cases of one split with their figures."""

    split: str
    cases: dict[str, Case]
    figures: dict[str, tuple[Figure, ...]]

    def region(self, case: str) -> str:
        """Region of a case's first figure."""
        return self.figures[case][0].region


def read_shelf(medpix: Path, split: str) -> Shelf:
    """Read the words of one split.

    Raises
    ------
    mirage.errors.BadInput
        When the copy or the split is not there.
    """
    cases: dict[str, Case] = {}
    figures: dict[str, list[Figure]] = {}
    for item in MedPixCorpus(medpix, splits=(split,)).items():
        if not isinstance(item, Refused) and item.case is not None:
            cases[item.case.id] = item.case
            figures.setdefault(item.case.id, []).append(item.figure)
    if not cases:
        raise BadInput(f"{medpix} has no cases of the split “{split}”.")
    return Shelf(split, cases, {case: tuple(found) for case, found in figures.items()})


def derived(shelf: Shelf, encoder: Encoder, seed: int = 0) -> list[Labelled]:
    """Set (a): for every case up to three wrong sentences of each kind, and as many faithful ones.

    Every sentence is read against the evidence of twelve figures, as an explanation would be: up to four of its own case
    and those of other cases whose captions are nearest to it. Half of the wrong ones are reworded before they are edited.

    Parameters
    ----------
    shelf : Shelf
    encoder : Encoder
        Finds the other figures.
    seed : int
    """
    nearest = _nearest(shelf, encoder)
    found: list[Labelled] = []
    for case in sorted(shelf.cases):
        rng = random.Random(f"{seed}:{case}")  # noqa: S311
        evidence = _hits_of(shelf, case, nearest(case))
        own = [text for text in _statements(shelf, case) if _usable(text)]
        rng.shuffle(own)
        wrong = list(_errors(shelf, case, own, evidence, rng))
        found += [Labelled(case, text, evidence, label, kind, shelf.split) for text, label, kind in wrong]
        right = _faithful(shelf, case, own, len(wrong), rng)
        found += [Labelled(case, text, evidence, "supported", FAITHFUL, shelf.split) for text in right]
    return found


def _errors(
    shelf: Shelf, case: str, own: Sequence[str], evidence: Sequence[Evidence], rng: random.Random
) -> Iterable[tuple[str, str, str]]:
    said = " ".join(item.text for item in evidence).lower()
    for kind, edits in EDITS.items():
        count = 0
        for text in own:
            if count == _OF_EACH_KIND:
                break
            base = (reworded(text, rng, lead=False) or text) if rng.random() < 0.5 else text
            edited = next((new for edit in rng.sample(edits, len(edits)) if (new := edit(base, rng))), None)
            if edited is not None and edited.lower().rstrip(".") not in said:
                count += 1
                yield edited, "contradicted", kind
    for text in _swapped_diagnoses(shelf, case, evidence, rng):
        yield text, "contradicted", "term"
    for text in _unrelated(shelf, case, evidence, rng):
        yield text, "unsupported", "unrelated"


_FROM_DIAGNOSIS = (
    "The diagnosis is {}.", "These findings are consistent with {}.", "This is a case of {}.",
    "The imaging appearance suggests {}.",
)  # fmt: skip


def _swapped_diagnoses(shelf: Shelf, case: str, evidence: Sequence[Evidence], rng: random.Random) -> Iterable[str]:
    """The diagnosis of another case of the same region, in a sentence that names this one's or in a template.

    A sentence of the case itself gets one that its own passages do not speak of; a template, which could be about any of the
    cases found, one that no evidence speaks of.
    """
    own = _plain_diagnosis(shelf.cases[case].diagnosis)
    others = [
        name
        for other in sorted(shelf.cases)
        if other != case
        and shelf.region(other) == shelf.region(case)
        and (name := _plain_diagnosis(shelf.cases[other].diagnosis))
    ]
    mine = _words_of(item for item in evidence if item.case == case)
    not_mine = [name for name in others if not _shared_words(name, mine)]
    named = [text for text in _statements(shelf, case) if own and own.lower() in text.lower() and _usable(text)][:2]
    for text in named if not_mine else ():
        new = rng.choice(not_mine)
        yield re.sub(re.escape(own), lambda _, name=new: name, text, flags=re.IGNORECASE)  # type: ignore[misc]
    every = _words_of(evidence)
    nobodys = [name for name in others if not _shared_words(name, every)]
    for template in rng.sample(_FROM_DIAGNOSIS, _OF_EACH_KIND - len(named)) if nobodys else ():
        yield template.format(rng.choice(nobodys))


def _words_of(evidence: Iterable[Evidence]) -> str:
    return " ".join(f"{item.text} {item.about}" for item in evidence).lower()


def _plain_diagnosis(text: str) -> str:
    """A diagnosis short enough to stand in a sentence; empty for a list or a story."""
    name = re.sub(r"\s*\([^)]*\)", "", text).strip(" .")
    return name if 0 < len(name.split()) <= 5 and not re.search(r"[\n;:,?/]| with | vs", name) else ""


def _shared_words(name: str, said: str) -> bool:
    """Whether the case speaks of that diagnosis too, as its differential often does: then it is no clear error."""
    words = [word for word in re.findall(r"[a-z]+", name.lower()) if len(word) > 3]
    return not words or sum(word[:6] in said for word in words) > 0.5 * len(words)


def _unrelated(shelf: Shelf, case: str, evidence: Sequence[Evidence], rng: random.Random) -> Iterable[str]:
    """Sentences about images of cases of another region that are not among the evidence."""
    here = {item.case for item in evidence}
    others = [other for other in sorted(shelf.cases) if other not in here and shelf.region(other) != shelf.region(case)]
    for other in rng.sample(others, min(2, len(others))):
        own = [text for text in cut(shelf.cases[other].findings) if _usable(text)]
        if own:
            yield rng.choice(own)


def _faithful(shelf: Shelf, case: str, own: Sequence[str], count: int, rng: random.Random) -> list[str]:
    found: list[str] = []
    pairs = _neighbours(shelf, case)
    names = _plain_diagnosis(shelf.cases[case].diagnosis)
    if names:
        found.append(rng.choice(_FROM_DIAGNOSIS).format(names))
    for one, other in rng.sample(pairs, min(2, len(pairs))):
        found.append(joined(one, other))
    # Sentences with a side, a denial, a number or a kind of picture come first: it is there that a checker may err.
    risky = [text for text in own if any(edit(text, random.Random(0)) for edits in EDITS.values() for edit in edits)]  # noqa: S311
    for text in [*risky, *(text for text in own if text not in risky)] * 2:
        if len(found) >= count:
            break
        new = reworded(text, rng)
        if new is not None and new not in found:
            found.append(new)
    return found[:count]


def _neighbours(shelf: Shelf, case: str) -> list[tuple[str, str]]:
    """Sentences that follow each other in the findings, short enough to be one."""
    texts = list(cut(shelf.cases[case].findings))
    pairs = itertools.pairwise(texts)
    return [(one, other) for one, other in pairs if _usable(one) and _usable(other) and len((one + other).split()) <= 40]


def _statements(shelf: Shelf, case: str) -> list[str]:
    """Sentences of the captions, the findings and the discussion, each once."""
    texts = [figure.caption for figure in shelf.figures[case][:_FIGURES_OF_THE_CASE]]
    texts += [shelf.cases[case].findings, shelf.cases[case].discussion]
    return list(dict.fromkeys(sentence for text in texts for sentence in cut(text)))


def _usable(text: str) -> bool:
    """A whole sentence about medicine: no heading, reference, link or note on figures."""
    words = text.split()
    return (
        5 <= len(words) <= 40
        and text[0].isalnum()
        and not text.endswith((":", "?"))
        and not re.search(
            r"https?:|www\.|et al|\d{4};|\bpp?\.|pp \d|\bFig|\bImage \d|Radiographics|Radiology\b|Publish|Available", text
        )
        and sum(word.islower() for word in words) >= 0.5 * len(words)
    )


def _nearest(shelf: Shelf, encoder: Encoder) -> Callable[[str], list[Figure]]:
    """Other cases' figures, those whose captions are nearest to a case's first."""
    every = [figure for figures in shelf.figures.values() for figure in figures if figure.caption]
    vectors = encoder.encode_texts([f"{figure.title}. {figure.caption}" for figure in every])

    def of(case: str) -> list[Figure]:
        lead = next((place for place, figure in enumerate(every) if figure.case_id == case), None)
        if lead is None:
            return []
        order = np.argsort(-(vectors @ vectors[lead]), kind="stable")
        return [every[int(place)] for place in order if every[int(place)].case_id != case]

    return of


def _hits_of(shelf: Shelf, case: str, others: Sequence[Figure]) -> tuple[Evidence, ...]:
    own = shelf.figures[case][:_FIGURES_OF_THE_CASE]
    figures = [*own, *others[: _FIGURES - len(own)]]
    # The case that a sentence is from stands first no more often than chance would have it.
    random.Random(case).shuffle(figures)  # noqa: S311
    return gather([Hit(rank, figure, "strong", (), 0.0) for rank, figure in enumerate(figures, 1)], shelf.cases)


def written(medpix: Path, split: str = "", pairs: Path = PAIRS) -> list[Labelled]:
    """Set (b): the hand-written pairs, joined with a copy of MedPix.

    Parameters
    ----------
    medpix : Path
    split : {"", "train", "dev"}
        Only pairs of this split.
    pairs : Path

    Raises
    ------
    mirage.errors.BadInput
        When the file is damaged, or names a case or a passage that the copy lacks.
    """
    try:
        rows: list[dict[str, Any]] = tomllib.loads(pairs.read_text("utf-8"))["pair"]
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"{pairs} holds no pairs ({error}).") from error
    rows = [row for row in rows if not split or row["split"] == split]
    shelves = {name: read_shelf(medpix, name) for name in sorted({row["split"] for row in rows})}
    return [_written(row, shelves[row["split"]]) for row in rows]


def _written(row: dict[str, Any], shelf: Shelf) -> Labelled:
    case = f"medpix:{row['case']}"
    if case not in shelf.cases:
        raise BadInput(
            f"The pair “{row['claim']}” names the case {row['case']}, which is not in this copy's {shelf.split} split."
        )
    told = {f"caption:{figure.id.partition(':')[2]}" for figure in shelf.figures[case]} | shelf.cases[case].passages.keys()
    wanted = list(row["evidence"])
    if missing := [name for name in wanted if name not in told]:
        raise BadInput(f"The case {row['case']} has no {', '.join(missing)} in this copy of MedPix.")
    captions = {f"caption:{figure.id.partition(':')[2]}": figure for figure in shelf.figures[case]}
    kept: list[Evidence] = []
    for name in wanted:
        # Passages are taken one by one: where a caption is the same as the findings, gathering would keep only one of them.
        chosen = [captions[name]] if name in captions else list(shelf.figures[case])
        text = captions[name].caption if name in captions else shelf.cases[case].passages[name]
        said = [replace(figure, caption=text) for figure in chosen]
        known = gather([Hit(1, figure, "strong", (), 0.0) for figure in said], {})
        base = known[0] if known else None
        if base is not None and text.strip():
            kind = "caption" if name in captions else name
            kept.append(replace(base, number=len(kept) + 1, kind=kind, text=text.strip()))
    return Labelled(case, row["claim"], tuple(kept), row["label"], row["kind"], row["split"])
