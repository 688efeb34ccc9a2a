"""Which models are known, which of them are on this machine and where, with what there is to know of each.

A model lies in MIRAGE's own folder (the setting ``models``) or in the cache of the Hugging Face libraries, or it ships.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirage.errors import BadInput, MirageError, NotFound, Unavailable
from mirage.models.files import NOT_STATED, RECORD, ModelRecord, lacking, licence_of, parameters, weight_files
from mirage.models.pins import ENCODER, PINS, SPARE, Pin, bare, pin_of
from mirage.models.runtime import digest_of_files
from mirage.settings import Settings
from mirage.shipped import SHIPPED
from mirage.wording import _

if TYPE_CHECKING:
    from mirage.models.speed import Speed

# Of the folder of a copy of which nobody knows the commit.
_UNKNOWN = "unknown"


# -- spelling -----------------------------------------------------------------------------------------------------------


def is_id(model_id: str) -> bool:
    """Whether something is spelt as the hub spells ids: ``org/name`` or ``name``."""
    part = r"[A-Za-z0-9](?:[\w.-]*\w)?"
    return bool(re.fullmatch(f"{part}(?:/{part})?", model_id)) and ".." not in model_id and "--" not in model_id


def checked(model_id: str, revision: str = "") -> str:
    """The bare id, when id and revision are spelt as they must be.

    Parameters
    ----------
    model_id, revision : str

    Raises
    ------
    mirage.errors.BadInput
    """
    name = bare(model_id)
    if not is_id(name):
        raise BadInput(
            _(
                "%(model_id)s is no id of a model. Write it as org/name, for example Nihirc/Prompt2MedImage.",
                model_id=repr(model_id),
            )
        )
    if revision and (not re.fullmatch(r"\w[\w./-]*", revision) or ".." in revision):
        raise BadInput(
            _(
                "%(revision)s is no revision. Give a commit, the first seven or more digits of one, or a branch.",
                revision=repr(revision),
            )
        )
    return name


def is_beginning(revision: str) -> bool:
    """Whether a revision is written as the first digits, seven or more, of a commit."""
    return bool(re.fullmatch(r"[0-9a-fA-F]{7,39}", revision))


def is_commit(revision: str) -> bool:
    """Whether a revision is a whole commit."""
    return bool(re.fullmatch(r"[0-9a-f]{40}", revision))


def is_folder(model: str) -> bool:
    """Whether a model is named by its folder and not by its hub id."""
    return model.startswith(("/", "./", "../", "~")) or Path(model).is_dir()


# -- where a model lies --------------------------------------------------------------------------------------------------


def find(model_id: str, revision: str = "") -> Path | None:
    """The folder that holds a model's files, or None when it is not on this machine. The network is not asked.

    MIRAGE's own folder (the setting ``models``) comes first, where only what is whole counts, then the cache of the Hugging
    Face libraries.

    Parameters
    ----------
    model_id : str
        A hub id, with or without ``hf-hub:``, or the name of a model that ships.
    revision : str
        A branch, a commit or its first digits; when empty the pinned one, and of a model that is not pinned the one pulled
        last.

    Raises
    ------
    mirage.errors.Unavailable
        When the record beside a pulled model is damaged.
    """
    name = bare(model_id)
    pin = pin_of(name)
    if pin is not None and pin.ships:
        return shipped_folder(pin) if shipped_folder(pin).is_dir() else None
    if not is_id(name):
        return None
    wanted = revision or (pin.revision if pin else "")
    return pulled(name, wanted) or cached(name, wanted)


def find_here(model: str, revision: str = "") -> Path | None:
    """As `find`; and where nothing is found, the folder that is named, if it is one.

    Parameters
    ----------
    model : str
        An id, or a folder; ``local-dir:`` may stand before a folder.
    revision : str
        Of an id.
    """
    folder = Path(model.removeprefix("local-dir:")).expanduser()
    return find(model, revision) or (folder if folder.is_dir() else None)


def pulled(model_id: str, revision: str = "") -> Path | None:
    """As `find`, in MIRAGE's own folder only, and with an empty revision the one pulled last.

    Parameters
    ----------
    model_id, revision : str
    """
    fitting = [
        (record.pulled, folder) for folder, record in records(bare(model_id)) if record.whole and fits(record, revision)
    ]
    return max(fitting)[1] if fitting else None


def fits(record: ModelRecord, revision: str) -> bool:
    """Whether a pulled model is of a revision.

    Parameters
    ----------
    record : ModelRecord
    revision : str
        As it was named when the model was pulled, or a commit or the first digits of one; empty for any.
    """
    if not revision or revision in (record.asked, record.revision):
        return True
    return is_beginning(revision) and record.revision.startswith(revision.lower())


def records(model_id: str) -> Iterator[tuple[Path, ModelRecord]]:
    """What lies of a model in MIRAGE's own folder: each folder with its record, whole or not.

    Raises
    ------
    mirage.errors.Unavailable
        When a record is damaged.
    """
    for folder in folders(model_id):
        if (record := ModelRecord.read(folder)) is not None:
            yield folder, record


def folders(model_id: str = "") -> list[Path]:
    """Folders in MIRAGE's own that hold a revision of a model, or of any."""
    if model_id and not is_id(model_id):
        return []
    home = Settings.load().models
    return [path.parent for path in sorted(home.glob(f"{_spelt(model_id) if model_id else '*'}/*/{RECORD}"))]


def home_of(model_id: str, commit: str) -> Path:
    """The folder of a model in MIRAGE's own.

    Parameters
    ----------
    model_id : str
    commit : str
        Empty where nobody knows it.
    """
    return Settings.load().models / _spelt(model_id) / (commit or _UNKNOWN)


def _spelt(model_id: str) -> str:
    """An id as the name of a folder, as the Hugging Face libraries spell it too."""
    return model_id.replace("/", "--")


def cache_folder() -> Path:
    """Where the Hugging Face libraries keep models."""
    from huggingface_hub import constants  # noqa: PLC0415 - wanted only for models of a hub

    return Path(constants.HF_HUB_CACHE)


def cached(model_id: str, revision: str = "", cache: Path | None = None) -> Path | None:
    """The snapshot of a model in a cache of the Hugging Face libraries, or None.

    Their own functions take whole commits alone and import an HTTP client, which a look at the disk does not need.

    Parameters
    ----------
    model_id : str
    revision : str
        A branch or tag (``main`` when empty), a whole commit, or its first digits.
    cache : Path, optional
        Theirs when left out (``HF_HUB_CACHE``, ``HF_HOME``).
    """
    kept = (cache or cache_folder()) / f"models--{_spelt(model_id)}"
    commit = revision
    with suppress(OSError, ValueError):
        commit = (kept / "refs" / (revision or "main")).read_text("ascii").strip()
    if not commit or not (kept / "snapshots").is_dir():
        return None
    found = [folder for folder in sorted((kept / "snapshots").iterdir()) if folder.name.startswith(commit)]
    return found[0] if len(found) == 1 and any(found[0].iterdir()) else None


def _in_cache() -> list[str]:
    """Ids of all models in the cache of the Hugging Face libraries."""
    kept = sorted(path.name for path in cache_folder().glob("models--*"))
    return [name.removeprefix("models--").replace("--", "/") for name in kept]


# -- what ships ----------------------------------------------------------------------------------------------------------


def shipped_folder(pin: Pin) -> Path:
    """Where a model that ships lies."""
    return SHIPPED / pin.role


def stated_digest(pin: Pin) -> str:
    """The digest that the card of a model that ships states; empty when it states none."""
    with suppress(OSError, ValueError):
        card = (shipped_folder(pin) / "card.md").read_text("utf-8")
        if found := re.search(r"^\|\s*digest\s*\|\s*`?([0-9a-f]{64})`?\s*\|", card, re.MULTILINE):
            return found[1]
    return ""


# -- the list -----------------------------------------------------------------------------------------------------------


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
        ``shipped``, ``mirage`` (its own folder), ``cache`` (of the Hugging Face libraries), or empty when it is not on this
        machine.
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


def listed(*, everything: bool = False, adapter_of: Callable[[Path], str] = lambda _: "") -> list[Listed]:
    """All models that are known, and those that were pulled.

    Parameters
    ----------
    everything : bool
        Also those in the cache of the Hugging Face libraries that MIRAGE does not know.
    adapter_of : callable, optional
        Tells from a folder which encoder opens it, as `mirage.encoders.adapter_of`; empty when none does.
    """
    from mirage.models.speed import speeds  # noqa: PLC0415 - imports numpy and Pillow, which a look for a model does not need

    own = [_list_pulled(folder, adapter_of) for folder in folders()]
    rows: list[Listed] = []
    for pin in PINS:
        rows += [_list_shipped(pin)] if pin.ships else [row for row in own if row.id == pin.id] or [_list_cached(pin.id)]
    rows += [row for row in own if pin_of(row.id) is None]
    if everything:
        known = {row.id for row in rows}
        rows += [_list_cached(name) for name in _in_cache() if name not in known]
    measured = speeds()
    return [
        replace(row, speed=speed, memory=speed.memory or row.memory)
        if row.where and (speed := measured.get(row.id))
        else row
        for row in rows
    ]


def _known(model_id: str) -> Listed:
    """A model as it is known, wherever its files are."""
    pin = pin_of(model_id)
    if pin is None:
        return Listed(model_id)
    told: dict[str, Any] = {name: getattr(pin, name) for name in ("role", "adapter", "licence", "used_for", "gated")}
    return Listed(pin.id, pinned=pin.revision, size=pin.size, memory=pin.memory, **told)


def _in_folder(row: Listed, where: str, folder: Path, *, whole: bool, licence: str = "", size: int = 0) -> Listed:
    return replace(
        row,
        where=where,
        path=str(folder),
        revision=folder.name,
        whole=whole,
        size=size or bytes_of(folder),
        memory=(_memory(folder) if whole else 0) or row.memory,
        licence=row.licence if row.role else licence or licence_of(folder),
    )


def _list_shipped(pin: Pin) -> Listed:
    folder, digest = shipped_folder(pin), ""
    with suppress(OSError):  # as when a file is missing
        digest = digest_of_files(folder, pin.files)
    row = _in_folder(_known(pin.id), "shipped", folder, whole=bool(digest))
    return replace(row, revision=digest[:12], digest=digest)


def _list_pulled(folder: Path, adapter_of: Callable[[Path], str]) -> Listed:
    row, record = _known(folder.parent.name.replace("--", "/", 1)), None
    with suppress(Unavailable):
        record = ModelRecord.read(folder)
    if record is None:
        return _in_folder(row, "mirage", folder, whole=False)
    whole = record.whole and all((folder / file.path).is_file() for file in record.files)
    row = _in_folder(row, "mirage", folder, whole=whole, licence=record.licence, size=record.size)
    adapter = row.adapter or adapter_of(folder)
    role, digest = row.role or (ENCODER if adapter else ""), record.digest if record.whole else ""
    return replace(row, role=role, adapter=adapter, revision=record.revision, digest=digest)


def _list_cached(model_id: str) -> Listed:
    row = _known(model_id)
    snapshot = cached(row.id, row.pinned)
    return _in_folder(row, "cache", snapshot, whole=not lacking(snapshot)) if snapshot else row


def _memory(folder: Path) -> int:
    """An estimate: parameters in 32 bits, as on a processor, and a quarter more."""
    with suppress(MirageError):
        return int(sum(parameters(file) for file in weight_files(folder)) * 4 * SPARE)
    return 0


def bytes_of(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


# -- the card -----------------------------------------------------------------------------------------------------------


def card(model_id: str, revision: str = "") -> str:
    """What to know of a model before using it, as Markdown: what MIRAGE knows of it, then its own card.

    Parameters
    ----------
    model_id : str
        An id, or a folder that holds a model.
    revision : str
        As for `find`.

    Raises
    ------
    mirage.errors.NotFound
        When it is neither known nor on this machine.
    """
    name = bare(model_id)
    pin, folder = pin_of(name), find_here(model_id, revision)
    if pin is None and folder is None:
        raise NotFound(
            _("%(name)s is neither known to MIRAGE nor on this machine. `mirage models list` shows what is.", name=name)
        )
    return "\n".join([*_facts(name, pin, folder), "", _own_card(name, folder)]).rstrip() + "\n"


def _facts(name: str, pin: Pin | None, folder: Path | None) -> list[str]:
    record = ModelRecord.read(folder) if folder else None
    licence = pin.licence if pin else record.licence if record else licence_of(folder) if folder else NOT_STATED
    if record and record.revision:
        here = _("revision on this machine: %(revision)s, from %(source)s", revision=record.revision, source=record.source)
    elif folder and pin and pin.ships:
        here = _("digest stated in its card: %(stated_digest)s", stated_digest=stated_digest(pin) or _("none"))
    else:
        here = _("revision on this machine: %(name)s", name=folder.name) if folder else _("not on this machine")
    facts = [_("licence: %(licence)s", licence=licence), here]
    if pin is not None:
        if pin.gated:
            facts.append(_("its terms must be accepted at the hub before it is given"))
        if not pin.ships:
            facts.append(_("pinned revision: %(revision)s", revision=pin.revision or _("not pinned")))
        facts += [
            _("MIRAGE uses it for: %(used_for)s", used_for=_(pin.used_for)),
            *(_("mind: %(caveat)s", caveat=_(caveat)) for caveat in pin.caveats),
        ]
    return [f"# {name}", "", *(f"- {fact}" for fact in facts)]


def _own_card(name: str, folder: Path | None) -> str:
    if folder is not None:
        for file in ("card.md", "README.md"):
            with suppress(OSError, ValueError):
                text = (folder / file).read_text("utf-8")
                return f"---\n\n{text}"
        return _("%(folder)s holds no card of its own.", folder=folder)
    return _("Its own card comes with it: `mirage models pull %(name)s`.", name=name)
