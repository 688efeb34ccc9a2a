"""How long the texts are that words are looked for in: what `mirage.indexes.bm25.AVERAGE_LENGTH` was taken from.

``python -m benchmarks.lengths MEDPIX`` counts the words of MedPix's train split and the starter corpus, without stop words.
"""

from __future__ import annotations

import sys

import numpy as np

from mirage import corpora
from mirage.corpora.base import Item
from mirage.indexes.bm25 import length
from mirage.storage.folder import words_in


def main(words: list[str]) -> None:
    """Print both averages."""
    (medpix,) = words
    items: list[Item] = [
        *corpora.load("medpix", path=medpix, splits=["train"]).items(),
        *corpora.load("starter").items(),
    ]
    lengths = np.array([[length(text) for text in words_in(item.figure, item.case)] for item in items])
    figures, cases = lengths.mean(axis=0)
    print(f"{len(items):,} figures: words {figures:.1f}, case {cases:.1f}")


if __name__ == "__main__":
    main(sys.argv[1:])
