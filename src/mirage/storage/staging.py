"""Files that somebody sends to be added: kept in a folder of the atlas until they are, or are thrown away.

Names come from strangers and are often patients': they are checked before a file of that name is made, lie nowhere else, and
nothing that others see is made of them. What is there lasts as long as the process, and a few hours at most.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Container
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from mirage.corpora.base import Refused
from mirage.corpora.folder_names import UNSEEN, readable
from mirage.corpora.folder_table import TABLES
from mirage.errors import BadInput, Busy, MirageError, NotFound, check_room
from mirage.letters import normalised
from mirage.locales import number
from mirage.wording import _

FOLDER = "incoming"
MOST_FILES = 5_000
MOST_FILE = 512_000_000  # bytes of one file: a volume may be large
MOST_TABLE = 50_000_000  # of a table, which is read whole
KEPT_SECONDS = 6 * 3600.0
_GONE_AFTER = 600.0  # seconds for which a server was not seen, whose people would else lose what they send just now
_MOST_BATCHES, _MOST_REFUSED = 8, 500
_IDLE_SECONDS = 900.0  # after which a batch may make room for another
_MOST_NAME, _MOST_PATH, _DEEPEST = 255, 1_000, 20
_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)")
_CLUTTER = {"thumbs.db", "desktop.ini", "__macosx"}


def safe_path(name: str) -> str:
    """A file's place in a folder, as a name that somebody sent says it; empty for what nobody means to send.

    Parameters
    ----------
    name : str
        With strokes between folders, as browsers send it.

    Raises
    ------
    mirage.errors.BadInput
        Saying why no file may have that name.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        raise BadInput(_("Its name is no text in UTF-8. Rename it.")) from None
    told = normalised("NFC", name).replace("\\", "/")
    if UNSEEN.search(told):
        raise BadInput(_("Its name holds characters that cannot be seen. Rename it."))
    if told.startswith("/") or re.match(r"[A-Za-z]:", told):
        raise BadInput(_("Its name is a whole path, and a place in the folder is wanted. Drop the folder that it lies in."))
    parts = [part for part in told.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise BadInput(_("Its name leads out of the folder. Rename it."))
    if not parts or any(part.startswith(".") or part.lower() in _CLUTTER for part in parts):
        return ""
    if len(parts) > _DEEPEST or len("/".join(parts)) > _MOST_PATH or any(len(p.encode()) > _MOST_NAME for p in parts):
        raise BadInput(
            _(
                "Its name has more than %(MOST_NAME)s characters, or it lies too deep in folders. Shorten it.",
                MOST_NAME=_MOST_NAME,
            )
        )
    if any(_DEVICE.fullmatch(part.split(".")[0].strip()) or part.endswith((" ", ".")) for part in parts):
        raise BadInput(_("Not every computer can keep a file of that name. Rename it."))
    return "/".join(parts)


def shortened(name: str) -> str:
    """A name to be shown, whatever somebody sent."""
    return readable(name, 120)


@dataclass(eq=False)
class Batch:
    """What one person sent.

    Attributes
    ----------
    id : str
        Who knows it may look and add; nobody can guess it.
    folder : Path
    files, bytes : int
        That are here.
    refused : list of Refused
        What could not be taken, by name; at most some hundreds.
    look : str
        Id of the job that looked through it last; empty when none has.
    stacks, columns
        As for `mirage.corpora.folder.FolderCorpus`.
    adding : str
        Id of the job that adds it; empty when none does.
    """

    id: str
    folder: Path
    most: int
    files: int = 0
    bytes: int = 0
    refused: list[Refused] = field(default_factory=list)
    look: str = ""
    stacks: str = "series"
    columns: tuple[str, ...] = ()
    adding: str = ""
    touched: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def root(self) -> Path:
        """The folder that was dropped, where all of it is one; else the one that its files lie in."""
        inside = list((self.folder / "files").iterdir())
        return inside[0] if len(inside) == 1 and inside[0].is_dir() else self.folder / "files"

    @property
    def named(self) -> str:
        """What the folder that was dropped is called; empty where files were."""
        root = self.root
        return "" if root == self.folder / "files" else root.name

    def refuse(self, name: str, reason: str) -> None:
        """Write down that a file was not taken."""
        if len(self.refused) < _MOST_REFUSED:
            self.refused.append(Refused(shortened(name), reason))

    def receive(self, name: str) -> Receiving | None:
        """Begin to take a file; None where it is not taken, which is written down.

        Parameters
        ----------
        name : str
            As it was sent.
        """
        self.touched = time.monotonic()
        try:
            place = safe_path(name)
            if not place:
                return None
            if self.adding:
                raise BadInput(_("The files that came before it are being added now. Add it when that has ended."))
            if self.files >= MOST_FILES:
                raise BadInput(
                    _(
                        "More than %(MOST_FILES)s files came. Add them in parts, or by `mirage add folder`.",
                        MOST_FILES=number(MOST_FILES),
                    )
                )
            check_room(self.folder)
        except MirageError as error:
            self.refuse(name, str(error))
            return None
        return Receiving(self, name, place)


class Receiving:
    """One file that comes in.

    Parameters
    ----------
    batch : Batch
    name, place : str
        As it was sent, and where it goes.
    """

    def __init__(self, batch: Batch, name: str, place: str) -> None:
        self._batch, self._name, self._place = batch, name, place
        self._part = batch.folder / f"{secrets.token_hex(8)}.part"
        self._file: BinaryIO | None = self._part.open("xb")
        self._size, self._digest, self._why = 0, hashlib.sha256(), ""

    def write(self, data: bytes) -> None:
        """Take a piece of it; what is too much is thrown away."""
        self._size += len(data)
        most = MOST_TABLE if self._place.lower().endswith(TABLES) else MOST_FILE
        if self._size > most:
            self._why = _("It is larger than %(most)s MB. Add it by `mirage add folder`.", most=f"{most / 1e6:g}")
        elif self._batch.bytes + self._size > self._batch.most:
            room = f"{self._batch.most / 1e6:g} MB"
            self._why = _("With it, more than %(room)s came. Add them in parts, or by `mirage add folder`.", room=room)
        if self._why or self._file is None:
            self.drop()
            return
        self._digest.update(data)
        try:
            self._file.write(data)
        except OSError as error:
            self._why = _("It could not be kept: %(why)s.", why=error.strerror)

    def drop(self) -> None:
        """Forget it."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._part.unlink(missing_ok=True)

    def done(self) -> None:
        """Put it in its place, now that it is whole."""
        if self._file is not None:
            self._file.close()
        if not self._why:
            self._place_it()
        if self._why:
            self.drop()
            self._batch.refuse(self._name, self._why)

    def _place_it(self) -> None:
        place = self._batch.folder / "files" / self._place
        # The time is made of the content: sent again, a file that has not changed is known again.
        seconds, rest = divmod(int.from_bytes(self._digest.digest()[:7], "big"), 10**9)
        try:
            with self._batch.lock:
                if place.exists():
                    if not place.is_file() or _digest_of(place) != self._digest.digest():
                        self._why = _("Another file of that name came before it. Rename one of them.")
                    else:
                        self.drop()  # it is here
                    return
                place.parent.mkdir(parents=True, exist_ok=True)
                self._part.rename(place)
                os.utime(place, ns=((when := (seconds % 2**31) * 10**9 + rest), when))
                self._batch.files += 1
                self._batch.bytes += self._size
        except OSError as error:  # a file where a folder should be, a name that this disk cannot keep
            self._why = _("It could not be kept: %(why)s.", why=error.strerror or error)


def _digest_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


class Leftovers:
    """What was sent to servers of one atlas, in a folder for each; what those leave that are killed is thrown away.

    Parameters
    ----------
    folder : Path
        In which theirs are, each called as its server.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._since: dict[str, float] = {}

    def sweep(self, there: Container[str]) -> None:
        """Throw away what servers left that have not been there for minutes.

        Parameters
        ----------
        there : container of str
            The servers that are there now.
        """
        try:
            gone = [path for path in self._folder.iterdir() if path.name not in there]
        except OSError:  # nothing was ever sent
            return
        now = time.monotonic()
        self._since = {path.name: self._since.get(path.name, now) for path in gone}
        for path in gone:
            if now - self._since[path.name] >= _GONE_AFTER:
                shutil.rmtree(path, ignore_errors=True)


class Staging:
    """All that was sent and has not been added yet.

    Parameters
    ----------
    folder : Path
        Of its own; what another process left there is removed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._batches: dict[str, Batch] = {}
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        shutil.rmtree(folder, ignore_errors=True)

    def begin(self, most: int) -> Batch:
        """Make room for what somebody sends.

        Parameters
        ----------
        most : int
            Bytes of all its files.

        Raises
        ------
        mirage.errors.Busy
            When others wait to be added, and none of them was left alone.
        """
        self.sweep()
        with self._lock:
            waiting = [each for each in self._batches.values() if not each.adding]
            oldest = min(waiting, key=lambda each: each.touched, default=None)
            if len(self._batches) >= _MOST_BATCHES:
                if oldest is None or time.monotonic() - oldest.touched < _IDLE_SECONDS:
                    raise Busy(
                        _("%(batches)s people are adding files now. Try again in a few minutes.", batches=len(self._batches))
                    )
                self._drop(oldest)
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            check_room(self._folder)
            batch = Batch(secrets.token_urlsafe(18), self._folder / secrets.token_hex(8), most)
            batch.folder.mkdir(mode=0o700, parents=True)  # names of files and words in pictures may tell of patients
            (batch.folder / "files").mkdir()
            self._batches[batch.id] = batch
            self._watch()
        return batch

    def _watch(self) -> None:
        """See to it that what nobody comes back to is thrown away, though nobody comes."""
        if self._timer is None and self._batches:
            self._timer = threading.Timer(KEPT_SECONDS / 12, self._look)
            self._timer.daemon = True
            self._timer.start()

    def _look(self) -> None:
        self.sweep()
        with self._lock:
            self._timer = None
            self._watch()

    def get(self, batch_id: str) -> Batch:
        """What somebody sent.

        Raises
        ------
        mirage.errors.NotFound
        """
        with self._lock:
            found = self._batches.get(batch_id)
        if found is None:
            raise NotFound(
                _(
                    "These files are not here any more: they were added or thrown away, or nobody came "
                    "back to them for some hours, or MIRAGE was started again. Drop them again."
                )
            )
        found.touched = time.monotonic()
        return found

    def drop(self, batch_id: str) -> None:
        """Throw away what somebody sent; nothing happens when it is gone, or being added."""
        with self._lock:
            if (batch := self._batches.get(batch_id)) is not None and not batch.adding:
                self._drop(batch)

    def ended(self, job_id: str, *, keep: bool) -> None:
        """Throw away what a job has added, or was to add.

        Parameters
        ----------
        job_id : str
        keep : bool
            Whether it stays, for another try.
        """
        with self._lock:
            for batch in [each for each in self._batches.values() if each.adding == job_id]:
                batch.adding = ""
                if not keep:
                    self._drop(batch)

    def sweep(self) -> None:
        """Throw away what nobody has come back to."""
        with self._lock:
            for batch in list(self._batches.values()):
                if not batch.adding and time.monotonic() - batch.touched > KEPT_SECONDS:
                    self._drop(batch)

    def close(self) -> None:
        """Throw all of it away."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            for batch in list(self._batches.values()):
                self._drop(batch)
        with suppress(OSError):
            self._folder.rmdir()

    def _drop(self, batch: Batch) -> None:
        self._batches.pop(batch.id, None)
        shutil.rmtree(batch.folder, ignore_errors=True)
