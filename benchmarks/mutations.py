"""Damaged files of every format, given to the readers as the doors give them: nothing may escape, hang, swell or abort.

Each damaged file follows from the format, the seed and its number. It is read in a process that may take 1 GB more than it
has before, and is ended when it takes much more than 5 s of the processor; what fails is kept, by its hash, with what was
raised.
"""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from benchmarks.measure import Outcome, Row, Setting
from benchmarks.mutating import mutated
from benchmarks.seeds import SEEDS, Seed, png
from mirage import corpora
from mirage.corpora.base import Item
from mirage.corpora.folder import FolderCorpus
from mirage.corpora.parquet_reader import ParquetReader
from mirage.errors import MirageError
from mirage.images import look, read_picture, thumbnail
from mirage.images.marks.reading import read
from mirage.images.stacks import render, slice_values, stack_of
from mirage.storage import archive
from mirage.storage.archive_import import import_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from mirage.atlas import Atlas

MOST_SECONDS = 5.0  # of the processor: others may have the machine
MOST_BYTES = 10**9
_MOST_WAIT = 120.0  # seconds for one, however busy the machine: it waits for something that never comes
_CHUNK = 50
_MOST_FIGURES = 60  # after which the atlas that takes the files is made anew
_KINDS = ("uncaught", "above 5 s", "above 1 GB", "crashed")
_TOO_MUCH = "more memory than there is"  # how a reader says that it got no more


class MutationReader:
    """Reads damaged files of one format as the doors do.

    Parameters
    ----------
    kind : str
        One of `benchmarks.seeds.SEEDS`.
    folder : Path
        Empty, and of its own.
    seed : int
    imports : bool
        Whether atlas files that are taken are also put into an atlas, and its pages opened.
    """

    def __init__(self, kind: str, folder: Path, seed: int = 0, *, imports: bool = True) -> None:
        self.kind, self._folder, self._seed, self._imports = kind, folder, seed, imports
        self._seeds = SEEDS[kind]()
        self._data = [data for _, data in self._seeds]
        self._read: Callable[[Path], None] = {"parquet": _parquet, "atlas": self._atlas}.get(kind, _folder)
        self._beside: list[Seed] = []
        if kind in ("csv", "xlsx", "jsonl"):
            self._beside = [(name, png()[0][1]) for name in ("a.png", "b.png", "c.png")]
        elif kind == "dicom":
            self._beside = [(f"other{number}.dcm", self._data[0]) for number in (1, 2)]
        self._held = ParquetReader()  # so that its process does not begin anew for each
        self._atlas_here: Atlas | None = None

    def made(self, number: int) -> Seed:
        """The damaged file of a number."""
        random = Random(f"{self.kind}:{self._seed}:{number}")
        name, data = random.choice(self._seeds)
        return name, mutated(name, data, random, self._data)

    def read(self, name: str, data: bytes) -> None:
        """Give a file to its readers.

        Raises
        ------
        mirage.errors.MirageError
            As it should be.
        Exception
            Whatever a reader let through.
        """
        place = self._folder / "given"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for each, beside in [*self._beside, (name, data)]:
            (place / each).write_bytes(beside)
        try:
            self._read(place / name)
        finally:
            if self.kind not in ("parquet", "atlas", "nifti", "csv", "xlsx", "jsonl"):
                _picture(data)

    def _atlas(self, path: Path) -> None:
        with archive.opened(path) as file:
            file.check()
            figures = [figure for block in range(file.blocks) for figure in file.figures(block)]
        if not self._imports:
            return
        from mirage.atlas import Atlas  # noqa: PLC0415 - for atlas files alone
        from mirage.settings import Settings  # noqa: PLC0415
        from mirage.web import create_app  # noqa: PLC0415

        # It is taken: then every page has to stand, now and after a restart.
        if self._atlas_here is not None and len(self._atlas_here.index) > _MOST_FIGURES:
            self._atlas_here.close()
            Atlas.open(self._folder / "atlas").close()
            shutil.rmtree(self._folder / "atlas")
            self._atlas_here = None
        if self._atlas_here is None:
            name, data = self._seeds[0]
            (self._folder / name).write_bytes(data)
            import_file(self._folder / name, self._folder / "atlas")
            self._atlas_here = Atlas.open(self._folder / "atlas")
            self._site = create_app(self._atlas_here, Settings())
        import_file(path, self._atlas_here, replace=True)
        names = [f"/figure/{figure.id}" for figure in figures] + [f"/case/{figure.case_id}" for figure in figures]
        asyncio.run(_visit(self._site, names))


async def _visit(site: Any, names: list[str]) -> None:
    import httpx  # noqa: PLC0415 - for atlas files alone

    places = ["/", "/search?q=nodule", "/api/search?q=nodule", "/corpora", "/browse", *map(quote, names)]
    transport = httpx.ASGITransport(site)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", follow_redirects=True) as client:
        for place in places:
            answer = await client.get(place)
            if answer.status_code >= 500:
                raise AssertionError(f"{place} answers {answer.status_code}: {answer.text[:300]}")


def _folder(path: Path) -> None:
    corpus = FolderCorpus(path.parent, name="given", allow_burned_in=True)
    # Every refusal on its way must not keep the others from being read.
    for entry in list(corpus.items()):
        if not isinstance(entry, Item):
            _check_told(entry.reason)
            continue
        try:
            _check_text(asdict(entry.figure), asdict(entry.case) if entry.case else "")
            _seen(corpus.read(entry).image)
            if entry.stacked:
                volume = corpus.read_stack(entry)
                stack = stack_of(volume)
                _seen(render(slice_values(volume, stack, stack.best), stack))
        except MirageError as error:
            _check(error)
    corpus.info()


def _parquet(path: Path) -> None:
    for name in ("roco", "rocov2"):
        try:
            corpus = corpora.load(name, path=path)
            items = list(corpus.items())
        except MirageError as error:
            _check(error)
            continue
        for entry in items:
            if isinstance(entry, Item):
                _check_text(asdict(entry.figure))
                try:
                    corpus.read(entry)
                except MirageError as error:
                    _check(error)


def _picture(data: bytes) -> None:
    """What is dropped on a page."""
    image = read_picture(data, allow_burned_in=True).image
    _seen(image)
    read(data, image)


def _seen(image: Any) -> None:
    thumbnail(image)
    look(image)


def _check_text(*values: Any) -> None:
    """Look for what no database and no page can keep."""
    for value in values:
        if isinstance(value, str):
            value.encode()
            if "\0" in value:
                raise ValueError(f"a NUL in {value[:80]!r}")
        elif isinstance(value, dict):
            _check_text(*value.values())
        elif isinstance(value, tuple | list):
            _check_text(*value)


def _check_told(words: str) -> None:
    if _TOO_MUCH in words:
        raise MemoryError(words)


def _check(error: BaseException | None) -> None:
    """Whether an error of ours stands for memory that there was not."""
    while error is not None:
        if isinstance(error, MemoryError):
            raise MemoryError(str(error)) from None
        _check_told(str(error))
        error = error.__cause__ or error.__context__


def verdict_of(reader: MutationReader, name: str, data: bytes) -> tuple[str, str]:
    """What came of reading one file: one of "", "uncaught", "above 5 s", "above 1 GB"; and what was raised."""
    started = time.process_time()
    try:
        try:
            reader.read(name, data)
        except MirageError as error:
            _check(error)
    except MemoryError:
        return "above 1 GB", traceback.format_exc()
    except Exception:  # that is what is looked for
        return "uncaught", traceback.format_exc()
    taken = time.process_time() - started
    return ("above 5 s", f"{taken:.1f} s") if taken > MOST_SECONDS else ("", "")


def _work(kind: str, seed: int, folder: Path, now: Any, asked: Connection) -> None:
    """Read what the parent asks for, number by number, until it asks no more."""
    os.nice(5)
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 - for as long as the process lives; libraries write there
    reader = MutationReader(kind, folder, seed)
    for name, data in reader._seeds:  # what is imported, kept and begun once does not count
        verdict_of(reader, name, data)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() if sys.platform == "linux" else 0
    if size:
        resource.setrlimit(resource.RLIMIT_AS, (size + MOST_BYTES, size + MOST_BYTES))
    while numbers := asked.recv():
        found = []
        for number in numbers:
            name, data = reader.made(number)
            now[0], now[1] = number, time.monotonic()
            now[2] = time.process_time()
            verdict, why = verdict_of(reader, name, data)
            if verdict:
                found.append((number, verdict, why))
        now[0] = -1
        asked.send(found)


class _Worker:
    """A process that may die, and the numbers that it was given."""

    def __init__(self, kind: str, seed: int, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        folder.mkdir(parents=True, exist_ok=True)
        self.now = context.Array("d", [-1.0, 0.0, 0.0], lock=False)
        self.pipe, theirs = context.Pipe()
        self.numbers: list[int] = []
        self.process = context.Process(target=_work, args=(kind, seed, folder, self.now, theirs), daemon=True)
        self.process.start()
        theirs.close()

    def give(self, numbers: list[int]) -> None:
        self.numbers = numbers
        self.pipe.send(numbers)

    def stopped(self) -> tuple[int, str, str] | None:
        """The number at which it died, or was ended because it took too long."""
        number, begun, used = int(self.now[0]), self.now[1], self.now[2]
        if self.process.exitcode is not None:
            return number, "crashed", f"exit status {self.process.exitcode}"
        if number >= 0 and (_processor(self.process.pid) - used > 2 * MOST_SECONDS or time.monotonic() - begun > _MOST_WAIT):
            self.process.kill()
            self.process.join()
            return number, "above 5 s", "ended"
        return None


def _processor(pid: int | None) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def try_all(kind: str, numbers: range, folder: Path, kept: Path, seed: int, workers: int = 2) -> Counter[str]:
    """Read the damaged files of some numbers; what fails is kept.

    Parameters
    ----------
    kind : str
        One of `benchmarks.seeds.SEEDS`.
    numbers : range
    folder : Path
        For files in work.
    kept : Path
        For what fails.
    seed, workers : int
    """
    todo = [list(numbers[at : at + _CHUNK]) for at in range(0, len(numbers), _CHUNK)][::-1]
    counts: Counter[str] = Counter()
    again = MutationReader(kind, folder / "again", seed)

    def keep(number: int, verdict: str, why: str) -> None:
        counts[verdict] += 1
        name, data = again.made(number)
        mark = hashlib.sha256(data).hexdigest()[:16]
        kept.mkdir(parents=True, exist_ok=True)
        (kept / f"{mark}-{name}").write_bytes(data)
        (kept / f"{mark}.txt").write_text(f"{kind}, seed {seed}, number {number}: {verdict}\n{why}\n", "utf-8")

    running: list[_Worker] = []
    for place in range(min(workers, len(todo))):
        running.append(_Worker(kind, seed, folder / f"{kind}-{place}"))
        running[-1].give(todo.pop())
    while running:
        multiprocessing.connection.wait([one.pipe for one in running], 0.2)
        for place, one in enumerate(list(running)):
            try:
                found = one.pipe.recv() if one.pipe.poll() else None
            except EOFError:
                one.process.join()
                found = None
            if found is not None:
                for number, verdict, why in found:
                    keep(number, verdict, why)
            elif broken := one.stopped():
                number, verdict, why = broken
                if number < 0:
                    raise RuntimeError(f"the process that reads {kind} does not begin: {why}")
                keep(number, verdict, why)
                # What it had found before that is found again.
                todo += filter(None, [[each for each in one.numbers if each != number]])
                running.remove(one)
                running.append(_Worker(kind, seed, folder / f"{kind}-{place}-{counts.total()}"))
            else:
                continue
            ready = running[-1] if one not in running else one
            if todo:
                ready.give(todo.pop())
            else:
                ready.pipe.send([])
                ready.process.join()
                running.remove(ready)
    return counts


def mutations(setting: Setting) -> Outcome:
    """Damaged files of every format: how many were read, and how many of them did harm."""
    count = setting.count or setting.size(100_000, 240)
    kinds = cast("list[str]", list(setting.kinds or SEEDS))
    each, started = -(-count // len(kinds)), time.monotonic()
    totals: Counter[str] = Counter()
    details: dict[str, object] = {"seed": setting.seed}
    kept = Path(tempfile.gettempdir()) / "mirage-mutations-that-failed"  # the folder may go when all is measured
    with tempfile.TemporaryDirectory(
        prefix="mirage-mutations-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None
    ) as folder:
        for kind in kinds:
            begun = time.monotonic()
            counts = try_all(kind, range(each), Path(folder), kept, setting.seed)
            details[kind] = {"files": each, "per_s": round(each / (time.monotonic() - begun), 1), **counts}
            print(f"  {kind}: {details[kind]}", file=sys.stderr, flush=True)
            totals += counts
    rate = each * len(kinds) / (time.monotonic() - started)
    rows = [Row(f"of {each * len(kinds):,} damaged files, {what}", totals[what], "files", bar=0) for what in _KINDS]
    told = () if not totals else (f"What failed is kept in {kept}.",)
    return Outcome("mutations", (*rows, Row("damaged files read", round(rate, 1), "files/s", better="more")), details, told)
