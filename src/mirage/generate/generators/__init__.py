"""Prompts to synthetic images: generators, found by name."""

from __future__ import annotations

from mirage.generate.generators.base import (
    DrawnImage,
    GenerationRequest,
    GenerationStep,
    Generator,
    GeneratorInfo,
    PromptTerm,
)
from mirage.plugins import Port
from mirage.settings import Settings

__all__ = [
    "DrawnImage",
    "GenerationRequest",
    "GenerationStep",
    "Generator",
    "GeneratorInfo",
    "PromptTerm",
    "available",
    "configured",
    "load",
]

_port: Port[Generator] = Port("mirage.generators")
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
