"""``mirage repeat``: what is due, how somebody gets on, and all of one's own data."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from mirage.cli.client import AtlasOption, JsonOption, connect, taken_in
from mirage.cli.collection import collection_meant
from mirage.cli.output import counted, plain, printed, say, size
from mirage.cli.saving import check_target, one_of, write
from mirage.errors import BadInput, MirageError
from mirage.locales import number
from mirage.study.owndata import PARTS
from mirage.study.quiz.making import KINDS
from mirage.study.repeating import SOURCES
from mirage.wording import _

app = typer.Typer(help="Repeat what you learn, see how you get on, and take or delete your data.", no_args_is_help=True)
_COUNTED = {
    "answers": "answer",
    "cards": "card",
    "repetitions": "repetition",
    "choices": "setting",
    "collections": "collection",
    "items": "thing kept",
    "quizzes": "quiz",
    "quiz_questions": "question",
    "reviews": "review",
    "review_items": "thing to rate",
    "ratings": "rating",
    "hidden": "hidden figure",
}


@app.command()
def due(atlas: AtlasOption = None, json: JsonOption = False) -> None:
    """Print what is due today. `mirage serve` opens the page that asks it."""
    with connect(atlas) as client:
        answer = client.ask("GET", "/api/repeat")
    if printed(json, answer):
        return
    if not answer["cards"]:
        say(_("There are no cards yet. `mirage repeat add figure ID` makes some."))
        return
    plain(
        _(
            "%(due)s due, %(new)s new; %(answered)s answered today.",
            due=counted(answer["due"], "card"),
            new=answer["new"],
            answered=answer["answered"],
        )
    )
    if answer["waiting"]:
        plain(_("%(waiting)s more due, beyond what you want to do in a day.", waiting=answer["waiting"]))
    if answer["removed"]:
        why = _("their figures were removed, hidden, or withdrawn by their sources")
        plain(_("%(removed)s not asked: %(why)s.", removed=counted(answer["removed"], "card"), why=why))
    if answer["ahead"]:
        until = time.strftime("%Y-%m-%d", time.localtime(answer["ahead_until"]))
        plain(
            _(
                "%(ahead)s answered later than it is now by this machine's clock, up to %(until)s: "
                "the clock was set back, or was ahead then. Nothing is lost; they are asked now.",
                ahead=counted(answer["ahead"], "card"),
                until=until,
            )
        )


@app.command()
def add(
    source: Annotated[str, typer.Argument(help=f"{', '.join(SOURCES)}.", callback=one_of(SOURCES))],
    target: Annotated[str, typer.Argument(help="Id of a figure, quiz or case; id or title of a collection; `q=…`.")],
    kind: Annotated[
        list[str] | None,
        typer.Option(help=f"Only this kind: {', '.join(KINDS)}; may be repeated.", callback=one_of(KINDS)),
    ] = None,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Make cards, of which the repetition asks from then on."""
    with connect(atlas) as client:
        target = collection_meant(client, target) if source == "collection" else target
        answer = client.ask("POST", "/api/repeat/cards", json={"source": source, "target": target, "kinds": kind or []})
    if printed(json, answer):
        return
    there = _(", %(number)s there already", number=answer["there"]) if answer["there"] else ""
    say(_("%(new)s added%(there)s.", new=counted(answer["new"], "card"), there=there))
    for why in answer["refused"]:
        say(_("No card: %(why)s.", why=why))


@app.command()
def progress(atlas: AtlasOption = None, json: JsonOption = False) -> None:
    """Print how you get on: answers, what was still known, what you take for what."""
    with connect(atlas) as client:
        answer = client.ask("GET", "/api/repeat/progress")
    if printed(json, answer):
        return
    if not answer["answers"]:
        say(_("Nothing has been answered yet."))
        return
    plain(
        _(
            "%(answers)s; of %(graded)s graded ones %(right)s right.",
            answers=counted(answer["answers"], "answer"),
            graded=answer["graded"],
            right=answer["right"],
        )
    )
    for week in answer["weeks"]:
        if week["asked"]:
            begins = time.strftime("%Y-%m-%d", time.localtime(week["begins"]))
            between = f"{100 * week['low']:.0f}-{100 * week['high']:.0f} %"
            plain(
                _(
                    "Seven days from %(begins)s: %(known)s of %(asked)s still known (95 %% interval %(between)s).",
                    begins=begins,
                    known=week["known"],
                    asked=week["asked"],
                    between=between,
                )
            )
    for each in answer["confusions"]:
        plain(
            _(
                "%(asked)s taken for %(given)s: %(count)s  %(compare)s",
                asked=each["asked"],
                given=each["given"],
                count=counted(each["count"], "time"),
                compare=each["compare"],
            )
        )


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="The file to write, as mine.mirage-data.zip.", show_default=False)],
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Write all of your data into one file: answers, cards, settings, collections, quizzes, reviews. No picture is in it."""
    check_target(file, "mine.mirage-data.zip")
    with connect(atlas) as client:
        data = client.fetch("/api/my-data/file")
    write(file, data, private=True)
    if not printed(json, {"file": str(file), "bytes": len(data)}):
        say(_("Written: %(file)s (%(data)s)", file=file, data=size(len(data))))


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="What `mirage repeat export` wrote.", show_default=False)],
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Add what a file holds to what is here; of two states of one card the later stays."""
    answer = taken_in(file, "/api/my-data/import", atlas)
    if not printed(json, answer):
        new, renewed, there = (sum(answer[name].values()) for name in ("new", "renewed", "there"))
        say(
            _(
                "Taken in: %(new)s new, %(renewed)s brought up to date, %(there)s there already.",
                new=number(new),
                renewed=number(renewed),
                there=number(there),
            )
        )


@app.command()
def delete(
    part: Annotated[
        list[str] | None,
        typer.Option(help=f"Only this: {', '.join(PARTS)}; may be repeated.", callback=one_of(tuple(PARTS))),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Delete your data for good, all of it or parts. It says what goes, and asks first."""
    with connect(atlas) as client:
        parts = client.ask("GET", "/api/my-data")["parts"]
        going = {name: tables for name, tables in parts.items() if not part or name in part}
        if not yes:
            _ask(going)
        answer = client.ask("DELETE", "/api/my-data", params={"part": part or []})
    if not printed(json, answer):
        say(_("Deleted for good: %(values)s entries.", values=number(sum(answer["deleted"].values()))))


def _ask(going: dict[str, Any]) -> None:
    """Say what goes, and go on only where somebody says yes."""
    for name, tables in going.items():
        say(f"{name}: {', '.join(counted(count, _COUNTED.get(table, table)) for table, count in tables.items() if count)}")
    if not sys.stdin.isatty():
        raise BadInput(_("Nothing was deleted: there is no terminal to ask at. Add --yes to delete without being asked."))
    if not typer.confirm(_("Delete this for good?"), err=True):
        raise MirageError(_("Nothing was deleted."))
