"""Searching twice: what is quoted of the first hits leads the second search, and what was asked stays what counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mirage.atlas import Atlas
from mirage.errors import BadQuery
from mirage.explain import refine
from mirage.explain.refine import Quoted, Refinement
from mirage.query import Query
from mirage.search.answer import Answer

TEXT = "aortic dissection CT"


def refined(atlas: Atlas, query: Query, refinement: Refinement) -> Answer:
    with atlas.snapshot() as now:
        return refine.search(query, now.searcher, now.encoder, atlas.cases_of, refinement)


def names(answer: Answer) -> list[str]:
    return [hit.figure.id for hit in answer.hits]


def test_a_refined_answer_says_so_and_names_figures_it_was_quoted_from(starter: Atlas) -> None:
    answer = starter.search(TEXT, refine=True)
    assert answer.query.refine
    assert answer.notes[0].startswith("Refined:")
    found_first = names(starter.search(TEXT))[:3]
    assert any(name in answer.notes[0] for name in found_first)


def test_a_plain_search_is_not_refined(starter: Atlas) -> None:
    assert not any("efined" in note for note in starter.search(TEXT).notes)


def test_an_explanation_without_any_share_changes_no_order(starter: Atlas) -> None:
    once = starter.search(Query.of(TEXT, k=12))
    twice = refined(starter, Query.of(TEXT, k=12, refine=True), Refinement(share=0.0))
    assert names(twice) == names(once)


def test_an_explanation_with_all_the_share_leads_elsewhere(starter: Atlas) -> None:
    query = Query.of("kidney stone", k=24)
    assert names(refined(starter, query, Refinement(share=1.0))) != names(starter.search(query))


def test_how_sure_a_hit_is_depends_on_the_query_and_not_on_the_explanation(starter: Atlas) -> None:
    once = {hit.figure.id: hit for hit in starter.search(Query.of(TEXT, k=24)).hits}
    twice = refined(starter, Query.of(TEXT, k=24, refine=True), Refinement(share=1.0))
    compared = 0
    for hit in twice.hits:
        before = once.get(hit.figure.id)
        if before is None or not {found.channel for found in before.channels} >= {"image", "caption", "words"}:
            continue
        assert hit.features is not None
        assert before.features is not None
        assert hit.features.image == pytest.approx(before.features.image, abs=0.01)
        assert hit.features.caption == pytest.approx(before.features.caption, abs=0.01)
        compared += 1
    assert compared


@pytest.mark.parametrize("k", [1, 5])
def test_as_many_hits_as_were_asked_for(starter: Atlas, k: int) -> None:
    assert len(starter.search(TEXT, k=k, refine=True)) == k
    assert len(starter.search("xqzt blorf", k=k, refine=True)) == k


def test_with_nothing_to_explain_the_first_answer_stays_and_says_why(starter: Atlas) -> None:
    answer = starter.search("xqzt blorf", refine=True)
    assert answer.notes[0].startswith("Not refined: nothing fits")
    assert names(answer) == names(starter.search("xqzt blorf"))
    assert not answer.fits


def test_pictures_that_are_only_placed_have_nothing_to_quote(starter: Atlas) -> None:
    assert (
        starter.search("cerebellum", refine=True).notes[0].startswith("Not refined: no sentence of the figures found says")
    )


def test_figures_without_words_have_nothing_to_quote(starter: Atlas) -> None:
    answer = starter.search(TEXT)
    mute = tuple(replace(hit, figure=replace(hit.figure, caption="")) for hit in answer.hits)
    assert refine.quote(replace(answer, hits=mute), {}, 12) == Quoted()


def test_filters_hold_in_the_second_search_too(starter: Atlas) -> None:
    answer = starter.search("kidney stone", plane="coronal", k=12, refine=True)
    assert answer.notes[0].startswith("Refined:")
    assert {hit.figure.plane for hit in answer.hits} == {"coronal"}


def test_what_the_encoder_does_not_read_of_an_explanation_is_told(starter: Atlas) -> None:
    sentences = ("The lesion is bright. " * 80, "The other one is dark.")
    vector, unread = refine.embed(sentences, starter.encoder)
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)
    assert unread
    assert refine.embed(("The lesion is bright.",), starter.encoder)[1] == ""


def test_refine_is_part_of_the_address() -> None:
    query = Query.parse("q=brain&refine=1&k=5")
    assert query.refine
    assert Query.parse(query.print()) == query
    assert "refine" not in Query.of("brain").print()
    with pytest.raises(BadQuery, match="refine is 1"):
        Query.parse("q=brain&refine=maybe")
    with pytest.raises(BadQuery, match="once"):
        Query.parse("q=brain&refine=1&refine=0")
