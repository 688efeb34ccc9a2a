"""``mirage up`` and ``mirage serve``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from mirage import corpora
from mirage.atlas import Atlas
from mirage.cli.add import add_corpus
from mirage.cli.client import AtlasOption, connect
from mirage.cli.output import counted, said_once, say
from mirage.settings import Settings
from mirage.storage.read_only import is_needed
from mirage.wording import _

HostOption = Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")]
ReadOnlyOption = Annotated[
    bool | None,
    typer.Option(
        "--read-only",
        help="Read the atlas only, with a private copy of its index: any number of servers may serve it so.",
        show_default="where the folder cannot be written to",
    ),
]
PortOption = Annotated[int | None, typer.Option(help="Port; 0 takes a free one.", show_default="8000")]
RootOption = Annotated[
    str | None,
    typer.Option(help="Path at which the site begins, as /mirage, where its server has others, too.", show_default=""),
]


LogOption = Annotated[
    Literal["text", "json"] | None, typer.Option(help="Lines of the log: for people, or JSON.", show_default="text")
]


def up(
    atlas: AtlasOption = None,
    host: HostOption = None,
    port: PortOption = None,
    read_only: ReadOnlyOption = None,
    root_path: RootOption = None,
) -> None:
    """Open the atlas, building the one that ships if there is none, and serve it."""
    settings = Settings.load(host=host, port=port, atlas=atlas, read_only=read_only, root_path=root_path)
    if settings.read_only:
        _serve(settings)
        return
    with connect(settings.atlas, create=True) as client:
        if client.url:
            say(_("The atlas is served already: %(url)s", url=client.url))
            return
        held = client.ask("GET", "/api/atlas")
        whole = {corpus["name"] for corpus in held["corpora"] if corpus["complete"]}
        for name in corpora.shipped() if whole <= set(corpora.shipped()) and not held["read_only"] else ():
            if name in held["removed"]:
                say(
                    _(
                        "The %(name)s atlas was removed, and is not put back by itself; `mirage add "
                        "%(name)s` brings it back.",
                        name=name,
                    )
                )
                continue
            if name not in whole:  # a log shows no progress, and nobody shall think that it hangs
                say(
                    _(
                        "Building the %(name)s atlas in %(atlas)s. This takes some minutes, once.",
                        name=name,
                        atlas=settings.atlas,
                    )
                )
            # Adding what is there already takes milliseconds; after an update it brings the new pictures.
            if added := add_corpus(client, name, {}, bring_back=False)["added"]:
                say(
                    _(
                        "Built the %(name)s atlas in %(atlas)s: %(added)s.",
                        name=name,
                        atlas=settings.atlas,
                        added=counted(added, "figure"),
                    )
                )
    _serve(settings)


def serve(
    atlas: AtlasOption = None,
    host: HostOption = None,
    port: PortOption = None,
    read_only: ReadOnlyOption = None,
    root_path: RootOption = None,
    log_format: LogOption = None,
    shared: Annotated[
        bool, typer.Option("--shared", help="People sign in, each with a role and data of their own; see docs/classes.md.")
    ] = False,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Let people sign in over http from other machines, where others read along.")
    ] = False,
    workers: Annotated[
        int,
        typer.Option(min=1, max=64, help="How many processes answer, of an atlas that several may open: docs/serving.md."),
    ] = 1,
) -> None:
    """Serve an atlas that is there already."""
    chosen = {"shared": shared or None, "insecure": insecure or None, "log_format": log_format}
    settings = Settings.load(host=host, port=port, atlas=atlas, read_only=read_only, root_path=root_path, **chosen)
    if not (settings.read_only or is_needed(settings.atlas)):
        Atlas.open(settings.atlas, steps=said_once()).close()  # what brings it up to date is told before the site begins
    if workers > 1:
        from mirage.web.workers import serve as serve_by_several  # noqa: PLC0415 - as below

        serve_by_several(settings, workers)
        return
    _serve(settings)


def _serve(settings: Settings) -> None:
    from mirage.web.server import serve as serve_site  # noqa: PLC0415 - the site takes a third of a second to load

    serve_site(settings.atlas, host=settings.host, port=settings.port, settings=settings)
