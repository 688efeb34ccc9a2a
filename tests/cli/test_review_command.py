"""`mirage review` and what `mirage evaluate` makes of it, on an atlas that nobody serves. The raters are simulated."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mirage.atlas import Atlas
from mirage.calibrate.judged import read_judged
from mirage.cli import app
from mirage.errors import BadInput
from mirage.study.reviews import files as reviews_files
from mirage.study.reviews.ratings import rating_of

QUERY = "lung mass"


def run(atlas: Path, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, [*words, "--atlas", str(atlas)])
    return done.exit_code, " ".join(done.output.split())


def test_a_review_goes_from_its_beginning_to_judged_queries(some_copy: Path, tmp_path: Path) -> None:
    code, told = run(some_copy, "review", "begin", QUERY)
    assert (code, f"{QUERY}: " in told) == (0, True)
    assert "Rated by 0 educators. In the protocol, not begun: acute appendicitis" in run(some_copy, "review", "list")[1]
    packet = tmp_path / "packet.zip"
    assert run(some_copy, "review", "packet", QUERY, str(packet))[0] == 0
    assert "index.html" in zipfile.ZipFile(packet).namelist()

    with Atlas.open(some_copy) as atlas:  # what a packet would have saved
        mine = atlas.study.reviews
        review = mine.list()[0]
        best = min(
            (item for item in mine.keyed(review.id) if item.kind == "figure"),
            key=lambda item: item.key.ranks.get("mirage", 99),
        )
        for name in ("Sim A", "Sim B"):
            for item in mine.items(review.id):
                mine.rate(
                    review.id, name, rating_of(item.id, "helpful" if item.id == best.id else "misleading", "", "", "", 1.0)
                )
        file = tmp_path / "sim.mirage-ratings"
        file.write_bytes(reviews_files.printed(mine, review.id))
        for each in mine.rated(review.id):
            mine.rate(review.id, each.name, rating_of(each.rating.item, "", "", "", "", 2.0))
        figure = best.content.pictures[0].figure

    assert "0 changed, 0 there already" in run(some_copy, "review", "import", str(file))[1]
    assert "0 new, 0 changed" in run(some_copy, "review", "import", str(file))[1]
    assert run(some_copy, "review", "import", str(packet))[0] == 2
    assert "1 figure is hidden" in run(some_copy, "review", "misleading", "--hide", figure)[1]
    assert "0 figures are hidden" in run(some_copy, "review", "misleading", "--show", figure)[1]
    assert run(some_copy, "review", "close", QUERY.upper())[0] == 0
    judged, table = tmp_path / "judged.json", tmp_path / "ratings.csv"
    told = run(some_copy, "evaluate", "reviews", "--queries", str(judged), "--csv", str(table))[1]
    assert "rated by 2 educators" in told
    assert "mirage: nDCG@10 / precision 1.00 / " in told
    assert table.read_text("utf-8").startswith("condition,item,kind")

    with Atlas.open(some_copy) as atlas:
        (query,) = read_judged(atlas, judged)
        assert (query.kind, query.query.text) == ("judged", QUERY)
        assert query.right == {atlas.figure(figure).id}
        shown = [hit.figure.id for hit in atlas.search(query.query).hits if hit.figure.id not in query.without]
        assert shown[0] in query.right
        for text in (
            "{}",
            json.dumps({"format": 1, "queries": [{"query": "x", "right": ["a:b"], "wrong": [], "raters": 1}]}),
        ):
            judged.write_text(text, "utf-8")
            with pytest.raises(BadInput):
                read_judged(atlas, judged)
