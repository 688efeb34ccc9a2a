"""The atlas moved to another encoder while it is served: answered from the old index, then from the new."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from PIL import Image
from serving import Served, picture, serving

from mirage.atlas import Atlas
from mirage.jobs import Jobs
from mirage.settings import Settings
from parts import PATIENCE, until
from squares import Squares, installed

pytestmark = pytest.mark.one_server("a command asks the server that the folder names")


class Held:
    """Hold the other encoder at its first pictures until somebody lets go."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.go, self.encoding = threading.Event(), threading.Event()
        encode = Squares.encode_images

        def slowly(encoder: Squares, images: list[Image.Image]) -> object:
            self.encoding.set()
            self.go.wait(PATIENCE)
            return encode(encoder, images)

        patch.setattr(Squares, "encode_images", slowly)


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    monkeypatch.syspath_prepend(installed(tmp_path / "site"))
    made = Held(monkeypatch)
    yield made
    made.go.set()


@pytest.fixture
def moving(small: Path, tmp_path: Path, held: Held) -> Iterator[Served]:
    """Six figures, served by a site of the test's own."""
    with Atlas.open(small) as atlas, serving(atlas, Settings(), tmp_path) as served:
        yield served
        held.go.set()


@pytest.fixture
def command(moving: Served) -> Iterator[httpx.Client]:
    with moving.client(headers={"X-Mirage-Token": moving.atlas.holder.token}) as made:
        yield made


def rebuild(client: httpx.Client, **body: str) -> dict:
    answer = client.post("/api/atlas/rebuild", json=body)
    assert answer.status_code == 202, answer.text
    return answer.json()


def ended(client: httpx.Client, job: dict) -> dict:
    found: dict = until(lambda: (now := client.get(f"/api/jobs/{job['id']}").json())["ended"] and now)  # type: ignore[assignment]
    return found


def test_the_old_encoder_answers_until_the_new_one_does_without_a_restart(
    moving: Served, command: httpx.Client, held: Held
) -> None:
    dropped = command.post("/api/embed", files={"file": ("a.png", picture())}).json()["picture"]
    job = rebuild(command, encoder="squares")
    assert (job["kind"], job["title"], job["page"]) == ("rebuild", "Encode anew with squares", f"/jobs/{job['id']}")
    assert held.encoding.wait(PATIENCE)
    assert command.get("/api/atlas").json()["encoder"]["name"] == "starter"
    body = {"terms": [{"picture": dropped}], "k": 3}
    assert command.post("/api/search", json=body).json()["hits"]
    assert job["id"] in command.get("/corpora").text
    page = command.get(job["page"])
    assert page.status_code == 200
    assert "The old index answers until the new one is whole" in page.text
    held.go.set()
    done = ended(command, job)
    assert (done["state"], done["message"]) == (
        "done",
        "The index was made anew: 6 figures, 6 of them encoded now with squares.",
    )
    assert moving.atlas.encoder.info() == Squares().info()
    assert command.get("/api/search", params={"q": "phantom number 2"}).json()["hits"]
    refused = command.post("/api/search", json=body)
    assert refused.status_code == 400
    assert refused.json()["detail"] == "This picture was embedded by another encoder than this atlas uses. Drop it again."
    again = command.post("/api/embed", files={"file": ("a.png", picture())}).json()["picture"]
    assert command.post("/api/search", json={"terms": [{"picture": again}]}).json()["hits"]
    name = moving.atlas.index_name
    assert [path.name for path in moving.atlas.path.glob("index*")] == ([] if "://" in name else [name])


def test_no_search_fails_while_the_atlas_is_swapped_under_it(moving: Served, command: httpx.Client, held: Held) -> None:
    held.go.set()
    stop, codes = threading.Event(), [list[int]() for _ in range(3)]

    def ask(codes: list[int]) -> None:
        with moving.client() as client:
            like = client.get("/api/search", params={"q": "phantom"}).json()["hits"][0]["figure"]["id"]
            while not stop.is_set():
                for given in ({"q": "phantom", "refine": "1"}, {"like": like}, {"q": "phantom", "modality": "CT"}):
                    codes.append(client.get("/api/search", params=given).status_code)
                codes.append(client.get("/api/facets", params={"q": "phantom", "plane": "axial"}).status_code)

    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(ask, each) for each in codes]
        try:
            for encoder in ("squares", "starter", "squares", ""):
                before = [len(each) for each in codes]
                assert ended(command, rebuild(command, encoder=encoder))["state"] == "done"
                until(lambda before=before: all(len(each) > had for each, had in zip(codes, before, strict=True)))
        finally:
            stop.set()
        for each in asking:
            each.result()
    assert {code for each in codes for code in each} == {200}


def test_a_cancelled_one_leaves_the_atlas_as_it_was(moving: Served, command: httpx.Client, held: Held) -> None:
    job = rebuild(command, encoder="squares")
    assert held.encoding.wait(PATIENCE)
    command.post(f"/api/jobs/{job['id']}/cancel")
    held.go.set()
    done = ended(command, job)
    assert done["state"] == "cancelled"
    assert "The atlas is what it was" in done["message"]
    assert command.get("/api/atlas").json()["encoder"]["name"] == "starter"
    assert command.get("/api/search", params={"q": "phantom"}).json()["hits"]


def test_the_same_one_twice_is_one_and_what_is_added_waits_for_it(
    moving: Served, command: httpx.Client, held: Held, tmp_path: Path
) -> None:
    job = rebuild(command, encoder="squares")
    assert held.encoding.wait(PATIENCE)
    assert rebuild(command, encoder="squares")["id"] == job["id"]
    added = command.post("/api/jobs", json={"corpus": "folder", "path": str(tmp_path / "phantoms")}).json()
    assert (added["state"], added["ahead"]) == ("queued", 1)
    held.go.set()
    assert ended(command, added)["message"].startswith("0 figures added, 6 were there already")
    assert moving.atlas.encoder.info().name == "squares"


def test_a_site_that_stops_goes_on_with_it_at_its_next_start(small: Path, tmp_path: Path, held: Held) -> None:
    with Atlas.open(small) as atlas:
        jobs = Jobs(atlas)
        job = jobs.start_rebuild(encoder="squares")
        assert held.encoding.wait(PATIENCE)
        closing = threading.Thread(target=jobs.close)
        closing.start()
        until(lambda: jobs._closing)
        held.go.set()
        closing.join()
        assert atlas.encoder.info().name == "starter"
    with Atlas.open(small) as atlas:
        jobs = Jobs(atlas)
        until(lambda: jobs.get(job.id).state == "done")
        jobs.close()
        assert jobs.get(job.id).message == "The index was made anew: 6 figures, 0 of them encoded now with squares."
        assert atlas.encoder.info().name == "squares"


def test_one_that_fails_says_why_and_leaves_the_atlas(moving: Served, command: httpx.Client, held: Held) -> None:
    held.go.set()
    lost = moving.atlas.search("phantom number 4").hits[0].figure.id
    moving.atlas.picture(lost).unlink()
    done = ended(command, rebuild(command, encoder="squares"))
    assert done["state"] == "failed"
    assert f"The picture of {lost} is lost or damaged" in done["message"]
    assert command.get("/api/search", params={"q": "phantom"}).json()["hits"]


def test_only_a_command_of_the_user_who_serves_may_ask_for_it(moving: Served, command: httpx.Client) -> None:
    with moving.client() as anybody:
        for headers in ({}, {"X-Mirage-Token": moving.token}):
            assert anybody.post("/api/atlas/rebuild", json={}, headers=headers).status_code == 403
    refused = command.post("/api/atlas/rebuild", json={"encoder": "nobodys"})
    assert refused.status_code == 404
    assert "squares, starter" in refused.json()["detail"]
