"""ROCO is read as a stream from parquet files, with article and licence from its annotations."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mirage import corpora
from mirage.atlas import Atlas
from mirage.corpora.base import Item, Refused
from mirage.corpora.roco import CITED, HOMEPAGE, Annotations, RocoCorpus, find_annotations
from mirage.errors import BadInput, BadPicture, Unavailable
from mirage.images import look, read_picture
from mirage.licensing import terms_of
from mirage.storage.ingest import add
from roco_maker import ROWS, Made, jpeg, make_roco, write_annotations, write_shard

MANY = [Made(f"ROCO_{number:05}", f"Made-up caption {number}.") for number in range(200)]


def items(corpus: Any) -> dict[str, Item]:
    return {item.figure.id.partition(":")[2]: item for item in corpus.items() if isinstance(item, Item)}


def refused(corpus: Any) -> dict[str, str]:
    return {entry.label: entry.reason for entry in corpus.items() if isinstance(entry, Refused)}


# -- what a figure carries ------------------------------------------------------------------------------------------------


def test_a_figure_carries_its_caption_article_and_licence(tmp_path: Path) -> None:
    figure = items(RocoCorpus(make_roco(tmp_path)))["ROCO_00002"].figure
    assert figure.id == "roco:ROCO_00002"
    assert figure.caption == "Axial CT of the abdomen shows a drawn mass."
    source = figure.source
    assert (source.url, source.url_of) == ("https://www.ncbi.nlm.nih.gov/pmc/articles/PMC1000002/", "article")
    assert source.attribution == f"Figure art-0001-g01.jpg of article PMC1000002 at PubMed Central; from {CITED}"
    assert source.licence.name == "CC BY-NC-ND"
    assert terms_of(source.licence).kind == "BY-NC-ND"
    assert source.licence.url == "", "without a version, there is no telling which text is meant"


def test_a_file_name_with_commas_parts_from_its_licence_at_the_last_one(tmp_path: Path) -> None:
    source = items(RocoCorpus(make_roco(tmp_path)))["ROCO_00003"].figure.source
    assert "a,b,g2.jpg of article PMC1000003" in source.attribution
    assert source.licence.name == "CC BY"
    assert terms_of(source.licence).kind == "BY"


def test_no_code_found_is_not_stated_but_the_article_is_linked(tmp_path: Path) -> None:
    source = items(RocoCorpus(make_roco(tmp_path)))["ROCO_00004"].figure.source
    assert str(source.licence) == "not stated"
    assert not terms_of(source.licence).known
    assert source.url_of == "article"


def test_a_figure_without_an_annotation_stays_with_no_licence_and_a_link_to_the_collection(tmp_path: Path) -> None:
    source = items(RocoCorpus(make_roco(tmp_path)))["ROCO_00005"].figure.source
    assert str(source.licence) == "not stated"
    assert (source.url, source.url_of) == (HOMEPAGE, "collection")
    assert "its article is not stated" in source.attribution


def test_the_caption_says_modality_and_plane_and_they_are_marked_as_inferred(tmp_path: Path) -> None:
    found = items(RocoCorpus(make_roco(tmp_path)))
    said = {name: (item.figure.modality, item.figure.plane, item.figure.inferred) for name, item in found.items()}
    assert said["ROCO_00002"] == ("CT", "axial", ("modality", "plane"))
    assert said["ROCO_00005"] == ("US", "", ("modality",))
    assert said["ROCO_00004"] == ("", "", ()), "a lateral ventricle is no lateral view"
    assert said["ROCO_00007"] == ("", "", ()), "two modalities and two planes leave both open"


def test_splits_are_told_by_the_names_of_files_or_folders_and_can_be_chosen(tmp_path: Path) -> None:
    corpus = RocoCorpus(make_roco(tmp_path))
    assert [corpus.split_of(item) for item in items(corpus).values()] == ["train"] * 4 + ["test"]
    assert list(items(RocoCorpus(tmp_path, splits=["test"]))) == ["ROCO_00007"]
    write_shard(tmp_path / "other" / "validation" / "0000.parquet", ROWS[:1])
    assert {RocoCorpus(tmp_path / "other").split_of(item) for item in items(RocoCorpus(tmp_path / "other")).values()} == {
        "validation"
    }
    with pytest.raises(BadInput, match="no split “dev”"):
        RocoCorpus(tmp_path, splits=["dev"])
    with pytest.raises(BadInput, match="validation"):
        RocoCorpus(tmp_path, splits=["validation"])


def test_keywords_and_concepts_can_be_asked_for(tmp_path: Path) -> None:
    corpus = RocoCorpus(make_roco(tmp_path))
    found = items(corpus)
    assert corpus.keywords_of(found["ROCO_00002"]) == ("drawn", "thicknes")
    assert corpus.cuis_of(found["ROCO_00002"]) == ("C0040405", "C0011334")
    assert corpus.cuis_of(found["ROCO_00004"]) == ()
    assert corpus.keywords_of(found["ROCO_00005"]) == ()


def test_annotations_may_lie_elsewhere_and_must_be_some(tmp_path: Path) -> None:
    write_shard(tmp_path / "parquet" / "train-00000-of-00001.parquet", ROWS[:2])
    bare = RocoCorpus(tmp_path / "parquet")
    assert "not known" in bare.info().summary
    assert {str(item.figure.source.licence) for item in items(bare).values()} == {"not stated"}
    checkout = write_annotations(tmp_path / "elsewhere", "train", ROWS[:2])
    for given in (checkout, checkout / "data", tmp_path):
        figure = items(RocoCorpus(tmp_path / "parquet", annotations=given))["ROCO_00002"].figure
        assert figure.source.licence.name == "CC BY-NC-ND"
    with pytest.raises(BadInput, match=r"licences\.txt"):
        RocoCorpus(tmp_path / "parquet", annotations=tmp_path / "parquet")


def test_annotations_of_the_repositorys_older_revisions_are_read_too(tmp_path: Path) -> None:
    place = write_annotations(tmp_path, "train", ROWS[:2]) / "data/train/radiology"
    for old, new in (("licences.txt", "cc_tp_train.csv"), ("keywords.txt", "keywords_tp_train_revised.txt")):
        (place / old).rename(place / new)
    found = Annotations(tmp_path / "data", ["train"])
    assert found.articles["ROCO_00002"].licence.name == "CC BY-NC-ND"
    assert found.lists["keywords"]["ROCO_00002"] == ("drawn", "thicknes")


def test_an_article_is_known_from_the_links_where_the_licences_lack_it(tmp_path: Path) -> None:
    place = write_annotations(tmp_path, "train", ROWS[:2]) / "data/train/radiology/licences.txt"
    place.write_text("ROCO_ID,PMC_ID,CC\nROCO_00002,PMC1000002_art-0001-g01.jpg,CC BY\n")
    article = Annotations(tmp_path / "data", ["train"]).articles["ROCO_00003"]
    assert (article.pmc, article.file, str(article.licence)) == ("PMC1000003", "a,b,g2.jpg", "not stated")


def test_annotations_of_another_format_are_refused_by_file_and_line(tmp_path: Path) -> None:
    place = write_annotations(tmp_path, "train", ROWS[:2]) / "data/train/radiology/licences.txt"
    place.write_text("ROCO_ID,PMC_ID,CC\nnonsense\n")
    with pytest.raises(BadInput, match=r"licences\.txt, line 2"):
        Annotations(tmp_path / "data", ["train"])


REAL = os.environ.get("MIRAGE_ROCO")


@pytest.mark.skipif(not REAL, reason="needs a part of the real annotations, found by MIRAGE_ROCO")
def test_the_real_annotations_are_read_whole() -> None:
    folder = find_annotations(Path(str(REAL)))
    assert folder is not None
    found = Annotations(folder, ["test"])
    lines = (folder / "test/radiology/licences.txt").read_text().splitlines()[1:]
    assert len(found.articles) == len(lines)
    assert all(article.pmc and article.file for article in found.articles.values())
    stated = [line.rpartition(",")[2] for line in lines]
    assert [str(article.licence) for article in found.articles.values()] == [
        "not stated" if code == "NO-CC CODE" else code for code in stated
    ]
    assert found.lists["keywords"]["ROCO_00001"] == ("axial", "coronal", "mri", "view")


# -- pictures -------------------------------------------------------------------------------------------------------------


def test_pictures_come_back_right_in_any_order_and_from_many_threads(tmp_path: Path) -> None:
    write_shard(tmp_path / "train-00000-of-00002.parquet", MANY[:150], group=100)
    write_shard(tmp_path / "train-00001-of-00002.parquet", MANY[150:], group=100)
    corpus = RocoCorpus(tmp_path)
    found = list(items(corpus).values())
    jumbled = [*found[::7], *found[::-11], *found[:40]]
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(corpus.read, jumbled))
    for item, picture in zip(jumbled, read, strict=True):
        wanted = read_picture(jpeg(int(item.figure.id[-5:])))
        assert look(picture.image) == look(wanted.image)
        assert picture.original == wanted.original


def test_the_fingerprints_are_those_of_the_figures_wherever_the_files_lie(tmp_path: Path) -> None:
    first = {name: item.fingerprint for name, item in items(RocoCorpus(make_roco(tmp_path / "a"))).items()}
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    for file in (tmp_path / "b").rglob("*.parquet"):
        os.utime(file, (0, 0))
    assert {name: item.fingerprint for name, item in items(RocoCorpus(tmp_path / "b")).items()} == first
    assert RocoCorpus(tmp_path / "a").info().version == RocoCorpus(tmp_path / "b").info().version


def test_another_picture_or_another_caption_is_another_fingerprint(tmp_path: Path) -> None:
    before = items(RocoCorpus(make_roco(tmp_path)))
    small = jpeg(1)[:-2] + b"\0" * 50 + b"\xff\xd9"
    write_shard(
        tmp_path / "data" / "train-00000-of-00001.parquet",
        [Made(ROWS[0].name, "Another caption."), *ROWS[1:4]],
        pictures=[jpeg(2), jpeg(3), small, jpeg(5)],
    )
    after = items(RocoCorpus(tmp_path))
    same = {name for name in before if before[name].fingerprint == after[name].fingerprint}
    assert same == {"ROCO_00003", "ROCO_00007"}


# -- bad input ------------------------------------------------------------------------------------------------------------


def test_a_missing_or_undecodable_picture_is_refused_by_name_and_the_rest_goes_on(tmp_path: Path) -> None:
    make_roco(tmp_path)
    path = tmp_path / "data" / "train-00000-of-00001.parquet"
    write_shard(path, ROWS[:4], pictures=[jpeg(2), None, b"no picture at all", b""])
    corpus = RocoCorpus(tmp_path)
    found = items(corpus)
    assert corpus.read(found["ROCO_00002"]).image.size == (64, 48)
    for name, words in (("ROCO_00003", "has no picture"), ("ROCO_00004", "not a picture"), ("ROCO_00005", "no bytes")):
        with pytest.raises(BadPicture, match=rf"{name}.*{words}"):
            corpus.read(found[name])
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        report = add(atlas, corpus)
    assert (report.added, len(report.refused)) == (2, 3)
    assert {entry.label[:10] for entry in report.refused} == {"ROCO_00003", "ROCO_00004", "ROCO_00005"}


def test_a_truncated_file_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    make_roco(tmp_path)
    path = tmp_path / "data" / "train-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes()[:-40])
    corpus = RocoCorpus(tmp_path)
    assert list(items(corpus)) == ["ROCO_00007"]
    assert "cut short" in refused(corpus)[path.name]
    assert len(corpus) == 2
    with pytest.raises(BadInput, match=rf"{path.name}.*cut short"):
        RocoCorpus(tmp_path, splits=["train"])


def test_a_damaged_stretch_of_a_file_is_refused_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = write_shard(tmp_path / "train-00000-of-00001.parquet", MANY[:8], group=4)
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        column = next(
            file.metadata.row_group(0).column(number)
            for number in range(4)
            if file.metadata.row_group(0).column(number).path_in_schema == "caption"
        )
        start, size = column.dictionary_page_offset or column.data_page_offset, column.total_compressed_size
    data = bytearray(path.read_bytes())
    data[start : start + size] = b"\xff" * size
    path.write_bytes(data)
    corpus = RocoCorpus(tmp_path)
    assert list(items(corpus)) == [row.name for row in MANY[4:8]]
    assert "damaged" in refused(corpus)[f"{path.name}, row group 0"]


def test_a_renamed_column_is_named_with_the_columns_there_are(tmp_path: Path) -> None:
    write_shard(tmp_path / "train-00000-of-00001.parquet", ROWS[:2], rename={"caption": "text"})
    with pytest.raises(BadInput, match=r"train-00000-of-00001\.parquet.*no column caption.*text"):
        RocoCorpus(tmp_path)
    write_shard(tmp_path / "test-00000-of-00001.parquet", ROWS[2:4])
    assert "no column caption" in refused(RocoCorpus(tmp_path))["train-00000-of-00001.parquet"]


def test_an_id_that_occurs_twice_or_not_at_all_is_refused(tmp_path: Path) -> None:
    rows = [ROWS[0], Made("", "Nameless."), Made(ROWS[0].name, "Again.")]
    path = write_shard(tmp_path / "train-00000-of-00001.parquet", rows, pictures=[jpeg(1), jpeg(2), jpeg(3)])
    said = refused(RocoCorpus(tmp_path))
    assert len(items(RocoCorpus(tmp_path))) == 1
    assert (
        f"the first row was taken ({path.name}, row group 0, row 0)" in said[f"ROCO_00002 ({path.name}, row group 1, row 0)"]
    )
    assert "no name" in said[f"{path.name}, row group 0, row 1"]


def test_figures_that_the_annotations_list_and_the_files_lack_are_counted(tmp_path: Path) -> None:
    make_roco(tmp_path)
    assert refused(RocoCorpus(tmp_path)) == {}
    gone = [Made(f"ROCO_9{number:04}", "Vanished.", f"PMC9{number}_g.jpg") for number in range(7)]
    write_annotations(tmp_path / "roco-dataset", "train", [*ROWS[:4], *gone])
    corpus = RocoCorpus(tmp_path)
    assert "ROCO_90000, ROCO_90001" in refused(corpus)["7 figures of the split train"]
    assert len(corpus) == len(list(corpus.items())) == 6
    # Where only some of a split's files were fetched, nothing is missing from them.
    (tmp_path / "data" / "train-00000-of-00001.parquet").rename(tmp_path / "data" / "train-00000-of-00002.parquet")
    assert refused(RocoCorpus(tmp_path)) == {}


def test_a_folder_without_parquet_files_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no parquet files"):
        RocoCorpus(tmp_path)
    with pytest.raises(BadInput, match="is not there"):
        RocoCorpus(tmp_path / "nowhere")


def test_without_pyarrow_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_roco(tmp_path)
    monkeypatch.setattr("mirage.corpora.parquet.find_spec", lambda name: None)
    with pytest.raises(Unavailable, match=r"pip install pyarrow"):
        corpora.load("roco", path=tmp_path)


# -- in an atlas ----------------------------------------------------------------------------------------------------------


def test_adding_stopped_half_way_goes_on_without_reading_a_picture_twice(tmp_path: Path) -> None:
    write_shard(tmp_path / "train-00000-of-00001.parquet", MANY[:80], group=30)
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        assert add(atlas, RocoCorpus(tmp_path), stop=lambda: True).added == 32
        corpus = RocoCorpus(tmp_path)
        read: list[str] = []
        real = corpus.read
        corpus.read = lambda item: (read.append(item.figure.id), real(item))[1]  # type: ignore[method-assign]
        report = add(atlas, corpus)
        assert (report.added, report.kept) == (48, 32)
        assert sorted(read) == sorted(f"roco:{row.name}" for row in MANY[32:80])
        assert add(atlas, RocoCorpus(tmp_path)).kept == 80


def test_an_atlas_filters_by_licence_and_marks_what_was_inferred(tmp_path: Path) -> None:
    corpus = RocoCorpus(make_roco(tmp_path))
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        add(atlas, corpus)
        licences = atlas.facets()["licence"]
        assert licences == {"CC BY-NC-ND": 1, "CC BY": 1, "CC BY-NC-SA": 1, "not stated": 2}
        found = atlas.search("drawn", licence="not stated").hits
        assert {hit.figure.id for hit in found} == {"roco:ROCO_00004", "roco:ROCO_00005"}
        figure = atlas.figure("roco:ROCO_00002")
        assert (figure.modality, figure.inferred) == ("CT", ("modality", "plane"))
        path = atlas.picture("roco:ROCO_00002")
        with Image.open(path) as kept:
            assert kept.format == "JPEG", "the figure's own bytes are kept, not a second compression"
