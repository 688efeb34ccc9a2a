"""The widget itself: it searches here, in Python, and its script draws what it is given.

What crosses over is data alone. Words of sources become text in the browser, never mark-up.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from PIL import Image

from mirage import licensing
from mirage.atlas import Atlas
from mirage.compare.comparison import Comparison
from mirage.errors import BadPicture, MirageError
from mirage.explain.explanation import words_of
from mirage.figure import Figure, called
from mirage.images.decode import decode
from mirage.images.limits import Limits
from mirage.images.marks.reading import read, warned
from mirage.query import Query
from mirage.search.answer import Answer, Hit
from mirage.settings import Settings
from mirage.wording import N_, Words, _, looked_up, translations

_HERE = Path(__file__).parent
_KINDS = {".webp": "image/webp", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}
_SURE = Words({"strong": N_("Strong"), "likely": N_("Likely"), "weak": N_("Weak")})
_LINES = 10  # hits that a terminal is shown
_MOST, _LONGEST = 4_000_000, 2048  # bytes of a picture that is given as it is; pixels of one that was made smaller
_log = logging.getLogger(__name__)


class SearchWidget(anywidget.AnyWidget):
    """A search box, what it finds, the figure that is open, and a second search beside the first.

    All of it can be set, and is changed by whoever uses the widget; `observe` tells of that.

    Parameters
    ----------
    atlas : mirage.atlas.Atlas
    query, against : str

    Attributes
    ----------
    query : str
        Words that are looked for; empty where a picture is.
    against : str
        Words of a second condition, to compare the first with; empty for a search alone.
    hits : tuple of mirage.Hit
        What was found, best first; of a comparison its first side. Set an `mirage.Answer` to show one that was found
        otherwise, with filters or weights.
    figure : mirage.Figure or None
        The one that is open. An id or a hit sets it too.
    answer : mirage.Answer or None
        What `hits` are of: whether anything fits, and notes.
    comparison : mirage.Comparison or None
    error : str
        What went wrong last, in a sentence that the widget shows; empty when nothing did.
    """

    _esm = _HERE / "widget.js"
    _css = _HERE / "widget.css"

    query = traitlets.Unicode("").tag(sync=True)
    against = traitlets.Unicode("").tag(sync=True)
    hits = traitlets.Any(())
    figure = traitlets.Any(None, allow_none=True)
    answer = traitlets.Any(None, allow_none=True)
    comparison = traitlets.Any(None, allow_none=True)
    error = traitlets.Unicode("").tag(sync=True)
    ids = traitlets.List(traitlets.Unicode()).tag(sync=True)
    _sides = traitlets.List().tag(sync=True)
    _tells = traitlets.List().tag(sync=True)
    _open = traitlets.Dict().tag(sync=True)
    _words = traitlets.Dict().tag(sync=True)
    _done = traitlets.Int(0).tag(sync=True)

    def __init__(self, atlas: Atlas, query: str = "", against: str = "") -> None:
        self.atlas = atlas
        # What is shown. Whatever differs from it was set by somebody: in a cell, or by a function that observes.
        self._asked: tuple[str, str] = ("", "")
        self._found: tuple[Hit, ...] = ()
        self._seen: Figure | None = None
        super().__init__(_words=_translated())
        self.on_msg(self._told)
        self.ask(query, against)

    # -- what somebody does, in the widget or in a cell -------------------------------------------------------------

    def ask(self, query: str, against: str = "") -> None:
        """Look for words, beside others where there are some; empty words clear what is shown.

        Parameters
        ----------
        query, against : str
        """
        with self._settled():
            self._asked = self.query, self.against = query, against
            if not query.strip():
                self._show(())
            elif against.strip():
                self._show_both(self.atlas.compare(query, against))
            else:
                self._show(self.atlas.search(query))

    def look_like(self, picture: Image.Image) -> None:
        """Look for figures that are like a picture. It is read here, and not kept.

        Parameters
        ----------
        picture : PIL.Image.Image
        """
        with self._settled():
            self._look_like(picture, b"")

    def _look_like(self, picture: Image.Image, data: bytes) -> None:
        found = self.atlas.search(Query.of(pictures=[self.atlas.embed(picture)]))
        warning = warned(read(data, picture))
        self._asked = self.query, self.against = "", ""
        self._show(replace(found, notes=(warning, *found.notes)) if warning else found)

    def _told(self, _widget: object, told: dict[str, Any], buffers: Sequence[memoryview]) -> None:
        """Do what the script says that somebody did; what it says is not trusted to be well formed."""
        kind = told.get("kind") if isinstance(told, dict) else None
        if kind == "ask":
            self.ask(str(told.get("query", "")), str(told.get("against", "")))
        elif kind == "picture":
            self._read(str(told.get("name", ""))[:200], buffers)
        elif kind == "open":
            with self._settled():
                self._look_at(str(told.get("id", "")))

    def _read(self, name: str, buffers: Sequence[memoryview]) -> None:
        with self._settled():
            settings = Settings.load()
            limits = Limits(file_bytes=settings.upload_max_bytes, pixels=settings.upload_max_pixels)
            if not buffers:
                raise BadPicture(_("No picture came with the form. Choose a file first."))
            data = bytes(buffers[0])
            self._look_like(decode(data, name=name, limits=limits), data)

    @traitlets.validate("hits")
    def _are_hits(self, proposal: dict[str, Any]) -> Answer | tuple[Hit, ...]:
        given = proposal["value"]
        if isinstance(given, Answer):
            return given
        hits = tuple(given) if isinstance(given, list | tuple) else ()
        if (given and not hits) or not all(isinstance(each, Hit) for each in hits):
            raise traitlets.TraitError("hits are what atlas.search(…) gives: an Answer, or Hits of one.")
        return hits

    @traitlets.validate("figure")
    def _is_figure(self, proposal: dict[str, Any]) -> Figure | Hit | str | None:
        given = proposal["value"]
        if given is not None and not isinstance(given, Figure | Hit | str):
            raise traitlets.TraitError("figure is a Figure, a Hit, the id of one, or None.")
        return given

    @traitlets.observe("query", "against")
    def _worded(self, _change: object) -> None:
        if (self.query, self.against) != self._asked:
            self.ask(self.query, self.against)

    @traitlets.observe("hits")
    def _given(self, _change: object) -> None:
        if self.hits is not self._found:
            with self._settled():
                self._show(() if self.hits is None else self.hits)

    @traitlets.observe("figure")
    def _opened(self, _change: object) -> None:
        if self.figure is not self._seen:
            with self._settled():
                self._look_at(self.figure)

    # -- what is shown ------------------------------------------------------------------------------------------------

    @contextmanager
    def _settled(self) -> Iterator[None]:
        """Change several things as one, and say what went wrong in a sentence.

        Who observes is told when all is changed, and may change things in turn; what is wrong with that is theirs to know.
        """
        with self.hold_sync(), self.hold_trait_notifications():
            # First, so that the script is told in any case.
            self.error, self._done = "", self._done + 1
            try:
                yield
            except MirageError as known:
                self.error = str(known)
            except Exception as unforeseen:
                _log.exception("the widget failed")
                self.error = _(
                    "Something went wrong that MIRAGE did not foresee (%(kind)s). The kernel's log has the details.",
                    kind=type(unforeseen).__name__,
                )

    def _show(self, found: Answer | tuple[Hit, ...]) -> None:
        """Show an answer, or hits of which it is not known what they answer."""
        answer, hits = (found, found.hits) if isinstance(found, Answer) else (None, found)
        self._tells, self._sides = [], [self._side(found)] if answer is not None or hits else []
        self.comparison, self.answer = None, answer
        self._rest(hits)

    def _show_both(self, comparison: Comparison) -> None:
        told = (
            (_("Both"), comparison.shared),
            (comparison.words[0], comparison.of_a),
            (comparison.words[1], comparison.of_b),
        )
        self._tells = [{"of": of, "concepts": [each.concept for each in found]} for of, found in told if found]
        self._sides = [self._side(answer) for answer in (comparison.a, comparison.b)]
        if comparison.notes:
            self._sides = [{**self._sides[0], "notes": [*comparison.notes, *self._sides[0]["notes"]]}, self._sides[1]]
        self.comparison, self.answer = comparison, comparison.a
        self._rest(comparison.a.hits)

    def _rest(self, hits: tuple[Hit, ...]) -> None:
        self.ids, self._open = [hit.figure.id for hit in hits], {}
        self._found = self.hits = hits
        self._seen = self.figure = None

    def _side(self, found: Answer | tuple[Hit, ...]) -> dict[str, Any]:
        if not isinstance(found, Answer):
            return {"words": "", "said": "", "notes": [], "hits": [_card(hit) for hit in found]}
        hits = [_card(hit) for hit in found.hits]
        return {"words": words_of(found), "said": _unfit(found), "notes": list(found.notes), "hits": hits}

    def _look_at(self, asked: Figure | Hit | str | None) -> None:
        """Open a figure, by itself, its id or a hit; nothing closes the one that is open."""
        given = asked.figure if isinstance(asked, Hit) else asked
        try:
            figure = given if isinstance(given, Figure) else self.atlas.figure(given) if given else None
            shown = self._whole(figure) if figure else {}
        except MirageError:
            self.figure = self._seen
            raise
        self._open = shown
        self._seen = self.figure = figure

    def _whole(self, figure: Figure) -> dict[str, str]:
        kind = (called(figure.modality), called(figure.plane), called(figure.region), figure.patient)
        return {
            **_words_of(figure),
            "picture": _large(Path(self.atlas.picture(figure.id))),
            "kind": " · ".join(each for each in kind if each),
            "diagnosis": figure.diagnosis,
        }

    # -- without its script -------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        lines = [self.error] if self.error else []
        for answer in (self.comparison.a, self.comparison.b) if self.comparison else (self.answer,):
            lines += _lines(answer) if answer is not None else []
        return "\n".join(lines) or _("Nothing is looked for yet: set .query to words.")

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        data, about = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        shown = (self.comparison.a, self.comparison.b) if self.comparison else (self.answer,)
        html = f"<p>{escape(self.error)}</p>" if self.error else ""
        html += "".join(each._repr_html_() for each in shown if each is not None)
        return {**data, "text/plain": repr(self), **({"text/html": html} if html else {})}, about


def _unfit(answer: Answer) -> str:
    """Say that nothing fits; empty where something does."""
    if answer.fits:
        return ""
    nearest = _("The nearest there is:")
    nothing = _("Only what was withdrawn fits.") if answer.withdrawn else _("Nothing in this atlas fits.")
    return f"{nothing} {nearest}" if answer.hits else nothing


def _card(hit: Hit) -> dict[str, Any]:
    return {
        **_words_of(hit.figure),
        "rank": hit.rank,
        "confidence": hit.confidence,
        "sure": _SURE[hit.confidence],
        "thumbnail": _data(Path(hit.thumbnail)) if hit.thumbnail else "",
    }


def _words_of(figure: Figure) -> dict[str, str]:
    """Words of a figure, as text: where it comes from and under which licence among them."""
    source = figure.source
    return {
        "id": figure.id,
        "title": figure.title or figure.alt,
        "caption": figure.caption if figure.title else "",
        "alt": figure.alt,
        "attribution": source.attribution or _("Attribution not stated"),
        "source": _address(source.url),
        "licence": looked_up(str(source.licence)),
        "terms": _address(source.licence.url),
        # What stands in a notebook travels with it.
        "passing": licensing.passing_on(figure),
        "withdrawn": " ".join((_("Withdrawn by its source."), looked_up(figure.withdrawn.said))) if figure.withdrawn else "",
    }


def _address(url: str) -> str:
    return url if url.startswith(("https://", "http://")) else ""


def _data(path: Path) -> str:
    """A picture as an address that holds it; empty where it is not there, and the widget then shows its words."""
    with suppress(OSError):
        return f"data:{_KINDS[path.suffix.lower()]};base64,{base64.b64encode(path.read_bytes()).decode()}"
    return ""


def _large(path: Path) -> str:
    """The same of a picture that may be large: what stands in a notebook is saved with it, and sent as one message."""
    try:
        if path.stat().st_size <= _MOST:
            return _data(path)
        with Image.open(path) as opened:
            opened.thumbnail((_LONGEST, _LONGEST))
            file = io.BytesIO()
            (opened if opened.mode in ("L", "RGB") else opened.convert("RGB")).save(file, "WEBP", quality=90)
    except OSError:
        return ""
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


def _lines(answer: Answer) -> list[str]:
    lines = [*answer.notes, _unfit(answer)] if not answer.fits else list(answer.notes)
    for hit in answer.hits[:_LINES]:
        figure = hit.figure
        source = f"{figure.source.attribution}; {looked_up(str(figure.source.licence))}; {figure.id}"
        gone = " " + _("Withdrawn by its source.") if figure.withdrawn else ""
        lines.append(f"{hit.rank}. {figure.title or figure.alt} [{_SURE[hit.confidence]}]{gone} {source}")
    return lines


@cache
def _texts() -> tuple[str, ...]:
    """Give the texts that the script looks up."""
    found = re.findall(r'\b_\(("(?:[^"\\]|\\.)*")', (_HERE / "widget.js").read_text("utf-8"))
    return tuple(dict.fromkeys(json.loads(literal) for literal in found))


def _translated() -> dict[str, str]:
    say = translations().gettext
    return {text: said for text in _texts() if (said := say(text)) != text}
