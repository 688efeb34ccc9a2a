"""BM25 as one gets it off the shelf: bm25s with its English stop words and the Snowball stemmer; k1 1.5, b 0.75."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class Bm25Baseline:
    """Documents under BM25.

    Parameters
    ----------
    documents : sequence of str
    """

    def __init__(self, documents: Sequence[str]) -> None:
        import bm25s  # noqa: PLC0415 - only where it is measured against
        import Stemmer  # noqa: PLC0415

        self._tokenize = bm25s.tokenize
        self._stemmer = Stemmer.Stemmer("english")
        self._index = bm25s.BM25()
        self._index.index(self._tokens(documents), show_progress=False)

    def _tokens(self, texts: Sequence[str]) -> list[list[str]]:
        how = {"stopwords": "en", "stemmer": self._stemmer, "return_ids": False, "show_progress": False}
        return list(self._tokenize(list(texts), **how))

    def best(self, query: str, most: int) -> list[int]:
        """Places of the best documents that hold a word of the query; of two that score alike, the first.

        Parameters
        ----------
        query : str
        most : int
        """
        tokens = self._tokens([query])[0]
        if not tokens:
            return []
        scores = self._index.get_scores(tokens)
        order = np.argsort(-scores, kind="stable")[:most]
        return [int(place) for place in order if scores[place] > 0]
