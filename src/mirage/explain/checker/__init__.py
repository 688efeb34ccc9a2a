"""Is a sentence supported by its evidence?"""

from __future__ import annotations

from mirage.explain.checker.check import Checker

__all__ = ["Checker"]
