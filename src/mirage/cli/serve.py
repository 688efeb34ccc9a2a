"""``mirage up``, ``mirage serve`` and ``mirage doctor``."""

from __future__ import annotations

import platform
import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from mirage import __version__, corpora, encoders
from mirage.atlas import Atlas
from mirage.cli.add import add_corpus
from mirage.cli.client import AtlasOption, connect, folder_of
from mirage.cli.output import facts, say, size
from mirage.errors import AtlasHeld, MirageError
from mirage.settings import SHIPPED, Settings
from mirage.storage import manifest
from mirage.storage.manifest import Holder
from mirage.web.server import listen
from mirage.web.server import serve as serve_site

HostOption = Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")]
PortOption = Annotated[int | None, typer.Option(help="Port; 0 takes a free one.", show_default="8000")]


def up(
    atlas: AtlasOption = None,
    host: HostOption = None,
    port: PortOption = None,
) -> None:
    """Open the atlas, building the one that ships if there is none, and serve it."""
    settings = Settings.load(host=host, port=port, atlas=atlas)
    with connect(settings.atlas, create=True) as client:
        if client.url:
            say(f"The atlas is served already: {client.url}")
            return
        whole = {corpus["name"] for corpus in client.ask("GET", "/api/atlas")["corpora"] if corpus["complete"]}
        for name in corpora.shipped() if whole <= set(corpora.shipped()) else ():
            # Adding what is there already takes milliseconds; after an update it brings the new pictures.
            if added := add_corpus(client, name, {})["added"]:
                say(f"Built the {name} atlas in {settings.atlas}: {added:,} figures.")
    _serve(settings)


def serve(
    atlas: AtlasOption = None,
    host: HostOption = None,
    port: PortOption = None,
) -> None:
    """Serve an atlas that is there already."""
    _serve(Settings.load(host=host, port=port, atlas=atlas))


def _serve(settings: Settings) -> None:
    serve_site(settings.atlas, host=settings.host, port=settings.port, settings=settings)


def doctor(atlas: AtlasOption = None) -> None:
    """Look whether everything is in place, and say what to do where it is not."""
    settings = Settings.load(atlas=atlas)
    rows = [
        ("python", f"{platform.python_version()} on {platform.platform()}"),
        ("mirage", __version__),
        ("engine", f"qdrant-edge-py {version('qdrant-edge-py')}, onnxruntime {version('onnxruntime')}"),
    ]
    faults = 0

    def check(name: str, fine: str, fault: str | None) -> None:
        nonlocal faults
        faults += fault is not None
        rows.append((f"{'✗' if fault else '✓'} {name}", fault or fine))

    default: str = Settings.model_fields["encoder"].default  # which ships
    check("starter atlas", str(SHIPPED / "atlas"), _missing(SHIPPED / "atlas" / "figures.jsonl"))
    try:
        info = encoders.load(default).info()
        check(f"{default} encoder", f"{info.digest[:12]}, {info.dimension} dimensions", None)
    except MirageError as error:
        check(f"{default} encoder", "", str(error))
    folder = folder_of(atlas)
    check("atlas", *_atlas_state(folder))
    there = folder
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    check("disk", f"{size(free)} free at {there}", None if free > 1e9 else f"only {size(free)} free at {there}")
    check(f"port {settings.port}", *_port_state(settings))
    facts(rows)
    if faults:
        sys.exit(1)


def _missing(path: Path) -> str | None:
    return None if path.exists() else f"{path} is missing. Install MIRAGE again."


def _atlas_state(folder: Path) -> tuple[str, str | None]:
    try:
        if manifest.read(folder) is None:
            return f"none at {folder} yet; `mirage up` builds the one that ships", None
        with Atlas.open(folder) as opened:
            return f"{folder}, {opened.info().figures:,} figures", None
    except AtlasHeld as held:
        return str(held), None
    except MirageError as error:
        return "", str(error)


def _port_state(settings: Settings) -> tuple[str, str | None]:
    holder = Holder.read(settings.atlas)
    try:
        listen(settings.host, settings.port).close()
    except MirageError as error:
        served = holder is not None and holder.url.endswith(f":{settings.port}")
        return (f"this atlas is served there: {holder.url}", None) if holder and served else ("", str(error))
    return "free", None
