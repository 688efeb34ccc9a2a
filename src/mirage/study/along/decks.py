"""Anki decks: a card for each picture, and image occlusion for the labelled structures of stacks.

The notes of structures are of Anki's own kind *Image Occlusion*: its fields, its cloze shapes, its mark by which Anki opens
them in its own editor. A note has the same identity whenever it is made again, so that a deck that is taken in again brings
what changed and doubles nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from html import escape
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

import genanki

from mirage.images.notes import marked_by
from mirage.images.stack_reader import StackReader
from mirage.study.along.bundle import TEACHING, Bundle, Picture, line
from mirage.study.along.gather import PictureLibrary
from mirage.study.along.occlusion import MarkedSlice, Polygon, marked_slices, slice_png
from mirage.wording import _

OCCLUSION_KIND = 6
"""What Anki's ``originalStockKind`` is for its own *Image Occlusion*."""
_PICTURES, _STRUCTURES = 1_764_417_821, 1_764_417_822  # ids of the kinds of note; never to be changed
_CSS = """
.card { font-family: system-ui, sans-serif; font-size: 19px; text-align: center; line-height: 1.4; }
.card img { max-width: 100%; max-height: 72vh; height: auto; }
.about, .purpose, .credit { font-size: 14px; }
.purpose { font-style: italic; }
.answer { font-size: 24px; font-weight: 600; }
.caption, .note, .credit { max-width: 44rem; margin-inline: auto; text-align: left; }
.credit a { color: inherit; }
.caption, .note, .credit { white-space: pre-line; overflow-wrap: anywhere; }
"""
_FRONT = '<div>{{Picture}}</div><p class="question">{{Question}}</p>{{#About}}<p class="about">{{About}}</p>{{/About}}'
_BACK = (
    '{{FrontSide}}<hr id="answer"><p class="answer">{{Answer}}</p>'
    '{{#Proof}}<p class="about">{{Proof}}</p>{{/Proof}}'
    '{{#Caption}}<p class="caption">{{Caption}}</p>{{/Caption}}'
    '{{#Note}}<p class="note">{{Note}}</p>{{/Note}}<div class="credit">{{Credit}}</div>'
)
# A translucent mark with an edge: what has to be named is seen, as it is on a light box.
_SHAPES = """
#image-occlusion-canvas {
  --active-shape-color: #ffb00059; --active-shape-border: 2px #ffb000;
  --inactive-shape-color: #9aa5b126; --inactive-shape-border: 1px #9aa5b1;
  --highlight-shape-color: #ffb00026; --highlight-shape-border: 2px #ffb000;
}
.names { font-size: 24px; font-weight: 600; }
"""
# The back lists all that is asked on the picture. Anki calls a card by its number: the others' names are hidden by that.
_ONE_NAME = "\n".join(f".card{n} .names :not(.n{n}) {{ display: none; }}" for n in range(1, 256))
_DRAWN = """{{#Header}}<div>{{Header}}</div>{{/Header}}
<div style="display: none">{{cloze:Occlusion}}</div>
<div id="image-occlusion-container">{{Image}}<canvas id="image-occlusion-canvas"></canvas></div>
<p id="problem"></p>
<script>
try { anki.imageOcclusion.setup(); }
catch (error) { document.getElementById("problem").textContent = "This card needs Anki 23.10 or newer. " + error; }
</script>
"""


class _OcclusionModel(genanki.Model):  # type: ignore[misc]
    """A kind of note that Anki takes for its own *Image Occlusion*."""

    def to_json(self, timestamp: float, deck_id: int) -> dict[str, Any]:
        """Describe it as Anki's own is described."""
        return {**super().to_json(timestamp, deck_id), "originalStockKind": OCCLUSION_KIND}


def _purpose() -> str:
    return f'<p class="purpose">{_(TEACHING)}</p>'


def _picture_model() -> genanki.Model:
    names = ("Figure", "Picture", "Question", "About", "Answer", "Proof", "Caption", "Note", "Credit")
    template = {"name": "Picture", "qfmt": _FRONT + _purpose(), "afmt": _BACK}
    return genanki.Model(_PICTURES, "MIRAGE picture", [{"name": name} for name in names], [template], _CSS)


def _occlusion_model() -> genanki.Model:
    names = ("Occlusion", "Image", "Header", "Back Extra", "Comments")
    fields = [{"name": name, "tag": place, "preventDeletion": place < 4} for place, name in enumerate(names)]
    back = _DRAWN + '<hr id="answer">{{#Back Extra}}<div>{{Back Extra}}</div>{{/Back Extra}}\n' + _purpose()
    template = {"name": "Image Occlusion", "qfmt": _DRAWN + _purpose(), "afmt": back}
    css = _CSS + _SHAPES + _ONE_NAME
    return _OcclusionModel(_STRUCTURES, "MIRAGE Image Occlusion", fields, [template], css, genanki.Model.CLOZE)


@dataclass(frozen=True, slots=True)
class DeckMade:
    """What is in a deck.

    Attributes
    ----------
    pictures, structures : int
        Notes with a picture to name, and notes with structures to name.
    cards : int
    """

    pictures: int
    structures: int
    cards: int

    @property
    def notes(self) -> int:
        """All notes."""
        return self.pictures + self.structures


def write(bundle: Bundle, library: PictureLibrary, out: BinaryIO) -> DeckMade:
    """Write an Anki deck (``.apkg``).

    Parameters
    ----------
    bundle : Bundle
        Gathered for the way ``deck``.
    library : PictureLibrary
        Where the stacks are.
    out : binary file
        That can be sought in.
    """
    pictures, structures = _picture_model(), _occlusion_model()
    notes = {"pictures": 0, "structures": 0}
    deck = genanki.Deck(_number(f"deck {bundle.key}"), line(bundle.quiet_title).replace("::", ": ")[:100] or "MIRAGE")
    names: list[str] = []
    asked = set[str]()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:

        def media(name: str, data: bytes | Path) -> str:
            if name not in names:
                if isinstance(data, bytes):
                    file.writestr(str(len(names)), data)
                else:
                    file.write(data, str(len(names)))
                names.append(name)
            return f'<img src="{name}" alt="">'

        for picture in bundle.pictures():
            shown = media(picture.path.name, picture.path)
            deck.add_note(_picture_note(pictures, picture, shown, bundle))
            notes["pictures"] += 1
            for marked, reader in _marked(picture, library):
                identity = _identity(picture, marked)
                if identity in asked:  # the same slice in another window
                    continue
                asked.add(identity)
                png = slice_png(reader, marked.view, marked.number)
                shown = media(f"{hashlib.sha256(png).hexdigest()}.png", png)
                values = _structures(picture, marked, shown, bundle, reader.stack.labels_by)
                deck.add_note(genanki.Note(structures, values, tags=["MIRAGE"], guid=identity))
                notes["structures"] += 1
        deck.description = "\n".join(f"<p>{escape(said)}</p>" for said in _described(bundle))
        file.writestr("media", json.dumps({str(place): name for place, name in enumerate(names)}))
        cards = _write_database(deck, file)
    return DeckMade(notes["pictures"], notes["structures"], cards)


def _described(bundle: Bundle) -> Iterator[str]:
    yield from bundle.standing
    if bundle.notes:
        yield bundle.notes
    yield from bundle.stayed


def _picture_note(model: genanki.Model, picture: Picture, shown: str, bundle: Bundle) -> genanki.Note:
    figure = picture.figure
    caption = escape(figure.caption) if line(figure.caption) != picture.answer else ""
    values = [
        escape(figure.id), shown, escape(picture.question), escape(picture.kind), escape(picture.answer),
        escape(picture.proof), caption, escape(picture.note), _credit(picture, bundle),
    ]  # fmt: skip
    return genanki.Note(model, values, tags=["MIRAGE"], guid=genanki.guid_for("mirage", "picture", picture.reference))


def _marked(picture: Picture, library: PictureLibrary) -> Iterator[tuple[MarkedSlice, StackReader]]:
    """The slices of a figure on which structures are asked."""
    figure = picture.figure
    if not picture.stack or not picture.markable:
        return
    place = figure.slice_of
    reader = library.stack(place.stack if place else figure.id)
    for marked in marked_slices(reader, (place.view, place.number) if place else None):
        yield marked, reader


def _identity(picture: Picture, marked: MarkedSlice) -> str:
    files = picture.stack.names if picture.stack else ()
    place = ("slice" if picture.figure.slice_of else "stack", marked.view, marked.number)
    return str(genanki.guid_for("mirage", "structures", *files, *place))


def _structures(picture: Picture, marked: MarkedSlice, shown: str, bundle: Bundle, labels_by: str) -> list[str]:
    """The fields of a note that asks for structures; each is a card by the number that its label has."""
    shapes = "<br>".join(f"{{{{c{each.value}::{_shape(part)}}}}}" for each in marked.structures for part in each.shapes)
    names = " ".join(f'<span class="n{each.value}">{escape(each.name)}</span>' for each in marked.structures)
    said = [_("Slice %(number)s, %(plane)s.", number=marked.number + 1, plane=marked.view)]
    said += [_("Marked by: %(who)s.", who=marked_by(labels_by).rstrip("."))] if labels_by else []
    if not all(each.named for each in marked.structures):
        said.append(_("Where the source names no structure, it is called by its number."))
    back = f'<div class="names">{names}</div><p class="caption">{escape(line(" ".join(said)))}</p>'
    back += f'<p class="about">{escape(picture.title)}</p><div class="credit">{_credit(picture, bundle, marked=True)}</div>'
    about = f'<p class="about">{escape(picture.kind_in(marked.view))}</p>'
    asked = _("Which structure is marked?")
    header = f'<p class="question">{asked}</p>{about}'
    return [shapes, shown, header, back, escape(picture.figure.id)]


def _shape(polygon: Polygon) -> str:
    """A polygon as Anki's cloze has it: all numbers are shares of width and height."""
    left, top = (min(point[axis] for point in polygon) for axis in (0, 1))
    points = " ".join(f"{_share(x)},{_share(y)}" for x, y in polygon)
    return f"image-occlusion:polygon:left={_share(left)}:top={_share(top)}:points={points}"


def _share(value: float) -> str:
    return f"{value:.4f}".removeprefix("0").rstrip("0").rstrip(".") or "0"


def _credit(picture: Picture, bundle: Bundle, *, marked: bool = False) -> str:
    said = [*picture.credit(marked=marked), *bundle.standing]
    lines = [f"<div>{escape(each)}</div>" for each in said]
    links = ((picture.link, _("Source")), (picture.licence_link, _("Text of the licence")))
    lines += [f'<div><a href="{escape(url)}">{words}: {escape(url)}</a></div>' for url, words in links if url]
    return "".join(lines)


def _number(of: str) -> int:
    """An id that is the same for the same, in the range that Anki's own are not in."""
    return 2**30 + int.from_bytes(hashlib.sha256(of.encode()).digest()[:4]) % 2**30


def _write_database(deck: genanki.Deck, file: zipfile.ZipFile) -> int:
    """Put the notes and cards into a package, and count the cards; genanki's own way leaves a file behind."""
    handle, name = tempfile.mkstemp(prefix="mirage-", suffix=".anki2")
    os.close(handle)
    try:
        now = time.time()
        with closing(sqlite3.connect(name)) as database:
            genanki.Package(deck).write_to_db(database.cursor(), now, count(int(now * 1000)))
            database.commit()
            cards = int(database.execute("SELECT count(*) FROM cards").fetchone()[0])
        file.write(name, "collection.anki2")
    finally:
        Path(name).unlink(missing_ok=True)
    return cards
