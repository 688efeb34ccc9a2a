"""Vectors and words to figures: the port, and its adapters by name."""

from __future__ import annotations

from typing import Any

from mirage import plugins
from mirage.indexes.base import CHANNELS, FILTER_FIELDS, Ask, Index, Point, Ranked

GROUP = "mirage.indexes"


def load(name: str, **options: Any) -> Index:
    """Open an index by its adapter's name; options are the adapter's."""
    index: Index = plugins.load(GROUP, name)(**options)
    return index


__all__ = ["CHANNELS", "FILTER_FIELDS", "GROUP", "Ask", "Index", "Point", "Ranked", "load"]
