"""What tests build their parts with: copies of an atlas, folders of pictures, and the command itself."""

from __future__ import annotations

import atexit
import json
import math
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
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
PATIENCE = 600.0
"""Seconds that a state is waited for: so long that it is not for a slow or busy machine to fail a test."""


# Importing the package takes longer than most commands, so one process imports it and forks for each. It has also read what
# ships and is the same for all commands, but begins no thread.
_FORKING = """
import contextlib, gc, itertools, json, os, pkgutil, sys, time
import mirage.cli, mirage.cli.hits, mirage.storage.reindex, mirage.web.server
from mirage.cli import output
from mirage.encoders.starter import StarterEncoder
from mirage.language.concepts import lexicon
from mirage.settings import Settings
first, make = StarterEncoder(), StarterEncoder.__init__
read = {"tokenizer": first.tokenizer, "_digest": first._digest}
def made(self, path=None, *, threads=2):
    make(self, path, threads=threads)
    if path is None and self._folder == first._folder:
        vars(self).update(read)
StarterEncoder.__init__ = made
lexicon().vocabulary, lexicon().children("brain")
gc.freeze()
def hold(where, path):
    place, name = where.rsplit(".", 1)
    owner, calls = pkgutil.resolve_name(place), itertools.count()
    does = getattr(owner, name)
    def held(*given, **options):
        if next(calls):
            open(path, "w").close()
            while True:
                time.sleep(0.05)
        return does(*given, **options)
    setattr(owner, name, held)
    pkgutil.resolve_name("mirage.jobs:Jobs").close.__defaults__ = (1.0,)  # what is held never ends: it is not waited for
for line in sys.stdin:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    asked = json.loads(line)
    if os.fork():
        continue
    if child := os.fork():
        os.write(1, f"{child}\\n".encode())  # at once, which print does not where nothing is buffered
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with open(asked["code"] + ".partial", "w") as file:
            file.write(str(code))
        os.replace(asked["code"] + ".partial", asked["code"])
        os._exit(0)
    for number, (path, how) in enumerate(
        [(asked["in"], os.O_RDONLY), (asked["out"], os.O_WRONLY), (asked["err"], os.O_WRONLY)]
    ):
        os.dup2(os.open(path, how | os.O_NOCTTY), number)
    sys.stdin = open(0, encoding="utf-8", closefd=False)
    sys.stdout, sys.stderr = (open(number, "w", 1, encoding="utf-8", closefd=False) for number in (1, 2))
    os.environ.clear()
    os.environ.update(asked["env"])
    # They look at the terminal, and how wide it is, when they are made.
    output.out.__init__(highlight=False)
    output.err.__init__(stderr=True, highlight=False)
    sys.path[1:1] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.argv = ["mirage", *asked["arguments"]]
    if asked["hold"]:
        hold(asked["hold"], asked["held"])
    try:
        if Settings.load().lexicon is not None:
            lexicon.cache_clear()
    except Exception:
        lexicon.cache_clear()
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
"""
_forking: list[subprocess.Popen[str]] = []


class Forked:
    """A command in a process of its own, which was forked; it is used as `subprocess.Popen` is.

    With the path of a terminal, that is what it reads and writes. With the name of a function to hold it at, it calls that
    once, and stands still when it would call it again, until it is stopped.
    """

    def __init__(self, arguments: Sequence[str], env: dict[str, str], terminal: str = "", hold: str = "") -> None:
        if not _forking:
            start = subprocess.Popen(
                [sys.executable, "-c", _FORKING],
                env=environment(None),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            _forking.append(start)
            atexit.register(start.kill)
        server = _forking[0]
        assert server.stdin is not None
        assert server.stdout is not None
        self._folder = tempfile.TemporaryDirectory()
        places = {name: Path(self._folder.name) / name for name in ("out", "err", "code", "held")}
        asked = {"arguments": arguments, "env": env, "hold": hold, "in": os.devnull}
        asked |= {name: str(at) for name, at in places.items()}
        if terminal:
            asked |= dict.fromkeys(("in", "out", "err"), terminal)
        else:
            os.mkfifo(places["out"])
            os.mkfifo(places["err"])
        server.stdin.write(json.dumps(asked) + "\n")
        server.stdin.flush()
        self.pid = int(server.stdout.readline())
        self.returncode: int | None = None
        self._code, self._held = places["code"], places["held"]
        if not terminal:
            self.stdout, self.stderr = (places[name].open(encoding="utf-8") for name in ("out", "err"))

    def poll(self) -> int | None:
        if self.returncode is None and self._code.exists():
            self.returncode = int(self._code.read_text())
        return self.returncode

    def until_held(self) -> None:
        until(lambda: self._held.exists() or self.poll() is not None)
        assert self.returncode is None, self.communicate()

    def wait(self, timeout: float = PATIENCE) -> int:
        until(lambda: self.poll() is not None, timeout, every=0.005)
        assert self.returncode is not None
        return self.returncode

    def communicate(self, timeout: float = PATIENCE) -> tuple[str, str]:
        if self.stdout.closed:
            return "", ""
        with ThreadPoolExecutor(1) as pool, self.stdout, self.stderr:
            err = pool.submit(self.stderr.read)
            told = self.stdout.read(), err.result(timeout)
        self.wait(timeout)
        self._folder.cleanup()
        return told

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


Process = Forked | subprocess.Popen[str]


def start(*arguments: str | Path, atlas: Path | None = None, hold: str = "", **env: str) -> Process:
    """Start the command in a process of its own, as a person would; where it is held at a function, see `Forked`."""
    given = [str(argument) for argument in arguments]
    # What Python reads when it starts, and what only Click's completion reads, wants a start of its own.
    if any(name.startswith(("PYTHON", "_MIRAGE", "_TYPER")) and name != "PYTHONPATH" for name in env) or not hasattr(
        os, "fork"
    ):
        return subprocess.Popen(
            [*COMMAND, *given],
            env=environment(atlas, **env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
    return Forked(given, environment(atlas, **env), hold=hold)


def mirage(*arguments: str | Path, atlas: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, as a person would, and wait for its end."""
    process = start(*arguments, atlas=atlas, **env)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode is not None
    return subprocess.CompletedProcess([*COMMAND, *map(str, arguments)], process.returncode, out, err)


def in_terminal(columns: int, *arguments: str, atlas: Path, question: str = "", answer: str = "") -> tuple[int, str]:
    """Run a command in a terminal so wide, answer its question, and give its code and what it printed."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, columns))
    env = {name: value for name, value in environment(atlas).items() if name != "COLUMNS"}
    process = Forked(arguments, env, os.ttyname(theirs))
    printed, left = b"", f"{answer}\n".encode() if question else b""
    while True:
        over = process.poll() is not None  # looked at first: all that it prints is there by then
        if select.select([ours], [], [], 0 if over else 0.05)[0]:
            printed += os.read(ours, 4096)
        elif over:
            break
        if left and question.encode() in printed:
            os.write(ours, left)
            left = b""
    os.close(ours)
    os.close(theirs)
    return process.wait(), printed.decode()


def answered(words: str, *arguments: str, atlas: Path, question: str) -> tuple[int, str]:
    """Run a command in a terminal, answer its question, and give its code and what it printed."""
    code, printed = in_terminal(80, *arguments, atlas=atlas, question=question, answer=words)
    return code, " ".join(printed.split())


def environment(atlas: Path | None, **more: str) -> dict[str, str]:
    """The environment of a command: this one, with an atlas, and as wide as a terminal usually is."""
    given = {**os.environ, "COLUMNS": "80", "PYTHONUNBUFFERED": "1", **more}
    return given | ({"MIRAGE_ATLAS": str(atlas)} if atlas else {})


def until(ready: Callable[[], object], seconds: float = PATIENCE, every: float = 0.05) -> object:
    """Wait for something to become true, and give it."""
    end = time.monotonic() + seconds
    while not (found := ready()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(every)
    return found


_PEAK = """
import re, sys
from contextlib import suppress
from pathlib import Path
from mirage.errors import BadPicture
from mirage.images import BUDGET, read_picture
def read(path):
    with suppress(BadPicture):
        read_picture(Path(path))
def told(name):
    return 1024 * int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
for path in sys.argv[2:]:
    read(path)
reserved, move = [0], BUDGET._move
BUDGET._move = lambda by, **words: (move(by, **words), reserved.append(BUDGET.used))
with suppress(OSError):  # where it may, the peak begins anew
    Path("/proc/self/clear_refs").write_text("5")
before = told("VmHWM")
read(sys.argv[1])
print(told("VmHWM") - before, max(reserved))
"""


def memory_of(path: Path, *before: Path) -> tuple[int, int]:
    """Bytes that the system gave at most to read a picture, in a process of its own, and how many that had reserved.

    What is imported and kept for the pictures that it reads before is no part of it. Linux only.
    """
    command = [sys.executable, "-c", _PEAK, *map(str, (path, *before))]
    took, reserved = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return int(took), int(reserved)


def assert_linear(work: Callable[[int], object], size: int, factor: int) -> None:
    """Check that work on something `factor` times as large takes about `factor` times as long, and not the square of it.

    By the processor time of this thread, at its shortest: whatever else a machine does makes it longer. So one bad moment of
    the machine is looked at again, and what takes the square of it is found each time.
    """
    shortest = {size: math.inf, factor * size: math.inf}
    for turn in range(12):
        for given in (size, size, factor * size):
            begun = time.thread_time()
            work(given)
            shortest[given] = min(shortest[given], time.thread_time() - begun)
        if turn and shortest[factor * size] < factor**1.5 * shortest[size] + 0.05:
            return
    raise AssertionError(shortest)
