"""What ships with the package: the starter atlas, its models, the lexicon, the protocol of reviews."""

from __future__ import annotations

from pathlib import Path

SHIPPED = Path(__file__).parent
