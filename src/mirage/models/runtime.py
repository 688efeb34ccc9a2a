"""What every model needs to run: a device, memory, ONNX sessions and digests of its files.

torch is not imported here. A function that needs it takes the module, which its caller has imported.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from mirage.aside import aside
from mirage.errors import BadInput, Unavailable
from mirage.places import own_cache
from mirage.wording import _, looked_up

# Of files by their paths: size, time of change in nanoseconds, SHA-256.
_REMEMBERED = TypeAdapter(dict[str, tuple[int, int, str]])

_TYPES = {"float32": 4, "bfloat16": 2, "float16": 2}
_SMALL = 16_000_000  # bytes up to which a file is read anew each time: it takes a few hundredths of a second
_CHUNK = 1 << 20
_PICTURES_ON_CPU, _PICTURES = 16, 256
_SHARE = 0.5  # of the free memory: other work on the machine needs some, and the size of a picture is an estimate


# -- devices and memory -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a model runs: ``cuda``, ``cuda:1``, ``mps`` or ``cpu``, and in which precision."""

    device: str
    dtype: str

    @property
    def bytes_each(self) -> int:
        """Bytes of one number."""
        return _TYPES[self.dtype]


def select_device(
    torch: Any, device: str | None = "", dtype: str | None = "", on_cpu: Callable[[], str] = lambda: "float32"
) -> Placement:
    """Choose device and precision by what the machine has.

    Parameters
    ----------
    torch : module
    device : str, optional
        ``cuda``, ``cuda:1``, ``mps`` or ``cpu``; the best that is there when left out.
    dtype : str, optional
        ``float32``, ``bfloat16`` or ``float16``. When left out: bfloat16 on a GPU that has it, float16 on other GPUs.
    on_cpu : callable, optional
        Gives the precision for the processor when none is named; float32 when left out.

    Raises
    ------
    mirage.errors.BadInput
        When the precision is none of the three.
    mirage.errors.Unavailable
        When the device is not there.
    """
    if dtype and dtype not in _TYPES:
        raise BadInput(_("A model's dtype is float32, bfloat16 or float16, not %(dtype)s.", dtype=repr(dtype)))
    there = device or ("cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu")
    kind = there.partition(":")[0]
    try:
        torch.zeros(1, device=there)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise Unavailable(
            _(
                "The device %(there)s cannot be used: %(error)s Name another, or none for the best that is there.",
                there=repr(there),
                error=first_line(error),
            )
        ) from error
    if dtype:
        return Placement(there, dtype)
    if kind == "cuda":
        return Placement(there, "bfloat16" if torch.cuda.is_bf16_supported() else "float16")
    return Placement(there, "float16" if kind == "mps" else on_cpu())


def free_memory(torch: Any, device: str) -> int | None:
    """Bytes that are free on a device; None where the system does not tell.

    Parameters
    ----------
    torch : module
    device : str
    """
    if device.startswith("cuda") and torch.cuda.is_available():
        return int(torch.cuda.mem_get_info(device)[0])
    told = told_by_system("meminfo", "MemAvailable")
    return int(told.split()[0]) * 1024 if told else _pages("SC_AVPHYS_PAGES")


def told_by_system(file: str, name: str) -> str:
    """What Linux tells under a name in a file of ``/proc``; empty where it tells nothing.

    Parameters
    ----------
    file, name : str
    """
    with contextlib.suppress(OSError):
        for line in Path("/proc", file).read_text("utf-8", "replace").splitlines():
            given, _other, value = line.partition(":")
            if given.strip() == name:
                return value.strip()
    return ""


def whole_memory() -> int | None:
    """Bytes of memory that the machine has; None where the system does not tell."""
    return _pages("SC_PHYS_PAGES")


def _pages(name: str) -> int | None:
    with contextlib.suppress(AttributeError, ValueError, OSError):
        return os.sysconf(name) * os.sysconf("SC_PAGE_SIZE")
    return None


def release_memory() -> None:
    """Give memory that no object holds any more back to the machine, that of a GPU included."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def image_batch(torch: Any, where: Placement, *, tokens: int, width: int, heads: int) -> int:
    """How many pictures go through an image tower together, so that one layer takes at most half of the free memory.

    Parameters
    ----------
    torch : module
    where : Placement
    tokens, width, heads : int
        Of the tower: patches to a picture, numbers to a patch, heads of its attention.
    """
    most = _PICTURES_ON_CPU if where.device.startswith("cpu") else _PICTURES
    one = where.bytes_each * tokens * (12 * width + heads * tokens)
    free = free_memory(torch, where.device)
    return max(1, min(most, int(free * _SHARE / one))) if free is not None else min(most, 8)


# -- ONNX Runtime -------------------------------------------------------------------------------------------------------


def onnx_session(
    model: bytes | Path, threads: int, remedy: str, *, path: Path | None = None, entries: Mapping[str, str] | None = None
) -> Any:
    """Open a model on the CPU with ONNX Runtime.

    Parameters
    ----------
    model : bytes or Path
        The file, or what it holds.
    threads : int
        How many threads one call may use.
    remedy : str
        What a person does about a damaged file, as a sentence.
    path : Path, optional
        The file that the message names, where `model` is bytes.
    entries : mapping, optional
        Session configuration of ONNX Runtime, by its names.

    Returns
    -------
    onnxruntime.InferenceSession

    Raises
    ------
    mirage.errors.Unavailable
        When the model cannot be opened.
    """
    import onnxruntime  # noqa: PLC0415 - not needed where nothing is run

    onnxruntime.disable_telemetry_events()  # for a program that imported it before `mirage`, which turns it off whole
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    for name, value in (entries or {}).items():
        options.add_session_config_entry(name, value)
    try:
        given = model if isinstance(model, bytes) else str(model)
        return onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises classes of its own that share no base
        raise Unavailable(
            _(
                "%(path)s is damaged and cannot be opened. %(remedy)s",
                path=path if isinstance(model, bytes) else model,
                remedy=looked_up(remedy),
            )
        ) from error


class OnnxSessions:
    """The ONNX models of one folder, each opened once, when it is first used, and by one thread.

    Parameters
    ----------
    folder : Path
    threads : int
        How many threads one call may use.
    remedy : str
        What a person does about a damaged file, as a sentence.
    entries : mapping, optional
        Session configuration of ONNX Runtime. When left out, threads do not spin between two calls: they would take
        the second core from whatever runs beside a search.
    """

    def __init__(self, folder: Path, threads: int, remedy: str, entries: Mapping[str, str] | None = None) -> None:
        self._folder, self._threads, self._remedy = folder, threads, remedy
        self._entries = {"session.intra_op.allow_spinning": "0"} if entries is None else entries
        self._opened: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __getitem__(self, name: str) -> Any:
        """The session of a file, by its name."""
        with self._lock:
            if name not in self._opened:
                self._opened[name] = onnx_session(self._folder / name, self._threads, self._remedy, entries=self._entries)
            return self._opened[name]


# -- digests ------------------------------------------------------------------------------------------------------------


def sha256_of(path: Path, progress: Callable[[int], None] | None = None) -> str:
    """SHA-256 of a file in hexadecimal; every byte is read.

    Parameters
    ----------
    path : Path
    progress : callable, optional
        Called with the bytes of each piece that was read.

    Raises
    ------
    OSError
        When it cannot be read.
    """
    told = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            told.update(piece)
            if progress:
                progress(len(piece))
    return told.hexdigest()


def git_id_of(path: Path) -> str:
    """The name that git gives a file's content: SHA-1 over ``blob SIZE``, a zero byte, and the content.

    A model hub states it of every file that is not kept in its large-file store.
    """
    body = path.read_bytes()
    return hashlib.sha1(b"blob %d\0%b" % (len(body), body), usedforsecurity=False).hexdigest()


def remembered_sha256(path: Path) -> str:
    """SHA-256 of a file in hexadecimal; of a large one it is remembered while path, size and time of change are the same.

    To read 1.7 GB at every start would be felt. What is remembered lies in the user's cache folder.

    Raises
    ------
    OSError
        When it cannot be read.
    """
    real = path.resolve()
    found = real.stat()
    if found.st_size <= _SMALL:
        return sha256_of(real)
    known: dict[str, tuple[int, int, str]] = {}
    with contextlib.suppress(OSError, ValueError):
        known = _REMEMBERED.validate_json(_place().read_bytes())
    size, changed, digest = known.get(str(real), (0, 0, ""))
    if (size, changed) != (found.st_size, found.st_mtime_ns):
        digest = sha256_of(real)
        # A cache that cannot be written costs time, nothing else.
        with contextlib.suppress(OSError):
            _place().parent.mkdir(parents=True, exist_ok=True)
            with aside(_place()) as partial:
                partial.write_bytes(_REMEMBERED.dump_json(known | {str(real): (found.st_size, found.st_mtime_ns, digest)}))
    return digest


def _place() -> Path:
    return own_cache() / "sha256.json"


def digest_of_files(folder: Path, names: Iterable[str]) -> str:
    """One SHA-256 over the name and the SHA-256 of each file of a folder.

    Parameters
    ----------
    folder : Path
    names : iterable of str

    Raises
    ------
    OSError
        When one cannot be read.
    """
    told = hashlib.sha256()
    for name in names:
        told.update(name.encode() + bytes.fromhex(sha256_of(folder / name)))
    return told.hexdigest()


def digest_of_parts(parts: Iterable[tuple[str, str]]) -> str:
    """One SHA-256 over named parts, in any order: of a file its digest, of a choice its value."""
    told = json.dumps(sorted(parts), ensure_ascii=True)
    return hashlib.sha256(told.encode()).hexdigest()


def first_line(error: BaseException) -> str:
    """The first line of an error's message, as a sentence of at most 300 letters."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300].rstrip(".") + "."
