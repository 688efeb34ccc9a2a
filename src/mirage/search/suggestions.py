"""Queries for somebody who does not know yet what an atlas holds."""

from __future__ import annotations

from collections.abc import Callable

from mirage.query import Query
from mirage.search.fusion import Answer

_TRIED = (
    "axial brain MRI at the level of the thalamus",
    "subdural hematoma",
    "chest X-ray",
    "pulmonary embolism CT",
    "cerebellum, coronal MRI",
    "appendicitis",
    "normal retina, fundus photograph",
    "meningioma MRI",
    "heart ultrasound with colour Doppler",
    "meniscus tear, knee MRI",
    "skin histology",
    "whole-body bone scan",
)


def queries(search: Callable[..., Answer]) -> list[Query]:
    """Those that find something in this very atlas, given how it is searched."""
    tried = [search(text, k=4) for text in _TRIED]
    # A fit in all its words: the picture beside an example must be what the example says.
    sure = [a for a in tried if a.fits and a[0].signs is not None and a[0].signs.words > 0.95]
    return [Query.of(answer.query.text) for answer in sure]
