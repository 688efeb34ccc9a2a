"""Questions about a diagnosis: name it, choose it among four, or unfold its case."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from mirage.errors import NotFound
from mirage.figure import Case, Figure
from mirage.language.concepts import lexicon
from mirage.query import MAX_K, Query
from mirage.study.learning import QuestionKind, item_of
from mirage.study.quiz.question import Choice, Library, Passage, Question, Shown, seen, shown
from mirage.study.quiz.words import Diagnosis, denies, diagnosis_of, gives_away, kept_quiet, kin
from mirage.wording import N_

MOST_PICTURES = 4
_CHOICES = 4
_NEAREST = 9  # distractors that are near enough; of these those of the same organ are taken first
_BESIDE = ("modality", "plane", "region")  # what the pictures of all choices have in common
_BEFORE = ("history", "exam", "findings")
# What a source says of the case, as opposed to what it lists that it might have been.
_SAYS = frozenset({"affirmed", "possible", "history"})

Made = Question | str
"""A question; or, in words, why there is none."""

NO_DIAGNOSIS = N_("have no diagnosis that is one plain name")
NOT_SHOWN = N_("show a diagnosis that their captions deny")
NO_CASE = N_("have no case with a history or examination and findings")
NO_OTHERS = N_("have fewer than three others like them, of the same modality, plane and region, that cannot be true as well")


def _plain(library: Library, figure: Figure) -> tuple[Figure, Diagnosis] | str:
    """The figure to ask about, and its diagnosis; of a slice its stack, which shows it best."""
    if figure.slice_of:
        try:
            figure = library.figure(figure.slice_of.stack)
        except NotFound:
            return NO_DIAGNOSIS
    found = diagnosis_of(figure.diagnosis) if figure.diagnosis else None
    if found is None:
        return NO_DIAGNOSIS
    return (figure, found) if not denies(figure, found.concept) else NOT_SHOWN


def _case(library: Library, figure: Figure) -> Case | None:
    if not figure.case_id:
        return None
    try:
        return library.case(figure.case_id)
    except NotFound:
        return None


def _pictures(library: Library, figure: Figure) -> tuple[Shown, ...]:
    """The figure's picture, and others of its case; single slices are seen in their stack."""
    others = seen(library, library.figures_of(figure.case_id)) if figure.case_id else []
    beside = [each for each in others if each.id != figure.id and not each.slice_of and not figure.stack]
    return tuple(shown(library, each, each.diagnosis) for each in (figure, *beside[: MOST_PICTURES - 1]))


def _asked(kind: QuestionKind, library: Library, figure: Figure, found: Diagnosis, told: Iterable[Passage]) -> Question:
    reference = library.reference(figure.id)
    patient = "" if gives_away(figure.patient, (found.concept, *found.part)) else figure.patient
    return Question(
        kind=kind,
        item=item_of(kind, reference),
        figure=reference,
        case=figure.case_id,
        pictures=_pictures(library, figure),
        patient=patient,
        told=tuple(told),
        asked=found.concept,
        answer=found.text,
        part=found.part,
        proof=figure.proof,
        graded=bool(figure.proof),
    )


def _told(case: Case | None, names: Iterable[str], found: Diagnosis) -> list[Passage]:
    passages = case.passages if case else {}
    quiet = [kept_quiet(name, passages[name], (found.concept, *found.part)) for name in names if name in passages]
    return [each for each in quiet if each.text]


def name(figure: Figure, library: Library, _random: Random) -> Made:
    """Ask for the diagnosis in words."""
    plain = _plain(library, figure)
    if isinstance(plain, str):
        return plain
    return _asked("name", library, *plain, _told(_case(library, plain[0]), ("history",), plain[1]))


def unfold(figure: Figure, library: Library, _random: Random) -> Made:
    """Tell a case step by step, and ask for its diagnosis before the source says it."""
    plain = _plain(library, figure)
    if isinstance(plain, str):
        return plain
    told = _told(_case(library, plain[0]), _BEFORE, plain[1])
    if len({each.name for each in told} & {"history", "exam"}) == 0 or all(each.name != "findings" for each in told):
        return NO_CASE
    return _asked("unfold", library, *plain, told)


def choose(figure: Figure, library: Library, random: Random) -> Made:
    """Ask for the diagnosis among four."""
    plain = _plain(library, figure)
    if isinstance(plain, str):
        return plain
    figure, found = plain
    others = distractors(figure, found, library)
    if len(others) < _CHOICES - 1:
        return NO_OTHERS
    made = _asked("choose", library, figure, found, _told(_case(library, figure), ("history",), found))
    choices = [Choice(each, each[:1].upper() + each[1:]) for each in (found.concept, *others)]
    random.shuffle(choices)
    values = {each: getattr(made, each) for each in Question.__slots__}
    return Question(**{**values, "choices": tuple(choices)})


def distractors(figure: Figure, found: Diagnosis, library: Library, count: int = _CHOICES - 1) -> list[str]:
    """Diagnoses of other cases that look like a figure and cannot be its own, the most alike first.

    They are of the same kind, modality, plane and region. None is a synonym, a kind or the general case of the answer or of
    another one, another diagnosis of the same case, or anything that the figure's words or its case's say.

    Parameters
    ----------
    figure : Figure
    found : Diagnosis
        Its own.
    library : Library
    count : int
        How many at most.
    """
    known = lexicon()
    said = _said(figure, library)
    filters = {name: getattr(figure, name) for name in _BESIDE if getattr(figure, name)}
    alike = library.search(Query.of(like=[figure.id], k=MAX_K, **filters))
    chosen: list[str] = []
    for other in (hit.figure for hit in alike.hits):
        same = all(getattr(other, name) == getattr(figure, name) for name in _BESIDE)
        if not same or (figure.case_id and other.case_id == figure.case_id) or not other.diagnosis:
            continue
        theirs = diagnosis_of(other.diagnosis)
        if theirs is None or denies(other, theirs.concept):
            continue
        concept = theirs.concept
        alone = known.kind(concept) == known.kind(found.concept) and not any(
            kin(concept, each) for each in (found.concept, *found.part, *chosen)
        )
        if alone and not _may_be_true(concept, found.concept, said):
            chosen.append(concept)
        if len(chosen) == _NEAREST:
            break
    organ = known.organ(found.concept)
    return sorted(chosen, key=lambda each: known.organ(each) != organ)[:count]


def _said(figure: Figure, library: Library) -> frozenset[str]:
    """What a figure's words, those of its case's other figures, and its case affirm or suppose."""
    rows = [library.store.row(figure.id)]
    rows += library.store.figures_of(figure.case_id) if figure.case_id else []
    told = library.store.mentions.of(list({row.key for row in rows}))
    return frozenset(
        one.concept for each in told.values() for one in each if one.polarity in _SAYS and one.field != "differential"
    )


def _may_be_true(concept: str, answer: str, said: Iterable[str]) -> bool:
    """Whether a diagnosis may be true beside the answer by what is said: it is said, or a kind of something said.

    What the answer is a kind of itself says nothing of others: a *mass* that is a meningioma is no metastasis.
    """
    broader = lexicon().parents
    return any(
        each == concept or concept in broader(each) or (each in broader(concept) and each not in (answer, *broader(answer)))
        for each in said
        if each in lexicon()
    )
