"""MIRAGE: find real medical images by words or by a picture.

>>> from mirage import Atlas, Query
>>> atlas = Atlas.open("my-atlas")  # doctest: +SKIP
>>> atlas.search("subdural hematoma", modality="CT")  # doctest: +SKIP
"""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mirage.atlas import Atlas as Atlas
    from mirage.compare.comparison import Comparison as Comparison
    from mirage.compare.dual import Dual as Dual
    from mirage.errors import MirageError as MirageError
    from mirage.figure import Case as Case
    from mirage.figure import Figure as Figure
    from mirage.figure import Licence as Licence
    from mirage.figure import Source as Source
    from mirage.notebook import widget as widget
    from mirage.query import PictureTerm as PictureTerm
    from mirage.query import Query as Query
    from mirage.query import Term as Term
    from mirage.search.answer import Answer as Answer
    from mirage.search.answer import Hit as Hit

# ONNX Runtime's published builds report what they run to their maker, from version 1.29 on. They read this once, when they
# are imported, and then neither send anything nor write an identifier of this machine into the user's cache.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

try:
    __version__ = version("mirage-atlas")
except PackageNotFoundError:  # pragma: no cover - run from a source tree that is not installed
    __version__ = "0"

_MODULES = {
    "mirage.atlas": ("Atlas",),
    "mirage.query": ("Query", "PictureTerm", "Term"),
    "mirage.search.answer": ("Answer", "Hit"),
    "mirage.figure": ("Case", "Figure", "Licence", "Source"),
    "mirage.compare.comparison": ("Comparison",),
    "mirage.compare.dual": ("Dual",),
    "mirage.errors": ("MirageError",),
    "mirage.notebook": ("widget",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Import on first use: ``mirage --version`` and completion need not wait for the engines."""
    if name not in _HOMES:
        raise AttributeError(f"module 'mirage' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - the point of this function

    return getattr(import_module(_HOMES[name]), name)
