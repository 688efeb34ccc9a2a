"""The marks of a synthetic image, read back: `read` tells what a file says of itself.

`mirage.generate.provenance` writes them.
"""

from __future__ import annotations

from mirage.images.marks.reading import Mark, Marks, read, watermarked
from mirage.images.marks.record import SyntheticRecord

__all__ = ["Mark", "Marks", "SyntheticRecord", "read", "watermarked"]
