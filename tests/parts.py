"""What tests build their parts with: copies of an atlas, folders of pictures, and the command itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image


def copy_atlas(folder: Path, to: Path) -> Path:
    """Copy a closed atlas; the engine's files are mostly holes, which stay holes where `cp` can do that."""
    done = shutil.which("cp") and subprocess.run(
        ["cp", "-a", "--sparse=always", str(folder), str(to)], capture_output=True, check=False
    )
    if not done or done.returncode:
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(folder, to)
    return to


def draw(path: Path, seed: int, size: tuple[int, int] = (96, 72)) -> Path:
    """A picture like no other: blobs in grey on black."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0 : size[1], 0 : size[0]]
    pixels = np.zeros(rows.shape)
    for _ in range(6):
        y, x, radius = rng.uniform(0, size[1]), rng.uniform(0, size[0]), rng.uniform(4, 24)
        pixels += rng.uniform(40, 200) * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * radius**2))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)
    return path


def picture_folder(
    folder: Path, count: int, *, first: int = 0, captions: Callable[[int], str] = lambda n: f"Phantom number {n}"
) -> Path:
    """A folder of pictures with a table of words."""
    for number in range(count):
        draw(folder / f"phantom-{number:03}.png", first + number)
    lines = [f"phantom-{number:03}.png,{captions(number)},CT,axial\n" for number in range(count)]
    (folder / "figures.csv").write_text("file,caption,modality,plane\n" + "".join(lines), "utf-8")
    return folder


COMMAND = [sys.executable, "-m", "mirage"]


def mirage(*arguments: str | Path, atlas: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would and wait for its end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=environment(atlas, **env),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def environment(atlas: Path | None, **more: str) -> dict[str, str]:
    """The environment of a command: this one, with an atlas, and as wide as a terminal usually is."""
    given = {**os.environ, "COLUMNS": "80", "PYTHONUNBUFFERED": "1", **more}
    return given | ({"MIRAGE_ATLAS": str(atlas)} if atlas else {})


def until(ready: Callable[[], object], seconds: float = 60) -> object:
    """Wait for something to become true, and give it."""
    end = time.monotonic() + seconds
    while not (found := ready()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
    return found
