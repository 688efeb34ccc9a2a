"""An atlas whose pictures lie in a bucket: added, shown, searched, exported, encoded anew, removed and moved."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from mirage.atlas import Atlas
from mirage.corpora.folder import FolderCorpus
from mirage.errors import AtlasError, Unavailable
from mirage.images import bucket as buckets
from mirage.images.remote import RemotePictures
from mirage.settings import Settings
from mirage.storage import manifest
from mirage.storage.archive_export import export
from mirage.storage.archive_import import import_file
from mirage.storage.ingest import add
from mirage.storage.pictures import move_pictures, pictures_of
from mirage.storage.reindex import rebuild_open
from mirage.storage.remove import collect
from mirage.web.server import create_app
from parts import mirage, picture_folder
from s3 import BUCKET, S3
from squares import Squares
from stack_maker import Volumes, volume

_PREFIXES = count()


@pytest.fixture
def address(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    where = f"s3://{BUCKET}/atlas-{next(_PREFIXES)}"
    monkeypatch.setattr(buckets, "_FIRST_WAIT", 0.01)
    monkeypatch.setenv("MIRAGE_PICTURES", where)
    monkeypatch.setenv("MIRAGE_PICTURE_CACHE", str(tmp_path / "cache"))
    s3.asked.clear()
    yield where
    s3.faults.clear()
    s3.of = "GET"


def at(address: str) -> set[str]:
    return set(RemotePictures(address, "", Path("/nowhere"), 10**6).sizes())


def test_an_atlas_is_used_as_one_in_a_folder_is(address: str, s3: S3, tmp_path: Path) -> None:
    folder = tmp_path / "atlas"
    with Atlas.open(folder, encoder=Squares(), create=True) as atlas:
        report = add(atlas, FolderCorpus(picture_folder(tmp_path / "given", 6), name="ward"))
        assert (report.added, report.refused) == (6, ())
        add(atlas, Volumes({"liver": volume(labels=True)}))
        kept = manifest.read(folder)
        assert (kept.pictures, kept.format) == (address, manifest.APART)
        assert not (folder / "pictures").exists()
        assert len(at(address)) == 7 * 2 + 2, "with thumbnails, and the voxels and labels of a stack"
        some = [hit.figure.id for hit in atlas.search("phantom number", k=3).hits]
        assert some
        assert all(atlas.thumbnail(each).is_file() for each in some)

        with TestClient(create_app(atlas, Settings.load()), base_url="http://localhost") as client:
            page = client.get("/search", params={"q": "phantom number"})
            assert page.status_code == 200
            for each in some:
                thumbnail = client.get(f"/api/thumbnails/{each}")
                assert (thumbnail.status_code, thumbnail.headers["content-type"]) == (200, "image/webp")
                assert client.get(f"/api/pictures/{each}").content == atlas.pictures.read(atlas.picture_name(each))
            s3.asked.clear()
            tag = client.get(f"/api/pictures/{some[0]}").headers["etag"]
            assert client.get(f"/api/pictures/{some[0]}", headers={"If-None-Match": tag}).status_code == 304
            assert s3.asked == []
            assert client.get("/api/slice-pictures/volumes:liver", params={"number": 4}).status_code == 200
            assert any("bytes=" in each for each in s3.asked)
            assert not any(each.startswith("GET") and "bytes=" not in each for each in s3.asked), (
                "one slice, not all of them"
            )
            s3.faults = ["403"] * 9
            refused = client.get(f"/api/pictures/{atlas.store.row('volumes:liver').figure.id}")
            assert refused.status_code == 503
            assert "the storage refuses it" in refused.json()["detail"]
            s3.faults = []

        assert add(atlas, FolderCorpus(tmp_path / "given", name="ward")).added == 0
        rebuild_open(atlas, Squares("turned"))
        atlas.remove(corpus="folder-ward")
        assert len(at(address)) == 4
        assert collect(atlas) == (0, 0)
        atlas.pictures.put(volume_picture())
        assert collect(atlas)[0] == 1
        assert len(at(address)) == 4


def volume_picture():
    from stack_maker import picture

    return picture(volume(seed=9), 3)


def test_it_is_exported_and_imported_from_bucket_to_bucket(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, target = tmp_path / "atlas", tmp_path / "all.mirage"
    with Atlas.open(folder, encoder=Squares(), create=True) as atlas:
        add(atlas, FolderCorpus(picture_folder(tmp_path / "given", 3), name="ward"))
        add(atlas, Volumes({"liver": volume(labels=True)}))
        names = set(atlas.pictures.names())
    export(folder, target, purpose="myself")
    with zipfile.ZipFile(target) as archive:
        assert {Path(each).name for each in archive.namelist()} >= names
    monkeypatch.setenv("MIRAGE_PICTURES", f"{address}-second")
    with Atlas.open(tmp_path / "second", encoder=Squares(), create=True) as second:
        assert import_file(target, second).added == 4
        assert set(second.pictures.names()) == names
        assert at(f"{address}-second") == at(address)


def test_pictures_move_to_a_bucket_and_back(address: str, s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIRAGE_PICTURES", "")
    folder = tmp_path / "atlas"
    with Atlas.open(folder, encoder=Squares(), create=True) as atlas:
        add(atlas, FolderCorpus(picture_folder(tmp_path / "given", 4), name="ward"))
        files = {path.relative_to(folder): path.read_bytes() for path in (folder / "pictures").rglob("*.*")}
        s3.of, s3.faults = "PUT", ["", "", "", *["403"] * 9]
        with pytest.raises(Unavailable):
            move_pictures(atlas, address)
        assert manifest.read(folder).pictures == ""
        assert {path.relative_to(folder): path.read_bytes() for path in (folder / "pictures").rglob("*.*")} == files
        s3.faults = []
        told: list[tuple[int, int]] = []
        assert move_pictures(atlas, address, lambda *each: told.append(each))[0] == 8
        assert told[-1][0] == told[-1][1] < 8, "what was there already was not sent again"
        assert not (folder / "pictures").exists()
        assert manifest.read(folder).pictures == address
    with Atlas.open(folder, encoder=Squares()) as atlas:
        assert atlas.thumbnail(atlas.search("phantom", k=1).hits[0].figure.id).is_file()
        assert move_pictures(atlas, address) == (0, 0)
        left = folder / next(iter(files))
        left.parent.mkdir(parents=True)
        left.write_bytes(files[left.relative_to(folder)])
        assert move_pictures(atlas, address)[0] == 1, "what a stopped move left is removed"
        move_pictures(atlas, str(share := tmp_path / "share"))
        assert manifest.read(folder).pictures == str(share)
        assert {path.name for path in share.rglob("*.*")} == {path.name for path in files}
        move_pictures(atlas, "")
        assert {path.relative_to(folder): path.read_bytes() for path in (folder / "pictures").rglob("*.*")} == files
        assert manifest.read(folder).pictures == ""
        assert at(address) == set()


def test_a_damaged_picture_does_not_move(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIRAGE_PICTURES", "")
    with Atlas.open(tmp_path / "atlas", encoder=Squares(), create=True) as atlas:
        add(atlas, FolderCorpus(picture_folder(tmp_path / "given", 2), name="ward"))
        name = next(atlas.pictures.names())
        atlas.pictures.path(name).write_bytes(b"damaged")
        with pytest.raises(AtlasError, match=rf"{name} is damaged"):
            move_pictures(atlas, address)
        assert atlas.pictures.address == ""


def test_two_atlases_do_not_share_an_address(address: str, tmp_path: Path) -> None:
    with Atlas.open(tmp_path / "one", encoder=Squares(), create=True) as one:
        add(one, FolderCorpus(picture_folder(tmp_path / "given", 2), name="ward"))
    with pytest.raises(AtlasError, match="pictures of another atlas"):
        Atlas.open(tmp_path / "two", encoder=Squares(), create=True)
    assert len(at(address)) == 4


def test_the_command_moves_them_and_show_tells_where_they_are(
    address: str, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIRAGE_PICTURES", "")
    done = mirage("atlas", "move", "--pictures", address, atlas=small)
    assert done.returncode == 0, done.stderr
    assert f"moved to {address}." in done.stderr
    figure = next(iter(pictures_of(small).names()))
    assert pictures_of(small).find(figure[:64]) == f"{address}/{figure[:2]}/{figure}"
    refused = mirage("atlas", "move", "--pictures", "s3://key:secret@bucket/x", atlas=small)
    assert refused.returncode == 2
    assert "secret" not in refused.stderr + refused.stdout


def test_without_the_library_its_package_is_named(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    with pytest.raises(Unavailable, match="is not installed: pip install s3fs"):
        pictures_of(tmp_path, address).read("0" * 64 + ".png")
