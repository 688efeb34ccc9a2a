"""``mirage remove``: it says what goes and asks; ``mirage up`` does not put back what was removed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mirage.atlas import Atlas
from parts import PATIENCE, answered, mirage, until


def ids_of(folder: Path) -> list[str]:
    with Atlas.open(folder) as atlas:
        return [row.figure.id for rows in atlas.store.each() for row in rows]


def test_it_says_what_goes_and_asks(small: Path) -> None:
    (first, *rest) = ids_of(small)
    code, printed = answered("n", "remove", "figure", first, atlas=small, question="Remove?")
    assert code == 1
    assert "1 figure, " in printed
    assert "would be removed from the atlas." in printed
    assert "Nothing was removed." in printed
    assert len(ids_of(small)) == 6
    code, printed = answered("y", "remove", "figure", first, atlas=small, question="Remove?")
    assert code == 0
    assert "1 figure, " in printed
    assert ids_of(small) == rest


def test_without_a_terminal_it_wants_a_yes(small: Path) -> None:
    (first, second, *rest) = ids_of(small)
    refused = mirage("remove", "figure", first, atlas=small)
    assert refused.returncode == 2
    assert "1 figure, " in refused.stderr
    assert "Nothing was removed: there is no terminal to ask at. Add --yes" in " ".join(refused.stderr.split())
    done = mirage("remove", "figure", first, second, "--yes", "--json", atlas=small)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["figures"] == 2
    assert ids_of(small) == rest
    again = mirage("remove", "figure", first, "--yes", atlas=small)
    assert again.returncode == 4
    assert "was removed from this atlas on" in again.stderr
    assert "was removed from this atlas on" in mirage("show", first, atlas=small).stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("corpus", "folder-nothing-like-it"), "There are: folder-"),
        (("figure", "x"), "no figure 'x'"),
    ],
)
def test_what_is_not_there_ends_with_4(small: Path, arguments: tuple[str, ...], said: str) -> None:
    done = mirage("remove", *arguments, "--yes", atlas=small)
    assert done.returncode == 4
    assert said in done.stderr
    assert len(ids_of(small)) == 6


def test_a_corpus_goes_by_its_title_too(small: Path) -> None:
    with Atlas.open(small) as atlas:
        ((name, title),) = [(each.name, each.title) for each in atlas.info().corpora]
    assert title != name
    done = mirage("remove", "corpus", title.upper(), "--yes", atlas=small)
    assert done.returncode == 0, done.stderr
    assert ids_of(small) == []


def test_what_was_removed_is_not_put_back_when_mirage_starts(starter_copy: Path, started: Callable) -> None:
    one = "starter:chest-pa"
    assert mirage("remove", "figure", one, "--yes", atlas=starter_copy).returncode == 0

    def up() -> str:
        process = started("up", "--port", "0", atlas=starter_copy)
        told = ""
        while "MIRAGE is at" not in (line := process.stdout.readline()):
            told += line
            assert process.poll() is None, process.stderr.read()
        process.terminate()
        return told + process.communicate(timeout=PATIENCE)[1]

    up()
    with Atlas.open(starter_copy) as atlas:
        held = atlas.info().figures
        assert atlas.removed([one])
    done = mirage("remove", "corpus", "starter", "--yes", atlas=starter_copy)
    assert done.returncode == 0, done.stderr
    assert f"{held} figures" in done.stderr
    assert "`mirage add starter` brings it back" in " ".join(up().split())
    assert ids_of(starter_copy) == []


def test_it_goes_through_the_server_that_holds_the_atlas(small: Path, started: Callable) -> None:
    (first, *rest) = ids_of(small)
    process = started("serve", "--port", "0", atlas=small)
    until(lambda: "MIRAGE is at" in process.stdout.readline())
    done = mirage("remove", "figure", first, "--yes", atlas=small)
    assert done.returncode == 0, done.stderr
    assert "removing through it" in done.stderr
    process.terminate()
    process.wait(PATIENCE)
    assert ids_of(small) == rest
