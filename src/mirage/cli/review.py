"""``mirage review``: what educators think of what an atlas shows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from mirage import licensing, locales
from mirage.cli.client import AtlasClient, AtlasOption, JsonOption, connect, taken_in
from mirage.cli.output import facts, plain, printed, say
from mirage.cli.saving import check_target, one_of, write
from mirage.errors import meant
from mirage.wording import N_, _, looked_up, ngettext

app = typer.Typer(help="Let educators rate, blind, what this atlas shows of a condition.", no_args_is_help=True)
Which = Annotated[str, typer.Argument(help="Id or condition of the review, as `mirage review list` prints it.")]
ToFile = Annotated[Path, typer.Argument(help="The file to write.", show_default=False)]


def _found(client: AtlasClient, which: str) -> str:
    """The address of the review that an id or a condition means."""
    called = {each["id"]: each["query"] for each in client.ask("GET", "/api/reviews")["reviews"]}
    found = meant(which, called, N_("review"), listed_by="mirage review list")
    return f"/api/reviews/{quote(found, safe='')}"


def _written(file: Path, data: bytes, json: bool) -> None:
    write(file, data)
    if not printed(json, {"file": str(file), "bytes": len(data)}):
        say(_("Written: %(file)s", file=file))


@app.command("list")
def list_(atlas: AtlasOption = None, json: JsonOption = False) -> None:
    """Print the reviews, and the conditions of the protocol that none was begun of."""
    with connect(atlas) as client:
        answer = client.ask("GET", "/api/reviews")
    if printed(json, answer):
        return
    for each in answer["reviews"]:
        closed = ", closed" if each["closed"] else ""
        plain(
            _(
                "%(id)s  %(query)s (%(items)s items, %(raters)s raters%(closed)s)",
                id=each["id"],
                query=each["query"],
                items=each["items"],
                raters=each["raters"],
                closed=closed,
            )
        )
    left = [each["query"] for each in answer["conditions"] if not each["review"]]
    number = answer["educators"]
    rated = ngettext("Rated by %(num)s educator.", "Rated by %(num)s educators.", number)
    begun = _("In the protocol, not begun: %(left)s.", left=", ".join(left) or _("none"))
    say(f"{rated} {begun}")


@app.command()
def begin(
    condition: Annotated[str, typer.Argument(help="What is searched for, as “acute appendicitis”.")],
    versus: Annotated[str | None, typer.Option(help="What to compare it with.", show_default="the protocol's")] = None,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Begin to review a condition: pool what both ways of searching find, in random order."""
    with connect(atlas) as client:
        answer = client.ask("POST", "/api/reviews", json={"query": condition, "versus": versus})
    if not printed(json, answer):
        say(
            _(
                "%(query)s: %(items)s items to rate, as %(id)s. `mirage serve` shows them.",
                query=answer["query"],
                items=answer["items"],
                id=answer["id"],
            )
        )


@app.command()
def packet(
    which: Which,
    file: ToFile,
    purpose: Annotated[
        str,
        typer.Option(
            "--for", help=f"What for: {', '.join(licensing.PURPOSES)}.", callback=one_of(tuple(licensing.PURPOSES))
        ),
    ] = "pass-on",
    non_commercial: Annotated[bool, typer.Option("--non-commercial", help="You pass it on without gain.")] = False,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Write a review as one file to rate without a network and without MIRAGE, with the pictures that may leave."""
    check_target(file, "review.html")
    asked = urlencode({"for": purpose} | ({"non_commercial": "1"} if non_commercial else {}))
    with connect(atlas) as client:
        data = client.fetch(f"{_found(client, which)}/packet?{asked}")
    _written(file, data, json)


@app.command()
def export(
    which: Which,
    file: ToFile,
    reviewer: Annotated[str, typer.Option(help="Only the ratings of this one.")] = "",
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Write the ratings of a review into a file that another MIRAGE with the same review takes in."""
    check_target(file, "mine.mirage-ratings")
    asked = f"?{urlencode({'reviewer': reviewer})}" if reviewer else ""
    with connect(atlas) as client:
        data = client.fetch(f"{_found(client, which)}/ratings{asked}")
    _written(file, data, json)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A .mirage-ratings file.", show_default=False)],
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Take in a file of ratings; the same again changes nothing."""
    answer = taken_in(file, "/api/reviews/import", atlas)
    if not printed(json, answer):
        say(answer["words"])


@app.command()
def close(which: Which, atlas: AtlasOption = None, json: JsonOption = False) -> None:
    """End the rating of a review for good; then the results tell both ways of searching apart."""
    with connect(atlas) as client:
        answer = client.ask("POST", f"{_found(client, which)}/close")
    if not printed(json, answer):
        say(_("The review of %(query)s is closed. `mirage evaluate reviews` prints the results.", query=answer["query"]))


@app.command()
def delete(
    which: Which,
    undo: Annotated[
        bool, typer.Option("--undo", help="Give back one that was deleted within the last day, by its id.")
    ] = False,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Delete a review with its ratings; for a day, --undo gives it back."""
    with connect(atlas) as client:
        own = f"/api/reviews/{quote(which, safe='')}" if undo else _found(client, which)
        answer = client.ask("POST", f"{own}/restore") if undo else client.ask("DELETE", own)
    if not printed(json, answer):
        say(
            _("It is back.")
            if undo
            else _("Deleted. For a day this gives it back: mirage review delete %(own)s --undo", own=own[13:])
        )


@app.command()
def misleading(
    hide: Annotated[str, typer.Option(help="Hide this figure from learners.", metavar="FIGURE")] = "",
    show: Annotated[str, typer.Option(help="Show this figure again.", metavar="FIGURE")] = "",
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Print what educators called misleading; hide figures from learners, or show them again."""
    with connect(atlas) as client:
        for figure, hidden in ((hide, True), (show, False)):
            if figure:
                client.ask("POST", "/api/reviews/misleading", json={"figure": figure, "hidden": hidden})
        answer = client.ask("GET", "/api/reviews/misleading")
    if printed(json, answer):
        return
    for each in answer["misleading"]:
        item = each["item"]
        what = each["figure"] or item["text"] or looked_up(item["kind"])
        kept_away = " (" + _("hidden") + ")" if each["hidden"] else ""
        plain(
            _(
                "%(misleading)s of %(rated)s  %(query)s: %(what)s%(hidden)s",
                misleading=each["misleading"],
                rated=each["rated"],
                query=each["query"],
                what=what,
                hidden=kept_away,
            )
        )
        for comment in each["comments"]:
            plain(f"    {comment}")
    number = len(answer["hidden"])
    say(ngettext("%(num)s figure is hidden from learners.", "%(num)s figures are hidden from learners.", number))


def evaluate(
    table: Annotated[Path | None, typer.Option("--csv", help="Write every rating as a table to this file.")] = None,
    queries: Annotated[
        Path | None, typer.Option(help="Write judged queries to this file, for `mirage evaluate calibrate --judged`.")
    ] = None,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Measure what educators rated: agreement, shares, both ways of searching, and the protocol's bars."""
    for file, name in ((table, "ratings.csv"), (queries, "queries.json")):
        if file is not None:
            check_target(file, name)
    with connect(atlas) as client:
        answer = client.ask("GET", "/api/reviews/results")
        for file, name in ((table, "ratings.csv"), (queries, "queries.json")):
            if file is not None:
                write(file, client.fetch(f"/api/reviews/{name}"))
    if not printed(json, answer):
        facts(list(_rows(answer)))


def _rows(answer: dict[str, Any]) -> Any:
    number = answer["educators"]
    yield _("rated by"), ngettext("%(num)s educator", "%(num)s educators", number)
    yield _("conditions that count"), str(answer["counting"])
    for kind in answer["kinds"]:
        rated = _("%(rated)s of %(items)s", rated=kind["rated"], items=kind["items"])
        yield _("%(kind)s: rated", kind=looked_up(kind["kind"])), rated
        yield "  " + _("misleading"), _told(kind["misleading_share"])
        yield "  " + _("alpha, nominal / ordinal"), f"{_told(kind['nominal'])} / {_told(kind['ordinal'])}"
    for arm in answer["arms"]:
        yield _("%(arm)s: nDCG@10 / precision", arm=arm["arm"]), f"{_told(arm['ndcg'])} / {_told(arm['precision'])}"
    for each in answer["criteria"]:
        yield f"{each['name']}: {each['bar']}", f"{_told(each['measured'])}: {looked_up(each['verdict'])}"


def _told(interval: dict[str, Any]) -> str:
    if interval["value"] is None:
        return "-"
    if interval["low"] is None:
        return locales.number(interval["value"], 2)
    return _(
        "%(value)s (%(low)s to %(high)s)",
        value=locales.number(interval["value"], 2),
        low=locales.number(interval["low"], 2),
        high=locales.number(interval["high"], 2),
    )
