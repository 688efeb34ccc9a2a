"""Which sentences of the evidence a sentence is about."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from mirage.explain.checker import retelling
from mirage.explain.checker.retelling import named
from mirage.explain.evidence import Evidence
from mirage.language import numbers
from mirage.language.annotation import Annotation, annotate
from mirage.language.concepts import lexicon
from mirage.language.sentences import cut
from mirage.language.vocabulary import Token

# How much a concept counts that only the case's title or diagnosis holds, and one that only the passage around holds.
_ABOUT, _AROUND = 0.7, 0.5
_KIND_WEIGHT = {"anatomy": 1.0, "disease": 1.2, "finding": 1.0, "": 0.6}
# Vertebrae by letter and number; T1 and T2 are mostly sequences.
_LEVEL = re.compile(r"\b([CL])[1-7]\b|\b(T)(?:[3-9]|1[0-2])\b")
_SPINE = {("C", ""): "cervical spine", ("L", ""): "lumbar spine", ("", "T"): "thoracic spine"}
# How much the same concepts under other names draw two sentences together.
_SAME_NAMES = 0.1
MOST_ALIGNED = 4
_ADDS, _ADDS_OF_ANOTHER = 0.08, 0.2


@dataclass(frozen=True, eq=False)
class EvidenceSentence:
    """One sentence of the evidence, read."""

    evidence: Evidence
    reading: Annotation

    @property
    def number(self) -> int:
        """Of the evidence."""
        return self.evidence.number

    @cached_property
    def of_tokens(self) -> tuple[frozenset[str], ...]:
        """What each of its words means, as `retelling.meanings` tells."""
        return retelling.meanings(self.reading, retelling.shorts(self.evidence.text))

    @cached_property
    def meanings(self) -> frozenset[str]:
        """All that any of its words means."""
        return frozenset().union(*self.of_tokens)


@dataclass(frozen=True, slots=True)
class EvidenceMatch:
    """How much of a sentence one sentence of the evidence holds.

    Attributes
    ----------
    unit : EvidenceSentence
    score : float
        0 to 1, the weighted share of the sentence's concepts.
    shared : frozenset of str
        Concepts in both.
    """

    unit: EvidenceSentence
    score: float
    shared: frozenset[str]


class Body:
    """All evidence of one explanation, read once.

    Parameters
    ----------
    evidence : sequence of Evidence
    """

    def __init__(self, evidence: Sequence[Evidence]) -> None:
        self.evidence = tuple(evidence)
        self.by_number = {item.number: item for item in self.evidence}

    @cached_property
    def units(self) -> tuple[EvidenceSentence, ...]:
        """Every sentence of every passage."""
        return tuple(EvidenceSentence(item, annotate(text)) for item in self.evidence for text in cut(item.text))

    @cached_property
    def about(self) -> dict[int, Annotation]:
        """Evidence number to what its title, diagnosis and kind of picture say."""
        return {item.number: annotate(item.about) for item in self.evidence}

    @cached_property
    def around(self) -> dict[int, frozenset[str]]:
        """Evidence number to all concepts of the passage, and all groups of words that retell them."""
        found: dict[int, frozenset[str]] = dict.fromkeys(self.by_number, frozenset())
        for unit in self.units:
            found[unit.number] |= unit.meanings
        return found

    @cached_property
    def concepts(self) -> frozenset[str]:
        """All that any evidence holds, titles included."""
        return frozenset().union(*self.around.values(), *(reading.concepts for reading in self.about.values()))

    @cached_property
    def _lexical(self) -> dict[int, frozenset[str]]:
        """Evidence number to the concepts of the lexicon that it names, all broader ones included."""
        known, found = lexicon(), dict[int, frozenset[str]]()
        for item in self.evidence:
            names = {name for name, _, _ in named(f"{item.about}. {item.text}")}
            levels = {_SPINE[level] for level in _LEVEL.findall(item.text)}
            found[item.number] = frozenset(names | levels).union(*(known.parents(name) for name in names))
        return found

    def names(self, token: Token, sentence: str, near: Iterable[EvidenceSentence]) -> bool:
        """Whether cases name what a word of a sentence stands in, under whatever name.

        Parameters
        ----------
        token : Token
        sentence : str
        near : iterable of EvidenceSentence
            Of those cases.
        """
        held = frozenset().union(*(self._lexical[number] for number in {unit.number for unit in near}))
        if token.concept in held or (token.kind == "anatomy" and token.concept.split()[0] in self.concepts):
            return True
        return any(start < token.end and token.start < end and concept in held for concept, start, end in named(sentence))

    def case_of(self, chosen: Iterable[EvidenceSentence]) -> list[Evidence]:
        """The passages that some sentences stand in, and all others of the same cases."""
        numbers = {unit.number for unit in chosen}
        cases = {self.by_number[number].case for number in numbers} - {""}
        return [item for item in self.evidence if item.number in numbers or item.case in cases]

    def sentences_of(self, chosen: Iterable[EvidenceSentence]) -> list[EvidenceSentence]:
        """The sentences of those passages."""
        numbers = {item.number for item in self.case_of(chosen)}
        return [unit for unit in self.units if unit.number in numbers]

    def near(self, chosen: Iterable[EvidenceSentence]) -> frozenset[str]:
        """All concepts of those passages, titles included."""
        numbers = [item.number for item in self.case_of(chosen)]
        return frozenset().union(*(self.around[number] | self.about[number].concepts.keys() for number in numbers))

    @cached_property
    def _words(self) -> tuple[Token, ...]:
        """One token for each word of the evidence."""
        readings = [*(unit.reading for unit in self.units), *self.about.values()]
        return tuple({token.word: token for reading in readings for token in reading.tokens if token.concept}.values())

    def retold(self, reading: Annotation) -> dict[str, frozenset[str]]:
        """Each concept of a sentence to all that stands for it in the evidence."""
        if reading not in self._retold:
            means: dict[str, frozenset[str]] = {}
            for token, meanings in zip(reading.tokens, retelling.meanings(reading), strict=True):
                if token.concept in reading.concepts:
                    means[token.concept] = means.get(token.concept, frozenset()) | meanings
            for concept, token in reading.concepts.items():
                means[concept] |= retelling.forms(token, self._words)
            self._retold[reading] = means
        return self._retold[reading]

    @cached_property
    def _retold(self) -> dict[Annotation, dict[str, frozenset[str]]]:
        return {}

    def holds(self, reading: Annotation, unit: EvidenceSentence) -> frozenset[str]:
        """Concepts of a sentence that one of the evidence retells.

        Parameters
        ----------
        reading : Annotation
        unit : EvidenceSentence
        """
        return frozenset(concept for concept, means in self.retold(reading).items() if means & unit.meanings)

    def weights(self, reading: Annotation) -> dict[str, float]:
        """How much each concept and number of a sentence tells: rare ones more than those that every sentence has."""
        count = max(1, len(self.units))
        found = {}
        for concept, means in self.retold(reading).items():
            frequency = sum(not means.isdisjoint(unit.meanings) for unit in self.units)
            kind = reading.concepts[concept].kind
            found[concept] = _KIND_WEIGHT.get(kind, 0.6) * math.log(2 + count / (1 + frequency))
        for quantity in reading.quantities:
            if frequency := sum(_counts(quantity, unit) for unit in self.units):
                found[f"#{quantity.words}"] = math.log(2 + count / (1 + frequency))
        return found

    def match(self, reading: Annotation, cited: Iterable[int] = ()) -> tuple[EvidenceMatch, ...]:
        """The sentences of the evidence that hold most of a sentence, best first.

        The first holds most; each next one holds most of what is still missing and shares something with those before it,
        since a sentence may draw two of its source's into one.

        Parameters
        ----------
        reading : Annotation
        cited : iterable of int
            Numbers of the evidence that the sentence points to.
        """
        weights = self.weights(reading)
        total = sum(weights.values()) or 1.0
        given = frozenset(cited)
        names = frozenset(name for name, _, _ in named(reading.text))
        retold = self.retold(reading)
        scored: list[EvidenceMatch] = []
        for unit in self.units:
            shared = self.holds(reading, unit)
            shared |= {f"#{each.words}" for each in reading.quantities if _counts(each, unit)}
            if not shared and not (reading.modalities.keys() & unit.reading.modalities.keys()):
                continue
            titled, passage = self.about[unit.number].concepts.keys(), self.around[unit.number]
            more = {concept for concept, means in retold.items() if not means.isdisjoint(titled)} - shared
            near = {concept for concept, means in retold.items() if not means.isdisjoint(passage)} - shared - more
            held = sum(weights[concept] for concept in shared)
            held += _ABOUT * sum(weights[concept] for concept in more) + _AROUND * sum(weights[concept] for concept in near)
            length = len(unit.reading.concepts) or 1
            close = 0.02 * len(shared) / length + (0.04 if unit.number in given else 0.0)
            if names:
                same = sum(name in names for name in {name for name, _, _ in named(unit.reading.text)})
                close += _SAME_NAMES * same / len(names)
            scored.append(EvidenceMatch(unit, held / total + close, frozenset(shared)))
        scored.sort(key=lambda match: -match.score)
        return tuple(scored[:40])


def _counts(quantity: numbers.Quantity, unit: EvidenceSentence) -> bool:
    return any(numbers.same(quantity, other) for other in unit.reading.quantities)


@dataclass(frozen=True, eq=False)
class Alignment:
    """A sentence beside the evidence that it is about: what every check of it looks at.

    Attributes
    ----------
    claim : Annotation
        The sentence.
    chosen : tuple of EvidenceSentence
        The sentences of the evidence that it is about, best first.
    body : Body
        All evidence.
    share : float
        How much of the sentence the chosen ones hold, 0 to 1.
    asked : frozenset of str
        Concepts of the question, which are not invented.
    """

    claim: Annotation
    chosen: tuple[EvidenceSentence, ...]
    body: Body
    share: float
    asked: frozenset[str]

    @cached_property
    def near(self) -> tuple[EvidenceSentence, ...]:
        """All sentences of the cases that it is about."""
        return tuple(self.body.sentences_of(self.chosen))

    @cached_property
    def retold(self) -> dict[str, frozenset[str]]:
        """Each concept of the sentence to all that stands for it in the evidence."""
        return self.body.retold(self.claim)

    @cached_property
    def weights(self) -> dict[str, float]:
        """How much each concept and number of the sentence tells."""
        return self.body.weights(self.claim)


def aligned(matches: Sequence[EvidenceMatch], weights: dict[str, float]) -> tuple[EvidenceMatch, ...]:
    """The matches that a sentence was made of: the best, and those that hold what it lacks.

    A sentence of another case must add more to count than one of the same case, for words in common are cheap.

    Parameters
    ----------
    matches : sequence of EvidenceMatch
        Best first.
    weights : dict
        Concept of the sentence to how much it tells.
    """
    if not matches:
        return ()
    chosen, held = [matches[0]], set(matches[0].shared)
    lead, total = matches[0].unit, sum(weights.values()) or 1.0

    def gain(match: EvidenceMatch) -> float:
        new = match.shared - held
        added = sum(weights[concept] for concept in new) / total
        same = match.unit.evidence.case == lead.evidence.case or match.unit.number == lead.number
        return added if (added >= _ADDS if same else added >= _ADDS_OF_ANOTHER and len(new) > 1) else 0.0

    while len(chosen) < MOST_ALIGNED and gain(best := max(matches, key=gain)) > 0:
        chosen.append(best)
        held |= best.shared
    return tuple(chosen)


def share(chosen: Sequence[EvidenceMatch], weights: dict[str, float]) -> float:
    """How much of a sentence its matches hold together, 0 to 1.

    Parameters
    ----------
    chosen : sequence of EvidenceMatch
        The sentences of the evidence that it is about, best first.
    weights : dict
        Concept of the sentence to how much it tells.
    """
    if not weights:
        return 1.0 if chosen else 0.0
    held = frozenset(concept for match in chosen for concept in match.shared)
    best = max((match.score for match in chosen), default=0.0)
    return min(1.0, max(best, sum(weights[concept] for concept in held) / (sum(weights.values()) or 1.0)))
