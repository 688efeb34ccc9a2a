"""The Corpora page: what is held, and adding by a click."""

import re
import time
from pathlib import Path

import pytest
from conftest import serving

from mirage.atlas import Atlas
from mirage.settings import Settings


@pytest.fixture
def empty(tmp_path, roots):
    """The site of an empty atlas that tests may add to; the copy of MedPix that its settings name is not there."""
    settings = Settings(folder_roots=(roots,), corpora={"medpix": tmp_path / "no-medpix"})
    with Atlas.open(tmp_path / "atlas", create=True) as atlas, serving(atlas, settings, roots) as served:
        yield served


def ended(client, job: dict) -> dict:
    for _ in range(300):
        if job["ended"]:
            return job
        time.sleep(0.1)
        job = client.get(f"/api/jobs/{job['id']}").json()
    raise AssertionError(job)


def test_an_empty_atlas_says_so_and_still_answers(empty):
    with empty.client() as client:
        assert "This atlas holds 0 figures" in client.get("/").text
        page = client.get("/search?q=brain").text
        assert "No figures" in page
        assert "MedPix" in client.get("/corpora").text


def test_a_folder_is_added_by_a_form_without_javascript(empty, roots):
    with empty.client() as client:
        page = client.get("/corpora").text
        assert f"<option>{roots / 'My teaching files'}</option>" in page
        token = re.search(r'name="token" value="([^"]+)"', page)[1]
        sent = {"token": token, "corpus": "folder", "path": str(roots / "My teaching files")}
        answer = client.post("/corpora", data=sent, headers={"Origin": empty.url})
        assert answer.status_code == 200
        assert answer.url.path.startswith("/jobs/")
        job = ended(client, client.get(f"/api{answer.url.path}").json())
        assert job["state"] == "done"
        assert [each["label"] for each in job["refused"]] == ["broken.png"]
        assert "cut short" in job["refused"][0]["reason"]
        page = client.get(answer.url.path).text
        assert "broken.png" in page
        assert "refresh" not in page
        corpus = client.get("/api/corpora").json()["corpora"][0]
        assert (corpus["figures"], corpus["cases"], corpus["complete"]) == (2, 1, True)
        assert client.get("/api/search?q=chest&k=5").json()["hits"]
        assert "2 figures, 1 case" in client.get("/").text.replace(" and ", ", ")


def test_a_program_adds_with_the_token_in_the_header(empty, roots):
    body = {"corpus": "folder", "path": str(roots / "My teaching files")}
    with empty.client() as client:
        answer = client.post("/api/jobs", json=body, headers={"X-Mirage-Token": empty.token})
        assert answer.status_code == 202
        assert ended(client, answer.json())["state"] == "done"
        assert client.get("/api/jobs").json()["jobs"][0]["id"] == answer.json()["id"]
        cancelled = client.post(f"/api/jobs/{answer.json()['id']}/cancel", headers={"X-Mirage-Token": empty.token})
        assert cancelled.json()["state"] == "done", "what has ended stays as it ended"


def test_only_folders_under_the_named_roots_can_be_added(empty, roots, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    link = roots / "a-link-out"
    link.symlink_to(outside)
    try:
        with empty.client(headers={"X-Mirage-Token": empty.token}) as client:
            for path in (outside, link, roots / ".." / "outside", Path("/"), f"{roots}/../../", f"{roots}-evil"):
                answer = client.post("/api/jobs", json={"corpus": "folder", "path": str(path)})
                assert answer.status_code == 400, path
                assert "folder_roots" in answer.json()["detail"]
            for path in (f"{roots}\0x", "~nobody-of-that-name/x"):
                answer = client.post("/api/jobs", json={"corpus": "folder", "path": path})
                assert (answer.status_code, "is no path" in answer.json()["detail"]) == (400, True)
            missing = client.post("/api/jobs", json={"corpus": "folder", "path": str(roots / "missing")})
            assert "no folder" in missing.json()["detail"]
            assert client.post("/api/jobs", json={"corpus": "folder"}).status_code == 400
            assert client.post("/api/jobs", json={"corpus": "secrets"}).status_code == 404
            assert client.get("/api/jobs").json() == {"jobs": []}
    finally:
        link.unlink()


def test_without_roots_the_page_says_how_to_name_them(tmp_path):
    with (
        Atlas.open(tmp_path / "atlas", create=True) as atlas,
        serving(atlas, Settings(folder_roots=()), tmp_path) as served,
        served.client(headers={"X-Mirage-Token": served.token}) as client,
    ):
        assert "folder_roots" in client.get("/corpora").text
        refused = client.post("/api/jobs", json={"corpus": "folder", "path": str(tmp_path)})
        assert refused.status_code == 400
        assert "mirage add folder" in refused.json()["detail"]


def test_a_copy_of_medpix_that_is_not_there_is_said(empty):
    with empty.client(headers={"X-Mirage-Token": empty.token}) as client:
        answer = client.post("/api/jobs", json={"corpus": "medpix"})
        assert answer.status_code == 400
        assert "no-medpix" in answer.json()["detail"]
