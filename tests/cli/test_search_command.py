"""`mirage search`: figures by case, how words were read, and queries and lexicons that are not as they should be."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mirage.atlas import Atlas
from mirage.cli.hits import hits_table
from mirage.web.views.search import answer_view
from parts import copy_atlas, mirage, picture_folder


@pytest.fixture(scope="module")
def atlas(starter_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_atlas(starter_folder, tmp_path_factory.mktemp("searching") / "atlas")


WIDE = {"COLUMNS": "140"}


def words_of(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_figures_of_a_case_are_one_row_with_the_ids_of_the_others(atlas: Path) -> None:
    found = json.loads(mirage("search", "axial", "T1", "thalamus", "-k", "6", "--json", atlas=atlas).stdout)["hits"]
    cases = {hit["figure"]["case_id"] or hit["figure"]["id"] for hit in found}
    assert len(cases) < len(found)
    printed = mirage("search", "axial", "T1", "thalamus", "-k", "6", atlas=atlas, **WIDE).stdout
    assert len(re.findall(r"(?m)^ *\d+ +(?:strong|likely|weak)", printed)) == len(cases)
    assert "more of this case:" in printed
    lines = mirage("search", "axial", "T1", "thalamus", "-k", "6", atlas=atlas).stdout.splitlines()
    assert len(lines) == len(cases) + printed.count("more of this case:") + 2  # its head and its count: nothing is broken
    assert f"6 figures of {len(cases)} case" in printed
    for hit in found:
        assert hit["figure"]["id"] in printed  # whole, so that it can be copied


def test_what_fits_is_counted_apart_from_what_is_weak(atlas: Path) -> None:
    hits = json.loads(mirage("search", "lung", "nodule", "--json", atlas=atlas).stdout)["hits"]
    weak = sum(hit["confidence"] == "weak" for hit in hits)
    assert 0 < weak < len(hits)
    printed = words_of(mirage("search", "lung", "nodule", atlas=atlas, **WIDE).stdout)
    assert re.search(rf"\b{len(hits) - weak} figures of \d+ cases? fit\. {weak} figures are weak\.", printed)


def test_flat_is_the_plain_ranking(atlas: Path) -> None:
    asked = ("search", "axial", "T1", "thalamus", "-k", "6")
    found = json.loads(mirage(*asked, "--json", atlas=atlas).stdout)["hits"]
    printed = mirage(*asked, "--flat", atlas=atlas, **WIDE).stdout
    # The id of a stack is the beginning of those of its slices.
    places = [re.search(re.escape(hit["figure"]["id"]) + r"(?![\w-])", printed) for hit in found]
    assert all(places)
    assert [place.start() for place in places if place] == sorted(place.start() for place in places if place)
    assert "more of this case" not in printed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hipocampus", "Showing “hippocampus”, not “hipocampus”. In double quotes, words are searched for as they stand."),
        ("glioma versus meningioma", 'To see both side by side: mirage compare "glioma" "meningioma"'),
        ("MS", "“MS” may mean: "),
        ("the of", "Name what you look for"),
        ("a", "Name what you look for"),
    ],
)
def test_how_the_words_were_read_is_told(text: str, said: str, starter: Atlas, capsys: pytest.CaptureFixture[str]) -> None:
    hits_table(answer_view(starter.search(text)).model_dump(mode="json"))
    assert said in words_of(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("basis", "why"),
    [("named", "named"), ("mentioned", "in findings"), ("structure", "structure"), ("alike", "looks alike")],
)
def test_why_a_hit_is_as_sure_as_it_is_stands_in_words(
    basis: str, why: str, starter: Atlas, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = answer_view(starter.search("thalamus", k=1)).model_dump(mode="json")
    answer["hits"][0]["basis"] = basis
    hits_table(answer)
    assert why in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "same"),
    [
        (["HIPPOCAMPUS"], ["hippocampus"]),
        (["the", "hippocampuses"], ["hippocampi"]),
        (["tálamo"], ["talamo"]),
        (["show", "me", "the", "thalamus"], ["thalamus"]),
    ],
)
def test_one_thing_typed_in_two_ways_finds_the_same(typed: list[str], same: list[str], atlas: Path) -> None:
    first, second = (
        json.loads(mirage("search", *words, "-k", "5", "--json", atlas=atlas).stdout)["hits"] for words in (typed, same)
    )
    assert first
    assert {hit["figure"]["id"] for hit in first} & {hit["figure"]["id"] for hit in second}
    assert first[0]["confidence"] == second[0]["confidence"] != "weak"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            [
                '{"name": "our sign", "kind": "disease", "parents": ["their sign"]}',
                '{"name": "their sign", "kind": "disease", "parents": ["our sign"]}',
            ],
            "go round in a circle: our sign → their sign → our sign",
        ),
        (['{"name": "pneumothorax", "kind": "disease"}'], "“pneumothorax”, which stands before it already"),
        (['{"name": "our sign", "kind": "disease"}', '{"name": "their sign",'], "Line 2 of the lexicon"),
        (None, "cannot be read: No such file or directory. Check the setting 'lexicon'"),
    ],
)
def test_a_lexicon_of_one_s_own_that_is_wrong_is_refused_in_words(
    lines: list[str] | None, said: str, atlas: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.jsonl"
    if lines is not None:
        own.write_text("\n".join(lines), "utf-8")
    done = mirage("search", "brain", atlas=atlas, MIRAGE_LEXICON=str(own))
    assert done.returncode == 2
    assert said in words_of(done.stderr)
    assert "Traceback" not in done.stderr


def test_another_lexicon_has_the_atlas_read_anew_with_a_line_about_it(starter_copy: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.jsonl"
    own.write_text('{"name": "zorbed matter", "kind": "finding", "synonyms": ["gray matter sheet"]}\n', "utf-8")
    first = mirage("search", "brain", "-k", "1", atlas=starter_copy, MIRAGE_LEXICON=str(own))
    assert "Bringing the atlas up to date, once: reading all words anew" in words_of(first.stderr)
    again = mirage("search", "brain", "-k", "1", atlas=starter_copy, MIRAGE_LEXICON=str(own))
    assert "Bringing" not in again.stderr


def test_two_corpora_that_name_one_thing_differently_are_found_together(tmp_path: Path) -> None:
    for number, (name, said) in enumerate([("one", "Uterine leiomyoma in the wall"), ("two", "A fibroid in the wall")]):
        folder = picture_folder(tmp_path / name, 3, first=10 * number, captions=lambda n, said=said: f"{said} number {n}")
        done = mirage("add", "folder", folder, "--name", name, atlas=tmp_path / "atlas")
        assert done.returncode == 0, done.stderr
    found = json.loads(mirage("search", "fibroids", "--json", atlas=tmp_path / "atlas").stdout)["hits"]
    strong = {hit["figure"]["source"]["corpus"] for hit in found if hit["confidence"] == "strong"}
    assert len(strong) == 2
