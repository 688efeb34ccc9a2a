"""Nothing beyond a folder is read: by no link, nor where one takes a file's place after the folder was looked through."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from mirage import corpora
from mirage.corpora.base import Item, Refused
from mirage.corpora.inside import held_inside, open_inside
from mirage.errors import BadPicture
from parts import draw


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A picture, one in a folder within, and beside the folder another one with the same names."""
    for place in ("mine", "theirs"):
        for number, name in enumerate(("a.png", "deep/b.png")):
            draw(tmp_path / place / name, number + 10 * (place == "theirs"))
    (tmp_path / "theirs" / "words.csv").write_text("file,caption\na.png,Somebody else wrote this\n")
    return tmp_path / "mine"


def test_a_table_that_is_a_link_out_of_the_folder_is_named_and_not_read(folder: Path) -> None:
    (folder / "figures.csv").symlink_to(folder.parent / "theirs" / "words.csv")
    entries = [*corpora.load("folder", path=folder).items()]
    assert [each.figure.caption for each in entries if isinstance(each, Item)] == ["", ""]
    assert [each.label for each in entries if isinstance(each, Refused) and "outside" in each.reason] == ["figures.csv"]
    (folder / "figures.csv").unlink()
    (folder / "deep" / "mine.csv").write_text("file,caption\na.png,My own\n")
    (folder / "figures.csv").symlink_to(folder / "deep" / "mine.csv")  # within it links lead where they like
    items = [each for each in corpora.load("folder", path=folder).items() if isinstance(each, Item)]
    assert "My own" in [each.figure.caption for each in items]


@pytest.mark.parametrize("swapped", ["a.png", "deep"])
def test_what_takes_a_file_s_place_after_the_look_is_not_read(folder: Path, swapped: str) -> None:
    corpus = corpora.load("folder", path=folder)
    items = {each.label: each for each in corpus.items() if isinstance(each, Item)}
    place = folder / swapped
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    place.symlink_to(folder.parent / "theirs" / swapped)
    touched = "a.png" if swapped == "a.png" else "deep/b.png"
    with pytest.raises(BadPicture, match="outside the folder"):
        corpus.read(items.pop(touched))
    for other in items.values():
        corpus.read(other)


@pytest.mark.parametrize("swapped", ["a.png", "deep"])
def test_a_link_that_is_quicker_than_the_look_is_not_followed(
    folder: Path, swapped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at where a path leads and its opening."""
    name, before = ("a.png", Path.resolve) if swapped == "a.png" else ("deep/b.png", Path.resolve)

    def resolve(path: Path, strict: bool = False) -> Path:
        found = before(path, strict)
        if path.name == Path(name).name and not (folder / swapped).is_symlink():
            os.rename(folder / swapped, folder / "away")  # noqa: PTH104
            (folder / swapped).symlink_to(folder.parent / "theirs" / swapped)
        return found

    monkeypatch.setattr(Path, "resolve", resolve)
    with pytest.raises(OSError, match="a link has taken its place"):
        open_inside(folder / name, folder)


def test_what_was_opened_is_what_is_read_whatever_is_there_then(folder: Path) -> None:
    own = (folder / "a.png").read_bytes()
    with held_inside(folder / "a.png", folder) as held:
        (folder / "a.png").unlink()
        (folder / "a.png").symlink_to(folder.parent / "theirs" / "a.png")
        assert held.read_bytes() == own
    (folder / "a.png").unlink()
    os.mkfifo(folder / "a.png")
    with pytest.raises(OSError, match="no file"):
        open_inside(folder / "a.png", folder)
