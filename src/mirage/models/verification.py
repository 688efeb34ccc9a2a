"""Whether a model's files are still what they were, by the digests kept when it was pulled or those that its card states."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from mirage.errors import BadInput, NotFound, Unavailable
from mirage.locales import number
from mirage.models.files import RECORD, ModelFile, ModelRecord, lacking, named_by_cache
from mirage.models.pins import PINS, Pin, bare, pin_of
from mirage.models.registry import bytes_of, cached, find, find_here, folders, records, shipped_folder, stated_digest
from mirage.models.runtime import digest_of_files
from mirage.wording import N_, _

VerifyProgress = Callable[[str, int], None]
"""Called with a model's id and the bytes that were read just now."""

_AGAIN = N_("Install MIRAGE again: its files were changed or lost.")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of one model.

    Attributes
    ----------
    id : str
    path : str
        Its folder.
    where : str
        ``shipped``, ``mirage`` (its own folder, or one that was named) or ``cache`` (of the Hugging Face libraries).
    revision : str
    checked : int
        Files whose content was compared with a digest.
    faults : tuple of str
        What is damaged or missing, in words; empty when nothing is.
    remedy : str
        What to do about it.
    remark : str
        What could not be compared, and why.
    """

    id: str
    path: str
    where: str
    revision: str = ""
    checked: int = 0
    faults: tuple[str, ...] = ()
    remedy: str = ""
    remark: str = ""

    @property
    def sound(self) -> bool:
        """Whether nothing wrong was found."""
        return not self.faults


def verify(model: str = "", *, revision: str = "", progress: VerifyProgress = lambda *_: None) -> list[Verdict]:
    """Check one model, or all that are on this machine.

    Parameters
    ----------
    model : str
        An id, or a folder that ``mirage models pull`` wrote; all when left out.
    revision : str
        Of an id; as for `mirage.models.find` when left out.
    progress : callable, optional
        See `VerifyProgress`.

    Raises
    ------
    mirage.errors.NotFound
        When the model is not on this machine.
    mirage.errors.BadInput
        When a folder holds no record of what it should be.
    """
    if not model:
        return _all(progress)
    name, pin = bare(model), pin_of(model)
    if pin is not None and pin.ships:
        return [_shipped(pin, progress)]
    place = find_here(model, revision)
    if place is None:
        place = next((folder for folder, record in records(name) if not record.whole), None)
    if place is None:
        raise NotFound(_("%(name)s is not on this machine. Get it with `mirage models pull %(name)s`.", name=name))
    if not (place / RECORD).is_file() and find(model, revision) == place:
        return [_cached(name, place, progress)]
    return [_pulled(place, progress)]


def _all(progress: VerifyProgress) -> list[Verdict]:
    found = [_shipped(pin, progress) for pin in PINS if pin.ships]
    own = [_pulled(folder, progress) for folder in folders()]
    there = {verdict.id for verdict in [*found, *own]}
    others = {pin.id: cached(pin.id, pin.revision) for pin in PINS if pin.id not in there}
    return [*found, *own, *(_cached(name, snapshot, progress) for name, snapshot in others.items() if snapshot)]


def _shipped(pin: Pin, progress: VerifyProgress) -> Verdict:
    folder = shipped_folder(pin)
    verdict = Verdict(pin.id, str(folder), "shipped", remedy=_(_AGAIN))
    if missing := [name for name in pin.files if not (folder / name).is_file()]:
        return replace(verdict, faults=tuple(_("%(name)s is missing", name=name) for name in missing))
    try:
        digest = digest_of_files(folder, pin.files)
    except OSError as error:
        return replace(verdict, faults=(_("it cannot be read: %(strerror)s", strerror=error.strerror or error),))
    progress(pin.id, bytes_of(folder))
    verdict, stated = replace(verdict, revision=digest[:12]), stated_digest(pin)
    if stated != digest:
        names = ", ".join(pin.files)
        told = _(
            "one of %(names)s is not what the card states: its digest %(stated)s… is %(digest)s… here",
            names=names,
            stated=stated[:12],
            digest=digest[:12],
        )
        return replace(verdict, faults=(told,))
    return replace(verdict, remedy="", checked=len(pin.files))


def _pulled(folder: Path, progress: VerifyProgress) -> Verdict:
    try:
        record = ModelRecord.read(folder)
    except Unavailable as error:
        return Verdict(folder.parent.name.replace("--", "/"), str(folder), "mirage", faults=(str(error),))
    if record is None:
        raise BadInput(
            _(
                "%(folder)s has no record of what it should hold. Only what `mirage models pull` wrote has one.",
                folder=folder,
            )
        )
    again = f"`mirage models pull {record.id}" + (f" --revision {record.revision}" if record.revision else "") + "`"
    verdict = Verdict(record.id, str(folder), "mirage", record.revision)
    if not record.whole:
        return replace(verdict, faults=(_("it was only fetched in part"),), remedy=_("Go on with %(again)s.", again=again))
    verdict = _compared(verdict, record.files, _("what was pulled"), progress)
    known = {file.path for file in record.files}
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*.safetensors")]
    foreign = [_("%(name)s did not come with the model", name=name) for name in names if name not in known]
    if not verdict.faults and not foreign:
        return verdict
    remedy = _("Get them anew with %(again)s; what is sound is kept.", again=again)
    if foreign:
        remedy = _("Remove what did not come with it. %(remedy)s", remedy=remedy)
    return replace(verdict, faults=(*verdict.faults, *foreign), remedy=remedy)


def _cached(model_id: str, folder: Path, progress: VerifyProgress) -> Verdict:
    files = [named_by_cache(path, folder) for path in sorted(folder.rglob("*")) if not path.is_dir()]
    verdict = Verdict(model_id, str(folder), "cache", folder.name)
    verdict = _compared(verdict, files, _("what its name in the cache says"), progress)
    more = [told for told in (_("%(name)s is missing", name=name) for name in lacking(folder)) if told not in verdict.faults]
    faults = (*verdict.faults, *more)
    remedy = (
        _(
            "Remove %(folder)s and get it anew with `mirage models pull %(model_id)s`.",
            folder=folder,
            model_id=model_id,
        )
        if faults
        else ""
    )
    unknown = sum(not file.sha256 and not file.git_id for file in files)
    remark = (
        _(
            "Of %(unknown)s files the cache tells no digest, so only their presence was checked.",
            unknown=unknown,
        )
        if unknown
        else ""
    )
    return replace(verdict, faults=faults, remedy=remedy, remark=remark)


def _compared(verdict: Verdict, files: Iterable[ModelFile], told: str, progress: VerifyProgress) -> Verdict:
    """Compare files on this machine with what is stated of them."""
    faults, checked = [], 0
    for file in files:
        path = Path(verdict.path, file.path)
        size = path.stat().st_size if path.is_file() else -1
        if size != file.size:
            faults.append(
                _("%(path)s is missing", path=file.path)
                if size < 0
                else _(
                    "%(path)s has %(size)s of %(size2)s bytes", path=file.path, size=number(size), size2=number(file.size)
                )
            )
        elif file.sha256 or file.git_id:
            with suppress(OSError):
                if file.is_at(path, lambda read: progress(verdict.id, read)):
                    checked += 1
                    continue
            faults.append(_("%(path)s was changed: its content is not %(told)s", path=file.path, told=told))
    return replace(verdict, faults=tuple(faults), checked=checked)
