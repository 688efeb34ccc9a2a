"""Words of one's own figures are edited on their page, by the API and by the command; those of others are not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from serving import Served, serving

from mirage import corpora
from mirage.atlas import Atlas
from mirage.settings import Settings
from mirage.storage.ingest import add
from parts import PATIENCE, mirage, until


@pytest.fixture
def own(tmp_path: Path, pictures: Callable[..., Path]) -> Iterator[Served]:
    """The site of an atlas of two pictures of one's own."""
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        add(atlas, corpora.load("folder", path=pictures(2), name="phantoms"))
        with serving(atlas, Settings(), tmp_path) as served:
            yield served


@pytest.fixture(autouse=True)
def _in_peace(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page waits for an edit that takes longer on a busy machine, and does not lead to its job."""
    monkeypatch.setattr("mirage.web.edit._PATIENCE", PATIENCE)


@pytest.fixture
def one(own: Served) -> str:
    return own.atlas.search("phantom number 1").hits[0].figure.id


def form_on(page: str) -> dict[str, str]:
    """What the form on a figure's page would post, as far as it is hidden or written."""
    form = page[page.index('action="/edit"') :]
    return dict(re.findall(r'name="(token|figure|seen|title|diagnosis|region)" value="([^"]*)"', form))


@pytest.mark.writes("a page of such an atlas offers no change")
def test_words_are_edited_on_the_figures_page_and_marked_with_the_day(own: Served, one: str) -> None:
    with own.client(headers={"Origin": own.url}) as client:
        given = form_on(client.get(f"/figure/{one}").text)
        given |= {"caption": "Fracture of the scaphoid <1 cm", "modality": "XR", "plane": "frontal", "title": "Wrist"}
        shown = client.post("/edit", data=given)
        assert shown.url.path == f"/figure/{one}"
        assert re.search(r"Edited here on \d+ \w+ \d{4}: title, caption, modality, plane\.", shown.text)
        assert "Fracture of the scaphoid &lt;1 cm" in shown.text
        assert "Its source says: Phantom number 1" in " ".join(shown.text.split())
        assert "Angiography" in shown.text
        found = client.get("/api/search", params={"q": "scaphoid fracture"}).json()["hits"][0]["figure"]
        assert (found["id"], [*found["edited"]]) == (one, ["title", "caption", "modality", "plane"])
        kinds = client.get("/api/corpora").json()["corpora"][0]["modalities"]
        assert {each["value"]: each["figures"] for each in kinds} == {"CT": 1, "XR": 1}, "the library tells it at once"
        given = form_on(client.get(f"/figure/{one}").text)
        shown = client.post("/edit", data={**given, "undo": "caption", "caption": "typed and not meant"})
        assert "Phantom number 1" in shown.text
        assert "caption" not in client.get(f"/api/figures/{one}").json()["edited"]


@pytest.mark.writes("a page of such an atlas offers no change")
def test_of_two_tabs_the_later_is_told_and_loses_nothing_of_what_it_wrote(own: Served, one: str) -> None:
    with own.client() as client:
        given = form_on(client.get(f"/figure/{one}").text) | {"modality": "CT", "plane": "axial"}
        client.post("/edit", data={**given, "caption": "The first tab"})
        second = client.post("/edit", data={**given, "caption": "The second tab"})
        assert second.status_code == 400
        assert "changed elsewhere meanwhile" in second.text
        assert "The second tab</textarea>" in second.text
        assert own.atlas.figure(one).caption == "The first tab"
        assert client.post("/edit", data=form_on(second.text) | {"caption": "The second tab"}).status_code == 200
        assert own.atlas.figure(one).caption == "The second tab"


@pytest.mark.writes("a page of such an atlas offers no change")
def test_what_cannot_be_is_said_and_stands_in_the_form(own: Served, one: str) -> None:
    with own.client() as client:
        given = form_on(client.get(f"/figure/{one}").text)
        answer = client.post("/edit", data={**given, "caption": "Kept", "plane": "sideways"})
        assert (answer.status_code, "The plane is one of axial" in answer.text) == (400, True)
        assert "Kept</textarea>" in answer.text
        assert client.post("/edit", data={**given, "figure": "nothing:here"}).status_code == 404
        headers = {"X-Mirage-Token": own.token}
        assert client.get("/api/edit", params={"figure": "nothing:here"}, headers=headers).status_code == 404


@pytest.mark.parametrize("headers", [{}, {"X-Mirage-Token": "wrong"}, {"Origin": "https://evil.example"}])
def test_without_the_token_or_from_elsewhere_nothing_is_edited(own: Served, one: str, headers: dict[str, str]) -> None:
    if "Origin" in headers:
        headers = {**headers, "X-Mirage-Token": own.token}
    body = {"figure": one, "words": {"caption": "x"}}
    with own.client() as client:
        assert client.post("/api/edit", json=body, headers=headers).status_code == 403
        assert client.post("/edit", data={"figure": one, "caption": "x"}, headers=headers).status_code == 403
        if "Origin" not in headers:
            assert client.get("/api/edit", params={"figure": one}, headers=headers).status_code == 403, (
                "its source may name one"
            )
    assert own.atlas.figure(one).caption == "Phantom number 1"


@pytest.mark.writes("a page of such an atlas offers no change")
def test_neither_figures_of_others_nor_sites_that_others_reach_have_the_form(site: Served, a_figure: str, tmp_path) -> None:
    with site.client() as client:
        assert 'action="/edit"' not in client.get(f"/figure/{a_figure}").text
        headers = {"X-Mirage-Token": site.token}
        assert client.get("/api/edit", params={"figure": a_figure}, headers=headers).json()["own"] is False
        answer = client.post("/api/edit", json={"figure": a_figure, "words": {"caption": "Mine"}}, headers=headers)
        assert (answer.status_code, "stay its source’s" in answer.json()["detail"]) == (400, True)
        mine = site.atlas.search("frontal chest film number 1").hits[0].figure.id
        assert 'action="/edit"' in client.get(f"/figure/{mine}").text
    with serving(site.atlas, Settings(add_files=False), tmp_path) as closed, closed.client() as client:
        assert 'action="/edit"' not in client.get(f"/figure/{mine}").text
        body = {"figure": mine, "words": {"caption": "x"}}
        assert client.post("/api/edit", json=body, headers={"X-Mirage-Token": closed.token}).status_code == 403


def test_the_command_edits_through_the_server_and_without_one(own: Served, one: str) -> None:
    own.atlas.serving(own.url)
    done = mirage("edit", "figure", one, "--caption", "Torus fracture", "--modality", "X-ray", atlas=own.atlas.path)
    assert (done.returncode, "Edited here: caption, modality." in done.stderr) == (0, True)
    until(lambda: own.atlas.figure(one).modality == "XR")
    told = json.loads(mirage("edit", "figure", one, "--undo", "all", "--json", atlas=own.atlas.path).stdout)
    assert told["words"]["caption"] == {"value": "Phantom number 1", "source": "Phantom number 1", "edited": ""}
    assert mirage("edit", "figure", one, atlas=own.atlas.path).returncode == 2
    assert mirage("edit", "figure", "no:such", "--title", "x", atlas=own.atlas.path).returncode == 4
