"""Vectors and words to figures: the port, and its adapters by name."""

from __future__ import annotations

from mirage.indexes.base import CHANNELS, FILTER_FIELDS, Index, IndexOutdated, IndexQuery, Point, Ranked
from mirage.plugins import Port

__all__ = [
    "CHANNELS",
    "DEFAULT",
    "FILTER_FIELDS",
    "Index",
    "IndexOutdated",
    "IndexQuery",
    "Point",
    "Ranked",
    "available",
    "load",
]

DEFAULT = "embedded"  # what an atlas in a folder is kept in

_port: Port[Index] = Port("mirage.indexes")
available, load = _port.available, _port.load
