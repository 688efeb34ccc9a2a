"""Pictures read and encoded by other processes or machines, whose work one process stores.

A `Task` is a batch of a corpus's entries; a `Worker`, which has opened the corpus and the encoder for itself, makes of it
what is to be stored. Where workers are, `opened` tells by an address: ``processes`` of this machine, or a cluster of Ray.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from mirage.errors import BadInput
from mirage.storage.spread.base import Recipe, Workers
from mirage.wording import N_, _

_OPTIONS = ("workers", "cpus", "gpus")
_HOW = N_(
    "Give ray://host:10001 or ray for a cluster of Ray, or processes; ?workers=8&cpus=2&gpus=1 says how many, and with what."
)


def check(address: str) -> None:
    """Refuse what is no address of workers.

    Parameters
    ----------
    address : str

    Raises
    ------
    mirage.errors.BadInput
    """
    _parts(address)


def opened(address: str, recipe: Recipe) -> Workers:
    """Workers at an address.

    Parameters
    ----------
    address : str
        ``processes``, ``ray`` for a cluster on this machine, or ``ray://host:10001``; after a question mark how many
        workers, and how many processors and graphics cards each of them has: ``ray?workers=8&cpus=2&gpus=1``.
    recipe : Recipe
        What each of them opens.

    Raises
    ------
    mirage.errors.BadInput
        When it is no such address.
    mirage.errors.Unavailable
        When Ray is not installed, or the cluster is not there.
    """
    where, numbers = _parts(address)
    if where == "processes":
        from mirage.storage.spread.processes import Processes  # noqa: PLC0415

        return Processes(recipe, int(numbers["workers"]), int(numbers["cpus"]))
    from mirage.storage.spread.on_ray import RayActors  # noqa: PLC0415

    return RayActors(where, recipe, int(numbers["workers"]), numbers["cpus"], numbers["gpus"])


def _parts(address: str) -> tuple[str, dict[str, float]]:
    try:
        parts = urlsplit(address)
        given = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        numbers = dict.fromkeys(_OPTIONS, 0.0) | {key: float(value) for key, value in given.items()}
    except ValueError:
        raise BadInput(_("“%(address)s” is no address of workers. %(HOW)s", address=address[:80], HOW=_(_HOW))) from None
    where = address.partition("?")[0]
    known = where in ("ray", "processes") or (parts.scheme == "ray" and bool(parts.netloc) and not parts.username)
    if not known or set(numbers) != set(_OPTIONS) or not all(0 <= each <= 100_000 for each in numbers.values()):
        raise BadInput(_("“%(address)s” is no address of workers. %(HOW)s", address=address[:80], HOW=_(_HOW)))
    return where, numbers
