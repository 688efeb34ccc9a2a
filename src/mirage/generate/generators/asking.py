"""A request, checked against the bounds of a generator, with its defaults filled in."""

from __future__ import annotations

import math
from dataclasses import replace

from mirage.errors import BadInput
from mirage.generate.generators.base import GeneratorInfo, Request
from mirage.query import MAX_TERMS, MAX_TEXT, MAX_WEIGHT, shown, tidy

MOST_IMAGES = 8
MOST_GUIDANCE = 20.0
MOST_SEED = 2**32 - 1


def filled(request: Request, info: GeneratorInfo) -> Request:
    """Check a request and fill in what was left to the generator.

    Raises
    ------
    mirage.errors.BadInput
        Naming the value that cannot be used and those that can.
    """
    terms = tuple(replace(term, text=tidy(term.text)) for term in request.terms if tidy(term.text) and term.weight != 0)
    if not any(term.weight > 0 for term in terms):
        raise BadInput("Say what the image shall show, as in “axial brain MRI”.")
    if len(terms) > MAX_TERMS:
        raise BadInput(f"At most {MAX_TERMS} terms can be weighed against each other; these are {len(terms)}.")
    for term in terms:
        if len(term.text) > MAX_TEXT:
            raise BadInput(f"A text has at most {MAX_TEXT:,} characters; one has {len(term.text):,}. Shorten it.")
        if not math.isfinite(term.weight) or abs(term.weight) > MAX_WEIGHT:
            raise BadInput(f"A weight is a number from −{MAX_WEIGHT:g} to {MAX_WEIGHT:g}, not {term.weight}.")
    if request.start is not None and not info.from_picture:
        raise BadInput(f"The generator {info} cannot begin from a picture.")
    return replace(
        request,
        terms=terms,
        negative=tidy(request.negative)[:MAX_TEXT],
        seed=int(_within("seed", request.seed, 0, 0, MOST_SEED - MOST_IMAGES)),
        steps=int(_within("number of steps", request.steps, info.steps, 1, info.most_steps)),
        guidance=_within("guidance", request.guidance, info.guidance, 1, MOST_GUIDANCE),
        width=_side("width", request.width, info),
        height=_side("height", request.height, info),
        count=int(_within("number of images", request.count, 1, 1, MOST_IMAGES)),
        strength=_within("strength", request.strength, 0.6, 0, 1),
    )


def _within(what: str, given: float | None, default: float, least: float, most: float) -> float:
    if given is None:
        return default
    if not math.isfinite(given) or not least <= given <= most:
        raise BadInput(f"The {what} is from {least:g} to {most:,.15g}; {shown(given)} is outside.")
    return given


def _side(what: str, given: int | None, info: GeneratorInfo) -> int:
    if given is None:
        return info.size
    if info.smallest == info.largest and given != info.size:
        raise BadInput(f"The generator {info} draws images of {info.size} × {info.size} pixels only, not {what} {given}.")
    if not info.smallest <= given <= info.largest or given % info.multiple:
        raise BadInput(
            f"The {what} is from {info.smallest} to {info.largest} pixels, a multiple of {info.multiple}; {given} is not."
        )
    return given
