"""What a search answers: hits with what each channel said, and how they look in a notebook."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Literal

from mirage import licensing
from mirage.figure import Figure
from mirage.language.reading import QueryReading
from mirage.query import Query
from mirage.search.confidence import Basis, Confidence, HitFeatures
from mirage.wording import _, looked_up

_CARD = "display:inline-block;vertical-align:top;width:180px;margin:0 12px 16px 0;font:13px/1.4 system-ui,sans-serif"
_PICTURE = "width:180px;height:180px;object-fit:contain;background:#0b0d10;border-radius:4px"


@dataclass(frozen=True, slots=True)
class ChannelMatch:
    """One channel's word on a figure: its rank there, 1 is best, and the raw score (never shown as a percentage)."""

    channel: str
    rank: int
    score: float

    def __reduce__(self) -> tuple[type[ChannelMatch], tuple[str, int, float]]:
        """Pickled in a fifth of the time that a frozen dataclass takes by itself: an answer that is kept has a hundred."""
        return ChannelMatch, (self.channel, self.rank, self.score)


@dataclass(frozen=True, slots=True)
class SliceFound:
    """Which slice of a stack to show.

    Attributes
    ----------
    number : int
        From 0, along the view.
    view : str
        The first of the stack's views.
    label : str
        The structure that was asked for and is largest there; empty where the slice looks most like the query.
    """

    number: int
    view: str
    label: str = ""

    @property
    def why(self) -> str:
        """The reason in words."""
        return _("%(label)s is largest here", label=self.label) if self.label else _("looks most like what you asked for")


@dataclass(frozen=True, slots=True)
class Hit:
    """A figure found.

    Attributes
    ----------
    rank : int
        1 is best.
    figure : Figure
    confidence : {"strong", "likely", "weak"}
        Against this query's own background in this atlas.
    channels : tuple of ChannelMatch
        Which channels found it.
    score : float
        Fused score; it orders hits of one answer that are equally sure, except that a stack and its slices may have changed
        places, and means nothing outside of it.
    folded : tuple of str
        Ids of near-duplicates that this hit stands for.
    picture, thumbnail : str
        Paths of the picture and its thumbnail.
    width, height : int
        Of the picture, in pixels.
    features : HitFeatures or None
        What the picture and the words say for it, in numbers.
    basis : {"named", "mentioned", "structure", "words", "alike"}
        What the confidence rests on: its title, diagnosis, topic or caption names what is asked for; only its findings or
        discussion do; it is of that structure, plane and modality; it has the words; it only looks alike.
    slice : SliceFound or None
        Of a stack: which slice the query is about.
    """

    rank: int
    figure: Figure
    confidence: Confidence
    channels: tuple[ChannelMatch, ...]
    score: float
    folded: tuple[str, ...] = ()
    picture: str = ""
    thumbnail: str = ""
    width: int = 0
    height: int = 0
    features: HitFeatures | None = None
    basis: Basis = "alike"
    slice: SliceFound | None = None

    def _repr_html_(self) -> str:
        """Show the hit in a notebook: thumbnail, what it is, how sure, source and licence."""
        figure = self.figure
        source = escape(figure.source.attribution)
        if figure.source.url.startswith(("https://", "http://")):
            source = f'<a href="{escape(figure.source.url, quote=True)}">{source}</a>'
        # What stands in a notebook travels with it.
        known = licensing.passing_on(figure)
        note = f"<div><i>{escape(known)}</i></div>" if known else ""
        if figure.withdrawn:
            gone = _("Withdrawn by its source.")
            note = f"<div><b>{escape(gone)}</b> {escape(looked_up(figure.withdrawn.said))}</div>{note}"
        thumbnail = Path(self.thumbnail)
        picture = ""
        if self.thumbnail and thumbnail.is_file():
            data = base64.b64encode(thumbnail.read_bytes()).decode()
            picture = f'<img alt="{escape(figure.alt, quote=True)}" style="{_PICTURE}" src="data:image/webp;base64,{data}">'
        licence = escape(_("licence: %(name)s", name=looked_up(str(figure.source.licence))))
        sure = escape(looked_up(self.confidence))
        return (
            f'<div style="{_CARD}">{picture}<div><b>{self.rank}. {escape(_cut(figure.title or figure.alt, 90))}</b></div>'
            f"<div>{escape(_cut(figure.caption, 160))}</div><div><i>{sure}</i> · {escape(figure.id)}</div>"
            f"<div>{source} · {licence}</div>{note}</div>"
        )


@dataclass(frozen=True, slots=True)
class CaseHits:
    """The hits of one case, best first.

    Attributes
    ----------
    case_id : str
        Empty for a figure without a case.
    hits : tuple of Hit
    """

    case_id: str
    hits: tuple[Hit, ...]

    @property
    def more(self) -> int:
        """How many there are beside the best."""
        return len(self.hits) - 1


@dataclass(frozen=True, slots=True)
class FoundFacets:
    """How many figures have which value of each filter field, within what a query finds.

    Attributes
    ----------
    counts : dict
        Field to value to number of figures.
    among : {"named", "shown"}
        Whether all figures are counted whose title, diagnosis, topic or caption names what is asked for (each field as if it
        were not filtered itself), or only the hits.
    """

    counts: dict[str, dict[str, int]]
    among: Literal["named", "shown"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query found. It is also the sequence of its hits.

    Attributes
    ----------
    query : Query
    hits : tuple of Hit
        Best first.
    fits : bool
        False when nothing in the atlas fits; the hits are then the nearest there are, all weak.
    notes : tuple of str
        What the person should know: text that was not read, near-duplicates folded.
    seconds : float
        Time taken.
    reading : QueryReading or None
        How the query's words were read; None where it has none.
    withdrawn : int
        How many figures would be among the hits and fit, and are left out because their source has withdrawn them.
    """

    query: Query
    hits: tuple[Hit, ...]
    fits: bool
    notes: tuple[str, ...]
    seconds: float
    reading: QueryReading | None = None
    withdrawn: int = 0

    @property
    def groups(self) -> tuple[CaseHits, ...]:
        """The hits by case, in the order of each case's best; a figure without one stands alone, or with its stack."""
        found: dict[str, list[Hit]] = {}
        for hit in self.hits:
            alone = hit.figure.slice_of.stack if hit.figure.slice_of else hit.figure.id
            found.setdefault(hit.figure.case_id or alone, []).append(hit)
        return tuple(CaseHits(hits[0].figure.case_id, tuple(hits)) for hits in found.values())

    def __len__(self) -> int:
        return len(self.hits)

    def __getitem__(self, number: int) -> Hit:
        return self.hits[number]

    def _repr_html_(self) -> str:
        """Show the hits as pictures in a notebook, with the notes."""
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        if not self.fits:
            nothing = _("Only what was withdrawn fits.") if self.withdrawn else _("Nothing in this atlas fits.")
            nearest = " " + _("The nearest there is:") if self.hits else ""
            notes += f"<p><b>{escape(nothing)}</b>{escape(nearest)}</p>"
        return f"<div>{notes}{''.join(hit._repr_html_() for hit in self.hits)}</div>"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
