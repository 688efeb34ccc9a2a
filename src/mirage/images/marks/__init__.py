"""What marks a synthetic image, and how to read the marks back.

`mark` is the only way by which a synthetic image leaves MIRAGE; `read` tells what a file says of itself.
"""

from __future__ import annotations

from mirage.images.marks.marking import FORMATS, band, mark, rewrite
from mirage.images.marks.reading import Mark, Marks, read, watermarked
from mirage.images.marks.record import SyntheticRecord

__all__ = ["FORMATS", "Mark", "Marks", "SyntheticRecord", "band", "mark", "read", "rewrite", "watermarked"]
