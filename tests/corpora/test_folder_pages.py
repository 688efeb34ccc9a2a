"""Pages and frames of one file become a stack where they are alike; of others the first is taken, and that is said."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from mirage.corpora.base import Item
from mirage.corpora.folder import FolderCorpus
from mirage.errors import BadPicture
from mirage.images import read_picture
from mirage.images.formats import format_of
from mirage.images.pages import MOST_PAGES, pages_of

KINDS: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "grey.tif": (np.uint8, "L", {}),
    "deep.tif": (np.uint16, "I;16", {"compression": "tiff_lzw"}),
    "large.tif": (np.uint16, "I;16", {"big_tiff": True}),
    "float.tif": (np.float32, "F", {}),
    "colour.tif": (np.uint8, "RGB", {"compression": "tiff_adobe_deflate"}),
    "palette.tif": (np.uint8, "P", {}),
    "film.gif": (np.uint8, "L", {}),
    "film.webp": (np.uint8, "RGB", {"lossless": True}),
    "film.png": (np.uint8, "L", {}),
    "deep.png": (np.uint16, "I;16", {}),
}


def page(number: int, kind: Any = np.uint8, mode: str = "L", size: tuple[int, int] = (12, 16)) -> Image.Image:
    values = (np.arange(size[0] * size[1]).reshape(size) % 50 + 40 * number).astype(kind)
    if mode == "RGB":
        return Image.fromarray(np.stack([values, values // 2, values // 3], axis=-1).astype(np.uint8))
    shown = Image.fromarray(values)
    return shown.convert("P") if mode == "P" else shown


def written(place: Path | io.BytesIO, pages: list[Image.Image], **options: Any) -> None:
    pages[0].save(place, save_all=True, append_images=pages[1:], **options)


def only(folder: Path, **given: Any) -> tuple[FolderCorpus, Item]:
    corpus = FolderCorpus(folder, **given)
    (entry,) = corpus.items()
    assert isinstance(entry, Item)
    return corpus, entry


@pytest.mark.parametrize("name", KINDS)
def test_pages_that_are_alike_are_slices_with_their_values(name: str, tmp_path: Path) -> None:
    kind, mode, options = KINDS[name]
    pages = [page(number, kind, mode) for number in range(4)]
    written(tmp_path / name, pages, **options)
    corpus, item = only(tmp_path)
    assert item.stacked
    volume = corpus.read_stack(item)
    wanted = np.stack([np.asarray(one.convert("L") if mode == "P" else one) for one in pages])
    assert volume.voxels.shape == wanted.shape
    assert (volume.voxels == wanted).all()
    assert not volume.spacing_known
    assert "one file" in volume.notes[0]
    corpus, item = only(tmp_path, stacks="none")
    assert not item.stacked
    assert "4 " in corpus.read(item).remarks[0]


def tiff(*pages: Image.Image, **options: Any) -> bytes:
    out = io.BytesIO()
    written(out, list(pages), format="TIFF", **options)
    return out.getvalue()


def last_link(data: bytes) -> int:
    """Where a little-endian TIFF says that no page follows."""
    (at,) = struct.unpack_from("<I", data, 4)
    while at:
        (count,) = struct.unpack_from("<H", data, at)
        link = at + 2 + 12 * count
        (at,) = struct.unpack_from("<I", data, link)
    return link


def followed_by(data: bytes, at: int, more: bytes = b"") -> bytes:
    link = last_link(data)
    return data[:link] + struct.pack("<I", at) + data[link + 4 :] + more


def in_a_circle() -> bytes:
    data = tiff(page(0), page(1))
    return followed_by(data, struct.unpack_from("<I", data, 4)[0])


def of_a_million() -> bytes:
    data = tiff(page(0), page(1))
    begin = len(data)
    empty = b"".join(struct.pack("<HI", 0, begin + 6 * number) for number in range(1, 1_000_000))
    return followed_by(data, begin, empty)


def with_small_copies() -> bytes:
    out = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(out) as writer:
        for number in range(4):
            page(number).save(writer, format="TIFF", tiffinfo={254: int(number > 0)})
            writer.newFrame()
    return out.getvalue()


OME = '<?xml version="1.0"?><OME xmlns="x"><Image><Pixels SizeX="16" SizeC="2" SizeT="1" SizeZ="2"/></Image></OME>'


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: tiff(page(0), page(1)), "2 pages; the first"),
        (lambda: tiff(page(0), page(1), page(2, size=(13, 16))), "3 pages of different sizes or kinds; the first"),
        (lambda: tiff(page(0), page(1), page(2, mode="RGB")), "3 pages of different sizes or kinds; the first"),
        (lambda: tiff(*map(page, range(4)), description=OME), "4 pages of several channels or times (OME-TIFF); the first"),
        (in_a_circle, "2 pages; the first"),
        (of_a_million, "more than 65,535 pages of different sizes or kinds; the first"),
        (with_small_copies, ""),
    ],
    ids=["two", "sizes", "kinds", "channels", "circle", "million", "copies"],
)
def test_of_pages_that_are_no_slices_the_first_is_taken_and_that_is_said(make: Any, said: str, tmp_path: Path) -> None:
    data = make()
    (tmp_path / "a.tif").write_bytes(data)
    corpus, item = only(tmp_path)
    assert not item.stacked
    for picture in (corpus.read(item), read_picture(data, name="dropped")):
        assert (np.asarray(picture.image) == np.asarray(page(0))).all()
        assert said in " ".join(picture.remarks)
        assert bool(said) == bool(picture.remarks)


def test_a_row_gives_its_words_to_all_pages(tmp_path: Path) -> None:
    written(tmp_path / "a.tif", [page(number) for number in range(3)])
    (tmp_path / "figures.csv").write_text("file,caption\na.tif,Three slices\n")
    _, item = only(tmp_path)
    assert (item.stacked, item.figure.caption) == (True, "Three slices")


def test_a_file_that_was_one_picture_stands_there_once(tmp_path: Path) -> None:
    written(tmp_path / "a.tif", [page(number) for number in range(3)])
    _, stack = only(tmp_path)
    _, single = only(tmp_path, stacks="none")
    assert single.figure.id in stack.former_ids
    assert stack.figure.id in single.former_ids


def test_pages_that_share_their_bytes_are_not_read_for_ever(tmp_path: Path) -> None:
    """Each page is described anew, and all have the one strip."""
    data = tiff(page(0, size=(200, 200)))
    (at,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    directory = data[at : at + 2 + 12 * count]
    for _ in range(30):
        data = followed_by(data, len(data), directory + bytes(4))
    (tmp_path / "a.tif").write_bytes(data)
    corpus, item = only(tmp_path)
    volume = corpus.read_stack(item)
    assert (len(volume.voxels), "Of 31 pages the first 2 could be read" in volume.notes[1]) == (2, True)


@pytest.mark.parametrize(("name", "there"), [("a.tif", 3), ("a.png", 3), ("a.png", 1), ("a.png", 0)])
def test_pages_before_one_that_is_cut_off_are_taken_and_that_is_said(name: str, there: int, tmp_path: Path) -> None:
    pages = [page(number, size=(100, 100)) for number in range(4)]
    if name == "a.tif":
        data, called = tiff(*pages)[:-600], "pages"  # pixels stand behind what describes them
    else:
        film = io.BytesIO()
        written(film, pages, format="PNG")
        frames = [at for at in range(len(film.getvalue())) if film.getvalue().startswith(b"fcTL", at)]
        data, called = film.getvalue()[: frames[there] + 60], "frames"
    (tmp_path / name).write_bytes(data)
    corpus, item = only(tmp_path)
    if not there:
        with pytest.raises(BadPicture, match=r"a\.png, frame 1 is damaged or cut short"):
            corpus.read_stack(item)
        return
    volume = corpus.read_stack(item)
    assert (volume.voxels == np.stack([np.asarray(one) for one in pages[:there]])).all()
    assert volume.notes[1] == f"Of 4 {called} the first {there} could be read; what follows is damaged or missing."
    assert corpus.read(item).image.size == (100, 100)


def test_what_a_film_shows_where_none_can_be_shown_is_no_frame_of_it(tmp_path: Path) -> None:
    pages = [page(number) for number in range(4)]
    written(tmp_path / "a.png", pages, default_image=True)
    corpus, item = only(tmp_path)
    assert (corpus.read_stack(item).voxels == np.stack([np.asarray(one) for one in pages[1:]])).all()


def test_pages_of_a_synthetic_image_are_refused(tmp_path: Path) -> None:
    words = b"<x:xmpmeta>digitalsourcetype/trainedAlgorithmicMedia</x:xmpmeta>"
    written(tmp_path / "a.tif", [page(number) for number in range(3)], tiffinfo={700: words})
    corpus, item = only(tmp_path)
    with pytest.raises(BadPicture, match="synthetic"):
        corpus.read_stack(item)


def test_frames_of_a_film_that_never_ends_are_counted_to_an_end() -> None:
    frame = b",\0\0\0\0\1\0\1\0\0\2\1\0\0"
    film = b"GIF89a\1\0\1\0\0\0\0" + 200_000 * frame + b";"
    found = pages_of(io.BytesIO(film), "GIF")
    assert found is not None
    assert found.count == MOST_PAGES + 1


@pytest.mark.parametrize("name", ["grey.tif", "large.tif", "film.gif", "film.webp", "film.png"])
def test_a_file_that_is_cut_off_anywhere_is_counted_as_far_as_it_goes(name: str, tmp_path: Path) -> None:
    kind, mode, options = KINDS[name]
    written(tmp_path / name, [page(number, kind, mode) for number in range(4)], **options)
    data = (tmp_path / name).read_bytes()
    called = format_of(data)
    counts = [found.count if (found := pages_of(io.BytesIO(data[:end]), called)) else 0 for end in range(len(data) + 1)]
    assert counts[-1] == 4
    assert max(counts) == 4
