"""Every file that a synthetic image leaves in carries its marks, and they are read back."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from marks_maker import ID, drawn, read, record, resaved
from mirage.errors import BadInput
from mirage.generate.provenance import FORMATS, mark
from mirage.images import read_picture
from mirage.images.marks import watermarked
from mirage.images.marks.band import LEAST, band, has_band
from mirage.images.marks.record import TRAINED


def kinds(data: bytes) -> set[str]:
    return {mark.kind for mark in read(data).marks if mark.found}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(("size", "mode"), [((128, 128), "L"), ((256, 256), "RGB"), ((768, 512), "L"), ((64, 160), "RGB")])
def test_every_format_carries_every_mark_and_the_whole_record(format: str, size: tuple[int, int], mode: str) -> None:
    data = mark(drawn(size, mode), record(), format)
    told = read(data)
    file = {"dicom"} if format == "dicom" else {"xmp"}
    assert kinds(data) == {"band", "watermark", "record", *file}
    assert told.synthetic
    assert told.ours
    assert told.record == record()
    assert told.id == ID
    assert "made by MIRAGE" in told.summary


def test_the_image_is_brought_to_512_pixels_and_its_band_stands_below_it() -> None:
    image = read_picture(mark(drawn((128, 96)), record())).image
    assert min(image.width, image.height) >= LEAST
    above = image.crop((0, 0, image.width, round(image.width * 0.75)))
    assert not has_band(above)
    assert abs(above.width / above.height - 128 / 96) < 0.01


@pytest.mark.parametrize("side", [128, 256, 512, 1024])
def test_the_bands_words_are_seen_at_every_size_and_only_with_the_band(side: int) -> None:
    shown = band(drawn((side, side)))
    assert has_band(shown)
    assert not has_band(drawn((side, side)))
    assert not has_band(Image.new("L", (side, side), 236))


def test_a_jpeg_of_quality_75_at_half_size_keeps_the_watermark_and_its_id() -> None:
    for seed in range(4):
        id_ = f"{seed * 0x1234567890ABCD + 5:016x}"
        again = resaved(mark(drawn(seed=seed), record(id=id_)), 0.5, quality=75)
        told = read(again)
        assert {"watermark", "band"} <= kinds(again)
        assert told.ours
        assert told.id == id_
        assert told.record is None


def test_the_watermark_outlives_the_band_cut_off_and_the_picture_turned() -> None:
    image = read_picture(mark(drawn(), record())).image
    content = image.crop((0, 0, image.width, image.width))
    for changed in (content, *(content.transpose(way) for way in Image.Transpose)):
        assert watermarked(changed)
    for way in Image.Transpose:
        file = io.BytesIO()
        image.transpose(way).save(file, "PNG")
        assert "watermark" in kinds(file.getvalue()), way


def test_what_the_eye_sees_is_hardly_changed() -> None:
    plain = band(drawn())
    marked = read_picture(mark(drawn(), record())).image
    difference = np.asarray(plain, float) - np.asarray(marked, float)
    assert 10 * np.log10(255**2 / np.mean(difference**2)) >= 41


def test_an_unmarked_picture_has_no_mark_and_is_not_called_real() -> None:
    file = io.BytesIO()
    drawn((300, 300)).save(file, "PNG")
    told = read(file.getvalue())
    assert not told.synthetic
    assert not told.ours
    assert told.record is None
    assert "does not mean that the image is real" in told.summary


def test_another_generators_mark_is_synthetic_and_not_ours() -> None:
    packet = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a DigitalSourceType="{TRAINED}" xmp:CreatorTool="Other 3"/></x:xmpmeta>'
    file = io.BytesIO()
    drawn().save(file, "JPEG", xmp=packet.encode())
    told = read(file.getvalue())
    assert told.synthetic
    assert not told.ours
    assert "Other 3" in next(mark.said for mark in told.marks if mark.kind == "xmp")


def test_a_source_type_of_a_camera_is_no_mark() -> None:
    packet = b"<x:xmpmeta><a>http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture</a></x:xmpmeta>"
    file = io.BytesIO()
    drawn().save(file, "JPEG", xmp=packet)
    assert not read(file.getvalue()).synthetic


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff" + b"a" * 100, b"II*\x00", b"RIFF1234WEBP"]
)
def test_bytes_that_are_no_picture_have_no_marks(data: bytes) -> None:
    assert not read(data).synthetic


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_cut_short_is_read_as_far_as_it_goes(format: str) -> None:
    data = mark(drawn(), record(), format)
    for share in (0.02, 0.3, 0.9):
        read(data[: int(len(data) * share)])


def test_a_strange_format_a_strange_id_and_an_endless_prompt_are_refused() -> None:
    with pytest.raises(BadInput, match="png, jpeg, webp, dicom"):
        mark(drawn(), record(), "gif")
    with pytest.raises(BadInput, match="16 hex digits"):
        mark(drawn(), record(id="7"))
    with pytest.raises(BadInput, match="too long"):
        mark(drawn(), record(prompt="word " * 20_000), "jpeg")
    with pytest.raises(BadInput, match="too long"):
        mark(drawn(), record(prompt="&" * 40_000), "jpeg")


def test_a_black_and_a_white_image_are_marked_as_far_as_they_can_carry_it() -> None:
    for value in (0, 128, 255):
        data = mark(Image.new("L", (128, 128), value), record())
        assert {"band", "xmp", "record", "watermark"} <= kinds(data), value
    dicom = mark(Image.new("L", (64, 64), 9), record(), "dicom")
    assert {"band", "dicom", "record"} <= kinds(dicom)


@pytest.mark.medpix
def test_no_real_image_of_medpix_carries_the_watermark() -> None:
    if "MIRAGE_MEDPIX" not in os.environ:
        pytest.skip("MIRAGE_MEDPIX names no copy")
    paths = sorted(path for path in Path(os.environ["MIRAGE_MEDPIX"]).rglob("*.webp"))[::30]
    assert len(paths) >= 40
    assert not [path.name for path in paths if read(path.read_bytes()).synthetic]
