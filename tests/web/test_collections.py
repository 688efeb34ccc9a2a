"""Collections on their pages, without scripts, and by the API: kept, moved, removed, undone, printed, taken in."""

from __future__ import annotations

import json
import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from browsing import expect, opened, too_wide


@pytest.fixture
def own(site, client) -> str:
    """A new collection's page."""
    return client.post("/api/collections", json={"title": "Mine"}, headers=token(site)).json()["page"]


def token(site) -> dict[str, str]:
    return {"X-Mirage-Token": site.token}


def sent(site, client, page: str, **fields: str) -> httpx.Response:
    return client.post(page, data={"token": site.token, **fields}, headers={"Origin": site.url})


def items(client, page: str) -> list[dict]:
    return client.get(f"/api{page}").json()["items"]


def keeps(text: str) -> list[dict[str, list[str]]]:
    return [parse_qs(urlsplit(unescape(found)).query) for found in re.findall(r'class="keep" href="([^"]+)"', text)]


# -- Keep -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "kind"),
    [
        ("figure", "figure"),
        ("case", "case"),
        ("/search?q=brain&modality=MR", "search"),
        ("/compare?a.q=brain&b.q=chest", "comparison"),
    ],
)
def test_whatever_can_be_kept_has_a_keep_that_leads_to_a_form(site, client, own, a_figure, a_case, where, kind) -> None:
    page = {"figure": f"/figure/{a_figure}", "case": f"/case/{a_case}"}.get(where, where)
    target = next(found["target"][0] for found in keeps(client.get(page).text) if found["kind"] == [kind])
    asked = client.get("/keep", params={"kind": kind, "target": target})
    assert (asked.status_code, "Keep it" in asked.text) == (200, True)
    shown = sent(site, client, "/keep", kind=kind, target=target, collection=own.rpartition("/")[2], note="Look here.")
    assert "is kept here" in shown.text
    kept = items(client, own)[0]
    assert (kept["kind"], kept["note"]) == (kind, "Look here.")
    assert client.get(kept["page"]).status_code == 200
    again = sent(site, client, "/keep", kind=kind, target=target, collection=own.rpartition("/")[2])
    assert "was in this collection already" in again.text
    assert len(items(client, own)) == 1


def test_every_card_has_a_keep_of_its_own(client) -> None:
    text = client.get("/search?q=brain").text
    ids = {found["target"][0] for found in keeps(text) if found["kind"] == ["figure"]}
    assert len(ids) == len(re.findall(r'<li class="card', text))


def test_a_new_collection_is_made_where_one_is_named(site, client, a_figure) -> None:
    shown = sent(site, client, "/keep", kind="figure", target=a_figure, new="Named <here>")
    assert "<h1>Named &lt;here&gt;</h1>" in shown.text


def test_a_search_with_a_dropped_picture_has_no_keep(site, client) -> None:
    picture = site.atlas.embed(__import__("PIL.Image").Image.new("RGB", (64, 64), "gray")).print()
    text = client.post("/search", data={"picture": picture}).text
    assert not [found for found in keeps(text) if found["kind"] == ["search"]]


@pytest.mark.parametrize(("kind", "target"), [("figure", "nobody:1"), ("song", "x"), ("search", ""), ("", "")])
def test_what_cannot_be_kept_is_told(client, kind, target) -> None:
    assert client.get("/keep", params={"kind": kind, "target": target}).status_code in (400, 404)


# -- the page ---------------------------------------------------------------------------------------------------------------


def test_an_empty_collection_says_so_and_prints(client, own) -> None:
    assert "Nothing is in it yet" in client.get(own).text
    assert "Nothing is in it yet" in client.get(f"{own}/print").text


def test_a_page_is_edited_without_scripts_and_what_is_removed_is_undone(site, client, own, a_figure) -> None:
    sent(site, client, own, do="section", text="First")
    collection = own.rpartition("/")[2]
    sent(site, client, "/keep", kind="figure", target=a_figure, collection=collection)
    section, figure = (item["id"] for item in items(client, own))
    sent(site, client, own, do="down", item=section)
    assert [item["id"] for item in items(client, own)] == [figure, section]
    assert "Look" in sent(site, client, own, do="note", item=figure, text="Look", was="").text
    removed = sent(site, client, own, do="remove", item=figure)
    assert "is removed from this collection" in removed.text
    assert [item["id"] for item in items(client, own)] == [section]
    sent(site, client, own, do="put back", item=figure)
    assert [item["id"] for item in items(client, own)] == [figure, section]
    gone = sent(site, client, own, do="delete")
    assert "The collection is deleted" in gone.text
    assert client.get(own).status_code == 404
    assert "<h1>Mine</h1>" in sent(site, client, own, do="undo").text


def test_two_tabs_do_not_write_over_each_other_and_what_was_typed_stays(site, client, own) -> None:
    sent(site, client, own, do="notes", text="theirs", was="")
    told = sent(site, client, own, do="notes", text="ours, typed long", was="")
    assert told.status_code == 409
    assert "is now: &#39;theirs&#39;" in told.text
    assert "ours, typed long</textarea>" in told.text
    sent(site, client, own, do="section", text="x")
    item = items(client, own)[0]["id"]
    sent(site, client, own, do="remove", item=item)
    late = sent(site, client, own, do="up", item=item)
    assert (late.status_code, "removed meanwhile" in late.text) == (404, True)


def test_a_title_of_300_characters_is_refused_in_words_and_stays_in_the_form(site, client, own) -> None:
    for told in (
        sent(site, client, "/collections", title="x" * 300),
        sent(site, client, own, do="title", text="x" * 300, was="Mine"),
    ):
        assert told.status_code == 400
        assert "300 characters; 200 is the most" in told.text
        assert "x" * 300 in told.text


def test_whatever_changes_a_collection_wants_the_token_and_the_same_origin(site, client, own, a_figure) -> None:
    page, api = own, f"/api{own}"
    body = {"kind": "figure", "target": a_figure}
    asked = [
        ("POST", "/api/collections", {"json": {"title": "x"}}),
        ("PATCH", api, {"json": {"title": "x"}}),
        ("DELETE", api, {}),
        ("POST", f"{api}/restore", {}),
        ("POST", f"{api}/items", {"json": body}),
        ("PATCH", f"{api}/items/x", {"json": {"by": 1}}),
        ("DELETE", f"{api}/items/x", {}),
        ("POST", f"{api}/items/x/restore", {}),
        ("POST", "/api/collections/import", {"files": {"file": b"{}"}}),
        ("POST", "/keep", {"data": body}),
        ("POST", "/collections", {"data": {"title": "x"}}),
        ("POST", "/collections/import", {"files": {"file": b"{}"}}),
        ("POST", page, {"data": {"do": "delete"}}),
    ]
    before = client.get("/api/collections").json()
    for method, path, options in asked:
        assert client.request(method, path, **options).status_code == 403, (method, path)
        foreign = {"Origin": "https://evil.example", **token(site)}
        assert client.request(method, path, headers=foreign, **options).status_code == 403, (method, path)
    assert client.get("/api/collections").json() == before
    assert site.token not in json.dumps(before)


# -- the API ----------------------------------------------------------------------------------------------------------------


def test_the_api_keeps_moves_and_tells(site, client, own, a_figure) -> None:
    api, head = f"/api{own}", token(site)
    first = client.post(f"{api}/items", json={"kind": "figure", "target": a_figure}, headers=head)
    assert (first.status_code, first.json()["new"]) == (201, True)
    client.post(f"{api}/items", json={"kind": "search", "target": "q=lung"}, headers=head)
    kept, search = items(client, own)
    assert kept["figure"]["id"] == a_figure
    assert kept["source"]["licence"]["kind"]
    assert search["page"] == "/search?q=lung"
    path = f"{api}/items/{search['id']}"
    moved = client.patch(path, json={"before": kept["id"], "note": "why", "was": ""}, headers=head).json()
    assert [item["id"] for item in moved["items"]] == [search["id"], kept["id"]]
    refused = client.patch(path, json={"note": "other", "was": ""}, headers=head)
    assert (refused.status_code, refused.json()["title"]) == (409, "It was changed meanwhile")
    assert client.post(f"{api}/items", json={"kind": "song"}, headers=head).status_code == 422
    assert client.get("/api/collections/nowhere").status_code == 404


def test_a_file_makes_the_round_trip_by_the_page(site, client, own, a_figure) -> None:
    sent(site, client, "/keep", kind="figure", target=a_figure, collection=own.rpartition("/")[2])
    file = client.get(f"/api{own}/file")
    assert file.headers["content-disposition"] == 'attachment; filename="mine.mirage-collection"'
    told = file.json()
    told["collection"]["items"][0]["target"] = "elsewhere:1"
    for data, words in ((file.content, "1 kept."), (json.dumps(told).encode(), "of which 1 is not in this atlas")):
        taken = client.post("/collections/import", data={"token": site.token}, files={"file": ("a.mirage-collection", data)})
        assert f"Taken in: {words}" in taken.text or f"Taken in: 1 kept, {words}" in taken.text
    assert "<strong>removed</strong>" in taken.text
    assert told["collection"]["items"][0]["title"] in unescape(taken.text)
    refused = client.post(
        "/collections/import", data={"token": site.token}, files={"file": ("b.txt", b'{"format": 9, "collection": 1}')}
    )
    assert (refused.status_code, "b.txt has format 9" in refused.text) == (400, True)
    assert client.post("/collections/import", data={"token": site.token}).status_code == 400


# -- print ------------------------------------------------------------------------------------------------------------------


def test_a_print_to_pass_on_has_what_licences_permit_and_counts_the_rest(site, client, own, a_figure, a_case) -> None:
    collection = own.rpartition("/")[2]
    for kind, target in (("figure", a_figure), ("case", a_case)):
        sent(site, client, "/keep", kind=kind, target=target, collection=collection)
    mine = client.get(f"{own}/print").text
    theirs = client.get(f"{own}/print?for=pass-on&non_commercial=1").text
    assert (mine.count("<figure>"), theirs.count("<figure>")) == (3, 1)
    assert "2 pictures stayed behind: 2 not stated." in theirs
    assert "stayed behind" not in mine
    assert "not to pass on" in mine
    for page in (mine, theirs):
        assert "For teaching, not for diagnosis." in page
        for figure in re.findall(r"<figure>.*?</figure>", page, re.DOTALL):
            assert 'class="attribution"' in figure
            assert "Licence:" in figure
    assert "not stated" not in "".join(re.findall(r"<figure>.*?</figure>", theirs, re.DOTALL))
    assert client.get(f"{own}/print?for=sale").status_code == 400


def test_a_print_names_nothing_that_stays_and_says_what_a_search_is(site, client, own, a_case) -> None:
    collection = own.rpartition("/")[2]
    for kind, target in (("figure", site.atlas.figures_of(a_case)[0].id), ("search", "q=kidney+stones")):
        sent(site, client, "/keep", kind=kind, target=target, collection=collection)
    kept = items(client, own)[0]
    page = client.get(f"{own}/print?for=pass-on&non_commercial=1").text
    assert "1 picture left out because of the licence." in page
    assert kept["title"] in client.get(f"{own}/print").text
    assert kept["title"] not in page
    assert "A search: kidney stones" in page
    assert "Its pictures are not printed." in page
    assert ">/search?" not in page


def test_a_print_leaves_out_what_is_hidden_from_learners(site, client, own, a_figure) -> None:
    sent(site, client, "/keep", kind="figure", target=a_figure, collection=own.rpartition("/")[2])
    mine = site.atlas.study.reviews.hidden
    mine.set(reference := site.atlas.reference(a_figure), True)
    try:
        page = client.get(f"{own}/print").text
    finally:
        mine.set(reference, False)
    assert "<figure>" not in page
    assert "1 picture stayed behind: it is hidden from learners." in page
    assert items(client, own)[0]["title"] not in page
    assert "<figure>" in client.get(f"{own}/print").text


# -- in a browser -----------------------------------------------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.parametrize("javascript", [True, False])
def test_a_figure_is_kept_and_removed_in_a_browser_with_scripts_and_without(chromium, site, a_figure, javascript) -> None:
    page, complaints = opened(chromium, site, java_script_enabled=javascript)
    page.goto(f"/figure/{a_figure}")
    page.locator(".about-figure .keep").click()
    page.get_by_label("new collection").fill(f"Browser {javascript}")
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Browser {javascript}")
    page.locator(".kept-tools").get_by_role("button", name="Remove").click()
    expect(page.locator(".study-said[role=status]")).to_contain_text("is removed")
    expect(page.locator(".kept > li")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".kept > li")).to_have_count(1)
    assert not complaints


@pytest.mark.browser
def test_pages_of_collections_fit_a_phone(chromium, site, client, own, a_figure) -> None:
    for kind, target in (("figure", a_figure), ("search", "q=" + "ventriculo" * 15)):
        sent(site, client, "/keep", kind=kind, target=target, collection=own.rpartition("/")[2])
    page, _ = opened(chromium, site, viewport={"width": 320, "height": 700})
    assert too_wide(page, "/collections", own, f"{own}/print", f"/keep?kind=figure&target={a_figure}") == []
