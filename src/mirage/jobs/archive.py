"""Putting an atlas file into the atlas, as a job."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mirage.atlas import Atlas
from mirage.jobs.ingest import Update, tell
from mirage.storage import archive
from mirage.storage.archive_import import import_open
from mirage.storage.ingest import Progress


def checked(path: Path) -> None:
    """Refuse what is no atlas file."""
    with archive.opened(path):
        pass


class Importing:
    """The work of one job.

    Parameters
    ----------
    atlas : Atlas
    path : Path
    encode : bool
        As for `mirage.storage.archive_import.import_file`.
    """

    def __init__(self, atlas: Atlas, path: Path, encode: bool, replace: bool) -> None:
        self._atlas, self._path, self._encode, self._replace = atlas, path, encode, replace

    def __call__(self, update: Update, stopped: Callable[[], bool]) -> None:
        """Check the file, then take its figures in."""
        update(message="Checking the file.")

        def told(progress: Progress) -> None:
            tell(update, progress)

        given = {"encode": self._encode, "replace": self._replace}
        done = import_open(self._path, self._atlas, **given, progress=told, stop=stopped)
        again = ", encoded anew" if done.encoded else ""
        message = f"{done.added:,} figures added{again}, {done.kept:,} were there already."
        counts = {"added": done.added, "kept": done.kept}
        if done.stopped:
            update(state="cancelled", **counts, message=f"Cancelled. {message} Import it again to go on.")
        else:
            update(state="done", **counts, message=message)
