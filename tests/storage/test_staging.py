"""Files that people send lie apart, under names that lead nowhere else, bounded, and not for long."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirage.errors import BadInput, Busy, NotFound
from mirage.storage import staging
from mirage.storage.staging import Batch, Staging, safe_path


@pytest.fixture
def place(tmp_path: Path) -> Staging:
    return Staging(tmp_path / "incoming")


def put(batch: Batch, name: str, data: bytes) -> None:
    if receiving := batch.receive(name):
        receiving.write(data)
        receiving.done()


def test_names_keep_their_places_in_the_folder() -> None:
    assert safe_path("knee/./01.png") == "knee/01.png"
    assert safe_path("knee\\01.png") == "knee/01.png"
    assert safe_path("Mu\u0308ller.png") == "M\u00fcller.png", "as a table writes it"
    for clutter in (".DS_Store", "knee/.hidden/01.png", "Thumbs.db", "__MACOSX/01.png", ""):
        assert safe_path(clutter) == ""


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd", "knee/../../x.png", "/etc/passwd", "C:\\x.png", "\\\\server\\x.png", "a\0.png", "a\nb.png",
        "a\u202egnp.exe", "x" * 300 + ".png", "ä" * 130 + ".png", "/".join(["a"] * 30), "CON", "con.png", "knee/LPT1.dcm",
        "name. ", "\udcff.png",
    ],
)  # fmt: skip
def test_names_that_lead_elsewhere_or_cannot_be_kept_are_refused_by_name(place: Staging, name: str) -> None:
    with pytest.raises(BadInput):
        safe_path(name)
    batch = place.begin(1000)
    put(batch, name, b"1")
    assert (batch.files, len(batch.refused)) == (0, 1)
    assert len(batch.refused[0].label) <= 120
    assert [*batch.folder.rglob("*")] == [batch.folder / "files"]


def test_what_is_too_much_is_refused_and_leaves_nothing(place: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = place.begin(10)
    put(batch, "a.png", b"123456")
    put(batch, "b.png", b"123456")
    monkeypatch.setattr(staging, "MOST_FILE", 3)
    put(batch, "c.png", b"1234")
    monkeypatch.setattr(staging, "MOST_FILES", 1)
    put(batch, "d.png", b"1")
    assert (batch.files, batch.bytes) == (1, 6)
    assert [entry.label for entry in batch.refused] == ["b.png", "c.png", "d.png"]
    assert [path.name for path in batch.folder.rglob("*") if path.is_file()] == ["a.png"]


def test_two_files_of_one_name_are_told_apart_and_one_sent_twice_is_one(place: Staging) -> None:
    batch = place.begin(1000)
    for data in (b"one", b"one", b"other"):
        put(batch, "knee/a.png", data)
    put(batch, "knee", b"a file where a folder is")
    put(batch, "knee/a.png/b.png", b"a folder where a file is")
    assert batch.files == 1
    assert [entry.label for entry in batch.refused] == ["knee/a.png", "knee", "knee/a.png/b.png"]
    assert (batch.root, batch.named) == (batch.folder / "files" / "knee", "knee")
    again = place.begin(1000)
    put(again, "knee/a.png", b"one")
    times = [(each.root / "a.png").stat().st_mtime_ns for each in (batch, again)]
    assert times[0] == times[1], "it is known again by its content"


def test_what_broke_off_is_gone(place: Staging) -> None:
    batch = place.begin(1000)
    receiving = batch.receive("a.png")
    receiving.write(b"half")
    receiving.drop()
    assert [*batch.folder.rglob("*")] == [batch.folder / "files"]


def test_nothing_lasts(place: Staging, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batch, other = place.begin(1000), place.begin(1000)
    put(batch, "a.png", b"1")
    monkeypatch.setattr(staging, "KEPT_SECONDS", -1.0)
    other.adding = "a job"
    place.sweep()
    assert place.get(other.id) is other
    with pytest.raises(NotFound, match="Drop them again"):
        place.get(batch.id)
    place.ended("a job", keep=True)
    assert other.folder.exists()
    other.adding = "a job"
    place.ended("a job", keep=False)
    assert [*(tmp_path / "incoming").iterdir()] == []
    (tmp_path / "incoming" / "left").mkdir()
    Staging(tmp_path / "incoming")
    assert not (tmp_path / "incoming").exists(), "what a killed process left"


def test_so_many_at_once_and_no_more(place: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    first = place.begin(1000)
    for _ in range(7):
        place.begin(1000)
    with pytest.raises(Busy):
        place.begin(1000)
    monkeypatch.setattr(staging, "_IDLE_SECONDS", -1.0)
    place.begin(1000)
    with pytest.raises(NotFound):
        place.get(first.id)
