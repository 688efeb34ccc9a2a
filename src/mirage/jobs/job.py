"""What is known of one piece of long work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from mirage.corpora.base import Noted, Refused

JobState = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED = ("done", "failed", "cancelled")
GENERATE, REBUILD, ADD, IMPORT, REMOVE = "generate", "rebuild", "add", "import", "remove"
"""The kinds of jobs."""
Update = Callable[..., None]
"""Given the fields of the job that change."""
Work = Callable[[Update, Callable[[], bool]], None]
"""Given what updates the job, and what tells whether it shall stop."""


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of long work.

    Attributes
    ----------
    id, kind, title : str
    state : {"queued", "running", "done", "failed", "cancelled"}
    done, total : int
    rate : float
        Things a second.
    seconds_left : float or None
    message : str
        What is going on, how it ended, or why it failed.
    refused : tuple of Refused
        What could not be taken, by name, with the reason.
    noted : tuple of Noted
        What there is to know of stacks that it took.
    results : tuple of str
        Ids of the synthetic images that it has made.
    ahead : int
        How many of its kind stand before it; reckoned when it is asked for.
    added, kept : int
        How many figures it has put into the atlas, and how many were there already; known when it has ended.
    removed : int
        How many figures it has taken out of the atlas.
    exit_code : int
        What a command ends with that waited for it, when it failed; see `mirage.errors.MirageError`.
    asked : dict or None
        What it was asked for, to begin it again after a restart; None when that is not kept.
    attempts : int
        How often it was begun; one that a process did not survive is begun once more, and no oftener.
    created, finished : float
        Seconds since the epoch; `finished` is 0 until then.
    """

    id: str
    kind: str
    title: str
    state: JobState = "queued"
    done: int = 0
    total: int = 0
    rate: float = 0.0
    seconds_left: float | None = None
    message: str = "Waiting for its turn."
    refused: tuple[Refused, ...] = ()
    noted: tuple[Noted, ...] = ()
    results: tuple[str, ...] = ()
    ahead: int = 0
    added: int = 0
    kept: int = 0
    removed: int = 0
    exit_code: int = 0
    asked: dict[str, Any] | None = None
    attempts: int = 0
    created: float = 0.0
    finished: float = 0.0

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in ENDED

    @property
    def shown_title(self) -> str:
        """The title with a folder's name in place of its whole path."""
        what, given, path = self.title.partition(" from ")
        return f"{what}{given}{Path(path).name or path}" if given and self.kind == ADD else self.title

    @property
    def lane(self) -> str:
        """Jobs of one lane wait for one another; those that change the atlas share one."""
        return GENERATE if self.kind == GENERATE else "change"

    def record(self) -> dict[str, Any]:
        """What is kept of it."""
        return asdict(self) | {"ahead": 0}

    @staticmethod
    def of(record: Mapping[str, Any]) -> Job:
        """Read what `record` wrote, by this program or an older one."""
        return _RECORDS.validate_python(record)


_RECORDS = TypeAdapter(Job)


class Cancelled(Exception):
    """Raised inside a job that was cancelled before it had anything to stop."""
