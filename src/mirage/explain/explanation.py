"""From hits to an explanation: gather the evidence, let an explainer speak, check every sentence.

Whoever speaks, each sentence goes through the same checker. An explainer that fails or says nothing is followed by
the extractive one, and the explanation says so.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING

from mirage.errors import MirageError
from mirage.explain import explainers
from mirage.explain.case_table import CaseTable, case_table
from mirage.explain.checker import Checker
from mirage.explain.evidence import Claim, Draft, Evidence, Side
from mirage.explain.explainers.base import Explainer, ExplainerInfo, ExplanationRequest, Remark, Writing
from mirage.explain.judging import judged
from mirage.explain.statements import relevant
from mirage.explain.subject import named, subject_of
from mirage.figure import Case, Figure
from mirage.language.concepts import lexicon
from mirage.language.reading import AskedConcept, sides_of
from mirage.search.answer import Answer, Hit
from mirage.wording import N_, _, looked_up

if TYPE_CHECKING:  # a browser runs this room, and has no databases
    from mirage.storage.store import Store

# What of a case may speak. History, examination and treatment are about one patient, not about what pictures show.
PASSAGES = ("findings", "differential", "diagnosis", "discussion")
MOST_HITS, _OF_ONE_CASE = 12, 2
_Passage = tuple[str, str, Sequence[Figure], Case | None]  # kind, text, the figures it speaks of, their case
NOT_ABOUT_IT = N_(
    "What is written about the figures found says nothing that explains this. Nothing is said rather than a guess."
)
SIDE_BY_SIDE = N_("This asks for two things side by side. Compare “{}” with “{}”: that explains both, and tells them apart.")
NO_EVIDENCE = N_("No figure here fits well enough to explain it from. Nothing is said rather than something unfounded.")
NOT_CALLED_SO = N_(
    "The figures found are of this: {}. Their sources do not call it “{}”, and nothing is said rather than a guess."
)
NO_WORDS = N_("You asked for “{}”. Figures here fit, but no sentence with them says what it is or how it looks.")


@dataclass(frozen=True, slots=True)
class Began:
    """An explainer is about to speak, over this evidence."""

    explainer: ExplainerInfo
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """It is over.

    Attributes
    ----------
    stopped : bool
        Whether somebody stopped it.
    seconds : float
    """

    stopped: bool
    seconds: float


Event = Began | Writing | Claim | Remark | CaseTable | Ended


@dataclass(frozen=True, slots=True)
class Explanation:
    """An explanation with all that it stands on.

    Attributes
    ----------
    question : str
    evidence : tuple of Evidence
    claims : tuple of Claim
    remarks : tuple of str
        Passages left out, who failed and who spoke in its place, a text cut short.
    explainers : tuple of ExplainerInfo
        Who spoke, in order; more than one after a failure.
    cases : CaseTable or None
        What the cases here say, counted; None where there are not two with the diagnosis.
    stopped : bool
    seconds : float
    """

    question: str
    evidence: tuple[Evidence, ...] = ()
    claims: tuple[Claim, ...] = ()
    remarks: tuple[str, ...] = ()
    explainers: tuple[ExplainerInfo, ...] = ()
    cases: CaseTable | None = None
    stopped: bool = False
    seconds: float = 0.0

    @property
    def text(self) -> str:
        """The sentences alone."""
        return " ".join(claim.text for claim in self.claims)

    def cited(self) -> str:
        """The text with its citations, and the list of what they point to, to paste elsewhere."""
        lines = [f"{self.question}\n"] if self.question else []
        for claim in self.claims:
            marks = "".join(f"[{number}]" for number in claim.cites)
            doubt = f" ({looked_up(claim.support)})" if claim.support != "supported" else ""
            reach = f" ({'; '.join(claim.marks)})" if claim.marks else ""
            lines.append(f"{claim.text}{' ' + marks if marks else ''}{reach}{doubt}")
        if self.cases:
            lines += [f"\n{self.cases.heading}", *(row.words for row in self.cases.rows)]
        used = {number for claim in self.claims for number in claim.cites}
        lines += ["\n" + _("Evidence")] if used else []
        for item in (item for item in self.evidence if item.number in used):
            source = item.source
            licence = _("Licence: %(name)s", name=looked_up(str(source.licence)))
            about = f"{item.title or item.figures[0]}, {looked_up(item.kind)}"
            lines.append(f"[{item.number}] {about}. {source.attribution} {licence}. {source.url}".rstrip())
        lines += ["\n" + _("Note: %(remark)s", remark=remark) for remark in self.remarks]
        return "\n".join([*lines, "\n" + _("Made by MIRAGE for teaching; it does not diagnose.")])


def gather(hits: Iterable[Hit], cases: Mapping[str, Case], *, side: Side = "", first: int = 1) -> tuple[Evidence, ...]:
    """Number the passages of the strong and likely hits: captions, and what their cases say, most relevant first.

    Parameters
    ----------
    hits : iterable of Hit
        Best first; `MOST_HITS` that are strong or likely are used, of a case two before a third. What its source has
        withdrawn is no evidence, whatever was asked for.
    cases : mapping
        Case id to Case, for the hits' cases.
    side : {"", "a", "b"}
    first : int
        Number of the first passage.
    """
    used = _of_many_cases([hit.figure for hit in hits if hit.confidence != "weak" and not hit.figure.withdrawn])
    distinct: dict[tuple[str, str], _Passage] = {}
    for kind, text, figures, case in _passages(used, cases):
        if text:
            distinct.setdefault((figures[0].case_id or figures[0].id, text), (kind, text, figures, case))
    return tuple(
        Evidence(
            number=number,
            kind=kind,
            text=text,
            figures=tuple(figure.id for figure in figures),
            source=case.source if case else figures[0].source,
            case=figures[0].case_id,
            title=(case.title if case else "") or figures[0].title,
            diagnosis=(case.diagnosis if case else "") or figures[0].diagnosis,
            # A claim is checked against what the sources say, not against what was inferred.
            modality=_common(figure.stated("modality") for figure in figures),
            plane=_common(figure.stated("plane") for figure in figures),
            region=_common(figure.region for figure in figures),
            side=side,
            topic=case.topic if case else (cases[figures[0].case_id].topic if figures[0].case_id in cases else ""),
        )
        for number, (kind, text, figures, case) in enumerate(distinct.values(), first)
    )


def _of_many_cases(figures: Sequence[Figure]) -> list[Figure]:
    """The first figures, best first; a third one of a case only where too few others are left: each case may say more."""
    met: Counter[str] = Counter()
    turns: list[tuple[bool, int]] = []
    for place, figure in enumerate(figures):
        met[figure.case_id or figure.id] += 1
        turns.append((met[figure.case_id or figure.id] > _OF_ONE_CASE, place))
    return [figures[place] for place in sorted(place for _, place in sorted(turns)[:MOST_HITS])]


def _passages(used: Sequence[Figure], cases: Mapping[str, Case]) -> Iterator[_Passage]:
    """What the figures and their cases say, in the order of the figures; a case's passages come with each of its figures."""
    for figure in used:
        of_case = [other for other in used if other.case_id == figure.case_id] if figure.case_id else [figure]
        # One caption for several figures of a case ("see previous") is one passage that speaks of all of them.
        same = [other for other in of_case if other.caption == figure.caption]
        yield "caption", figure.caption.strip(), same, None
        if case := cases.get(figure.case_id):
            yield from ((name, case.passages.get(name, "").strip(), of_case, case) for name in PASSAGES)


def _common(values: Iterable[str]) -> str:
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else ""


def explain(
    request: ExplanationRequest,
    explainer: Explainer | str,
    checker: Checker,
    stopped: Callable[[], bool] = lambda: False,
    store: Store | None = None,
) -> Iterator[Event]:
    """Let an explainer speak, and check each sentence before it is passed on.

    Parameters
    ----------
    request : ExplanationRequest
        May be without evidence; then nothing is claimed, and a remark says why.
    explainer : Explainer or str
        Or its adapter's name; one that cannot be loaded is replaced like one that fails.
    checker : mirage.explain.checker.Checker
    stopped : callable
    store : Store, optional
        Whose cases are counted; none are when left out.

    Yields
    ------
    Began, Writing, Claim, Remark, CaseTable, Ended
        `Began` once for each explainer that speaks; `Ended` last, whatever happened.
    """
    started = time.perf_counter()
    gathered, request = request.evidence, replace(request, evidence=_about(request))
    if not request.evidence:
        yield Remark(_why_nothing(request.question, gathered) if gathered else _(NO_EVIDENCE))
    else:
        yield from _spoken(request, explainer, checker, stopped)
        if store is not None and request.task == "describe" and not stopped():
            table = case_table(request.question, request.evidence, store)
            yield from (table,) if table else ()
    yield Ended(stopped(), time.perf_counter() - started)


def _why_nothing(question: str, gathered: Sequence[Evidence]) -> str:
    """Why what was found explains nothing of what is asked."""
    if sides := sides_of(question):
        return _(SIDE_BY_SIDE).format(*sides)
    subject = subject_of(question, gathered)
    for name in subject.names if subject else ():
        nearly = AskedConcept.of(name, ()).nearly
        for item in gathered:
            if any(one.concept in nearly for one in named(item.diagnosis or item.title)):
                return _(NOT_CALLED_SO).format(item.diagnosis or item.title, name)
    return _(NOT_ABOUT_IT)


def _asked_for(request: ExplanationRequest) -> str:
    """What a question asks for, in its own words."""
    subject, question = subject_of(request.question, request.evidence), request.question
    names = subject.names if subject else ()
    asked = (question[one.start : one.end] for one in lexicon().find(question, typed=True).matches if one.concept in names)
    return ", ".join(asked) or question


def _about(request: ExplanationRequest) -> tuple[Evidence, ...]:
    """The evidence that is about what is asked; of a contrast, about its own side."""
    asked = {"": request.question, "a": request.sides[0], "b": request.sides[1]}
    kept: list[Evidence] = []
    for side, question in asked.items():
        mine = [item for item in request.evidence if item.side == side]
        if mine:
            kept += relevant(mine, subject_of(question or request.question, mine))
    return tuple(replace(item, number=number) for number, item in enumerate(kept, 1))


def _spoken(
    request: ExplanationRequest, explainer: Explainer | str, checker: Checker, stopped: Callable[[], bool]
) -> Iterator[Event]:
    name = explainer if isinstance(explainer, str) else explainer.info().name
    claims, why = 0, _("it wrote no sentence")
    last: Claim | None = None
    try:
        speaker = explainers.load(explainer) if isinstance(explainer, str) else explainer
        info = speaker.info()
        yield Began(info, request.evidence)
        for piece in speaker.explain(request, stopped):
            if isinstance(piece, Draft):
                claims += 1
                last = judged(checker.check(piece, request.evidence, request.question), piece, info, request, last)
                yield last
            else:
                yield piece
            if stopped():
                return
        if claims:
            return
    except MirageError as error:
        why = str(error).rstrip(".")
    if stopped():
        return
    if name != explainers.DEFAULT:
        yield Remark(
            _(
                "The explainer %(name)s %(value)s: %(why)s. What follows quotes the sources instead.",
                name=name,
                value=_("stopped half-way") if claims else _("could not be used"),
                why=why,
            )
        )
        yield from _spoken(request, explainers.DEFAULT, checker, stopped)
    elif not claims:
        yield Remark(_(NO_WORDS).format(_asked_for(request)))


def collect(question: str, events: Iterable[Event]) -> Explanation:
    """Put the events of `explain` together.

    Parameters
    ----------
    question : str
    events : iterable of Event
    """
    return reduce(with_event, events, Explanation(question))


def with_event(whole: Explanation, event: Event) -> Explanation:
    """An explanation with one more event in it.

    Parameters
    ----------
    whole : Explanation
    event : Event
    """
    if isinstance(event, Began):
        return replace(whole, evidence=event.evidence, explainers=(*whole.explainers, event.explainer))
    if isinstance(event, Claim):
        return replace(whole, claims=(*whole.claims, event))
    if isinstance(event, CaseTable):
        return replace(whole, cases=event)
    if isinstance(event, Remark):
        return replace(whole, remarks=(*whole.remarks, event.text))
    if isinstance(event, Ended):
        return replace(whole, stopped=event.stopped, seconds=event.seconds)
    return whole


def request_of(answer: Answer, cases: Mapping[str, Case]) -> ExplanationRequest:
    """What to explain for one answer.

    Parameters
    ----------
    answer : Answer
    cases : mapping
        Case id to Case, for the hits' cases.
    """
    return ExplanationRequest(question_of(answer), gather(answer.hits, cases))


def words_of(answer: Answer) -> str:
    """A query in words for a reader, errors mended; a picture is called what it is."""
    return _worded(answer, _)


def question_of(answer: Answer) -> str:
    """The same in English whoever reads, for what takes a question apart, and for a model."""
    return _worded(answer, lambda text, **values: text % values if values else text)


def _worded(answer: Answer, say: Callable[..., str]) -> str:
    query = answer.query
    parts = [answer.reading.text] if answer.reading else []
    if query.has_picture:
        parts.append(say(N_("like the dropped picture")))
    likes = [term.figure for term in query.terms if term.figure and term.weight > 0]
    parts += [say(N_("like the figure %(name)s"), name=name) for name in likes]
    less = [term.text for term in query.terms if term.text and term.weight < 0]
    parts += [say(N_("less of %(words)s"), words=", ".join(less))] if less else []
    return ", ".join(parts)
