"""``mirage doctor``: whether everything is in place, and whether the sources on the network answer."""

from __future__ import annotations

import platform
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import httpx
import typer

from mirage import __version__, corpora, encoders
from mirage.atlas import Atlas
from mirage.cli import doctor_paper
from mirage.cli.client import AtlasOption, JsonOption
from mirage.cli.doctor_checks import Check, Note, checked
from mirage.cli.output import counted, facts, plain, printed, said_once, say, size
from mirage.corpora.base import CorpusCard
from mirage.corpora.live.base import Live
from mirage.corpora.live.pace import AskedToWait
from mirage.errors import AtlasHeld, MirageError, NoNetwork, Unavailable
from mirage.locales import number
from mirage.models import registry
from mirage.settings import Settings
from mirage.storage import manifest, whereabouts
from mirage.storage.databases import RECORDS_NAME, Databases
from mirage.storage.manifest import Holder
from mirage.storage.whereabouts import advice
from mirage.wording import N_, Words, _

_ANSWERS_WITHIN = 10.0  # seconds for a server of this machine, which may have much to do
_DISTRIBUTION = "mirage-atlas"
_SIGNS = {"answers": "✓ ", "waits": "… "}  # of sources with which nothing is wrong
_NOT_FOR_USE = ("dev", "bench", "starter-build")
_ENABLES = Words(
    {
        "dicom": N_("DICOM files of all kinds of compression"),
        "explain": N_("explanations by a language model on this machine"),
        "generate": N_("synthetic images by a diffusion model"),
        "heif": N_("HEIC pictures"),
        "idc": N_("the source idc, the NCI Imaging Data Commons"),
        "paper": N_("the paper's models and other encoders"),
        "notebook": N_("the widget in notebooks, mirage.widget"),
        "oidc": N_("signing in by OpenID Connect"),
        "parquet": N_("the corpora roco and rocov2"),
        "postgres": N_("records and index in PostgreSQL"),
        "qdrant": N_("the index in a Qdrant server"),
        "ray": N_("adding with the machines of a Ray cluster"),
        "redact": N_("mirage add folder --redact, which blacks out text in pictures"),
        "s3": N_("pictures in a bucket"),
        "sign": N_("synthetic images signed with a certificate"),
    }
)


@dataclass(frozen=True, slots=True)
class SourceTried:
    """A source on the network that was asked for one figure.

    Attributes
    ----------
    name, title : str
    asked : str
        Whom for what.
    state : {"answers", "waits", "unreachable", "otherwise"}
        Whether it answered as it documents, asks to wait, could not be reached, or answered otherwise.
    said : str
    rate : str
        How often it may be asked, as it documents; kept by MIRAGE.
    seconds : float
        That it took.
    """

    name: str
    title: str
    asked: str
    state: str
    said: str
    rate: str
    seconds: float


def doctor(
    atlas: AtlasOption = None,
    sources: Annotated[
        bool,
        typer.Option("--sources", help="Also ask each source on the network for one figure: does it answer?"),
    ] = False,
    paper: Annotated[
        bool,
        typer.Option("--paper", help="Look instead at what the paper's models and data need; asks the hub for the models."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Check whether everything is in place, and say what to do if it is not."""
    settings = Settings.load(atlas=atlas)
    checks, verdict = doctor_paper.checks() if paper else ([*_checks(settings), *([] if sources else _sources())], "")
    tried = [_tried(name, card, first=say) for name, card in _live()] if sources else []
    good = all(each.ok is not False for each in checks) and all(each.state in _SIGNS for each in tried)
    found = {"ok": good, "checks": [asdict(each) for each in checks], "sources": [asdict(each) for each in tried]}
    found |= {"verdict": verdict} if paper else {}
    if not printed(json, found):
        signs = {True: "✓ ", False: "✗ ", None: "  "}
        rows = [(f"{signs[each.ok]}{each.name}", each.said) for each in checks]
        rows += [
            (f"{_SIGNS.get(each.state, '✗ ')}{each.name}", f"{each.said} {number(each.seconds, 1)} s.") for each in tried
        ]
        facts(rows)
        if verdict:
            plain(f"\n{verdict}")
    if not good:
        raise typer.Exit(MirageError.exit_code)


def _checks(settings: Settings) -> Iterator[Check]:
    yield Check(
        "python", None, _("%(version)s on %(system)s", version=platform.python_version(), system=platform.platform())
    )
    yield Check("mirage", None, __version__)
    engines = ", ".join(f"{name} {version(name)}" for name in ("qdrant-edge-py", "onnxruntime", "pillow", "pydicom"))
    yield Check(_("engines"), None, engines)
    default: str = Settings.model_fields["encoder"].default  # which ships
    looks: list[tuple[str, Callable[[], str]]] = [
        (_("%(name)s corpus", name=name), partial(_corpus_state, name)) for name in corpora.shipped()
    ]
    looks += [
        (_("%(name)s encoder", name=default), partial(_encoder_state, default)),
        (_("models"), _models_state),
        (_("servers"), partial(_servers_state, settings.atlas)),
        ("atlas", partial(_atlas_state, settings.atlas)),
        (_("records"), partial(_records_state, settings.atlas)),
        (_("index"), partial(_index_state, settings.atlas)),
        (_("disk"), partial(_disk_state, settings.atlas)),
        (_("port %(port)s", port=settings.port), partial(_port_state, settings)),
    ]
    yield from (checked(name, look) for name, look in looks)
    yield from _extras()


def _sources() -> Iterator[Check]:
    """The sources on the network, none of which is asked."""
    for name, card in _live():
        said = _("%(title)s, asked only when somebody asks it; --sources tries it now", title=card.title)
        yield Check(_("source %(name)s", name=name), None, said)


def _models_state() -> str:
    here = [each for each in registry.listed() if each.where]
    if partly := [each.id for each in here if not each.whole]:
        raise Unavailable(_("only partly here: %(partly)s; `mirage models pull` goes on", partly=", ".join(partly)))

    def how(each: registry.Listed) -> str:
        return _("ships") if each.where == "shipped" else _(each.role) if each.role else each.where

    return ", ".join(f"{each.id} ({how(each)})" for each in here)


def _extras() -> Iterator[Check]:
    """Parts that are optional, with what each enables and what it lacks here."""
    lacking: dict[str, list[str]] = {}
    with suppress(PackageNotFoundError):
        for line in requires(_DISTRIBUTION) or ():
            if found := re.match(r"([\w.-]+).*;\s*extra\s*==\s*['\"]([\w-]+)['\"]", line):
                package, extra = found.groups()
                lacking.setdefault(extra, [])
                try:
                    version(package)
                except PackageNotFoundError:
                    lacking[extra].append(package)
    for extra, missing in sorted(lacking.items()):
        if extra not in _NOT_FOR_USE:
            state = _("not installed: lacks %(missing)s", missing=", ".join(missing)) if missing else _("installed")
            said = _("%(state)s; for %(what)s", state=state, what=_ENABLES[extra]) if extra in _ENABLES else state
            yield Check(_("extra %(name)s", name=extra), None, said)


def _live() -> list[tuple[str, CorpusCard]]:
    """The sources on the network that can be used here, in the order in which pages offer them."""
    found = []
    for name in corpora.available():
        with suppress(MirageError):
            card = corpora.card(name).spoken
            if card.live and card.usable:
                found.append((name, card))
    return sorted(found, key=lambda each: each[1].place)


def _tried(name: str, card: CorpusCard, *, first: Callable[[str], None]) -> SourceTried:
    """Ask a source for one figure; what is asked of whom is said first."""
    whom = card.asks or card.title
    asked = _("Asks %(whom)s: “%(trial)s”, one figure; nothing is added.", whom=whom, trial=card.trial)
    first(f"{card.title}: {asked}")
    began = time.monotonic()
    try:
        source = corpora.load(name, query=card.trial, most=1)
        assert isinstance(source, Live)
        offer = source.offer(again=True)
        state, said = "answers", _("Answers as it documents.")
        if not offer.figures:
            state = "otherwise"
            said = _("Answers, but offers nothing for words that it surely has: its answers may have changed.")
    except NoNetwork as error:
        state, said = "unreachable", str(error)
    except AskedToWait as error:
        state, said = "waits", _("%(error)s Nothing is wrong with it, nor here.", error=error)
    except MirageError as error:
        state, said = "otherwise", str(error)
    kept = " " + _("Asked at most %(rate)s.", rate=card.rate) if card.rate else ""
    named = said if said.startswith(card.title) else f"{card.title}: {said}"
    return SourceTried(name, card.title, asked, state, f"{named}{kept}", card.rate, time.monotonic() - began)


def _corpus_state(name: str) -> str:
    info = corpora.load(name).info()
    return _("%(title)s, version %(version)s", title=info.title, version=info.version)


def _encoder_state(name: str) -> str:
    info = encoders.load(name).info()
    return _("%(digest)s, %(dimension)s dimensions", digest=info.digest[:12], dimension=info.dimension)


def _atlas_state(folder: Path) -> str:
    try:
        if manifest.read(folder) is None:
            return Note(_("none at %(folder)s yet; `mirage up` builds the one that ships", folder=folder))
        with Atlas.open(folder, steps=said_once()) as opened:
            info = opened.info()
            said = f"{folder}, {counted(info.figures, 'figure')}"
            if info.withdrawn:
                said = _(
                    "%(said)s, of which %(number)s withdrawn by their sources", said=said, number=number(info.withdrawn)
                )
            if info.read_only:
                said = _("%(said)s; it can only be read here", said=said)
            return f"{said}. {told}" if (told := advice(opened.index_name, info.figures)) else said
    except AtlasHeld as held:
        return Note(_("%(held)s So it was not looked into.", held=held))


def _servers_state(folder: Path) -> str:
    """All that left word of having the atlas open: who of them serves, answers, or is gone."""
    told, silent, all_answer = list[str](), False, True
    for holder in Holder.every(folder):
        where = str(holder) if holder.here else _("%(holder)s on %(host)s", holder=holder, host=holder.host)
        all_answer &= holder.there and holder.here and bool(holder.url)
        if not holder.there:
            told.append(_("%(where)s: gone; its word is left over, and is removed by who opens the atlas next", where=where))
        elif not holder.url:
            told.append(where)
        elif not holder.here:
            told.append(_("%(where)s: not asked, since it is another machine", where=where))
        else:
            answers = _answers(holder.url)
            silent |= not answers
            told.append(_("%(where)s: answers", where=where) if answers else _("%(where)s: does not answer", where=where))
    if silent:
        raise Unavailable("; ".join(told))
    return "; ".join(told) if told and all_answer else Note("; ".join(told) or _("nobody has it open"))


def _answers(url: str) -> bool:
    try:
        # A proxy that the environment names must not come between this machine and itself.
        return httpx.get(f"{url}/healthz", timeout=_ANSWERS_WITHIN, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _records_state(folder: Path) -> str:
    known = manifest.read(folder)
    if known is None:
        return Note(_("none yet"))
    databases = Databases(folder, known.records)
    there = databases.there(RECORDS_NAME)  # asks the server, where there is one
    place = databases.place
    return _("in %(place)s", place=place) if there else Note(_("none yet in %(place)s", place=place))


def _index_state(folder: Path) -> str:
    there = whereabouts.told(folder)
    return _("in %(place)s", place=there) if there else Note(_("none yet"))


def _disk_state(folder: Path) -> str:
    there = next(each for each in (folder, *folder.parents) if each.exists())
    free = shutil.disk_usage(there).free
    if free < 1e9:
        raise Unavailable(_("only %(free)s free at %(there)s", free=size(free), there=there))
    return _("%(free)s free at %(there)s", free=size(free), there=there)


def _port_state(settings: Settings) -> str:
    from mirage.web.server import listen  # noqa: PLC0415 - as above

    try:
        listen(settings.host, settings.port).close()
    except MirageError:
        for holder in Holder.every(settings.atlas):  # of several servers any
            if urlsplit(holder.url).port == settings.port and holder.here:
                return _("this atlas is served there: %(url)s", url=holder.url)
        raise
    return _("free")
