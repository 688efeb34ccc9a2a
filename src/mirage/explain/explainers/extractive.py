"""The explainer that ships: it quotes its evidence and says nothing of its own.

Sentences are chosen by what is asked, by aspect, and without saying a thing twice: greedily, by maximal marginal relevance
(Carbonell and Goldstein, SIGIR 1998). Each next sentence is the one with the best score less what those chosen have said.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import takewhile, zip_longest

from mirage.explain.evidence import Aspect, Draft, Evidence
from mirage.explain.explainers import cues
from mirage.explain.explainers.base import ExplainerInfo, ExplanationRequest, Piece, Remark
from mirage.explain.explainers.focus import Focus, focus_of, modality_of
from mirage.language import sentences as splitting
from mirage.language.words import lowered, stems

# In which order places are given away; the reader gets them in the order of `cues.ORDER`.
_WANTED: tuple[Aspect, ...] = (
    "what", "look", "look", "differential", "where", "what", "look", "differential", "where", "look",
)  # fmt: skip
# Where the question names no disease, definitions of what happens to be found would lead astray.
_WANTED_OF_PICTURES: tuple[Aspect, ...] = ("look", "what", "look", "look", "where", "look", "differential", "look", "look")
_CONTRAST: tuple[Aspect, ...] = ("look", "what", "where", "look", "differential")

LONGEST = 320  # characters of a quotation
SAME = 0.6  # share of the shorter one's words that two sentences share when they say the same
_KEPT = 110  # sentences that are looked at closely
_MOST_ITEMS = 8
_LONGEST_ITEM = 110
_FLOOR = 0.75  # below this a sentence is not worth its place
_TOPIC_FLOOR = 0.3
_ASPECT, _STRONGEST = 0.55, 1.6
_WHAT_FLOOR = 0.5  # a definition of something else is worse than none
_WHOLE = 1.4  # above 1, half of a name counts for less than half: "sclerosis" is not "multiple sclerosis"
_LEAST: dict[Aspect, float] = {"what": 0.6, "where": 1.1, "look": 0.4, "differential": 0.4}

# How each modality is called in sentences.
_CALLED: dict[str, re.Pattern[str]] = {
    "CT": re.compile(r"\b(?:CT|CTA|CECT|NECT|HRCT|computed tomograph\w+|Hounsfield|HU)\b"),
    "MR": re.compile(r"\b(?:MRI?|MRA|MRV|T1\w*|T2\w*|FLAIR|DWI|ADC|STIR|gadolinium|magnetic resonance|signal intens\w+)\b"),
    "US": re.compile(r"(?i)\b(?:ultraso\w+|sonogra\w+|echogenic\w*|hyperechoic|hypoechoic|anechoic|doppler)\b"),
    "XR": re.compile(r"(?i)\b(?:x-?rays?|CXR|radiogra\w+|plain films?|KUB)\b"),
    "NM": re.compile(r"(?i)\b(?:scintigra\w+|bone scan|V/Q|nuclear|SPECT)\b"),
    "PT": re.compile(r"\b(?:PET|FDG)\b"),
    "XA": re.compile(r"(?i)\b(?:angiogra(?:m|ms|phy)|arteriogra\w+)\b"),
    "MG": re.compile(r"(?i)\bmammogra\w+\b"),
    "SM": re.compile(r"(?i)\b(?:histolog\w+|microscop\w+|stain\w*)\b"),
}


class ExtractiveExplainer:
    """Chooses and orders sentences of the evidence, quotes them word for word, and cites them."""

    def info(self) -> ExplainerInfo:
        """Tell who speaks."""
        return ExplainerInfo("extractive")

    def explain(self, request: ExplanationRequest, stopped: Callable[[], bool] = lambda: False) -> Iterator[Piece]:
        """Yield quotations: what it is, where, how it looks, what else it could be, as `Explainer.explain` wants it.

        Parameters
        ----------
        request : ExplanationRequest
        stopped : callable
        """
        evidence = tuple(item for item in request.evidence if not cues.addresses_a_machine(item.text))
        if len(evidence) < len(request.evidence):
            numbers = ", ".join(f"[{item.number}]" for item in request.evidence if item not in evidence)
            yield Remark(f"Left out {numbers}: it holds orders to a machine, which a medical source has no reason to give.")
        if cues.addresses_a_machine(request.question):
            yield Remark(
                "The question gives orders to a machine. This explainer follows none; it only quotes what was found."
            )
        contrasts = request.task == "contrast"
        told = _contrast(request, evidence) if contrasts else _describe(request.question, evidence, request.most)
        yield from takewhile(lambda _: not stopped(), told)


def _describe(question: str, evidence: Sequence[Evidence], most: int) -> Iterator[Piece]:
    focus = focus_of(question, evidence)
    found = candidates(evidence, focus, modality_of(question, evidence))
    if question and not focus.asked and found:
        yield Remark("The evidence holds no word of the question. What follows is what the figures found are about.")
    chosen: list[tuple[Aspect, Candidate]] = []
    wanted = _WANTED if focus.named(evidence) else _WANTED_OF_PICTURES
    choose(found, wanted[: max(most, 1)], chosen)
    if not chosen and found:
        chosen = [("", found[0])]
    for aspect, candidate in sorted(chosen, key=lambda one: cues.ORDER.index(one[0]) if one[0] else 0):
        yield _draft(aspect, candidate, evidence)


def _contrast(request: ExplanationRequest, evidence: Sequence[Evidence]) -> Iterator[Piece]:
    of_a, of_b = ({_folded(item.text) for item in evidence if item.side == side} for side in ("a", "b"))
    both = of_a & of_b
    own = [item for item in evidence if _folded(item.text) not in both]
    if not own:
        yield Remark("Both sides have the same evidence, so nothing here tells them apart. This is what they share.")
        shared = [item for item in evidence if item.side == "a"] or list(evidence)
        for piece in _describe(request.sides[0] or request.question, shared, request.most):
            yield _of_both(piece, evidence) if isinstance(piece, Draft) else piece
        return
    if both:
        yield Remark(f"{len(both)} {'passage' if len(both) == 1 else 'passages'} found for both sides left out.")
    chosen: list[tuple[Aspect, Candidate]] = []
    for side, name in zip(("a", "b"), request.sides, strict=True):
        mine = [item for item in own if item.side == side]
        if not mine:
            yield Remark(f"Nothing was found that is only about {name or f'side {side.upper()}'}.")
            continue
        typical = _typical(mine, [item for item in own if item.side != side])
        asked = name or request.question
        found = candidates(mine, focus_of(asked, mine), modality_of(asked, mine))

        def tells_apart(candidate: Candidate, typical: Counter[int] = typical) -> float:
            return 0.5 * sum(nlargest(4, (typical[word] for word in candidate.words))) / 4

        choose(found, _CONTRAST[: max(request.most // 2, 1)], chosen, tells_apart)
    for aspect, candidate in _alternate(chosen):
        yield _draft(aspect, candidate, own)


def _alternate(chosen: Sequence[tuple[Aspect, Candidate]]) -> Iterator[tuple[Aspect, Candidate]]:
    """Aspect by aspect, one side and then the other."""
    for aspect in cues.ORDER:
        of = [one for one in chosen if one[0] == aspect]
        sides = ([one for one in of if one[1].evidence.side == side] for side in ("a", "b"))
        for pair in zip_longest(*sides):
            yield from filter(None, pair)


def _typical(mine: Sequence[Evidence], others: Sequence[Evidence]) -> Counter[int]:
    """Stems by how many more of one side's passages hold them than of the other's, 0 to 1."""
    here, there = (Counter(word for item in items for word in stems(item.text)) for items in (mine, others))
    shares = {word: here[word] / len(mine) - there[word] / max(len(others), 1) for word in here}
    return Counter({word: share for word, share in shares.items() if share > 0})


def _draft(aspect: Aspect, candidate: Candidate, evidence: Sequence[Evidence]) -> Draft:
    """The sentence, citing first where it was found and then other passages that hold it word for word."""
    text = _folded(candidate.text.removesuffix(" …"))
    first = candidate.evidence
    same = [item.number for item in evidence if item is not first and item.side == first.side and text in _folded(item.text)]
    return Draft(candidate.text, (first.number, *same[:2]), quoted=True, aspect=aspect)


def _of_both(draft: Draft, evidence: Sequence[Evidence]) -> Draft:
    cited = {_folded(item.text) for item in evidence if item.number in draft.cites}
    numbers = tuple(item.number for item in evidence if _folded(item.text) in cited)
    return Draft(draft.text, numbers, draft.quoted, draft.aspect)


def _folded(text: str) -> str:
    return " ".join(text.split())


# -- which sentences ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that could be quoted.

    Attributes
    ----------
    text : str
    evidence : Evidence
    words : frozenset of int
        Stems of its words.
    topic : float
        How much of what is asked it and its passage speak of, 0 to 1.
    base : float
        Its worth whatever the aspect.
    strengths : dict
        How much it tells of each aspect.
    """

    text: str
    evidence: Evidence
    words: frozenset[int]
    topic: float
    base: float
    strengths: dict[Aspect, float]


def candidates(evidence: Sequence[Evidence], focus: Focus, modality: str) -> list[Candidate]:
    """The sentences of the evidence that are worth a look, those nearest to what is asked first.

    Parameters
    ----------
    evidence : sequence of Evidence
    focus : Focus
        What is asked.
    modality : str
        Sentences about another one count for less; empty for none.
    """
    groups: dict[str, int] = {}
    rough: list[tuple[float, splitting.Sentence, Evidence, float]] = []
    for item in evidence:
        group = groups.setdefault(item.case or item.figures[0], len(groups))
        about = focus.held(lowered(f"{item.title} {item.diagnosis} {item.region}"))
        near = 0.4 / (1 + 0.3 * group)
        for sentence in _sentences(item):
            own = focus.held(lowered(sentence.text))
            under = max(about, focus.held(lowered(sentence.heading))) if sentence.heading else about
            if own and focus.denied(sentence.text):
                own, under = 0.2 * own, 0.5 * under
            topic = 0.55 * own**_WHOLE + 0.45 * under**_WHOLE
            rough.append((topic + near, sentence, item, topic))
    rough.sort(key=lambda found: -found[0])
    close = [_close(*found, focus, modality) for found in rough[:_KEPT]]
    return [found for found in close if found is not None]


def _sentences(item: Evidence) -> Iterable[splitting.Sentence]:
    sentences = [one for one in splitting.split(item.text) if not one.is_heading]
    if item.kind == "diagnosis":
        return ()
    if item.kind == "differential":
        items = [one for one in sentences if one.listed]
        if len(items) > 1:
            named = [one.text for one in items if len(one.text) <= _LONGEST_ITEM and not cues.leans(one.text)]
            texts = list(dict.fromkeys(text.rstrip(" .;,") for text in named))
            more = " …" if len(texts) > _MOST_ITEMS or len(named) < len(items) else ""
            whole = splitting.Sentence("; ".join(texts[:_MOST_ITEMS]) + more, False, 0)
            return [whole, *(one for one in sentences if not one.listed)]
    return sentences


def _close(
    near: float, sentence: splitting.Sentence, item: Evidence, topic: float, focus: Focus, modality: str
) -> Candidate | None:
    a_list = item.kind == "differential" and "; " in sentence.text
    text = sentence.text if a_list else splitting.clip(sentence.text, LONGEST)
    if not a_list and not cues.has_content(text):
        return None
    words = stems(text)
    if item.kind == "differential" and len(words - stems(f"{item.title} {item.diagnosis}")) < 2:
        return None
    base = near - (0.0 if a_list else cues.burden(text, listed=sentence.listed))
    if modality:
        spoken = {name for name, called in _CALLED.items() if called.search(text)}
        if spoken:
            base += 0.2 if modality in spoken else -0.3
    if base + _ASPECT * _STRONGEST < _FLOOR:
        return None
    strengths: dict[Aspect, float] = {aspect: cues.strength(aspect, item.kind, text) for aspect in cues.ORDER}
    if a_list:
        strengths = {**dict.fromkeys(cues.ORDER, 0.0), "differential": min(1.5, 0.7 + 0.2 * text.count("; "))}
    else:
        strengths["what"] = strengths["what"] * cues.defines(text, focus) + (0.15 if sentence.place < 3 else 0)
    return Candidate(text, item, words, topic, base, strengths)


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
        best, best_score = None, _FLOOR
        for candidate in found:
            told_of = candidate.strengths[aspect]
            if candidate.topic < (_WHAT_FLOOR if aspect == "what" else _TOPIC_FLOOR) or told_of < _LEAST[aspect]:
                continue
            score = candidate.base + _ASPECT * min(told_of, _STRONGEST) + bonus(candidate)
            if score <= best_score:
                continue
            told = max((similarity(candidate, other) for _, other in chosen), default=0.0)
            if told >= SAME:
                continue
            same_passage = sum(candidate.evidence.number == other.evidence.number for _, other in chosen)
            same_case = sum(candidate.evidence.case == other.evidence.case for _, other in chosen)
            score -= 0.5 * told + 0.12 * same_passage + 0.05 * same_case
            if score > best_score:
                best, best_score = candidate, score
        if best is not None:
            chosen.append((aspect, best))


def similarity(one: Candidate, other: Candidate) -> float:
    """Share of the shorter sentence's words that the other holds too.

    Parameters
    ----------
    one, other : Candidate
    """
    least = min(len(one.words), len(other.words))
    return len(one.words & other.words) / least if least else 0.0
