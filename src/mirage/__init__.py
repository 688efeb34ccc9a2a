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
    from mirage.atlas import Atlas
    from mirage.compare.comparison import Comparison
    from mirage.compare.dual import Dual
    from mirage.errors import MirageError
    from mirage.figure import Case, Figure, Licence, Source
    from mirage.query import PictureTerm, Query, Term
    from mirage.search.answer import Answer, Hit

# ONNX Runtime's published builds report what they run to their maker, from version 1.29 on. They read this once, when they
# are imported, and then neither send anything nor write an identifier of this machine into the user's cache.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

try:
    __version__ = version("mirage-atlas")
except PackageNotFoundError:  # pragma: no cover - run from a source tree that is not installed
    __version__ = "0"

_HOMES = {
    "Answer": "mirage.search.answer",
    "Atlas": "mirage.atlas",
    "Case": "mirage.figure",
    "Comparison": "mirage.compare.comparison",
    "Dual": "mirage.compare.dual",
    "Figure": "mirage.figure",
    "Hit": "mirage.search.answer",
    "Licence": "mirage.figure",
    "MirageError": "mirage.errors",
    "PictureTerm": "mirage.query",
    "Query": "mirage.query",
    "Source": "mirage.figure",
    "Term": "mirage.query",
}

__all__ = [  # noqa: RUF022 - the two that everybody wants come first
    "Atlas",
    "Query",
    "Answer",
    "Case",
    "Comparison",
    "Dual",
    "Figure",
    "Hit",
    "Licence",
    "MirageError",
    "PictureTerm",
    "Source",
    "Term",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """Import on first use: ``mirage --version`` and completion need not wait for the engines."""
    if name not in _HOMES:
        raise AttributeError(f"module 'mirage' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - the point of this function

    return getattr(import_module(_HOMES[name]), name)
