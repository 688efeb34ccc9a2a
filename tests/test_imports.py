"""The default install needs no torch, and public names are there. Which way imports point is kept by `lint-imports`."""

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
TORCH = ("torch", "torchvision", "transformers", "diffusers", "open_clip", "onnxscript")


def test_torch_is_imported_only_when_it_is_used() -> None:
    needs_it = {PACKAGE / "encoders/modules.py"}  # itself imported when an adapter of torch loads its weights
    for path in sorted(set(PACKAGE.rglob("*.py")) - needs_it):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
                heavy = [name for name in names if name.split(".")[0] in TORCH]
                assert not heavy, f"{path} imports {heavy} when it is imported"


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
