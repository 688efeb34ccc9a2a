"""Taking it along: a collection, or anything that can be kept, as a deck, slides, a sheet or key images."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Protocol

from mirage.errors import BadInput, Unavailable
from mirage.images.store import cannot_write
from mirage.study.along import key_images, moodle, sheets
from mirage.study.along.bundle import Bundle, Order
from mirage.study.along.gather import PictureLibrary, gather
from mirage.study.collections import Collections
from mirage.study.exchange import plain_name
from mirage.study.kept import KINDS, Kept
from mirage.study.quiz.keeping import Quizzes
from mirage.study.quiz.kept import Quiz
from mirage.wording import N_, _, ngettext


def _deck(bundle: Bundle, library: PictureLibrary, out: BinaryIO) -> tuple[str, ...]:
    from mirage.study.along import decks  # noqa: PLC0415 - its library is loaded when a deck is made

    made = decks.write(bundle, library, out)
    notes = ngettext("%(num)s note.", "%(num)s notes.", made.notes)
    said = notes + " " + ngettext("%(num)s card.", "%(num)s cards.", made.cards)
    if not made.structures:
        return counted(bundle), said
    asked = ngettext(
        "%(num)s note asks for labelled structures.", "%(num)s notes ask for labelled structures.", made.structures
    )
    return counted(bundle), said, asked


def _slides(bundle: Bundle, library: PictureLibrary, out: BinaryIO) -> tuple[str, ...]:
    from mirage.study.along import slides  # noqa: PLC0415 - as above

    return counted(bundle), ngettext("%(num)s slide.", "%(num)s slides.", slides.write(bundle, out))


def _moodle(bundle: Bundle, library: PictureLibrary, out: BinaryIO) -> tuple[str, ...]:
    asked = moodle.write(bundle, library, out)
    said = ngettext("%(num)s question.", "%(num)s questions.", asked)
    if not bundle.questions:
        return said, _("A case, a diagnosis and a structure are asked about once.")
    if left := len(bundle.questions) - asked:
        return said, ngettext(
            "%(num)s question stayed behind: Moodle cannot ask it, or its picture may not leave.",
            "%(num)s questions stayed behind: Moodle cannot ask them, or their pictures may not leave.",
            left,
        )
    return (said,)


def _sheet(bundle: Bundle, library: PictureLibrary, out: BinaryIO) -> tuple[str, ...]:
    sheets.write(bundle, out)
    return (counted(bundle),)


def _answers(bundle: Bundle, library: PictureLibrary, out: BinaryIO) -> tuple[str, ...]:
    sheets.write(bundle, out, answers=True)
    return (counted(bundle),)


def _images(bundle: Bundle, library: PictureLibrary, out: BinaryIO) -> tuple[str, ...]:
    key_images.write(bundle, out)
    return (counted(bundle),)


@dataclass(frozen=True, slots=True)
class Format:
    """A form in which something is taken along.

    Attributes
    ----------
    title, about : str
        What to call it, and what it is.
    way : str
        Of `mirage.licensing.WAYS`.
    ending, media_type : str
        Of its file.
    write : callable
        Writes it, and says in sentences what is in it.
    """

    title: str
    about: str
    way: str
    ending: str
    media_type: str
    write: Callable[[Bundle, PictureLibrary, BinaryIO], tuple[str, ...]]


FORMATS: Mapping[str, Format] = {
    "anki": Format(
        N_("Anki deck"),
        N_("A card for each picture, and cards that ask for the labelled structures of stacks."),
        "deck",
        ".apkg",
        "application/apkg",
        _deck,
    ),
    "slides": Format(
        N_("Slides"),
        N_("A presentation with one figure on a slide, and comparisons side by side."),
        "slide",
        ".pptx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        _slides,
    ),
    "moodle": Format(
        N_("Quiz for Moodle"),
        N_("Questions with their pictures in them: choose the diagnosis or the side, or name it."),
        "quiz",
        ".xml",
        "application/xml",
        _moodle,
    ),
    "sheet": Format(
        N_("Sheet for pupils"),
        N_("A page to print that asks and does not answer."),
        "sheet",
        ".html",
        "text/html; charset=utf-8",
        _sheet,
    ),
    "answers": Format(
        N_("Sheet with answers"),
        N_("The same page with diagnoses, captions and notes."),
        "sheet",
        ".html",
        "text/html; charset=utf-8",
        _answers,
    ),
    "images": Format(
        N_("Key images"),
        N_("A zip of the pictures as they are kept, with a list of attributions and licences."),
        "images",
        ".zip",
        "application/zip",
        _images,
    ),
}
WHAT: tuple[str, ...] = ("collection", "quiz", *(kind for kind in KINDS if kind != "section"))
"""What can be taken along."""
_ASKING = frozenset({"anki", "moodle", "sheet"})
"""Formats that ask before they answer."""
_OF_QUIZZES = frozenset({"moodle", "sheet"})
"""Formats in which a quiz goes along while it has questions to answer."""


class Keeping(Protocol):
    """Where collections and quizzes are kept; `mirage.study.Study` is one."""

    collections: Collections
    quiz: Quizzes


@dataclass(frozen=True, slots=True)
class TakenAlong:
    """What was taken along.

    Attributes
    ----------
    name : str
        What its file may be called.
    told : tuple of str
        What is in it and what stayed behind, in sentences that count.
    """

    name: str
    told: tuple[str, ...]


def format_of(name: str) -> Format:
    """One of `FORMATS`; `mirage.errors.BadInput` for anything else."""
    if name not in FORMATS:
        raise BadInput(
            _("There is no format %(name)s. There are: %(formats)s.", name=repr(name[:40]), formats=", ".join(FORMATS))
        )
    return FORMATS[name]


def bundle_of(library: PictureLibrary, kept: Keeping, what: str, target: str, way: str, order: Order) -> Bundle:
    """Gather what of a collection, or of anything that can be kept, may leave.

    Parameters
    ----------
    library : PictureLibrary
    kept : Keeping
    what : str
        Of `WHAT`.
    target : str
        Id of a collection, figure or case; query string of a search or comparison.
    way : str
        Of `mirage.licensing.WAYS`.
    order : Order

    Raises
    ------
    mirage.errors.MirageError
        When there is no such thing.
    """
    if what not in WHAT:
        raise BadInput(
            _("%(what)s cannot be taken along. What can be: %(what2)s.", what=repr(what[:40]), what2=", ".join(WHAT))
        )
    if what == "collection":
        found = kept.collections.get(target)
        return gather(library, found.items, way, order, key=found.id, title=found.title, notes=found.notes)
    if what == "quiz":
        return _quiz(library, kept.quiz.get(target), way, order)
    one = kept.collections.content(what, target)
    return gather(library, [one], way, order, key=f"{one.kind} {one.target}", title=one.title)


def _quiz(library: PictureLibrary, quiz: Quiz, way: str, order: Order) -> Bundle:
    """What a quiz asks about: its figures, and its questions; one whose figure was removed or withdrawn is counted."""
    contents = [
        Kept(
            id=asked.id,
            kind="figure",
            target=asked.question.figure,
            title=_("Question %(number)s", number=asked.number),
            removed=asked.removed and not asked.withdrawn,
        )
        for asked in quiz.asked
    ]
    bundle = gather(library, contents, way, order, key=f"quiz {quiz.id}", title=quiz.title or _("Quiz"))
    return replace(bundle, questions=tuple(asked.question for asked in quiz.asked if not asked.removed))


def take(
    library: PictureLibrary, kept: Keeping, what: str, target: str, form: str, order: Order, out: BinaryIO
) -> TakenAlong:
    """Write something into a file.

    Parameters
    ----------
    library, kept, what, target, order
        As for `bundle_of`.
    form : str
        Of `FORMATS`.
    out : binary file
        That can be sought in.

    Raises
    ------
    mirage.errors.MirageError
        When there is no such thing, nothing of it may leave, or it is more than a file may hold.
    """
    how = format_of(form)
    if what == "quiz" and form not in _OF_QUIZZES and kept.quiz.get(target).waiting:
        raise BadInput(
            _(
                "This quiz has questions that wait for an answer, and that file would tell it. Answer them first, "
                "or take one of these: %(formats)s.",
                formats=", ".join(_(FORMATS[each].title) for each in sorted(_OF_QUIZZES)),
            )
        )
    bundle = bundle_of(library, kept, what, target, how.way, order)
    if not bundle.count:
        raise BadInput(nothing(bundle))
    told = how.write(bundle, library, out)
    return TakenAlong(name_of(bundle, form), (*told, *bundle.stayed))


def take_to(
    library: PictureLibrary, kept: Keeping, what: str, target: str, form: str, order: Order, path: Path
) -> TakenAlong:
    """Write something into a file that is not there yet; it is there when it is whole.

    Raises
    ------
    mirage.errors.MirageError
        As for `take`, and where the file cannot be written.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
        with os.fdopen(handle, "wb") as out:
            taken = take(library, kept, what, target, form, order, out)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        raise Unavailable(cannot_write(path.parent, error)) from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                Path(temporary).unlink(missing_ok=True)
    return taken


def counted(bundle: Bundle) -> str:
    """How many pictures are in it, in words."""
    return ngettext("%(num)s picture is in it.", "%(num)s pictures are in it.", bundle.count)


def nothing(bundle: Bundle) -> str:
    """Why nothing can be taken along."""
    if bundle.stayed:
        return _("No picture is left to take along. %(why)s", why=" ".join(bundle.stayed))
    return _("There is no picture in it to take along. Keep figures, cases, searches or comparisons in it first.")


def name_of(bundle: Bundle, form: str) -> str:
    """What the file of a bundle may be called; of what asks, nothing that tells an answer."""
    return file_name(bundle.quiet_title if form in _ASKING else bundle.title, form)


def file_name(title: str, form: str) -> str:
    """What a file may be called."""
    return f"{plain_name(title, 'collection')}{'-answers' if form == 'answers' else ''}{FORMATS[form].ending}"
