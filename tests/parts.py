"""What tests build their parts with: copies of an atlas, folders of pictures, and the command itself."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mirage.corpora.base import Item
from mirage.corpora.starter import SHIPPED, StarterCorpus

_STARTER = StarterCorpus()
STARTER_FIGURES = len(_STARTER)
# Stacks of which the part of the starter atlas has slices, and how many: CT and MRI of four regions, the brain most.
_SLICES = {"icbm152-t1": 24, "brain-lesion": 6, "upper-abdomen": 8, "abdomen-mri": 8, "lung-mass": 12, "lung-nodule": 8}
_SINGLE = sum(isinstance(item, Item) and not item.stacked and not item.figure.slice_of for item in _STARTER.items())
SOME_FIGURES = _SINGLE + len(_SLICES) + sum(_SLICES.values())


def some_of_starter(folder: Path) -> Path:
    """A corpus of the starter's layout: its pictures that are no slices, and six of its stacks with some slices each."""
    records = [json.loads(line) for line in (SHIPPED / "figures.jsonl").read_text("utf-8").splitlines()]
    of: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        of.setdefault(record.get("slice_of", {}).get("stack", ""), []).append(record)
    stacks = {f"starter:{name}": count for name, count in _SLICES.items()}
    chosen = [record for record in of[""] if "stack" not in record or record["id"] in stacks]
    for stack, count in stacks.items():
        chosen += [of[stack][place] for place in np.linspace(0, len(of[stack]) - 1, count).round().astype(int)]
    held = {record.get("case_id") for record in chosen}
    cases = [json.loads(line) for line in (SHIPPED / "cases.jsonl").read_text("utf-8").splitlines()]
    folder.mkdir(parents=True)
    for name, lines in (("figures", chosen), ("cases", [case for case in cases if case["id"] in held])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    for name in ("pictures", "stacks", "vectors.npz"):
        (folder / name).symlink_to(SHIPPED / name)
    return folder


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


# Importing the package takes longer than most commands, so one process imports it and forks for each.
_FORKING = """
import json, os, sys
import mirage.cli, mirage.cli.hits, mirage.storage.reindex, mirage.web.server
for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if not child:
        for number, path in enumerate([os.devnull, asked["out"], asked["err"]]):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
        os.environ.clear()
        os.environ.update(asked["env"])
        sys.argv = ["mirage", *asked["arguments"]]
        code = 1
        try:
            mirage.cli.main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
_forking: list[subprocess.Popen[str]] = []


def mirage(*arguments: str | Path, atlas: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, as a person would, and wait for its end."""
    given = [str(argument) for argument in arguments]
    if any(name.startswith(("PYTHON", "_MIRAGE")) for name in env) or not hasattr(os, "fork"):
        return subprocess.run(
            [*COMMAND, *given],
            env=environment(atlas, **env),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    if not _forking:
        start = subprocess.Popen(
            [sys.executable, "-c", _FORKING], env=environment(None), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        _forking.append(start)
        atexit.register(start.kill)
    served = _forking[0]
    assert served.stdin is not None
    assert served.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        asked = {"arguments": given, "env": environment(atlas, **env), "out": str(out), "err": str(err)}
        served.stdin.write(json.dumps(asked) + "\n")
        served.stdin.flush()
        code = int(served.stdout.readline())
        return subprocess.CompletedProcess([*COMMAND, *given], code, out.read_text("utf-8"), err.read_text("utf-8"))


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
