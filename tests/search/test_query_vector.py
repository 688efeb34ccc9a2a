"""The vector of a query, and how deep each channel is asked."""

from __future__ import annotations

import numpy as np
import pytest

from mirage import encoders
from mirage.encoders import Encoder
from mirage.query import Query
from mirage.search.query_vector import QueryEncoder
from mirage.search.searcher import depth_of


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return encoders.load("starter")


def no_figure(figure_id: str) -> np.ndarray:
    raise AssertionError(figure_id)


def test_what_a_query_wants_less_of_counts_four_fifths_from_the_common_centroid(encoder: Encoder) -> None:
    made = QueryEncoder(encoder, no_figure)
    query = Query.of("axial brain MRI", less=["cerebellum"])
    first, other = encoder.encode_texts(["axial brain MRI", "cerebellum"])
    total = (first - made.centroid) + 0.8 * query.terms[1].weight * (other - made.centroid)
    np.testing.assert_allclose(made.vector(query, []), total / np.linalg.norm(total), atol=1e-5)


def test_the_note_on_unread_text_counts_the_word_pieces_without_the_two_marks(encoder: Encoder) -> None:
    notes: list[str] = []
    QueryEncoder(encoder, no_figure).vector(Query.of("lesion of the frontal lobe " * 60), notes)
    assert f"the first {encoder.info().max_tokens - 2} word pieces" in notes[0]


def test_each_channel_lists_twice_what_is_shown_and_never_fewer_than_64() -> None:
    assert depth_of(Query.of("x", k=8)) == 64
    assert depth_of(Query.of("x", k=100)) == 200
