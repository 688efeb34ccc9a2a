"""The Corpora page: what is held, and adding by a click."""

import re
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from serving import serving

from dicom_maker import make_dicom
from mirage.atlas import Atlas
from mirage.settings import Settings
from parts import until


@pytest.fixture
def empty(tmp_path, roots):
    """The site of an empty atlas that tests may add to; the copy of MedPix that its settings name is not there."""
    settings = Settings(folder_roots=(roots,), corpora={"medpix": tmp_path / "no-medpix"})
    with Atlas.open(tmp_path / "atlas", create=True) as atlas, serving(atlas, settings, roots) as served:
        yield served


def ended(client, job: dict) -> dict:
    return until(lambda: (now := client.get(f"/api/jobs/{job['id']}").json())["ended"] and now)


@pytest.mark.writes("a page of such an atlas offers no change")
def test_an_empty_atlas_says_so_and_still_answers(empty):
    with empty.client() as client:
        assert "This atlas holds 0 figures" in client.get("/").text
        page = client.get("/search?q=brain").text
        assert "No figures" in page
        assert "MedPix" in client.get("/corpora").text


@pytest.mark.writes("a page of such an atlas offers no change")
@pytest.mark.one_server("names of somebody's own files are told by the server that read them")
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
        assert client.get("/api/jobs").json()["jobs"][0]["id"] == answer.json()["id"].partition("-")[0]
        cancelled = client.post(f"/api/jobs/{answer.json()['id']}/cancel", headers={"X-Mirage-Token": empty.token})
        assert cancelled.json()["state"] == "done", "what has ended stays as it ended"


def series(folder: Path, positions: list[tuple[float, float]], uid: str) -> None:
    """A series of axial slices at some heights, each moved along the couch's other axis too."""
    folder.mkdir()
    for number, (y, z) in enumerate(positions):
        pixels = np.add.outer(np.arange(20), 9 * np.arange(24)).astype(np.int16) + number
        (folder / f"IM{number}.dcm").write_bytes(
            make_dicom(
                pixels,
                SeriesInstanceUID=uid,
                InstanceNumber=number,
                ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
                ImagePositionPatient=[0, y, z],
                PixelSpacing=[1, 1],
            )
        )


@pytest.mark.one_server("names of somebody's own files are told by the server that read them")
def test_what_is_amiss_with_a_stack_is_told_where_it_is_added(empty, roots):
    folder = roots / "scans"
    folder.mkdir()
    try:
        series(folder / "gap", [(0, z) for z in (0, 2, 4, 8, 10)], "1.2.3.1")
        series(folder / "tilt", [(z / 3, z) for z in (0, 3, 6, 9)], "1.2.3.2")
        series(folder / "whole", [(0, z) for z in (0, 2, 4, 6)], "1.2.3.3")
        image = nib.Nifti1Image(np.arange(20 * 24 * 6 * 2).reshape(20, 24, 6, 2).astype(np.int16), np.eye(4))
        image.to_filename(folder / "four.nii.gz")
        body = {"corpus": "folder", "path": str(folder)}
        with empty.client(headers={"X-Mirage-Token": empty.token}) as client:
            job = ended(client, client.post("/api/jobs", json=body).json())
            assert (job["added"], job["refused"]) == (4, [])
            said: dict[str, str] = {}
            for each in job["noted"]:
                said[each["label"]] = said.get(each["label"], "") + each["note"]
            assert list(said) == ["four.nii.gz", "gap/IM0.dcm and 4 more slices", "tilt/IM0.dcm and 3 more slices"]
            for words, told in zip(("2 volumes; number 1", "lacks 1 slice", "tilted gantry"), said.values(), strict=True):
                assert words in told
            assert "3 figures were taken with a remark." in job["message"]
            page = client.get(job["page"]).text
            assert all(label in page for label in said)
            assert "tilted gantry" in page
            again = ended(client, client.post("/api/jobs", json=body).json())
            assert (again["kept"], again["noted"]) == (4, [])
    finally:
        shutil.rmtree(folder)


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


@pytest.mark.writes("a page of such an atlas offers no change")
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
