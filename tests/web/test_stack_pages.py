"""Stacks over HTTP: what is said of them, their slices packed and as pictures, and their page without a script."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from html import unescape
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from PIL import Image

from mirage.figure import Window
from mirage.images.notes import OBLIQUE
from mirage.images.packing import unpack
from mirage.web.figures import _spread
from mirage.web.views.stacks import StackView, millimetres_in

SCAN = "made:scan"


@pytest.fixture
def client(stacked):
    with stacked.client() as made:
        yield made


def picture_of(answer: httpx.Response) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(answer.raise_for_status().content)))


def test_a_stack_says_what_there_is_to_look_at(client):
    told = client.get(f"/api/stacks/{SCAN}").raise_for_status().json()
    assert StackView.model_validate(told)
    assert [(each["plane"], each["slices"], each["rows"], each["columns"]) for each in told["planes"]] == [
        ("axial", 24, 40, 56),
        ("coronal", 40, 24, 56),
        ("sagittal", 56, 24, 40),
    ]
    assert [each["spacing"] for each in told["planes"]] == [[1.0, 1.0], [3.0, 1.0], [3.0, 1.0]]
    assert told["planes"][0]["letters"] == ["R", "L", "A", "P"]
    assert [each["name"] for each in told["labels"]] == ["liver", "left kidney"]
    assert "lung" in [each["name"] for each in told["windows"]]
    assert told["unit"] == "HU"
    assert told["notes"] == ["This scan is made up.", OBLIQUE]


@pytest.mark.parametrize("view", ["axial", "coronal", "sagittal"])
def test_packed_slices_hold_the_very_values_of_the_scan(client, corpus, view):
    told = client.get(f"/api/stacks/{SCAN}").json()
    plane = next(each for each in told["planes"] if each["plane"] == view)
    for number in (0, 7, plane["slices"] - 1):
        address = told["links"]["slices"].replace("{view}", view).replace("{number}", str(number))
        values = unpack(client.get(address).raise_for_status().content, (plane["rows"], plane["columns"]))
        assert np.array_equal(values.astype(int) + told["least"], corpus.volume.slice(view, number))
        marks = unpack(client.get(address.replace("/slices/", "/slice-labels/")).content, (plane["rows"], plane["columns"]))
        assert np.array_equal(marks, replace(corpus.volume, voxels=corpus.volume.labels).slice(view, number))


def test_a_slice_may_be_kept_for_good_by_its_content_and_is_checked_else(client):
    address = client.get(f"/api/stacks/{SCAN}").json()["links"]["slices"].replace("{view}", "axial").replace("{number}", "3")
    kept = client.get(address)
    assert "immutable" in kept.headers["cache-control"]
    assert kept.headers.get("content-encoding", "identity") == "identity"  # it is packed already
    plain = client.get(f"/api/slices/{SCAN}?number=3")
    assert plain.headers["cache-control"] == "no-cache"
    assert plain.content == kept.content
    assert client.get(f"/api/slices/{SCAN}?number=3", headers={"If-None-Match": plain.headers["etag"]}).status_code == 304
    assert client.get(f"/api/slices/{SCAN}?number=4", headers={"If-None-Match": plain.headers["etag"]}).status_code == 200


def test_a_slice_is_a_picture_through_a_window_with_square_pixels(client, corpus):
    lung = picture_of(client.get(f"/api/slice-pictures/{SCAN}?number=12&window=lung"))
    hounsfield = corpus.volume.slice("axial", 12).astype(float)
    wanted = ((hounsfield + 1350) / 1500 * 255).clip(0, 255)
    assert np.abs(lung - wanted).max() <= 0.51
    coronal = picture_of(client.get(f"/api/slice-pictures/{SCAN}?number=19&view=coronal"))
    assert coronal.shape == (72, 56)


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        (f"/api/slices/{SCAN}?number=24", 404, "no slice 25; this stack has 24"),
        (f"/api/slices/{SCAN}?number=-1", 404, "this stack has 24"),
        (f"/api/slices/{SCAN}?number=40&view=coronal", 404, "no coronal slice 41; this stack has 40"),
        (f"/api/slices/{SCAN}?number=1&view=oblique", 404, "axial, coronal, sagittal"),
        (f"/api/slices/{SCAN}?number=one", 422, "number"),
        (f"/api/slice-pictures/{SCAN}?number=1&window=liver", 400, "soft tissue, lung, bone"),
        (f"/api/slice-labels/{SCAN.replace('scan', 'plain')}?number=1", 404, "no labels"),
        (f"/api/stacks/{SCAN}-coronal", 404, "single picture"),
        (f"/api/slices/{SCAN}-coronal?number=1", 404, "single picture"),
        ("/api/stacks/made:other", 404, "made:other"),
        (f"/figure/{SCAN}?slice=25", 404, "axial slices 1 to 24; there is no slice 25"),
        (f"/figure/{SCAN}?slice=0", 404, "slices 1 to 24"),
        (f"/figure/{SCAN}?slice=last", 400, "is no number of a slice"),
        (f"/figure/{SCAN}?view=oblique", 404, "axial, coronal, sagittal"),
        ("/figure/made:former?was=made:before", 404, "made:former"),
        (f"/figure/{SCAN}?window=x", 400, "It has: "),
    ],
)
def test_what_a_stack_does_not_have_is_said_in_words(client, address, status, words):
    answer = client.get(address)
    assert answer.status_code == status
    said = answer.json()["detail"] if address.startswith("/api") else unescape(answer.text)
    assert words in said


def test_a_page_shows_the_slice_view_and_window_of_its_address_without_a_script(client):
    text = unescape(client.get(f"/figure/{SCAN}?slice=20&view=coronal&window=lung").raise_for_status().text)
    shown = re.search(r'<img src="(/api/slice-pictures/[^"]*)"', text)[1]
    assert "view=coronal" in shown
    assert "number=19" in shown
    assert "window=lung" in shown
    assert "coronal, slice 20 of 40" in text
    assert f'href="/figure/{SCAN}?slice=21&view=coronal&window=lung"' in text
    assert f'href="/figure/{SCAN}?slice=19&view=coronal&window=lung"' in text
    assert client.get(shown).headers["content-type"] == "image/png"
    assert "This scan is made up." in text
    assert "the test that drew it" in text


def test_what_there_is_to_know_of_a_stack_is_said_in_the_readers_language(client, stacked):
    spanish = {"Accept-Language": "es"}
    said = "Se tomó de forma oblicua: sus lados son los más cercanos."
    assert said in unescape(client.get(f"/figure/{SCAN}", headers=spanish).raise_for_status().text)
    assert client.get(f"/api/stacks/{SCAN}", headers=spanish).json()["notes"] == ["This scan is made up.", said]
    assert OBLIQUE in unescape(client.get(f"/figure/{SCAN}").text)
    assert OBLIQUE in stacked.atlas.stack(SCAN).stack.notes


def test_a_page_names_what_is_marked_on_its_slice_and_nothing_else(client):
    legend = lambda slice_: re.findall(  # noqa: E731
        r"<li>([^<]+)</li>", re.search(r"data-legend[^>]*>(.*?)</ul>", client.get(f"/figure/{SCAN}?slice={slice_}").text)[1]
    )
    assert legend(12) == ["left kidney", "liver"]
    assert legend(5) == ["left kidney"]
    assert legend(1) == []


@pytest.mark.parametrize("structure", ["liver", "left kidney"])
@pytest.mark.parametrize("view", ["axial", "coronal", "sagittal"])
def test_other_views_are_cut_through_the_structure_that_was_found(client, corpus, structure, view):
    marks = corpus.volume.labels == {"liver": 1, "left kidney": 2}[structure]
    # A slice of the structure, not through its middle.
    axis = {"axial": 0, "coronal": 1, "sagittal": 2}
    slices = np.flatnonzero(marks.any(tuple({0, 1, 2} - {axis[view]})))
    number = int(slices[len(slices) // 3])
    here = np.take(marks, [number], axis[view])
    page = f"/figure/{SCAN}?slice={number + 1}&view={view}&structure={structure.replace(' ', '+')}"
    text = unescape(client.get(page).raise_for_status().text)
    for other in {"axial", "coronal", "sagittal"} - {view}:
        link = re.search(f'data-view="{other}" href="([^"]*)">{other}<', text)[1]
        assert f"structure={structure.replace(' ', '+')}" in link
        middle = np.argwhere(here).mean(0)[axis[other]]
        assert abs(int(re.search(r"slice=(\d+)", link)[1]) - 1 - middle) <= 0.51
        shown = unescape(client.get(link).raise_for_status().text)
        assert f"<li>{structure}</li>" in shown, "it is marked there too"
        back = re.search(f'data-view="{view}" href="([^"]*)">{view}<', shown)[1]
        assert structure in unescape(client.get(back).text)


def test_a_structure_that_is_not_on_the_slice_changes_nothing(client):
    def shown(page):  # below it stands the address of the page, to come back to in another language
        return page.partition("<footer")[0]

    plain = client.get(f"/figure/{SCAN}?slice=1").text
    for name in ("liver", "spleen", "<b>"):
        assert shown(client.get(f"/figure/{SCAN}", params={"slice": 1, "structure": name}).text) == shown(plain)


def test_what_stands_in_the_place_of_another_says_so_where_that_one_was_asked_for(client):
    line = "You asked for <code>made:before</code>, which is not in this atlas any more. This figure has taken its place."
    answer = client.get("/figure/made:before?slice=20&view=coronal")
    assert answer.url.path == f"/figure/{SCAN}"
    assert line in answer.text
    assert "coronal, slice 20 of 40" in answer.text
    assert line in client.get("/search?like=made:before").text
    for other in (
        f"/figure/{SCAN}",
        f"/figure/{SCAN}?was={SCAN}",
        f"/figure/{SCAN}?was=made:else",
        "/figure/made:plain?was=made:before",
    ):
        assert "taken its place" not in client.get(other).text


def test_letters_are_shown_where_the_sides_are_known_only(client):
    sides = lambda name: re.findall(r'<span data-side="\w+">(\w?)</span>', client.get(f"/figure/{name}").text)  # noqa: E731
    assert sides(SCAN) == ["R", "L", "A", "P"]
    assert sides(SCAN.replace("scan", "plain")) == ["", "", "", ""]


def test_a_single_picture_that_is_a_slice_leads_to_its_stack(client):
    told = client.get(f"/api/figures/{SCAN}-coronal").json()
    assert told["slices"] == 0
    assert told["slice_of"]["page"] == f"/figure/{SCAN}?slice=20&view=coronal"
    assert "Scroll from here" in client.get(f"/figure/{SCAN}-coronal").text
    assert client.get(f"/api/figures/{SCAN}").json()["slices"] == 24


def test_python_reads_slices_and_pictures(stacked, corpus):
    reader = stacked.atlas.stack(SCAN)
    assert np.array_equal(reader.slice(3, "sagittal").astype(int) + reader.stack.least, corpus.volume.slice("sagittal", 3))
    assert [each.name for each in reader.structures(12)] == ["left kidney", "liver"]
    own = np.asarray(reader.picture(12, window=Window("narrow", 40, 10)))
    assert set(np.unique(own)) >= {0, 255}


def test_a_search_says_which_slice_it_found_and_opens_there(client):
    told = client.get("/api/search?q=CT+liver").json()
    hit = next(each for each in told["hits"] if each["figure"]["id"] == SCAN)
    assert hit["slice"]["label"] == "liver"
    assert hit["slice"]["words"] == f"slice {hit['slice']['number'] + 1} of 24: liver"
    assert hit["slice"]["page"] == f"/figure/{SCAN}?slice={hit['slice']['number'] + 1}&structure=liver"
    page = unescape(client.get("/search?q=CT+liver").text)
    card = next(each for each in page.split('<li class="card')[1:] if hit["slice"]["page"] in each)
    assert f'<a class="shot" href="{hit["slice"]["page"]}"' in card
    assert hit["slice"]["words"] in card
    assert "stack of 24 slices" in card
    small = client.get(hit["slice"]["thumbnail"])
    assert small.headers["content-type"] == "image/webp"
    shown = picture_of(small).astype(float)
    whole = picture_of(client.get(f"/api/slice-pictures/{SCAN}?number={hit['slice']['number']}")).astype(float)
    grey = shown if shown.ndim == 2 else shown.mean(-1)
    assert grey.shape == whole.shape
    assert np.abs(grey - whole).mean() < 12
    single = next(each for each in told["hits"] if each["figure"]["id"] == f"{SCAN}-coronal")
    assert single["slice"] is None


def test_a_whole_slice_as_a_picture_has_its_stack_s_millimetres_and_another_shape_has_none(stacked):
    stack = stacked.atlas.stack("made:scan").stack
    assert millimetres_in(stack, "coronal", 112, 144) == 0.5  # 56 × 24 voxels of 1 × 3 mm
    assert millimetres_in(stack, "coronal", 112, 100) == 0
    with stacked.client() as client:
        assert "data-mm" not in client.get("/figure/made:scan-coronal").text  # drawn with a pixel for each voxel


def test_of_a_case_of_a_hundred_slices_some_from_all_through_it_are_shown():
    whole, slices = (
        [SimpleNamespace(slice_of=place, number=n) for n in range(count)] for place, count in ((None, 2), ("s", 100))
    )
    shown = _spread(slices + whole, 12)
    assert shown[:2] == whole
    assert [each.number for each in shown[2:]] == list(range(0, 100, 10))
    assert _spread(slices[:3], 12) == slices[:3]
