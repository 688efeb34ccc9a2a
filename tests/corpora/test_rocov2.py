"""ROCOv2 is read like ROCO, with licences from its own table and concepts from its own column."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirage.corpora.base import Item
from mirage.corpora.parquet import licence_of
from mirage.corpora.rocov2 import HOMEPAGE, Rocov2Corpus
from mirage.errors import BadInput
from mirage.figure import Figure
from mirage.licensing import terms_of
from roco_maker import make_rocov2


def figures(corpus: Rocov2Corpus) -> dict[str, Figure]:
    return {item.figure.id[-2:]: item.figure for item in corpus.items() if isinstance(item, Item)}


def test_licence_authors_and_article_come_from_the_published_table(tmp_path: Path) -> None:
    corpus = Rocov2Corpus(make_rocov2(tmp_path))
    found = {name: figure.source for name, figure in figures(corpus).items()}
    assert found["01"].attribution.startswith("Doe et al. (2020); article PMC2000001 at PubMed Central; from ROCOv2")
    assert (found["01"].url, found["01"].url_of) == ("https://example.org/pmc/PMC2000001", "article")
    assert found["01"].licence.name == "CC BY"
    assert found["02"].url == "https://www.ncbi.nlm.nih.gov/pmc/articles/PMC2000002/"
    assert found["02"].licence.name == "CC BY-NC-ND 4.0"
    assert found["02"].licence.url == "https://creativecommons.org/licenses/by-nc-nd/4.0/"
    assert terms_of(found["02"].licence).kind == "BY-NC-ND"
    assert (str(found["03"].licence), found["03"].url) == ("not stated", HOMEPAGE)
    assert found["03"].attribution.startswith("Poe (2018); from ROCOv2")
    assert (str(found["04"].licence), found["04"].url_of) == ("not stated", "collection")
    assert "ID, Attribution, PMCID, Link" in corpus.info().summary


def test_concepts_decide_what_the_caption_leaves_open_and_are_marked_as_inferred(tmp_path: Path) -> None:
    found = {name: (f.modality, f.plane, f.inferred) for name, f in figures(Rocov2Corpus(make_rocov2(tmp_path))).items()}
    assert found["01"] == ("CT", "", ("modality",))
    assert found["02"] == ("XR", "frontal", ("modality", "plane"))
    assert found["03"] == ("CT", "", ("modality",)), "the caption comes first"
    assert found["04"] == ("", "", ()), "two modalities leave it open"


def test_a_table_with_columns_of_its_own_is_read_as_far_as_they_are_known(tmp_path: Path) -> None:
    table = "image_id,License,Author,URL\nROCOv2_2023_train_00001.jpg,CC0,Jo Doe,https://example.org/1\n"
    corpus = Rocov2Corpus(make_rocov2(tmp_path, table))
    source = figures(corpus)["01"].source
    assert (source.licence.name, source.url, source.url_of) == ("CC0", "https://example.org/1", "article")
    assert source.attribution.startswith("Jo Doe; from ROCOv2")


def test_a_table_without_what_is_needed_is_refused_with_its_columns(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"license_information\.csv has no column for licence.*ID, Words"):
        Rocov2Corpus(make_rocov2(tmp_path, "ID,Words\n1,x\n"))


def test_without_the_table_figures_are_there_and_nothing_is_stated(tmp_path: Path) -> None:
    (make_rocov2(tmp_path) / "license_information.csv").unlink()
    corpus = Rocov2Corpus(tmp_path)
    assert "not known" in corpus.info().summary
    assert {str(figure.source.licence) for figure in figures(corpus).values()} == {"not stated"}
    assert len(figures(corpus)) == 4


@pytest.mark.parametrize(
    ("text", "name", "url", "kind"),
    [
        ("CC BY", "CC BY", "", "BY"),
        ("cc-by-nc-sa 3.0", "CC BY-NC-SA 3.0", "https://creativecommons.org/licenses/by-nc-sa/3.0/", "BY-NC-SA"),
        (
            "https://creativecommons.org/licenses/by/4.0/",
            "CC BY 4.0",
            "https://creativecommons.org/licenses/by/4.0/",
            "BY",
        ),
        ("CC0", "CC0", "https://creativecommons.org/publicdomain/zero/1.0/", "public domain"),
        ("NO-CC CODE", "", "", "not stated"),
        ("", "", "", "not stated"),
        ("All rights reserved", "All rights reserved", "", "not stated"),
    ],
)
def test_a_licence_is_what_the_text_states_and_nothing_more(text: str, name: str, url: str, kind: str) -> None:
    licence = licence_of(text)
    assert (licence.name, licence.url, terms_of(licence).kind) == (name, url, kind)
