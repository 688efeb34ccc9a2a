"""The weights of the channels and how sure a hit is: chosen by measurement for one encoder, and kept in a file.

How sure a hit is comes from a logistic model over three features: the cosines of its image and its caption with the
query, and which share of the query's words, weighted by how rare they are in this atlas, its own words hold.
Standard scores against the atlas's own background were tried in place of the cosines and told right from wrong less
well: in a small atlas of many alike pictures the few others stand out for every query.

`mirage evaluate calibrate` chooses both.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from mirage.aside import aside
from mirage.errors import BadInput, first_fault
from mirage.places import own_data
from mirage.settings import SHIPPED
from mirage.storage.manifest import CALIBRATION_FILE
from mirage.wording import _

Confidence = Literal["strong", "likely", "weak"]
Basis = Literal["named", "mentioned", "structure", "words", "alike"]
_FIELDS = "title|diagnosis|topic|caption|findings|rest"
Weighted = Annotated[str, Field(pattern=f"^(image|caption|words|case|coverage|concepts|in ({_FIELDS}))$")]
Finite = Annotated[float, Field(ge=-1000, le=1000, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]


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

    bias: Finite
    image: Finite
    caption: Finite
    words: Finite
    likely: Share = 0.5
    strong: Share = 0.85

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
    weights: Mapping[Weighted, Weight]
    text: ConfidenceModel
    picture: ConfidenceModel
    picture_weights: Mapping[Weighted, Weight] | None = None

    def weights_for(self, *, words: bool, picture: bool, less: bool = False) -> Mapping[Weighted, Weight]:
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

    @classmethod
    def read(cls, path: Path) -> Calibration:
        """Read what `write` wrote.

        Raises
        ------
        mirage.errors.BadInput
            When the file cannot be read or holds something else.
        """
        try:
            return _form().validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise BadInput(
                _(
                    "%(path)s is no calibration (%(error)s). Delete it or name another; `mirage evaluate "
                    "calibrate` writes one.",
                    path=path,
                    error=first_fault(error),
                )
            ) from error

    def write(self, path: Path, **more: object) -> None:
        """Write as JSON, with whatever else should be known of how it was made."""
        with aside(path) as partial:
            partial.write_text(json.dumps({**asdict(self), **more}, indent=2) + "\n", "utf-8")


@cache  # made once: that takes longer than reading, which happens whenever an atlas is opened or changed
def _form() -> TypeAdapter[Calibration]:
    return TypeAdapter(Calibration)


DEFAULT_CALIBRATION = Calibration(
    encoder="",
    weights={"image": 1.0, "caption": 1.0, "words": 1.0, "coverage": 2.0},
    text=ConfidenceModel(-5.0, 2.0, 4.0, 5.0),
    picture=ConfidenceModel(-8.5, 8.0, 5.0, 0.0),
)
SHIPPED_CALIBRATION = SHIPPED / "encoder" / CALIBRATION_FILE
# Where the calibrations of encoders are kept that do not ship, each named by its encoder's digest.
OWN_CALIBRATIONS = own_data() / "calibrations"


def own_calibration(encoder_digest: str) -> Path:
    """Where the calibration of an encoder that does not ship is kept."""
    return OWN_CALIBRATIONS / f"{encoder_digest[:32]}.json"


def calibration_for(encoder_digest: str, atlas: Path | None = None) -> Calibration:
    """The calibration for an encoder: the atlas's own, else the encoder's, or cautious defaults where there is none.

    Parameters
    ----------
    encoder_digest : str
        A calibration that was chosen for another encoder does not count.
    atlas : Path, optional
        The folder of an atlas.

    Raises
    ------
    mirage.errors.BadInput
        When one of the files is no calibration.
    """
    own = [atlas / CALIBRATION_FILE] if atlas else []
    for path in (*own, SHIPPED_CALIBRATION, own_calibration(encoder_digest)):
        if path.exists():
            fitted = Calibration.read(path)
            if fitted.encoder == encoder_digest:
                return fitted
    return DEFAULT_CALIBRATION
