"""The vector of a query, and how deep each channel is asked."""

from __future__ import annotations

import numpy as np
import pytest

from mirage import encoders
from mirage.encoders import Encoder
from mirage.errors import BadQuery
from mirage.query import Query, Term
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
    first, other = (encoder.encode_texts([text])[0] for text in ("axial brain MRI", "cerebellum"))
    total = (first - made.centroid) + 0.8 * query.terms[1].weight * (other - made.centroid)
    np.testing.assert_allclose(made.vector(query, []), total / np.linalg.norm(total), atol=1e-5)


def test_a_text_s_vector_does_not_hang_on_what_else_is_asked(encoder: Encoder) -> None:
    made = QueryEncoder(encoder, no_figure)
    asked = "liver", "contrast enhancement of a mass in the left kidney"
    together = made.vector(Query.of(asked[0], more=[f"{asked[1]}@0.5"]), [])
    alone = [made.vector(Query.of(text), []) for text in asked]
    total = alone[0] + np.float32(0.5) * alone[1]
    np.testing.assert_allclose(together, total / np.linalg.norm(total), atol=1e-6)


@pytest.mark.parametrize("terms", [(1.0, -1.0), (-1.0, 1.0), (2.0, -0.5, -1.5)])
def test_terms_that_cancel_each_other_leave_nothing_to_look_for(encoder: Encoder, terms: tuple[float, ...]) -> None:
    # What is changed counts less, so the sum that is searched with is not quite nothing.
    query = Query(tuple(Term(text="subdural haematoma", weight=weight) for weight in terms))
    with pytest.raises(BadQuery, match="cancel each other out"):
        QueryEncoder(encoder, no_figure).vector(query, [])


def test_the_note_on_unread_text_counts_the_word_pieces_without_the_two_marks(encoder: Encoder) -> None:
    notes: list[str] = []
    QueryEncoder(encoder, no_figure).vector(Query.of("lesion of the frontal lobe " * 60), notes)
    assert f"the first {encoder.info().max_tokens - 2} word pieces" in notes[0]


def test_each_channel_lists_twice_what_is_shown_and_never_fewer_than_64() -> None:
    assert depth_of(Query.of("x", k=8)) == 64
    assert depth_of(Query.of("x", k=100)) == 200
