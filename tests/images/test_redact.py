"""Text is blacked out where a detector finds it, and where a header does not deny it, somebody is told to look."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dicom_maker import make_dicom
from mirage import corpora
from mirage.corpora import folder as folder_corpus
from mirage.corpora.base import Item
from mirage.corpora.personal import TEXT_SUSPECTED
from mirage.errors import Unavailable
from mirage.images import read_picture, redact
from mirage.images.dicom_header import dicom_header
from mirage.images.pixels import DecodedPicture

BOX = (20.0, 10.0, 80.0, 22.0)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[redact.Box]:
    """What a stand-in for the detector finds."""
    boxes: list[redact.Box] = [BOX]
    monkeypatch.setattr(folder_corpus, "text_detector", lambda: lambda _: boxes)
    return boxes


def picture(path: Path, mode: str = "L") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((60, 100), 200, np.uint8)).convert(mode).save(path)
    return path


def the_one(folder: Path, **options: object) -> DecodedPicture:
    corpus = corpora.load("folder", path=folder, **options)
    (item,) = [entry for entry in corpus.items() if isinstance(entry, Item)]
    return corpus.read(item)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_text_is_blacked_out_and_the_file_is_not_kept(tmp_path: Path, found: list[redact.Box], mode: str) -> None:
    path = picture(tmp_path / "a" / "a.png", mode)
    plain = the_one(path.parent)
    assert (plain.original is not None, plain.remarks) == (True, ())
    hidden = the_one(path.parent, redact=True)
    pixels = np.asarray(hidden.image.convert("L"))
    assert hidden.original is None
    assert pixels[10:23, 20:81].max() == 0
    assert pixels[40:].min() == 200
    assert "blacked out in a place" in hidden.remarks[0]
    found.clear()
    assert the_one(path.parent, redact=True).original is not None, "what shows no text stays as it was"


def test_a_licence_that_forbids_changes_is_kept_to(tmp_path: Path, found: list[redact.Box]) -> None:
    path = picture(tmp_path / "a" / "a.png")
    kept = the_one(path.parent, redact=True, licence="CC BY-ND 4.0")
    assert np.asarray(kept.image).min() == 200
    assert "CC BY-ND 4.0, forbids to change it. Look at it." in kept.remarks[0]


def test_a_folder_added_again_with_it_replaces_what_is_there(tmp_path: Path, found: list[redact.Box]) -> None:
    path = picture(tmp_path / "a" / "a.png")
    marks = [next(iter(corpora.load("folder", path=path.parent, **how).items())) for how in ({}, {"redact": True})]
    assert marks[0].figure.id == marks[1].figure.id
    assert marks[0].fingerprint != marks[1].fingerprint


def test_without_the_package_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redact, "find_spec", lambda _: None)
    picture(tmp_path / "a.png")
    with pytest.raises(Unavailable, match=r"pip install rapidocr .* the report lists the pictures to look at"):
        corpora.load("folder", path=tmp_path, redact=True)


def test_the_real_detector_finds_drawn_names(tmp_path: Path) -> None:
    pytest.importorskip("rapidocr", reason="text is found by the extra redact")
    image = Image.new("L", (480, 320), 30)
    ImageDraw.Draw(image).text((20, 20), "SMITH^JOHN 12/03/1947", fill=255, font_size=20)
    image.save(tmp_path / "a.png")
    hidden = redact.blacked(read_picture(tmp_path / "a.png"), redact.text_detector())
    assert hidden.remarks
    assert np.asarray(hidden.image)[15:50].max() < 60, "nothing of it is left"


@pytest.mark.parametrize(
    ("tags", "suspected"),
    [
        ({"Modality": "US"}, True),
        ({"Modality": "US", "BurnedInAnnotation": "NO"}, False),
        ({"Modality": "US", "BurnedInAnnotation": ""}, True),
        ({"Modality": "OT"}, True),
        ({"Modality": "XC"}, True),
        ({"Modality": "ES"}, True),
        ({"Modality": ""}, True),
        ({"Modality": "CT"}, False),
        ({"Modality": "CT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, True),
        ({"Modality": "MR", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7.4", "BurnedInAnnotation": "NO"}, False),
        ({"Modality": "MR", "ConversionType": "WSD"}, True),
    ],
)
def test_text_is_suspected_where_a_header_does_not_deny_it(tags: dict[str, str], suspected: bool, tmp_path: Path) -> None:
    data = make_dicom(np.arange(256, dtype=np.uint16).reshape(16, 16), **tags)
    assert dicom_header(data, name="a").may_hold_text == suspected
    (tmp_path / "a.dcm").write_bytes(data)
    (item,) = corpora.load("folder", path=tmp_path).items()
    assert item.notes == ((TEXT_SUSPECTED,) if suspected else ())
