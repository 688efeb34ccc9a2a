"""Removing by page and API: it is asked first, wants the token, and what is gone says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from serving import Served, serving

from mirage import corpora
from mirage.atlas import Atlas
from mirage.settings import Settings
from mirage.storage.ingest import add
from parts import until


@pytest.fixture
def own(tmp_path: Path, pictures: Callable[..., Path]) -> Iterator[Served]:
    """The site of an atlas of six pictures, which a test may change."""
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        add(atlas, corpora.load("folder", path=pictures(6), name="phantoms"))
        with serving(atlas, Settings(), tmp_path) as served:
            yield served


def some_figure(own: Served) -> str:
    return own.atlas.search("phantom number 3").hits[0].figure.id


def ended(client, job: dict) -> dict:
    return until(lambda: (now := client.get(f"/api/jobs/{job['id']}").json())["ended"] and now)


@pytest.mark.writes("a page of such an atlas offers no change")
def test_a_corpus_is_removed_from_the_page_which_asks_first(own: Served) -> None:
    with own.client() as client:
        library = client.get("/corpora").text
        address = re.search(r'href="(/remove\?corpus=[^"]+)"', library)[1]
        asked = client.get(address).text
        assert "Remove phantoms?" in asked
        assert "6 figures go" in asked
        assert own.atlas.info().figures == 6, "asking removes nothing"
        form = dict(re.findall(r'name="(token|corpus|figure)" value="([^"]+)"', asked))
        answer = client.post("/remove", data=form, headers={"Origin": own.url})
        assert answer.url.path.startswith("/jobs/")
        job = ended(client, client.get(f"/api{answer.url.path}").json())
        assert (job["state"], job["kind"], job["removed"]) == ("done", "remove", 6)
        assert job["message"].startswith("6 figures, ")
        assert "was removed" in client.get("/corpora").text
        assert client.get("/api/atlas").json()["removed"] == ["folder-phantoms"]
        assert "0 figures" in client.get("/").text


@pytest.mark.writes("a page of such an atlas offers no change")
def test_a_figure_is_removed_from_its_page_and_is_gone_from_all_addresses(own: Served) -> None:
    gone = some_figure(own)
    with own.client() as client:
        address = re.search(r'href="(/remove\?figure=[^"]+)"', client.get(f"/figure/{gone}").text)[1]
        mine = own.atlas.study.collections
        mine.add(mine.make("Phantoms I like").id, "figure", gone)
        asked = client.get(address).text
        assert "1 figure goes from" in asked
        assert "It is kept in Phantoms I like" in asked
        assert "Remove this figure?" in asked
        assert f'value="{gone}"' in asked
        assert f"/api/thumbnails/{gone}" in asked
        form = {"token": own.token, "figure": gone}
        ended(client, {"id": client.post("/remove", data=form).url.path.rpartition("/")[2]})
        for kind in ("figures", "pictures", "thumbnails"):
            answer = client.get(f"/api/{kind}/{quote(gone)}")
            assert answer.status_code == 410
            assert "was removed from this atlas on" in answer.json()["detail"]
        for page in (f"/figure/{gone}", f"/remove?figure={gone}"):
            answer = client.get(page)
            assert answer.status_code == 410
            assert "No longer here" in answer.text
            assert "was removed from this atlas on" in answer.text
        like = client.get("/api/search", params={"like": gone})
        assert "was removed" in like.json()["detail"]


def test_a_program_asks_what_would_go_and_removes_with_the_token(own: Served) -> None:
    gone = [hit.figure.id for hit in own.atlas.search("phantom number", k=2).hits]
    with own.client() as client:
        going = client.get("/api/remove", params={"figure": gone}).json()
        assert (going["figures"], going["cases"], going["corpora"], going["remarks"]) == (2, 0, [], [])
        assert going["bytes"] > 0
        answer = client.post("/api/remove", json={"figures": gone}, headers={"X-Mirage-Token": own.token})
        assert answer.status_code == 202
        assert ended(client, answer.json())["removed"] == 2
        assert own.atlas.info().figures == 4
        near = client.get("/api/remove", params={"corpus": "folder-phantom"})
        assert (near.status_code, "Did you mean folder-phantoms?" in near.json()["detail"]) == (404, True)
        assert client.get("/api/remove").status_code == client.get("/remove").status_code == 400


@pytest.mark.parametrize("headers", [{}, {"X-Mirage-Token": "wrong"}, {"Origin": "https://evil.example"}])
def test_without_the_token_or_from_elsewhere_nothing_goes(own: Served, headers: dict[str, str]) -> None:
    with own.client() as client:
        if "Origin" in headers:
            headers = {**headers, "X-Mirage-Token": own.token}
        assert client.post("/api/remove", json={"corpus": "folder-phantoms"}, headers=headers).status_code == 403
        assert client.post("/remove", data={"corpus": "folder-phantoms"}, headers=headers).status_code == 403
        assert client.get("/api/jobs").json() == {"jobs": []}
    assert own.atlas.info().figures == 6
