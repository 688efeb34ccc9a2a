"""The seam of a living source: what it would give is shown before it is fetched; nothing is asked before somebody asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol, Self, runtime_checkable

from mirage.corpora.base import Corpus, Downloads, Steps
from mirage.figure import Licence
from mirage.wording import _, ngettext


@dataclass(frozen=True, slots=True)
class Offered:
    """A figure that a source would give.

    Attributes
    ----------
    id : str
        Of the figure, as the corpus's items have it; given back as one of the option ``only`` it is what was chosen.
    title, caption, modality : str
        As the source says them; empty where it does not.
    group : str
        What it belongs to at the source, for people: the article, the series, the collection.
    licence : Licence
    attribution, url : str
    size : int or None
        Bytes to fetch, as the source states them; None where it does not.
    slices : int
        Of a stack; 0 for a single picture.
    thumbnail : bytes
        WebP, small; empty where the source has none that may be had without the whole.
    warnings : tuple of str
        What to know of it before it is taken.
    """

    id: str
    title: str
    caption: str
    group: str
    licence: Licence
    attribution: str
    url: str
    modality: str = ""
    size: int | None = None
    slices: int = 0
    thumbnail: bytes = field(default=b"", repr=False)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a source has withdrawn something, as it said when it was asked.

    Attributes
    ----------
    id : str
        Of a case, for all of its figures, or of a figure.
    asked : float
        When the source said so, in seconds since 1970.
    said : str
        What it says, in a sentence; empty where it has not withdrawn it.
    url : str
        A page of the source that says so; the figure's own where it is empty.
    """

    id: str
    asked: float
    said: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a source would give.

    Attributes
    ----------
    figures : tuple of Offered
    unit : str
        What the source counts, in the plural: "articles", "series", "files".
    total : int or None
        How many of those fit at the source, as it says itself.
    looked_at : int
        How many of those were looked at for these figures.
    left_out : tuple of (str, int)
        Why figures do not come, to be read behind how many those are: "files without a stated licence", 7; see `tally`.
    asked : float
        When the oldest of the answers was given, in seconds since 1970; answers are kept on disk.
    standings : tuple of Standing
        Of the cases and figures that were looked at, which the source has withdrawn, and which it has not.
    """

    figures: tuple[Offered, ...]
    unit: str
    total: int | None
    looked_at: int
    left_out: tuple[tuple[str, int], ...]
    asked: float
    standings: tuple[Standing, ...] = ()

    @property
    def size(self) -> int:
        """Bytes to fetch for all figures, as far as the source states them."""
        return sum(each.size or 0 for each in self.figures)


class Reason(str):
    """Why things do not come, in words that read right behind their number: "file without a stated licence".

    As a text it is what is said of one in English; by that, reasons are compared and counted.

    Parameters
    ----------
    one, many : str
        As of `mirage.wording.ngettext`, marked by ``nN_``.
    **values
        What stands in the places.
    """

    def __new__(cls, one: str, many: str, **values: object) -> Self:
        """Make it."""
        made = super().__new__(cls, one % values)
        made._texts, made._values = (one, many), values
        return made

    _texts: tuple[str, str]
    _values: dict[str, object]

    def of(self, number: int) -> str:
        """What is said of so many, in the language that is spoken."""
        one, many = self._texts
        return ngettext(one, many, number, **self._values)


class Kept(str):
    """A text that is kept with a figure, in English, and can be said in the language that is spoken.

    Parameters
    ----------
    text : str
        As of `mirage.wording._`, marked by ``N_``.
    **values
        What stands in the places.
    """

    def __new__(cls, text: str, **values: object) -> Self:
        """Make it."""
        made = super().__new__(cls, text % values)
        made._text, made._values = text, values
        return made

    _text: str
    _values: dict[str, object]

    @property
    def said(self) -> str:
        """It, in the language that is spoken."""
        return _(self._text, **self._values)


def tally(reasons: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """Count reasons why things do not come, the most frequent first, in words that read right behind their number.

    Parameters
    ----------
    reasons : iterable of str
        Of one thing each, a `Reason`. Any other text is English; it begins with what the thing is, and goes on in words that
        fit one and several of it: "file without a stated licence", "article marked as retracted".
    """
    return tuple((_several(why, number), number) for why, number in Counter(reasons).most_common())


def _several(reason: str, number: int) -> str:
    if isinstance(reason, Reason):
        return reason.of(number)
    if number < 2:
        return reason
    thing, space, rest = reason.partition(" ")
    return f"{thing if thing.endswith('s') else f'{thing}s'}{space}{rest}"


def sentence(reason: str) -> str:
    """A reason of one thing, as for `tally`, as a sentence about it: "It is a file without a stated licence."."""
    said = _several(reason, 1)
    return _("It is an %(reason)s.", reason=said) if reason[:1] in "aeiou" else _("It is a %(reason)s.", reason=said)


@runtime_checkable
class TellsStandings(Protocol):
    """A source that says what it has withdrawn since."""

    @property
    def standings(self) -> tuple[Standing, ...]:
        """Of what was looked at to fetch it, as of `Offer.standings`."""
        ...


def standings_of(corpus: Corpus) -> tuple[Standing, ...]:
    """What the source of a corpus says that it has withdrawn, and what not; nothing where it says nothing of the kind."""
    return corpus.standings if isinstance(corpus, TellsStandings) else ()


@runtime_checkable
class Live(Corpus, Downloads, Protocol):
    """A corpus on the network: its card says ``live``, its options are ``query``, ``most`` and ``only`` at least.

    The card says whom it asks for what (``asks``), how often it may (``rate``), and a query that is surely answered
    (``trial``), with which ``mirage doctor --sources`` tries it: the offer of one figure, asked for again.

    `offer` and `Downloads.prepare` ask the network; making one, `items` and `read` never do. What was fetched stays on disk
    until the figures are in the atlas, so that either goes on where it was stopped. `prepare` tells its steps as
    "downloading", in bytes, and as "fetching", in figures; `offer` as "asking", in what the source counts.
    """

    def offer(self, steps: Steps | None = None, *, again: bool = False) -> Offer:
        """Ask the source what there is for the query; only metadata and thumbnails are fetched.

        Parameters
        ----------
        steps : callable, optional
        again : bool
            Whether to ask it even where answers are kept on disk; the new ones are kept in their place.

        Raises
        ------
        mirage.errors.NoNetwork
            When it cannot be reached.
        mirage.errors.Unavailable
            When it answers otherwise than it documents, or asks to wait; the message says which.
        """
        ...
