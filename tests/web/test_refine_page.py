"""Searching twice on the site and over the HTTP API."""

import re


def test_a_refined_search_is_the_same_by_address_and_by_post_and_says_what_it_is(client):
    asked = client.get("/api/search", params={"q": "cerebellum coronal", "refine": "1", "k": 6}).json()
    posted = client.post("/api/search", json={"terms": [{"text": "cerebellum coronal"}], "refine": True, "k": 6}).json()
    assert [hit["figure"]["id"] for hit in asked["hits"]] == [hit["figure"]["id"] for hit in posted["hits"]]
    for answer in (asked, posted):
        assert answer["query"]["refine"] is True
        assert "refine=1" in answer["query"]["url"]
        assert re.match(r"(Refined|Not refined):", answer["notes"][0])


def test_the_form_keeps_that_a_search_is_refined(client):
    box = r'<input type="checkbox" name="refine" value="1" form="search"( checked)?>'
    assert re.search(box, client.get("/search?q=cerebellum").text)[1] is None
    assert re.search(box, client.get("/search?q=cerebellum&refine=1").text)[1]


def test_a_strange_value_is_refused_in_words(client):
    answer = client.get("/api/search?q=cerebellum&refine=maybe")
    assert answer.status_code == 400
    assert "refine is 1" in answer.json()["detail"]
