"""The explainer that ships: it quotes its evidence and says nothing of its own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from mirage.explain.evidence import Aspect, Draft, Evidence
from mirage.explain.explainers import cues
from mirage.explain.explainers.base import ExplainerInfo, Piece, Remark, Request
from mirage.explain.explainers.focus import focus_of, modality_of
from mirage.explain.explainers.selecting import Candidate, candidates, choose
from mirage.language.words import stems

# In which order places are given away; the reader gets them in the order of `cues.ORDER`.
_WANTED: tuple[Aspect, ...] = (
    "what",
    "look",
    "look",
    "differential",
    "where",
    "what",
    "look",
    "differential",
    "where",
    "look",
)
# Where the question names no disease, definitions of what happens to be found would lead astray.
_WANTED_OF_PICTURES: tuple[Aspect, ...] = ("look", "what", "look", "look", "where", "look", "differential", "look", "look")
_CONTRAST: tuple[Aspect, ...] = ("look", "what", "where", "look", "differential")
_SPACES = re.compile(r"\s+")


class ExtractiveExplainer:
    """Chooses and orders sentences of the evidence, quotes them word for word, and cites them."""

    def info(self) -> ExplainerInfo:
        """Tell who speaks."""
        return ExplainerInfo("extractive")

    def explain(self, request: Request, stopped: Callable[[], bool] = lambda: False) -> Iterator[Piece]:
        """Yield quotations: what it is, where, how it looks, what else it could be, as `Explainer.explain` wants it."""
        evidence = tuple(item for item in request.evidence if not cues.addresses_a_machine(item.text))
        if len(evidence) < len(request.evidence):
            numbers = ", ".join(f"[{item.number}]" for item in request.evidence if item not in evidence)
            yield Remark(f"Left out {numbers}: it holds orders to a machine, which a medical source has no reason to give.")
        if cues.addresses_a_machine(request.question):
            yield Remark(
                "The question gives orders to a machine. This explainer follows none; it only quotes what was found."
            )
        if request.task == "contrast":
            yield from _contrast(request, evidence, stopped)
        else:
            yield from _describe(request.question, evidence, request.most, stopped)


def _describe(question: str, evidence: Sequence[Evidence], most: int, stopped: Callable[[], bool]) -> Iterator[Piece]:
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
        if stopped():
            return
        yield _draft(aspect, candidate, evidence)


def _contrast(request: Request, evidence: Sequence[Evidence], stopped: Callable[[], bool]) -> Iterator[Piece]:
    texts = {side: {_folded(item.text) for item in evidence if item.side == side} for side in ("a", "b")}
    both = texts["a"] & texts["b"]
    own = [item for item in evidence if _folded(item.text) not in both]
    if not own:
        yield Remark("Both sides stand on the same passages, so nothing here tells them apart. This is what they share.")
        shared = [item for item in evidence if item.side == "a"] or list(evidence)
        for piece in _describe(request.sides[0] or request.question, shared, request.most, stopped):
            yield _of_both(piece, evidence) if isinstance(piece, Draft) else piece
        return
    if both:
        yield Remark(f"{len(both)} {'passage' if len(both) == 1 else 'passages'} found for both sides left aside.")
    chosen: dict[str, list[tuple[Aspect, Candidate]]] = {"a": [], "b": []}
    for place, side in enumerate(("a", "b")):
        mine = [item for item in own if item.side == side]
        if not mine:
            yield Remark(f"Nothing that stands only for {request.sides[place] or f'side {side.upper()}'} was found.")
            continue
        typical = _typical(mine, [item for item in own if item.side != side])
        asked = request.sides[place] or request.question
        found = candidates(mine, focus_of(asked, mine), modality_of(asked, mine))
        told = [*chosen["a"], *chosen["b"]]
        before = len(told)

        def tells_apart(candidate: Candidate, typical: Counter[int] = typical) -> float:
            best = sorted((typical[word] for word in candidate.words), reverse=True)[:4]
            return 0.5 * sum(best) / 4

        choose(found, _CONTRAST[: max(request.most // 2, 1)], told, tells_apart)
        chosen[side] = told[before:]
    for aspect, candidate in _alternate(chosen):
        if stopped():
            return
        yield _draft(aspect, candidate, own)


def _alternate(chosen: dict[str, list[tuple[Aspect, Candidate]]]) -> Iterator[tuple[Aspect, Candidate]]:
    """Aspect by aspect, one side and then the other."""
    for aspect in cues.ORDER:
        sides = [[one for one in chosen[side] if one[0] == aspect] for side in ("a", "b")]
        for place in range(max(map(len, sides))):
            yield from (side[place] for side in sides if place < len(side))


def _typical(mine: Sequence[Evidence], others: Sequence[Evidence]) -> Counter[int]:
    """Stems by how many more of one side's passages hold them than of the other's, 0 to 1."""
    here, there = Counter[int](), Counter[int]()
    for items, counted in ((mine, here), (others, there)):
        for item in items:
            counted.update(stems(item.text))
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
    return _SPACES.sub(" ", text).strip()
