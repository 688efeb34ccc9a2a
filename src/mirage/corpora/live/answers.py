"""What sources answered, kept on disk with its date."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

from mirage.errors import Unavailable, check_room
from mirage.models.download import disk_words

_AHEAD = 60.0  # seconds that the clock of a disk may be ahead of ours


class Answers:
    """Answers in a folder: a file each, with a line that says what was asked and when, and then the bytes.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def kept(self, key: str, since: float) -> tuple[float, bytes] | None:
        """When a question was answered, in seconds since 1970, and how; None where it was not.

        Parameters
        ----------
        key : str
            What was asked.
        since : float
            Answers from before this time are as if they were not there.
        """
        place = self._place(key)
        try:
            asked = place.stat().st_mtime
            # An answer of the future is of a clock that was set back since: nobody knows how old it is.
            if asked < since or (since and asked > time.time() + _AHEAD):
                return None
            return asked, place.read_bytes().partition(b"\n")[2]
        except OSError:
            return None

    def keep(self, key: str, url: str, body: bytes) -> float:
        """Keep an answer in place of an earlier one; gives its time.

        Raises
        ------
        mirage.errors.Unavailable
            When the disk is full.
        """
        place = self._place(key)
        part = place.with_name(f"{place.name}.{os.getpid()}.{time.monotonic_ns()}.part")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            check_room(place.parent)
            told = {"url": url, "asked": datetime.now(UTC).isoformat(timespec="seconds")}
            part.write_bytes(json.dumps(told).encode() + b"\n" + body)
            part.replace(place)
            return place.stat().st_mtime
        except OSError as error:
            part.unlink(missing_ok=True)
            raise Unavailable(disk_words(place.parent, error)) from error

    def _place(self, key: str) -> Path:
        name = blake2b(key.encode("utf-8", "replace"), digest_size=16).hexdigest()
        return self._folder / name[:2] / name
