"""The two kinds of atlas file: whole for its maker, or what licences permit to pass on; and what stayed behind, in words."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mirage import corpora
from mirage.atlas import Atlas
from mirage.cli import app
from mirage.errors import BadInput
from mirage.storage.archive_export import export
from mirage.storage.archive_import import import_file
from mirage.storage.ingest import add
from parts import draw

TABLE = """file,caption,licence,case,history
a.png,Free,CC BY 4.0,,
b.png,Without gain,CC BY-NC 4.0,,
c.png,Unchanged,CC BY-ND 4.0,,
d.png,In words of its own,free for teaching,,
e.png,Silent,,one,A long story that nobody has licensed.
f.png,Free with a silent story,MIT,one,
g.png,Alike,https://creativecommons.org/licenses/by-sa/4.0/,,
"""


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """An atlas of seven figures under seven licences, closed."""
    place = tmp_path / "pictures"
    for number, name in enumerate("abcdefg"):
        draw(place / f"{name}.png", number)
    (place / "figures.csv").write_text(TABLE, "utf-8")
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        add(atlas, corpora.load("folder", path=place))
    return tmp_path / "atlas"


def captions(file: Path, folder: Path) -> set[str]:
    import_file(file, folder)
    with Atlas.open(folder) as atlas:
        return {row.figure.caption for row in atlas.store.rows(atlas.store.keys()).values()}


def test_a_file_to_pass_on_holds_what_licences_permit_and_counts_the_rest(mixed: Path, tmp_path: Path) -> None:
    written = export(mixed, tmp_path / "out.mirage")
    assert captions(written.path, tmp_path / "there") == {"Free", "Unchanged", "Free with a silent story", "Alike"}
    assert sorted(map(str, written.behind)) == ["CC BY-NC 4.0", "free for teaching", "not stated"]
    assert written.manifest.left_out.unlicensed == 3


def test_what_is_without_gain_goes_when_somebody_says_so(mixed: Path, tmp_path: Path) -> None:
    written = export(mixed, tmp_path / "out.mirage", non_commercial=True)
    assert "Without gain" in captions(written.path, tmp_path / "there")
    assert sorted(map(str, written.behind)) == ["free for teaching", "not stated"]


def test_a_file_for_myself_is_whole_and_says_so(mixed: Path, tmp_path: Path) -> None:
    written = export(mixed, tmp_path / "out.mirage", purpose="myself")
    assert (written.manifest.figures, written.behind, written.stories) == (7, (), ())
    with zipfile.ZipFile(written.path) as archive:
        assert "do not\npass on this file" in archive.read("README.txt").decode()
        assert b"nobody has licensed" in archive.read("cases.jsonl")


def test_a_story_under_no_licence_stays_and_its_case_still_holds_its_figures_together(mixed: Path, tmp_path: Path) -> None:
    written = export(mixed, tmp_path / "out.mirage")
    assert list(map(str, written.stories)) == ["not stated"]
    with zipfile.ZipFile(written.path) as archive:
        assert not any(b"nobody has licensed" in archive.read(name) for name in archive.namelist())
    import_file(written.path, tmp_path / "there")
    with Atlas.open(tmp_path / "there") as atlas:
        figures = [row.figure for row in atlas.store.rows(atlas.store.keys()).values()]
        told = next(figure for figure in figures if figure.caption == "Free with a silent story")
        assert atlas.case(told.case_id).passages == {}


def test_the_command_tells_what_stayed_behind_licence_by_licence(mixed: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["export", str(tmp_path / "a.mirage"), "--for", "pass-on", "--atlas", str(mixed)])
    said = " ".join(done.output.split())
    assert "3 figures stayed behind: " in said
    for part in (
        "1 CC BY-NC 4.0",
        "1 free for teaching",
        "1 not stated",
        "`--non-commercial` takes",
        "1 case stayed behind",
    ):
        assert part in said
    mine = CliRunner().invoke(app, ["export", str(tmp_path / "b.mirage"), "--for", "myself", "--atlas", str(mixed)])
    assert "stayed behind" not in mine.output
    assert "for your own use" in " ".join(mine.output.split())
    asked = ["export", str(tmp_path / "c.mirage"), "--json", "--non-commercial", "--atlas", str(mixed)]
    told = json.loads(CliRunner().invoke(app, asked).stdout)
    assert (told["for"], told["behind"]) == ("pass-on", {"free for teaching": 1, "not stated": 1})


def test_a_purpose_that_there_is_not_is_refused_before_anything_is_written(mixed: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no purpose 'sale'"):
        export(mixed, tmp_path / "a.mirage", purpose="sale")
    assert not list(tmp_path.glob("a.mirage*"))
