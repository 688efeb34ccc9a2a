"""Is a sentence supported by its evidence?"""

from __future__ import annotations

from mirage.grounding.checker import Checker

__all__ = ["Checker"]
