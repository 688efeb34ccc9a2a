"""`mirage collection`, on an atlas that nobody serves."""

from __future__ import annotations

import json
from pathlib import Path
from zipfile import ZipFile

from typer.testing import CliRunner

from mirage.atlas import Atlas
from mirage.cli import app


def run(atlas: Path, *words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["collection", *words, "--atlas", str(atlas)])
    return done.exit_code, done.stdout, " ".join(done.output.split())


def test_a_collection_is_made_shown_written_taken_in_and_deleted(small: Path, tmp_path: Path) -> None:
    with Atlas.open(small) as atlas:
        figure = atlas.store.rows(atlas.store.keys())[1].figure.id
    assert "none yet" in run(small, "list")[2]
    code, _, told = run(small, "add", "--new", "Week 3", "figure", figure, "--note", "The [edge].")
    assert (code, "Phantom number 0: kept in Week 3." in told) == (0, True)
    assert "was already in Week 3" in run(small, "add", "Week 3", "figure", figure)[2]
    run(small, "add", "Week 3", "section", "Second")
    shown = run(small, "show", "Week 3")[1]
    assert f"figure: Phantom number 0 (/figure/{figure})" in " ".join(shown.split())
    assert "The [edge]." in shown
    file = tmp_path / "w.mirage-collection"
    assert run(small, "export", "Week 3", str(file))[0] == 0
    assert run(small, "export", "Week 3", str(file))[0] == 2, "nothing is written over"
    told = json.loads(file.read_text())
    told["collection"]["title"] = "Theirs"
    told["collection"]["items"][0]["target"] = "elsewhere:1~0123456789ab"
    file.write_text(json.dumps(told))
    assert "1 thing of it is not in this atlas: elsewhere:1" in run(small, "import", str(file))[2]
    there = json.loads(run(small, "list", "--json")[1])["collections"]
    own = next(each["id"] for each in there if each["title"] == "Week 3")
    item = json.loads(run(small, "show", own, "--json")[1])["items"][0]["id"]
    assert f"remove {own} {item} --undo" in run(small, "remove", "Week 3", item)[2]
    assert run(small, "remove", "Week 3", item, "--undo")[0] == 0
    assert run(small, "remove", own, "--whole")[0] == 0
    assert run(small, "show", own)[0] == 4
    assert run(small, "remove", own, "--whole", "--undo")[0] == 0
    assert [entry["title"] for entry in json.loads(run(small, "show", own, "--json")[1])["items"]] == [
        "Phantom number 0",
        "Second",
    ]


def test_what_is_amiss_is_told(small: Path, tmp_path: Path) -> None:
    assert run(small, "show", "nothing")[0] == 4
    assert run(small, "remove", "nothing")[0] == 2
    assert run(small, "import", str(tmp_path / "none"))[0] == 2
    code, _, told = run(small, "add", "--new", "x" * 300, "section", "a")
    assert (code, "300 characters" in told) == (2, True)
    for _ in range(2):
        run(small, "add", "--new", "Twice", "section", "a")
    assert "2 collections are called 'Twice'" in run(small, "show", "Twice")[2]


def test_a_collection_goes_along_as_a_file_and_what_stayed_is_counted(small: Path, tmp_path: Path) -> None:
    with Atlas.open(small) as atlas:
        figure = atlas.store.rows(atlas.store.keys())[1].figure.id
    run(small, "add", "--new", "Week 3", "figure", figure)
    deck = tmp_path / "deep" / "week-3.apkg"
    code, _, told = run(small, "take", "Week 3", str(deck))
    assert (code, "1 picture is in it. 1 note. 1 card." in told) == (0, True)
    assert "collection.anki2" in ZipFile(deck).namelist()
    assert run(small, "take", "Week 3", str(deck))[0] == 2, "nothing is written over"
    slides = tmp_path / "films.pptx"
    said = json.loads(run(small, "take", "q=phantom", str(slides), "--kind", "search", "--as", "slides", "--json")[1])
    assert said["told"][0].endswith("pictures are in it.")
    assert said["bytes"] == slides.stat().st_size
    code, _, told = run(small, "take", "Week 3", str(tmp_path / "theirs.zip"), "--as", "images", "--for", "pass-on")
    assert (code, "1 picture stayed behind: 1 not stated." in told) == (2, True)
    assert not (tmp_path / "theirs.zip").exists()
