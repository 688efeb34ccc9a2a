"""Find an adapter of a port by its name, ours or somebody else's, through entry points."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from mirage.errors import NotFound, Unavailable


def available(group: str) -> dict[str, EntryPoint]:
    """Adapters of a port (``mirage.encoders``, …) by name."""
    return {entry.name: entry for entry in sorted(entry_points(group=group), key=lambda entry: entry.name)}


def load(group: str, name: str) -> Any:
    """Import an adapter's class.

    Raises
    ------
    mirage.errors.NotFound
        When there is no adapter of that name; the message names those there are.
    mirage.errors.Unavailable
        When something it needs is not installed.
    """
    known = available(group)
    if name not in known:
        what = group.rpartition(".")[2]
        raise NotFound(f"There is no {name!r} among the {what}. There are: {', '.join(known) or 'none'}.")
    try:
        return known[name].load()
    except ImportError as error:
        raise Unavailable(f"{name!r} needs the package {error.name!r}, which is not installed.") from error
