"""Two queries side by side, over HTTP and without JavaScript."""

from __future__ import annotations

import re

import pytest

TWO = "a.q=axial+brain+MRI&b.q=coronal+brain+MRI"


def test_the_page_shows_both_sides_from_one_address(client):
    page = client.get(f"/compare?{TWO}")
    assert page.status_code == 200
    assert 'id="a-hit-1"' in page.text
    assert 'id="b-hit-1"' in page.text
    assert 'value="axial brain MRI"' in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]


def test_the_twin_says_the_same_and_its_address_is_the_page(client):
    view = client.get(f"/api/compare?{TWO}").json()
    assert view["a"]["hits"]
    assert view["b"]["hits"]
    assert client.get(view["url"].replace("/compare", "/api/compare")).json()["words"] == view["words"]


def test_the_page_counts_cases_and_no_percentages_and_says_how_the_sides_differ_otherwise(client):
    two = "a.q=heart+ultrasound&b.q=axial+brain+MRI"
    page, view = client.get(f"/compare?{two}").text, client.get(f"/api/compare?{two}").json()
    assert f"Counted are {view['cases'][0]} cases of A and {view['cases'][1]} of B" in page
    assert "this difference in region is where they were taken" in page
    assert "% of cases" not in page


def test_of_a_single_case_the_page_says_that_it_is_too_few_to_tell(client):
    two = "a.q=test+shadow&b.q=axial+brain+MRI"
    page, view = client.get(f"/compare?{two}").text, client.get(f"/api/compare?{two}").json()
    assert view["cases"][0] == 1
    assert "Too few cases to tell: this atlas has one case of A" in page
    assert "Nothing that stands out" not in page
    assert len(view["beside"]) == 2
    assert "Side by side" in page
    assert all(f'href="/figure/{figure}' in page for figure in view["beside"])


def test_a_plain_form_is_led_to_the_short_address(client):
    page = client.get("/compare?q=brain+MRI&less=contrast&less_weight=0.7&more=&more_weight=1")
    assert page.url.query == b"q=brain+MRI&less=contrast%400.7"
    assert 'value="0.7"' in page.text


@pytest.mark.parametrize("weight", ["nan", "-5", "1e6"])
def test_a_bad_weight_comes_back_as_the_form_with_what_was_typed(client, weight):
    page = client.get(f"/compare?q=brain&less=edema@{weight}")
    assert page.status_code == 400
    assert 'role="alert"' in page.text
    assert f'value="{weight}"' in page.text


def test_the_same_query_twice_is_said_to_be_the_same(client):
    assert "Both sides ask the same" in client.get("/compare?a.q=brain&b.q=brain").text


@pytest.mark.one_server("what one server remembers")
@pytest.mark.writes("one that can only be read never changes")
def test_the_explanation_of_a_comparison_does_not_search_again(site, client, monkeypatch):
    asked = []
    compare = site.atlas.compare
    monkeypatch.setattr(site.atlas, "compare", lambda dual: asked.append(dual) or compare(dual))
    two = "a.q=cerebellum&b.q=hippocampus"
    client.get(f"/compare?{two}")
    client.get(f"/compare/explain/stream?{two}")
    client.get(f"/api/compare?{two}")
    client.get(f"/api/compare/explain?{two}&stream=0")
    assert len(asked) == 1
    site.atlas.renewed()
    client.get(f"/api/compare?{two}")
    assert len(asked) == 2, "an atlas that has changed is asked anew"


def test_a_alone_is_a_form_to_fill_in(client):
    page = client.get("/compare?a.q=brain")
    assert page.status_code == 200
    assert 'value="brain"' in page.text


def test_the_difference_streams_as_events(client):
    answer = client.get(f"/api/compare/explain?{TWO}")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "event: ended" in answer.text


def test_a_stack_stands_at_the_slice_that_its_own_side_found(client):
    asked = {
        side: client.get(f"/api/search?q={words}").json()["hits"]
        for side, words in (("a", "lung+nodule"), ("b", "lung+mass"))
    }
    ours = next(hit for hit in asked["a"] if hit["figure"]["id"] == "starter:lung-nodule")
    theirs = next(hit for hit in asked["b"] if hit["figure"]["id"] == "starter:lung-nodule")
    assert ours["slice"]["number"] != theirs["slice"]["number"]
    page = client.get("/compare?a.q=lung+nodule&b.q=lung+mass").text
    assert re.search(r'data-stack="[^"]*lung-nodule[^"]*"[^>]*data-number="(\d+)"', page)[1] == str(ours["slice"]["number"])
