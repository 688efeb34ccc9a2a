"""The default install needs no torch, and an adapter is named in its own module only. `lint-imports` keeps the rest."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import mirage

PACKAGE = Path(mirage.__file__).parent
ROOT = PACKAGE.parent.parent
TORCH = ("torch", "torchvision", "transformers", "diffusers", "open_clip", "onnxscript")


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def test_torch_is_imported_only_when_it_is_used() -> None:
    for path in set(modules()) - {PACKAGE / "encoders" / "modules.py"}:  # that one is itself imported when it is used
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


def test_a_search_loads_no_torch(starter_copy: Path) -> None:
    code = (
        "import sys\nfrom mirage.cli import main\n"
        f"sys.argv = ['mirage', 'search', 'axial brain MRI', '--atlas', {str(starter_copy)!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        f"print(sorted(name for name in {TORCH!r} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "axial" in done.stdout.lower()
    assert done.stdout.splitlines()[-1] == "[]"


def test_what_is_run_leaves_nothing_in_the_home_of_the_person_who_runs_it(starter_copy: Path, tmp_path: Path) -> None:
    # Published builds of ONNX Runtime count as a run of their tests, and report nothing, where CI is set.
    home = tmp_path / "home"
    env = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith(("ORT_", "GITHUB_"))}
    for name in (
        "HOME",
        "USERPROFILE",
        "LOCALAPPDATA",
        "XDG_CACHE_HOME",
        "XDG_DATA_HOME",
        "XDG_CONFIG_HOME",
        "XDG_STATE_HOME",
    ):
        env[name] = str(home)
    home.mkdir()
    command = [sys.executable, "-m", "mirage", "search", "axial brain MRI", "--atlas", str(starter_copy)]
    assert subprocess.run(command, env=env, capture_output=True, check=True).stdout
    assert [path for path in home.rglob("*") if path.is_file()] == []


def literals(path: Path) -> set[str]:
    """The strings of a module that stand in its code."""
    return {
        node.value
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


PORTS = {"corpora": "corpora", "encoders": "encoders", "explainers": "explain/explainers"} | {
    "generators": "generate/generators",
    "indexes": "indexes",
}
NAMED_ELSEWHERE = {
    "storage/databases.py",  # how an address of a PostgreSQL server may begin
    "cli/doctor.py",  # extras, one of which has an adapter's name
    "cli/doctor_paper.py",  # what the paper's profile needs: packages, and the data set that it is measured on
    "encoders/towers.py",  # packages that are to be installed, one of which has an adapter's name
    "site/runtime.py",  # modules that a browser gets
    "settings.py",  # the profiles
    "generate/generators/diffusers_pipeline.py",  # the library that a part of a pipeline is of
    "models/pins.py",  # which adapter opens what is pinned
    *(f"{folder}/__init__.py" for folder in PORTS.values()),  # a port's DEFAULT
}


def test_a_built_in_adapter_is_named_only_in_its_own_modules_where_it_is_chosen_and_where_it_is_pinned() -> None:
    built_in = {
        name: f"{folder}/{name}"
        for port, folder in PORTS.items()
        for name in (entry.name for entry in entry_points(group=f"mirage.{port}") if entry.module.startswith("mirage."))
    }
    del built_in["folder"], built_in["pmc"]  # an everyday word, and what articles are numbered by, too
    assert {"starter", "medpix", "rocov2", "openai", "diffusers", "open_clip", "embedded"} <= set(built_in)
    for path in modules():
        place = path.relative_to(PACKAGE).as_posix()
        named = {name for name in literals(path) & set(built_in) if not path.stem.startswith(name)}
        assert not named or place in NAMED_ELSEWHERE, f"{place} names {', '.join(sorted(named))}; ask `mirage.plugins`"


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


def test_no_test_imports_from_a_conftest_since_every_folder_has_one_of_that_name() -> None:
    tests = [path for folder in ("tests", "research/tests") for path in (ROOT / folder).rglob("*.py")]
    assert not [str(path) for path in tests if re.search(r"^\s*(from|import) conftest\b", path.read_text("utf-8"), re.M)]
