"""Reviews on their pages, without scripts and with, by the API and in packets. All raters are simulated."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path

import httpx
import pytest
from PIL import Image

from browsing import expect, opened, rested
from mirage.licensing import behind
from mirage.study.reviews.ratings import rating_of

QUERY = "lung mass"


@pytest.fixture(scope="module")
def begun(site) -> str:
    """Address of a review's page."""
    with site.client() as client:
        body = {"query": QUERY, "versus": "lung nodule"}
        return client.post("/api/reviews", json=body, headers=token(site)).json()["page"]


@pytest.fixture
def review(site, begun) -> str:
    """The same, without ratings."""
    mine = site.atlas.study.reviews
    own = begun.rpartition("/")[2]
    for each in mine.rated(own):
        mine.rate(own, each.name, rating_of(each.rating.item, "", "", "", "", 0.0))
    return begun


def token(site) -> dict[str, str]:
    return {"X-Mirage-Token": site.token}


def sent(site, client, page: str, **fields: str) -> httpx.Response:
    return client.post(page, data={"token": site.token, **fields}, headers={"Origin": site.url})


def to_rate(client, review: str, reviewer: str = "Sim") -> list[dict]:
    return client.get(f"/api{review}", params={"reviewer": reviewer}).json()["to_rate"]


# -- rating -----------------------------------------------------------------------------------------------------------------


def test_a_page_rates_without_scripts_changes_and_goes_on_later(site, client, review) -> None:
    item = next(each for each in to_rate(client, review) if each["pictures"])
    place = {"left": "10", "top": "20", "width": "30", "height": "40", "words": "here"}
    shown = sent(site, client, review, do="rate", reviewer="Sim", item=item["id"], rating="helpful", comment="<b>", **place)
    assert "1</span> / " in shown.text
    assert "&lt;b&gt;</textarea>" in shown.text
    sent(site, client, review, do="rate", reviewer="Sim", item=item["id"], rating="misleading")
    kept = next(each["rating"] for each in to_rate(client, review, "sim") if each["id"] == item["id"])
    assert (kept["rating"], kept["comment"], kept["place"]["region"]) == ("misleading", "", None)
    assert not [each for each in to_rate(client, review, "Somebody else") if each["rating"]]


def test_what_cannot_be_kept_is_told_and_what_was_typed_stays(site, client, review) -> None:
    item = to_rate(client, review)[0]["id"]
    for fields, told in (
        ({"rating": "nice"}, "is no rating"),
        ({"width": "x"}, "no region"),
        ({"words": "x" * 600}, "cannot be kept"),
    ):
        answer = sent(site, client, review, do="rate", reviewer="Sim", item=item, **{"comment": "typed long", **fields})
        assert (answer.status_code, told in answer.text) == (400, True)
        assert "typed long</textarea>" in answer.text
    assert client.get(review, params={"reviewer": "x" * 300}).status_code == 400
    assert sent(site, client, "/reviews", query="").status_code == 400
    assert "Nothing in this atlas fits" in sent(site, client, "/reviews", query="acute appendicitis").text
    assert client.get("/reviews/nowhere").status_code == 404
    assert client.get(f"/api{review}/items/nowhere/pictures/0").status_code == 404
    pictured = next(each for each in to_rate(client, review) if each["pictures"])
    assert client.get(f"/api{review}/items/{pictured['id']}/pictures/0").status_code == 200
    assert client.get(f"/api/reviews/anything/items/{pictured['id']}/pictures/0").status_code == 404
    region = {"picture": len(pictured["pictures"]), "left": 0, "top": 0, "width": 1, "height": 1}
    body = {"reviewer": "Sim", "rating": "helpful", "place": {"region": region}}
    refused = client.put(f"/api{review}/items/{pictured['id']}", json=body, headers=token(site))
    assert (refused.status_code, "has no picture" in refused.text) == (400, True)


def test_whatever_changes_a_review_wants_the_token_and_the_same_origin(site, client, review) -> None:
    api = f"/api{review}"
    asked = [
        ("POST", "/api/reviews", {"json": {"query": QUERY}}),
        ("DELETE", api, {}),
        ("POST", f"{api}/restore", {}),
        ("POST", f"{api}/close", {}),
        ("PUT", f"{api}/items/x", {"json": {"reviewer": "x"}}),
        ("POST", "/api/reviews/misleading", {"json": {"figure": "x", "hidden": True}}),
        ("POST", "/api/reviews/import", {"files": {"file": b"{}"}}),
        ("POST", "/reviews", {"data": {"query": QUERY}}),
        ("POST", "/reviews/import", {"files": {"file": b"{}"}}),
        ("POST", "/reviews/misleading", {"data": {"do": "hide all"}}),
        ("POST", review, {"data": {"do": "close"}}),
    ]
    before = client.get("/api/reviews").json()
    for method, path, options in asked:
        assert client.request(method, path, **options).status_code == 403, (method, path)
        foreign = {"Origin": "https://evil.example", **token(site)}
        assert client.request(method, path, headers=foreign, **options).status_code == 403, (method, path)
    assert client.get("/api/reviews").json() == before


# -- blindness --------------------------------------------------------------------------------------------------------------


def test_no_page_answer_file_header_or_name_tells_an_arm_a_rank_or_a_figures_id(site, client, review) -> None:
    mine, own = site.atlas.study.reviews, review.rpartition("/")[2]
    ids = {picture.figure.partition("~")[0] for item in mine.items(own) for picture in item.content.pictures}
    zipped = client.get(f"/api{review}/packet").content
    with zipfile.ZipFile(io.BytesIO(zipped)) as packet:
        names = packet.namelist()
        inside = [packet.read(name).decode() for name in names if name.endswith((".html", ".js"))]
        assert len({entry.date_time for entry in packet.infolist()}) == 1
    for item in to_rate(client, review):
        client.put(f"/api{review}/items/{item['id']}", json={"reviewer": "Sim", "rating": "helpful"}, headers=token(site))
    sim = {"reviewer": "Sim"}
    answers = [
        *(client.get(path, params=sim) for path in (review, f"/api{review}", "/reviews", "/api/reviews")),
        *(client.get(path) for path in (f"/api{review}/ratings", "/api/reviews/results", "/api/reviews/ratings.csv")),
        client.get("/api/reviews/queries.json"),
        client.get(
            f"/api{review}/items/{next(each['id'] for each in to_rate(client, review) if each['pictures'])}/pictures/0"
        ),
    ]
    texts = [*inside, *names, *(str(answer.headers) for answer in answers)]
    texts += [answer.text for answer in answers if not answer.headers["content-type"].startswith("image/")]
    for text in texts:
        plain = text.replace("Keyword search", "").replace("keyword search", "")
        assert not re.search(r"\bmirage\b.{0,4}: ?\d|keywords.{0,4}: ?\d|\"(?:ranks?|key|arm)\"|data-rank", plain), text[
            :200
        ]
        assert not [each for each in ids if re.search(rf"{re.escape(each)}(?![\w-])", plain)]
    assert client.get("/api/reviews/results").json()["arms"] == []


def test_pictures_are_served_by_the_items_address_and_are_the_figures_own(site, client, review) -> None:
    for item in to_rate(client, review):
        known = site.atlas.study.reviews.item(review.rpartition("/")[2], item["id"])
        for shown, picture in zip(item["pictures"], known.content.pictures, strict=True):
            assert item["id"] in shown["picture"]
            assert client.get(shown["picture"]).content == Path(site.atlas.picture(picture.figure)).read_bytes()
            assert shown["source"]["licence"]["name"]


# -- packets and files ------------------------------------------------------------------------------------------------------


def test_a_packet_has_what_may_leave_counts_the_rest_and_carries_the_hashes(site, client, review) -> None:
    mine, own = site.atlas.study.reviews, review.rpartition("/")[2]
    found = mine.get(own)
    with zipfile.ZipFile(io.BytesIO(client.get(f"/api{review}/packet").content)) as packet:
        html = packet.read("index.html").decode()
        assert (found.digest in html, found.protocol in html) == (True, True)
        for picture in re.findall(r'src="(pictures/[^"]+)"', html):
            assert Image.open(io.BytesIO(packet.read(picture))).format.lower() == picture.rpartition(".")[2]
        script = packet.read("review.js").decode()
    assert not re.search(r"^\s*(?:import|export) ", script, re.MULTILINE)
    for figure in re.findall(r"<figure.*?</figure>", html, re.DOTALL):
        assert "For teaching, not for diagnosis." in figure
        assert 'class="attribution"' in figure
    kinds = [each.source.terms for item in mine.items(own) for each in item.content.pictures]
    assert behind([each for each in kinds if not each.name]) == "" or "stayed behind" in html
    assert client.get(f"/api{review}/packet?for=sale").status_code == 400


def test_a_file_of_ratings_is_taken_in_by_the_page_and_twice_is_once(site, client, review) -> None:
    item = to_rate(client, review)[0]["id"]
    body = {"reviewer": "Sim", "rating": "accurate", "comment": "so"}
    assert client.put(f"/api{review}/items/{item}", json=body, headers=token(site)).status_code == 200
    file = client.get(f"/api{review}/ratings?reviewer=Sim").content
    client.put(f"/api{review}/items/{item}", json={"reviewer": "Sim"}, headers=token(site))
    for told in ("1 new, 0 changed, 0 there already", "0 new, 0 changed, 1 there already"):
        answer = client.post("/reviews/import", data={"token": site.token}, files={"file": ("a.mirage-ratings", file)})
        assert told in answer.text
    other = json.dumps({**json.loads(file), "review": "0" * 64}).encode()
    answer = client.post("/reviews/import", data={"token": site.token}, files={"file": ("b.mirage-ratings", other)})
    assert (answer.status_code, "b.mirage-ratings does not match" in answer.text) == (400, True)
    assert client.post("/reviews/import", data={"token": site.token}).status_code == 400


# -- what is misleading, what is said ---------------------------------------------------------------------------------------


def test_what_is_misleading_is_hidden_and_shown_again_by_the_page(site, client, review) -> None:
    item = next(each for each in to_rate(client, review) if each["kind"] == "figure")["id"]
    client.put(f"/api{review}/items/{item}", json={"reviewer": "Sim", "rating": "misleading"}, headers=token(site))
    figure = client.get("/api/reviews/misleading").json()["misleading"][0]["figure"]
    hidden = sent(site, client, "/reviews/misleading", do="hide all")
    assert "1 figure is hidden" in hidden.text
    assert figure.partition("~")[0] not in [
        hit["figure"]["id"] for hit in client.get("/api/search", params={"q": QUERY}).json()["hits"]
    ]
    assert "Show again" in hidden.text
    sent(site, client, "/reviews/misleading", do="show", figure=figure)
    assert client.get("/api/reviews/misleading").json()["hidden"] == []
    assert (
        client.post(
            "/api/reviews/misleading", json={"figure": "starter:nobody", "hidden": True}, headers=token(site)
        ).status_code
        == 404
    )


def test_the_site_says_by_how_many_educators_it_is_rated(site, client, review) -> None:
    for page in ("/", "/about", "/reviews", "/reviews/results"):
        assert "Rated by 0 educators" in client.get(page).text, page
    item = to_rate(client, review)[0]["id"]
    client.put(f"/api{review}/items/{item}", json={"reviewer": "Sim", "rating": "helpful"}, headers=token(site))
    for page in ("/", "/about", "/reviews", "/reviews/results"):
        assert "Rated by 1 educator" in client.get(page).text, page


# -- in a browser -----------------------------------------------------------------------------------------------------------


@pytest.mark.browser
def test_an_educator_rates_in_a_browser_and_draws_a_place(chromium, site, client, review) -> None:
    page, complaints = opened(chromium, site)
    page.goto(f"{review}?reviewer=Browser")
    form = page.locator("form.review-item:has(.review-picture)").first
    form.get_by_role("radio", name="Misleading").check()
    expect(form.locator("[data-said]")).to_have_text("Kept")
    form.get_by_text("Where?").click()
    form.get_by_role("button", name="Draw it").click()
    rested(page)
    box = form.locator(".review-picture").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.25)
    page.mouse.down()
    with page.expect_response(lambda answer: answer.request.method == "PUT"):  # "Kept" stands there from before
        page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.5)
        page.mouse.up()
    expect(form.locator(".review-box")).to_have_count(1)
    expect(form.locator("[data-said]")).to_have_text("Kept")
    page.reload()
    expect(page.locator("[data-done]")).to_have_text("1")
    kept = next(each["rating"] for each in to_rate(client, review, "Browser") if each["rating"])
    assert kept["rating"] == "misleading"
    assert kept["place"]["region"]["width"] == pytest.approx(0.5, abs=0.02)
    assert not complaints


@pytest.mark.browser
def test_a_packet_rates_offline_and_its_file_comes_home(chromium, site, client, review, tmp_path) -> None:
    with zipfile.ZipFile(io.BytesIO(client.get(f"/api{review}/packet?for=myself").content)) as packet:
        packet.extractall(tmp_path / "packet")
    context = chromium.new_context(offline=True)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith(("file:", "blob:")) else complaints.append(asked.url))
    page.goto((tmp_path / "packet" / "index.html").as_uri())
    page.get_by_label("Your name").fill("Offline Sim")
    page.get_by_role("button", name="Begin").click()
    items = page.locator("form.review-item").count()
    for number in range(items):
        page.locator("form.review-item").nth(number).get_by_role("radio", name="Helpful").check()
    expect(page.locator("[data-done]")).to_have_text(str(items))
    page.wait_for_function("() => [...document.images].every(each => each.complete && each.naturalWidth > 0)")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save my ratings").click()
    file = Path(saved.value.path()).read_bytes()
    answer = client.post("/api/reviews/import", files={"file": ("a.mirage-ratings", file)}, headers=token(site)).json()
    assert (answer["names"], answer["new"]) == (["Offline Sim"], items)
    assert client.get(f"/api{review}/ratings").json()["reviewers"][0]["ratings"]
    assert not complaints
