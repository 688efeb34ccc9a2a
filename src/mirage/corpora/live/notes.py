"""What a living source keeps on disk between two calls."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from mirage.errors import Unavailable
from mirage.models.download import disk_words


def write(path: Path, told: Any) -> None:
    """Write a note as a whole or not at all.

    Raises
    ------
    mirage.errors.Unavailable
        When it cannot be written.
    """
    part = path.with_name(f"{path.name}.{time.monotonic_ns()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(told), "utf-8")
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise Unavailable(disk_words(path, error)) from error
