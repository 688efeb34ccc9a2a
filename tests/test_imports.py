"""Imports point one way, and the default install needs no torch."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import mirage

PACKAGE = Path(mirage.__file__).parent
ROOT = PACKAGE.parent.parent
# From the ground up: a room may import its own layer and those below.
LAYERS = [
    {"errors"},
    {"settings"},
    {"figure", "query"},
    {"evidence", "dual"},
    {"downloads", "adapters", "tables"},
    {"records", "store", "pictures", "provenance", "wordform", "calibration"},
    {"models", "encoders", "indexes", "corpora", "explainers", "generators", "grounding", "ranking", "manifest", "holdings"},
    {
        "arithmetic",
        "atlas",
        "searching",
        "explaining",
        "refining",
        "notebook",
        "comparison",
        "phrases",
        "traits",
        "fitness",
        "starting",
        "state",
        "synthesis",
    },
    {"outputs"},
    {"adding", "rebuilding", "atlasfile", "exporting", "importing"},
    {"jobs"},
    {"study", "evaluation", "training"},
    {"web", "cli"},
    {"__main__", "__init__"},
]
LAYER = {room: number for number, layer in enumerate(LAYERS) for room in layer}
TORCH = ("torch", "torchvision", "transformers", "diffusers", "open_clip", "onnxscript")


def modules() -> list[tuple[str, Path]]:
    found = [(path.relative_to(PACKAGE), path) for path in sorted(PACKAGE.rglob("*.py"))]
    return [(str(name.parts[0]).removesuffix(".py"), path) for name, path in found]


def imported_rooms(path: Path) -> set[str]:
    rooms: set[str] = set()
    # What only a type checker reads, or what the notebook hook wants of its own answer, is no dependency at run time.
    tree = ast.parse(path.read_text("utf-8"))
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    } | {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == "_repr_html_"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            names = [f"{node.module}.{alias.name}" if node.module == "mirage" else node.module for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        rooms |= {name.split(".")[1] for name in names if name and name.startswith("mirage.")}
    return rooms - {"__version__"}


def test_every_room_has_its_layer() -> None:
    assert {room for room, _ in modules()} <= set(LAYER)


@pytest.mark.parametrize(("room", "path"), modules(), ids=lambda value: value.name if isinstance(value, Path) else value)
def test_imports_point_one_way(room: str, path: Path) -> None:
    upwards = {other for other in imported_rooms(path) if LAYER[other] > LAYER[room]}
    assert not upwards, f"{path.relative_to(PACKAGE)} sits below {', '.join(sorted(upwards))}"


def test_the_check_sees_an_import_that_points_up(tmp_path: Path) -> None:
    module = tmp_path / "low.py"
    module.write_text("from mirage import figure\nfrom mirage.web.app import create_app\nimport mirage.atlas\n")
    assert imported_rooms(module) == {"figure", "web", "atlas"}


def test_torch_is_imported_only_where_training_needs_it() -> None:
    allowed = {"training", "encoders", "explainers", "generators", "models"}
    for room, path in modules():
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
                heavy = [name for name in names if name.split(".")[0] in TORCH]
                assert not heavy or room in allowed, f"{path} imports {heavy} when it is imported"


def test_the_package_and_the_command_come_without_torch() -> None:
    code = (
        "import sys, mirage, mirage.cli\nfrom mirage import Atlas, Query\nfrom mirage import encoders\n"
        "encoders.load('starter').encode_texts(['brain'])\n"
        f"print(sorted(name for name in {TORCH!r} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_importing_the_package_loads_no_engine() -> None:
    code = "import sys, mirage; print(sorted({'qdrant_edge', 'numpy', 'onnxruntime', 'sqlalchemy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_default_dependencies_name_no_torch() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names = {re.split(r"[^\w-]", line)[0].lower().replace("-", "_") for line in project["dependencies"]}
    assert names
    assert not names & {*TORCH, "open_clip_torch", "onnx", "tensorflow", "jax"}


@pytest.mark.parametrize("name", mirage.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(mirage, name) is not None


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        mirage.no_such_name  # noqa: B018
