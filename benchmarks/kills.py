"""``python -m benchmarks.kills``: kill what changes an atlas at random moments; count what is lost, doubled, left over.

An operation runs in a process of its own that tells what it has acknowledged: what it stored, and said so. At a moment
drawn from the seed it is killed (SIGKILL). Then the atlas is opened and everything acknowledged is looked for, the operation
is run again to its end, all is looked for once more, and what lies in the folder that nothing uses is counted. With
``--postgres URL`` the records are in PostgreSQL. With ``--full-disk`` nothing is killed: the atlas lies on a small disk that
has little room, or none, and the operation has to end, or to say in a sentence that the disk is full.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.killed import OPERATIONS, PICTURES, PRUNED, Ack, folder_of, preload
from mirage.atlas import Atlas
from mirage.corpora.folder import FolderCorpus
from mirage.errors import ROOM
from mirage.generate.outputs import Outputs
from mirage.images.store import is_whole, thumbnail_name
from mirage.storage import manifest
from mirage.storage.archive_export import export
from mirage.storage.ingest import add
from mirage.storage.reindex import rebuild

_TEMPORARY = "temporary"
_WRONG = ("lost", "doubled", "left", _TEMPORARY)
_SELDOM = {"generate": 0.3}  # takes far longer than the others
_KNOWN = re.compile(
    r"(atlas\.toml|calibration\.json|(records|study|people)\.sqlite(-wal|-shm)?|synthetic/[\w-]+\.(png|json)|index/.*"
    r"|index-[0-9a-f]{12}(-2)?/.*|pictures/[0-9a-f]{2}/[0-9a-f]{64}\.(png|jpg|webp|stack|thumb\.webp))"
)


# -- what is counted ----------------------------------------------------------------------------------------------------


def _look(place: Path, name: str, before: list[str], acked: list[str], *, ended: bool = False) -> dict[str, list[str]]:
    """Open the atlas after a kill, or after what was run again has ended: what is lost, and what is there twice."""
    lost, doubled = list[str](), list[str]()
    with Atlas.open(place / "atlas") as atlas:
        there = whole(atlas, lost, doubled)
        gone = [each for each in before if each not in there]
        ward = set(atlas.store.fingerprints("folder-ward"))
        if name == "remove":  # all of it, or nothing
            lost += [] if len(gone) in (0, PICTURES) and (len(ward) in (0, PICTURES)) else gone
            lost += ["the removal"] if ward and (ended or "gone" in acked) else []
        elif name == "prune":  # those that were named, all of them or none; run again, it names others
            lost += [f"the removal of {each}" for each in acked if each in there]
            lost += [] if ended or len(gone) in (0, PRUNED) else gone
            lost += gone if len(gone) > 2 * PRUNED or (ended and len(gone) < PRUNED) else []
        else:
            lost += gone
        lost += unseen(place, name, acked, atlas, there)
        if ended and name in _ADDS and (came := len(atlas.store.fingerprints(_ADDS[name]))) != PICTURES:
            lost.append(f"{PICTURES - came} of {name}, though it was run again")
        doubled += twice(name, atlas)
    return {"lost": lost, "doubled": doubled}


def whole(atlas: Atlas, lost: list[str], doubled: list[str]) -> collections.Counter[str]:
    """Tell the ids of all figures, and note what of records, index and pictures does not fit together."""
    rows = atlas.store.rows(atlas.store.keys())
    there = collections.Counter(row.figure.id for row in rows.values())
    doubled += [each for each, count in there.items() if count > 1]
    indexed = collections.Counter(atlas.index.keys())
    doubled += [f"point {key}" for key, count in indexed.items() if count > 1 or key not in rows]
    lost += [f"point {key}" for key in rows if key not in indexed]
    for row in rows.values():
        for file in {*row.files, thumbnail_name(row.picture.name)}:
            path = atlas.pictures.file(file)
            if not path.is_file() or not _whole(path):
                lost.append(file)
    return there


_ADDS = {"add": "folder-night", "import": "folder-day"}


def unseen(place: Path, name: str, acked: list[str], atlas: Atlas, there: collections.Counter[str]) -> list[str]:
    """What was acknowledged and is not there."""
    if name in _ADDS:
        return [each for each in acked if each not in there]
    out = place / "out.mirage"
    if name == "export" and (acked or out.exists()):  # under its name it is whole, whether or not that was said
        with zipfile.ZipFile(out) as archive:
            lines = [archive.read(each).splitlines() for each in archive.namelist() if each.startswith("figures/")]
            lost = [each for each in [archive.testzip()] if each]
        return lost + ([] if sum(map(len, lines)) == len(there) else ["figures of the export"])
    if name == "generate":
        outputs = Outputs(place / "atlas" / "synthetic")
        have = {entry.record.id for entry in outputs.list()}
        return [each for each in acked if each not in have or not (outputs.get(each).data or outputs.get(each).reason)]
    if name == "study":
        kept = atlas.study.collections
        held = {each.id: {item.id for item in kept.get(each.id).items} for each in kept.list()}
        pairs = [each.partition(" ") for each in acked]
        return [each[0] + each[2] for each in pairs if each[0] not in held or (each[2] and each[2] not in held[each[0]])]
    return []


def twice(name: str, atlas: Atlas) -> list[str]:
    """What a person kept once and is there twice."""
    if name != "study":
        return []
    kept = atlas.study.collections
    held = collections.Counter((each.id, item.target) for each in kept.list() for item in kept.get(each.id).items)
    return [" ".join(each) for each, count in held.items() if count > 1]


def _again(place: Path, name: str, before: list[str], acked: list[str], ack: Ack) -> None:
    told = list(acked)
    OPERATIONS[name](place, told.append)
    found = _look(place, name, before, told, ended=True)
    ack(json.dumps(found | {"left": leftover(place)}))


def leftover(place: Path) -> list[str]:
    """What lies there that nothing uses, once the operation was run again to its end."""
    folder = place / "atlas"
    with Atlas.open(folder) as atlas:
        used = {file for row in atlas.store.rows(atlas.store.keys()).values() for file in row.files}
        used |= {thumbnail_name(each) for each in used}
        index = atlas.index_name
        left = [each for each in atlas.pictures.sizes() if each not in used]
    kept = folder / "synthetic"
    left += [path.name for path in kept.glob("*.png") if not path.with_suffix(".json").is_file()]
    for path in folder.rglob("*"):
        told = path.relative_to(folder).as_posix()
        own = told.startswith("index") and told.split("/")[0] == index
        if path.is_file() and not own and (told.startswith("index") or not _KNOWN.fullmatch(told)):
            left.append(told)
    known = {"atlas", "night", "day.mirage", "out.mirage", "tmp"}
    return left + [path.name for path in place.iterdir() if path.name not in known]


def _whole(path: Path) -> bool:
    with path.open("rb") as file:
        return is_whole(file, path.name)


# -- killing ------------------------------------------------------------------------------------------------------------


def begun(work: Callable[[Ack], object]) -> tuple[int, int]:
    """Begin something in a process of its own: its number, and where it tells what it has done; see `ended`."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    if not (pid := os.fork()):
        os.close(reading)
        code = 1
        try:
            os.setpgid(0, 0)
            work(lambda told: os.write(writing, f"{told}\n".encode()) and None)
            code = 0
        except BaseException as error:
            os.write(writing, f"error {type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(code)
    os.close(writing)
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)
    return pid, reading


def ended(pid: int, reading: int, kill_after: float | None = None) -> tuple[list[str], bool]:
    """Wait for what was begun, and kill it after some seconds; what it told, and whether it came to its end."""
    until = None if kill_after is None else time.monotonic() + kill_after
    told = b""
    while True:
        wait = None if until is None else max(0.0, until - time.monotonic())
        ready, _, _ = select.select([reading], [], [], wait)
        if ready:
            if not (data := os.read(reading, 1 << 16)):
                break
            told += data
        else:
            os.killpg(pid, signal.SIGKILL)
            until = None
    os.close(reading)
    _, status = os.waitpid(pid, 0)
    lines = told.decode("utf-8", "replace").split("\n")
    return list(dict.fromkeys(lines[:-1])), status == 0  # a line that was cut short was not told


def forked(work: Callable[[Ack], object], kill_after: float | None = None) -> tuple[list[str], bool]:
    """Do something in a process of its own, killed after some seconds; what it told, and whether it came to its end."""
    return ended(*begun(work), kill_after)


def prepared(place: Path, index: str = "") -> Path:
    """What every operation begins with: an atlas, with its index at an address, a folder to add, and a file to import."""

    def make(_: Ack) -> None:
        with Atlas.open(place / "atlas", create=True) as atlas:
            add(atlas, FolderCorpus(folder_of(place.parent / "ward", 0), name="ward"))
        if index:
            rebuild(place / "atlas", index=index)
        os.environ.pop("MIRAGE_RECORDS", None)
        with Atlas.open(place.parent / "another", create=True) as atlas:
            add(atlas, FolderCorpus(folder_of(place.parent / "day", 2_000), name="day"))
        export(place.parent / "another", place / "day.mirage", purpose="myself")

    place.mkdir(parents=True)
    folder_of(place / "night", 1_000)
    told, done = forked(make)
    if not done:
        raise RuntimeError(f"The atlas could not be made: {told}")
    return place


class Postgres:
    """Databases of a server, each a copy of the one that was made first."""

    def __init__(self, url: str) -> None:
        self._url, self._number, self.base = url, 0, f"kills_{os.getpid()}"
        self._run(f"CREATE DATABASE {self.base}")

    def url(self, name: str) -> str:
        """The server's address with another database."""
        return re.sub(r"^(postgres(?:ql)?://[^/]*/)[^?]*", rf"\g<1>{name}", self._url)

    @contextlib.contextmanager
    def copy(self, folder: Path) -> Iterator[None]:
        """A copy of the first database, which ``atlas.toml`` names."""
        self._number += 1
        name = f"{self.base}_{self._number}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {self.base}")
        text = (folder / manifest.NAME).read_text("utf-8")
        assert self.base in text, "the records are not there"
        (folder / manifest.NAME).write_text(text.replace(self.base, name), "utf-8")
        try:
            yield
        finally:
            self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def close(self) -> None:
        """Remove the one that was made first."""
        self._run(f"DROP DATABASE IF EXISTS {self.base} WITH (FORCE)")

    def _run(self, statement: str) -> None:
        code = "import psycopg, sys\nwith psycopg.connect(sys.argv[1], autocommit=True) as c: c.execute(sys.argv[2])"
        subprocess.run([sys.executable, "-c", code, self._url, statement], check=True)


def kill_once(
    name: str,
    before: list[str],
    base: Path,
    folder: Path,
    dice: random.Random,
    usual: float,
    server: Postgres | None,
    full: bool = False,
) -> dict[str, Any]:
    """Run an operation on a copy, kill it, look, and run it again."""
    with copied(base, folder, server) as place:
        ballast = _fill(folder / "ballast", dice) if full else None
        moment = dice.uniform(0, usual) if ballast is None else None
        acked, done = forked(lambda ack: OPERATIONS[name](place, ack), moment)
        failed = [each for each in acked if each.startswith("error ")]
        acked = [each for each in acked if each not in failed]
        if ballast is not None:
            ballast.unlink()
            told_full = all(re.match(r"error (Unavailable|AtlasError): .*full", each) for each in failed)
            failed = [] if done or (failed and told_full) else failed or ["it ended without a word"]
        found: dict[str, Any] = {
            "operation": name,
            "after_s": round(moment or 0.0, 3),
            "ended": done,
            "acknowledged": len(acked),
        }
        told, looked = forked(lambda ack: ack(json.dumps(_look(place, name, before, acked))))
        found |= json.loads(told[-1]) if looked else {"lost": [f"it cannot be opened: {told}"], "doubled": []}
        told, again = forked(lambda ack: _again(place, name, before, acked, ack))
        found["lost"] += failed  # by itself, before it was killed
        after = (
            json.loads(told[-1]) if again else {"lost": [f"it cannot be run again: {told[-1:]}"], "doubled": [], "left": []}
        )
        found["lost"] += after["lost"]
        found["doubled"] += after["doubled"]
        found["left"] = after["left"]
        found[_TEMPORARY] = [path.name for path in (place / "tmp").iterdir()]
    return found


def _fill(ballast: Path, dice: random.Random) -> Path:
    """Leave little room on the disk, or none: up to what an operation wants to be free, and a little more."""
    room = dice.choice((0, dice.randrange(2_000_000), dice.randrange(ROOM), ROOM + dice.randrange(4_000_000)))
    with ballast.open("wb") as file:
        file.write(bytes(1))
        os.posix_fallocate(file.fileno(), 0, max(1, shutil.disk_usage(ballast.parent).free - room))
    return ballast


@contextlib.contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    """A disk of its own in memory, which only the owner of a machine may make."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _ids(place: Path, ack: Ack) -> None:
    with Atlas.open(place / "atlas") as atlas:
        for row in atlas.store.rows(atlas.store.keys()).values():
            ack(row.figure.id)


@contextlib.contextmanager
def atlas_to_copy(postgres: str, *, index_too: bool = False) -> Iterator[tuple[Path, Path, list[str], Postgres | None]]:
    """Make what every operation begins with: a folder for copies, the first of them, its figures' ids, and the server."""
    with tempfile.TemporaryDirectory(prefix="kills-") as made:
        folder, server = Path(made), Postgres(postgres) if postgres else None
        os.environ |= {"MIRAGE_NAMES": str(folder / "names"), "XDG_DATA_HOME": str(folder / "data")}
        try:
            if server:
                os.environ["MIRAGE_RECORDS"] = server.url(server.base)
            preload()
            base = prepared(folder / "base", server.url(f"{server.base}/kills") if server and index_too else "")
            os.environ.pop("MIRAGE_RECORDS", None)
            before, _ = forked(lambda ack: _ids(base, ack))
            yield folder, base, before, server
        finally:
            if server:
                server.close()


@contextlib.contextmanager
def copied(base: Path, folder: Path, server: Postgres | None) -> Iterator[Path]:
    """Copy the first atlas, with the folder for temporary files that its operations use."""
    place = folder / "one"
    subprocess.run(["cp", "-a", "--sparse=always", str(base), str(place)], check=True)
    os.environ["TMPDIR"] = str(place / "tmp")
    (place / "tmp").mkdir()
    tempfile.tempdir = None
    try:
        with server.copy(place / "atlas") if server else contextlib.nullcontext():
            yield place
    finally:
        subprocess.run(["rm", "-rf", str(place)], check=True)


def main(words: list[str] | None = None) -> int:
    """Kill, and print what came of it; 1 where anything was lost, doubled or left over."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills", description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="how many kills (100)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments, and of what is killed")
    parser.add_argument("--only", action="append", choices=list(OPERATIONS), help="this one; may be given again")
    parser.add_argument(
        "--postgres", default="", help="a database of a PostgreSQL server, as postgresql://user@host/postgres"
    )
    parser.add_argument("--full-disk", action="store_true", help="fill the disk in place of killing; wants to be root")
    parser.add_argument("--out", type=Path, help="write what came of each kill here, as JSON")
    given = parser.parse_args(words)
    dice, names = random.Random(given.seed), given.only or list(OPERATIONS)
    stopped = "full  " if given.full_disk else "killed"
    found: list[dict[str, Any]] = []
    with atlas_to_copy(given.postgres) as (folder, base, before, server), contextlib.ExitStack() as stack:
        usual = dict.fromkeys(names, 3.0)
        where = stack.enter_context(_small_disk(folder / "disk")) if given.full_disk else folder
        for number in range(given.count):
            name = dice.choices(names, [_SELDOM.get(each, 1.0) for each in names])[0]
            one = kill_once(name, before, base, where, dice, usual[name], server, given.full_disk)
            # So that most kills hit the work, and some the end of it.
            usual[name] = max(0.3, usual[name] * (0.93 if one["ended"] else 1.02))
            found.append(one)
            how = "ended " if one["ended"] else stopped
            print(f"{number + 1:5} {name:9} {one['after_s']:6.2f} s {how} {wrong_with(one)}", flush=True)
    killed = sum(not one["ended"] for one in found)
    told = f"{killed:,} {stopped.strip()} of {len(found):,}, seed {given.seed}:"
    return summed_up(told, found, given.out, "kills", seed=given.seed, killed=killed)


def wrong_with(one: Mapping[str, Any]) -> str:
    """What was lost, doubled or left over: how much of each, and the first of it; empty where nothing was."""
    return str({key: [len(one[key]), *one[key][:3]] for key in _WRONG if one.get(key)} or "")


def summed_up(begin: str, found: Sequence[Mapping[str, Any]], out: Path | None, name: str, **more: int) -> int:
    """Print in how many something went wrong, and write all of it down where that is wanted.

    Parameters
    ----------
    begin : str
        How the line begins.
    found : sequence of mapping
        What came of each.
    out : Path, optional
        The JSON file.
    name : str
        Of what was found in it.
    **more
        What else stands in it.

    Returns
    -------
    int
        1 where anything was lost, doubled or left over, other than in the folder for temporary files; else 0.
    """
    counts = {key: sum(bool(one[key]) for one in found) for key in _WRONG if all(key in one for one in found)}
    print(begin, ", ".join(f"{key} {count}" for key, count in counts.items()) + ".")
    if out:
        out.write_text(json.dumps({**more, **counts, name: found}, indent=1), "utf-8")
    return int(any(count for key, count in counts.items() if key != _TEMPORARY))


if __name__ == "__main__":
    sys.exit(main())
