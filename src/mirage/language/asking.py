"""Words of a query that ask, and that say of a thing how it is, and not which; they stand in ``asking.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from mirage.language.concepts import lexicon
from mirage.language.words import FILLERS

ASKING: Mapping[str, Any] = tomllib.loads(Path(__file__).with_name("asking.toml").read_text("utf-8"))
SPANISH: Mapping[str, str] = ASKING["spanish"]  # words beside the names of things, in English


@lru_cache(maxsize=1)
def fillers() -> frozenset[str]:
    """Words that say that somebody asks, folded."""
    return frozenset(lexicon().canonical(word) for word in (*ASKING["fillers"].split(), *FILLERS))


@lru_cache(maxsize=1)
def modifiers() -> frozenset[str]:
    """Words that say of a thing how large, how old or on which side it is, but not which thing, folded."""
    return frozenset(lexicon().canonical(word) for word in ASKING["modifiers"].split())
