"""Marks are read back by the command, by the page and by its twin, and synthetic images stay out of an atlas."""

from __future__ import annotations

import io
import json
from pathlib import Path

import httpx
import pytest
from PIL import Image

from marks_maker import ID, drawn, record, resaved
from mirage import corpora
from mirage.atlas import Atlas
from mirage.generate.provenance import FORMATS, mark
from mirage.images.marks import watermarked
from mirage.jobs import Jobs
from mirage.settings import Settings
from mirage.storage.ingest import add
from mirage.web import create_app
from parts import mirage

ENDINGS = {"png": "png", "jpeg": "jpg", "webp": "webp", "dicom": "dcm"}


@pytest.fixture
def marked(tmp_path: Path) -> dict[str, Path]:
    """A marked file of each format, and a small JPEG made from one."""
    folder = tmp_path / "marked"
    folder.mkdir()
    paths = {}
    for format in FORMATS:
        paths[format] = folder / f"a.{ENDINGS[format]}"
        paths[format].write_bytes(mark(drawn(), record(), format))
    paths["again"] = folder / "again.jpg"
    paths["again"].write_bytes(resaved(paths["png"].read_bytes(), 0.5, quality=75))
    return paths


def test_the_command_tells_every_mark_of_several_files(marked: dict[str, Path]) -> None:
    done = mirage("verify", *marked.values(), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [Path(each["file"]) for each in told] == list(marked.values())
    assert all(each["ours"] and each["id"] == ID for each in told)
    shown = mirage("verify", marked["png"])
    assert "made by MIRAGE" in shown.stdout
    assert "axial brain MRI" in shown.stdout


def test_the_command_says_what_is_wrong_with_bad_files_and_reads_the_others(marked: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "cut.png").write_bytes(marked["png"].read_bytes()[:2000])
    bad = ["empty.png", "text.png", "cut.png", "missing.png"]
    done = mirage("verify", *(tmp_path / name for name in bad), tmp_path, marked["png"])
    assert done.returncode == 2
    for name in bad:
        assert name in done.stderr
    assert "is a folder" in done.stderr
    assert "Traceback" not in done.stderr
    assert "made by MIRAGE" in done.stdout


def test_adding_refuses_every_marked_file_and_takes_the_real_one(marked: dict[str, Path], tmp_path: Path) -> None:
    folder = marked["png"].parent
    drawn((200, 180), seed=3).save(folder / "real.png")
    drawn((200, 180), seed=4).save(
        folder / "other.jpg", xmp=b"<x:xmpmeta>digitalsourcetype/trainedAlgorithmicMedia</x:xmpmeta>"
    )
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        report = add(atlas, corpora.load("folder", path=folder))
    assert report.added == 1
    assert {refused.label for refused in report.refused} == {*(path.name for path in marked.values()), "other.jpg"}
    assert all("synthetic image" in refused.reason for refused in report.refused)


@pytest.fixture
def client(small: Path):
    from starlette.testclient import TestClient

    with Atlas.open(small) as atlas:
        jobs = Jobs(atlas)
        with TestClient(
            create_app(atlas, Settings(upload_max_pixels=4_000_000), jobs_of=jobs), base_url="http://localhost"
        ) as made:
            yield made
        jobs.close()


def sent(client: httpx.Client, address: str, data: bytes) -> httpx.Response:
    return client.post(address, files={"file": ("a <b>.png", data, "application/octet-stream")})


def test_the_page_and_its_twin_tell_mark_by_mark(client, marked: dict[str, Path]) -> None:
    for path in marked.values():
        told = sent(client, "/api/verify", path.read_bytes()).json()
        assert told["synthetic"]
        assert told["ours"]
        assert told["id"] == ID
        page = sent(client, "/verify", path.read_bytes()).text
        assert "Marked as synthetic" in page
        assert ID in page
        assert "<b>" not in page
    assert "contrast&gt;" in sent(client, "/verify", marked["png"].read_bytes()).text


def test_the_page_never_calls_an_unmarked_image_real(client) -> None:
    file = io.BytesIO()
    drawn((200, 200)).save(file, "PNG")
    page = sent(client, "/verify", file.getvalue()).text
    assert "No mark found" in page
    assert "does not mean that the image is real" in page
    assert "Look for marks" in client.get("/verify").text
    assert 'href="/verify"' in client.get("/about").text


def test_bad_uploads_are_answered_in_words(client) -> None:
    bomb = io.BytesIO()
    Image.new("L", (3000, 2000)).save(bomb, "PNG")
    for data in (b"", b"hello", b"\x89PNG\r\n\x1a\n1234", bomb.getvalue()):
        for address in ("/verify", "/api/verify"):
            answer = sent(client, address, data)
            assert answer.status_code in (413, 422), (address, len(data), answer.status_code)
            assert "Traceback" not in answer.text
    assert client.post("/verify", data={"a": "b"}).status_code == 422


def test_searching_with_a_synthetic_picture_is_labelled(client, marked: dict[str, Path], small: Path) -> None:
    told = sent(client, "/api/embed", marked["again"].read_bytes()).json()
    assert told["picture"]
    assert told["synthetic"].startswith("The picture you dropped is synthetic (made by MIRAGE")
    page = sent(client, "/search", marked["again"].read_bytes())
    assert page.status_code == 200
    assert "The picture you dropped is synthetic" in page.text
    file = io.BytesIO()
    drawn().save(file, "PNG")
    assert not sent(client, "/api/embed", file.getvalue()).json()["synthetic"]


def test_the_command_says_so_too(marked: dict[str, Path], small: Path) -> None:
    done = mirage("search", "--image", marked["again"], atlas=small)
    assert "synthetic (made by MIRAGE" in done.stderr


def test_no_real_starter_figure_carries_the_watermark(starter: Atlas) -> None:
    names = [name for name in starter.pictures.names() if not name.endswith(".stack")][::20]
    assert len(names) >= 10
    for name in names:
        with Image.open(starter.pictures.path(name)) as opened:
            assert not watermarked(opened.convert("L")), name
