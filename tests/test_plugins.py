"""Adapters found by name, ours or somebody else's."""

from __future__ import annotations

import os
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from mirage import plugins
from mirage.errors import NotFound, Unavailable
from mirage.indexes.base import Point
from squares import installed


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another package that adds two adapters, one of which needs something that is not installed."""
    found = plugins.entry_points

    def with_others(*, group: str) -> list[EntryPoint]:
        theirs = [
            EntryPoint("theirs", "mirage.indexes.base:Point", group),
            EntryPoint("broken", "no_such_package.of_theirs:Thing", group),
            *([EntryPoint("leaving", "leaves:Thing", group)] if group == "mirage.encoders" else []),
        ]
        return [*found(group=group), *theirs]

    monkeypatch.setattr(plugins, "entry_points", with_others)
    monkeypatch.setattr(plugins, "_available", plugins._available.__wrapped__)


@pytest.mark.parametrize(
    ("group", "names"),
    [
        ("mirage.corpora", {"starter", "medpix", "folder"}),
        ("mirage.encoders", {"starter"}),
        ("mirage.indexes", {"embedded"}),
    ],
)
def test_ours_are_there_and_can_be_imported(group: str, names: set[str]) -> None:
    assert names <= set(plugins.available(group))
    for name in names:
        assert callable(plugins.load(group, name))


@pytest.mark.usefixtures("others")
def test_those_of_other_packages_are_found() -> None:
    assert plugins.load("mirage.indexes", "theirs") is Point


@pytest.mark.usefixtures("others")
def test_one_that_lacks_a_package_names_it() -> None:
    with pytest.raises(Unavailable, match="index “broken” needs the package 'no_such_package'"):
        plugins.load("mirage.indexes", "broken")


@pytest.mark.usefixtures("others")
def test_one_that_ends_the_process_is_told_and_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "leaves.py").write_text("raise SystemExit('\\x1b[2Jgone')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Unavailable, match=r"encoder “leaving” cannot be used: SystemExit: \[2Jgone"):
        plugins.load("mirage.encoders", "leaving")


@pytest.mark.usefixtures("others")
def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(NotFound, match=r"There is no index “x”. There are: broken, embedded, .*theirs"):
        plugins.load("mirage.indexes", "x")


def test_the_declared_adapters_are_those_that_are_installed() -> None:
    import tomllib

    root = Path(__file__).parent.parent
    declared = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]
    for group, entries in declared.items():
        assert set(entries) <= set(plugins.available(group)), group


def test_one_that_is_installed_while_a_program_runs_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    os.utime(tmp_path, ns=(0, 0))  # so that what is put there changes its time, however coarse the clock
    assert "squares" not in plugins.available("mirage.encoders")
    installed(tmp_path)
    assert "squares" in plugins.available("mirage.encoders")


def test_packages_are_looked_through_once_for_all_who_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    first = plugins.available("mirage.encoders")
    monkeypatch.setattr(plugins, "entry_points", lambda **_: pytest.fail("looked through again"))
    assert plugins.available("mirage.encoders") == first
