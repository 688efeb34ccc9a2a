"""The port: where figures come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from mirage.figure import Case, Figure, Licence
from mirage.images import Picture

Steps = Callable[[str, int, int | None], None]
"""Told what is being done ("downloading", "unpacking"), how much of it is done, and of how much when known.
What it raises stops the work, which goes on where it broke when it is called again."""


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
    """

    name: str
    title: str
    summary: str
    version: str
    homepage: str = ""
    licence: Licence = field(default_factory=Licence)


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
    """

    figure: Figure
    case: Case | None
    label: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Something in the corpus that cannot become a figure, and why, in words for the person who adds it."""

    label: str
    reason: str


@runtime_checkable
class Corpus(Protocol):
    """A public collection, or somebody's folder, that yields figures and cases."""

    def info(self) -> CorpusInfo:
        """Tell what this corpus is."""
        ...

    def items(self) -> Iterator[Item | Refused]:
        """Yield every figure once, always in the same order; what is bad is yielded as `Refused`, not raised."""
        ...

    def read(self, item: Item) -> Picture:
        """Decode the picture of one item; `Picture.original` is what to keep, where a browser shows it.

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
class Infers(Protocol):
    """A corpus whose source does not say what its pictures are: what is not known is inferred when it is added."""

    @property
    def infers(self) -> tuple[str, ...]:
        """Which of `mirage.figure.INFERABLE` to infer; see `mirage.corpora.inferring`."""
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
