"""The port: where figures come from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any, ClassVar, Protocol, runtime_checkable

from mirage.corpora.options import CorpusOption
from mirage.encoders.known import KnownVectors
from mirage.errors import BadInput
from mirage.figure import PLANES, Case, Figure, Licence
from mirage.images import DecodedPicture
from mirage.images.volume import Volume
from mirage.language.words import stems
from mirage.locales import number
from mirage.wording import _, looked_up

Steps = Callable[[str, int, int | None], None]
"""Told what is being done ("downloading", "unpacking"), how much of it is done, and of how much when known.
What it raises stops the work, which goes on where it broke when it is called again."""


NAMES: Mapping[str, str] = {}
"""Options are called by their names."""


def digest(words: str) -> str:
    """A short digest of words, for fingerprints."""
    return hashlib.blake2b(words.encode("utf-8", "replace"), digest_size=12).hexdigest()


def plane_of(word: str) -> str:
    """The one of `mirage.figure.PLANES` that a source's word means; empty for montages and what is not specified."""
    plane = word.lower()
    return plane if plane in PLANES else _PLANE_WORDS.get(plane, "")


_PLANE_WORDS = {"transverse": "axial", "transaxial": "axial", "ap": "frontal", "pa": "frontal"}


def checked_splits(splits: Sequence[str], known: Sequence[str], title: str) -> tuple[str, ...]:
    """The splits that were chosen.

    Parameters
    ----------
    splits, known : sequence of str
        Those chosen, and those that there are.
    title : str
        Of the corpus.

    Raises
    ------
    mirage.errors.BadInput
        When there are none, or one is unknown.
    """
    unknown = [split for split in splits if split not in known]
    if unknown or not splits:
        raise BadInput(
            _(
                "%(title)s has no split “%(unknown)s”. It has %(known)s.",
                title=title,
                unknown=", ".join(unknown),
                known=", ".join(known),
            )
        )
    return tuple(splits)


def each_its_own(terms: str, what: str) -> Licence:
    """Give the licence of a collection whose entries are not all under one.

    Parameters
    ----------
    terms : str
        Which there are: "CC BY or CC BY-NC".
    what : str
        What names its own: "article", "image".
    """
    return Licence(f"{terms}; each {what} names its own", allows_sharing=True)


@dataclass(frozen=True, slots=True)
class CorpusInfo:
    """What a corpus is, before anything of it is read.

    Attributes
    ----------
    name : str
        Short name, the ``corpus`` of its figures' sources.
    title, summary : str
        For people.
    version : str
        Pinned revision, or a digest of what a folder holds; stored in the atlas beside its figures.
    homepage : str
        Where it comes from; may be empty.
    licence : Licence
        Of the collection as a whole; single figures may differ.
    alias : str
        Given where name and title may name a patient, as a folder's name may. An atlas then calls the corpus by this word
        and a keyed hash of the name, and keeps the title where only its owner sees it. Only for a private corpus.
    """

    name: str
    title: str
    summary: str
    version: str
    homepage: str = ""
    licence: Licence = field(default_factory=Licence)
    alias: str = ""


@dataclass(frozen=True, slots=True)
class CorpusCard:
    """What there is to know of a corpus before it is opened: what ``mirage add`` and the page offer.

    Attributes
    ----------
    title, summary : str
        For people; the summary says how large it is.
    homepage : str
    licence : Licence
        Of the collection as a whole; where each of its entries names its own, in words that say so (`each_its_own`).
    options : tuple of CorpusOption
        What may be chosen when it is opened.
    ships : bool
        Whether it is in this installation as a whole: it needs no network and no option.
    downloads : bool
        Whether it is fetched from the network where no copy is named; such an adapter is one that `Downloads`.
    needs : tuple of str
        Packages that have to be importable.
    people : str
        Of how many people its pictures are, where its makers know it: "at most 29 people".
    private : bool
        Whether its ids are made of names that may name patients. An atlas keeps its figures and cases under keyed hashes of
        those ids, and the labels of its items where only the owner of the atlas sees them.
    live : bool
        Whether it is a source on the network that answers a query: see `mirage.corpora.live.base.Live`.
    asks : str
        Of a live one: whose servers are asked for what, to follow "Asks ": "PubMed Central's servers for these words". Pages
        say it before anybody presses the button.
    rate : str
        Of a live one: how often it may be asked, as it documents: "3 requests a second".
    trial : str
        Of a live one: a query that it surely answers, for ``mirage doctor --sources``.
    place : int
        Of a live one: where it stands among them, the smallest first.
    """

    title: str
    summary: str
    homepage: str = ""
    licence: Licence = field(default_factory=Licence)
    options: tuple[CorpusOption, ...] = ()
    ships: bool = False
    downloads: bool = False
    needs: tuple[str, ...] = ()
    people: str = ""
    private: bool = False
    live: bool = False
    asks: str = ""
    rate: str = ""
    trial: str = ""
    place: int = 9

    @property
    def spoken(self) -> CorpusCard:
        """The card in the language that is spoken: what it says to people is looked up."""
        said: dict[str, Any] = {
            name: looked_up(getattr(self, name)) for name in ("title", "summary", "people", "asks", "rate")
        }
        options = tuple(
            replace(
                each,
                help=looked_up(each.help),
                label=looked_up(each.label),
                choice_words=tuple(map(looked_up, each.choice_words)),
            )
            for each in self.options
        )
        return replace(self, **said, options=options)

    @property
    def usable(self) -> bool:
        """Whether the packages that it needs are installed."""
        return all(find_spec(name) is not None for name in self.needs)

    @property
    def folder_option(self) -> CorpusOption | None:
        """The option that names the folder it is read from; None when it takes none."""
        return next((option for option in self.options if option.is_folder), None)

    def info(self, name: str, version: str, summary: str = "") -> CorpusInfo:
        """What an open corpus tells of itself, as far as the card says it.

        Parameters
        ----------
        name, version : str
        summary : str
            The card's own when left out.
        """
        return CorpusInfo(name, self.title, summary or self.summary, version, self.homepage, self.licence)

    def read(self, given: Mapping[str, object], called: Mapping[str, str] = NAMES) -> dict[str, Any]:
        """Options as the adapter wants them, from text or as they are; None is as if left out.

        Parameters
        ----------
        given : mapping
        called : mapping of str to str
            What the person calls an option, by its name, for messages: a flag of the command. Its name when left out.

        Raises
        ------
        mirage.errors.BadInput
            When one is unknown, missing, or has a value that it does not take; the message names those there are.
        """
        known = {option.name: option for option in self.options}
        if unknown := [name for name in given if name not in known]:
            there = _("It has: %(those)s.", those=", ".join(known)) if known else _("It has none.")
            raise BadInput(
                _("%(title)s has no option %(unknown)s. %(there)s", title=self.title, unknown=repr(unknown[0]), there=there)
            )
        values = {}
        for option in self.options:
            value, name = given.get(option.name), called.get(option.name, option.name)
            if self.live and option.positional:
                values[option.name] = self._asked_for(str(value or ""), option.longest)
            elif value is not None:
                values[option.name] = option.read(value, name)
            elif option.required:
                raise BadInput(
                    _("%(title)s needs the option %(name)s. %(help)s", title=self.title, name=name, help=option.help)
                )
        return values

    def _asked_for(self, words: str, longest: int) -> str:
        """What a living source is asked for, in one line, if something can be looked for by it."""
        words = " ".join(words.split())
        why = ""
        if not words:
            why = _("say what to look for")
        elif len(words) > longest:
            why = _(
                "what to look for has %(long)s characters, and at most %(longest)s are taken. Say it shorter",
                long=number(len(words)),
                longest=number(longest),
            )
        elif strange := next((each for each in words if not each.isprintable()), ""):
            why = _(
                "what to look for holds a character that cannot be seen (%(code)s). Type the words anew",
                code=f"U+{ord(strange):04X}",
            )
        elif not stems(words):
            why = _("“%(words)s” names nothing to look for. Say what it is", words=words[:80])
        if why:
            example = _(", for example “%(words)s”", words=self.trial) if self.trial else ""
            raise BadInput(f"{self.title}: {why}{example}.")
        return words


@dataclass(frozen=True, slots=True)
class Item:
    """One figure about to be added. The picture is opened only when somebody asks for it.

    Attributes
    ----------
    figure : Figure
    case : Case or None
        The case the figure belongs to; the same object for all of its figures.
    label : str
        The file (and frame) as the person knows it, for messages.
    fingerprint : str
        Changes when the picture or its words change, cheap to make (size and time of a file, digest of words).
        A figure whose id and fingerprint are in the atlas already is passed over without opening its picture.
    case_label : str
        The case as the person knows it, where its id is made of that; see `CorpusCard.private`.
    stacked : bool
        Whether it is a stack: then the corpus `HasStacks`, and its volume is read instead of a picture.
    former_ids : tuple of str
        Ids of figures that earlier versions of the corpus had, and in whose place it stands now.
    words_from : str
        Where in the person's files its words stand, "line 3 of figures.csv"; empty where no table gives it any.
    notes : tuple of str
        What the person who adds it should know of it, a sentence each.
    compound : bool
        Whether it is several pictures in one, which may be of several planes: then none is inferred from how it looks.
    """

    figure: Figure
    case: Case | None
    label: str
    fingerprint: str
    case_label: str = ""
    stacked: bool = False
    former_ids: tuple[str, ...] = ()
    words_from: str = ""
    notes: tuple[str, ...] = ()
    compound: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Something in the corpus that cannot become a figure, and why, in words for the person who adds it.

    Attributes
    ----------
    label, reason : str
    """

    label: str
    reason: str


@dataclass(frozen=True, slots=True)
class Noted:
    """A figure that was taken, and what the person who adds it should know of it: slices that a stack lacks, say."""

    label: str
    note: str


@runtime_checkable
class Corpus(Protocol):
    """A public collection, or somebody's folder, that yields figures and cases.

    Attributes
    ----------
    card : CorpusCard
        Of the class: read before anything is opened.
    """

    card: ClassVar[CorpusCard]

    def info(self) -> CorpusInfo:
        """Tell what this corpus is."""
        ...

    def items(self) -> Iterator[Item | Refused]:
        """Yield every figure once, always in the same order; what is bad is yielded as `Refused`, not raised."""
        ...

    def read(self, item: Item) -> DecodedPicture:
        """Decode the picture of one item; `DecodedPicture.original` is what to keep, where a browser shows it.

        Raises
        ------
        mirage.errors.BadPicture
            When it cannot be decoded or must not be taken in.
        """
        ...

    def __len__(self) -> int:
        """How many entries `items` will yield, for progress."""
        ...


@runtime_checkable
class TellsGone(Protocol):
    """A corpus whose items are all that there is of it now: what an atlas has of it beside those is gone from its source."""

    @property
    def doubt(self) -> str:
        """Why it cannot say what is gone, as a sentence; empty where it can."""
        ...

    def withheld(self) -> Iterator[str]:
        """Give ids that figures may have whose files are there, though they cannot be taken now."""
        ...


@runtime_checkable
class Infers(Protocol):
    """A corpus whose source does not say what its pictures are: what is not known is inferred when it is added."""

    @property
    def infers(self) -> tuple[str, ...]:
        """Which of `mirage.figure.INFERABLE` to infer; see `mirage.corpora.inferring`."""
        ...


@runtime_checkable
class HasStacks(Protocol):
    """A corpus some of whose items are stacks."""

    def read_stack(self, item: Item) -> Volume:
        """Read the voxels, and labels if there are any, of an item that says `Item.stacked`.

        Raises
        ------
        mirage.errors.BadPicture
            When it cannot become a stack; the message says why and what to do.
        """
        ...


@runtime_checkable
class KnowsVectors(Protocol):
    """A corpus that comes with vectors of its pictures and captions."""

    def known_vectors(self) -> KnownVectors:
        """Give the vectors that it comes with, of the encoder that they name."""
        ...


@runtime_checkable
class Findable(Protocol):
    """A corpus that can tell where its items lie, so that one opened alike elsewhere reads them without looking for them."""

    def places_of(self, items: Sequence[Item]) -> dict[str, Any]:
        """Give the places of some items, by id; what they are made of can be sent anywhere."""
        ...

    def find_at(self, places: Mapping[str, Any]) -> None:
        """Read the items with these ids at these places from now on, and no others."""
        ...


@runtime_checkable
class Advises(Protocol):
    """A corpus that can say, once it was looked through, what else could be made of it."""

    @property
    def advice(self) -> str:
        """Sentences for the person who adds it; empty where there is nothing to say."""
        ...


@runtime_checkable
class Downloads(Protocol):
    """A corpus that has to be fetched before it can be read."""

    @property
    def ready(self) -> bool:
        """Whether it can be read without the network."""
        ...

    def prepare(self, steps: Steps | None = None) -> None:
        """Fetch, verify and unpack what is missing; nothing happens when it is `ready`.

        Raises
        ------
        mirage.errors.NoNetwork, mirage.errors.Unavailable
        """
        ...
