"""Questions about structures: where one is, and on which side. The label map, or the source's own words, say the answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

import numpy as np
from PIL import Image

from mirage.errors import MirageError, NotFound
from mirage.figure import Figure, StackLabel
from mirage.images.packing import Array
from mirage.images.stacks import spacing_in
from mirage.language import sentences
from mirage.language.annotation import annotate
from mirage.language.concepts import lexicon
from mirage.language.laterality import OTHER, SIDES
from mirage.study.learning import item_of
from mirage.study.quiz.diagnosis import Made
from mirage.study.quiz.question import Choice, Library, Question, Shown, shown
from mirage.study.quiz.words import ILL
from mirage.wording import N_

NO_LABELS = N_("are no stacks with labelled structures")
NO_NAMES = N_("have labels without names, or none that can be told from what is around it")
NO_SIDES = N_("have no structure on one side, or do not say which side is which")

_UNNAMED = re.compile(r"(?i)\b(?:structure|label|region|class|segment) ?\d*$|\bmarked by\b")
_BY_PROGRAM = re.compile(r"(?i)program|threshold|automat|not checked|unchecked|nobody")
_SIDED = re.compile(r"(?i)^(left|right) (.+)$")
_LEAST_SHARE = 0.4  # of the structure's largest section
_TOO_ALIKE = 0.85  # nobody sees where such a structure ends
_LEAST_AREA, _MOST_AREA = 0.0015, 0.5  # of the slice
TOLERANCE = 0.015  # of the longer side of a slice: as far beside a structure a finger may point
GRID = 16
"""Into how many columns and rows a picture is parted for those who do not point."""
_MUCH = 0.25
SHOWS_SIDES = {"axial", "coronal", "frontal"}
# Findings that most pictures have on both sides.
_EVERYWHERE = frozenset({"gas", "fluid", "contrast enhancement", "normal", "normal variant", "pain"})
# Words that say a side of the page, or of another picture.
_OF_THE_PAGE = re.compile(
    r"(?i)\b(?:panel|image|picture|figure|view|photo\w*|screen|shift\w*|midline|deviat\w*|decubitus|arrow\w*|column|row|"
    r"shunt|to the|from (?:left|right)|heart failure|ventric\w+|atri\w+|lateral)\b"
)


@dataclass(frozen=True, slots=True)
class StructurePlace:
    """A structure in a slice of a stack."""

    stack: Figure
    view: str
    number: int
    label: StackLabel


def reviewed_by(labels_by: str) -> bool:
    """Whether who marked structures were people, as far as the source says; what a program marked is for practice."""
    return bool(labels_by) and not _BY_PROGRAM.search(labels_by)


def _places(figure: Figure, library: Library, random: Random) -> list[StructurePlace]:
    """Structures that can be asked for, in random order: of a slice those in it, of a stack each where it is best."""
    if figure.slice_of:
        try:
            stack = library.figure(figure.slice_of.stack)
        except NotFound:
            return []
        shares = dict(figure.slice_of.shares)
        here = [each for each in stack.stack.labels if shares.get(each.name, 0) >= _LEAST_SHARE] if stack.stack else []
        places = [StructurePlace(stack, figure.slice_of.view, figure.slice_of.number, each) for each in here]
    else:
        labels = figure.stack.labels if figure.stack else ()
        places = [StructurePlace(figure, figure.stack.views[0], each.best, each) for each in labels if figure.stack]
    places = [each for each in places if not _UNNAMED.search(each.label.name)]
    random.shuffle(places)
    return places


def _mask(place: StructurePlace, library: Library) -> Array | None:
    """Where a structure is in its slice; None where it is too small to be pointed at, or fills the picture."""
    try:
        marks = library.stack(place.stack.id).marks(place.number, place.view)
    except MirageError:
        return None
    mask = np.asarray(marks == place.label.value)
    return mask if _LEAST_AREA <= mask.mean() <= _MOST_AREA else None


def _asked(kind: str, place: StructurePlace, library: Library, asked: str, answer: str, **more: object) -> Question:
    reference = library.reference(place.stack.id)
    by = place.stack.stack.labels_by if place.stack.stack else ""
    values: dict[str, object] = {
        "kind": kind,
        "item": item_of(kind, reference, place.label.name),
        "figure": reference,
        "case": place.stack.case_id,
        "pictures": (shown(library, place.stack, place.label.name, place.view, place.number),),
        "asked": asked,
        "answer": answer,
        "structure": place.label.name,
        "value": place.label.value,
        "labels_by": by,
        "graded": reviewed_by(by),
    }
    return Question(**(values | more))  # type: ignore[arg-type]


def points(figure: Figure, library: Library, random: Random) -> list[Question] | str:
    """Ask where structures are; of each that the figure shows well."""
    if not (figure.stack and figure.stack.labels) and not figure.slice_of:
        return NO_LABELS
    made: list[Question] = []
    for place in _places(figure, library, random):
        mask = _mask(place, library)
        if mask is None:
            continue
        question = _asked("point", place, library, concept_of(place.label.name), place.label.name)
        if _alike(question.pictures[0], mask, library) < _TOO_ALIKE:
            made.append(question)
    return made or NO_NAMES


def _alike(picture: Shown, mask: Array, library: Library) -> float:
    """How alike a structure and what is around it are: the overlap, 0 to 1, of the histograms of their grey levels."""
    image = library.stack(picture.figure).picture(picture.number, picture.view, picture.window).convert("L")
    inside_it = np.asarray(Image.fromarray(mask).resize(image.size, Image.Resampling.NEAREST))
    around = _grown(inside_it, 6) & ~_grown(inside_it, 1)
    pixels = np.asarray(image)
    if not around.any():
        return 0.0
    one, other = (np.histogram(pixels[where], 32, (0, 256))[0] / where.sum() for where in (inside_it, around))
    return float(np.minimum(one, other).sum())


def _grown(mask: Array, pixels: int) -> Array:
    for _ in range(pixels):
        mask = ~_eroded(~mask, beyond=True)
    return mask


def concept_of(structure: str) -> str:
    """The concept that a label's whole name is of; else the name itself."""
    found = lexicon().find(structure).matches
    whole = len(found) == 1 and found[0].end - found[0].start == len(structure)
    return found[0].concept if whole else structure


def sides(figure: Figure, library: Library, random: Random) -> list[Question] | str:
    """Ask on which side something is: by labels of a pair in a stack, else by the words of a single picture."""
    if not (figure.slice_of or figure.stack):
        made = _by_words(figure, library, random)
        return [made] if isinstance(made, Question) else made
    found: list[Question] = []
    for place in _places(figure, library, random):
        stack, sided = place.stack.stack, _SIDED.match(place.label.name)
        if stack is None or not sided or not stack.sides_known or place.view not in SHOWS_SIDES:
            continue
        pair = f"{OTHER[sided[1].lower()]} {sided[2]}".lower()
        mask = _mask(place, library) if any(each.name.lower() == pair for each in stack.labels) else None
        if mask is not None:
            side, mark = sided[1].lower(), inside(mask)
            found.append(_asked("side", place, library, side, side, choices=_sides(random), mark=mark))
    return found or NO_SIDES


def _sides(random: Random) -> tuple[Choice, ...]:
    both = [Choice("left", "Left"), Choice("right", "Right")]
    random.shuffle(both)
    return tuple(both)


def inside(mask: Array) -> tuple[float, float]:
    """A place well inside a structure, as shares of width and height.

    Parameters
    ----------
    mask : (rows, columns) bool
    """
    core = mask
    while (eroded := _eroded(core)).any():
        core = eroded
    row, column = np.argwhere(core)[len(np.argwhere(core)) // 2]
    return (float(column) + 0.5) / mask.shape[1], (float(row) + 0.5) / mask.shape[0]


def _eroded(mask: Array, *, beyond: bool = False) -> Array:
    """A mask without its border; `beyond` says what lies outside of the picture."""
    padded = np.pad(mask, 1, constant_values=beyond)
    around = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    return np.asarray(mask & np.logical_and.reduce(around))


def _by_words(figure: Figure, library: Library, random: Random) -> Made:
    """Ask for the side that the caption tells plainly, and nothing else that the source says of the figure contradicts."""
    seen = figure.plane in SHOWS_SIDES and figure.modality in ("CT", "MR", "XR") and not figure.contradicted
    texts = (figure.title, figure.diagnosis, figure.caption)
    told = {SIDES[word.lower()] for text in texts for word, _, _ in lexicon().spans(text) if word.lower() in SIDES}
    if not seen or len(told) != 1 or "both" in told:
        return NO_SIDES
    for sentence in sentences.split(figure.caption):
        if _OF_THE_PAGE.search(sentence.text):
            return NO_SIDES
        note = annotate(sentence.text)
        for mention in note.sides:
            ill = [each for each in mention.anchors & note.affirmed if each in lexicon() and lexicon().kind(each) in ILL]
            if len(ill) == 1 and ill[0] not in _EVERYWHERE:
                reference = library.reference(figure.id)
                return Question(
                    kind="side",
                    item=item_of("side", reference, ill[0]),
                    figure=reference,
                    case=figure.case_id,
                    pictures=(shown(library, figure, ill[0]),),
                    asked=mention.side,
                    answer=mention.side,
                    choices=_sides(random),
                    structure=ill[0],
                    quote=sentence.text,
                )
    return NO_SIDES


def columns() -> list[str]:
    """The letters of the grid's columns."""
    return [chr(ord("A") + number) for number in range(GRID)]


def in_square(question: Question, library: Library, column: int, row: int) -> tuple[float, float]:
    """The place that a square of the grid stands for: on the structure asked for, where much of either is in the other.

    Parameters
    ----------
    question : Question
        Of the kind *point*.
    library : Library
    column, row : int
        From 1.
    """
    picture = question.pictures[0]
    mask = library.stack(question.figure).marks(picture.number, picture.view) == question.value
    down, across = (np.linspace(0, size, GRID + 1).round().astype(int) for size in mask.shape)
    top, left = down[row - 1], across[column - 1]
    square = np.asarray(mask[top : down[row], left : across[column]])
    if square.any() and (square.mean() >= _MUCH or square.sum() >= _MUCH * mask.sum()):
        x, y = inside(square)
        return float(left + x * square.shape[1]) / mask.shape[1], float(top + y * square.shape[0]) / mask.shape[0]
    return (column - 0.5) / GRID, (row - 0.5) / GRID


def points_at(question: Question, library: Library, x: float, y: float) -> tuple[bool, str]:
    """Whether a place is on the structure that a question asks for, and what is marked there.

    Parameters
    ----------
    question : Question
        Of the kind *point*.
    library : Library
    x, y : float
        Shares of the picture's width and height, from its upper left corner.

    Returns
    -------
    bool, str
        A place on no other structure counts where it is nearly on the right one. The name is empty where nothing is marked.
    """
    picture, reader = question.pictures[0], library.stack(question.figure)
    marks = reader.marks(picture.number, picture.view)
    rows, columns = marks.shape
    row, column = min(int(y * rows), rows - 1), min(int(x * columns), columns - 1)
    here = int(marks[row, column])
    name = next((each.name for each in reader.stack.labels if each.value == here), "")
    if here:
        # "Temporal horn of the lateral ventricle" is a place in the lateral ventricle.
        asked, there = (frozenset(lexicon().words(each)) for each in (question.structure, name))
        return here == question.value or asked <= there, name
    places = np.argwhere(marks == question.value)
    _, down, across = spacing_in(reader.stack, picture.view) or (1.0, 1.0, 1.0)
    away = np.hypot((places[:, 0] - row) * down, (places[:, 1] - column) * across).min() if len(places) else np.inf
    return bool(away <= max(1.5 * across, TOLERANCE * max(rows * down, columns * across))), ""
