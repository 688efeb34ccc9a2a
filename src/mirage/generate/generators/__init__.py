"""Prompts to synthetic images: generators, found by name."""

from __future__ import annotations

from mirage.generate.generators.base import Drawn, Generator, GeneratorInfo, Request, Step, Wanted
from mirage.plugins import Port
from mirage.settings import Settings

DEFAULT = "starter"

__all__ = ["DEFAULT", "Drawn", "Generator", "GeneratorInfo", "Request", "Step", "Wanted", "available", "configured", "load"]

_port: Port[Generator] = Port("mirage.generators", DEFAULT)
available, load = _port.available, _port.load


def configured(name: str, settings: Settings) -> Generator:
    """Make a generator by name, with what the settings say of it.

    Parameters
    ----------
    name : str
    settings : Settings
        Given to the adapter's ``options_of``, where it has one; one that has none reads what it needs itself.

    Raises
    ------
    mirage.errors.NotFound, mirage.errors.Unavailable
        As `load` does.
    """
    options_of = getattr(_port.adapter(name), "options_of", None)
    return load(name, **(options_of(settings) if options_of else {}))
