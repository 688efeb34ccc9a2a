"""A folder of pictures, with or without words, becomes figures."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dicom_maker import make_dicom
from mirage.corpora.base import Item, Refused
from mirage.corpora.folder import FolderCorpus
from mirage.corpora.folder_words import age_and_sex
from mirage.errors import BadInput
from mirage.licensing import terms_of


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "My scans"
    (place / "sub").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.jpg", "sub/c.webp")):
        pixels = np.random.default_rng(number).integers(0, 255, (30, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / name)
    return place


def items(corpus: FolderCorpus) -> dict[str, Item]:
    return {item.label: item for item in corpus.items() if isinstance(item, Item)}


def refused(corpus: FolderCorpus) -> dict[str, str]:
    return {item.label: item.reason for item in corpus.items() if isinstance(item, Refused)}


def table(place: Path, text: str, name: str = "figures.csv", encoding: str = "utf-8") -> Path:
    (place / name).write_bytes(text.encode(encoding))
    return place


def test_pictures_without_words_are_taken_in_by_name(place: Path) -> None:
    (place / "notes.txt").write_text("nothing")
    (place / ".hidden.png").write_bytes(b"x")
    corpus = FolderCorpus(place)
    assert list(items(corpus)) == ["a.png", "b.jpg", "sub/c.webp"]
    assert corpus.info().name == "folder-my-scans"
    assert str(corpus.info().licence) == "not stated"
    assert corpus.read(items(corpus)["sub/c.webp"]).image.size == (40, 30)


def test_a_picture_is_known_by_its_content_where_its_name_says_nothing(place: Path) -> None:
    shutil.copy(place / "a.png", place / "IM0001")
    assert "IM0001" in items(FolderCorpus(place))


@pytest.mark.parametrize("name", ["a" * 290 + ".png", "a/" * 140 + "z.png", "é" * 200 + ".png", "a.png/z.png", "\udc80.png"])
def test_a_name_that_no_file_can_have_costs_its_row_and_no_other(name: str, place: Path) -> None:
    rows = [{"file": name, "caption": "Nothing"}, {"file": "a.png", "caption": "A caption"}]
    corpus = FolderCorpus(table(place, "\n".join(map(json.dumps, rows)), "figures.jsonl"))
    assert items(corpus)["a.png"].figure.caption == "A caption"
    assert list(refused(corpus).values()) == ["Line 1 of the table names it, and it is not in the folder."]


def test_a_row_gives_its_words_and_the_others_have_none(place: Path) -> None:
    table(
        place,
        "file,caption,title,diagnosis,modality,plane,region,patient,licence,attribution,url\n"
        "sub/c.webp,A caption,A title,A thing,X-ray,PA,Chest,40-year-old man,CC-BY-4.0,Somebody,https://example.org/1\n",
    )
    found = items(FolderCorpus(place))
    figure = found["sub/c.webp"].figure
    assert (figure.caption, figure.title, figure.diagnosis) == ("A caption", "A title", "A thing")
    assert (figure.modality, figure.plane, figure.region) == ("XR", "frontal", "chest")
    assert figure.source.attribution == "Somebody"
    assert figure.source.url_of == "figure"
    assert terms_of(figure.source.licence).kind == "BY"
    assert found["a.png"].figure.caption == ""
    assert next(iter(found)) == "sub/c.webp"


def test_a_licence_that_is_not_known_to_allow_sharing_does_not(place: Path) -> None:
    corpus = FolderCorpus(place, licence="All rights reserved", attribution="A clinic")
    figure = items(corpus)["a.png"].figure
    assert str(figure.source.licence) == "All rights reserved"
    assert not terms_of(figure.source.licence).known
    assert figure.source.attribution == "A clinic"


def test_rows_of_one_case_share_it(place: Path) -> None:
    table(place, "file,case,history,findings\na.png,7,A story,\nb.jpg,7,,A finding\nsub/c.webp,8,Other,\n")
    found = items(FolderCorpus(place))
    case = found["a.png"].case
    assert case is not None
    assert case is found["b.jpg"].case
    assert (case.history, case.findings) == ("A story", "A finding")
    assert found["sub/c.webp"].case != case


def test_json_lines_synonyms_and_given_columns_are_read(place: Path) -> None:
    lines = [{"image": "a.png", "text": "One"}, {"image": "b.jpg", "text": "Two"}]
    table(place, "\n".join(map(json.dumps, lines)) + "\nnot json\n[1]\n", "metadata.jsonl")
    corpus = FolderCorpus(place)
    assert items(corpus)["b.jpg"].figure.caption == "Two"
    assert set(refused(corpus)) == {"metadata.jsonl, line 3", "metadata.jsonl, line 4"}
    table(place, "where;legend\na.png;Three\n", "own.csv")
    chosen = FolderCorpus(place, place / "own.csv", columns={"file": "where", "caption": "legend"})
    assert items(chosen)["a.png"].figure.caption == "Three"


def test_the_only_csv_is_the_table_where_it_has_a_column_for_files(place: Path) -> None:
    table(place, "title\nOne\n", "words.csv")
    assert not FolderCorpus(place).has_words
    table(place, "Title;File\nOne;a.png\n", "words.csv")
    assert items(FolderCorpus(place))["a.png"].figure.title == "One"
    table(place, "file,title\na.png,Two\n", "other.csv")
    assert not FolderCorpus(place).has_words, "of two nobody knows which"
    table(place, "file,title\na.png,Three\n", "figures.csv")
    assert items(FolderCorpus(place))["a.png"].figure.title == "Three"


def test_a_table_of_labels_needs_no_mapping(place: Path) -> None:
    table(place, "file,label,original\na.png,pneumonia,x.png\n", "labels.csv")
    assert items(FolderCorpus(place))["a.png"].figure.diagnosis == "pneumonia"


def test_a_table_without_a_file_column_names_what_it_has_and_what_is_wanted(place: Path) -> None:
    with pytest.raises(BadInput, match=r"It has: foo, bar\. Wanted is “file”"):
        list(FolderCorpus(table(place, "foo,bar\n1,2\n")).items())
    with pytest.raises(BadInput, match="no column “legend”"):
        list(FolderCorpus(place, columns={"caption": "legend"}).items())


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_are_understood(place: Path, encoding: str) -> None:
    table(place, "file,caption\na.png,œdème\n", encoding=encoding)
    assert items(FolderCorpus(place))["a.png"].figure.caption == "œdème"


def test_another_encoding_is_told_by_byte_and_line(place: Path) -> None:
    table(place, "file,caption\na.png,plain\nb.jpg,œdème\n", encoding="cp1252")
    corpus = FolderCorpus(place)
    assert items(corpus)["b.jpg"].figure.caption == "œdème"
    assert "byte 0x9c in line 3) and was read as Windows-1252" in corpus.advice
    # Whose letters nobody can tell is refused.
    table(place, "file,caption\na.png,plain\nb.jpg,\x9cd\x8fme\n", encoding="latin-1")
    with pytest.raises(BadInput, match=r"byte 0x9c in line 3 .*UTF-8"):
        list(FolderCorpus(place).items())


def test_a_cell_of_a_megabyte_costs_its_row_and_no_other(place: Path) -> None:
    table(place, f'file,caption\na.png,"{"x" * 2**20}"\nb.jpg,fine\n')
    corpus = FolderCorpus(place)
    assert "1,048,576 characters" in refused(corpus)["a.png"]
    assert items(corpus)["b.jpg"].figure.caption == "fine"
    assert "a.png" not in items(corpus), "left out, and not taken without its words"


def test_rows_that_cannot_be_used_are_refused_by_name(place: Path, tmp_path: Path) -> None:
    shutil.copy(place / "a.png", tmp_path / "outside.png")
    (place / "link.png").symlink_to(tmp_path / "outside.png")
    (place / "empty.png").write_bytes(b"")
    table(
        place,
        "file,id,caption\na.png,1,first\nb.jpg,1,second\nlost.png,2,x\n../outside.png,3,x\n"
        f"{tmp_path}/outside.png,4,x\nlink.png,5,x\n,6,x\na.png,7,a,b,c\n",
    )
    corpus = FolderCorpus(place)
    said = refused(corpus)
    assert said["b.jpg"] == "The id “1” is in the table twice, in lines 2 and 3; line 2 was taken."
    assert "not in" in said["lost.png"]
    for name in ("../outside.png", f"{tmp_path}/outside.png", "link.png"):
        assert "outside" in said[name]
    assert "names no file" in said["figures.csv, line 8"]
    assert "5 cells" in said["figures.csv, line 9"]
    assert "0 bytes" in said["empty.png"]
    assert items(corpus)["a.png"].figure.caption == "first"
    assert len(corpus) == len(list(corpus.items()))


def test_ids_survive_a_move_and_the_fingerprint_tells_a_change(place: Path, tmp_path: Path) -> None:
    before = items(FolderCorpus(place))
    (tmp_path / "elsewhere").mkdir()
    moved = Path(shutil.move(place, tmp_path / "elsewhere" / "My scans"))
    after = items(FolderCorpus(moved))
    assert [item.figure.id for item in after.values()] == [item.figure.id for item in before.values()]
    assert [item.fingerprint for item in after.values()] == [item.fingerprint for item in before.values()]
    Image.new("L", (9, 9)).save(moved / "a.png")
    changed = items(FolderCorpus(moved))
    assert changed["a.png"].figure.id == before["a.png"].figure.id
    assert changed["a.png"].fingerprint != before["a.png"].fingerprint
    assert changed["b.jpg"].fingerprint == before["b.jpg"].fingerprint


def test_names_that_differ_only_in_signs_keep_apart(place: Path) -> None:
    for name in ("scan 1.png", "scan-1.png", "scan_1.png"):
        shutil.copy(place / "a.png", place / name)
    ids = [item.figure.id for item in items(FolderCorpus(place)).values()]
    assert len(ids) == len(set(ids)) == 6


class TestDicom:
    def test_words_of_the_header_are_taken_and_no_names(self, place: Path) -> None:
        pixels = np.tile(np.arange(60, dtype=np.int16), (20, 1))
        (place / "SECRET").write_bytes(
            make_dicom(pixels, BodyPartExamined="KNEE", ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
        )
        item = items(FolderCorpus(place))["SECRET"]
        assert (item.figure.modality, item.figure.plane, item.figure.region) == ("CT", "axial", "knee")
        assert "Roe" not in repr(item)
        assert "Hospital" not in repr(item)

    def test_frames_are_sampled_and_each_is_a_figure(self, place: Path) -> None:
        volume = np.stack([np.full((10, 10), n, np.uint8) for n in range(40)])
        volume[:, 0, 0], volume[:, 0, 1] = 0, 255
        (place / "cine.dcm").write_bytes(make_dicom(volume, WindowCenter=128, WindowWidth=256))
        corpus = FolderCorpus(place, frames=4)
        frames = [item for label, item in items(corpus).items() if label.startswith("cine.dcm, frame")]
        assert [item.label for item in frames] == [f"cine.dcm, frame {n}" for n in (6, 16, 26, 36)]
        assert np.asarray(corpus.read(frames[1]).image)[5, 5] == 15

    def test_burned_in_text_and_missing_pixels_are_refused_by_name(self, place: Path) -> None:
        pixels = np.zeros((20, 20), np.uint8)
        (place / "us.dcm").write_bytes(make_dicom(pixels, BurnedInAnnotation="YES"))
        (place / "report.dcm").write_bytes(make_dicom(None))
        said = refused(FolderCorpus(place))
        assert "burned" in said["us.dcm"]
        assert "without a picture" in said["report.dcm"]
        corpus = FolderCorpus(place, allow_burned_in=True)
        assert corpus.read(items(corpus)["us.dcm"]).image.size == (20, 20)


def test_a_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not there"):
        FolderCorpus(tmp_path / "none")
    with pytest.raises(BadInput, match=r"words\.csv is not there"):
        FolderCorpus(tmp_path, tmp_path / "words.csv")


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("73-year-old man", True),
        ("F, 45", True),
        ("45y/F", True),
        ("Female, 6 months", True),
        ("newborn girl", True),
        ("57, weiblich", True),
        ("4 años, M", True),
        ("Frau Mann", False),
        ("Jane Doe", False),
        ("Doe, 45, F", False),
        ("P-0012345", False),
        ("1950-02-17", False),
        ("17.2.1950 male", False),
        ("a" * 5000 + " 3 " * 5000, False),
    ],
)
def test_of_a_patient_only_age_and_sex_are_kept(told: str, kept: bool) -> None:
    assert age_and_sex(told) == (told if kept else "")
