"""Where the licence of some figures of a collection is stated and that of others is not, it is said of how many."""

from __future__ import annotations

from pathlib import Path

import pytest
from serving import serving
from typer.testing import CliRunner

from mirage import corpora
from mirage.atlas import Atlas
from mirage.cli import app, output
from mirage.settings import Settings
from mirage.storage.ingest import add
from parts import picture_folder


def test_it_is_said_of_how_many_figures_a_licence_is_stated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some, none, every = (picture_folder(tmp_path / name, 3) for name in ("some", "none", "every"))
    names = sorted(path.name for path in some.glob("*.png"))
    (some / "figures.csv").write_text(f"file,licence\n{names[0]},CC BY 4.0\n{names[1]},\n{names[2]},\n")
    for folder in (none, every):
        (folder / "figures.csv").unlink(missing_ok=True)
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        add(atlas, corpora.load("folder", path=some, name="some"))
        add(atlas, corpora.load("folder", path=none, name="none"))
        add(atlas, corpora.load("folder", path=every, name="every", licence="CC0-1.0"))
        with serving(atlas, Settings(), tmp_path) as site, site.client() as client:
            held = {each["title"]: each for each in client.get("/api/atlas").json()["corpora"]}
            page = client.get("/corpora").text
    told = {title: (each["stated"], each["licence"]["stated"]) for title, each in held.items()}
    assert sorted(told.values()) == [(0, False), (1, False), (3, True)]
    assert page.count("Stated of 1 of 3 figures") == 1
    assert page.count("Stated of ") == 1
    monkeypatch.setattr(output.out, "_width", 300)
    info = CliRunner().invoke(app, ["atlas", "info", "--atlas", str(tmp_path / "atlas")]).stdout
    assert info.count("each figure names its own, stated of 1 of 3 figures;") == 1
    assert info.count("stated of ") == 1
