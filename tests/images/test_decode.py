"""Strangers' bytes become pixels or a plain refusal."""

from __future__ import annotations

import io
import struct
import sys
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from mirage.errors import BadInput, BadPicture, NotFound, Unavailable
from mirage.images import LOOK_BITS, DecodedPicture, Limits, PictureStore, decode, look, read_picture, thumbnail
from parts import memory_of

RAMP = np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1))


def scene(size: int = 160, seed: int = 0) -> Image.Image:
    """A smooth picture with structure, different for each seed."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (9, 9), dtype=np.uint8))
    return small.resize((size, size), Image.Resampling.BICUBIC)


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def refusal_of(data: bytes | Path, name: str) -> str | None:
    """What decoding says against a picture; None when it takes it."""
    try:
        decode(data, name=name)
    except BadPicture as refusal:
        return str(refusal)
    return None


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, data: bytes, *extra: bytes, depth: int = 8) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"])
def test_every_accepted_format_is_decoded_to_grey_or_colour(kind: str) -> None:
    colour = Image.merge("RGB", [scene(), scene(seed=1), scene(seed=2)])
    decoded = read_picture(saved(colour, kind), name="x")
    assert decoded.format == kind
    assert decoded.image.mode == "RGB"
    assert decoded.image.size == (160, 160)
    assert abs(np.asarray(decoded.image, float) - np.asarray(colour, float)).mean() < 12
    assert decoded.image.info == {}


def test_a_grey_picture_saved_as_colour_becomes_grey() -> None:
    assert decode(saved(scene().convert("RGB"))).mode == "L"


def test_content_decides_and_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "scan.png"
    path.write_bytes(saved(scene(), "JPEG"))
    assert read_picture(path).format == "JPEG"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty (0 bytes)"),
        (b"%PDF-1.7 and so on", "is a PDF"),
        (b"just some words", "is text"),
        (b"<svg xmlns='x'>", "SVG"),
        (b"\x00\x00\x00\x20ftypheic\x00\x00", "HEIC"),
        (bytes(range(256)), "is not a picture"),
    ],
)
def test_what_is_no_picture_is_refused_by_name(data: bytes, words: str) -> None:
    with pytest.raises(BadPicture, match=r"odd\.png") as refusal:
        decode(data, name="odd.png")
    assert words in str(refusal.value)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_truncated_picture_is_refused_and_not_half_shown(kind: str, part: float) -> None:
    rng = np.random.default_rng(3)
    whole = saved(Image.fromarray(rng.integers(0, 255, (90, 90, 3), dtype=np.uint8)), kind)
    with pytest.raises(BadPicture, match="cut short"):
        decode(whole[: int(len(whole) * part)], name="half")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"])
def test_damaged_bytes_never_raise_anything_but_a_refusal(kind: str) -> None:
    whole = saved(scene(60).convert("RGB"), kind)
    rng = np.random.default_rng(5)
    for _ in range(60):
        damaged = bytearray(whole)
        for at in rng.integers(0, len(whole), 6):
            damaged[at] = int(rng.integers(0, 256))
        said = refusal_of(bytes(damaged), "spoiled")
        assert said is None or said.startswith("spoiled ")


def test_too_many_pixels_are_refused_before_they_are_unpacked() -> None:
    side = 20_000
    bomb = png(side, side, zlib.compress(bytes(side + 1) * side, 1))
    tracemalloc.start()
    with pytest.raises(BadPicture, match="400 megapixels"):
        decode(bomb, name="huge.png")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * 2**20


def test_the_pixel_limit_can_be_set() -> None:
    data = saved(scene(100))
    with pytest.raises(BadPicture, match="100 × 100"):
        decode(data, limits=Limits(pixels=9_999))
    assert decode(data, limits=Limits(pixels=10_000)).size == (100, 100)


def test_a_file_that_is_too_large_is_refused_without_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(saved(scene()))
    with pytest.raises(BadPicture, match=r"large\.png has .* and the limit is"):
        decode(path, limits=Limits(file_bytes=100))


def test_a_bomb_of_compressed_text_is_never_unpacked() -> None:
    text = zlib.compress(bytes(200 * 2**20), 9)
    bomb = png(8, 8, zlib.compress(bytes(9 * 8)), chunk(b"zTXt", b"Comment\x00\x00" + text))
    tracemalloc.start()
    assert decode(bomb).size == (8, 8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_pixel_data_that_unpacks_to_far_more_than_the_picture_stays_bounded(tmp_path: Path) -> None:
    packing = zlib.compressobj(9)
    bomb = png(8, 8, b"".join(packing.compress(bytes(2**20)) for _ in range(400)) + packing.flush())
    assert len(bomb) < 2**20
    (tmp_path / "bomb.png").write_bytes(bomb)
    (tmp_path / "small.png").write_bytes(png(8, 8, zlib.compress(bytes(9 * 8))))
    took, _ = memory_of(tmp_path / "bomb.png", tmp_path / "small.png")
    assert took < 50 * 2**20


@pytest.mark.parametrize(
    ("kind", "said"), [("GIF", "3 frames"), ("WEBP", "3 frames"), ("PNG", "3 frames"), ("TIFF", "3 pages")]
)
def test_the_first_frame_of_several_is_taken_and_said(kind: str, said: str) -> None:
    frames = [Image.fromarray(np.full((20, 20), value, np.uint8)).convert("RGB") for value in (200, 10, 90)]
    decoded = read_picture(saved(frames[0], kind, save_all=True, append_images=frames[1:]), name="loop")
    assert abs(int(np.asarray(decoded.image).mean()) - 200) < 6
    assert decoded.notes[0] == f"loop holds {said}; the first was taken."
    assert decoded.original is None


def test_sixteen_bits_are_windowed_so_that_a_hot_pixel_does_not_darken_the_rest() -> None:
    deep = np.tile(np.linspace(1000, 1400, 64).astype(np.uint16), (48, 1))
    deep[0, 0] = 65_535
    decoded = read_picture(saved(Image.fromarray(deep)), name="deep")
    values = np.asarray(decoded.image)
    assert decoded.image.mode == "L"
    assert values[20, 2] < 20
    assert values[20, 61] > 235
    assert "8" in decoded.notes[0]


def test_float_pictures_with_gaps_are_windowed() -> None:
    values = np.linspace(-1, 1, 4096, dtype=np.float32).reshape(64, 64)
    values[0, :3] = (np.nan, np.inf, -np.inf)
    decoded = np.asarray(decode(saved(Image.fromarray(values), "TIFF")))
    assert decoded[1, 0] < 10
    assert decoded[-1, -1] > 245


def test_cmyk_and_palette_come_out_in_their_colours() -> None:
    red = Image.new("RGB", (20, 20), (230, 20, 20))
    for data in (saved(red.convert("CMYK"), "JPEG"), saved(red.convert("P"), "PNG"), saved(red.convert("P"), "GIF")):
        r, g, b = np.asarray(decode(data)).reshape(-1, 3).mean(0)
        assert r > 200
        assert max(g, b) < 60


def test_what_a_transparent_picture_shows_stays_visible_on_its_ground() -> None:
    for ink in (0, 255):
        pixels = np.zeros((20, 20, 4), np.uint8)
        pixels[5:15, 5:15] = (ink, ink, ink, 255)
        decoded = read_picture(saved(Image.fromarray(pixels)), name="ink")
        values = np.asarray(decoded.image)
        assert abs(int(values[10, 10]) - int(values[0, 0])) == 255
        assert "transparent" in decoded.notes[0]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_taken_sideways_is_turned_upright(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    wide = Image.fromarray(RAMP).convert("RGB")
    decoded = read_picture(saved(wide, kind, exif=exif))
    assert decoded.image.size == (48, 64)
    assert decoded.original is None


def test_metadata_is_gone_from_pixels_and_from_the_bytes_that_are_kept() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Patient", "Jane Roe")
    exif = Image.Exif()
    exif[0x010E] = "Jane Roe"
    image = scene().convert("RGB")
    plain = saved(image, "JPEG")
    small_copy = b"\xff\xe0\0\x1cJFIF\0\1\2\0\0\1\0\1\2\2Jane Roe, 90"  # two by two pixels of it
    colours = b"\xff\xee\0\x16Adobe\0\x64\0\0\0\0\1Jane Roe"
    for data in (
        plain[:2] + small_copy + colours + plain[20:],
        saved(image, "PNG")[:-12] + chunk(b"IEND", b"Jane Roe"),
        saved(image, "PNG", pnginfo=text),
        saved(image, "JPEG", exif=exif, comment=b"Jane Roe"),
        saved(image, "WEBP", exif=exif, xmp=b"<x>Jane Roe</x>"),
        saved(image, "PNG") + b"Jane Roe",
        saved(image, "JPEG") + b"Jane Roe",
        saved(image, "WEBP") + b"Jane Roe",
    ):
        assert b"Jane Roe" in data
        decoded = read_picture(data)
        assert decoded.original is not None
        assert b"Jane Roe" not in decoded.original
        assert decoded.image.info == {}
        assert not decoded.image.getexif()
        again = Image.open(io.BytesIO(decoded.original)).convert("RGB")
        assert again.tobytes() == decoded.image.convert("RGB").tobytes()


def test_progressive_jpeg_keeps_all_its_scans_when_stripped() -> None:
    decoded = read_picture(saved(scene().convert("RGB"), "JPEG", progressive=True, quality=90))
    assert decoded.original is not None
    again = np.asarray(Image.open(io.BytesIO(decoded.original)).convert("L"))
    assert np.array_equal(again, np.asarray(decoded.image))


def test_a_missing_file_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(BadPicture, match=r"gone\.png is not there"):
        decode(tmp_path / "gone.png")


def test_thumbnails_fit_their_side_and_are_webp() -> None:
    wide = Image.new("L", (4000, 3))
    small = Image.open(io.BytesIO(thumbnail(wide, 320)))
    assert (small.format, small.size) == ("WEBP", (320, 1))
    assert Image.open(io.BytesIO(thumbnail(scene(40), 320))).size == (40, 40)


def test_copies_of_a_picture_look_the_same_and_others_do_not():
    one = scene(200, 0)
    copies = [one.resize((150, 150)), one.resize((300, 300))]
    buffer = io.BytesIO()
    one.convert("RGB").save(buffer, "JPEG", quality=60)
    copies.append(Image.open(buffer))
    assert all((look(one) ^ look(copy)).bit_count() < 35 for copy in copies)
    assert min((look(one) ^ look(scene(200, seed))).bit_count() for seed in range(1, 30)) >= 35
    assert 0 <= look(one) < 2**LOOK_BITS
    assert look(Image.new("L", (30, 30), 128)) == 0


class TestPictureStore:
    def test_keeps_the_original_bytes_under_the_name_of_their_content(self, tmp_path: Path) -> None:
        store = PictureStore(tmp_path / "pictures")
        picture = read_picture(saved(scene(), "WEBP", quality=70))
        kept = store.put(picture)
        assert store.read(kept.name) == picture.original
        assert (kept.width, kept.height) == (160, 160)
        assert store.put(picture) == kept
        assert list(store.names()) == [kept.name]
        assert Image.open(io.BytesIO(store.read_thumbnail(kept.name))).format == "WEBP"

    def test_keeps_pixels_without_loss_when_there_is_no_original(self, tmp_path: Path) -> None:
        store = PictureStore(tmp_path)
        image = Image.merge("RGB", [scene(), scene(seed=1), scene(seed=2)])
        kept = store.put(image)
        assert decode(store.path(kept.name)).tobytes() == image.tobytes()
        assert store.put(DecodedPicture(image, "TIFF")) == kept

    @pytest.mark.parametrize("name", ["../../etc/passwd", "a.png", "", "0" * 64 + ".exe", "0" * 64 + ".png/.."])
    def test_names_that_are_none_of_its_own_lead_nowhere(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(BadInput):
            PictureStore(tmp_path).path(name)
        assert name not in PictureStore(tmp_path)

    def test_says_what_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(NotFound):
            PictureStore(tmp_path).read("0" * 64 + ".png")

    def test_a_full_disk_is_told_and_leaves_no_half_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import errno
        import os

        def full(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        store = PictureStore(tmp_path)
        monkeypatch.setattr(Path, "replace", full)
        with pytest.raises(Unavailable, match="full"):
            store.put(scene())
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []

    def test_tidies_what_a_killed_process_left(self, tmp_path: Path) -> None:
        store = PictureStore(tmp_path)
        kept = store.put(scene())
        (store.path(kept.name).parent / ".abc.part").write_bytes(b"half")
        assert store.tidy() == 1
        assert list(store.names()) == [kept.name]
