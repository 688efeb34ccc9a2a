"""On which device, in which precision and how many at once: chosen by what is there."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from mirage.errors import BadInput, Unavailable

DTYPES = ("float32", "bfloat16", "float16")
# More texts at once spill out of a processor's cache; a GPU wants many.
_TEXTS = {"cpu": 8}
_MOST_TEXTS, _MOST_PICTURES, _MOST_PICTURES_CPU = 256, 256, 16
_SHARE = 0.5  # of what is free: other work on the machine wants some, and the estimate is one


def place(torch: Any, device: str | None, dtype: str | None) -> tuple[str, str]:
    """The device and precision to use.

    Parameters
    ----------
    torch : module
    device : str, optional
        ``cuda``, ``cuda:1``, ``mps`` or ``cpu``; the best that is there when left out.
    dtype : str, optional
        When left out: bfloat16 on a GPU that has it, float16 on other GPUs, float32 on the processor.

    Raises
    ------
    mirage.errors.BadInput
        When the precision is none of the three.
    mirage.errors.Unavailable
        When the device is not there.
    """
    if dtype and dtype not in DTYPES:
        raise BadInput(f"An encoder's dtype is {', '.join(DTYPES[:-1])} or {DTYPES[-1]}, not {dtype!r}.")
    there = device or ("cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu")
    kind = there.partition(":")[0]
    try:
        torch.zeros(1, device=there)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise Unavailable(f"The device {there!r} cannot be used for encoding: {str(error).splitlines()[0]}") from error
    if dtype:
        return there, dtype
    if kind == "cuda":
        return there, "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    return there, "float16" if kind == "mps" else "float32"


def texts_at_once(device: str) -> int:
    """How many texts go through the text tower together."""
    return _TEXTS.get(device.partition(":")[0], _MOST_TEXTS)


def images_at_once(torch: Any, device: str, dtype: str, tokens: int, width: int, heads: int) -> int:
    """How many pictures go through the image tower together.

    Parameters
    ----------
    tokens, width, heads : int
        Of the tower: patches to a picture, numbers to a patch, heads of its attention.

    Returns
    -------
    int
        By an estimate of what one layer holds at once, against half of the memory that is free.
    """
    size = 4 if dtype == "float32" else 2
    one = size * tokens * (12 * width + heads * tokens)
    free = free_memory(torch, device)
    most = _MOST_PICTURES_CPU if device.partition(":")[0] == "cpu" else _MOST_PICTURES
    return max(1, min(most, int(free * _SHARE / one))) if free is not None else min(most, 8)


def free_memory(torch: Any, device: str) -> int | None:
    """Bytes that are free on a device; None when nobody can tell."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    with suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with suppress(AttributeError, ValueError, OSError):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None
