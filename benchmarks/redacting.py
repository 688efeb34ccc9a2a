"""What `--redact` would black out in pictures that name nobody: markers of sides, measures, letters of panels.

python -m benchmarks.redacting --medpix PATH --count 100
"""

from __future__ import annotations

import argparse
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from mirage import corpora
from mirage.corpora.base import Item
from mirage.images.redact import text_detector


def main() -> None:
    """Look through the first pictures of the training split, and read what is found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--medpix", type=Path, required=True)
    parser.add_argument("--count", type=int, default=100)
    given = parser.parse_args()
    corpus = corpora.load("medpix", path=given.medpix, splits=("train",))
    from rapidocr import RapidOCR  # noqa: PLC0415 - an extra

    detect, reader = text_detector(), RapidOCR(params={"Global.log_level": "error"})
    boxes, shown, read = Counter[str](), 0, list[str]()
    for item in islice((entry for entry in corpus.items() if isinstance(entry, Item)), given.count):
        pixels = np.asarray(corpus.read(item).image.convert("RGB"))
        found = detect(pixels)
        shown += bool(found)
        for left, top, right, bottom in found:
            part = pixels[max(0, int(top) - 2) : int(bottom) + 3, max(0, int(left) - 2) : int(right) + 3]
            told: Any = reader(part, use_det=False, use_cls=False, use_rec=True)
            text = " ".join(told.txts or ()).strip()
            read.append(text)
            boxes["one or two letters" if 0 < len(text) <= 2 else "longer" if text else "nothing that can be read"] += 1
    print(f"{shown} of {given.count} pictures have places that would be blacked out: {sum(boxes.values())} in all")
    for what, number in boxes.most_common():
        print(f"  {what}: {number}")
    print(", ".join(sorted(read)))


if __name__ == "__main__":
    main()
