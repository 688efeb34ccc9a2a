"""Reviews of a site whose people sign in: each rates as nobody else, and what others rated only an owner ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from parts import copy_atlas
from sharing import SharedSite, shared_site, token_of


@pytest.fixture(scope="module")
def site(_small_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedSite]:
    with shared_site(copy_atlas(_small_once / "small", tmp_path_factory.mktemp("reviews-shared") / "atlas")) as made:
        yield made


def test_nobody_rates_as_somebody_else_or_ends_what_others_rated(site: SharedSite) -> None:
    people = {
        name: site.signed_in(role, name) for name, role in (("Edda", "educator"), ("Emil", "educator"), ("Olga", "owner"))
    }
    headers = {name: {"X-Mirage-Token": token_of(browser)} for name, browser in people.items()}
    edda, emil, olga = people.values()
    made = edda.post("/api/reviews", json={"query": "phantom"}, headers=headers["Edda"]).json()
    there = f"/api/reviews/{made['id']}"

    def ratings(name: str, reviewer: str = "x") -> list[str]:
        shown = people[name].get(there, params={"reviewer": reviewer}).json()
        assert shown["reviewer"] == name
        return [each["rating"]["rating"] for each in shown["to_rate"] if each["rating"]]

    item = edda.get(there, params={"reviewer": "Edda"}).json()["to_rate"][0]["id"]
    helpful = {"rating": "helpful"}
    assert edda.put(f"{there}/items/{item}", json=helpful, headers=headers["Edda"]).status_code == 200
    as_edda = emil.put(f"{there}/items/{item}", json={"reviewer": "Edda", "rating": "misleading"}, headers=headers["Emil"])
    assert (as_edda.status_code, "You rate as Emil" in as_edda.json()["detail"]) == (403, True)
    form = {"token": token_of(emil), "do": "rate", "reviewer": "Edda", "item": item, "rating": "misleading"}
    assert emil.post(f"/reviews/{made['id']}", data=form).status_code == 303
    # Who takes another's name does not take their ratings.
    emil.post("/me", data={"token": token_of(emil), "do": "name", "name": "Edda"})
    assert emil.put(f"{there}/items/{item}", json={"rating": "accurate"}, headers=headers["Emil"]).status_code == 200
    emil.post("/me", data={"token": token_of(emil), "do": "name", "name": "Emil"})
    assert (ratings("Edda", "Emil"), ratings("Emil", "Edda")) == (["helpful"], ["accurate"])
    assert "Rate as Emil" in emil.get(f"/reviews/{made['id']}").text

    for do in ("close", "delete"):
        answer = emil.post(f"/reviews/{made['id']}", data={"token": token_of(emil), "do": do})
        assert (answer.status_code, "Others have rated this review" in answer.text) == (403, True)
    assert emil.delete(there, headers=headers["Emil"]).status_code == 403
    assert olga.delete(there, headers=headers["Olga"]).status_code == 200
    assert emil.post(f"{there}/restore", headers=headers["Emil"]).status_code == 403
    assert olga.post(f"{there}/restore", headers=headers["Olga"]).status_code == 200
    done = [f"{each['name']}: {each['what']}: {each['target']}" for each in olga.get("/api/audit").json()["entries"]]
    assert done[:2] == ["Olga: Restore a review: phantom", "Olga: Delete a review: phantom"]

    file = emil.get(f"{there}/ratings").content
    names = {each["name"]: each["ratings"] for each in json.loads(file)["reviewers"]}
    assert set(names) == {"Edda", "Edda (2)"}  # who was called so when they rated
    taken = emil.post("/api/reviews/import", files={"file": ("r.mirage-ratings", file)}, headers=headers["Emil"])
    assert (taken.status_code, "ratings of 2 people" in taken.json()["detail"]) == (400, True)
    # What the site wrote, of all or of one, is taken in as of those who rated.
    before = olga.get("/api/reviews").json()["educators"]
    for asked in ({}, {"reviewer": "Edda"}, {"reviewer": "edda (2)"}):
        written = olga.get(f"{there}/ratings", params=asked).content
        raters = {each["name"]: each["ratings"] for each in json.loads(written)["reviewers"]}
        assert raters == {name: names[name] for name in names if asked.get("reviewer", name).casefold() == name.casefold()}
        sent = {"file": ("r.mirage-ratings", written)}
        taken = olga.post("/api/reviews/import", files=sent, headers=headers["Olga"]).json()
        assert (taken["new"], taken["changed"], taken["same"]) == (0, 0, len(raters))
    assert olga.get("/api/reviews").json()["educators"] == before
    one = json.loads(file)
    one["reviewers"] = [{"name": "Edda", "ratings": [names["Edda"][0] | {"rated": 4e9, "rating": "misleading"}]}]
    sent = {"file": ("r.mirage-ratings", json.dumps(one).encode())}
    assert emil.post("/api/reviews/import", files=sent, headers=headers["Emil"]).json()["names"] == ["Emil"]
    assert (ratings("Edda"), ratings("Emil")) == (["helpful"], ["misleading"])

    own = emil.post("/api/reviews", json={"query": "phantom scan"}, headers=headers["Emil"]).json()["id"]
    assert emil.delete(f"/api/reviews/{own}", headers=headers["Emil"]).status_code == 200  # which nobody else rated
