"""Two distributions: what a student installs holds nothing of what measures and trains, and never asks for it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from parts import mirage

ROOT = Path(__file__).parent.parent
WHEEL = ROOT / "src" / "mirage"
RESEARCH = ROOT / "research" / "src" / "mirage_research"
# Puts entry points of another package in the place of those that are installed, and runs the command.
WITH = """
import sys
from importlib.metadata import EntryPoint
from mirage import plugins
found = plugins.entry_points
theirs = [EntryPoint(*each.split("="), "mirage.commands") for each in {entries!r}]
plugins.entry_points = lambda group: theirs if group == "mirage.commands" else found(group=group)
sys.modules["__main__"].broken = lambda app, evaluate: app.command()(lambda x: None) and 1 / 0
sys.modules["__main__"].unbuilt = lambda app, evaluate: app.command("odd")(odd)
def odd(x: list[list[int]]): ...
from mirage import cli
cli.main()
"""


def run_with(entries: list[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    code = [sys.executable, "-c", WITH.format(entries=entries), *arguments]
    return subprocess.run(code, capture_output=True, text=True, check=False)


def project(path: str) -> dict[str, object]:
    return tomllib.loads((ROOT / path / "pyproject.toml").read_text("utf-8"))


def test_the_wheel_holds_the_package_mirage_and_nothing_else() -> None:
    wheel = project(".")["tool"]["hatch"]["build"]["targets"]["wheel"]  # type: ignore[index]
    assert wheel == {"packages": ["src/mirage"]}
    assert not RESEARCH.is_relative_to(WHEEL)
    theirs = {path.relative_to(RESEARCH) for path in RESEARCH.rglob("*.*") if path.parent != RESEARCH}
    assert theirs
    assert not [name for name in theirs if (WHEEL / name).is_file() and "__pycache__" not in name.parts]


def test_the_wheel_never_imports_research() -> None:
    for path in WHEEL.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []
            assert not [name for name in names if re.match(r"mirage_research\b", name)], f"{path} names mirage_research"


def test_what_only_measuring_and_training_need_is_asked_for_by_research_alone() -> None:
    mine, theirs = project("."), project("research")
    extras = mine["project"]["optional-dependencies"]  # type: ignore[index]
    asked = [
        *mine["project"]["dependencies"],
        *(line for name, lines in extras.items() if name != "starter-build" for line in lines),
    ]  # type: ignore[index]
    names = {re.split(r"[^\w-]", line)[0] for line in asked}
    assert not names & {"scipy", "ir-measures", "onnxscript", "efficientnet-lite-pytorch"}
    assert "mirage-atlas" in theirs["project"]["dependencies"]  # type: ignore[index]


def test_without_research_a_command_of_it_says_how_to_get_it() -> None:
    for arguments in (["train", "encoder"], ["evaluate", "retrieval", "--help"]):
        done = run_with([], *arguments)
        assert done.returncode == 7
        assert "pip install ./research" in done.stderr
        assert "Traceback" not in done.stderr


def test_without_research_an_atlas_can_still_be_calibrated_and_nothing_else() -> None:
    told = run_with([], "evaluate", "--help").stdout
    assert "calibrate" in told
    assert "retrieval" not in told


def test_distributions_whose_commands_fail_are_named_in_a_line_each_and_the_others_stay() -> None:
    failing = ["no_such_package:register", "json:no_such_name", "__main__:broken", "json:__name__"]
    theirs = [f"theirs-{number}={entry}" for number, entry in enumerate(failing)]
    done = run_with([*theirs, "research=mirage_research.commands:register"], "evaluate", "--help")
    assert done.returncode == 0
    assert "retrieval" in done.stdout
    lines = done.stderr.strip().splitlines()
    assert [f"“theirs-{number}”" in line for number, line in enumerate(lines)] == [True] * len(failing)


def test_a_command_that_cannot_be_built_breaks_none_of_ours() -> None:
    done = run_with(["theirs=__main__:unbuilt"], "--version")
    assert done.stdout.startswith("mirage ")
    assert "The commands of “theirs” (__main__:unbuilt) are missing" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_research_adds_its_commands() -> None:
    assert "encoder" in mirage("train", "--help").stdout
