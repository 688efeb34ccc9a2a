"""``mirage up``, ``mirage serve`` and ``mirage doctor``."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from mirage import __version__, corpora, encoders
from mirage.atlas import Atlas
from mirage.cli.add import add_corpus
from mirage.cli.client import AtlasOption, connect
from mirage.cli.output import counted, facts, said_once, say, size
from mirage.errors import AtlasHeld, MirageError, Unavailable
from mirage.settings import Settings
from mirage.storage import manifest
from mirage.storage.manifest import Holder

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
        held = client.ask("GET", "/api/atlas")
        whole = {corpus["name"] for corpus in held["corpora"] if corpus["complete"]}
        for name in corpora.shipped() if whole <= set(corpora.shipped()) else ():
            if name in held["removed"]:
                say(f"The {name} atlas was removed, and is not put back by itself; `mirage add {name}` brings it back.")
            # Adding what is there already takes milliseconds; after an update it brings the new pictures.
            elif added := add_corpus(client, name, {}, bring_back=False)["added"]:
                say(f"Built the {name} atlas in {settings.atlas}: {counted(added, 'figure')}.")
    _serve(settings)


def serve(
    atlas: AtlasOption = None,
    host: HostOption = None,
    port: PortOption = None,
) -> None:
    """Serve an atlas that is there already."""
    settings = Settings.load(host=host, port=port, atlas=atlas)
    Atlas.open(settings.atlas, steps=said_once()).close()  # what brings it up to date is told before the site begins
    _serve(settings)


def _serve(settings: Settings) -> None:
    from mirage.web.server import serve as serve_site  # noqa: PLC0415 - the site takes a third of a second to load

    serve_site(settings.atlas, host=settings.host, port=settings.port, settings=settings)


def doctor(atlas: AtlasOption = None) -> None:
    """Check whether everything is in place, and say what to do if it is not."""
    settings = Settings.load(atlas=atlas)
    rows = [
        ("python", f"{platform.python_version()} on {platform.platform()}"),
        ("mirage", __version__),
        ("engine", f"qdrant-edge-py {version('qdrant-edge-py')}, onnxruntime {version('onnxruntime')}"),
    ]
    faults = 0

    def check(name: str, look: Callable[[], str]) -> None:
        nonlocal faults
        try:
            sign, found = "✓", look()
        except MirageError as error:
            sign, found = "✗", str(error)
            faults += 1
        rows.append((f"{sign} {name}", found))

    default: str = Settings.model_fields["encoder"].default  # which ships
    for name in corpora.shipped():
        check(f"{name} corpus", partial(_corpus_state, name))
    check(f"{default} encoder", partial(_encoder_state, default))
    check("atlas", partial(_atlas_state, settings.atlas))
    check("disk", partial(_disk_state, settings.atlas))
    check(f"port {settings.port}", partial(_port_state, settings))
    facts(rows)
    if faults:
        raise typer.Exit(MirageError.exit_code)


def _corpus_state(name: str) -> str:
    info = corpora.load(name).info()
    return f"{info.title}, version {info.version}"


def _encoder_state(name: str) -> str:
    info = encoders.load(name).info()
    return f"{info.digest[:12]}, {info.dimension} dimensions"


def _atlas_state(folder: Path) -> str:
    try:
        if manifest.read(folder) is None:
            return f"none at {folder} yet; `mirage up` builds the one that ships"
        with Atlas.open(folder, steps=said_once()) as opened:
            return f"{folder}, {counted(opened.info().figures, 'figure')}"
    except AtlasHeld as held:
        return str(held)


def _disk_state(folder: Path) -> str:
    there = next(each for each in (folder, *folder.parents) if each.exists())
    free = shutil.disk_usage(there).free
    if free < 1e9:
        raise Unavailable(f"only {size(free)} free at {there}")
    return f"{size(free)} free at {there}"


def _port_state(settings: Settings) -> str:
    from mirage.web.server import listen  # noqa: PLC0415 - as above

    holder = Holder.read(settings.atlas)
    try:
        listen(settings.host, settings.port).close()
    except MirageError:
        if holder and holder.url.endswith(f":{settings.port}"):
            return f"this atlas is served there: {holder.url}"
        raise
    return "free"
