"""Prompts to synthetic images: generators, found by name."""

from __future__ import annotations

from mirage.generate.generators.base import Drawn, Generator, GeneratorInfo, Request, Step, Wanted
from mirage.plugins import Port

DEFAULT = "starter"

__all__ = ["DEFAULT", "Drawn", "Generator", "GeneratorInfo", "Request", "Step", "Wanted", "available", "load"]

_port: Port[Generator] = Port("mirage.generators", DEFAULT)
available, load = _port.available, _port.load
