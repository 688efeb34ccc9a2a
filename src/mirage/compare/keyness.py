"""Keyness: which concepts tell the cases of one side from those of the other, and which both have.

What a case shows was read when it was stored: the concepts that its captions and findings affirm or deny. Counted are
cases, not figures or words, so that one long case does not outweigh a short one. How much a concept tells is its log-odds
ratio with an informative Dirichlet prior, divided by its standard deviation (Monroe, Colaresi and Quinn, "Fightin' Words",
Political Analysis 16 (2008) 372-403); the prior is the atlas. Fisher's exact test says how often chance would give as much.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import lru_cache

from mirage.explain.case_table import OPPOSITES, UNTELLING
from mirage.explain.subject import unplaced
from mirage.figure import Figure
from mirage.language.concepts import Lexicon
from mirage.storage.searched import StoredMention

FEWEST = 2  # cases that have to say something
PRIOR = 12.0  # cases of average atlas that each side is thought to have had before
TELLS = 0.5  # standard deviations from which a concept tells
SHARES: Mapping[str, float] = {"finding": 0.25, "disease": 0.25, "anatomy": 0.5}  # of a side's cases that have to say it
MOST = 8
_FIELDS = frozenset({"caption", "findings"})  # what speaks of the pictures; history and discussion speak of more than those
_NAMES = frozenset({"title", "diagnosis", "topic"})
_SPEAKING = _FIELDS | _NAMES | {"discussion"}
TIMES = 2.0  # so much larger a share of one side's cases than of the other's
# True of many a picture: alone they tell nobody anything.
_PLAIN = UNTELLING | frozenset(
    "infection|neoplasm|benign neoplasm|malignant neoplasm|metastasis|cyst|T1 hypointensity|T2 hyperintensity|fracture"
    "|soft tissue|bone|blood vessel|artery|vein|muscle|nerve|ligament|tendon|joint|skin|fat|lung disease"
    "|vascular malformation".split("|")
)
# Regions of the body: where a picture was taken, as its labels say too.
_REGIONS = frozenset(
    "body|head|neck|brain|cerebrum|cerebral hemisphere|skull|face|chest|thorax|abdomen|pelvis|spine|upper extremity"
    "|lower extremity|mediastinum|retroperitoneum|peritoneum|urinary tract|gastrointestinal tract".split("|")
)
# What only pictures of one modality can show, with all that is a kind of it.
_SEEN_IN: Mapping[str, tuple[str, ...]] = {
    "CT": ("hypoattenuation", "hyperattenuation", "isoattenuation"),
    "MR": (
        "hyperintensity", "hypointensity", "isointensity", "restricted diffusion", "flow void", "bone marrow edema",
        "signal loss on opposed-phase imaging",
    ),
    "US": (
        "hyperechogenicity", "hypoechogenicity", "anechoic lesion", "acoustic shadowing", "posterior acoustic enhancement",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SideCount:
    """What the cases of one side say of a concept.

    Attributes
    ----------
    affirmed, denied : int
        Cases; one that affirms it somewhere does not deny it. The others do not mention it.
    cases : int
        Cases that could say it: signal intensity is asked of those with an MRI only.
    figures : tuple of str
        Ids of the figures of the cases that affirm it, best first, those whose own caption does before the others.
    """

    affirmed: int
    denied: int
    cases: int
    figures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyConcept:
    """A concept that cases of one side, or of both, show.

    Attributes
    ----------
    concept : str
    kind : {"finding", "disease", "anatomy"}
    a, b : SideCount
    chance : float
        Probability (0 to 1) that cases dealt out at random would differ as much, by Fisher's exact test.
    """

    concept: str
    kind: str
    a: SideCount
    b: SideCount
    chance: float


@dataclass(slots=True)
class CaseFindings:
    """A case as far as it was found, or a figure without a case.

    Attributes
    ----------
    figures : list of Figure
        Best first.
    affirmed : dict
        Concept to the ids of the figures whose own captions affirm it; to none where the findings do.
    denied, named, discussed : set of str
        Concepts that it denies; those that its title, diagnosis and topic affirm; and those that its discussion does.
    """

    figures: list[Figure] = field(default_factory=list)
    affirmed: dict[str, list[str]] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    discussed: set[str] = field(default_factory=set)


def cases_of(
    figures: Iterable[tuple[int, Figure]], mentions: Mapping[int, Sequence[StoredMention]], known: Lexicon
) -> list[CaseFindings]:
    """Put figures together by case, with what each case shows.

    Parameters
    ----------
    figures : iterable of int and Figure
        With their keys, best first.
    mentions : mapping
        Key to what the figure and its case speak of.
    known : Lexicon
        What is narrower implies what is broader.
    """
    found: dict[str, CaseFindings] = {}
    for key, figure in figures:
        case = found.setdefault(figure.case_id or figure.id, CaseFindings())
        case.figures.append(figure)
        for mention in mentions.get(key, ()):
            if mention.concept not in known:
                continue
            if mention.polarity == "denied" and mention.field in _FIELDS:
                case.denied.add(mention.concept)
            if mention.concept in OPPOSITES:
                if mention.polarity == "affirmed" and mention.field in _FIELDS:
                    case.denied.add(OPPOSITES[mention.concept])
                continue
            if mention.polarity != "affirmed" or mention.field not in _SPEAKING:
                continue
            # A narrower finding is a case of the broader one; a broader disease or part of the body tells nothing.
            broader = (name for name in known.parents(mention.concept) if known.kind(name) == "finding")
            names = (mention.concept, *broader)
            if mention.field == "discussion":
                case.discussed.update(names)
            if mention.field in _NAMES:
                case.named.add(mention.concept)
            for name in names if mention.field in _FIELDS else ():
                seen = case.affirmed.setdefault(name, [])
                if mention.field == "caption":
                    seen.append(figure.id)
    return list(found.values())


def background(cases: Sequence[CaseFindings]) -> dict[str, float]:
    """Share of the atlas's cases that affirm each concept."""
    counts = Counter(name for case in cases for name in case.affirmed)
    return {name: count / len(cases) for name, count in counts.items()}


def log_odds(a: int, of_a: int, b: int, of_b: int, share: float) -> float:
    """How much more of A's cases than of B's say something, in standard deviations of the log-odds ratio.

    Parameters
    ----------
    a, b : int
        Cases of each side that say it.
    of_a, of_b : int
        Cases of each side.
    share : float
        Share of the atlas's cases that say it.

    Notes
    -----
    ``δ = log((a + α) / (of_a + α₀ − a − α)) − log((b + α) / (of_b + α₀ − b − α))`` with ``α = α₀ · share``, and
    ``z = δ / sqrt(1 / (a + α) + 1 / (b + α))``: equations 16 and 22 of Monroe et al. with ``α₀`` `PRIOR`.
    """
    alpha = PRIOR * min(max(share, 0.01), 0.99)  # what no case or every case says would leave nothing to divide by
    odds = [(count + alpha) / (of + PRIOR - count - alpha) for count, of in ((a, of_a), (b, of_b))]
    return math.log(odds[0] / odds[1]) / math.sqrt(1 / (a + alpha) + 1 / (b + alpha))


def fisher(a: int, of_a: int, b: int, of_b: int) -> float:
    """Fisher's exact test, two-sided, of ``a`` in ``of_a`` against ``b`` in ``of_b``: a probability, 0 to 1.

    Parameters
    ----------
    a, of_a, b, of_b : int
        Cases that say something, and cases, of each side.
    """
    said, cases = a + b, of_a + of_b
    ways = {n: math.comb(of_a, n) * math.comb(of_b, said - n) for n in range(max(0, said - of_b), min(said, of_a) + 1)}
    return sum(way for way in ways.values() if way <= ways[a]) / math.comb(cases, said)


@lru_cache(maxsize=4)
def _seen_in(known: Lexicon) -> dict[str, str]:
    """Concept to the one modality in whose pictures it can be seen."""
    return {
        name: modality
        for modality, roots in _SEEN_IN.items()
        for root in roots
        if root in known
        for name in (root, *known.children(root))
    }


class Keyness:
    """Both sides of a comparison, counted.

    Parameters
    ----------
    a, b : sequence of CaseFindings
    atlas : mapping
        Concept to the share of the atlas's cases that affirm it.
    asked : set of str
        Concepts that the two queries name; that cases have what was asked for tells nothing new.
    known : Lexicon
    """

    def __init__(
        self,
        a: Sequence[CaseFindings],
        b: Sequence[CaseFindings],
        atlas: Mapping[str, float],
        asked: Set[str],
        known: Lexicon,
    ) -> None:
        self._sides = a, b
        self._atlas = atlas
        self._known = known
        names = {name for side in self._sides for case in side for name in (*case.affirmed, *case.denied)}
        own = _related(asked, known).union(*map(unplaced, asked & known.concepts.keys())) | _related(
            _organs(asked, known), known, narrower=False
        )
        # Where parts of the body are asked for, the others are what the same slices hold.
        kinds = SHARES.keys() - ({"anatomy"} if asked and all(known.kind(name) == "anatomy" for name in asked) else set())
        kept = (name for name in sorted(names - own - _PLAIN - _REGIONS) if known.kind(name) in kinds)
        # Which side of the body it was is an accident of the case.
        self._concepts = [self._counted(name) for name in kept if not name.startswith(("left ", "right "))]

    def apart(self) -> tuple[tuple[KeyConcept, ...], tuple[KeyConcept, ...]]:
        """What tells A from B, and B from A; most telling first."""
        return self._telling(1), self._telling(-1)

    def shared(self) -> tuple[KeyConcept, ...]:
        """What both sides have alike, and more of than the atlas; most telling first."""
        differing = {one.concept for found in self.apart() for one in found}
        scored: dict[str, tuple[float, KeyConcept]] = {}
        for one in self._concepts:
            if one.concept in differing or not (self._enough(one, one.a) and self._enough(one, one.b)):
                continue
            over = min(side.affirmed / side.cases for side in (one.a, one.b)) - self._share(one)
            if over > 0.1 and (
                one.kind != "anatomy" or all(any(one.concept in each.discussed for each in side) for side in self._sides)
            ):
                scored[one.concept] = over, one
        return self._chosen(scored)

    def _telling(self, sign: int) -> tuple[KeyConcept, ...]:
        scored: dict[str, tuple[float, KeyConcept]] = {}
        for one in self._concepts:
            side, other = (one.a, one.b) if sign > 0 else (one.b, one.a)
            if not self._enough(one, side) or other.cases < FEWEST:
                continue
            # A denial is said only where somebody looked: it weighs as half a case more against it.
            score = sign * log_odds(one.a.affirmed, one.a.cases, one.b.affirmed, one.b.cases, self._share(one))
            score += 0.5 * min(other.denied, FEWEST)
            more = side.affirmed / side.cases > TIMES * other.affirmed / other.cases
            if score >= TELLS and more and self._not_of_both(one, sign):
                scored[one.concept] = score, one
        return self._chosen(scored)

    def _not_of_both(self, one: KeyConcept, sign: int) -> bool:
        """Whether the discussions bear it out: they say what is true of a disease beyond the pictures of one case."""
        said = [
            sum(one.concept in case.affirmed or one.concept in case.discussed for case in side) / len(side)
            for side in self._sides
        ]
        own, other = said[::sign]
        side, count, denied = (self._sides[0], one.a, one.b.denied) if sign > 0 else (self._sides[1], one.b, one.a.denied)
        # Of two cases it may be an accident, and a part of the body the landmark of a slice, unless one discusses it.
        doubtful = one.kind == "anatomy" or (count.affirmed == FEWEST < count.cases and not denied)
        return own > TIMES * other and (not doubtful or any(one.concept in case.discussed for case in side))

    def _enough(self, one: KeyConcept, side: SideCount) -> bool:
        return side.affirmed >= max(FEWEST, SHARES[one.kind] * side.cases)

    def _share(self, one: KeyConcept) -> float:
        return self._atlas.get(one.concept, 0.0)

    def _chosen(self, scored: Mapping[str, tuple[float, KeyConcept]]) -> tuple[KeyConcept, ...]:
        """The best, without what is broader or narrower than a better one."""
        kept: list[KeyConcept] = []
        near: set[str] = set()
        # Of two that tell as much the narrower one says more.
        order = sorted(scored, key=lambda name: (-scored[name][0], -len(self._known.parents(name)), name))
        for name in order:
            if name not in near:
                kept.append(scored[name][1])
                near |= _related({name}, self._known)
        return tuple(kept[:MOST])

    def _counted(self, name: str) -> KeyConcept:
        modality = _seen_in(self._known).get(name, "")
        a, b = (_count(side, name, modality) for side in self._sides)
        chance = fisher(a.affirmed, a.cases, b.affirmed, b.cases) if a.cases and b.cases else 1.0
        return KeyConcept(name, self._known.kind(name), a, b, chance)


def _count(side: Sequence[CaseFindings], name: str, modality: str) -> SideCount:
    could = [case for case in side if not modality or name in case.affirmed or _has(case, modality)]
    having = [case for case in could if name in case.affirmed]
    denied = sum(name in case.denied and name not in case.affirmed for case in could)
    own = {figure for case in having for figure in case.affirmed[name]}
    every = [figure.id for case in having for figure in case.figures]
    return SideCount(len(having), denied, len(could), tuple(sorted(every, key=lambda figure: figure not in own)))


def _has(case: CaseFindings, modality: str) -> bool:
    return any(figure.modality == modality for figure in case.figures)


def _organs(names: Iterable[str], known: Lexicon) -> set[str]:
    """The organs that some diseases and findings concern."""
    return {organ for name in names if name in known and (organ := known.organ(name))}


def _related(names: Iterable[str], known: Lexicon, *, narrower: bool = True) -> set[str]:
    """Some concepts with all that is broader, and, if wanted, all that is narrower."""
    found = {each for name in names if name in known for each in (name, *known.parents(name))}
    return found | {each for name in names if name in known and narrower for each in known.children(name)}
