"""``mirage backup`` and ``mirage restore``: all of an atlas in one file, and back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mirage.backup import back_up
from mirage.backup import restore as bring_back
from mirage.cli.client import AtlasOption, JsonOption, folder_of
from mirage.cli.output import counted, duration, figures_bar, printed, say, size
from mirage.wording import _


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write, as atlas.mirage-backup.", show_default=False)],
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Write all of the atlas into one file: records, what everybody keeps, people, pictures. Keep it as you keep the atlas.

    Works while the atlas is served and added to; it is as it was at one moment. Sessions, invitations and keys are left out.
    """
    with figures_bar(_("Backing up")) as tell:
        made = back_up(folder_of(atlas), file, tell)
    if printed(json, {**asdict(made), "path": str(made.path)}):
        return
    what = _(
        "%(figures)s, %(files)s of pictures, %(bytes)s",
        figures=counted(made.figures, "figure"),
        files=counted(made.pictures, "file"),
        bytes=size(made.bytes),
    )
    say(_("%(path)s: %(what)s, in %(seconds)s.", path=made.path, what=what, seconds=duration(made.seconds)))
    if made.missing:
        say(_("%(missing)s of it were lost already, and are not in it.", missing=counted(made.missing, "picture")))


def restore(
    file: Annotated[Path, typer.Argument(help="What `mirage backup` wrote.", show_default=False)],
    records: Annotated[
        str, typer.Option(help="Keep the records in an empty PostgreSQL database, as postgresql://user@host/database.")
    ] = "",
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Bring an atlas back from a backup into a folder that is new or empty, and fill its index.

    Everything is checked first; interrupted, nothing is left. Whoever was signed in signs in anew.
    """
    folder = folder_of(atlas)
    with figures_bar("Restoring") as tell:
        found = bring_back(file, folder, records, tell)
    if printed(json, {**asdict(found), "folder": str(folder)}):
        return
    say(
        _(
            "%(folder)s: %(figures)s, as they were at %(made)s. Records are in %(place)s.",
            folder=folder,
            figures=counted(found.figures, "figure"),
            made=found.made,
            place=found.place,
        )
    )
    if found.missing:
        say(_("%(missing)s were lost already when it was backed up.", missing=counted(found.missing, "picture")))
    if found.people:
        say(_("Nobody is signed in there. `mirage people link NAME` makes a link for an owner; owners make the others."))
    if found.unopened:
        say(_("It cannot be searched yet: %(unopened)s", unopened=found.unopened))
