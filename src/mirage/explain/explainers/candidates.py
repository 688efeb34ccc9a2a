"""The sentences of the evidence that could be quoted, and the choosing among them.

They are chosen by what is asked, by aspect, and without saying a thing twice: greedily, by maximal marginal relevance
(Carbonell and Goldstein, SIGIR 1998). Each next sentence is the one with the best score less what those chosen have said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from mirage.explain.checker.quotation import stands_in
from mirage.explain.evidence import Aspect, Evidence, Scope
from mirage.explain.explainers import cues
from mirage.explain.explainers.differentials import differential
from mirage.explain.explainers.telling import signs, tells
from mirage.explain.record import without_record
from mirage.explain.statements import Statement, describes, statements
from mirage.explain.subject import Subject, named
from mirage.language import sentences as splitting
from mirage.language.words import remembered, stems

LONGEST = 320  # characters of a quotation
SAME = 0.6  # share of the shorter one's words that two sentences share when they say the same
EXCEPTION = 0.8  # the same of a rule and what holds for some only
_KEPT = 110  # sentences that are looked at closely
_FLOOR = 0.75  # below this a sentence is not worth its place
_ASPECT, _STRONGEST = 0.55, 1.6
LEAST: dict[Aspect, float] = {"what": 0.6, "where": 1.1, "look": 0.6, "differential": 0.4, "pitfall": 0.8}
_REACHING: dict[Scope, float] = {"": 0.3, "subset": 0.1, "case": 0.1}

# How each modality is called in sentences.
_CALLED: dict[str, re.Pattern[str]] = {
    "CT": re.compile(r"\b(?:CT|CTA|CECT|NECT|HRCT|computed tomograph\w+|Hounsfield|HU)\b"),
    "MR": re.compile(  # T12 is a vertebra
        r"\b(?:MRI?|MRA|MRV|T[12](?!\d)\w*|FLAIR|DWI|ADC|STIR|PD|FSE|FIESTA|gadolinium"
        r"|magnetic resonance|signal intens\w+)\b"
    ),
    "US": re.compile(r"(?i)\b(?:ultraso\w+|sonogra\w+|echogenic\w*|hyperechoic|hypoechoic|anechoic|doppler)\b"),
    "XR": re.compile(
        r"(?i)\b(?:x-?rays?|CXR|radiogra\w+|films?|KUB"
        r"|(?:PA|AP|lateral|upright|decubitus)(?: and lateral)? (?:views?|images?))\b"
    ),
    "NM": re.compile(
        r"(?i)\b(?:scintigra\w+|bone scan|V/Q|nuclear|SPECT|(?:radio)?tracer|HMPAO|HIDA|MAG-?3|DMSA|sestamibi|octreotide"
        r"|\w*-?MDP|\w*-?WBC|Tc-?\s?99m?|99m?-?\s?Tc|(?:In|Indium|Ga|Gallium|Tl|Thallium|I)-?\s?(?:111|67|201|123|131)"
        r"|(?:111|67|201|123|131)-?\s?(?:In|Ga|Tl|I))\b"
    ),
    "PT": re.compile(r"\b(?:PET|FDG)\b"),
    "XA": re.compile(r"(?i)\b(?:angiogra(?:m|ms|phy)|arteriogra\w+)\b"),
    "MG": re.compile(r"(?i)\bmammogra\w+\b"),
    "SM": re.compile(r"(?i)\b(?:histo\w*log\w+|microscop\w+|stain\w*)\b"),
}

_MASS = "mass"
_TUMOR = re.compile(
    r"(?i)\b(?:mass(?:es)?|lesions?|nod(?:ul)\w+|tumou?rs?|neoplas\w+|(?:multi)?cyst\w*|foc(?:us|i)|cak(?:e|ing))\b"
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that could be quoted.

    Attributes
    ----------
    text : str
        As it is quoted.
    statement : Statement
        The sentence, and how far it reaches.
    words : frozenset of int
        Stems of its words.
    modality : str
        The kind of picture it speaks of; empty where it speaks of none, or of several.
    base : float
        Its worth whatever the aspect.
    strengths : dict
        How much it tells of each aspect.
    """

    text: str
    statement: Statement
    words: frozenset[int]
    modality: str
    base: float
    strengths: dict[Aspect, float]

    @property
    def whole(self) -> bool:
        """Whether it is quoted as a whole sentence, with nothing left out."""
        return self.evidence.kind != "differential" and self.text == self.statement.text

    @property
    def evidence(self) -> Evidence:
        """Where it stands."""
        return self.statement.evidence


def candidates(evidence: Sequence[Evidence], subject: Subject, modality: str) -> list[Candidate]:
    """The sentences of the evidence that are about what is asked and worth a look, the nearest first.

    Parameters
    ----------
    evidence : sequence of Evidence
    subject : Subject
        What is asked.
    modality : str
        Sentences about another one count for less; empty for none.
    """
    groups: dict[str, int] = {}
    rough: list[tuple[float, Statement]] = []
    for item in evidence:
        near = 0.4 / (1 + 0.3 * groups.setdefault(item.case or item.figures[0], len(groups)))
        if item.kind == "differential":
            rough += [(near + 0.6, one) for one in differential(item, subject)]
            continue
        for one in statements(item, subject):
            spoken = 0.25 * subject.focus.held(one.text)
            rough.append((near + _REACHING[one.scope] + (0.35 if one.own else 0.1) + spoken, one))
    rough.sort(key=lambda found: -found[0])
    close = (_close(*found, subject, modality) for found in rough[:_KEPT])
    return [found for found in close if found is not None and (found.whole or stands_in(found.text, found.evidence.text))]


def _looks(text: str, statement: Statement, subject: Subject) -> float:
    """How much a sentence can tell of how what is asked looks, whatever its cues.

    A disease's name may itself sound like a sign ("nodular sclerosing"). What only says that the thing is there, that
    devices are, or that all else is normal tells nothing of its look; nor does what a picture of a tumor shows beside it.
    """
    general = statement.evidence.kind == "discussion"
    left = text if general else cues.affirmed(text)
    rest = _nameless(left)
    told = cues.strength("look", statement.evidence.kind, rest)
    names = [one for one in named(text) if one.end <= len(left)]
    if not general and _MASS in subject.wider:
        of_it = any(one.concept in subject.narrower or one.concept in subject.wider for one in names)
        if not of_it and not _TUMOR.search(left):
            told *= 0.6
    if general or cues.shows(rest) or any(one.kind == "finding" for one in names):
        return told
    empty = len(left) < len(text) or any(one.kind == "device" for one in names) or cues.is_bare(rest)
    return 0.4 * told if empty else told


def _nameless(text: str) -> str:
    """A text with blanks for the names of diseases, devices and procedures."""
    for one in named(text):
        if one.kind in ("disease", "device", "procedure"):
            text = text[: one.start] + " " * (one.end - one.start) + text[one.end :]
    return text


def _close(near: float, statement: Statement, subject: Subject, modality: str) -> Candidate | None:
    item, a_list = statement.evidence, statement.evidence.kind == "differential"
    text = statement.text if a_list else splitting.clip(statement.text, LONGEST)
    # A caption of normal anatomy says by itself what a picture is of; so does that of a picture without a case.
    captions = item.kind == "caption" and (subject.sort == "other" or not item.case) and cues.is_caption(text)
    if not a_list and not ((captions or cues.is_sentence(text)) and tells(text, subject)):
        return None
    described = describes(item)
    if described and not (statement.own or signs(without_record(text))):
        return None  # what is said of a case beside the thing
    called = _called(text)
    own = (
        next(iter(called))
        if len(called) == 1
        else ""
        if called or item.kind == "discussion" or item.modality == "OT"
        else item.modality
    )
    base = near - (0.0 if a_list else cues.burden(text, listed=statement.listed))
    if modality and called:
        base += 0.2 if modality in called else -0.15
    if base + _ASPECT * _STRONGEST < _FLOOR:
        return None
    if a_list:
        strengths = {**dict.fromkeys(cues.ORDER, 0.0), "differential": min(1.5, 0.7 + 0.2 * text.count("; "))}
    else:
        strengths = {aspect: cues.strength(aspect, item.kind, text) for aspect in cues.ORDER}
        if strengths["look"] and subject.sort == "disease":
            strengths["look"] = min(strengths["look"], _looks(text, statement, subject))
        if strengths["pitfall"]:
            strengths["pitfall"] = cues.strength(
                "pitfall", item.kind, _nameless(text)
            )  # "nonspecific" may be part of a name
        if not statement.leads:
            # "The differential of ... is X and Y": X would be its own; and what may affect X does not say where X lies.
            strengths["differential"] = strengths["where"] = 0.0
        if statement.limit[:1].isdigit():
            strengths["what"] = 0.0  # "15% of X are Y" counts them
        strengths["what"] = strengths["what"] * cues.defines(text, subject) + (0.15 if statement.place < 3 else 0)
        if captions or described:
            strengths["look"] = max(strengths["look"], 0.7)
        if not statement.own:
            # What no name binds to the thing says what it looks like and where it lies, not what it is.
            strengths["what"] = strengths["differential"] = strengths["pitfall"] = 0.0
    quoted = text if a_list or one_line(statement.text) in _starts(item.text) else f"… {text}"
    return Candidate(quoted, statement, stems(text), own, base, strengths)


@remembered(4096)
def _called(text: str) -> frozenset[str]:
    """The modalities that a sentence speaks of."""
    return frozenset(name for name, words in _CALLED.items() if words.search(text))


@lru_cache(maxsize=512)
def _starts(text: str) -> frozenset[str]:
    return frozenset(one_line(one.text) for one in splitting.split(text))


def choose(
    found: Sequence[Candidate],
    wanted: Sequence[Aspect],
    chosen: list[tuple[Aspect, Candidate]],
    bonus: Callable[[Candidate], float] = lambda _: 0.0,
) -> None:
    """Fill the wanted aspects in turn, each with the best sentence that says something new; add them to `chosen`.

    Parameters
    ----------
    found : sequence of Candidate
    wanted : sequence of str
        Aspects, in the order in which they are given a sentence.
    chosen : list of (str, Candidate)
        Changed in place.
    bonus : callable
        Further worth of a candidate.
    """
    for aspect in wanted:
        for rules in (True, False) if aspect in ("what", "where") else (False,):
            # The rule before its exceptions; these have its place only where no source gives it.
            of_aspect = [one for one in found if not rules or not one.statement.scope]
            if best := _best(of_aspect, aspect, chosen, bonus):
                chosen.append((aspect, best))
                break


def _best(
    found: Sequence[Candidate],
    aspect: Aspect,
    chosen: Sequence[tuple[Aspect, Candidate]],
    bonus: Callable[[Candidate], float],
) -> Candidate | None:
    """The sentence that tells most of an aspect beside those that were chosen; None where none tells enough."""
    best, best_score = None, _FLOOR
    for candidate in found:
        told_of = candidate.strengths[aspect]
        if told_of < LEAST[aspect] or (aspect in ("what", "where", "pitfall") and candidate.statement.scope == "case"):
            continue
        score = candidate.base + _ASPECT * min(told_of, _STRONGEST) + bonus(candidate)
        if score <= best_score:
            continue
        side = candidate.evidence.side
        # An exception has most words of its rule.
        mine = [other for _, other in chosen if other.evidence.side == side]
        alike = [(similarity(candidate, other), other.statement.scope) for other in mine]
        if any(share >= (SAME if scope == candidate.statement.scope else EXCEPTION) for share, scope in alike):
            continue
        told = max((share for share, _ in alike), default=0.0)
        same_passage = sum(candidate.evidence.number == other.evidence.number for _, other in chosen)
        same_case = sum(candidate.evidence.case == other.evidence.case for _, other in chosen)
        score -= 0.5 * told + 0.12 * same_passage + 0.05 * same_case
        if aspect == "look":
            score -= 0.15 * sum(candidate.modality == other.modality for kind, other in chosen if kind == "look")
        if score > best_score:
            best, best_score = candidate, score
    return best


def similarity(one: Candidate, other: Candidate) -> float:
    """Share of the shorter sentence's words that the other holds too.

    Parameters
    ----------
    one, other : Candidate
    """
    least = min(len(one.words), len(other.words))
    return len(one.words & other.words) / least if least else 0.0


def one_line(text: str) -> str:
    """A text with one blank wherever it has white space."""
    return " ".join(text.split())
