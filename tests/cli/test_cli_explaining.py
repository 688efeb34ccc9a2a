"""``mirage explain`` and ``mirage compare`` as a person runs them."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from mirage import locales
from mirage.cli import app
from mirage.errors import BadQuery
from mirage.wording import settle
from parts import copy_atlas


@pytest.fixture(scope="module")
def folder(starter_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_atlas(starter_folder, tmp_path_factory.mktemp("cli") / "atlas")


def run(*words: str, folder: Path) -> str:
    done = CliRunner().invoke(app, [*words, "--atlas", str(folder)])
    assert done.exit_code == 0, done.output
    return done.output


def test_an_explanation_quotes_cites_and_names_its_sources(folder: Path) -> None:
    said = run("explain", "aortic", "dissection", folder=folder)
    assert "“" in said
    assert re.search(r"\[\d+\]", said)
    assert "Evidence" in said
    assert "Licence" in said
    assert "does not diagnose" in said


def test_an_explanation_as_json_is_what_the_api_answers(folder: Path) -> None:
    whole = json.loads(run("explain", "aortic", "dissection", "--json", folder=folder))
    assert whole["claims"]
    assert {"question", "evidence", "claims", "remarks", "explainers"} <= set(whole)


def test_in_spanish_all_but_the_sources_own_words_is_spanish(folder: Path) -> None:
    settle(locales.translations_of("es"))
    try:
        explained = run("explain", "aortic", "dissection", folder=folder)
        compared = run("compare", "aortic aneurysm", "aortic dissection", "--no-explain", folder=folder)
        figure = run("show", "starter:aortic-dissection", folder=folder)
    finally:
        settle(locales.translations_of("en"))
    assert re.search(r"^(Qué es|Qué aspecto tiene|Dónde está)", explained, re.M)
    assert "] discusión: " in explained or "] pie de figura: " in explained
    assert not re.search(
        r"\((finding|disease|anatomy)\)|(How it looks|What it is)$|\] (caption|discussion): ", explained + compared, re.M
    )
    assert "tórax" in figure


def test_nothing_to_explain_from_ends_with_4(folder: Path) -> None:
    done = CliRunner().invoke(app, ["explain", "zebra crossing at night", "--atlas", str(folder)])
    assert done.exit_code == 4
    assert "Nothing is said" in " ".join(done.output.split())


def test_a_comparison_tells_the_sides_apart(folder: Path) -> None:
    said = run("compare", "heart ultrasound", "axial brain MRI", folder=folder)
    assert "The difference" in said
    assert "this difference in region is where they were taken" in " ".join(said.split())


def test_a_query_beside_its_modified_self_as_json(folder: Path) -> None:
    found = json.loads(
        run("compare", "axial brain MRI", "--less", "axial", "--more", "coronal", "--json", "--no-explain", folder=folder)
    )
    assert found["modified"]
    assert found["explanation"] is None
    assert found["b"]["hits"][0]["figure"]["plane"] == "coronal"


@pytest.mark.parametrize(
    "words", [["compare", "brain"], ["compare", "brain", "heart", "--less", "MRI"], ["compare", "brain", "--less", "CT@nan"]]
)
def test_what_cannot_be_compared_is_told(words: list[str], folder: Path) -> None:
    done = CliRunner().invoke(app, [*words, "--atlas", str(folder)])
    assert done.exit_code == BadQuery.exit_code
    assert "Traceback" not in done.output


def test_an_explainer_that_is_not_there_is_replaced_and_it_says_so(folder: Path) -> None:
    said = run("explain", "aortic", "dissection", "--explainer", "nobody", folder=folder)
    assert "nobody could not be used" in " ".join(said.split())


@pytest.mark.parametrize(
    "words",
    [
        ["explain", "aortic", "dissection"],
        ["explain", "zebra crossing at night"],
        ["compare", "heart ultrasound", "axial brain MRI"],
        ["ask", "hippocampus", "--versus", "heart ultrasound", "--no-image"],
    ],
    ids=" ".join,
)
def test_no_blank_line_is_stray(words: list[str], folder: Path) -> None:
    lines = CliRunner().invoke(app, [*words, "--atlas", str(folder)]).stdout.rstrip("\n").split("\n")
    assert lines[0].strip()
    assert all(line.strip() or above.strip() for above, line in pairwise(lines))
    for number, line in enumerate(lines[:-1]):
        if line in ("The difference", "How it looks", "Evidence", "hippocampus", "aortic dissection"):
            assert lines[number + 1].strip(), line


def test_what_tells_two_conditions_apart_is_printed_with_its_counts(tmp_path: Path) -> None:
    rows = ["file,caption,diagnosis,case"]
    for number, (disease, finding) in enumerate(
        [("Meningioma", "dural tail"), ("Vestibular schwannoma", "cystic change")] * 2
    ):
        Image.new("L", (64, 64), 40 * number).save(tmp_path / f"{number}.png")
        rows.append(f"{number}.png,Axial MRI of the brain. {disease} with {finding}.,{disease},case {number}")
    (tmp_path / "captions.csv").write_text("\n".join(rows), "utf-8")
    atlas = tmp_path / "atlas"
    run("add", "folder", str(tmp_path), folder=atlas)
    said = " ".join(run("compare", "meningioma", "vestibular schwannoma", "--no-explain", folder=atlas).split())
    assert "dural tail sign (finding): A 2 of 2 cases, B 0 of 2 cases" in said
    found = json.loads(run("compare", "meningioma", "vestibular schwannoma", "--no-explain", "--json", folder=atlas))
    trait = next(one for one in found["of_a"] if one["concept"] == "dural tail sign")
    assert (trait["a"]["affirmed"], trait["a"]["cases"], trait["b"]["affirmed"]) == (2, 2, 0)
