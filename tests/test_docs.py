"""What the docs name is there: modules, classes, functions, files and settings."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from mirage import cli
from mirage.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    page
    for page in (
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        ROOT / "research/README.md",
        ROOT / "examples/plugin/README.md",
    )
    if page.name != "CHANGELOG.md"  # it tells what was, too
)
# Where a path in a page may begin, and what is made or fetched rather than kept.
ROOTS = (ROOT, ROOT / "src/mirage", ROOT / "research/src/mirage_research")
PATH = re.compile(r"`((?:src|tests|docs|scripts|examples|benchmarks|research|[a-z]+)/[\w./-]+\.(?:py|md|toml|json|txt))`")
TO_RUN = re.compile(r"""[=\s"']((?:tests|scripts|benchmarks|research)/[\w./-]+\.py)\b""")  # in a command
COMMAND = re.compile(r"(?:^|^\w*\$ +|=\S+ )mirage ((?:[a-z][a-z-]*|--?[a-z])[^`\n#|;()]*)", re.MULTILINE)
NAME = re.compile(r"\b(mirage(?:_research)?(?:\.[A-Za-z_]\w*)+)(?!\S*\.whl)")
NOT_NAMES = {"mirage.toml", "mirage.model.json", "mirage.ipynb", "mirage.service", "mirage.env"}
GROUPS = {"mirage.commands", "mirage.explainers", "mirage.generators"}  # entry points


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_module_class_and_file_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    names = {name for name in NAME.findall(text) if not name.startswith(tuple(NOT_NAMES)) and name not in GROUPS}
    missing = [name for name in sorted(names) if not _is_there(name)]
    missing += [path for path in sorted({*PATH.findall(text), *TO_RUN.findall(text)}) if not _file_is_there(page, path)]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_and_option_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text("utf-8").replace("\\\n", " ")
    faults = {told: fault_of(told.split()) for told in _commands_in(text)}
    assert {told: fault for told, fault in faults.items() if fault} == {}


def test_every_setting_is_told_on_a_page() -> None:
    told = "\n".join(page.read_text("utf-8") for page in PAGES)
    assert [name for name in Settings.model_fields if f"`{name}`" not in told] == []


def test_the_spanish_page_of_use_tells_the_same_commands_and_settings() -> None:
    told, spanish = ((ROOT / "docs" / page).read_text("utf-8") for page in ("using.md", "es/using.md"))
    named = re.compile(r"^\| ([^|]*`[^|]*) \|", re.MULTILINE)  # the first cell of a row
    there = {name for cell in named.findall(spanish) for name in re.findall(r"`[^`]+`", cell)}
    assert [name for cell in named.findall(told) for name in re.findall(r"`[^`]+`", cell) if name not in there] == []


def _commands_in(text: str) -> list[str]:
    """What follows `mirage` in code spans and in blocks of commands."""
    code = "\n".join(re.findall(r"```\w*\n(.*?)```", text, re.DOTALL) + re.findall(r"`([^`\n]+)`", text))
    return [told.strip() for told in COMMAND.findall(code)]


def fault_of(words: list[str]) -> str:
    """Which command or option of a line is not there; empty when all are."""
    command: Any = _mirage()
    context = command.context_class(command)
    while hasattr(command, "get_command") and words and re.fullmatch(r"[a-z][a-z0-9-]*", words[0]):
        if (found := command.get_command(context, words[0])) is None:
            return words[0]
        command, context, words = found, found.context_class(found, parent=context), words[1:]
    options = {name for parameter in command.get_params(context) for name in parameter.opts}
    return next((word for word in words if re.match(r"--?[a-z]", word) and word not in options), "")


@cache
def _mirage() -> Any:
    return typer.main.get_command(cli.app)


def _file_is_there(page: Path, path: str) -> bool:
    return any((root / path).exists() for root in (*ROOTS, page.parent))


def _is_there(name: str) -> bool:
    """Whether a dotted name is a module, or something that its module defines, imports or exports."""
    parts = name.split(".")
    place = ROOT / ("src" if parts[0] == "mirage" else "research/src")
    while parts and (place / parts[0]).is_dir():
        place /= parts.pop(0)
    module = place / "__init__.py"
    if parts and (place / f"{parts[0]}.py").exists():
        module = place / f"{parts.pop(0)}.py"
    return not parts or parts[0] in _names(module)


@cache
def _names(module: Path) -> frozenset[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)  # of `__all__`, and of what is imported when first used
    return frozenset(found)


NOT_PUBLISHED = re.compile(r"pipx? install [^\n`]*(?<![/\w.])mirage[-_](?:atlas|research)(?!_?[\w.]*-?[\w.-]*\.whl)")


@pytest.mark.parametrize("folder", ["src", "research", "docs", "README.md", "CONTRIBUTING.md"])
def test_nothing_tells_to_install_what_is_on_no_index(folder: str) -> None:
    place = ROOT / folder
    files = [place] if place.is_file() else [p for p in place.rglob("*") if p.suffix in {".py", ".md", ".html", ".toml"}]
    assert [str(file) for file in files if NOT_PUBLISHED.search(file.read_text("utf-8"))] == []
