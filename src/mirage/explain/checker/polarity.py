"""Does the evidence bear out what a sentence denies, and what it states?"""

from __future__ import annotations

from collections.abc import Sequence

from mirage.explain.checker.agreement import in_words, of_kind
from mirage.explain.checker.cues import CUES
from mirage.explain.checker.fitting import Fitting
from mirage.explain.checker.matching import Alignment, EvidenceSentence
from mirage.explain.evidence import Break
from mirage.language.annotation import Annotation
from mirage.language.negation import LACKING, REMOVED, Denial
from mirage.wording import N_, _

# How much of a sentence one of the evidence must hold to speak against its denial, and how much of that another must hold to
# uphold it.
_ABOUT_IT, _AS_NEAR = 0.45, 0.6
# A denial counts when it fits better than all that states the same, this many times over and by this much.
_TIMES, _BY = 1.25, 0.1
# How closely words must fit that only retell what is denied.
_LOOSE = 0.2
# What a picture is made with is denied of one picture only: "non-contrast CT".
_AGENTS = frozenset(("contrast", "enhance"))
_CLAUSE = frozenset("; : but while whereas although though yet and which who".split())
# How far before "protocol" its name stands.
_REACH = 4
_NEGATING = ("a", "non", "un", "in", "im", "ir")
_NORMAL = frozenset(("normal", "intact"))


def doubts(alignment: Alignment) -> list[Break]:
    """What the sentence denies and the evidence states, and the other way round."""
    claim, chosen, near = alignment.claim, alignment.chosen, alignment.near
    found: list[Break] = []
    calm, retold, weights = _calling_normal(claim, near), alignment.retold, alignment.weights
    told = {unit: sum(weights[concept] for concept in alignment.body.holds(claim, unit)) for unit in near}
    for denial in claim.denials:
        heads = frozenset().union(*(retold.get(head, {head}) for head in denial.heads))
        stating = (
            unit
            for unit in chosen
            if denial.heads & unit.reading.affirmed
            and told[unit] >= _ABOUT_IT * sum(weights.values())
            and not _other_side(claim, unit.reading)
        )
        against = next(stating, None)
        if calm or against is None or _instead(denial, claim, chosen):
            continue
        alike = (unit for unit in near if unit in chosen or told[unit] >= _AS_NEAR * told[against])
        if not any((_negative(unit.reading) and heads & unit.meanings) or _upheld(heads, unit.reading) for unit in alike):
            words = in_words(claim, denial.heads & against.reading.affirmed)
            reason = _("The sentence denies %(words)s; [%(number)s] states it.", words=words, number=against.number)
            found.append(Break("negation", denial.words, reason, "contradicted"))
    return found + (_stated(claim, near, Fitting(alignment)) or _called_normal(claim, near))


def _negative(reading: Annotation) -> bool:
    """Whether any word of a sentence denies or takes back something."""
    return reading.denies or bool(CUES["polarity"]["negative"].search(reading.text))


def _upheld(heads: frozenset[str], source: Annotation) -> bool:
    """Whether a source denies one of some concepts, or has that in a word of its own: asymptomatic, noncalcified."""
    if heads & source.denied:
        return True
    words = {token.word for token in source.tokens if token.concept in heads} | heads
    return any(
        token.word.startswith(prefix) and token.word[len(prefix) :][:5] == word[:5]
        for token in source.tokens
        for word in words
        for prefix in _NEGATING
    )


def _lacking(denial: Denial, source: Annotation) -> bool:
    """Whether one sentence says "lack of thiamine" and another "thiamine deficiency"."""
    if not denial.cue.lower().startswith(LACKING):
        return False
    return any(
        token.concept in denial.heads
        and any(other.word.startswith(LACKING) for other in source.tokens[max(0, at - 4) : at + 4])
        for at, token in enumerate(source.tokens)
    )


def _instead(denial: Denial, claim: Annotation, chosen: Sequence[EvidenceSentence]) -> bool:
    """Whether a sentence says "not A but B" and a source has B."""
    last = max(denial.places)
    following = [token for token in claim.tokens[last + 1 : last + 4] if token.word != ","]
    if not following or following[0].word != "but":
        return False
    return any(token.concept in unit.reading.affirmed for token in following[1:] for unit in chosen if token.concept)


def _other_side(claim: Annotation, source: Annotation) -> bool:
    """Whether a sentence and a source speak of different sides throughout."""
    mine, theirs = {side.side for side in claim.sides}, {side.side for side in source.sides}
    return bool(mine) and bool(theirs) and not mine & theirs and "both" not in mine | theirs


def _stated(claim: Annotation, near: Sequence[EvidenceSentence], fitting: Fitting) -> list[Break]:
    """What the sentence states and the evidence denies with the same words around it, and does not state so."""
    if any(token.word in REMOVED for token in claim.tokens):
        return []
    for place, token in enumerate(claim.tokens):
        if token.concept not in fitting.means or token.concept in _AGENTS or _negated(claim, place):
            continue
        own, against, denying = 0.0, 0.0, None
        for unit in near:
            for there, fit in fitting.occurrences(place, unit):
                denial = next(
                    (
                        each
                        for each in unit.reading.denials
                        if there in each.places and not _AGENTS & each.heads and not _twice(each, unit)
                    ),
                    None,
                )
                if denial is None:
                    own = max(own, 0.0 if _spoken_of(unit.reading, there) else fit)
                elif fit > against and (fit > _LOOSE or unit.reading.tokens[there].concept == token.concept):
                    against, denying = fit, (unit, denial)
        if not own and (outright := _denied_outright(token.concept, near)):
            denying, against = outright, 1.0
        if denying is not None and against > _BY + _TIMES * own and not _lacking(denying[1], claim):
            unit, denial = denying
            told = (
                N_("The sentence states “%(words)s”; [%(number)s] denies it (“%(there)s”).")
                if denial.certain
                else N_("The sentence states “%(words)s”; [%(number)s] leaves it open (“%(there)s”).")
            )
            reason = _(told, words=token.text, number=unit.number, there=denial.words)
            return [Break("negation", token.text, reason, "contradicted" if denial.certain else "partly")]
    return []


def _denied_outright(concept: str, near: Sequence[EvidenceSentence]) -> tuple[EvidenceSentence, Denial] | None:
    """A denial or a question of something that is stated nowhere, whatever stands around it."""
    denials = ((unit, denial) for unit in near for denial in (*unit.reading.denials, *unit.reading.questions))
    return next(((unit, denial) for unit, denial in denials if concept in denial.heads), None)


def _twice(denial: Denial, unit: EvidenceSentence) -> bool:
    """Whether a sentence denies what is without something: "not made without a biopsy"."""
    return denial.cue.lower() == "without" and any(other.cue != denial.cue for other in unit.reading.denials)


def _spoken_of(reading: Annotation, place: int) -> bool:
    """Whether a word only names a protocol or what a question is about."""
    asked = any(place in question.places for question in reading.questions)
    return asked or any(token.word == "protocol" for token in reading.tokens[place : place + _REACH])


def _negated(reading: Annotation, place: int) -> bool:
    """Whether a word stands in a denial, in a question, or in a clause with any word that denies or takes back."""
    if any(place in denial.places for denial in (*reading.denials, *reading.questions)):
        return True
    words = [token.word for token in reading.tokens]
    start = max((at for at in range(place) if words[at] in _CLAUSE), default=-1)
    end = next((at for at in range(place, len(words)) if words[at] in _CLAUSE), len(words))
    return any(CUES["polarity"]["negative"].search(word) for word in words[start + 1 : end])


def _called_normal(claim: Annotation, units: Sequence[EvidenceSentence]) -> list[Break]:
    """Something found in a structure that the case calls normal or intact, and never found there by the case."""
    wrong = (of_kind(claim, "disease", "finding") & claim.affirmed) - _NORMAL
    if not wrong or _NORMAL & claim.concepts.keys() or claim.denials:
        return []
    anatomy = of_kind(claim, "anatomy")
    if any(len(wrong) > 1 and wrong <= unit.reading.affirmed for unit in units):
        return []
    if any(wrong & unit.reading.affirmed and anatomy & unit.reading.concepts.keys() for unit in units):
        return []
    for unit in _calling_normal(claim, units):
        if not wrong & unit.reading.concepts.keys():
            reason = _(
                "The sentence says %(words)s of what [%(number)s] calls normal or intact.",
                words=in_words(claim, wrong),
                number=unit.number,
            )
            return [Break("negation", in_words(claim, wrong), reason, "contradicted")]
    return []


def _calling_normal(claim: Annotation, units: Sequence[EvidenceSentence]) -> list[EvidenceSentence]:
    """The sentences that call all structures of a sentence normal or intact; it may deny that these are ill."""
    anatomy = of_kind(claim, "anatomy")
    if not anatomy:
        return []
    return [unit for unit in units if _NORMAL & unit.reading.affirmed and anatomy <= unit.reading.concepts.keys()]
