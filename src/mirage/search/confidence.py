"""The weights of the channels and how sure a hit is: chosen by measurement for one encoder, and kept in a file.

How sure a hit is comes from a logistic model over three features: the cosines of its image and its caption with the
query, and which share of the query's words, weighted by how rare they are in this atlas, its own words hold.
Standard scores against the atlas's own background were tried in place of the cosines and told right from wrong less
well: in a small atlas of many alike pictures the few others stand out for every query.

`mirage evaluate calibrate` chooses both; `mirage.search.calibrations` reads and writes them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Confidence = Literal["strong", "likely", "weak"]
Basis = Literal["named", "mentioned", "structure", "words", "alike"]


@dataclass(frozen=True, slots=True)
class HitFeatures:
    """What speaks for a hit.

    Attributes
    ----------
    image, caption : float
        Cosines of the query's vector with the figure's image and with its caption; 0 where a channel was not asked.
    words : float
        Share of the query's words, weighted by inverse document frequency, that the figure's words hold, 0 to 1.
    """

    image: float
    caption: float
    words: float


@dataclass(frozen=True, slots=True)
class ConfidenceModel:
    """How sure a hit is: a logistic model of its features, and the probabilities from which it is likely and strong."""

    bias: float
    image: float
    caption: float
    words: float
    likely: float = 0.5
    strong: float = 0.85

    def probability(self, features: HitFeatures) -> float:
        """How probable it is that a hit with these features fits its query."""
        logit = self.bias + self.image * features.image + self.caption * features.caption + self.words * features.words
        return 1.0 / (1.0 + math.exp(-max(-40.0, min(40.0, logit))))

    def confidence(self, features: HitFeatures) -> Confidence:
        """The same in words."""
        chance = self.probability(features)
        return "strong" if chance >= self.strong else "likely" if chance >= self.likely else "weak"


@dataclass(frozen=True, slots=True)
class Calibration:
    """Weights and cuts, chosen by measurement for one encoder.

    Attributes
    ----------
    encoder : str
        Digest of the encoder they were fitted for; empty for the cautious defaults.
    weights : mapping
        For queries with words: channel to its weight in the fusion; ``case``, what the best text of a case counts, and
        ``coverage``, as `mirage.search.fusion.boost_coverage` takes it, both in units of a channel's first place; and what
        concepts count, as `mirage.search.concepts.CONCEPT_WEIGHTS` names it.
    text, picture : ConfidenceModel
        For queries with words and for those without.
    picture_weights : mapping, optional
        The weights for queries without words; `weights` when left out.
    """

    encoder: str
    weights: Mapping[str, float]
    text: ConfidenceModel
    picture: ConfidenceModel
    picture_weights: Mapping[str, float] | None = None

    def weights_for(self, *, words: bool, picture: bool, less: bool = False) -> Mapping[str, float]:
        """The weights for a query that has words, pictures or figures, or both.

        With both, each channel has the larger weight of the two: a picture is known by the image channel, and words by the
        others. A query with less of something keeps equal weights: what it wants less of is told by vectors, and word search
        knows nothing of it. Neither sort is among the queries that weights are chosen by.

        Parameters
        ----------
        words : bool
            Whether the query has words.
        picture : bool
            Whether it has a picture, or a figure to look like.
        less : bool
            Whether it wants less of something.

        Returns
        -------
        mapping
            Channel to its weight, and ``coverage``.
        """
        if less:
            return DEFAULT_CALIBRATION.weights
        if not picture or self.picture_weights is None:
            return self.weights
        if not words:
            return self.picture_weights
        return {name: max(weight, self.picture_weights.get(name, 0.0)) for name, weight in self.weights.items()}

    def confidence(self, features: HitFeatures, has_words: bool) -> Confidence:
        """How sure a hit with these features is, in words.

        Parameters
        ----------
        features : HitFeatures
            How well the hit fits.
        has_words : bool
            Whether the query has words; one without them has cuts of its own.
        """
        return (self.text if has_words else self.picture).confidence(features)


DEFAULT_CALIBRATION = Calibration(
    encoder="",
    weights={"image": 1.0, "caption": 1.0, "words": 1.0, "coverage": 2.0},
    text=ConfidenceModel(-5.0, 2.0, 4.0, 5.0),
    picture=ConfidenceModel(-8.5, 8.0, 5.0, 0.0),
)
