"""Slides (``.pptx``): one figure a slide, a comparison's pictures two by two, with attribution, licence and link on each.

Pictures go in as they are kept; WebP, which presentations cannot hold, becomes PNG with the same pixels.
"""

from __future__ import annotations

import datetime
import io
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from PIL import Image
from pptx import Presentation
from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
from pptx.oxml.ns import qn
from pptx.util import Inches, Length, Pt

from mirage.study.along.bundle import TEACHING, Bundle, Part, Picture, TooMuch, line, text
from mirage.wording import _

WIDTH, HEIGHT = 13.333, 7.5
"""Of a slide, in inches: 16 to 9."""
MOST_PICTURES = 500
"""In a presentation: the time that making one takes grows with the square of what is in it."""
_EDGE = 0.4
_TITLE = (0.2, 0.75)  # top and height
_PICTURES = (1.0, 5.2)
_CREDIT = (6.3, 1.1)
# Light on black, as pictures are looked at: the template's colours change places, and what one adds by hand follows.
_COLOURS = {"bg1": "dk1", "tx1": "lt1", "bg2": "dk2", "tx2": "lt2", "hlink": "accent5", "folHlink": "accent5"}
_TITLE_SLIDE, _SECTION, _TITLE_ONLY = 0, 2, 5  # layouts of the library's own template

Box = tuple[float, float, float, float]
"""Left, top, width and height, in inches."""


def write(bundle: Bundle, out: BinaryIO) -> int:
    """Write a presentation, and return how many slides it has.

    Parameters
    ----------
    bundle : Bundle
        Gathered for the way ``slide``.
    out : binary file

    Raises
    ------
    mirage.errors.BadInput
        When it has more pictures than a presentation may have.
    """
    number = sum(len(part.pictures) for part in bundle.parts)
    if number > MOST_PICTURES:
        raise TooMuch(
            _(
                "There are %(number)s pictures, and a presentation may have %(most)s. Move a part of the collection into "
                "another one, and take each along.",
                number=number,
                most=MOST_PICTURES,
            )
        )
    show = Presentation()
    show.slide_width, show.slide_height = Inches(WIDTH), Inches(HEIGHT)
    colours = show.slide_master.element.find(qn("p:clrMap"))
    for name, value in _COLOURS.items():
        colours.set(name, value)
    _about(show, bundle)
    _opening(show, bundle)
    for part in bundle.parts:
        _part(show, part, bundle)
    if bundle.stayed:
        _plain(show, _("What is not here"), "\n".join(bundle.stayed), "\n".join(bundle.stayed))
    show.save(out)
    return len(show.slides)


def _about(show: Any, bundle: Bundle) -> None:
    """What the file says of itself; the template names its own author."""
    core, now = show.core_properties, datetime.datetime.now(datetime.UTC).replace(tzinfo=None, microsecond=0)
    core.title, core.author, core.last_modified_by = bundle.title[:255], "", "MIRAGE"  # as long as they may be
    core.subject, core.comments, core.keywords = _(TEACHING), " ".join([*bundle.standing, *bundle.stayed])[:255], ""
    core.created = core.modified = now


def _part(show: Any, part: Part, bundle: Bundle) -> None:
    if part.kind == "section":
        _plain(show, part.title, part.note, part.note, _SECTION)
        return
    if part.kind == "comparison":
        for pair in part.pairs:
            _two(show, part, pair, bundle)
        return
    alone = part.kind == "figure"
    for picture in part.pictures:
        title = line(part.title) if alone else picture.title
        _one(show, title or picture.title, picture, part, bundle)


def _opening(show: Any, bundle: Bundle) -> None:
    slide = _slide(show, _TITLE_SLIDE)
    _place(slide.shapes.title, (_EDGE, 2.0, WIDTH - 2 * _EDGE, 1.6))
    _write(slide.shapes.title.text_frame, [bundle.title], _fitting(bundle.title, WIDTH - 1, 1.5, 44), align=PP_ALIGN.CENTER)
    under = slide.placeholders[1]
    _place(under, (_EDGE, 3.8, WIDTH - 2 * _EDGE, 3.0))
    said = [*filter(None, [line(bundle.notes)]), *bundle.standing]
    size = _fitting(" ".join(said), WIDTH - 1, 2.6, 20)
    _write(under.text_frame, [_cut(each, 700) for each in said], size, align=PP_ALIGN.CENTER)
    _notes(slide, [bundle.notes, *bundle.standing])


def _plain(show: Any, title: str, words: str, notes: str, layout: int = _TITLE_ONLY) -> None:
    """A slide of words: a section, or what stayed behind."""
    slide = _slide(show, layout)
    _place(slide.shapes.title, (_EDGE, 2.0, WIDTH - 2 * _EDGE, 1.5))
    _write(slide.shapes.title.text_frame, [line(title)], _fitting(title, WIDTH - 1, 1.4, 40), align=PP_ALIGN.CENTER)
    for other in [each for each in slide.placeholders if each.placeholder_format.idx != 0]:
        other.element.getparent().remove(other.element)
    if words:
        box = slide.shapes.add_textbox(*_inches((_EDGE, 3.7, WIDTH - 2 * _EDGE, 3.2)))
        shown = _cut(text(words), 1500)
        _write(box.text_frame, shown.split("\n"), _fitting(shown, WIDTH - 1, 3, 20), align=PP_ALIGN.CENTER)
    _notes(slide, [title, notes])


def _one(show: Any, title: str, picture: Picture, part: Part, bundle: Bundle) -> None:
    slide = _slide(show, _TITLE_ONLY)
    _headed(slide, title)
    _shown(slide, picture, (_EDGE, _PICTURES[0], WIDTH - 2 * _EDGE, _PICTURES[1]))
    _credited(slide, picture, bundle, (_EDGE, _CREDIT[0], WIDTH - 2 * _EDGE, _CREDIT[1]))
    about = line(part.title) if part.kind != "figure" else ""
    _notes(slide, [about, part.note, *_spoken(picture, bundle)])


def _two(show: Any, part: Part, pair: Sequence[Picture], bundle: Bundle) -> None:
    slide = _slide(show, _TITLE_ONLY)
    _headed(slide, part.title)
    width, spoken = (WIDTH - 3 * _EDGE) / 2, [part.note]
    for place, (picture, side) in enumerate(zip(pair, part.sides, strict=True)):
        left = _EDGE + place * (width + _EDGE)
        head = slide.shapes.add_textbox(*_inches((left, _PICTURES[0], width, 0.4)))
        _write(head.text_frame, [_cut(line(side), 80)], _fitting(_cut(side, 80), width, 0.4, 16), align=PP_ALIGN.CENTER)
        _shown(slide, picture, (left, _PICTURES[0] + 0.45, width, _PICTURES[1] - 0.45))
        _credited(slide, picture, bundle, (left, _CREDIT[0], width, _CREDIT[1]))
        spoken += [f"{'AB'[place]}: {side}", *_spoken(picture, bundle)]
    _notes(slide, spoken)


def _spoken(picture: Picture, bundle: Bundle) -> Iterator[str]:
    """What stands in the notes of a picture's slide."""
    figure = picture.figure
    yield picture.title
    yield picture.kind
    if figure.diagnosis:
        yield _("Diagnosis: %(diagnosis)s. %(proof)s", diagnosis=line(figure.diagnosis), proof=picture.proof)
    yield figure.caption
    yield picture.note
    yield from picture.credit()
    yield picture.link
    yield picture.licence_link
    yield from bundle.standing


# -- what stands on a slide -------------------------------------------------------------------------------------------------


def _slide(show: Any, layout: int) -> Any:
    return show.slides.add_slide(show.slide_layouts[layout])


def _headed(slide: Any, title: str) -> None:
    shown = _cut(line(title), 220)
    _place(slide.shapes.title, (_EDGE, _TITLE[0], WIDTH - 2 * _EDGE, _TITLE[1]))
    _write(slide.shapes.title.text_frame, [shown], _fitting(shown, WIDTH - 2 * _EDGE, _TITLE[1], 28))


def _shown(slide: Any, picture: Picture, box: Box) -> None:
    """A picture as large as its box allows, whole, in its own proportions."""
    left, top, width, height = box
    scale = min(width / picture.width, height / picture.height)
    wide, high = max(picture.width * scale, 0.01), max(picture.height * scale, 0.01)
    place = _inches((left + (width - wide) / 2, top + (height - high) / 2, wide, high))
    shape = slide.shapes.add_picture(_readable(picture), *place)
    shape.element.nvPicPr.cNvPr.set("descr", _cut(line(picture.figure.alt), 1000))
    shape.name = f"Picture {picture.path.stem[:12]}"


def _readable(picture: Picture) -> Any:
    """The picture in a format that a presentation can hold, with the very pixels that are kept."""
    if picture.path.suffix != ".webp":
        return str(picture.path)
    with Image.open(picture.path) as image:
        out = io.BytesIO()
        image.save(out, "PNG", compress_level=1)
    out.seek(0)
    return out


def _credited(slide: Any, picture: Picture, bundle: Bundle, box: Box) -> None:
    """Attribution, licence and links under a picture, and what it is for."""
    frame = slide.shapes.add_textbox(*_inches(box)).text_frame
    attribution, licence, *more = picture.credit()
    shown = _cut(attribution, 700)
    said = " ".join([shown, licence, *more, picture.link, *bundle.standing])
    size = _fitting(said, box[2], box[3] - 0.2, 12, 6)
    _write(frame, [shown], size)
    terms = frame.add_paragraph()
    _run(terms, licence, size, picture.licence_link)
    for each in more:
        _run(terms, f" · {each}", size)
    if picture.link:
        _run(terms, " · ", size)
        _run(terms, _cut(picture.link, 160), size, picture.link)
    _run(frame.add_paragraph(), " ".join(bundle.standing), size, bold=True)


def _write(frame: Any, lines: Sequence[str], size: float, *, align: Any = None) -> None:
    frame.word_wrap = True
    frame.margin_left = frame.margin_right = frame.margin_top = frame.margin_bottom = 0
    frame.vertical_anchor = MSO_ANCHOR.TOP
    for place, words in enumerate(lines):
        paragraph = frame.paragraphs[0] if not place else frame.add_paragraph()
        paragraph.alignment = align or PP_ALIGN.LEFT
        _run(paragraph, words, size)


def _run(paragraph: Any, words: str, size: float, link: str = "", *, bold: bool = False) -> None:
    run = paragraph.add_run()
    run.text = words
    run.font.size, run.font.bold = Pt(size), bold
    if link:
        run.hyperlink.address = link


def _notes(slide: Any, lines: Sequence[str]) -> None:
    said = dict.fromkeys(text(each) for each in lines)
    slide.notes_slide.notes_text_frame.text = "\n".join(each for each in said if each)


def _place(shape: Any, box: Box) -> None:
    shape.left, shape.top, shape.width, shape.height = _inches(box)


def _inches(box: Box) -> tuple[Length, ...]:
    return tuple(Inches(each) for each in box)


def _fitting(words: str, width: float, height: float, most: float, least: float = 9) -> float:
    """The largest size, in points, at which words are taken to fit a box: letters of 0.55, lines of 1.25 of their size."""
    size = most
    while size > least:
        each = size / 72
        if -(-len(words) * 0.55 * each // width) * 1.25 * each <= height:
            break
        size -= 1
    return size


def _cut(words: str, most: int) -> str:
    """Words, at most so many characters; the notes have all of them."""
    return words if len(words) <= most else f"{words[: most - 1].rstrip()}…"
