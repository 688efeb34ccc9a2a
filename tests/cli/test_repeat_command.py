"""`mirage repeat`, on an atlas that nobody serves."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from learner import Clock, Learner
from mirage.atlas import Atlas
from mirage.cli import app
from mirage.study.schedule import CardQuestion


def run(atlas: Path, *words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["repeat", *words, "--atlas", str(atlas)])
    return done.exit_code, done.stdout, " ".join(done.output.split())


def test_what_is_due_is_told_and_data_make_the_round_trip(small: Path, tmp_path: Path) -> None:
    assert "no cards yet" in run(small, "due")[2]
    assert "Nothing has been answered" in run(small, "progress")[2]
    with Atlas.open(small) as atlas:
        study = atlas.study
        study.schedule.clock = Clock()
        study.schedule.add(CardQuestion("name", row.figure.id) for row in atlas.store.rows(atlas.store.keys()).values())
        study.schedule.choose(new_per_day=4)
        Learner(atlas, study.schedule.clock).learn(6, share=0.5)
        number = len(study.learning.answers(limit=1000))
    assert "cards due" in run(small, "due")[2]
    told = run(small, "progress")[2]
    assert f"{number} answers; of {number} graded ones" in told
    assert "taken for" in told
    assert "/compare?" in told
    file = tmp_path / "mine.mirage-data.zip"
    assert run(small, "export", str(file))[0] == 0
    assert run(small, "export", str(file))[0] == 2, "nothing is written over"
    code, _, told = run(small, "delete")
    assert (code, f"learning: {number} answers, 6 cards" in told, "Nothing was deleted" in told) == (2, True, True)
    assert run(small, "delete", "--part", "magic", "--yes")[0] == 2
    deleted = json.loads(run(small, "delete", "--yes", "--json")[1])["deleted"]
    assert (deleted["answers"], deleted["cards"]) == (number, 6)
    assert "no cards yet" in run(small, "due")[2]
    assert f"{sum(deleted.values())} new" in run(small, "import", str(file))[2]
    assert json.loads(run(small, "due", "--json")[1])["cards"] == 6


def test_what_is_amiss_is_told(small: Path, tmp_path: Path) -> None:
    assert run(small, "add", "figure", "nobody:1")[0] == 4
    assert run(small, "add", "magic", "x")[0] == 2
    assert run(small, "import", str(tmp_path / "none"))[0] == 2
    with Atlas.open(small) as atlas:
        figure = atlas.store.rows(atlas.store.keys())[1].figure.id
    code, _, told = run(small, "add", "figure", figure, "--kind", "name")
    assert (code, "Nothing can be asked here: 1 have no diagnosis" in told) == (2, True)
