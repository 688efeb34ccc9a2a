"""From noise to latents along the flow that the starter generator learnt, and where several texts shall lead it.

Flow matching: Lipman and others, *Flow matching for generative modeling* (ICLR 2023); straight paths as in Liu and others,
*Flow straight and fast* (ICLR 2023). x(t) = (1 − t) · image + t · noise, and the network tells dx/dt. Guidance: Ho and
Salimans, *Classifier-free diffusion guidance* (2022); several texts at once as in Liu and others, *Compositional visual
generation with composable diffusion models* (ECCV 2022).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from mirage.generate.generators.base import Request, Wanted

Floats = npt.NDArray[np.float32]
Velocity = Callable[[Floats, float], Floats]
"""(n, k, s, s) latents, one for each text, and a time in [0, 1] to (n, k, s, s)."""

MOST_TEXTS = 6  # each costs one more evaluation of the network at every step
_MOST_AWAY = 1.5  # all that leads away, together; more tears the image apart


@dataclass(frozen=True, slots=True)
class Course:
    """Texts, and how much each of them pulls.

    Attributes
    ----------
    texts : tuple of str
        The first is empty: where no text leads.
    pulls : tuple of float
        One for each text but the first, multiplied with ``velocity(text) − velocity(empty)``; negative ones lead away.
    """

    texts: tuple[str, ...]
    pulls: tuple[float, ...]


def course(request: Request, guidance: float) -> Course:
    """What leads a request: positive terms share the guidance by their weights, negative ones lead away.

    A term of weight −1 has the force of a negative prompt in the usual sense (guidance − 1). Terms of equal weight are read
    as one text, and the smallest are joined when there are more than the network should be asked for.
    """
    terms = [*request.terms, *([Wanted(request.negative, -1.0)] if request.negative else [])]
    towards = _grouped([term for term in terms if term.weight > 0])
    away = _grouped([term for term in terms if term.weight < 0])
    while len(towards) + len(away) > MOST_TEXTS - 1:
        longer = towards if len(towards) >= len(away) else away
        (first, one), (second, other) = longer[-2:]
        longer[-2:] = [(f"{first}, {second}", one + other)]
    total = sum(weight for _, weight in towards)
    back = -sum(weight for _, weight in away)
    shrink = min(1.0, _MOST_AWAY / back) if back else 1.0
    pulls = [guidance * weight / total for _, weight in towards]
    pulls += [max(guidance - 1, 0.5) * weight * shrink for _, weight in away]
    return Course(("", *(text for text, _ in (*towards, *away))), tuple(pulls))


def _grouped(terms: Sequence[Wanted]) -> list[tuple[str, float]]:
    """Texts of one weight joined, heaviest first; the weight of a group is that of all its terms together."""
    groups: dict[float, list[str]] = {}
    for term in terms:
        groups.setdefault(term.weight, []).append(term.text)
    joined = [(", ".join(texts), weight * len(texts)) for weight, texts in groups.items()]
    return sorted(joined, key=lambda group: -abs(group[1]))


def times(steps: int, start: float = 1.0) -> Floats:
    """The times at which the network is asked, and the end: (steps + 1,) from `start` down to 0, evenly."""
    return np.linspace(start, 0.0, steps + 1, dtype=np.float32)


def flow(velocity: Velocity, noise: Floats, pulls: Sequence[float], at: Floats) -> Iterator[Floats]:
    """Follow the flow by Euler steps.

    Parameters
    ----------
    velocity : callable
        Of as many texts as there are pulls, and one more, the empty one, first.
    noise : (k, s, s) float32
        Where to begin.
    pulls : sequence of float
    at : (steps + 1,) float32

    Yields
    ------
    (k, s, s) float32
        After every step, where the flow would end if it went on straight: the image as far as it is known. The last one is
        the image.
    """
    latents = noise
    strength = np.asarray(pulls, dtype=np.float32)[:, None, None, None]
    for now, after in pairwise(at):
        told = velocity(np.broadcast_to(latents, (len(pulls) + 1, *latents.shape)), float(now))
        speed = told[0] + (strength * (told[1:] - told[0])).sum(axis=0)
        yield np.asarray(latents - now * speed, dtype=np.float32)
        latents = np.asarray(latents + (after - now) * speed, dtype=np.float32)
