"""``mirage remove``: figures, or a whole corpus, out of the atlas. It asks first."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from mirage.cli.client import AtlasOption, JsonOption, connect
from mirage.cli.output import counted, printed, say, size
from mirage.errors import BadInput, MirageError, NotFound, meant
from mirage.locales import listed
from mirage.wording import N_, _

app = typer.Typer(
    help="Remove figures, or a whole corpus, from the atlas. It says what goes, and asks first.", no_args_is_help=True
)
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command()
def figure(
    ids: Annotated[list[str], typer.Argument(help="Ids of figures, as `mirage search` prints them.", show_default=False)],
    yes: YesOption = False,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Remove figures with their pictures, and the cases of which none is left."""
    _remove({"figures": ids}, yes=yes, atlas=atlas, json=json)


@app.command()
def corpus(
    name: Annotated[str, typer.Argument(help="Name or title of a corpus: see `mirage atlas info`.", show_default=False)],
    yes: YesOption = False,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Remove all figures and cases of a corpus. Adding it again brings them back."""
    _remove({"corpus": name}, yes=yes, atlas=atlas, json=json)


def _remove(what: dict[str, Any], *, yes: bool, atlas: Path | None, json: bool) -> None:
    with connect(atlas) as client:
        if "corpus" in what:
            held = client.ask("GET", "/api/atlas")["corpora"]
            with suppress(NotFound):  # the API tells what it may have been meant for
                what = {"corpus": meant(what["corpus"], {each["name"]: each["title"] for each in held}, N_("corpus"))}
        asked = {"figure": what["figures"]} if "figures" in what else what
        going = client.ask("GET", "/api/remove", params=asked)
        if not yes:
            _ask(going, whole="corpus" in what)
        if client.url:
            say(_("The atlas is served at %(url)s; removing through it.", url=client.url))
        job = client.follow(client.ask("POST", "/api/remove", json=what))
    if not printed(json, {**going, "message": job["message"]}):
        say(job["message"])


def _ask(going: dict[str, Any], *, whole: bool) -> None:
    """Say what goes, and go on only where somebody says yes."""
    what = [counted(going["figures"], "figure"), *([counted(going["cases"], "case")] if going["cases"] else [])]
    say(
        _(
            "%(what)s, %(bytes)s of pictures, would be removed from the atlas.",
            what=listed(what),
            bytes=size(going["bytes"]),
        )
    )
    for name in going["corpora"] if not whole else ():
        say(_("The corpus %(name)s goes with it, for it has no other figure.", name=name))
    for remark in going["remarks"]:
        say(remark)
    if not sys.stdin.isatty():
        raise BadInput(_("Nothing was removed: there is no terminal to ask at. Add --yes to remove without being asked."))
    if not typer.confirm(_("Remove?"), err=True):
        raise MirageError(_("Nothing was removed."))
