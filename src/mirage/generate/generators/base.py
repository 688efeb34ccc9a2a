"""The port: a prompt to synthetic images, step by step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from PIL import Image

from mirage.errors import BadInput
from mirage.query import MAX_TEXT, Query, Term, shown, tidy
from mirage.wording import _


@dataclass(frozen=True, slots=True)
class GeneratorInfo:
    """Who draws, and within which bounds.

    Attributes
    ----------
    name : str
        Adapter name.
    model, revision : str
        The model behind it, as its makers name it, and its pinned revision or digest.
    licence : str
        Licence of the weights; ``not stated`` when unknown.
    size : int
        Side of an image in pixels when nobody asks for another.
    smallest, largest, multiple : int
        A side is from `smallest` to `largest`, in pixels, and a multiple of `multiple`.
    steps, most_steps : int
        How many steps when nobody says, and how many at most.
    guidance : float
        Weight of the prompt against no prompt when nobody says; 1 is no guidance.
    most_tokens : int
        How many tokens of one text it reads; 0 where it reads no tokens, and a text may be of any length.
    from_picture : bool
        Whether it can begin from a picture.
    notes : tuple of str
        What it can draw and what not, as far as that is known, in sentences for people.
    drafts : int
        From how many drafts it keeps the best when nobody says; 1 where it cannot choose.
    fingerprints : Path or None
        File of the fingerprints of its training images (`mirage.generate.generators.copies`); None where none ship.
    """

    name: str
    model: str
    revision: str
    licence: str
    size: int
    smallest: int
    largest: int
    multiple: int
    steps: int
    most_steps: int
    guidance: float
    most_tokens: int
    from_picture: bool = False
    notes: tuple[str, ...] = ()
    drafts: int = 1
    fingerprints: Path | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.model})" if self.model != self.name else self.name


@dataclass(frozen=True, slots=True)
class PromptTerm:
    """A piece of text with a weight; a negative weight means "less of this", as in a query."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What to draw. `mirage.generate.generators.base.filled` checks one against a generator and fills in its defaults.

    Attributes
    ----------
    terms : tuple of PromptTerm
        At least one with a positive weight. Those with a negative weight guide away from what they say.
    negative : str
        A negative prompt, in the generator's usual sense; counts as one more term of weight −1.
    seed : int
        0 to 2**32 − 1. Image number i of the request is drawn from seed + i; same request, same images.
    steps, guidance, width, height
        None for the generator's own.
    count : int
        How many images.
    drafts : int or None
        From how many drafts each is chosen; None for the generator's own number, 1 for no choice.
    start : PIL.Image.Image or None
        A picture to begin from, already decoded.
    strength : float
        With `start`: 0 keeps it, 1 draws anew.
    """

    terms: tuple[PromptTerm, ...]
    negative: str = ""
    seed: int = 0
    steps: int | None = None
    guidance: float | None = None
    width: int | None = None
    height: int | None = None
    count: int = 1
    drafts: int | None = None
    start: Image.Image | None = None
    strength: float = 0.6

    @property
    def prompt(self) -> str:
        """What is wanted, in words, for people: ``brain MRI, more of: tumour, less of: contrast@0.5``."""
        plain = [term for term in self.terms if term.weight == 1]
        more = [term for term in self.terms if term.weight > 0 and term.weight != 1]
        less = [term for term in self.terms if term.weight < 0]
        parts = [", ".join(term.text for term in plain)] if plain else []
        for words, terms in (("more of", more), ("less of", less)):
            if terms:
                told = [t.text + ("" if abs(t.weight) == 1 else f"@{abs(t.weight):g}") for t in terms]
                parts.append(f"{words}: {', '.join(told)}")
        if self.negative:
            parts.append(f"not: {self.negative}")
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class GenerationStep:
    """One step done.

    Attributes
    ----------
    image, images : int
        Which image of the request, from 1, of how many.
    step, steps : int
        Which of its steps, from 1, of how many; those of the drafts that are not kept count.
    preview : callable
        Makes the image as far as it has come, unmarked, when somebody wants to see it; costs time only when called.
        Whoever shows it puts the band on it first.
    """

    image: int
    images: int
    step: int
    steps: int
    preview: Callable[[], Image.Image]


@dataclass(frozen=True, slots=True)
class DrawnImage:
    """One image, not yet marked; it leaves MIRAGE only through `mirage.generate.provenance.mark`.

    Attributes
    ----------
    image : PIL.Image.Image
        Mode L or RGB.
    seed : int
        The seed of this very image.
    remarks : tuple of str
        What the reader should know: words that were not read, an image that came out black and why.
    blank : bool
        Whether nothing came out (a safety checker, or numbers that overflowed); the remarks say which.
    drafts : int
        From how many drafts it was chosen.
    chooser : str
        By what; empty where nothing was chosen.
    """

    image: Image.Image
    seed: int
    remarks: tuple[str, ...] = ()
    blank: bool = False
    drafts: int = 1
    chooser: str = ""


@runtime_checkable
class Generator(Protocol):
    """Draws synthetic images."""

    def info(self) -> GeneratorInfo:
        """Tell who draws. Loads no weights."""
        ...

    def unread(self, text: str) -> str:
        """What of a text leads nothing, in its words: the end beyond its tokens, or what it does not know."""
        ...

    def refusal(self, text: str) -> str:
        """Why a prompt is not drawn, for people, with what to do instead; empty where it is drawn."""
        ...

    def generate(
        self,
        request: GenerationRequest,
        progress: Callable[[GenerationStep], None] = lambda _: None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[DrawnImage]:
        """Yield the images one after another.

        Parameters
        ----------
        request : GenerationRequest
            As `mirage.generate.generators.base.filled` leaves it.
        progress : callable
            Called after every step.
        stopped : callable
            Asked at every step; once it says True the generator ends without the image in hand.

        Raises
        ------
        mirage.errors.Unavailable
            When the model is missing, damaged, of another kind, or does not fit into memory.
        """
        ...


MOST_IMAGES = 8
MOST_DRAFTS = 16
MOST_GUIDANCE = 20.0
MOST_SEED = 2**32 - 1


def filled(request: GenerationRequest, info: GeneratorInfo) -> GenerationRequest:
    """Check a request and fill in what was left to the generator.

    Parameters
    ----------
    request : GenerationRequest
        As somebody asked it.
    info : GeneratorInfo
        The generator's, which has the defaults and the limits.

    Returns
    -------
    GenerationRequest
        With texts tidied and every number filled in. Terms without text or of weight 0 are left out.

    Raises
    ------
    mirage.errors.BadInput, mirage.errors.BadQuery
        Naming the value that cannot be used and those that can.
    """
    terms = tuple(replace(term, text=tidy(term.text)) for term in request.terms if tidy(term.text) and term.weight != 0)
    if not any(term.weight > 0 for term in terms):
        raise BadInput(_("Say what the image shall show, as in “axial brain MRI”."))
    # A query refuses too many terms, texts that are too long, and weights that are no numbers.
    Query(tuple(Term(text=term.text, weight=term.weight) for term in terms))
    if request.start is not None and not info.from_picture:
        raise BadInput(_("The generator %(info)s cannot begin from a picture.", info=info))
    return replace(
        request,
        terms=terms,
        negative=tidy(request.negative)[:MAX_TEXT],
        seed=int(_within(_("seed"), request.seed, 0, 0, MOST_SEED - MOST_IMAGES)),
        steps=int(_within(_("number of steps"), request.steps, info.steps, 1, info.most_steps)),
        guidance=_within(_("guidance"), request.guidance, info.guidance, 1, MOST_GUIDANCE),
        width=_side("width", request.width, info),
        height=_side("height", request.height, info),
        count=int(_within(_("number of images"), request.count, 1, 1, MOST_IMAGES)),
        drafts=int(_within(_("number of drafts"), request.drafts, info.drafts, 1, MOST_DRAFTS if info.drafts > 1 else 1)),
        strength=_within(_("strength"), request.strength, 0.6, 0, 1),
    )


def _within(what: str, given: float | None, default: float, least: float, most: float) -> float:
    if given is None:
        return default
    if not math.isfinite(given) or not least <= given <= most:
        raise BadInput(
            _(
                "The %(what)s is from %(least)s to %(most)s; %(given)s is outside.",
                what=what,
                least=format(least, "g"),
                most=format(most, ",.15g"),
                given=shown(given),
            )
        )
    return given


def _side(what: str, given: int | None, info: GeneratorInfo) -> int:
    if given is None:
        return info.size
    if info.smallest == info.largest and given != info.size:
        raise BadInput(
            _(
                "The generator %(info)s draws images of %(size)s × %(size)s pixels only, not %(what)s %(given)s.",
                info=info,
                size=info.size,
                what=what,
                given=given,
            )
        )
    if not info.smallest <= given <= info.largest or given % info.multiple:
        raise BadInput(
            _(
                "The %(what)s is from %(smallest)s to %(largest)s pixels, a multiple of %(multiple)s; %(given)s is not.",
                what=what,
                smallest=info.smallest,
                largest=info.largest,
                multiple=info.multiple,
                given=given,
            )
        )
    return given


def unread_words(text: str, cut: int) -> str:
    """The end of a text that is not read, in whole words: one of which only a part was read was not read.

    Parameters
    ----------
    text : str
    cut : int
        Place in `text` of the first letter that is not read.
    """
    while 0 < cut < len(text) and not text[cut - 1].isspace() and not text[cut].isspace():
        cut -= 1
    return text[cut:].strip()
