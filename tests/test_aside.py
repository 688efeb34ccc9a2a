"""Files that are there when they are whole, however many processes write them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mirage.aside import aside, beside, machine, sweep
from mirage.errors import BadInput


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def test_two_who_write_the_same_file_have_a_place_each(tmp_path: Path) -> None:
    target = tmp_path / "file"
    with aside(target) as one, aside(target) as other:
        one.write_text("one")
        other.write_text("other")
        assert not target.exists()
        assert one != other
    assert target.read_text() == "one"  # who ends last
    assert names(tmp_path) == {"file"}


def test_what_another_has_written_meanwhile_stays_where_it_is_to_be_new(tmp_path: Path) -> None:
    target = tmp_path / "file"

    def write() -> None:
        with aside(target, new=True) as mine:
            mine.write_text("mine")
            target.write_text("theirs")

    with pytest.raises(BadInput, match="there already"):
        write()
    assert target.read_text() == "theirs"
    assert names(tmp_path) == {"file"}


@pytest.mark.skipif(os.name != "posix", reason="elsewhere only age tells who is gone")
def test_what_a_killed_process_had_moved_away_comes_back_unless_something_took_its_place(tmp_path: Path) -> None:
    kill = (
        "import os, pathlib, signal, sys; from mirage.aside import beside; target = pathlib.Path(sys.argv[1])\n"
        "with beside(target, 'before') as old: target.rename(old); os.kill(os.getpid(), signal.SIGKILL)"
    )
    for name in ("lost", "replaced"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("old")
        subprocess.run([sys.executable, "-c", kill, str(tmp_path / name)], check=False)
        assert not (tmp_path / name).exists()
        if name == "replaced":
            (tmp_path / name).mkdir()
        sweep(tmp_path)
    assert (tmp_path / "lost" / "file").read_text() == "old"
    assert not list((tmp_path / "replaced").iterdir())
    assert names(tmp_path) == {"lost", "replaced"}


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    def write() -> None:
        with aside(tmp_path / "file") as place:
            place.write_text("half")
            raise ValueError("of itself")

    with pytest.raises(ValueError, match="of itself"):
        write()
    assert names(tmp_path) == set()


def test_a_name_may_be_as_long_as_a_name_can_be(tmp_path: Path) -> None:
    target = tmp_path / ("ä" * 127)
    with aside(target) as place:
        place.write_text("whole")
    assert target.read_text() == "whole"


@pytest.mark.skipif(os.name != "posix", reason="elsewhere only age tells who is gone")
def test_what_a_killed_process_left_is_removed_and_what_one_still_writes_stays(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    host = machine()
    (tmp_path / f".a.{host}-{gone.pid}-00000000.partial").write_text("half")
    (tmp_path / f".a.{host}-{gone.pid}-00000000.parts").mkdir()
    stay = {f".a.{host}-{os.getpid()}-00000000.partial", f".a.other-host-{gone.pid}-00000000.partial", ".a.partial", "a"}
    for name in stay:
        (tmp_path / name).write_text("another's")
    with beside(tmp_path / "b", "parts") as place:
        place.mkdir()
        assert names(tmp_path) == {*stay, place.name}
    sweep(tmp_path)
    assert names(tmp_path) == stay
