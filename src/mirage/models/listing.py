"""Which models are known and which of them are on this machine, with what there is to know of each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, files, version
from pathlib import Path

from mirage.errors import MirageError, Unavailable
from mirage.models import cache
from mirage.models.finding import folders
from mirage.models.licences import licence_of
from mirage.models.measuring import Speed, speeds
from mirage.models.opening import adapter_of
from mirage.models.pins import ENCODER, PINS, SPARE, Pin, pin_of
from mirage.models.record import ModelRecord
from mirage.models.shipped import shipped
from mirage.models.weights import lacking, parameters, weights


@dataclass(frozen=True, slots=True)
class Listed:
    """A model that is known, or on this machine.

    Attributes
    ----------
    id, role, adapter, licence, used_for : str
        As in `mirage.models.pins.Pin`; of an unknown model the licence is what its card states.
    pinned : str
        The revision that MIRAGE means; empty when not pinned.
    where : str
        ``shipped``, ``mirage`` (its own folder), ``cache`` (of the Hugging Face libraries), ``package``, or empty when it is
        not on this machine.
    path, revision : str
        Where its files are and of which revision they are.
    digest : str
        Of the files on this machine, from what was kept of them; empty when nothing was.
    whole : bool
        False when only a part of it was fetched, or a file is missing.
    size : int
        Bytes on this machine, else to download; 0 when not known.
    memory : int
        Bytes it takes in use: measured, else by its number of parameters in 32 bits; 0 when not known.
    speed : Speed or None
        The last measurement on this machine.
    gated : bool
        Whether its terms must be accepted first.
    """

    id: str
    role: str = ""
    adapter: str = ""
    licence: str = "not stated"
    used_for: str = ""
    pinned: str = ""
    where: str = ""
    path: str = ""
    revision: str = ""
    digest: str = ""
    whole: bool = False
    size: int = 0
    memory: int = 0
    speed: Speed | None = None
    gated: bool = False


def listed(*, everything: bool = False) -> list[Listed]:
    """All models that are known, and those that were pulled.

    Parameters
    ----------
    everything : bool
        Also those in the cache of the Hugging Face libraries that MIRAGE does not know.
    """
    measured = speeds()
    own = list(_own())
    rows: list[Listed] = []
    for pin in PINS:
        rows += _of_pin(pin, own)
    rows += [row for row in own if pin_of(row.id) is None]
    if everything:
        known = {row.id for row in rows}
        rows += [_in_cache(Listed(name), name, "") for name in cache.models_in() if name not in known]
    return [_with_speed(row, measured.get(row.id)) for row in rows]


def _of_pin(pin: Pin, own: list[Listed]) -> list[Listed]:
    row = Listed(
        pin.id,
        pin.role,
        pin.adapter,
        pin.licence,
        pin.used_for,
        pin.revision,
        size=pin.size,
        memory=pin.memory,
        gated=pin.gated,
    )
    if pin.kept == "shipped":
        return [_shipped(row)]
    if pin.kept == "package":
        return [_package(row)]
    mine = [
        replace(
            row,
            where=found.where,
            path=found.path,
            revision=found.revision,
            digest=found.digest,
            whole=found.whole,
            size=found.size,
            memory=found.memory or pin.memory,
        )
        for found in own
        if found.id == pin.id
    ]
    return mine or [_in_cache(row, pin.id, pin.revision)]


def _own() -> Iterator[Listed]:
    for folder in folders():
        try:
            record = ModelRecord.read(folder)
        except Unavailable:
            yield Listed(folder.parent.name.replace("--", "/", 1), where="mirage", path=str(folder), revision=folder.name)
            continue
        if record is not None:
            whole = record.whole and all((folder / file.path).is_file() for file in record.files)
            yield Listed(
                record.id,
                role=ENCODER if (adapter := adapter_of(folder)) else "",
                adapter=adapter,
                licence=record.licence or licence_of(folder),
                where="mirage",
                path=str(folder),
                revision=record.revision,
                digest=record.digest if record.whole else "",
                whole=whole,
                size=record.size or _bytes(folder),
                memory=_memory(folder) if whole else 0,
            )


def _shipped(row: Listed) -> Listed:
    model = shipped()[row.id]
    digest = ""
    whole = not model.missing()
    if whole:
        with suppress(OSError):
            digest = model.digest()
    return replace(
        row,
        where="shipped",
        path=str(model.folder),
        revision=digest[:12],
        digest=digest,
        whole=whole,
        size=model.size(),
    )


def _package(row: Listed) -> Listed:
    try:
        have = version(row.id)
    except PackageNotFoundError:
        return row
    size = 0
    with suppress(OSError):
        size = sum(file.size or 0 for file in files(row.id) or ())
    return replace(row, where="package", revision=have, whole=True, size=size or row.size)


def _in_cache(row: Listed, model_id: str, revision: str) -> Listed:
    snapshot = cache.cached(model_id, revision)
    if snapshot is None:
        return row
    whole = not lacking(snapshot)
    return replace(
        row,
        where="cache",
        path=str(snapshot),
        revision=snapshot.name,
        whole=whole,
        size=_bytes(snapshot),
        memory=(_memory(snapshot) if whole else 0) or row.memory,
        licence=row.licence if row.role else licence_of(snapshot),
    )


def _with_speed(row: Listed, speed: Speed | None) -> Listed:
    if speed is None or not row.where:
        return row
    return replace(row, speed=speed, memory=speed.memory or row.memory)


def _memory(folder: Path) -> int:
    """An estimate: parameters in 32 bits, as on a processor, and a quarter more."""
    with suppress(MirageError):
        return int(sum(parameters(file) for file in weights(folder)) * 4 * SPARE)
    return 0


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
