"""SHA-256 of large files, remembered while they do not change: reading 1.7 GB at every start would be felt."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from platformdirs import user_cache_path

_SMALL = 16_000_000  # read anew each time: it takes a few hundredths of a second


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file.

    That of a large file is remembered under its path, size and time of change, in the user's cache folder.

    Raises
    ------
    OSError
        When it cannot be read.
    """
    real = path.resolve()
    found = real.stat()
    if found.st_size <= _SMALL:
        return _read(real)
    key, stamp = str(real), [found.st_size, found.st_mtime_ns]
    known = _remembered()
    if key in known and known[key][:2] == stamp:
        return str(known[key][2])
    digest = _read(real)
    _remember({**known, key: [*stamp, digest]})
    return digest


def digest_of(parts: Iterable[tuple[str, str]]) -> str:
    """One digest of named parts: of a file its `sha256`, of a choice its value.

    Parameters
    ----------
    parts : iterable of (str, str)

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    told = json.dumps(sorted(parts), ensure_ascii=True)
    return hashlib.sha256(told.encode()).hexdigest()


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _place() -> Path:
    return user_cache_path("mirage", appauthor=False) / "sha256.json"


def _remembered() -> dict[str, list[int | str]]:
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(_place().read_text("utf-8"))
        if isinstance(known, dict):
            return {key: value for key, value in known.items() if isinstance(value, list) and len(value) == 3}
    return {}


def _remember(known: dict[str, list[int | str]]) -> None:
    # A cache that cannot be written costs time, nothing else.
    with contextlib.suppress(OSError):
        _place().parent.mkdir(parents=True, exist_ok=True)
        partial = _place().with_suffix(f".{os.getpid()}.partial")
        partial.write_text(json.dumps(known), "utf-8")
        partial.replace(_place())
