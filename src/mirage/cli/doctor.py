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
from mirage.cli.output import counted, facts, printed, said_once, say, size
from mirage.corpora.base import CorpusCard
from mirage.corpora.live.base import Live
from mirage.corpora.live.pace import AskedToWait
from mirage.errors import AtlasHeld, MirageError, NoNetwork, Unavailable
from mirage.models import registry
from mirage.settings import Settings
from mirage.storage import manifest, whereabouts
from mirage.storage.databases import RECORDS_NAME, Databases
from mirage.storage.manifest import Holder
from mirage.storage.whereabouts import advice
from mirage.wording import _

_ANSWERS_WITHIN = 10.0  # seconds for a server of this machine, which may have much to do
_DISTRIBUTION = "mirage-atlas"
_SIGNS = {"answers": "✓ ", "waits": "… "}  # of sources with which nothing is wrong
_NOT_FOR_USE = ("dev", "bench", "starter-build")
_ENABLES = {
    "dicom": "DICOM files of all kinds of compression",
    "explain": "explanations by a language model on this machine",
    "generate": "synthetic images by a diffusion model",
    "heif": "HEIC pictures",
    "idc": "the source idc, the NCI Imaging Data Commons",
    "paper": "the paper's models and other encoders",
    "notebook": "the widget in notebooks, mirage.widget",
    "oidc": "signing in by OpenID Connect",
    "parquet": "the corpora roco and rocov2",
    "postgres": "records and index in PostgreSQL",
    "qdrant": "the index in a Qdrant server",
    "ray": "adding with the machines of a Ray cluster",
    "redact": "mirage add folder --redact, which blacks out text in pictures",
    "s3": "pictures in a bucket",
    "sign": "synthetic images signed with a certificate",
}


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
    looked = doctor_paper.checks() if paper else _checks(settings)
    checks = [each for each in looked if not (sources and each.name.startswith("source "))]
    tried = [_tried(name, card, first=say) for name, card in _live()] if sources else []
    good = all(each.ok is not False for each in checks) and all(each.state in _SIGNS for each in tried)
    found = {"ok": good, "checks": [asdict(each) for each in checks], "sources": [asdict(each) for each in tried]}
    if not printed(json, found):
        signs = {True: "✓ ", False: "✗ ", None: "  "}
        rows = [(f"{signs[each.ok]}{each.name}", each.said) for each in checks]
        rows += [(f"{_SIGNS.get(each.state, '✗ ')}{each.name}", f"{each.said} {each.seconds:.1f} s.") for each in tried]
        facts(rows)
    if not good:
        raise typer.Exit(MirageError.exit_code)


def _checks(settings: Settings) -> Iterator[Check]:
    yield Check("python", None, f"{platform.python_version()} on {platform.platform()}")
    yield Check("mirage", None, __version__)
    engines = ", ".join(f"{name} {version(name)}" for name in ("qdrant-edge-py", "onnxruntime", "pillow", "pydicom"))
    yield Check("engines", None, engines)
    default: str = Settings.model_fields["encoder"].default  # which ships
    looks: list[tuple[str, Callable[[], str]]] = [
        (f"{name} corpus", partial(_corpus_state, name)) for name in corpora.shipped()
    ]
    looks += [
        (f"{default} encoder", partial(_encoder_state, default)),
        ("models", _models_state),
        ("servers", partial(_servers_state, settings.atlas)),
        ("atlas", partial(_atlas_state, settings.atlas)),
        ("records", partial(_records_state, settings.atlas)),
        ("index", lambda: f"in {there}" if (there := whereabouts.told(settings.atlas)) else Note("none yet")),
        ("disk", partial(_disk_state, settings.atlas)),
        (f"port {settings.port}", partial(_port_state, settings)),
    ]
    yield from (checked(name, look) for name, look in looks)
    yield from _extras()
    for name, card in _live():
        yield Check(f"source {name}", None, f"{card.title}, asked only when somebody asks it; --sources tries it now")


def _models_state() -> str:
    here = [each for each in registry.listed() if each.where]
    if partly := [each.id for each in here if not each.whole]:
        raise Unavailable(_("only partly here: %(partly)s; `mirage models pull` goes on", partly=", ".join(partly)))
    return ", ".join(f"{each.id} ({'ships' if each.where == 'shipped' else each.role or each.where})" for each in here)


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
            enables = _ENABLES.get(extra, "")
            state = f"not installed: lacks {', '.join(missing)}" if missing else "installed"
            yield Check(f"extra {extra}", None, f"{state}{f'; for {enables}' if enables else ''}")


def _live() -> list[tuple[str, CorpusCard]]:
    """The sources on the network that can be used here, in the order in which pages offer them."""
    found = []
    for name in corpora.available():
        with suppress(MirageError):
            card = corpora.card(name)
            if card.live and card.usable:
                found.append((name, card))
    return sorted(found, key=lambda each: each[1].place)


def _tried(name: str, card: CorpusCard, *, first: Callable[[str], None]) -> SourceTried:
    """Ask a source for one figure; what is asked of whom is said first."""
    asked = f"Asks {card.asks or card.title}: “{card.trial}”, one figure; nothing is added."
    first(f"{card.title}: {asked}")
    began = time.monotonic()
    try:
        source = corpora.load(name, query=card.trial, most=1)
        assert isinstance(source, Live)
        offer = source.offer(again=True)
        state, said = "answers", "Answers as it documents."
        if not offer.figures:
            state, said = (
                "otherwise",
                "Answers, but offers nothing for words that it surely has: its answers may have changed.",
            )
    except NoNetwork as error:
        state, said = "unreachable", str(error)
    except AskedToWait as error:
        state, said = "waits", f"{error} Nothing is wrong with it, nor here."
    except MirageError as error:
        state, said = "otherwise", str(error)
    kept = f" Asked at most {card.rate}." if card.rate else ""
    named = said if said.startswith(card.title) else f"{card.title}: {said}"
    return SourceTried(name, card.title, asked, state, f"{named}{kept}", card.rate, time.monotonic() - began)


def _corpus_state(name: str) -> str:
    info = corpora.load(name).info()
    return f"{info.title}, version {info.version}"


def _encoder_state(name: str) -> str:
    info = encoders.load(name).info()
    return f"{info.digest[:12]}, {info.dimension} dimensions"


def _atlas_state(folder: Path) -> str:
    try:
        if manifest.read(folder) is None:
            return Note(f"none at {folder} yet; `mirage up` builds the one that ships")
        with Atlas.open(folder, steps=said_once()) as opened:
            info = opened.info()
            withdrawn = f", of which {info.withdrawn:,} withdrawn by their sources" if info.withdrawn else ""
            reading = "; it can only be read here" if info.read_only else ""
            large = f". {told}" if (told := advice(opened.index_name, info.figures)) else ""
            return f"{folder}, {counted(info.figures, 'figure')}{withdrawn}{reading}{large}"
    except AtlasHeld as held:
        return Note(f"{held} So it was not looked into.")


def _servers_state(folder: Path) -> str:
    """All that left word of having the atlas open: who of them serves, answers, or is gone."""
    told, silent, all_answer = list[str](), False, True
    for holder in Holder.every(folder):
        where = f"{holder}{'' if holder.here else f' on {holder.host}'}"
        all_answer &= holder.there and holder.here and bool(holder.url)
        if not holder.there:
            told.append(f"{where}: gone; its word is left over, and is removed by who opens the atlas next")
        elif not holder.url:
            told.append(where)
        elif not holder.here:
            told.append(f"{where}: not asked, since it is another machine")
        else:
            answers = _answers(holder.url)
            silent |= not answers
            told.append(f"{where}: {'answers' if answers else 'does not answer'}")
    if silent:
        raise Unavailable("; ".join(told))
    return "; ".join(told) if told and all_answer else Note("; ".join(told) or "nobody has it open")


def _answers(url: str) -> bool:
    try:
        # A proxy that the environment names must not come between this machine and itself.
        return httpx.get(f"{url}/healthz", timeout=_ANSWERS_WITHIN, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _records_state(folder: Path) -> str:
    known = manifest.read(folder)
    if known is None:
        return Note("none yet")
    databases = Databases(folder, known.records)
    there = databases.there(RECORDS_NAME)  # asks the server, where there is one
    return f"in {databases.place}" if there else Note(f"none yet in {databases.place}")


def _disk_state(folder: Path) -> str:
    there = next(each for each in (folder, *folder.parents) if each.exists())
    free = shutil.disk_usage(there).free
    if free < 1e9:
        raise Unavailable(_("only %(free)s free at %(there)s", free=size(free), there=there))
    return f"{size(free)} free at {there}"


def _port_state(settings: Settings) -> str:
    from mirage.web.server import listen  # noqa: PLC0415 - as above

    try:
        listen(settings.host, settings.port).close()
    except MirageError:
        for holder in Holder.every(settings.atlas):  # of several servers any
            if urlsplit(holder.url).port == settings.port and holder.here:
                return f"this atlas is served there: {holder.url}"
        raise
    return "free"
