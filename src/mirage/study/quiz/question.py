"""A question of a quiz as plain data: what it asks, what it shows, and what is right."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mirage.figure import Case, Figure, called
from mirage.images.stack_reader import StackReader
from mirage.query import Query
from mirage.search.answer import Answer as Found
from mirage.storage.store import Store
from mirage.study.learning import QuestionKind
from mirage.wording import N_, Words, _

KIND_WORDS: Words[QuestionKind] = Words(
    {
        "name": N_("name the diagnosis"),
        "choose": N_("choose among four"),
        "point": N_("point at the structure"),
        "side": N_("which side"),
        "next": N_("what next to look for"),
        "unfold": N_("unfold the case"),
    }
)
"""The kinds of question, and what to call them."""
_WINDOWS = {
    "lung": re.compile(r"(?i)lung|pulmon|trachea|bronch|lobe"),
    "bone": re.compile(r"(?i)vertebra|femur|hip bone|sacr|humerus|\brib|fracture|bone"),
}


class Library(Protocol):
    """What questions are made from: an atlas."""

    store: Store

    def search(self, query: str | Query, **filters: Any) -> Found: ...
    def figure(self, figure_id: str) -> Figure: ...
    def figures_of(self, case_id: str) -> list[Figure]: ...
    def case(self, case_id: str) -> Case: ...
    def reference(self, figure_id: str) -> str: ...
    def stack(self, figure_id: str) -> StackReader: ...
    def picture(self, figure_id: str) -> Path: ...
    def hidden_keys(self) -> frozenset[int]: ...
    def withdrawn_keys(self) -> frozenset[int]: ...


def seen(library: Library, figures: Iterable[Figure]) -> list[Figure]:
    """Those of some figures that are not hidden from learners, nor withdrawn by their source."""
    hidden, there = library.hidden_keys(), list(figures)
    keys = library.store.keys_of([figure.id for figure in there]) if hidden else {}
    return [figure for figure in there if keys.get(figure.id) not in hidden]


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture of a question.

    Attributes
    ----------
    figure : str
        A reference (`mirage.storage.records.reference_of`).
    view : str
        Of a stack: the plane; empty for a single picture.
    number : int
        Of a stack: the slice, from 0.
    what : str
        What kind of picture it is, and nothing that tells more: "axial CT".
    window : str
        Of a stack: name of the window to look through; the first when empty.
    """

    figure: str
    view: str = ""
    number: int = 0
    what: str = ""
    window: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """What a source says beside the picture, without the sentences that would give the answer away.

    Attributes
    ----------
    name : str
        Of `mirage.figure.Case.PASSAGES`.
    text : str
    left_out : int
        How many sentences are left out.
    """

    name: str
    text: str
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several answers.

    Attributes
    ----------
    concept : str
        Of the lexicon; of a side, the side.
    text : str
    """

    concept: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question with its answer. Before that is given, only `asks`, `pictures`, `patient`, `told` and `choices` are shown.

    Attributes
    ----------
    kind : {"name", "choose", "point", "side", "next", "unfold"}
    item : str
        The same each time the same is asked: `mirage.study.learning.item_of`.
    figure : str
        Reference of the figure that it is about.
    case : str
        Id of its case; empty where it has none.
    pictures : tuple of Shown
        The figure's own first.
    patient : str
        As the source says it.
    told : tuple of Passage
        What the source says beside it, in the order in which it is told.
    asked : str
        Concept that is the right answer; of a structure without one, and of a side, its name.
    answer : str
        The right answer in words; of a diagnosis the source's own.
    part : tuple of str
        Concepts that are a part of the diagnosis, not all of it.
    choices : tuple of Choice
        In the order in which they are shown; empty where one types or points.
    structure : str
        Name of the label that is pointed at, or whose side is asked for; of a side by words, what lies there.
    value : int
        Of the label, in the label map; 0 for none.
    mark : (float, float) or None
        Where the picture is marked, as shares of its width and height.
    quote : str
        Of a side by words: the sentence that says it.
    proof : str
        How the diagnosis was proven, of `mirage.figure.PROOFS`; empty where the source does not say.
    labels_by : str
        Who marked the structures; empty where nobody says, or nothing is marked.
    graded : bool
        Whether the answer was proven or reviewed. What is not is for practice.
    """

    kind: QuestionKind
    item: str
    figure: str
    case: str = ""
    pictures: tuple[Shown, ...]
    patient: str = ""
    told: tuple[Passage, ...] = ()
    asked: str
    answer: str
    part: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    structure: str = ""
    value: int = 0
    mark: tuple[float, float] | None = None
    quote: str = ""
    proof: str = ""
    labels_by: str = ""
    graded: bool = False

    def __post_init__(self) -> None:
        """Refuse what a file may say and no quiz can ask."""
        if not 1 <= len(self.pictures) <= 8 or len(self.choices) > 8 or (self.value and not self.pictures[0].view):
            raise ValueError(_("it is no question of a quiz."))

    @property
    def asks(self) -> str:
        """The question in words."""
        if self.kind == "point":
            return _("Where is this structure: %(name)s?", name=self.structure)
        if self.kind == "side":
            if self.mark:
                return _("On which side of the patient is the marked structure?")
            return _("On which side of the patient is this: %(name)s?", name=self.structure)
        return _("Which of these is the diagnosis?") if self.kind == "choose" else _("What is the diagnosis?")

    @property
    def grounds(self) -> str:
        """Why it is graded or only for practice, in words that tell no answer."""
        if self.value:
            if self.graded:
                return _("Graded: people marked the structures.")
            return _("For practice: a program marked the structures, or nobody says who did, and nobody reviewed them.")
        if self.quote:
            return _("For practice: the source's own words say the side, and nobody reviewed them.")
        if self.graded:
            return _("Graded: the diagnosis was proven by %(how)s.", how=called(self.proof))
        return _("For practice: the source does not say how the diagnosis was proven, and nobody reviewed it.")


def own(reference: str) -> str:
    """The figure's id of a reference."""
    return reference.rpartition("~")[0] or reference


def what_of(figure: Figure, view: str = "") -> str:
    """What kind of picture a figure is, and nothing that tells more: "axial CT"; "medical image" where nothing is stated.

    Parameters
    ----------
    figure : Figure
    view : str
        The plane in which a stack is shown.
    """
    wrong = {field for field, _said in figure.contradicted}
    plane = called("" if "plane" in wrong else view or figure.plane)
    modality = "" if "modality" in wrong or figure.modality == "OT" else called(figure.modality)
    if plane and modality:
        lower = modality if modality.isupper() else modality[:1].lower() + modality[1:]
        return _("%(plane)s %(modality)s", plane=plane, modality=lower)
    return plane or modality or _("medical image")


def shown(library: Library, figure: Figure, about: str = "", view: str = "", number: int | None = None) -> Shown:
    """The picture of a figure; of a stack the slice that stands for it, or the one that is named.

    Parameters
    ----------
    library : Library
    figure : Figure
    about : str
        What is to be seen: lungs and bones have windows of their own.
    view : str
    number : int, optional
    """
    reference = library.reference(figure.id)
    if figure.stack is None:
        return Shown(reference, what=what_of(figure))
    plane = view or figure.stack.views[0]
    named = next((name for name, words in _WINDOWS.items() if words.search(about)), "")
    window = next((each.name for each in figure.stack.windows if each.name == named), "")
    place = figure.stack.best if number is None else number
    return Shown(reference, plane, place, what_of(figure, plane), window)


def names_asked(questions: Sequence[Question]) -> frozenset[str]:
    """The concepts of the diagnoses that some questions ask for."""
    return frozenset(name for each in questions if not each.value and each.asked for name in (each.asked, *each.part))
