"""What has to be downloaded to install MIRAGE, and how large its wheel is."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence

from benchmarks.measure import ROOT, Outcome, Row, Setting


def install(setting: Setting) -> Outcome:
    """Sum of the default dependency set as pip downloads it, and of the wheel."""
    if setting.quick:
        return Outcome("install", (), skipped="asks a package index for 150 MB; left out of quick runs")
    wheels, dependencies = setting.folder / "wheel", setting.folder / "dependencies"
    for folder in (wheels, dependencies):
        shutil.rmtree(folder, ignore_errors=True)
    _pip(["wheel", "--no-deps", "--wheel-dir", str(wheels), str(ROOT)])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    _pip(["download", "--dest", str(dependencies), *project["dependencies"]])
    files = {path.name: round(path.stat().st_size / 1e6, 2) for path in dependencies.iterdir()}
    wheel = next(wheels.glob("*.whl")).stat().st_size / 1e6
    names = {re.split(r"-\d", name)[0].lower().replace("_", "-") for name in files}
    banned = sorted(names & {"torch", "tensorflow", "transformers", "jax"})
    largest = dict(sorted(files.items(), key=lambda pair: -pair[1])[:8])
    return Outcome(
        "install",
        (
            Row(f"default install, {len(files)} packages, download", round(sum(files.values()), 1), "MB", bar=250.0),
            Row("MIRAGE's own wheel, starter models and atlas in it", round(wheel, 1), "MB", bar=95.0),
            Row("torch and other large frameworks among them", float(len(banned)), "packages", bar=0.0),
        ),
        {"largest_MB": largest, "frameworks": banned},
        ("For this system and Python; other systems' wheels differ by a few megabytes.",),
    )


def _pip(words: Sequence[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *words], capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"pip {words[0]} failed:\n{done.stderr[-2000:]}")
