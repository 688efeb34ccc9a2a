"""The example of a plugin, installed as a person would and used as a built-in corpus is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from mirage.storage import manifest
from parts import PATIENCE, mirage, until

EXAMPLE = Path(__file__).parents[2] / "examples" / "plugin"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the package has been installed."""
    pytest.importorskip("hatchling")
    target = tmp_path_factory.mktemp("site") / "packages"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*command, "--target", str(target), str(EXAMPLE)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


def test_a_plugin_is_added_by_its_name_with_its_own_options(
    site: Path, tmp_path: Path, started: Callable[..., object]
) -> None:
    atlas, path = tmp_path / "atlas", str(site)
    listed = " ".join(mirage("add", "--help", PYTHONPATH=path).stdout.split())
    assert "shapes" in listed
    assert "How many pictures to draw." in " ".join(mirage("add", "shapes", "--help", PYTHONPATH=path).stdout.split())
    done = mirage("add", "shapes", "--count", "4", "--json", atlas=atlas, PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["added"] == 4
    again = mirage("add", "shapes", "--option", "count=5", "--json", atlas=atlas, PYTHONPATH=path)
    report = json.loads(again.stdout)
    assert (report["added"], report["kept"]) == (1, 4)
    refused = mirage("add", "shapes", "--option", "colour=red", atlas=atlas, PYTHONPATH=path)
    assert refused.returncode == 2
    assert "It has: count." in " ".join(refused.stderr.split())
    assert mirage("add", "shapes", "--count", "0", atlas=atlas, PYTHONPATH=path).returncode == 2
    started("serve", "--port", "0", atlas=atlas, PYTHONPATH=path)
    held = until(lambda: (holder := manifest.Holder.read(atlas)) and holder.url and holder)
    offers = httpx.get(f"{held.url}/api/corpora", trust_env=False, timeout=PATIENCE).json()["addable"]  # type: ignore[attr-defined]
    assert "shapes" in [offer["name"] for offer in offers]


def test_the_contract_holds_for_the_plugin_as_its_own_tests_say(site: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(EXAMPLE),
        str(EXAMPLE / "tests"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": str(site), "PATH": ""}, cwd=EXAMPLE)
    assert done.returncode == 0, done.stdout + done.stderr
