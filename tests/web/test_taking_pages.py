"""Taking along by the page and the API: files that open, counts of what stays, errors in words."""

from __future__ import annotations

import io
import zipfile

import pytest
from pptx import Presentation

from browsing import opened, too_wide


@pytest.fixture
def own(site, client, a_figure, a_case) -> str:
    """Id of a new collection with a starter figure and a case without a licence."""
    head = {"X-Mirage-Token": site.token}
    made = client.post("/api/collections", json={"title": "To take <along>"}, headers=head).json()["id"]
    for kind, target in (("section", ""), ("figure", a_figure), ("case", a_case)):
        client.post(f"/api/collections/{made}/items", json={"kind": kind, "target": target, "title": kind}, headers=head)
    return made


def test_what_goes_and_what_stays_is_counted_on_the_page_and_by_the_api(client, own) -> None:
    asked = {"kind": "collection", "target": own}
    text = client.get("/take", params=asked).text
    assert "3 pictures are in it." in text
    assert text.count("1 picture is in it. 2 pictures stayed behind: 2 not stated.") == 2
    told = client.get("/api/take", params={**asked, "for": "pass-on", "as": "slides"}).json()
    said = ["1 picture is in it.", "2 pictures stayed behind: 2 not stated."]
    assert (told["pictures"], told["told"]) == (1, said)
    assert told["name"] == "to-take-along.pptx"


@pytest.mark.parametrize("place", ["/take/file", "/api/take/file"])
def test_files_are_sent_whole_under_a_harmless_name(client, own, place) -> None:
    asked = {"kind": "collection", "target": own, "for": "pass-on"}
    answer = client.get(place, params={**asked, "as": "slides"})
    assert answer.headers["content-disposition"] == 'attachment; filename="to-take-along.pptx"'
    assert int(answer.headers["content-length"]) == len(answer.content)
    show = Presentation(io.BytesIO(answer.content))
    assert [slide.shapes.title.text_frame.text for slide in show.slides][1:] == ["section", "figure", "What is not here"]
    answer = client.get(place, params={**asked, "as": "anki"})
    assert "collection.anki2" in zipfile.ZipFile(io.BytesIO(answer.content)).namelist()


def test_a_collection_s_page_a_search_and_keep_lead_to_it(client, own, a_figure) -> None:
    page = client.get(f"/collections/{own}").text
    assert 'action="/take/file"' in page
    for name in ("anki", "slides", "moodle", "sheet", "answers", "images"):
        assert f'name="as" value="{name}"' in page
    assert "/take?kind=search&amp;target=" in client.get("/search?q=brain").text
    assert "/take?kind=figure&amp;target=" in client.get("/keep", params={"kind": "figure", "target": a_figure}).text


def test_what_cannot_be_taken_is_told_in_words(site, client, own, a_case) -> None:
    head = {"X-Mirage-Token": site.token}
    empty = client.post("/api/collections", json={"title": "Empty"}, headers=head).json()["id"]
    assert "Take along" not in client.get(f"/collections/{empty}").text
    for fields, status, words in (
        ({"target": empty}, 400, "There is no picture in it"),
        ({"target": "nobody"}, 404, "There is no collection"),
        ({"target": own, "as": "fax"}, 400, "There is no format"),
        ({"target": own, "for": "sale"}, 400, "There is no purpose"),
        ({"kind": "song", "target": own}, 400, "cannot be taken along"),
        ({"kind": "search", "target": "colour=red"}, 400, "Not understood"),
        ({"kind": "case", "target": a_case, "for": "pass-on"}, 400, "No picture is left to take along"),
    ):
        asked = {"kind": "collection", "as": "anki", **fields}
        api = client.get("/api/take/file", params=asked)
        assert (api.status_code, words in api.json()["detail"]) == (status, True), fields
        page = client.get("/take/file", params=asked)
        assert page.status_code == status
        assert words in page.text
        assert "<h1>" in page.text


@pytest.mark.browser
def test_the_menu_works_by_keyboard_without_scripts_and_fits_a_phone(chromium, site, own) -> None:
    page, complaints = opened(chromium, site, java_script_enabled=False, viewport={"width": 320, "height": 700})
    page.goto(f"/collections/{own}")
    page.locator(".take-along summary").focus()
    page.keyboard.press("Enter")
    page.get_by_label("to pass on").check()
    button = page.get_by_role("button", name="Slides")
    button.focus()
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    assert waiting.value.suggested_filename == "to-take-along.pptx"
    assert not complaints
    wide, _ = opened(chromium, site)
    assert too_wide(wide, f"/collections/{own}", f"/take?kind=collection&target={own}") == []
