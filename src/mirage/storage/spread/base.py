"""What workers do, and how they are given it: each task is done once, whichever of them are lost meanwhile."""

from __future__ import annotations

import hashlib
import io
import logging
import socket
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import mirage
from mirage import corpora, encoders
from mirage.corpora.base import Corpus, Downloads, Findable, Item
from mirage.encoders.base import Encoder, EncoderInfo
from mirage.errors import MirageError, Unavailable
from mirage.images.remote import RemotePictures
from mirage.images.store import PictureStore, thumbnail_name
from mirage.locales import ENGLISH
from mirage.settings import Settings
from mirage.storage.edits import Edit, Edits
from mirage.storage.prepare import BATCH, Made, Preparing, Refuse
from mirage.wording import _, language

logger = logging.getLogger(__name__)

_AHEAD = 2  # tasks that a worker has: while one's work is stored, it has another
_MOST_LOST = 3  # workers that one task may take with it
_MOST_VAIN = 5  # workers in a row that end before they have begun
_PATIENCE = 600.0  # seconds until a first worker has begun, or another in the place of those that were lost
_LOOK = 2.0  # seconds


class Lost(Exception):
    """A worker is not there any more, and its work has to be done by another one; the text says what is known of it."""


@dataclass(frozen=True, slots=True)
class Task:
    """Some entries of a corpus, to be made ready.

    Attributes
    ----------
    entries : tuple of (Item, Item)
        As the corpus knows them and as the atlas keeps them.
    places : mapping
        Where the corpus finds them; see `mirage.corpora.base.Findable`.
    edits : mapping
        What was edited of their words, by figure and field.
    """

    entries: tuple[tuple[Item, Item], ...]
    places: Mapping[str, Any] = field(default_factory=dict)
    edits: Mapping[str, dict[str, Edit]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a task.

    Attributes
    ----------
    made : tuple of Made
    refused : tuple of (str, str)
        Names of what cannot be taken, and why.
    files : mapping
        Names of pictures, thumbnails and stacks to what they hold, where the worker could not keep them itself.
    trouble : str
        Why nothing can be done where the worker is; empty where all is well.
    node : str
        Where that is.
    """

    made: tuple[Made, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    trouble: str = ""
    node: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a worker opens. It can be sent anywhere.

    Attributes
    ----------
    corpus : str
        Adapter's name.
    given : dict
        What it is opened with.
    encoder : mirage.encoders.base.EncoderInfo
        The atlas's, which has to be there too.
    settings : dict
        How it is opened.
    pictures : tuple of str
        Address of the pictures and whose they are; empty where they are sent back.
    version : str
        Of MIRAGE.
    language : str
        What its words for people are said in.
    """

    corpus: str
    given: dict[str, Any]
    encoder: EncoderInfo
    settings: dict[str, Any] = field(default_factory=dict)
    pictures: tuple[str, str] = ("", "")
    version: str = mirage.__version__
    language: str = ENGLISH

    @classmethod
    def of(cls, corpus: str, given: dict[str, Any], encoder: EncoderInfo, pictures: PictureStore) -> Recipe:
        """What workers need for this corpus and this atlas."""
        settings = Settings.load()
        opened = {name: getattr(settings, name) for name in _OF_ENCODER}
        where = (pictures.address, pictures.owner) if isinstance(pictures, RemotePictures) else ("", "")
        return cls(corpus, given, encoder, opened, where, language=language())

    def open_encoder(self) -> Encoder:
        """The encoder, as it is where this is asked.

        Raises
        ------
        mirage.errors.MirageError
            When it is not there, or is another one.
        """
        settings = Settings.load(**{name: value for name, value in self.settings.items() if value != ""})
        found = encoders.exported_for(self.encoder, settings)
        found = found or encoders.configured(self.encoder.name, settings, self.encoder.model)
        if (info := found.info()).digest != self.encoder.digest:
            raise Unavailable(
                _(
                    "The encoder %(info)s there is another one (%(digest)s) than the atlas's "
                    "(%(digest2)s): their vectors cannot be compared.",
                    info=info.name,
                    digest=info.digest[:12],
                    digest2=self.encoder.digest[:12],
                )
            )
        return found


_OF_ENCODER = ("encoder", "encoder_model", "encoder_revision", "encoder_activation", "threads")


class Worker:
    """Makes entries ready with the very code, and within the limits, of adding on one machine.

    Parameters
    ----------
    recipe : Recipe
    node : str
        Where it is, for messages; the machine's name when empty.
    threads : int
        How many read and encode beside one another.
    """

    def __init__(self, recipe: Recipe, node: str = "", threads: int = 0) -> None:
        self._recipe, self.node, self._threads = recipe, node or socket.gethostname(), threads or 2
        self._opened: tuple[Corpus, Encoder] | None = None

    def __call__(self, task: Task | None) -> Done:
        """Do a task; None only opens what is needed."""
        try:
            return self._done(task)
        except MirageError as error:  # a storage that does not answer, say: no other worker would do better
            return Done(trouble=str(error), node=self.node)
        except MemoryError:  # another worker may have enough
            raise
        except Exception as error:  # told, so that it is not taken for the fault of what was read
            logger.exception("A task failed.")
            return Done(
                trouble=_("a defect of the program (%(kind)s: %(error)s).", kind=type(error).__name__, error=error),
                node=self.node,
            )

    def _done(self, task: Task | None) -> Done:
        corpus, encoder = self._open()
        if task is None:
            return Done(node=self.node)
        if isinstance(corpus, Findable):
            corpus.find_at(task.places)
        address, owner = self._recipe.pictures
        settings = Settings.load()
        cache = settings.picture_cache, settings.picture_cache_bytes
        kept = Carried()
        pictures = RemotePictures(address, owner, *cache) if address else kept
        preparing, refused = Preparing(corpus, pictures, encoder, _Sent(task.edits)), list[tuple[str, str]]()

        def refuse(label: str, reason: str) -> None:
            refused.append((label, reason))

        made = [each for batch in preparing.batches(task.entries, self._threads, refuse) for each in batch]
        return Done(tuple(made), tuple(refused), kept.files, node=self.node)

    def _open(self) -> tuple[Corpus, Encoder]:
        if self._opened is None:
            if self._recipe.version != mirage.__version__:
                raise Unavailable(
                    _(
                        "MIRAGE is of version %(version)s there, and of %(version2)s here.",
                        version=mirage.__version__,
                        version2=self._recipe.version,
                    )
                )
            encoder = self._recipe.open_encoder()
            corpus = corpora.load(self._recipe.corpus, **self._recipe.given)
            if isinstance(corpus, Downloads) and not corpus.ready:
                raise Unavailable(
                    _("The files of %(title)s are not there; put them where that node finds them.", title=corpus.card.title)
                )
            self._opened = corpus, encoder
        return self._opened


class Carried(PictureStore):
    """Pictures that are kept in memory until they are sent to where they belong."""

    def __init__(self) -> None:
        super().__init__(Path())
        self.files: dict[str, bytes] = {}

    def size(self, names: Iterable[str]) -> int:
        """Bytes of some of them."""
        return sum(len(self.files[name]) for name in names)

    def _keep(self, name: str, data: bytes, small: Callable[[], bytes]) -> None:
        self.files |= {name: data, thumbnail_name(name): small()}

    def _put_file(self, fill: Callable[[BinaryIO], object]) -> str:
        file = io.BytesIO()
        fill(file)
        name = f"{hashlib.sha256(file.getbuffer()).hexdigest()}.stack"
        self.files[name] = file.getvalue()
        return name


class _Sent(Edits):
    """Edits that came with a task."""

    def __init__(self, known: Mapping[str, dict[str, Edit]]) -> None:
        self._known = known

    def of(self, figure_ids: Iterable[str]) -> dict[str, dict[str, Edit]]:
        return {each: self._known[each] for each in figure_ids if each in self._known}


class Workers(Protocol):
    """Some workers somewhere, each of which does one task after the other."""

    count: int

    def begin(self) -> Any:
        """Begin another worker; nothing is waited for."""
        ...

    def ask(self, worker: Any, task: Task | None) -> Any:
        """Give a worker a task; what is returned stands for what will come of it."""
        ...

    def wait(self, asked: Sequence[Any], seconds: float) -> Sequence[Any]:
        """Those of which something came, waiting for a while if it came of none."""
        ...

    def get(self, asked: Any) -> Done:
        """What came of it, which is there now.

        Raises
        ------
        Lost
            When the worker is not there any more.
        """
        ...

    def end(self, worker: Any) -> None:
        """End a worker, wherever it is with its work."""
        ...

    def close(self) -> None:
        """Let go of all of them."""
        ...


class Spreading:
    """What `mirage.storage.prepare.Preparing` is, done by workers.

    Parameters
    ----------
    corpus : Corpus
    pictures : PictureStore
    edits : Edits
    workers : Workers
    """

    def __init__(self, corpus: Corpus, pictures: PictureStore, edits: Edits, workers: Workers) -> None:
        self._corpus, self._pictures, self._edits, self._workers = corpus, pictures, edits, workers

    def batches(self, entries: Iterable[tuple[Item, Item]], workers: int, refuse: Refuse) -> Generator[list[Made]]:
        """Figures to store together, as they come; none every few seconds in which none come.

        Parameters
        ----------
        entries, refuse
            As for `Preparing.batches`.
        workers : int
            Not heeded: how many there are is known.

        Raises
        ------
        mirage.errors.Unavailable
            When a node cannot do it, or workers are lost again and again.
        """
        self._pictures.claim()
        done = spread(self._workers, self._tasks(entries))
        try:
            for one in done:
                if one is None:
                    yield []
                    continue
                for name, data in one.files.items():
                    self._pictures.keep(name, data)
                for each in one.refused:
                    refuse(*each)
                if one.made:
                    yield list(one.made)
        finally:
            done.close()

    def _tasks(self, entries: Iterable[tuple[Item, Item]]) -> Iterator[Task]:
        """Batches of them; a stack takes as long as one, and stands alone."""
        batch: list[tuple[Item, Item]] = []
        for entry in entries:
            if entry[0].stacked:
                yield self._task([entry])
                continue
            batch.append(entry)
            if len(batch) == BATCH:
                yield self._task(batch)
                batch = []
        if batch:
            yield self._task(batch)

    def _task(self, entries: Sequence[tuple[Item, Item]]) -> Task:
        own = [own for own, _ in entries]
        places = self._corpus.places_of(own) if isinstance(self._corpus, Findable) else {}
        return Task(tuple(entries), places, self._edits.of([kept.figure.id for _, kept in entries]))


@dataclass(slots=True)
class _Given:
    """A task, None for that of beginning, and how many workers were lost with it."""

    task: Task | None
    lost: int = 0


def spread(workers: Workers, tasks: Iterator[Task]) -> Generator[Done | None]:
    """Have tasks done, each once, in whatever order; a worker that is lost is replaced, and its tasks are given to others.

    Parameters
    ----------
    workers : Workers
    tasks : iterator of Task
        Asked for as workers come free.

    Yields
    ------
    Done or None
        None every few seconds in which none is done.

    Raises
    ------
    mirage.errors.Unavailable
        When a node cannot do them, when one task takes several workers with it, or when there are no workers for minutes.
    """
    try:
        yield from _Spread(workers, tasks).all()
    finally:
        workers.close()


class _Spread:
    def __init__(self, workers: Workers, tasks: Iterator[Task]) -> None:
        self._workers, self._tasks = workers, tasks
        self._asked: dict[Any, tuple[Any, _Given]] = {}
        self._free, self._again = deque[Any](), deque[_Given]()
        self._ended: list[Any] = []
        self._vain = 0

    def all(self) -> Generator[Done | None]:
        for _other in range(self._workers.count):
            self._begin()
        since = time.monotonic()
        while True:
            self._give()
            at_work = any(given.task for _, given in self._asked.values())
            if self._free and not at_work and not self._again:
                return
            ready = self._workers.wait(list(self._asked), _LOOK)
            if ready or at_work:
                since = time.monotonic()
            elif time.monotonic() - since > _PATIENCE:
                raise Unavailable(
                    _("There are no workers: for ten minutes the cluster has begun none. Has it room for them?")
                )
            if not ready:
                yield None
            for each in ready:
                if (done := self._told(each)) is not None:
                    yield done
                    self._give()

    def _begin(self) -> None:
        worker = self._workers.begin()
        self._asked[self._workers.ask(worker, None)] = worker, _Given(None)

    def _give(self) -> None:
        while self._free:
            given = self._again.popleft() if self._again else _Given(next(self._tasks, None))
            if given.task is None:
                return
            worker = self._free.popleft()
            self._asked[self._workers.ask(worker, given.task)] = worker, given

    def _told(self, asking: Any) -> Done | None:
        """What came of a task; None where nothing did."""
        worker, given = self._asked.pop(asking)
        try:
            done = self._workers.get(asking)
        except Lost as error:
            self._replace(worker, given, str(error))
            return None
        if done.trouble:
            raise Unavailable(
                _(
                    "The node %(node)s cannot encode for this atlas: %(trouble)s What is stored stays.",
                    node=done.node,
                    trouble=done.trouble,
                )
            )
        self._vain = 0
        self._free.extend([worker] * (1 if given.task else _AHEAD))
        return done if given.task else None

    def _replace(self, worker: Any, given: _Given, why: str) -> None:
        given.lost += 1
        if given.task is None:
            self._vain += 1
        else:
            self._again.append(given)
        if self._vain >= _MOST_VAIN:
            raise Unavailable(_("The workers cannot be begun: %(why)s What is stored stays.", why=why))
        if given.task is not None and given.lost >= _MOST_LOST:
            raise Unavailable(_took_with_it(given.task, why))
        if not any(each is worker for each in self._ended):
            self._ended.append(worker)
            self._free = deque(each for each in self._free if each is not worker)
            self._workers.end(worker)
            self._begin()


def _took_with_it(task: Task, known: str) -> str:
    names = [own.label for own, _ in task.entries]
    some = ", ".join(names[:3])
    some = _("%(names)s and %(number)s more", names=some, number=len(names) - 3) if len(names) > 3 else some
    return _(
        "%(number)s workers ended while they read %(some)s: %(known)s One of these may take more memory than a worker has. "
        "Leave it out, or give workers more. What is stored stays.",
        number=_MOST_LOST,
        some=some,
        known=known,
    )
