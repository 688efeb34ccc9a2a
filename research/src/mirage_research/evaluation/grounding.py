"""How often the checker catches what is wrong, and how often it is right when it marks a sentence.

It is measured on labelled sets: sentences, the evidence they are read against, and what they are. Set (a) is made from
MedPix: documented edits that make a source's sentence wrong, and rewordings that leave it right. Set (b) was written by hand
for this project; its file holds no words of the source and is joined with the reader's own copy of MedPix here.
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
from mirage.explain.checker import Checker
from mirage.explain.evidence import Claim, Draft, Evidence
from mirage.explain.explanation import gather
from mirage.figure import Case, Figure
from mirage.language.sentences import cut
from mirage.search.answer import Hit
from mirage_research.evaluation.grounding_edits import EDITS, joined, reworded
from mirage_research.evaluation.intervals import bootstrap, told

PAIRS = Path(__file__).with_name("grounding_pairs.toml")
HALVES = ("work", "test", "fresh", "blind")
Table = dict[str, Any]
FAITHFUL = "faithful"
ERRORS = ("laterality", "negation", "number", "modality", "plane", "term", "unrelated")  # as breaks are named
_OF_EACH_KIND = 3
_FIGURES_OF_THE_CASE, _FIGURES = 4, 12


@dataclass(frozen=True, slots=True)
class LabelledSentence:
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
class CaseSet:
    """The cases of one split with their figures."""

    split: str
    cases: dict[str, Case]
    figures: dict[str, tuple[Figure, ...]]

    def region(self, case: str) -> str:
        """Region of a case's first figure."""
        return self.figures[case][0].region


def read_cases(medpix: Path, split: str) -> CaseSet:
    """Read the words of one split.

    Parameters
    ----------
    medpix : Path
        A copy of MedPix 2.0.
    split : str

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
    return CaseSet(split, cases, {case: tuple(found) for case, found in figures.items()})


def derived(held: CaseSet, encoder: Encoder, seed: int = 0) -> list[LabelledSentence]:
    """Set (a): for every case up to three wrong sentences of each kind, and as many faithful ones.

    Every sentence is read against the evidence of twelve figures, as an explanation would be: up to four of its own case
    and those of other cases whose captions are nearest to it. Half of the wrong ones are reworded before they are edited.

    Parameters
    ----------
    held : CaseSet
    encoder : Encoder
        Finds the other figures.
    seed : int
    """
    nearest = _nearest(held, encoder)
    found: list[LabelledSentence] = []
    for case in sorted(held.cases):
        rng = random.Random(f"{seed}:{case}")  # noqa: S311
        evidence = _hits_of(held, case, nearest(case))
        own = [text for text in _statements(held, case) if _usable(text)]
        rng.shuffle(own)
        wrong = list(_errors(held, case, own, evidence, rng))
        found += [LabelledSentence(case, text, evidence, label, kind, held.split) for text, label, kind in wrong]
        right = _faithful(held, case, own, len(wrong), rng)
        found += [LabelledSentence(case, text, evidence, "supported", FAITHFUL, held.split) for text in right]
    return found


def _errors(
    held: CaseSet, case: str, own: Sequence[str], evidence: Sequence[Evidence], rng: random.Random
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
    for text in _swapped_diagnoses(held, case, evidence, rng):
        yield text, "contradicted", "term"
    for text in _unrelated(held, case, evidence, rng):
        yield text, "unsupported", "unrelated"


_FROM_DIAGNOSIS = (
    "The diagnosis is {}.", "These findings are consistent with {}.", "This is a case of {}.",
    "The imaging appearance suggests {}.",
)  # fmt: skip


def _swapped_diagnoses(held: CaseSet, case: str, evidence: Sequence[Evidence], rng: random.Random) -> Iterable[str]:
    """The diagnosis of another case of the same region, in a sentence that names this one's or in a template.

    A sentence of the case itself gets one that its own passages do not speak of; a template, which could be about any of the
    cases found, one that no evidence speaks of.
    """
    own = _plain_diagnosis(held.cases[case].diagnosis)
    others = [
        name
        for other in sorted(held.cases)
        if other != case
        and held.region(other) == held.region(case)
        and (name := _plain_diagnosis(held.cases[other].diagnosis))
    ]
    mine = _words_of(item for item in evidence if item.case == case)
    not_mine = [name for name in others if not _shared_words(name, mine)]
    named = [text for text in _statements(held, case) if own and own.lower() in text.lower() and _usable(text)][:2]
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


def _unrelated(held: CaseSet, case: str, evidence: Sequence[Evidence], rng: random.Random) -> Iterable[str]:
    """Sentences about images of cases of another region that are not among the evidence."""
    here = {item.case for item in evidence}
    others = [other for other in sorted(held.cases) if other not in here and held.region(other) != held.region(case)]
    for other in rng.sample(others, min(2, len(others))):
        own = [text for text in cut(held.cases[other].findings) if _usable(text)]
        if own:
            yield rng.choice(own)


def _faithful(held: CaseSet, case: str, own: Sequence[str], count: int, rng: random.Random) -> list[str]:
    found: list[str] = []
    pairs = _neighbours(held, case)
    names = _plain_diagnosis(held.cases[case].diagnosis)
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


def _neighbours(held: CaseSet, case: str) -> list[tuple[str, str]]:
    """Sentences that follow each other in the findings, short enough to be one."""
    texts = list(cut(held.cases[case].findings))
    pairs = itertools.pairwise(texts)
    return [(one, other) for one, other in pairs if _usable(one) and _usable(other) and len((one + other).split()) <= 40]


def _statements(held: CaseSet, case: str) -> list[str]:
    """Sentences of the captions, the findings and the discussion, each once."""
    texts = [figure.caption for figure in held.figures[case][:_FIGURES_OF_THE_CASE]]
    texts += [held.cases[case].findings, held.cases[case].discussion]
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


def _nearest(held: CaseSet, encoder: Encoder) -> Callable[[str], list[Figure]]:
    """Other cases' figures, those whose captions are nearest to a case's first."""
    every = [figure for figures in held.figures.values() for figure in figures if figure.caption]
    vectors = encoder.encode_texts([f"{figure.title}. {figure.caption}" for figure in every])

    def of(case: str) -> list[Figure]:
        lead = next((place for place, figure in enumerate(every) if figure.case_id == case), None)
        if lead is None:
            return []
        order = np.argsort(-(vectors @ vectors[lead]), kind="stable")
        return [every[int(place)] for place in order if every[int(place)].case_id != case]

    return of


def _hits_of(held: CaseSet, case: str, others: Sequence[Figure]) -> tuple[Evidence, ...]:
    own = held.figures[case][:_FIGURES_OF_THE_CASE]
    figures = [*own, *others[: _FIGURES - len(own)]]
    # The case that a sentence is from stands first no more often than chance would have it.
    random.Random(case).shuffle(figures)  # noqa: S311
    return gather([Hit(rank, figure, "strong", (), 0.0) for rank, figure in enumerate(figures, 1)], held.cases)


def written(medpix: Path, split: str = "", pairs: Path = PAIRS) -> list[LabelledSentence]:
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
    sets = {name: read_cases(medpix, name) for name in sorted({row["split"] for row in rows})}
    return [_written(row, sets[row["split"]]) for row in rows]


def half_of_pairs(half: str) -> Path:
    """The file of one half of the two hundred pairs, or of the fresh or the blind hundred.

    Raises
    ------
    mirage.errors.BadInput
        When there is no such half.
    """
    if half not in HALVES:
        raise BadInput(f"There is no half “{half}”. There are {', '.join(HALVES)}.")
    return PAIRS.with_name(f"checker_pairs_{half}.toml")


def _written(row: dict[str, Any], held: CaseSet) -> LabelledSentence:
    case = f"medpix:{row['case']}"
    if case not in held.cases:
        raise BadInput(
            f"The pair “{row['claim']}” names the case {row['case']}, which is not in this copy's {held.split} split."
        )
    figures, passages = held.figures[case], held.cases[case].passages
    captions = {f"caption:{figure.id.partition(':')[2]}": figure for figure in figures}
    if missing := [name for name in row["evidence"] if name not in {*captions, *passages}]:
        raise BadInput(f"The case {row['case']} has no {', '.join(missing)} in this copy of MedPix.")
    kept: list[Evidence] = []
    for name in row["evidence"]:
        # Passages are taken one by one: where a caption is the same as the findings, gathering would keep only one of them.
        chosen = [captions[name]] if name in captions else figures
        text = captions[name].caption if name in captions else passages[name]
        known = gather([Hit(1, replace(figure, caption=text), "strong", (), 0.0) for figure in chosen], {})
        if known and text.strip():
            kind = "caption" if name in captions else name
            kept.append(replace(known[0], number=len(kept) + 1, kind=kind, text=text.strip()))
    return LabelledSentence(case, row["claim"], tuple(kept), row["label"], row["kind"], row["split"])


@dataclass(frozen=True, slots=True)
class CheckedSentence:
    """A labelled sentence and what the checker made of it."""

    labelled: LabelledSentence
    claim: Claim

    @property
    def names(self) -> frozenset[str]:
        """Kinds of its breaks."""
        return frozenset(broken.kind for broken in self.claim.breaks)


def judge(
    checker: Checker, examples: Sequence[LabelledSentence], progress: Callable[[int, int], None] = lambda done, total: None
) -> list[CheckedSentence]:
    """Check every sentence, without citations and without a question: the checker finds the evidence by itself.

    Parameters
    ----------
    checker : Checker
    examples : sequence of LabelledSentence
    progress : callable
        Told how many sentences are checked, and of how many.
    """
    found = []
    for number, example in enumerate(examples, 1):
        found.append(CheckedSentence(example, checker.check(Draft(example.claim), example.evidence)))
        progress(number, len(examples))
    return found


def score(judged: Sequence[CheckedSentence]) -> Table:
    """Recall and precision, each ``[value, low, high, count]`` with a 95 % bootstrap interval over cases.

    Returns
    -------
    dict
        ``cases``; ``recall``: share of the wrong sentences that are marked; ``precision``: share of the marked ones that are
        wrong; ``flagged``: share of the faithful ones that are marked; ``partly``: share of them that are called partly
        supported, which warns nobody; ``kinds``: kind of error to ``recall``, ``named`` (share that is marked for this very
        reason) and ``precision`` (share that is wrong, of the sentences marked for this reason).
    """
    wrong = [item for item in judged if item.labelled.wrong]
    right = [item for item in judged if not item.labelled.wrong]
    marked = [item for item in judged if item.claim.marked]
    kinds = {}
    for kind in ERRORS:
        if mine := [item for item in wrong if item.labelled.kind == kind]:
            kinds[kind] = {
                "recall": _share(mine, lambda item: item.claim.marked),
                "named": _share(mine, lambda item, kind=kind: item.claim.marked and kind in item.names),
                "precision": _share([item for item in marked if kind in item.names], lambda item: item.labelled.wrong),
            }
    return {
        "cases": len({item.labelled.case for item in judged}),
        "recall": _share(wrong, lambda item: item.claim.marked),
        "precision": _share(marked, lambda item: item.labelled.wrong),
        "flagged": _share(right, lambda item: item.claim.marked),
        "partly": _share(right, lambda item: item.claim.support == "partly"),
        "kinds": kinds,
    }


def _share(items: Sequence[CheckedSentence], which: Callable[..., bool]) -> list[float]:
    return bootstrap(np.array([float(which(item)) for item in items]), [item.labelled.case for item in items]).counted()


_SAID = {
    "recall": "wrong sentences marked (recall)",
    "precision": "marked sentences that are wrong (precision)",
    "flagged": "faithful sentences marked",
    "partly": "faithful sentences called partly supported",
}
_SAID_OF_KIND = {"recall": "marked", "named": "marked for that reason", "precision": "wrong when that reason is given"}


def rows(table: Table) -> list[tuple[str, str]]:
    """What `score` gives, for a reader."""
    found = [(said, told(table[name])) for name, said in _SAID.items()]
    for kind, values in table["kinds"].items():
        found += [(f"{kind}: {said}", told(values[name])) for name, said in _SAID_OF_KIND.items()]
    return found
