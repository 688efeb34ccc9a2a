"""The vector of a query: ``normalise(Σ weightᵢ · embedding(termᵢ))``, what subtraction needs, and what feedback adds.

Texts of one encoder share a direction that says "a description of a picture" and nothing of what it shows. Adding terms
keeps it; taking one away takes that away too, and the result drifts off. So where a query wants less of some words, its
texts are reckoned from their common centroid, and what is changed counts four fifths of the words it changes:
``(first − centroid) + 0.8 · Σ weightᵢ · (textᵢ − centroid)``. Queries without "less of" are not touched.
`mirage evaluate modify` measures it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mirage.errors import BadQuery
from mirage.once import loaded_once
from mirage.query import Query, Term
from mirage.wording import _

if TYPE_CHECKING:  # a browser, where searches run too, has encoders of another make
    from mirage.encoders.base import Encoder

Vector = npt.NDArray[np.float32]

CHANGE = np.float32(0.8)  # 0.6 to 1 were tried; a change as loud as the query drowns what stays
_KINDS = ("CT", "MRI", "X-ray", "ultrasound")
_PLANES = ("axial", "coronal", "sagittal", "frontal")
_REGIONS = ("brain", "chest", "abdomen", "spine", "pelvis", "knee")


@dataclass(frozen=True, slots=True)
class Feedback:
    """Pseudo-relevance feedback: what a second search goes by beside the query; see `mirage.explain.refine`.

    Attributes
    ----------
    vector : (d,) float32
        Unit length.
    share : float
        Of it in the vector that is looked with, 0 to 1.
    words : str
        What word search looks for beside the query's own words.
    """

    vector: Vector
    share: float
    words: str = ""

    def mixed(self, vector: Vector) -> Vector:
        """The (d,) vector to search with; the query's own where the two cancel."""
        mixed = np.float32(1 - self.share) * vector + np.float32(self.share) * self.vector
        norm = float(np.linalg.norm(mixed))
        return np.asarray(mixed / norm, dtype=np.float32) if norm > 1e-4 else vector


def plain_descriptions() -> list[str]:
    """Texts that say what kind of picture it is and no more."""
    return [f"{plane} {kind} of the {region}" for plane, kind, region in product(_PLANES, _KINDS, _REGIONS)]


def each_alone(encoder: Encoder, texts: Sequence[str]) -> Vector:
    """Encode n texts one by one to (n, d) float32.

    Towers of 8 bits give what they read together one scale, so that a text's vector hangs on its neighbours. That of a query
    must not: the same words find the same, here and in a browser.

    Parameters
    ----------
    encoder : Encoder
    texts : sequence of str
    """
    return np.asarray([encoder.encode_texts([text])[0] for text in texts], dtype=np.float32)


class QueryEncoder:
    """Makes the vectors of queries.

    Parameters
    ----------
    encoder : Encoder
    figure_vector : callable
        A figure's id to its image vector, (d,) float32.
    """

    def __init__(self, encoder: Encoder, figure_vector: Callable[[str], Vector]) -> None:
        self._encoder, self._info, self._figure_vector = encoder, encoder.info(), figure_vector

    @loaded_once
    def centroid(self) -> Vector:
        """The (d,) float32 mean of plain descriptions; shorter than unit length."""
        return np.asarray(each_alone(self._encoder, plain_descriptions()).mean(axis=0), dtype=np.float32)

    def vector(self, query: Query, notes: list[str]) -> Vector:
        """The (d,) float32 unit vector that the picture channels search with.

        Parameters
        ----------
        query : Query
        notes : list of str
            Gets what the person should know: text that the encoder does not read.

        Raises
        ------
        mirage.errors.BadQuery
            When the terms cancel, or a picture was embedded by another encoder.
        """
        texts = [term for term in query.terms if term.text]
        encoded = each_alone(self._encoder, [term.text for term in texts])
        total = np.zeros(self._info.dimension, np.float32)
        plain = np.zeros_like(total)  # what the terms as they were weighed come to: nothing, when they cancel
        changed = any(term.weight < 0 for term in texts)
        centroid = self.centroid if changed else np.float32(0)
        for place, (term, vector) in enumerate(zip(texts, encoded, strict=True)):
            loudness = CHANGE if changed and (place or term.weight < 0) else np.float32(1)
            total += loudness * np.float32(term.weight) * (vector - centroid)
            plain += np.float32(term.weight) * vector
            unread = self._encoder.unread(term.text)
            if unread:
                notes.append(
                    _(
                        "The picture channels read the first %(count)s word pieces; not read by them: “%(words)s”. Word "
                        "search used all of it.",
                        count=self._info.max_tokens - 2,
                        words=_shorten(unread),
                    )
                )
        for term in query.terms:
            if not term.text:
                own = np.float32(term.weight) * self._term_vector(term)
                total += own
                plain += own
        norm = float(np.linalg.norm(total))
        if norm < 1e-4 or float(np.linalg.norm(plain)) < 1e-4:
            raise BadQuery(_("The terms of this query cancel each other out: nothing is left to look for."))
        return np.asarray(total / norm, dtype=np.float32)

    def _term_vector(self, term: Term) -> Vector:
        if term.picture is not None:
            mine = self._info
            if term.picture.digest != mine.digest[:12] or len(term.picture.codes) != mine.dimension:
                raise BadQuery(_("This picture was embedded by another encoder than this atlas uses. Drop it again."))
            return term.picture.vector
        return self._figure_vector(term.figure)


def _shorten(text: str, length: int = 120) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
