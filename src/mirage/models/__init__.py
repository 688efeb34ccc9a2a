"""Models: which are known and pinned, which are on this machine, getting and checking them.

>>> from mirage import models
>>> models.find("Nihirc/Prompt2MedImage")  # doctest: +SKIP
>>> models.pull("luhuitong/CLIP-ViT-L-14-448px-MedICaT-ROCO")  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mirage.models.pins import PINS, Pin, pin_of
from mirage.models.registry import find

if TYPE_CHECKING:
    from mirage.models.files import ModelRecord
    from mirage.models.hub import Pulled, pull
    from mirage.models.registry import Listed, card, listed
    from mirage.models.speed import Speed, measure
    from mirage.models.verification import Verdict, verify

_HOMES = {
    "Listed": "registry",
    "ModelRecord": "files",
    "Pulled": "hub",
    "Speed": "speed",
    "Verdict": "verification",
    "card": "registry",
    "listed": "registry",
    "measure": "speed",
    "pull": "hub",
    "verify": "verification",
}

__all__ = [
    "PINS",
    "Listed",
    "ModelRecord",
    "Pin",
    "Pulled",
    "Speed",
    "Verdict",
    "card",
    "find",
    "listed",
    "measure",
    "pin_of",
    "pull",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Import on first use: adapters only ask where a model is, and need neither downloads nor measuring."""
    if name not in _HOMES:
        raise AttributeError(f"module 'mirage.models' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - the point of this function

    return getattr(import_module(f"mirage.models.{_HOMES[name]}"), name)
