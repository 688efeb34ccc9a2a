"""``mirage atlas``: what an atlas holds, and where its parts lie; making its index anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mirage.backup import move_records
from mirage.backup.moving import place_of
from mirage.cli.client import AtlasOption, JsonOption, connect, folder_of, served
from mirage.cli.output import counted, facts, figures_bar, printed, say, size
from mirage.corpora import spoken
from mirage.errors import AtlasHeld, BadInput
from mirage.locales import number
from mirage.storage import manifest, whereabouts
from mirage.storage.folder import AtlasFolder
from mirage.storage.ingest import Progress
from mirage.storage.pictures import move_pictures
from mirage.storage.reindex import rebuild as rebuild_atlas
from mirage.wording import _, looked_up

app = typer.Typer(help="Show what an atlas holds, rebuild its index, or move its parts.", no_args_is_help=True)


@app.command()
def info(atlas: AtlasOption = None, json: JsonOption = False) -> None:
    """Tell what the atlas holds, with sizes and licences."""
    with connect(atlas) as client:
        record = client.ask("GET", "/api/atlas")
    if printed(json, record):
        return
    encoder = record["encoder"]
    rows = [
        (_("folder"), str(folder_of(atlas))),
        (_("records"), place_of(folder_of(atlas))),
        (_("index"), whereabouts.told(folder_of(atlas))),
        (_("pictures"), known.pictures if (known := manifest.read(folder_of(atlas))) else ""),
        (
            _("figures"),
            _(
                "%(figures)s in %(cases)s, pictures %(bytes)s",
                figures=number(record["figures"]),
                cases=counted(record["cases"], "case"),
                bytes=size(record["bytes"]),
            ),
        ),
        (
            _("withdrawn"),
            _("%(figures)s, by their sources", figures=counted(record["withdrawn"], "figure"))
            if record["withdrawn"]
            else "",
        ),
        (
            _("encoder"),
            f"{encoder['name']} "
            + _("%(digest)s, %(dimension)s dimensions", digest=encoder["digest"][:12], dimension=encoder["dimension"]),
        ),
    ]
    for corpus in record["corpora"]:
        part = "" if corpus["complete"] else _(" – only partly added; add it again to go on")
        holds = f"{counted(corpus['figures'], 'figure')}, {counted(corpus['cases'], 'case')}"
        holds += _(", %(number)s withdrawn by the source", number=number(corpus["withdrawn"])) if corpus["withdrawn"] else ""
        some = 0 < corpus["stated"] < corpus["figures"]
        stated = (
            _(
                ", stated of %(stated)s of %(figures)s",
                stated=number(corpus["stated"]),
                figures=counted(corpus["figures"], "figure"),
            )
            if some
            else ""
        )
        terms = _(
            "licence %(name)s%(stated)s; version %(version)s",
            name=looked_up(corpus["licence"]["name"]),
            stated=stated,
            version=corpus["version"],
        )
        rows.append(
            (
                corpus["name"],
                f"{spoken(corpus['name'], corpus['title'])[0]}: {holds}, {size(corpus['bytes'])}; {terms}{part}",
            )
        )
    facts([(name, words) for name, words in rows if words])


@app.command()
def rebuild(
    encoder: Annotated[str | None, typer.Option(help="Encode all pictures with this encoder.")] = None,
    model: Annotated[
        str, typer.Option(help="Which model of that encoder: a hub id or a folder.", show_default="the encoder's own")
    ] = "",
    index: Annotated[
        str,
        typer.Option(
            help="Where the index is to be: an address as postgresql://user@host/database/NAME or qdrant://host:6333/NAME, "
            "or “embedded” for the atlas's folder.",
            show_default="where it is",
        ),
    ] = "",
    atlas: AtlasOption = None,
) -> None:
    """Make the index anew from the records; mends a damaged index, or moves the atlas to another encoder or engine.

    The old index answers until the new one is whole. Stopped at any point, run it again: nothing is encoded twice, and an
    index at an address is filled on. An atlas that is served is rebuilt by its server, which goes on answering; to move the
    index, stop it first.
    """
    folder, model = folder_of(atlas), _in_full(model)
    # Not through the API where nobody serves it: what is to be mended here may keep the atlas from being opened.
    try:
        with figures_bar(_("Rebuilding")) as tell:
            figures, encoded = rebuild_atlas(folder, encoder, tell, model=model, index=index)
    except AtlasHeld as held:
        if index:
            where = _("Its index moves only while nobody has it open; without --index the server that has it makes it anew.")
            raise AtlasHeld(f"{held} {where}") from held
        with served(folder, held) as client:
            say(_("The atlas is served at %(url)s; rebuilding through it.", url=client.url))
            job = client.ask("POST", "/api/atlas/rebuild", json={"encoder": encoder or "", "model": model})
            say(client.follow(job)["message"])
        return
    done = _("%(figures)s, %(encoded)s of them encoded now", figures=counted(figures, "figure"), encoded=number(encoded))
    say(
        _(
            "The index of %(folder)s was made anew: %(done)s. It is in %(folder2)s.",
            folder=folder,
            done=done,
            folder2=whereabouts.told(folder),
        )
    )


@app.command()
def move(
    pictures: Annotated[
        str, typer.Option(help="Where its pictures go: an address as s3://bucket/prefix, a folder, or “here” for its own.")
    ] = "",
    records: Annotated[
        str,
        typer.Option(help="Where its records go: a database as postgresql://user@host/database, or “here” for its folder."),
    ] = "",
    atlas: AtlasOption = None,
) -> None:
    """Move the pictures of an atlas to an address, or its records to a server, or back; nobody may have it open meanwhile.

    They are copied and checked before the atlas goes by them. Stopped at any point, run it again: it goes on where it was.
    """
    if not pictures and not records:
        raise BadInput(_("Say what to move, and where to: --pictures, --records, or both."))
    folder = folder_of(atlas)
    if records:
        _move_records(folder, "" if records == "here" else records)
    if pictures:
        here, address = pictures == "here", "://" in pictures
        _move_pictures(folder, "" if here else pictures if address else str(Path(pictures).expanduser().absolute()))


def _move_records(folder: Path, server: str) -> None:
    with figures_bar("Moving") as tell:
        moved = move_records(folder, server, lambda done, total: tell(Progress(done, total, 0.0, None)))
    if not moved.rows:
        say(_("All records are in %(place)s already.", place=moved.place))
        return
    say(_("%(rows)s moved to %(place)s.", rows=counted(moved.rows, "row"), place=moved.place))
    say(_("What they were in is kept until you remove it: %(kept)s.", kept=", ".join(moved.kept)))


def _move_pictures(folder: Path, address: str) -> None:
    with AtlasFolder.open(folder) as opened, figures_bar("Moving") as tell:
        number, bytes_ = move_pictures(opened, address, lambda done, total: tell(Progress(done, total, 0.0, None)))
        where = opened.pictures.address or opened.pictures.folder
    say(
        _("%(number)s, %(bytes)s, moved to %(where)s.", number=counted(number, "file"), bytes=size(bytes_), where=where)
        if number
        else _("All pictures are at %(where)s already.", where=where)
    )


@app.command()
def collect(atlas: AtlasOption = None) -> None:
    """Remove pictures that no figure uses, as an addition that was killed may leave them."""
    with connect(atlas) as client:
        say(client.follow(client.ask("POST", "/api/atlas/collect"))["message"])


def _in_full(model: str) -> str:
    """A folder that is named from here, so that a server which runs elsewhere finds it, too."""
    kind, colon, path = model.rpartition(":") if model.startswith("local-dir:") else ("", "", model)
    return f"{kind}{colon}{Path(path).expanduser().resolve()}" if path and Path(path).expanduser().exists() else model
