"""A quiz as a file for Moodle (Moodle XML): questions with their pictures in them, answers and credit shown afterwards.

Of the kinds of question those that Moodle asks as well: choose the diagnosis or the side (*multiple choice*), and
name the diagnosis (*short answer*, with all its names). Names of questions and files tell no answer.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterator, Sequence
from html import escape
from typing import BinaryIO
from xml.sax.saxutils import escape as in_xml

from PIL import ImageDraw

from mirage.errors import BadInput, MirageError
from mirage.images.notes import marked_by
from mirage.study.along.bundle import Bundle, Picture, line, text
from mirage.study.along.gather import PictureLibrary, Taker
from mirage.study.along.occlusion import slice_picture
from mirage.study.learning import QuestionKind
from mirage.study.quiz import making as quiz
from mirage.study.quiz.question import Question, Shown, own
from mirage.study.quiz.words import names_of
from mirage.wording import _

KINDS: tuple[QuestionKind, ...] = ("choose", "side", "name")
"""The kinds that are made."""
CAN_ASK: tuple[QuestionKind, ...] = (*KINDS, "unfold")
"""The kinds of a quiz that Moodle asks too; a case is told as a whole there."""
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<quiz>\n'


def write(bundle: Bundle, library: PictureLibrary, out: BinaryIO, *, kinds: Sequence[QuestionKind] = KINDS) -> int:
    """Write the questions of a bundle, or questions about its figures, and return how many there are.

    Parameters
    ----------
    bundle : Bundle
        Gathered for the way ``quiz``.
    library : PictureLibrary
        The atlas that they are of.
    out : binary file
    kinds : sequence of str
        Of `KINDS`.

    Raises
    ------
    mirage.errors.BadInput
        When they give no question.
    """
    why = ""
    chosen = bundle.questions
    if not chosen:
        figures = [picture.figure for picture in bundle.pictures()]
        made = quiz.questions(figures, library, kinds=kinds, count=quiz.MOST_QUESTIONS)
        chosen, why = made.questions, " ".join(made.lacking.values())
    taker = Taker(library, bundle.way, bundle.order)
    asked = [
        (question, pictures) for question in chosen if question.kind in CAN_ASK and (pictures := _pictures(question, taker))
    ]
    if not asked:
        raise BadInput(_("There is nothing that Moodle could ask about these pictures. %(why)s", why=why))
    out.write(_HEAD.encode())
    out.write(_category(bundle).encode())
    for number, (question, pictures) in enumerate(asked, start=1):
        out.write("".join(_question(number, question, pictures, bundle, library)).encode())
    out.write(b"</quiz>\n")
    return len(asked)


def _pictures(question: Question, taker: Taker) -> list[tuple[Shown, Picture]]:
    """The pictures of a question that may leave; none where its own may not, or may not be marked as it has to be."""
    found = [(shown, picture) for shown in question.pictures if (picture := taker.find(shown.figure))]
    if not found or found[0][0] is not question.pictures[0] or (question.mark and not found[0][1].markable):
        return []
    return found


def _category(bundle: Bundle) -> str:
    name = bundle.quiet_title.replace("/", "//")[:200] or "MIRAGE"
    said = "".join(f"<p>{escape(each)}</p>" for each in (*bundle.standing, *bundle.stayed))
    return (
        f'<question type="category"><category>{_text(f"$course$/top/{name}")}</category>'
        f'<info format="html">{_text(said)}</info></question>\n'
    )


def _question(
    number: int, question: Question, pictures: list[tuple[Shown, Picture]], bundle: Bundle, library: PictureLibrary
) -> Iterator[str]:
    chosen = bool(question.choices)
    files = [_file(shown, picture, question.mark if not place else None, library)
             for place, (shown, picture) in enumerate(pictures)]  # fmt: skip
    yield f'<question type="{"multichoice" if chosen else "shortanswer"}">'
    yield f"<name>{_text(f'MIRAGE {number}')}</name>"
    asked = "".join(f"<p>{each}</p>" for each in _asked(question, pictures, files, bundle, library))
    yield f'<questiontext format="html">{_text(asked)}'
    for name, data in dict(files).items():
        yield f'<file name="{name}" path="/" encoding="base64">{base64.b64encode(data).decode()}</file>'
    yield "</questiontext>"
    told = "".join(f"<p>{each}</p>" for each in _told(question, pictures, bundle))
    yield f'<generalfeedback format="html">{_text(told)}</generalfeedback>'
    yield "<defaultgrade>1</defaultgrade><penalty>0.3333333</penalty><hidden>0</hidden>"
    if chosen:
        yield "<single>true</single><shuffleanswers>true</shuffleanswers><answernumbering>abc</answernumbering>"
        for choice in question.choices:
            yield _answer(escape(choice.text), right=choice.concept == question.asked, form="html")
    else:
        yield "<usecase>0</usecase>"
        for name in dict.fromkeys([question.answer, *names_of(question.asked)]):
            # An asterisk stands for any letters there.
            yield _answer(line(name).replace("*", "\\*"), right=True, form="moodle_auto_format")
    yield "</question>\n"


def _answer(words: str, *, right: bool, form: str) -> str:
    empty = f'<feedback format="html">{_text("")}</feedback>'
    return f'<answer fraction="{100 if right else 0}" format="{form}">{_text(words)}{empty}</answer>'


def _asked(
    question: Question,
    pictures: list[tuple[Shown, Picture]],
    files: list[tuple[str, bytes]],
    bundle: Bundle,
    library: PictureLibrary,
) -> Iterator[str]:
    """What is shown before an answer is given, as HTML."""
    for passage in question.told if _may_tell(question, bundle, library) else ():
        yield escape(passage.text)
    yield from filter(None, [escape(line(question.patient))])
    for (shown, _picture), (name, _data) in zip(pictures, files, strict=True):
        yield f'<img src="@@PLUGINFILE@@/{name}" alt="{escape(shown.what)}">'
    yield f"<strong>{escape(question.asks)}</strong>"
    yield f"<small>{escape(question.grounds)} {escape(' '.join(bundle.standing))}</small>"


def _may_tell(question: Question, bundle: Bundle, library: PictureLibrary) -> bool:
    """Whether the case's words may leave, which can have a licence of their own."""
    try:
        licence = library.case(question.case).source.licence
    except MirageError:
        return False
    return bundle.order.decide(licence, bundle.way, altered=True).allowed  # sentences are left out of them


def _told(question: Question, pictures: list[tuple[Shown, Picture]], bundle: Bundle) -> Iterator[str]:
    """What is shown when an answer is given, as HTML."""
    yield f"<strong>{escape(line(question.answer))}</strong>"
    for place, (_shown, picture) in enumerate(pictures):
        yield escape(text(picture.figure.caption))
        marked = bool(question.mark) and not place
        yield "<br>".join(escape(each) for each in (*picture.credit(marked=marked), *bundle.standing))
        for url in filter(None, (picture.link, picture.licence_link)):
            yield f'<a href="{escape(url)}">{escape(url)}</a>'
    if question.labels_by and question.value:
        yield escape(_("Marked by: %(who)s.", who=line(marked_by(question.labels_by)).rstrip(".")))


def _file(shown: Shown, picture: Picture, mark: tuple[float, float] | None, library: PictureLibrary) -> tuple[str, bytes]:
    """A picture under a name that is the hash of its bytes."""
    if not shown.view:
        return picture.path.name, picture.path.read_bytes()
    drawn = slice_picture(library.stack(own(shown.figure)), shown.view, shown.number, shown.window)
    if mark:
        drawn = drawn.convert("RGB")
        x, y, radius = mark[0] * drawn.width, mark[1] * drawn.height, max(drawn.size) / 60
        ring = ImageDraw.Draw(drawn)
        for width, colour in ((5, "black"), (3, "#ffb000")):
            ring.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour, width=width)
    out = io.BytesIO()
    drawn.save(out, "PNG")
    return f"{hashlib.sha256(out.getvalue()).hexdigest()}.png", out.getvalue()


def _text(words: str) -> str:
    return f"<text>{in_xml(text(words))}</text>"
