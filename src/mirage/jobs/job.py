"""What is known of one piece of long work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from mirage.corpora.base import Noted, Refused
from mirage.wording import N_, _

JobState = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED = ("done", "failed", "cancelled")
CHANGE = "change"  # the lane of jobs that change the atlas
GENERATE, REBUILD, ADD, IMPORT, REMOVE = "generate", "rebuild", "add", "import", "remove"
EDIT, LOOK, ASK = "edit", "look", "ask"
"""The kinds of jobs."""
PRIVATE_TITLES = {"Add folder": "Add a folder of pictures"}
"""What others see in place of titles that name a folder, by how those begin."""
TITLES = (
    *(N_("Add a folder of pictures"), N_("Look through the files"), N_("Collect pictures that no figure uses")),
    *(N_("Make the index anew"), N_("Encode anew with %(encoder)s"), N_("Import %(file)s"), N_("Edit %(figure)s")),
    *(
        N_("Generate: an image like a figure"),
        N_("Generate: %(query)s"),
        N_("Remove %(number)s figures"),
        N_("Remove %(what)s"),
    ),
    *(N_("Look through %(corpus)s from %(path)s"), N_("Look through %(corpus)s"), N_("Add “%(name)s”")),
    N_("Add from %(source)s: %(query)s"),
    N_("Add %(corpus)s from %(path)s, and take out what is gone"),
    N_("Add %(corpus)s, and take out what is gone"),
    *(N_("Add %(corpus)s from %(path)s"), N_("Add %(corpus)s")),
)
"""What titles of jobs are made from: they are kept in English, and said by `mirage.wording.retold`."""
_FAILED = N_("It could not be done. Whoever started it was told why.")
WAITING = N_("Waiting for its turn.")
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
        What there is to know of figures that it took.
    results : tuple of str
        Ids of the synthetic images that it has made.
    ahead : int
        How many of its kind stand before it; reckoned when it is asked for.
    added, kept : int
        How many figures it has put into the atlas, and how many were there already; known when it has ended.
    removed : int
        How many figures it has taken out of the atlas.
    changed : tuple of str
        What it has put in place of what the atlas had, by name.
    gone : tuple of str
        What the atlas has of a corpus that is gone from its source, by name; taken out, if `removed` says so.
    gone_count : int
        How many those are.
    exit_code : int
        What a command ends with that waited for it, when it failed; see `mirage.errors.MirageError`.
    asked : dict or None
        What it was asked for, to begin it again after a restart; None when that is not kept.
    attempts : int
        How often it was begun; one that a process did not survive is begun once more, and no oftener.
    private : bool
        Whether title, message and lists may name files of somebody, and files are often called like patients. Then only who
        started it sees those, by an id that nobody can guess, until this process ends; all others see `public`.
    secret : str
        What that id ends with.
    told : str
        The message as others see it.
    owner : str
        Id of the person who started it; empty for whoever has the machine.
    stopping : bool
        Whether somebody asked it to stop. Until it does, which takes as long as a source that does not answer, that is said.
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
    message: str = WAITING
    refused: tuple[Refused, ...] = ()
    noted: tuple[Noted, ...] = ()
    results: tuple[str, ...] = ()
    ahead: int = 0
    added: int = 0
    kept: int = 0
    removed: int = 0
    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    gone_count: int = 0
    exit_code: int = 0
    asked: dict[str, Any] | None = None
    attempts: int = 0
    private: bool = False
    secret: str = ""
    told: str = ""
    owner: str = ""
    stopping: bool = False
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
        has_path = given and self.kind in (ADD, LOOK) and self.asked is None
        return f"{what}{given}{Path(path).name or path}" if has_path else self.title

    @property
    def only_for_who_asked(self) -> bool:
        """Whether it is a look at what might be added, which is neither listed nor kept."""
        return self.kind in (LOOK, ASK)

    @property
    def lane(self) -> str:
        """Jobs of one lane wait for one another; those that change the atlas share one."""
        return self.kind if self.kind in (GENERATE, LOOK, ASK) else CHANGE

    @property
    def public(self) -> Job:
        """As others see it than who started it, and as it is kept: where it is private, it names no file."""
        if not self.private:
            return self
        return replace(
            self,
            title=PRIVATE_TITLES.get(self.title.partition(" from ")[0], self.title),
            message=self.told or (_(_FAILED) if self.state == "failed" else self.message),
            refused=(),
            noted=(),
            changed=(),
            gone=(),
            secret="",
        )

    @property
    def own(self) -> Job:
        """As who started it sees it: its id ends with the secret."""
        return replace(self, id=f"{self.id}-{self.secret}") if self.secret else self

    def record(self) -> dict[str, Any]:
        """What is kept of it."""
        return asdict(self.public) | {"ahead": 0}

    @staticmethod
    def of(record: Mapping[str, Any]) -> Job:
        """Read what `record` wrote, by this program or an older one."""
        return _RECORDS.validate_python(record)


_RECORDS = TypeAdapter(Job)


class Cancelled(Exception):
    """Raised inside a job that was cancelled before it had anything to stop."""
