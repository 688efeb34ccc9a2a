"""Does the evidence say the same of the same thing: signal, direction, strength, cause, and what is asserted?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from mirage.explain.checker.cues import CUES
from mirage.explain.checker.matching import Body, EvidenceSentence
from mirage.explain.checker.retelling import named
from mirage.explain.evidence import Break
from mirage.language.annotation import Annotation
from mirage.language.concepts import lexicon
from mirage.language.vocabulary import Token, vocabulary

_SEQUENCE = re.compile(
    r"\b(?:(T1|T2)(?:w|wi)?|(FLAIR|DWI|ADC|STIR|GRE|SWI)|(gradient)[- ]echo|(diffusion)[- ]weighted)\b", re.IGNORECASE
)
_SHORT = {"GRADIENT": "GRE", "DIFFUSION": "DWI"}
_CONTRAST = re.compile(r"(?i)\bwhile\b|\bwhereas\b|;|\bin contrast\b|\bon the other hand\b|\bconversely\b|, but\b| - ")
_CLAUSE = re.compile(r"[;:.]|,? (?:while|whereas|although|but|though)\b|, (?=which|and|so|because|since|as)")
# What may bear out a rule without exception.
_ALL = re.compile(r"(?i)\b(?:all|every|each|any|only|both)\b")
_LESS = frozenset("less fewer lower smaller shorter lesser rarer".split())
_COMPARED = frozenset(
    "more twice greater higher larger bigger worse commoner predominantly predominance predominant times >".split()
)
_APART = frozenset("than not unlike opposed".split())
_BASE = re.compile(
    r"(?i)\b(?:of|for|in|among) (?:all )?(?:the )?(?:patients|people|those|cases|persons|women|men|children|individuals) "
    r"(?:who have|having|with) (?:a |an |the )?(.+?)(?=,|;|\s\d|\s(?:will|also|have|has|develop|show))"
)
# Shares in percent that make a thing usual or rare.
_HALF, _FEW = 50, 10
# Two sequences are listed together when no more signs than this lie between their beginnings.
_LISTED = 24
_WINDOW, _BEFORE = 6, 3
_ABOUT_IT = 0.45
_CAUSE_REACH = 9


def doubts(claim: Annotation, chosen: Sequence[EvidenceSentence], body: Body, share: float) -> list[Break]:
    """All that a sentence binds to another thing than its evidence does.

    Parameters
    ----------
    claim : Annotation
    chosen : sequence of EvidenceSentence
        The sentences of the evidence that it is about, best first.
    body : Body
    share : float
        How much of the sentence they hold, 0 to 1.
    """
    if not chosen:
        return []
    near = body.sentences_of(chosen)
    found = [
        *_signals(claim, chosen, near),
        *_compared(claim, near),
        *_causes(claim, near),
        *_bases(claim, near),
        *_asserted(claim, near, body),
    ]
    if share >= _ABOUT_IT:
        found += _strength(claim, chosen, near)
    return found


@lru_cache(maxsize=4096)
def _concepts(reading: Annotation, start: int = 0, end: int = 1 << 30) -> frozenset[str]:
    """What is named in a stretch of a sentence, as the vocabulary and as the lexicon have it."""
    held = {token.concept for token in reading.tokens if start <= token.start < end} & reading.concepts.keys()
    return frozenset(held).union(name for name, first, _ in named(reading.text) if start <= first < end)


def _contradicted(words: str, unit: EvidenceSentence, why: str) -> Break:
    return Break("term", words, f"{why}; [{unit.number}]: “{unit.reading.text[:160]}”", "contradicted")


# -- signal -------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def signal_of(text: str) -> frozenset[tuple[str, str]]:
    """Sequence and signal, as a sentence binds them: "dark on T1 and bright on T2", "on T1 dark, on T2 bright"."""
    marks = [
        (match.start(), "sequence", _SHORT.get(word := next(filter(None, match.groups())).upper(), word))
        for match in _SEQUENCE.finditer(text)
    ]
    if not marks:
        return frozenset()
    for level, pattern in CUES["signal"].items():
        marks += [(match.start(), "signal", level) for match in pattern.finditer(text)]
    marks.sort()
    leading = marks[0][1] == "sequence"
    found: set[tuple[str, str]] = set()
    current: list[str] = []
    last = ""
    end = 0
    for start, kind, value in marks:
        if leading and kind == "sequence":
            current = [*current, value] if last == "sequence" and start - end < _LISTED else [value]
        elif leading:
            found |= {(sequence, value) for sequence in current}
        elif kind == "signal":
            current = [value]
        else:
            found |= {(value, level) for level in current}
        last, end = kind, start
    return frozenset(found)


def _signals(claim: Annotation, chosen: Sequence[EvidenceSentence], near: Sequence[EvidenceSentence]) -> Iterator[Break]:
    said = {pair: unit for unit in reversed(near) for pair in signal_of(unit.reading.text)}
    diseases = {name for name, _, _ in named(claim.text) if lexicon().concepts[name].kind == "disease"}
    own = [unit for unit in chosen if diseases & _concepts(unit.reading) and signal_of(unit.reading.text)]
    here = {pair for unit in own or chosen for pair in signal_of(unit.reading.text)}
    for sequence, level in sorted(signal_of(claim.text)):
        if (sequence, level) in here or ((sequence, level) in said and not any(pair[0] == sequence for pair in here)):
            continue
        against = [pair for pair in [*here, *said] if pair[0] == sequence and pair[1] != level]
        if against:
            yield _contradicted(sequence, said[against[0]], f"The sentence gives {sequence} another signal than its source")
        elif any(pair[1] == level for pair in here):
            unit = said[next(pair for pair in here if pair[1] == level)]
            reason = f"[{unit.number}] says this of another sequence than {sequence}."
            yield Break("modality", sequence, reason, "unsupported")


# -- directions and comparisons ------------------------------------------------------------------------------------------


def _poles(tokens: Sequence[Token]) -> Iterator[tuple[int, int, int]]:
    """Where a sentence holds one of two contrary words: its place, which pair, and which of the two."""
    for place, token in enumerate(tokens):
        if pole := vocabulary().contraries.get(token.word):
            yield place, *pole


def winner(reading: Annotation) -> dict[int, int]:
    """Pair of contrary words, by its number, to the one that has more: "more often in men than in women"."""
    tokens, found = reading.tokens, dict[int, int]()
    poles = list(_poles(tokens))
    for place, token in enumerate(tokens):
        if token.word not in _COMPARED | _LESS:
            continue
        than = next(
            (at for at in range(place, min(len(tokens), place + 12)) if tokens[at].word in ("than", "opposed", "as")), None
        )
        for pair in {pair for _, pair, _ in poles}:
            behind = [(at, pole) for at, other, pole in poles if other == pair and place < at <= place + 10]
            before = [(at, pole) for at, other, pole in poles if other == pair and place - 8 <= at < place]
            first = behind[0] if behind else None
            if first and than and tokens[than].word == "than" and first[0] > than and before:
                won: int | None = before[-1][1]
            elif first:
                won = first[1] if not (than and tokens[than].word == "than" and first[0] > than) else 1 - first[1]
            else:
                won = None
            if won is not None:
                found.setdefault(pair, 1 - won if token.word in _LESS else won)
    return found


def _compared(claim: Annotation, near: Sequence[EvidenceSentence]) -> Iterator[Break]:
    for pair, won in winner(claim).items():
        theirs = [(unit, winner(unit.reading)) for unit in near if _concepts(claim) & _concepts(unit.reading)]
        known = [(unit, winners[pair]) for unit, winners in theirs if pair in winners]
        if known and all(other != won for _, other in known):
            yield _contradicted(claim.text[:80], known[0][0], "The sentence turns a comparison round")


# -- strength -----------------------------------------------------------------------------------------------------------


def _said(text: str) -> set[str]:
    """How strongly a text puts it, in words."""
    found = set()
    for level, pattern in CUES["strength"].items():
        if pattern.search(text):
            found.add(level)
            text = pattern.sub(" ", text)  # "almost always" holds no "always"
    return found


def _levels(reading: Annotation) -> set[str]:
    shares = [quantity.values for quantity in reading.quantities if quantity.measure == "percent"]
    found = {"mostly" for each in shares if min(each) > _HALF} | {"rarely" for each in shares if max(each) < _FEW}
    return found | _said(reading.text) | ({"always"} if _ALL.search(reading.text) else set())


def _strength(claim: Annotation, chosen: Sequence[EvidenceSentence], near: Sequence[EvidenceSentence]) -> Iterator[Break]:
    """A rule without exception where the source has exceptions, and what is rare taken for what is usual."""
    mine, lead = _said(claim.text), chosen[0]
    theirs = _levels(lead.reading)
    around = set[str]().union(*(_levels(unit.reading) for unit in chosen))
    if mine & {"always", "never"} and not around & {"always", "never"} and not lead.reading.denies:
        level = min(mine & {"always", "never"})
        words = CUES["strength"][level].search(claim.text)
        support = "contradicted" if theirs else "unsupported"
        reason = f"The sentence says “{words[0] if words else level}”; [{lead.number}] does not go so far."
        yield Break("term", words[0] if words else level, reason, support)  # type: ignore[arg-type]
    rare, usual = mine & {"rarely", "never"}, mine & {"mostly", "always"}
    if (rare and not usual and theirs & {"mostly", "always"} and not around & {"rarely", "never"}) or (
        usual and not rare and theirs & {"rarely", "never"} and not around & {"mostly", "always"}
    ):
        yield _contradicted(claim.text[:80], lead, "The sentence is about how often, and says the opposite")


# -- causes --------------------------------------------------------------------------------------------------------------


def _effects(reading: Annotation) -> Iterator[tuple[frozenset[str], frozenset[str]]]:
    """What a sentence says to cause what."""
    text = reading.text
    for way, pattern in CUES["cause"].items():
        if way == "unlinked":
            continue
        for match in pattern.finditer(text):
            words = [token for token in reading.tokens if token.concept in reading.concepts]
            before = [token for token in words if token.end <= match.start()][-_CAUSE_REACH:]
            after = [token for token in words if token.start >= match.end()][:_CAUSE_REACH]
            sides = (
                _concepts(reading, before[0].start, match.start()) if before else frozenset[str](),
                _concepts(reading, match.end(), after[-1].end) if after else frozenset[str](),
            )
            yield sides if way == "forward" else (sides[1], sides[0])


def _causes(claim: Annotation, near: Sequence[EvidenceSentence]) -> Iterator[Break]:
    if claim.denies:
        return
    for cause, effect in _effects(claim):
        only_cause, only_effect = cause - effect, effect - cause
        for unit in near:
            known = _concepts(unit.reading)
            if only_cause & known and only_effect & known and (words := CUES["cause"]["unlinked"].search(unit.reading.text)):
                yield _contradicted(claim.text[:80], unit, f"The source says “{words[0]}”")
                return
        edges = [(unit, *edge) for unit in near for edge in _effects(unit.reading)]
        if any(only_cause & one and only_effect & other for _, one, other in edges):
            continue
        turned = [unit for unit, one, other in edges if only_cause & (other - one) and only_effect & (one - other)]
        if turned:
            yield _contradicted(claim.text[:80], turned[0], "The sentence turns cause and effect round")
            return


def _bases(claim: Annotation, near: Sequence[EvidenceSentence]) -> Iterator[Break]:
    """A share of those with A who have B, told as a share of those with B who have A."""
    mine = _BASE.search(claim.text)
    if mine is None or not claim.quantities:
        return
    base = _concepts(claim, mine.start(1), mine.end(1)) - {"mass"}
    for unit in near:
        theirs = _BASE.search(unit.reading.text)
        if theirs is None or not unit.reading.quantities:
            continue
        known = _concepts(unit.reading, theirs.start(1), theirs.end(1)) - {"mass"}
        rest = _concepts(unit.reading) - known
        if base & rest and not base & known and known & _concepts(claim):
            yield _contradicted(mine[0], unit, "The sentence turns round of whom this is a share")
            return


# -- what is asserted ----------------------------------------------------------------------------------------------------


def _asserted(claim: Annotation, near: Sequence[EvidenceSentence], body: Body) -> Iterator[Break]:
    """A disease that the sentence states as proven and the evidence only considers."""
    cues, known = CUES["assertion"], lexicon()
    if cues["hedged"].search(claim.text) or not cues["certain"].search(claim.text):
        return
    for name, start, end in named(claim.text):
        if known.concepts[name].kind != "disease":
            continue
        wanted = known.children(name) | {name}
        if any(wanted & set(_concepts(body.about[unit.number])) for unit in near):
            continue
        there = [unit for unit in near if wanted & set(_concepts(unit.reading))]
        if there and all(_aside(unit) for unit in there):
            words = claim.text[start:end]
            reason = f"The sentence states {words}; [{there[0].number}] only considers it."
            yield Break("negation", words, reason, "contradicted")


def _aside(unit: EvidenceSentence) -> bool:
    return unit.evidence.kind == "differential" or bool(CUES["assertion"]["aside"].search(unit.reading.text))
