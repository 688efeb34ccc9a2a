"""Find a model on this machine, say what memory it takes, and load it: one at a time in a process."""

from __future__ import annotations

import gc
import json
import math
import os
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirage.errors import Unavailable

# Revisions known to hold safetensors, so that no pickle has to be trusted.
PINNED = {"databricks/dolly-v2-3b": "01da2f90559f13cf1849b16f51a9fd52e70d406c"}
_FILES = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model", "*.jinja"]
_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
# What a generation holds beside the weights: the cache of what was read, and the step at work.
_BESIDE, _AT_LEAST = 1.15, 64_000_000
_POLL = 0.05


@dataclass(frozen=True, slots=True)
class Plan:
    """How a model would run.

    Attributes
    ----------
    name : str
    folder : Path
    device : str
        ``cuda``, ``mps`` or ``cpu``.
    dtype : str
    needed, free : int
        Bytes of memory, of the device.
    """

    name: str
    folder: Path
    device: str
    dtype: str
    needed: int
    free: int

    @property
    def words(self) -> str:
        """In words, for the reader."""
        return (
            f"{self.name} runs on {'the processor' if self.device == 'cpu' else self.device} as {self.dtype}, takes about "
            f"{_size(self.needed)} of memory, and {_size(self.free)} are free."
        )


@dataclass(slots=True)
class Loaded:
    """A model in memory. `fresh` until it has spoken once."""

    plan: Plan
    model: Any
    tokenizer: Any
    context: int
    fresh: bool = True

    def count(self, text: str) -> int:
        """How many tokens a text has."""
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"])


_lock = threading.Lock()
_held: Loaded | None = None


def plan(name: str, revision: str, download: bool) -> Plan:
    """Find the model and choose device and dtype; a half-precision dtype on the processor only where memory is short.

    Raises
    ------
    mirage.errors.Unavailable
        When torch or the model is not there, or no dtype of it fits into free memory.
    """
    try:
        import torch  # noqa: PLC0415 - optional, and slow to import
        import transformers  # noqa: F401, PLC0415
    except ImportError as error:
        raise Unavailable(
            f"the transformers explainer needs the package {error.name!r}. "
            "Install it with: pip install 'mirage-atlas[explain]'"
        ) from None
    folder = _folder(name, revision, download)
    held = _held
    if held is not None and held.plan.folder == folder:
        return held.plan
    numbers = parameters(folder)
    device, dtypes = "cpu", ["float32", "bfloat16"]
    if torch.cuda.is_available():
        device, dtypes = "cuda", ["bfloat16" if torch.cuda.is_bf16_supported() else "float16"]
    elif torch.backends.mps.is_available():
        device, dtypes = "mps", ["float16"]
    free = torch.cuda.mem_get_info()[0] if device == "cuda" else free_memory()
    if held is not None:  # it goes before the next one comes
        free += held.plan.needed
    plans = [Plan(name, folder, device, dtype, _needed(numbers, dtype), free) for dtype in dtypes]
    fitting = next((one for one in plans if one.needed <= free), None)
    if fitting is None:
        raise Unavailable(
            f"{name} takes about {_size(plans[-1].needed)} of memory and {_size(free)} are free. "
            "Close other programs, or choose a smaller model"
        )
    return fitting


def _folder(name: str, revision: str, download: bool) -> Path:
    given = Path(name).expanduser()
    if given.is_dir():
        return given.resolve()
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - comes with transformers
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError  # noqa: PLC0415

    at = f" --revision {revision}" if revision else ""
    try:
        return Path(snapshot_download(name, revision=revision or None, local_files_only=not download, allow_patterns=_FILES))
    except HFValidationError:
        raise Unavailable(f"{name!r} is neither a folder on this machine nor the name of a model on the hub") from None
    except LocalEntryNotFoundError:
        if download:
            raise Unavailable(f"{name} could not be downloaded: the hub does not answer, or has no such model") from None
        raise Unavailable(
            f"{name} is not on this machine, and nothing is downloaded unasked. Get it with: hf download {name}{at}, "
            "or set explainer_download (MIRAGE_EXPLAINER_DOWNLOAD=1)"
        ) from None
    except (HfHubHTTPError, OSError) as error:
        raise Unavailable(f"{name} could not be downloaded ({type(error).__name__})") from error


def parameters(folder: Path) -> int:
    """How many numbers a model has, from the headers of its safetensors files.

    Raises
    ------
    mirage.errors.Unavailable
        When there are none, or they are damaged.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files or not (folder / "config.json").is_file():
        raise Unavailable(
            f"{folder} holds no model: config.json and *.safetensors are needed (weights in other forms are not loaded, "
            "as they may hold code)"
        )
    count = 0
    for file in files:
        try:
            with file.open("rb") as opened:
                (length,) = struct.unpack("<Q", opened.read(8))
                if length > 100_000_000:
                    raise ValueError
                header = json.loads(opened.read(length))
            count += sum(math.prod(entry["shape"]) for key, entry in header.items() if key != "__metadata__")
        except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error):
            raise Unavailable(f"{file} is damaged or no safetensors file. Get the model anew") from None
    return count


def _needed(numbers: int, dtype: str) -> int:
    return int(numbers * _BYTES[dtype] * _BESIDE) + _AT_LEAST


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def free_memory() -> int:
    """Bytes of memory that a program may still take here, limits of a container included."""
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES") if hasattr(os, "sysconf") else 1 << 62
    info = Path("/proc/meminfo")
    if info.exists():
        known = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        free = int(known["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in known else free
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    with suppress(OSError, ValueError):  # no container, or one without a limit
        free = min(free, int(limit.read_text()) - int(used.read_text()))
    return max(free, 0)


@contextmanager
def hold(how: Plan, stopped: Callable[[], bool]) -> Iterator[Loaded | None]:
    """Have the model for oneself, loaded if it is not; None when it was stopped while waiting for it."""
    global _held  # noqa: PLW0603 - one model in a process is the point
    while not _lock.acquire(timeout=_POLL):
        if stopped():
            yield None
            return
    try:
        if _held is None or _held.plan != how:
            _forget()
            _held = _load(how)
        held = _held
        yield held
        held.fresh = False
    finally:
        _lock.release()


def release() -> None:
    """Let go of the model; waits until it has finished speaking."""
    with _lock:
        _forget()


def _forget() -> None:
    global _held  # noqa: PLW0603
    if _held is None:
        return
    _held = None
    gc.collect()
    import torch  # noqa: PLC0415 - it is loaded, since a model was

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _load(how: Plan) -> Loaded:
    import torch  # noqa: PLC0415
    import transformers  # noqa: PLC0415
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    # The option's name changed from the fourth to the fifth version.
    named = "torch_dtype" if transformers.__version__.startswith("4.") else "dtype"
    try:
        tokenizer = AutoTokenizer.from_pretrained(how.folder, **options)
        model = AutoModelForCausalLM.from_pretrained(
            how.folder, use_safetensors=True, **{named: getattr(torch, how.dtype)}, **options
        )
        model.to(how.device).eval()
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, MemoryError) as error:
        first = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise Unavailable(f"{how.name} could not be loaded: {first}") from error
    limits = [getattr(model.config, "max_position_embeddings", 0), getattr(tokenizer, "model_max_length", 0)]
    context = min([int(limit) for limit in limits if 0 < limit < 10_000_000] or [2048])
    return Loaded(how, model, tokenizer, context)
