"""Decks opened by Anki's own library, which is AGPL and no dependency of ours: `make test-decks` fetches it for these."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest

from mirage.atlas import Atlas
from mirage.study.along import decks
from mirage.study.along.bundle import TEACHING, Bundle, Order
from mirage.study.along.gather import gather
from mirage.study.kept import Content

ANKI = os.environ.get("MIRAGE_TEST_ANKI", "")
pytestmark = [
    pytest.mark.anki,
    pytest.mark.skipif(not ANKI, reason="Anki's library is not here; `make test-decks` fetches it"),
]
READER = Path(__file__).parents[1] / "anki_reading.py"
WANTED = 200


def said_by_anki(folder: Path, *paths: Path) -> dict[str, Any]:
    # A process of its own: what Anki brings must not meet what we have.
    done = subprocess.run(
        [sys.executable, READER, folder, *paths], env={**os.environ, "PYTHONPATH": ANKI}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def bundle(starter: Atlas) -> Bundle:
    """So many slices with labels, a stack of them, and a picture, of the starter atlas."""
    rows = list(starter.store.rows(starter.store.keys()).values())
    stacks = {row.figure.id for row in rows if row.figure.stack and row.figure.stack.labels}
    slices = [row.figure.id for row in rows if row.figure.slice_of and row.figure.slice_of.stack in stacks]
    ids = ["starter:retina", "starter:lung-mass", *slices[:: len(slices) // (WANTED + 40)]]
    contents = [Content(kind="figure", target=own, title=own) for own in ids]
    return gather(starter, contents, "deck", Order("pass-on"), key="all", title="Starter <b>: all")


@pytest.fixture(scope="module")
def told(starter: Atlas, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("anki")
    first, second = folder / "first.apkg", folder / "second.apkg"
    with first.open("wb") as out:
        made = decks.write(bundle, starter, out)
    with second.open("wb") as out, pytest.MonkeyPatch.context() as later:
        now = time.time()
        later.setattr(decks.time, "time", lambda: now + 60)
        noted = replace(bundle.parts[0], pictures=tuple(replace(each, note="New") for each in bundle.parts[0].pictures))
        decks.write(replace(bundle, parts=(noted, *bundle.parts[1:])), starter, out)
    answer = said_by_anki(folder, first, first, second)
    return {**answer, "made": made}


def of_kind(told: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [note for note in told["notes"] if note["kind"] == kind]


def test_all_notes_and_cards_are_there_and_none_is_doubled(told: dict[str, Any]) -> None:
    made = told["made"]
    first, again, changed = told["imports"]
    assert first == {"new": made.notes, "updated": 0, "duplicate": 0, "conflicting": 0, "missing_notetype": 0}
    assert (again["new"], again["duplicate"]) == (0, made.notes)
    assert (changed["new"], changed["conflicting"], changed["updated"] > 0) == (0, 0, True)
    assert len(told["notes"]) == made.notes
    assert sum(len(note["cards"]) for note in told["notes"]) == made.cards
    assert len(of_kind(told, "MIRAGE Image Occlusion")) == made.structures >= WANTED
    assert told["sound"]
    assert "Starter <b>: all" in told["decks"]
    assert [note["fields"]["Note"] for note in of_kind(told, "MIRAGE picture")].count("New") == 1


def test_every_mask_is_a_shape_that_anki_draws_and_every_structure_is_a_card(told: dict[str, Any]) -> None:
    for note in of_kind(told, "MIRAGE Image Occlusion"):
        assert note["stock"] == 6
        numbers = {int(number) for number in re.findall(r"\{\{c(\d+)::", note["fields"]["Occlusion"])}
        assert {card["ord"] + 1 for card in note["cards"]} == numbers == {mask["ordinal"] for mask in note["masks"]}
        shapes = [shape for mask in note["masks"] for shape in mask["shapes"]]
        assert len(shapes) == note["fields"]["Occlusion"].count("{{c")
        for shape in shapes:
            corners = [tuple(map(float, pair.split(","))) for pair in shape["points"].split()]
            assert shape["shape"] == "polygon"
            assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in corners)
            assert min(x for x, _ in corners) == pytest.approx(float(shape["left"]), abs=1e-4)
            assert min(y for _, y in corners) == pytest.approx(float(shape["top"]), abs=1e-4)
        for card in note["cards"]:
            assert re.search(rf'class="cloze" [^>]*data-ordinal="{card["ord"] + 1}"', card["question"])
            (name,) = re.findall(rf'<span class="n{card["ord"] + 1}">([^<]+)</span>', card["answer"])
            assert name not in card["question"]


def test_every_picture_is_in_anki_s_media_and_none_is_missing(told: dict[str, Any], bundle: Bundle) -> None:
    assert told["missing"] == told["unused"] == []
    folder = Path(told["media"])
    by_id = {picture.figure.id: picture for picture in bundle.pictures()}
    for note in of_kind(told, "MIRAGE picture"):
        (name,) = re.findall(r'src="([^"]+)"', note["fields"]["Picture"])
        assert (folder / name).read_bytes() == by_id[unescape(note["fields"]["Figure"])].path.read_bytes()
    for note in of_kind(told, "MIRAGE Image Occlusion"):
        assert (folder / note["image"]).read_bytes().startswith(b"\x89PNG")


def test_every_back_has_attribution_licence_and_link_and_no_front_gives_an_answer_away(
    told: dict[str, Any], bundle: Bundle
) -> None:
    by_id = {picture.figure.id: picture for picture in bundle.pictures()}
    for note in told["notes"]:
        picture = by_id[unescape(note["fields"].get("Figure") or note["fields"]["Comments"])]
        for card in note["cards"]:
            for said in (*picture.credit(), picture.link, TEACHING):
                assert escape(said) in card["answer"]
            assert TEACHING in card["question"]
            if note["kind"] == "MIRAGE picture":
                assert escape(picture.answer) not in card["question"]
