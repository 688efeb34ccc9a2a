"""Models: which are known and pinned, which are on this machine, getting and checking them.

>>> from mirage import models
>>> models.find("Nihirc/Prompt2MedImage")  # doctest: +SKIP
>>> models.pull("luhuitong/CLIP-ViT-L-14-448px-MedICaT-ROCO")  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mirage.models.files import ModelRecord
from mirage.models.pins import PINS, Pin, pin_of
from mirage.models.registry import Listed, card, find, listed

if TYPE_CHECKING:
    from mirage.models.hub import Pulled, pull
    from mirage.models.verification import Verdict, verify

_LATER = {"Pulled": "hub", "pull": "hub", "Verdict": "verification", "verify": "verification"}

__all__ = ["PINS", "Listed", "ModelRecord", "Pin", "Pulled", "Verdict", "card", "find", "listed", "pin_of", "pull", "verify"]


def __getattr__(name: str) -> Any:
    """Import on first use: adapters only ask where a model is, and need no HTTP client."""
    if name not in _LATER:
        raise AttributeError(f"module 'mirage.models' has no attribute {name!r}")
    return getattr(import_module(f"mirage.models.{_LATER[name]}"), name)
