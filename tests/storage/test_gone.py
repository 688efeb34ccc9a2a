"""What is gone from a folder is told, and taken out where somebody asks for that: all of it, or nothing."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dicom_maker import make_dicom
from mirage import corpora
from mirage.atlas import Atlas
from mirage.corpora.base import Refused
from mirage.errors import BadInput, Unavailable
from mirage.jobs import change
from mirage.storage import gone
from mirage.storage.preview import preview
from mirage.storage.remove import collect
from parts import draw


@pytest.fixture
def atlas(small: Path) -> Iterator[Atlas]:
    """Of six phantoms, in the folder `phantoms` beside it."""
    with Atlas.open(small) as opened:
        yield opened


def added(atlas: Atlas, folder: Path, prune: str = "", **options: object) -> dict[str, object]:
    """What a job that adds a folder says at its end."""
    told: dict[str, object] = {}
    options = {"path": folder, **options}
    merge = bool(options.pop("merge", False))
    change.add_corpus(
        atlas, "folder", options, lambda **changes: told.update(changes), lambda: False, prune=prune, merge=merge
    )
    return told


def test_what_is_gone_and_what_changed_is_named_and_stays_until_somebody_asks(atlas: Atlas, tmp_path: Path) -> None:
    folder = tmp_path / "phantoms"
    (folder / "phantom-001.png").unlink()
    draw(folder / "phantom-002.png", 77)
    found = preview(atlas, corpora.load("folder", path=folder))
    assert [called for _, called in found.gone.figures] == ["phantom-001.png"]
    told = added(atlas, folder)
    assert (told["gone"], told["gone_count"], told["changed"], told["removed"]) == (
        ("phantom-001.png",), 1, ("phantom-002.png",), 0,
    )  # fmt: skip
    gone = "1 figure of it is gone from its source, and stayed in the atlas; “Remove” on its page takes it out"
    assert f"{gone} (in the command: --prune)." in str(told["message"])
    assert atlas.info().figures == 6
    ids = [own for own, _ in found.gone.figures]
    picture = atlas.pictures.path(atlas.store.row(ids[0]).picture.name)
    told = added(atlas, folder, "ask")
    assert (told["removed"], atlas.info().figures, picture.exists()) == (1, 5, False)
    assert atlas.removed(ids), "whoever kept it is told when it went"
    draw(folder / "phantom-001.png", 1)
    assert added(atlas, folder, "ask")["added"] == 1, "what lies there again comes back"
    assert not atlas.removed(ids)


def test_more_than_half_is_taken_out_only_where_that_is_said(atlas: Atlas, tmp_path: Path) -> None:
    folder = tmp_path / "phantoms"
    for number in range(4):
        (folder / f"phantom-00{number}.png").unlink()
    told = added(atlas, folder, "ask")
    assert (told["removed"], told["gone_count"], atlas.info().figures) == (0, 4, 6)
    assert "more than half of the 6 figures" in str(told["message"])
    assert added(atlas, folder, "all")["removed"] == 4
    assert atlas.info().figures == 2


def test_an_empty_folder_or_another_one_of_the_name_takes_nothing_out(atlas: Atlas, tmp_path: Path) -> None:
    empty = tmp_path / "unmounted" / "phantoms"
    empty.mkdir(parents=True)
    with pytest.raises(BadInput, match="holds nothing to add"):
        added(atlas, empty, "all")
    for number in range(9):
        draw(tmp_path / "other" / "phantoms" / f"scan-{number}.png", 60 + number)
    with pytest.raises(BadInput, match="another folder of the same name"):
        added(atlas, tmp_path / "other" / "phantoms", "all")
    told = added(atlas, tmp_path / "other" / "phantoms", "ask", merge=True)
    assert (told["added"], told["removed"]) == (9, 0)
    (tmp_path / "other" / "phantoms" / "scan-0.png").unlink()
    told = added(atlas, tmp_path / "other" / "phantoms", "ask")
    assert (told["gone_count"], told["removed"]) == (7, 0), "six of them lie in the first folder"
    assert "put together of several folders" in str(told["message"])
    assert atlas.info().figures == 15


def test_a_file_that_cannot_be_taken_now_is_not_gone(atlas: Atlas, tmp_path: Path) -> None:
    folder = tmp_path / "ward"
    for number in range(6):
        draw(folder / f"{number}.png", number)

    (folder / "scan.dcm").write_bytes(make_dicom(np.full((16, 16), 7, np.uint16) + np.arange(16, dtype=np.uint16)))
    added(atlas, folder, name="Ward")
    (folder / "scan.dcm").write_bytes(make_dicom(np.zeros((16, 16), np.uint16), BurnedInAnnotation="YES"))
    (folder / "5.png").write_bytes(b"\x89PNG\r\n\x1a\n cut short")
    told = added(atlas, folder, "all", name="Ward")
    assert (told["gone_count"], told["removed"], len(told["refused"])) == (0, 0, 2)  # type: ignore[arg-type]


@pytest.mark.parametrize("what", ["folder", "rows"])
def test_what_cannot_be_looked_into_is_not_gone(
    atlas: Atlas, tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "ward"
    for number in range(4):
        draw(folder / f"{number}.png", number)
        draw(folder / "deep" / f"{number}.png", 10 + number)
    added(atlas, folder, name="Ward")
    if what == "folder":  # rights do not stop root, so the listing itself fails
        listed = os.scandir

        def refused(path: str) -> object:
            if str(path).endswith("deep"):
                raise PermissionError(13, "Permission denied", str(path))
            return listed(path)

        monkeypatch.setattr(os, "scandir", refused)
        (folder / "0.png").unlink()
    else:
        (folder / "figures.csv").write_text('file,caption\n1.png,"a",b,c\n', encoding="utf-8")
        (folder / "0.png").unlink()
    told = added(atlas, folder, "all", name="Ward")
    assert told["removed"] == 0
    assert "So nothing was taken out." in str(told["message"])


def test_a_disk_that_fills_while_it_is_pruned_loses_nothing(
    atlas: Atlas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "phantoms"
    (folder / "phantom-001.png").unlink()
    full = Unavailable("The disk is full.")

    def fails(*given: object) -> None:
        if given[-1]:
            raise full

    with monkeypatch.context() as patched:
        patched.setattr(type(atlas.store.removals), "remove", lambda *_: fails(1))
        with pytest.raises(Unavailable):
            added(atlas, folder, "ask")
    assert atlas.info().figures == 6
    atlas.reconcile()
    with monkeypatch.context() as patched:  # the records are changed, and the index is not
        patched.setattr(type(atlas.index), "remove", fails)
        with pytest.raises(Unavailable):
            added(atlas, folder, "ask")
    atlas.reconcile()
    assert (atlas.info().figures, len(atlas.index)) == (5, 5)


def test_only_figures_of_the_corpus_are_taken_out_of_it(atlas: Atlas, pictures: Callable[..., Path]) -> None:
    added(atlas, pictures(2, name="others", first=40), name="Others")
    (name,) = [each.name for each in atlas.info().corpora if each.name != "folder-others"]
    theirs = [*atlas.store.fingerprints("folder-others")]
    with pytest.raises(BadInput, match="is not of the corpus"):
        gone.prune(atlas, name, theirs)
    assert gone.prune(atlas, "folder-others", ["folder-others:none"]) is None
    removal = gone.prune(atlas, "folder-others", [*theirs, "folder-others:none"])
    assert removal is not None
    assert (removal.figures, removal.corpora) == (2, ("folder-others",))


def test_pictures_that_no_figure_uses_are_collected_and_no_others(atlas: Atlas, tmp_path: Path) -> None:
    with Image.open(draw(tmp_path / "x.png", 91)) as image:
        atlas.pictures.put(image)
    with Image.open(draw(tmp_path / "y.png", 92)) as image:
        lone = atlas.pictures.thumbnail_path(name := atlas.pictures.put(image).name)
    atlas.pictures.path(name).unlink()
    used = {row.picture.name for rows in atlas.store.each() for row in rows}
    assert collect(atlas)[0] == 2
    assert set(atlas.pictures.names()) == used
    assert not lone.exists()
    assert collect(atlas) == (0, 0)


def test_what_is_no_file_is_listed_in_words_and_never_opened(tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    draw(folder / "in" / "a.png", 1)
    draw(tmp_path / "out.png", 2)
    os.mkfifo(folder / "pipe.png")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(folder / "s.dcm"))
    for name, target in (
        ("leads.png", "../out.png"), ("null.png", "/dev/null"), ("gone.png", "nowhere"), ("circle.png", "circle.png"),
        ("away", ".."), ("again", "in"), ("inside.png", "in/a.png"),
    ):  # fmt: skip
        (folder / name).symlink_to(target)
    (folder / "figures.csv").write_text("file,caption\npipe.png,A pipe\nin/a.png,A\n", encoding="utf-8")
    corpus = corpora.load("folder", path=folder)
    told = {each.label: each.reason for each in (*corpus.items(), *corpus.passed_over) if isinstance(each, Refused)}
    assert {name: why.split(".")[0] for name, why in told.items()} == {
        "pipe.png": "It is a named pipe, not a file",
        "pipe": "It is a named pipe, not a file",
        "s.dcm": "It is a socket, not a file",
        "leads.png": "It is a link to a file outside the folder",
        "null.png": "It is a device, not a file",
        "gone.png": "It is a link to something that is not there",
        "circle.png": "It is a link in a circle",
        "away": "It is a link to a folder outside the folder",
        "again": "It is a link to a folder that is looked through by itself",
    }


ODD = [b"caf\xe9.png", b"line\nbreak.png", "right\u202egnp.png".encode(), b"\x1b[31mred.png", ("n" * 240 + ".png").encode()]


def test_names_that_are_no_text_are_told_readably_and_taken(atlas: Atlas, tmp_path: Path) -> None:
    folder = tmp_path / "names"
    draw(folder / "plain.png", 1)
    for number, name in enumerate(ODD):
        os.replace(draw(folder / "x.png", 5 + number), os.path.join(os.fsencode(folder), name))  # noqa: PTH105, PTH118
    (folder / os.fsdecode(b"bad\xff.png")).write_bytes(b"no picture")
    told = added(atlas, folder, name="Names")
    assert told["added"] == 1 + len(ODD)
    (refused,) = told["refused"]  # type: ignore[misc]
    assert refused.label == "bad\ufffd.png"
    os.unlink(os.path.join(os.fsencode(folder), ODD[0]))  # noqa: PTH108, PTH118
    told = added(atlas, folder, "ask", name="Names")
    assert (told["gone"], told["removed"]) == (("caf\ufffd.png",), 1)
    for words in (str(told), str(preview(atlas, corpora.load("folder", path=folder)))):
        words.encode()
        assert not set(words) & {"\n", "\u202e", "\x1b"}


def test_a_corpus_that_is_removed_while_it_is_looked_through_ends_the_look_in_words(atlas: Atlas, tmp_path: Path) -> None:
    corpus = corpora.load("folder", path=tmp_path / "phantoms")
    (name,) = [each.name for each in atlas.info().corpora]

    def tell(_: object) -> None:
        if atlas.info().corpora:
            atlas.remove(corpus=name)

    assert len(preview(atlas, corpus, progress=tell).figures) == 6
    assert atlas.info().figures == 0
