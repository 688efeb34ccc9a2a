"""``mirage collection``: what a person keeps of an atlas."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_args
from urllib.parse import quote, urlencode

import typer
from pydantic_core import from_json

from mirage.cli.client import AtlasClient, AtlasOption, JsonOption, connect, taken_in
from mirage.cli.output import out, plain, printed, say
from mirage.cli.saving import check_target, one_of, write
from mirage.errors import BadInput, meant
from mirage.licensing import PURPOSES
from mirage.locales import number
from mirage.study.along.taking import FORMATS
from mirage.study.kept import Kind
from mirage.wording import N_, Words, _, ngettext

app = typer.Typer(help="Keep figures, cases, searches and comparisons in collections.", no_args_is_help=True)
_TAKEN = ("collection", "quiz", "figure", "case", "search", "comparison")
_KEPT = Words({"figure": N_("figure"), "case": N_("case"), "search": N_("search"), "comparison": N_("comparison")})
Which = Annotated[str, typer.Argument(help="Id or title of the collection, as `mirage collection list` prints it.")]


def collection_meant(client: AtlasClient, which: str) -> str:
    """The id of the collection that an id or a title means."""
    there = client.ask("GET", "/api/collections")["collections"]
    called = {each["id"]: each["title"] for each in there}
    return meant(which, called, N_("collection"), listed_by="mirage collection list")


@app.command("list")
def list_(atlas: AtlasOption = None, json: JsonOption = False) -> None:
    """Print the collections, the one changed last first."""
    with connect(atlas) as client:
        answer = client.ask("GET", "/api/collections")
    if printed(json, answer):
        return
    for each in answer["collections"]:
        plain(_("%(id)s  %(title)s (%(count)s kept)", id=each["id"], title=each["title"], count=each["count"]))
    if not answer["collections"]:
        say(_("There is none yet. `mirage collection add --new TITLE figure ID` makes one."))


@app.command()
def show(which: Which, atlas: AtlasOption = None, json: JsonOption = False) -> None:
    """Print what is in a collection, in order."""
    with connect(atlas) as client:
        answer = client.ask("GET", f"/api/collections/{collection_meant(client, which)}")
    if not printed(json, answer):
        _told(answer)


def _told(collection: dict[str, Any]) -> None:
    out.print(f"[bold]{collection['id']}[/]", end="  ")
    plain(collection["title"])
    if collection["notes"]:
        plain(collection["notes"])
    for item in collection["items"]:
        if item["kind"] == "section":
            plain(f"\n{item['id']}  {item['title']}")
            continue
        gone = _(", removed: it is not in this atlas") if item["removed"] else ""
        gone = _(", withdrawn by its source") if item["withdrawn"] else gone
        plain(f"{item['id']}  {_KEPT[item['kind']]}: {item['title']} ({item['page'] or item['target']}{gone})")
        if item["note"]:
            plain(f"    {item['note']}")


@app.command()
def add(
    which: Annotated[str, typer.Argument(help="Id or title of the collection; with --new, the title of a new one.")],
    kind: Annotated[
        str, typer.Argument(help="figure, case, search, comparison or section.", callback=one_of(get_args(Kind)))
    ],
    target: Annotated[
        str, typer.Argument(help="Id of a figure or case; `q=…` or an address of a search or comparison; a section's title.")
    ],
    title: Annotated[str, typer.Option(help="What to call it.")] = "",
    note: Annotated[str, typer.Option(help="A note beside it.")] = "",
    new: Annotated[bool, typer.Option("--new", help="Make the collection.")] = False,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Keep something in a collection.

    Examples: mirage collection add --new "Week 3" figure starter:retina; mirage collection add 1f2e search "q=pneumothorax"
    """
    body = {"kind": kind, "target": target, "title": title, "note": note}
    if kind == "section":
        body |= {"target": "", "title": title or target}
    with connect(atlas) as client:
        own = client.ask("POST", "/api/collections", json={"title": which})["id"] if new else collection_meant(client, which)
        answer = client.ask("POST", f"/api/collections/{own}/items", json=body)
    if not printed(json, answer):
        kept = next(item for item in answer["collection"]["items"] if item["id"] == answer["item"])
        values = {"title": kept["title"], "collection": answer["collection"]["title"]}
        say(
            _("%(title)s: kept in %(collection)s.", **values)
            if answer["new"]
            else _("%(title)s: was already in %(collection)s.", **values)
        )


@app.command()
def remove(
    which: Which,
    item: Annotated[str, typer.Argument(help="Id of what to take out, as `mirage collection show` prints it.")] = "",
    whole: Annotated[bool, typer.Option("--whole", help="Delete the whole collection.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Give back what was removed within the last day.")] = False,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Take something out of a collection, or delete all of it; for a day, --undo gives it back."""
    if bool(item) == whole:
        raise BadInput(_("Give the id of what to remove, or --whole to delete the collection."))
    with connect(atlas) as client:
        # One that was deleted has no title any more by which it could be found.
        own = which if undo and whole else collection_meant(client, which)
        path = f"/api/collections/{quote(own, safe='')}" + (f"/items/{quote(item, safe='')}" if item else "")
        answer = client.ask("POST", f"{path}/restore") if undo else client.ask("DELETE", path)
    if not printed(json, answer):
        again = f"mirage collection remove {own} {item or '--whole'} --undo"
        say(_("It is back.") if undo else _("Removed. For a day this gives it back: %(again)s", again=again))


@app.command()
def export(
    which: Which,
    file: Annotated[Path, typer.Argument(help="The file to write, as week-3.mirage-collection.", show_default=False)],
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Write a collection into one file. No picture is in it: who takes it in needs an atlas that has them."""
    check_target(file, "mine.mirage-collection")
    with connect(atlas) as client:
        data = client.fetch(f"/api/collections/{collection_meant(client, which)}/file")
    write(file, data)
    if not printed(json, {"file": str(file), "bytes": len(data)}):
        say(_("Written: %(file)s", file=file))


@app.command()
def take(
    which: Annotated[str, typer.Argument(help="Id or title of the collection; with --kind, an id or `q=…`.")],
    file: Annotated[Path, typer.Argument(help="The file to write, as week-3.apkg.", show_default=False)],
    form: Annotated[str, typer.Option("--as", help=f"{', '.join(FORMATS)}.", callback=one_of(tuple(FORMATS)))] = "anki",
    purpose: Annotated[
        str, typer.Option("--for", help=f"{', '.join(PURPOSES)}: what it is for.", callback=one_of(tuple(PURPOSES)))
    ] = "myself",
    non_commercial: Annotated[bool, typer.Option("--non-commercial", help="It is passed on without gain.")] = False,
    kind: Annotated[str, typer.Option(help=f"{', '.join(_TAKEN)}.", callback=one_of(_TAKEN))] = "collection",
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Take a collection along: as an Anki deck, slides, a sheet or pictures, with what may leave, and a count of what stays.

    Examples: mirage collection take "Week 3" week-3.pptx --as slides --for pass-on; mirage collection take "q=lung"
    lung.apkg --kind search
    """
    check_target(file, "mine.apkg")
    with connect(atlas) as client:
        target = collection_meant(client, which) if kind == "collection" else which
        asked = {"kind": kind, "target": target, "as": form, "for": purpose}
        asked |= {"non_commercial": "1"} if non_commercial else {}
        answer = client.sent(f"/api/take/file?{urlencode(asked)}", timeout=None)
    write(file, answer.content)
    told = from_json(answer.headers["X-Mirage-Told"])
    if not printed(json, {"file": str(file), "bytes": len(answer.content), "told": told}):
        say(_("Written: %(file)s", file=file))
        for said in told:
            say(said)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="What `mirage collection export` wrote.", show_default=False)],
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Take in a collection from a file, and tell what of it this atlas does not have."""
    answer = taken_in(file, "/api/collections/import", atlas)
    if printed(json, answer):
        return
    say(_("%(title)s: %(count)s kept, as %(id)s.", title=answer["title"], count=number(answer["count"]), id=answer["id"]))
    if gone := [item for item in answer["items"] if item["removed"]]:
        names = ", ".join(item["target"].partition("~")[0] for item in gone[:5])
        say(
            ngettext(
                "%(num)s thing of it is not in this atlas: %(names)s.",
                "%(num)s things of it are not in this atlas: %(names)s.",
                len(gone),
                names=names,
            )
        )
