"""The explainer that ships: it quotes its evidence and says nothing of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import replace
from heapq import nlargest
from itertools import takewhile, zip_longest

from mirage.explain.disagreement import disagree
from mirage.explain.evidence import Aspect, Draft, Evidence, Scope
from mirage.explain.explainers import cues
from mirage.explain.explainers.base import ExplainerInfo, ExplanationRequest, Piece, Remark
from mirage.explain.explainers.candidates import LEAST, LONGEST, Candidate, candidates, choose, one_line
from mirage.explain.focus import modality_of
from mirage.explain.statements import describes
from mirage.explain.subject import subject_of
from mirage.language import sentences as splitting
from mirage.language.proof import unproven
from mirage.language.words import stems
from mirage.wording import _, ngettext

# In which order places are given away; the reader gets them in the order of `cues.ORDER`.
_WANTED: tuple[Aspect, ...] = (
    "what", "look", "look", "differential", "where", "pitfall", "look", "what", "differential", "where", "look",
)  # fmt: skip
# Where the question names no disease, definitions of what happens to be found would lead astray.
_WANTED_OF_PICTURES: tuple[Aspect, ...] = ("look", "what", "look", "look", "where", "look", "differential", "look", "look")
_CONTRAST: tuple[Aspect, ...] = ("look", "what", "where", "look", "differential")

_TO_TELL = 400  # characters that tell a passage's language
_LIKE = 0.35  # more for a kind of picture that the other side of a comparison has too
_REACH: tuple[Scope, ...] = ("", "subset", "case")  # the rule before its exceptions, and these before single cases


# What is told of an aspect, and the numbers of the evidence that says otherwise.
_Told = tuple[Aspect, Candidate, tuple[int, ...]]


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
            yield Remark(
                _(
                    "Left out %(numbers)s: it holds orders to a machine, which a medical source has no reason to give.",
                    numbers=numbers,
                )
            )
        if cues.addresses_a_machine(request.question):
            yield Remark(
                _("The question gives orders to a machine. This explainer follows none; it only quotes what was found.")
            )
        contrasts = request.task == "contrast"
        told = _contrast(request, evidence) if contrasts else _describe(request.question, evidence, request.most)
        yield from takewhile(lambda _: not stopped(), _with_what_is_unproven(told, evidence))


def _describe(question: str, evidence: Sequence[Evidence], most: int) -> Iterator[Piece]:
    subject = subject_of(question, evidence)
    if subject is None:
        return
    modality = modality_of(question, evidence)
    evidence = subject.together(evidence)
    found = candidates(evidence, subject, modality)
    read = {candidate.evidence.number for candidate in found}
    foreign = {
        item.number: language
        for item in evidence
        if item.number not in read and (language := splitting.language_of(item.text[:_TO_TELL]))
    }
    if foreign:
        told = ", ".join(f"[{number}] ({language})" for number, language in foreign.items())
        yield Remark(_("Not quoted, for it is not in English: %(told)s.", told=told))
    if subject.guessed and found:
        about = subject.names[0] if subject.names else _("what the figures found are about")
        yield Remark(
            _("The question holds no words. What follows is about %(about)s, as most of the figures found are.", about=about)
        )
    chosen: list[tuple[Aspect, Candidate]] = []
    wanted = _WANTED if subject.sort == "disease" else _WANTED_OF_PICTURES
    if subject.sort == "other":  # a part of the body is not taken for something else
        wanted = tuple(aspect for aspect in wanted if aspect != "differential")
    choose(found, wanted[: max(most, 1)], chosen)
    for aspect, candidate, against in beside(chosen, found):
        yield _draft(aspect, candidate, evidence, against)


def beside(chosen: Sequence[tuple[Aspect, Candidate]], found: Sequence[Candidate]) -> Iterator[_Told]:
    """What was chosen in the order in which it is read, and right after it what another source says against it.

    The order is by aspect; how it looks, by kind of picture; and the rule before its exceptions and before single cases.

    Parameters
    ----------
    chosen : sequence of (str, Candidate)
    found : sequence of Candidate
        Among which one may say otherwise.

    Yields
    ------
    str, Candidate, tuple of int
        The last: numbers of the evidence that says otherwise.
    """
    lead: dict[str, int] = {}
    for _start, candidate in chosen:
        lead.setdefault(candidate.modality, len(lead))

    def place(one: tuple[Aspect, Candidate]) -> tuple[int, int, int]:
        aspect, candidate = one
        kind = lead[candidate.modality] if aspect == "look" else 0
        return cues.ORDER.index(aspect), kind, _REACH.index(candidate.statement.scope)

    ordered = sorted(chosen, key=place)
    against: dict[int, set[int]] = {}
    added: list[tuple[Aspect, Candidate]] = []
    for aspect, one in ordered:
        added.append((aspect, one))
        for other in found:
            if disagree(one.statement, other.statement):
                against.setdefault(id(one), set()).add(other.evidence.number)
                against.setdefault(id(other), set()).add(one.evidence.number)
                if all(other is not known for _, known in (*ordered, *added)):
                    added.append((aspect, other))
                break
    for aspect, one in added:
        yield aspect, one, tuple(sorted(against.get(id(one), ())))


def _contrast(request: ExplanationRequest, evidence: Sequence[Evidence]) -> Iterator[Piece]:
    of_a, of_b = ({one_line(item.text) for item in evidence if item.side == side} for side in ("a", "b"))
    both = of_a & of_b
    own = [item for item in evidence if one_line(item.text) not in both]
    if not own:
        yield Remark(_("Both sides have the same evidence, so nothing here tells them apart. This is what they share."))
        shared = [item for item in evidence if item.side == "a"] or list(evidence)
        for piece in _describe(request.sides[0] or request.question, shared, request.most):
            yield _of_both(piece, evidence) if isinstance(piece, Draft) else piece
        return
    if both:
        yield Remark(
            ngettext(
                "%(num)s passage found for both sides left out.",
                "%(num)s passages found for both sides left out.",
                len(both),
            )
        )
    chosen: list[tuple[Aspect, Candidate]] = []
    told: list[_Told] = []
    sides: list[tuple[list[Candidate], Counter[int]]] = []
    for side, name in zip(("a", "b"), request.sides, strict=True):
        mine = [item for item in own if item.side == side]
        if not mine:
            yield Remark(
                _("Nothing was found that is only about %(value)s.", value=name or _("side %(side)s", side=side.upper()))
            )
            continue
        typical = _typical(mine, [item for item in own if item.side != side])
        asked = name or request.question
        subject = subject_of(asked, mine)
        found = candidates(mine, subject, modality_of(asked, mine)) if subject else []
        sides.append((found, typical))
    shown = [{one.modality for one in found if one.strengths["look"] >= LEAST["look"]} for found, _ in sides]
    like = set.intersection(*shown) - {""} if shown else set()
    for found, typical in sides:

        def tells_apart(candidate: Candidate, typical: Counter[int] = typical, like: Set[str] = frozenset(like)) -> float:
            apart = 0.5 * sum(nlargest(4, (typical[word] for word in candidate.words))) / 4
            return apart + (_LIKE if candidate.modality in like else 0.0)

        before = len(chosen)
        choose(found, _CONTRAST[: max(request.most // 2, 1)], chosen, tells_apart)
        looks = {candidate.modality for aspect, candidate in chosen[before:] if aspect == "look"}
        like = looks & like or like  # the other side shows what this one does
        told += beside(chosen[before:], found)
    for aspect, candidate, against in _alternate(told):
        yield _draft(aspect, candidate, own, against)


def _alternate(told: Sequence[_Told]) -> Iterator[_Told]:
    """Aspect by aspect, one side and then the other; how it looks by kind of picture, those that both sides have first."""
    for aspect in cues.ORDER:
        of = [one for one in told if one[0] == aspect]
        kinds: dict[str, set[str]] = {}
        for _aspect, candidate, _start in of:
            kinds.setdefault(candidate.modality if aspect == "look" else "", set()).add(candidate.evidence.side)
        for kind in sorted(kinds, key=lambda kind: -len(kinds[kind])):
            alike = [one for one in of if aspect != "look" or one[1].modality == kind]
            sides = ([one for one in alike if one[1].evidence.side == side] for side in ("a", "b"))
            for pair in zip_longest(*sides):
                yield from filter(None, pair)


def _typical(mine: Sequence[Evidence], others: Sequence[Evidence]) -> Counter[int]:
    """Stems by how many more of one side's passages hold them than of the other's, 0 to 1."""
    here, there = (Counter(word for item in items for word in stems(item.text)) for items in (mine, others))
    shares = {word: here[word] / len(mine) - there[word] / max(len(others), 1) for word in here}
    return Counter({word: share for word, share in shares.items() if share > 0})


def _draft(aspect: Aspect, candidate: Candidate, evidence: Sequence[Evidence], against: tuple[int, ...] = ()) -> Draft:
    """The sentence, citing first where it was found and then other passages that hold it word for word."""
    text = one_line(candidate.text.removesuffix(" …").removeprefix("… "))
    first, statement = candidate.evidence, candidate.statement
    same = [item for item in evidence if item is not first and item.side == first.side and text in one_line(item.text)]
    return Draft(
        candidate.text,
        (first.number, *(item.number for item in same[:2])),
        quoted=True,
        aspect=aspect,
        modality=candidate.modality if aspect == "look" else "",
        scope=statement.scope,
        limit=statement.limit,
        against=against,
    )


def _with_what_is_unproven(pieces: Iterator[Piece], evidence: Sequence[Evidence]) -> Iterator[Piece]:
    """What is told, and after what tells of one case its sentence that nobody proved what it has."""
    by_number = {item.number: item for item in evidence}
    told: set[tuple[str, str]] = set()
    for piece in pieces:
        yield piece
        if not isinstance(piece, Draft) or piece.scope != "case" or not piece.cites:
            continue
        first = by_number[piece.cites[0]]
        if first.case and (first.side, first.case) not in told:
            told.add((first.side, first.case))
            said = [item for item in evidence if (item.side, item.case) == (first.side, first.case)]
            if (found := _unproven(said)) and found[1] not in piece.text:
                yield replace(piece, text=found[1], cites=(found[0].number,), against=())


def _unproven(of_case: Sequence[Evidence]) -> tuple[Evidence, str] | None:
    """The sentence that says that a case's diagnosis is not proven; not one of a discussion of all such cases."""
    for item in of_case:
        if item.kind != "discussion" or describes(item):
            for sentence in splitting.split(item.text):
                if not sentence.is_heading and len(sentence.text) <= LONGEST and unproven(sentence.text):
                    return item, sentence.text
    return None


def _of_both(draft: Draft, evidence: Sequence[Evidence]) -> Draft:
    cited = {one_line(item.text) for item in evidence if item.number in draft.cites}
    numbers = tuple(item.number for item in evidence if one_line(item.text) in cited)
    return replace(draft, cites=numbers)
