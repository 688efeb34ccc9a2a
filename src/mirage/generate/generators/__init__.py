"""Prompts to synthetic images: generators, found by name."""

from __future__ import annotations

from typing import Any

from mirage import plugins
from mirage.generate.generators.base import Drawn, Generator, GeneratorInfo, Request, Step, Wanted

DEFAULT = "starter"
_GROUP = "mirage.generators"

__all__ = ["DEFAULT", "Drawn", "Generator", "GeneratorInfo", "Request", "Step", "Wanted", "available", "load"]


def available() -> list[str]:
    """Names of the generators that are installed, those of other packages included."""
    return list(plugins.available(_GROUP))


def load(name: str = DEFAULT, **options: Any) -> Generator:
    """Make a generator by name. No weights are loaded before it draws.

    Parameters
    ----------
    name : str
        ``starter``, ``diffusers``, or what another package adds under ``mirage.generate.generators``.
    **options
        What the generator takes; the settings' where left out.

    Raises
    ------
    mirage.errors.NotFound
        When there is no generator of that name.
    mirage.errors.Unavailable
        When something it needs is not installed.
    """
    generator: Generator = plugins.load(_GROUP, name)(**options)
    return generator
