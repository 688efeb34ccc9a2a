"""A teacher drops a folder, looks, sets the licence, adds, and finds the pictures, in a real Chromium."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Served, serving

from browsing import ended, expect, opened, sized, too_wide
from mirage.atlas import Atlas
from mirage.settings import Settings
from parts import draw

pytestmark = [
    pytest.mark.one_server("what is sent, and what was looked through, stays with one server"),
    pytest.mark.writes("a page of such an atlas offers no change"),
]
DROPPED = """([names, contents]) => {
  const files = names.map((name, n) => new File([Uint8Array.from(atob(contents[n]), (c) => c.charCodeAt(0))], name));
  const carried = new DataTransfer();
  files.forEach((file) => carried.items.add(file));
  const how = { bubbles: true, cancelable: true, dataTransfer: carried };
  for (const kind of ["dragenter", "dragover", "drop"]) {
    document.querySelector("[data-add]").dispatchEvent(new DragEvent(kind, how));
  }
}"""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Served]:
    with Atlas.open(tmp_path / "atlas", create=True) as atlas, serving(atlas, Settings(), tmp_path) as served:
        yield served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "Wrist teaching"
    for number in range(2):
        draw(folder / f"wrist {number}.png", number)
    (folder / "broken.png").write_bytes((folder / "wrist 0.png").read_bytes()[:60])
    (folder / "figures.csv").write_text(
        "file,caption,modality,plane\nwrist 0.png,Fracture of the scaphoid,XR,frontal\n"
        "wrist 1.png,Normal wrist,XR,lateral\n",
        "utf-8",
    )
    return folder


def test_a_folder_is_looked_at_added_found_edited_and_removed(chromium, own: Served, folder: Path) -> None:
    page, complaints = opened(chromium, own)
    page.goto("/corpora")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a folder").click()
    chooser.value.set_files(folder)
    expect(page.get_by_role("heading", name="What would be added")).to_be_visible()
    expect(page.get_by_role("heading", name="Add them")).to_be_visible()
    expect(page.get_by_text("2 of 2 name a file that is here")).to_be_visible()
    expect(page.get_by_text("broken.png is damaged")).to_be_visible()
    expect(page.locator(".to-come img")).to_have_count(2)
    assert page.get_by_label("Name of the collection").input_value() == "Wrist teaching"
    assert too_wide(page, page.url) == []
    sized(page, 1280, 900)
    page.get_by_label("CC BY 4.0").first.check()
    page.get_by_role("button", name="Add to the library").click()
    expect(page).to_have_url(re.compile("/jobs/"))
    ended(page)
    expect(page.locator(".job-message")).to_contain_text("2 figures added")
    page.goto("/search?q=scaphoid+fracture")
    expect(page.locator(".card").first).to_contain_text("scaphoid")
    page.locator(".card a.shot").first.click()
    page.get_by_text("Edit words").click()
    page.get_by_label("Caption").fill("Torus fracture of the radius")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Edited here on")).to_be_visible()
    assert too_wide(page, page.url) == []
    sized(page, 1280, 900)
    page.goto("/search?q=torus+fracture")
    page.locator(".card a.shot").first.click()
    page.get_by_role("link", name="Remove").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.locator(".job-message")).to_contain_text("of pictures, removed.")
    assert [each.figure.caption for each in own.atlas.search("torus fracture").hits] == ["Normal wrist"]
    assert complaints == []


def test_dropped_files_are_added_and_stopping_throws_them_away(chromium, own: Served, folder: Path) -> None:
    page, complaints = opened(chromium, own)
    page.goto("/corpora")
    files = sorted(folder.iterdir())
    page.evaluate(DROPPED, [[path.name for path in files], [base64.b64encode(path.read_bytes()).decode() for path in files]])
    expect(page.get_by_role("heading", name="Add them")).to_be_visible()
    expect(page.locator("#drop")).to_be_hidden()
    page.get_by_role("button", name="Throw the files away").click()
    expect(page).to_have_url(re.compile("/corpora#add$"))
    assert [each for each in (own.atlas.path / "incoming").rglob("*") if each.is_file()] == []
    assert own.atlas.info().figures == 0
    assert complaints == []


def test_what_is_gone_from_a_folder_is_taken_out_where_the_page_is_told_so(chromium, own: Served, folder: Path) -> None:
    page, complaints = opened(chromium, own)

    def look() -> None:
        page.goto("/corpora")
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Choose a folder").click()
        chooser.value.set_files(folder)
        expect(page.get_by_role("heading", name="Add them")).to_be_visible()

    def add() -> None:
        page.get_by_label("CC BY 4.0").first.check()
        page.get_by_role("button", name="Add to the library").click()

    look()
    add()
    ended(page)
    expect(page.locator(".job-message")).to_contain_text("2 figures added")
    page.goto("/search?q=scaphoid+fracture")
    picture = page.locator(".card img").first.get_attribute("src")
    figure = page.locator(".card a.shot").first.get_attribute("href")
    (folder / "wrist 0.png").unlink()
    look()
    expect(page.get_by_role("heading", name="Not among these files")).to_be_visible()
    add()
    expect(page.get_by_text("There is a collection “Wrist teaching” of that name already")).to_be_visible()
    page.get_by_label("They belong to the collection").check()
    page.get_by_label("Take out the 1 of its figures").check()
    add()
    expect(page.get_by_role("heading", name="Taken out")).to_be_visible()
    assert [each.figure.caption for each in own.atlas.search("wrist").hits] == ["Normal wrist"]
    # Who looks at it meanwhile is told so, and gets no picture.
    assert page.request.get(figure).status == 410
    assert page.request.get(picture).status in (404, 410)
    page.goto(figure)
    expect(page.get_by_text("was removed")).to_be_visible()
    assert too_wide(page, page.url) == []
    assert [each for each in complaints if "410" not in each and "400" not in each] == []
