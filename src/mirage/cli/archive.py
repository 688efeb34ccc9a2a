"""``mirage export`` and ``mirage import``: an atlas in one file, or as a site without a server."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mirage import licensing
from mirage.cli.client import AtlasOption, JsonOption, folder_of, served
from mirage.cli.output import counted, duration, figures_bar, printed, say, size
from mirage.cli.saving import one_of
from mirage.cli.site import write_site
from mirage.errors import AtlasHeld, BadInput
from mirage.figure import Licence
from mirage.locales import number
from mirage.storage.archive_export import export as export_atlas
from mirage.storage.archive_import import WouldReplace, import_file
from mirage.wording import _


def export(
    file: Annotated[Path | None, typer.Argument(help="The file to write, as atlas.mirage.", show_default=False)] = None,
    site: Annotated[
        Path | None,
        typer.Option(help="Write a site without a server into this folder instead: plain files that search in a browser."),
    ] = None,
    title: Annotated[str, typer.Option(help="With --site: what the site is called.")] = "",
    address: Annotated[
        str,
        typer.Option(help="With --site: where it will lie, as https://example.org/atlas/, so that search engines list it."),
    ] = "",
    runtime: Annotated[
        list[Path] | None,
        typer.Option(
            help="With --site: what its search runs on, as `npm pack onnxruntime-web` and `npm pack pyodide` write it; "
            "may be given twice. npm is asked for what is not given."
        ),
    ] = None,
    no_explanations: Annotated[
        bool, typer.Option("--no-explanations", help="With --site: write no explanations, which take the longest.")
    ] = False,
    corpus: Annotated[list[str] | None, typer.Option(help="Only this corpus; may be given several times.")] = None,
    picture_side: Annotated[
        int | None,
        typer.Option(
            help="Longest side of the pictures in pixels; larger ones are made smaller. Left out: the originals in a file, "
            "1024 on a site.",
            show_default=False,
        ),
    ] = None,
    purpose: Annotated[
        str,
        typer.Option(
            "--for",
            help="`pass-on`: what licences permit to pass on. `myself`: all, for your own use.",
            callback=one_of(tuple(licensing.PURPOSES)),
        ),
    ] = "pass-on",
    non_commercial: Annotated[
        bool,
        typer.Option("--non-commercial", help="You pass it on without gain: also figures that may only be passed on so."),
    ] = False,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Write the atlas into one file that another machine imports: figures, pictures, vectors, licences.

    Works while the atlas is served. A file to pass on holds what licences permit, and it says what stayed behind. With
    --site it writes a folder for any web host or a USB stick, in which a browser searches by itself.
    """
    if site is not None:
        if file is not None or purpose != "pass-on":
            raise BadInput(_("A site is for passing on, in its own folder: name no file and no purpose with --site."))
        write_site(
            site,
            folder_of(atlas),
            json=json,
            title=title,
            address=address,
            given=tuple(runtime or ()),
            explain=not no_explanations,
            corpora=tuple(corpus or ()),
            picture_side=1024 if picture_side is None else picture_side,
            non_commercial=non_commercial,
        )
        return
    if title or address or runtime or no_explanations:
        raise BadInput(_("--title, --address, --runtime and --no-explanations are about a site: they go with --site."))
    if file is None:
        raise BadInput(_("Name the file to write, as atlas.mirage, or with --site the folder of a site."))
    # Not through the API: it reads the records beside whoever holds the atlas, and writes a file of this user's.
    with figures_bar(_("Exporting")) as tell:
        written = export_atlas(
            folder_of(atlas),
            file,
            corpora=tuple(corpus or ()),
            picture_side=picture_side or 0,
            purpose=purpose,
            non_commercial=non_commercial,
            progress=tell,
        )
    made = written.manifest
    if json:
        counts = {"figures": made.figures, "cases": made.cases, "pictures": made.pictures, "licences": dict(made.licences)}
        whole = {"file": str(written.path), "bytes": written.bytes, "sha256": written.sha256, "seconds": written.seconds}
        told = {name: dict(Counter(map(str, getattr(written, name))).most_common()) for name in ("behind", "stories")}
        printed(json, {**whole, **counts, "for": purpose, "left_out": asdict(made.left_out), **told})
        return
    say(
        _(
            "%(path)s: %(figures)s in %(cases)s, %(bytes)s, in %(seconds)s.",
            path=written.path,
            figures=counted(made.figures, "figure"),
            cases=counted(made.cases, "case"),
            bytes=size(written.bytes),
            seconds=duration(written.seconds),
        )
    )
    say(_("SHA-256 %(sha256)s", sha256=written.sha256))
    if stayed := licensing.behind(written.behind):
        gain = any(isinstance(each, Licence) and licensing.terms_of(each).non_commercial for each in written.behind)
        nc = _("`--non-commercial` takes those with NC, if you pass it on without gain.")
        say(f"{stayed} {nc}" if gain else stayed)
    if stayed := licensing.behind(written.stories, "case"):
        say(_("%(stayed)s Their figures go with the case's title alone.", stayed=stayed))
    if purpose == "myself":
        say(_("It is for your own use. `--for pass-on` makes a file that may be passed on."))
    for count, why in (
        (made.left_out.no_picture, _("their picture is lost or damaged")),
        (made.left_out.no_vectors, _("they are not encoded; `mirage atlas rebuild` encodes them")),
    ):
        if count:
            say(_("Left out: %(number)s: %(why)s.", number=counted(count, "figure"), why=why))


def import_(
    file: Annotated[Path, typer.Argument(help="What `mirage export` wrote.", show_default=False)],
    encode: Annotated[
        bool, typer.Option("--encode", help="Encode the pictures anew where the file was made with another encoder.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace figures and cases of the same id that differ, without asking.")
    ] = False,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Put an atlas file into the atlas, which is made when there is none.

    The file is checked first. Stopped at any point, run it again: it goes on where it broke. Where a server holds the
    atlas, it is imported through that server.
    """
    folder = folder_of(atlas)
    # Not through the API where nobody serves it: the file may say with which encoder the atlas is to be made.
    try:
        with figures_bar(_("Importing")) as tell:
            done = import_file(file, folder, encode=encode, replace=replace, progress=tell)
    except WouldReplace as differs:
        if (
            json
            or not sys.stdin.isatty()
            or not typer.confirm(_("%(differs)s\nReplace them now?", differs=differs), err=True)
        ):
            raise
        import_(file, encode=encode, replace=True, atlas=atlas)
        return
    except AtlasHeld as held:
        with served(folder, held) as client:
            say(_("The atlas is served at %(url)s; importing through it.", url=client.url))
            asked = {"file": str(file.expanduser().resolve()), "encode": encode, "replace": replace}
            job = client.follow(client.ask("POST", "/api/atlas/import", json=asked))
        if printed(json, {"message": job["message"], "seconds": job["finished"] - job["created"]}):
            return
        say(job["message"])
        return
    if printed(json, {"added": done.added, "kept": done.kept, "encoded": done.encoded, "seconds": done.seconds}):
        return
    values = {"added": counted(done.added, "figure"), "kept": number(done.kept), "seconds": duration(done.seconds)}
    if done.encoded:
        say(_("%(added)s added, encoded anew, %(kept)s were there already, in %(seconds)s.", **values))
    else:
        say(_("%(added)s added, %(kept)s were there already, in %(seconds)s.", **values))
