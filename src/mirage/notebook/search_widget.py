"""The widget itself: it searches here, in Python, and its script draws what it is given.

What crosses over is data alone. Words of sources become text in the browser, never mark-up.
"""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
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
from mirage.figure import MODALITIES, Figure
from mirage.images.decode import decode
from mirage.images.limits import Limits
from mirage.query import Query
from mirage.search.answer import Answer, Hit
from mirage.settings import Settings
from mirage.wording import N_, Words, _, translations

_HERE = Path(__file__).parent
_KINDS = {".webp": "image/webp", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}
_SURE = Words({"strong": N_("Strong"), "likely": N_("Likely"), "weak": N_("Weak")})
_LINES = 10  # hits that a terminal is shown
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
        self._settling = True
        super().__init__(_words=_translated())
        self._settling = False
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
            self.query, self.against = query, against
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
            self.query, self.against = "", ""
            self._show(self.atlas.search(Query.of(pictures=[self.atlas.embed(picture)])))

    def _told(self, _widget: object, told: dict[str, Any], buffers: Sequence[memoryview]) -> None:
        """Do what the script says that somebody did; what it says is not trusted to be well formed."""
        kind = told.get("kind") if isinstance(told, dict) else None
        if kind == "ask":
            self.ask(str(told.get("query", "")), str(told.get("against", "")))
        elif kind == "picture":
            self._read(str(told.get("name", "")), buffers)
        elif kind == "open":
            with self._settled():
                self._look_at(str(told.get("id", "")))

    def _read(self, name: str, buffers: Sequence[memoryview]) -> None:
        settings = Settings.load()
        limits = Limits(file_bytes=settings.upload_max_bytes, pixels=settings.upload_max_pixels)
        picture = None
        with self._settled():
            if not buffers:
                raise BadPicture(_("No picture came with the form. Choose a file first."))
            picture = decode(bytes(buffers[0]), name=name, limits=limits)
        if picture is not None:
            self.look_like(picture)

    @traitlets.observe("query", "against")
    def _worded(self, _change: object) -> None:
        if not self._settling:
            self.ask(self.query, self.against)

    @traitlets.observe("hits")
    def _found(self, change: dict[str, Any]) -> None:
        if not self._settling:
            with self._settled():
                self._show(change["new"] if isinstance(change["new"], Answer) else tuple(change["new"]))

    @traitlets.observe("figure")
    def _opened(self, change: dict[str, Any]) -> None:
        if not self._settling:
            with self._settled():
                self._look_at(change["new"])

    # -- what is shown ------------------------------------------------------------------------------------------------

    @contextmanager
    def _settled(self) -> Iterator[None]:
        """Change several things as one, and say what went wrong in a sentence."""
        if self._settling:
            yield
            return
        self._settling = True
        error = ""
        try:
            yield
        except MirageError as known:
            error = str(known)
        except Exception as unforeseen:
            _log.exception("the widget failed")
            error = _(
                "Something went wrong that MIRAGE did not foresee (%(kind)s). The kernel's log has the details.",
                kind=type(unforeseen).__name__,
            )
        finally:
            self.error = error
            self._done += 1
            self._settling = False

    def _show(self, found: Answer | tuple[Hit, ...]) -> None:
        """Show an answer, or hits of which it is not known what they answer."""
        self.comparison, self.answer = None, found if isinstance(found, Answer) else None
        self.hits = found.hits if isinstance(found, Answer) else found
        self._tells, self._sides = [], [self._side(found)] if isinstance(found, Answer) or found else []
        self._rest()

    def _show_both(self, comparison: Comparison) -> None:
        self.comparison, self.answer, self.hits = comparison, comparison.a, comparison.a.hits
        told = (
            (_("Both"), comparison.shared),
            (comparison.words[0], comparison.of_a),
            (comparison.words[1], comparison.of_b),
        )
        self._tells = [{"of": of, "concepts": [each.concept for each in found]} for of, found in told if found]
        self._sides = [self._side(answer) for answer in (comparison.a, comparison.b)]
        if comparison.notes:
            self._sides = [{**self._sides[0], "notes": [*comparison.notes, *self._sides[0]["notes"]]}, self._sides[1]]
        self._rest()

    def _rest(self) -> None:
        self.ids = [hit.figure.id for hit in self.hits]
        self.figure, self._open = None, {}

    def _side(self, found: Answer | tuple[Hit, ...]) -> dict[str, Any]:
        if not isinstance(found, Answer):
            return {"words": "", "said": "", "notes": [], "hits": [_card(hit) for hit in found]}
        hits = [_card(hit) for hit in found.hits]
        return {"words": words_of(found), "said": _unfit(found), "notes": list(found.notes), "hits": hits}

    def _look_at(self, asked: object) -> None:
        """Open a figure, by itself, its id or a hit; nothing closes the one that is open."""
        given = asked.figure if isinstance(asked, Hit) else asked
        if not given:
            self.figure, self._open = None, {}
            return
        figure = given if isinstance(given, Figure) else self.atlas.figure(str(given))
        self.figure = figure
        kind = (MODALITIES.get(figure.modality, figure.modality), figure.plane, figure.region, figure.patient)
        self._open = {
            **_words_of(figure),
            "picture": _data(Path(self.atlas.picture(figure.id))),
            "kind": " · ".join(each for each in kind if each),
            "diagnosis": figure.diagnosis,
        }

    # -- without its script -------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        lines = [self.error] if self.error else []
        for answer in (self.comparison.a, self.comparison.b) if self.comparison else (self.answer,):
            lines += _lines(answer) if answer else []
        return "\n".join(lines) or _("Nothing is looked for yet: set .query to words.")

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        data, about = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        shown = (self.comparison.a, self.comparison.b) if self.comparison else (self.answer,)
        html = "".join(each._repr_html_() for each in shown if each)
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
        "licence": str(source.licence),
        "terms": _address(source.licence.url),
        # What stands in a notebook travels with it.
        "passing": licensing.passing_on(figure),
    }


def _address(url: str) -> str:
    return url if url.startswith(("https://", "http://")) else ""


def _data(path: Path) -> str:
    """A picture as an address that holds it; empty where it is not there, and the widget then shows its words."""
    with suppress(OSError):
        return f"data:{_KINDS[path.suffix.lower()]};base64,{base64.b64encode(path.read_bytes()).decode()}"
    return ""


def _lines(answer: Answer) -> list[str]:
    lines = [*answer.notes, _unfit(answer)] if not answer.fits else list(answer.notes)
    for hit in answer.hits[:_LINES]:
        figure = hit.figure
        source = f"{figure.source.attribution}; {figure.source.licence}; {figure.id}"
        lines.append(f"{hit.rank}. {figure.title or figure.alt} [{_SURE[hit.confidence]}] {source}")
    return lines


@cache
def _texts() -> tuple[str, ...]:
    """Give the texts that the script looks up."""
    found = re.findall(r'\b_\(("(?:[^"\\]|\\.)*")', (_HERE / "widget.js").read_text("utf-8"))
    return tuple(dict.fromkeys(json.loads(literal) for literal in found))


def _translated() -> dict[str, str]:
    say = translations().gettext
    return {text: said for text in _texts() if (said := say(text)) != text}
