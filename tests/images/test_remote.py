"""Pictures at an address of S3, over HTTP: whole or not at all, whatever the storage answers."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mirage.errors import AtlasError, BadInput, BadPicture, NotFound, Unavailable
from mirage.images import bucket as buckets
from mirage.images.bucket import check_address, local_folder
from mirage.images.remote import RemotePictures
from mirage.images.stack_reader import StackReader
from mirage.images.store import PictureStore
from s3 import BUCKET, S3
from scan_maker import phantom

_PREFIXES = count()


def picture(seed: int = 0, side: int = 64) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (side, side), np.uint8))


@pytest.fixture
def address(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(buckets, "_FIRST_WAIT", 0.01)
    s3.asked.clear()
    yield f"s3://{BUCKET}/test-{next(_PREFIXES)}"
    s3.faults.clear()
    s3.of = "GET"


@pytest.fixture
def pictures(address: str, tmp_path: Path) -> RemotePictures:
    return RemotePictures(address, "this atlas", tmp_path / "cache", 10**7)


def copies(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache").rglob("*") if path.is_file())


def test_pictures_are_what_they_are_in_a_folder(pictures: RemotePictures, tmp_path: Path) -> None:
    here = PictureStore(tmp_path / "here")
    for seed in range(3):
        assert pictures.put(picture(seed)) == here.put(picture(seed))
    names = list(here.names())
    assert list(pictures.names()) == names
    assert pictures.sizes() == here.sizes()
    assert pictures.size(names) == here.size(names) > 0
    for name in names:
        assert name in pictures
        assert pictures.read(name) == here.read(name) == pictures.path(name).read_bytes()
        assert pictures.read_thumbnail(name) == here.read_thumbnail(name) == pictures.thumbnail_path(name).read_bytes()
        assert pictures.find(name[:64]) == f"{pictures.address}/{name[:2]}/{name}"
    pictures.remove_all(names[:2])
    assert list(pictures.names()) == names[2:]
    assert pictures.lone_thumbnails() == {}
    assert not pictures.path(names[0]).exists(), "nor is its copy there"
    assert pictures.find(names[0][:64]) == ""
    with pytest.raises(NotFound, match=r"is not at s3://"):
        pictures.read(names[0])


def test_what_was_read_once_is_read_here(pictures: RemotePictures, s3: S3) -> None:
    name = pictures.put(picture()).name
    pictures.path(name)
    s3.asked.clear()
    assert pictures.path(name).is_file()
    assert pictures.read(name)
    assert s3.asked == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="This system has no disk that is always full.")
def test_a_disk_here_that_is_full_is_not_told_as_a_fault_of_the_storage(address: str, s3: S3) -> None:
    bucket = buckets.Bucket(address)
    bucket.put("large", bytes(100_000))
    s3.asked.clear()
    with pytest.raises(Unavailable, match="full"):
        bucket.fetch("large", Path("/dev/full"), lambda _: True)
    assert len([each for each in s3.asked if each.startswith("GET")]) == 1


def test_another_process_and_another_store_read_the_same(pictures: RemotePictures, tmp_path: Path) -> None:
    name = pictures.put(picture()).name
    reader = RemotePictures(pictures.address, "", tmp_path / "elsewhere", 10**7)
    assert reader.read(name) == pictures.read(name)
    with pytest.raises(AtlasError, match="pictures of another atlas are at s3://"):
        reader.remove(name)
    assert name in pictures


@pytest.mark.parametrize("fault", ["503", "cut", "half"])
def test_a_storage_that_fails_for_a_moment_is_asked_again(
    pictures: RemotePictures, s3: S3, tmp_path: Path, fault: str
) -> None:
    name = pictures.put(picture(side=512)).name
    s3.faults = [fault, fault]
    assert hashlib.sha256(pictures.path(name).read_bytes()).hexdigest() == name[:64]
    assert s3.faults == []
    s3.faults = [fault, fault]
    assert pictures.thumbnail_path(name).is_file()
    assert len(copies(tmp_path)) == 2


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("403", r"may not be read: the storage refuses it \(it answered 403 AccessDenied\). Check the key"),
        ("skewed", "clock"),
        ("503", "asked 5 times and it answered 503 ServiceUnavailable. Try again later"),
        ("half", "is not whole, each time it is read"),
    ],
)
def test_what_stays_bad_is_said_and_nothing_half_is_kept(
    pictures: RemotePictures, s3: S3, tmp_path: Path, fault: str, told: str
) -> None:
    name = pictures.put(picture()).name
    for read in (pictures.path, pictures.thumbnail_path, pictures.read):
        s3.faults = [fault] * 50
        with pytest.raises(Unavailable, match=told) as refused:
            read(name)
        assert "AKIASECRET" not in str(refused.value)
    assert copies(tmp_path) == []


@pytest.mark.parametrize("fault", ["403", "503"])
def test_what_cannot_be_put_is_said_and_is_not_there(pictures: RemotePictures, s3: S3, fault: str) -> None:
    pictures.put(picture(1))
    s3.of, s3.faults = "PUT", [fault] * 50
    with pytest.raises(Unavailable, match=r"written: .*answered"):
        pictures.put(picture())
    s3.faults = []
    assert len(list(pictures.names())) == 1
    s3.faults = ["503"]
    kept = pictures.put(picture())
    assert pictures.read(kept.name)


def test_a_picture_whose_thumbnail_failed_is_put_again(pictures: RemotePictures, s3: S3) -> None:
    first = pictures.put(picture())
    pictures.remove_files([f"{first.name[:64]}.thumb.webp"])
    assert pictures.put(picture()) == first
    pictures.remove_files([first.name])
    assert list(pictures.lone_thumbnails()) == [f"{first.name[:64]}.thumb.webp"]
    assert pictures.put(picture()) == first
    assert len(pictures.sizes()) == 2


def test_slices_are_read_alone_and_all_of_them_at_once(pictures: RemotePictures, s3: S3, tmp_path: Path) -> None:
    volume = phantom()
    kept, here = pictures.put_stack(volume), PictureStore(tmp_path / "here").put_stack(volume)
    assert kept == here
    assert kept.voxels in pictures
    reader = RemotePictures(pictures.address, "", tmp_path / "another", 10**7)
    s3.asked.clear()
    stack = StackReader.open(reader, kept.stack, kept.voxels, kept.labels)
    own = StackReader.open(PictureStore(tmp_path / "here"), kept.stack, kept.voxels, kept.labels)
    assert (stack.slice(3) == own.slice(3)).all()
    ranges = [each for each in s3.asked if "bytes=" in each]
    assert len(ranges) == 3, "its directory and one slice, and of the labels the directory"
    assert not any(each.startswith("GET") and "bytes=" not in each for each in s3.asked)
    other = kept.stack.views[1]
    s3.asked.clear()
    assert (stack.slice(2, other) == own.slice(2, other)).all()
    assert len(s3.asked) <= 2, "the whole file at once"
    s3.asked.clear()
    assert (stack.slice(1) == own.slice(1)).all()
    assert s3.asked == []


def test_half_a_slice_is_asked_for_again_and_a_damaged_one_is_refused(
    pictures: RemotePictures, s3: S3, tmp_path: Path
) -> None:
    kept = pictures.put_stack(phantom())
    file = RemotePictures(pictures.address, "", tmp_path / "another", 10**7).open_stack(kept.voxels, kept.stack)
    right = file.packed(0)
    s3.faults = ["half", "cut"]
    assert file.packed(0) == right
    data = bytearray(pictures.read(kept.voxels))
    data[80] ^= 255
    pictures.bucket.put(f"{kept.voxels[:2]}/{kept.voxels}", bytes(data))
    with pytest.raises(BadPicture, match="damaged"):
        file.packed(0)


def test_copies_take_no_more_room_than_they_may(address: str, tmp_path: Path) -> None:
    pictures = RemotePictures(address, "this atlas", tmp_path / "cache", 100_000)
    names = [pictures.put(picture(seed, 128)).name for seed in range(12)]
    for name in names:
        old = pictures.path(name)
        os.utime(old, (time.time() - 3600,) * 2)
    kept = copies(tmp_path)
    assert 0 < sum(path.stat().st_size for path in (tmp_path / "cache").rglob("*.png")) <= 120_000
    assert names[-1] in kept
    assert len(kept) < len(names)
    held = pictures.path(names[0])
    pictures._cache.make_room()
    assert held.is_file(), "what was asked for just now stays"


def test_a_server_that_is_not_there_is_said_in_a_sentence(pictures: RemotePictures, monkeypatch: pytest.MonkeyPatch) -> None:
    from s3fs import S3FileSystem

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    S3FileSystem.clear_instance_cache()  # where the server is was read when the first was made
    away = RemotePictures("s3://nowhere-near/it", "", pictures.folder, 10**7)
    with pytest.raises(Unavailable, match=r"s3://nowhere-near/it cannot be read: .* could not be reached"):
        away.read("0" * 64 + ".png")
    S3FileSystem.clear_instance_cache()


def test_a_bucket_that_is_not_there_is_said_when_something_is_put(tmp_path: Path, address: str) -> None:
    with pytest.raises(Unavailable, match="there is no such bucket"):
        RemotePictures("s3://not-made/it", "", tmp_path, 10**7).put(picture())


def test_other_kinds_of_storage_need_a_second_name_until_all_is_there(tmp_path: Path) -> None:
    import fsspec
    from fsspec.implementations.local import LocalFileSystem

    class Slow(LocalFileSystem):
        """As a file server is: what is half-written is seen."""

        protocol = "slow"

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return path.removeprefix("slow://").rstrip("/")

        def cp_file(self, path1: str, path2: str, **given: object) -> None:
            assert Path(path1).read_bytes()[:4] in (b"\x89PNG", b"RIFF", b"this")
            super().cp_file(path1, path2, **given)

    fsspec.register_implementation("slow", Slow, clobber=True)
    (tmp_path / "share").mkdir()
    pictures = RemotePictures(f"slow://{tmp_path}/share", "this atlas", tmp_path / "cache", 10**7)
    kept = pictures.put(picture())
    assert pictures.read(kept.name)
    half = tmp_path / "share" / "ab" / f"{'ab' * 32}.png.part"
    half.parent.mkdir()
    half.write_bytes(b"half")
    assert list(pictures.names()) == [kept.name]
    assert pictures.tidy() == 1
    assert not half.exists()
    pictures.remove(kept.name)
    assert list(pictures.names()) == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("s3://key:secret@bucket/prefix", "holds no password"),
        ("s3://bucket/prefix?key=secret", "holds no password"),
        ("s3:/bucket", "is no address"),
        ("simplecache::s3://bucket/x", "is no address"),
        ("http://[", "no address"),
    ],
)
def test_an_address_that_cannot_be_is_refused_without_its_secret(given: str, told: str) -> None:
    with pytest.raises(BadInput, match=told) as refused:
        check_address(given)
    assert "secret" not in str(refused.value)


def test_a_kind_of_address_that_nobody_knows_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="fsspec knows no zz://"):
        RemotePictures("zz://bucket/x", "", tmp_path, 10**7).read("0" * 64 + ".png")


def test_a_path_is_no_address() -> None:
    assert local_folder("/a/b") == Path("/a/b") == local_folder("file:///a/b")
    assert local_folder("s3://a/b") is None
