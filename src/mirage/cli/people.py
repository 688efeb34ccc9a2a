"""``mirage people``: who may use a shared site, with which role, and what educators and owners did."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

import typer

from mirage.cli.client import AtlasClient, AtlasOption, JsonOption, connect
from mirage.cli.output import counted, plain, printed, say, size
from mirage.cli.saving import one_of
from mirage.errors import BadInput, MirageError, NotFound, meant
from mirage.people.roles import LEARNER, ROLE_WORDS, ROLES
from mirage.people.times import last_day, moment
from mirage.wording import N_, _

app = typer.Typer(help="Invite people to a shared site, and say what they may do.", no_args_is_help=True)
Who = Annotated[str, typer.Argument(help="Id or name, as `mirage people list` prints it.")]
RoleOption = Annotated[str, typer.Option(help=f"What they may do: {', '.join(ROLES)}.", callback=one_of(ROLES))]


def _address(client: AtlasClient, who: str) -> str:
    called = {each["id"]: each["name"] for each in client.ask("GET", "/api/people")["people"]}
    found = meant(who, called, N_("person"), listed_by="mirage people list")
    return f"/api/people/{quote(found, safe='')}"


@app.command("list")
def list_(atlas: AtlasOption = None, json: JsonOption = False) -> None:
    """Print who there is, and the invitations that let somebody in."""
    with connect(atlas) as client:
        answer = client.ask("GET", "/api/people")
    if printed(json, answer):
        return
    for each in answer["people"]:
        devices = counted(each["sessions"], "device")
        kept = f"{counted(each['jobs'], 'job')}, {counted(each['images'], 'image')}, {size(each['bytes'])}"
        plain(
            _(
                "%(id)s  %(role)s  %(name)s (last here %(seen)s, %(devices)s, %(kept)s)",
                id=each["id"],
                role=format(ROLE_WORDS[each["role"]], "<8"),
                name=each["name"],
                seen=moment(each["seen"]),
                devices=devices,
                kept=kept,
            )
        )
    for each in answer["together"]:
        plain(
            _(
                "%(id)s  %(people)s people came by one link from one address, %(first)s to %(last)s",
                id=each["id"],
                people=len(each["people"]),
                first=moment(each["first"]),
                last=moment(each["last"]),
            )
        )
    for each in answer["invitations"]:
        plain(
            _(
                "%(id)s  invitation of %(used)s/%(uses)s %(role)ss until %(until)s",
                id=each["id"],
                used=each["used"],
                uses=each["uses"],
                role=ROLE_WORDS[each["role"]],
                until=last_day(each["until"]),
            )
        )
    if not answer["people"]:
        say(_("Nobody yet. `mirage people invite` makes a link; `mirage serve --shared` lets people in."))


@app.command()
def invite(
    role: RoleOption = LEARNER,
    uses: Annotated[int, typer.Option(help="How many the link lets in.", min=1)] = 1,
    until: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="YYYY-MM-DD",
            help="Through this day, 400 days from now at most.",
            show_default="a week from now",
        ),
    ] = None,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Print a link that lets people in."""
    asked: dict[str, Any] = {"role": role, "uses": uses}
    if until is not None:
        asked["until"] = until.date().isoformat()
    with connect(atlas) as client:
        answer = client.ask("POST", "/api/invitations", json=asked)
    if not printed(json, answer):
        typer.echo(answer["link"])  # in one line, however wide the terminal is


@app.command()
def link(who: Who, atlas: AtlasOption = None, json: JsonOption = False) -> None:
    """Print a link by which somebody signs in once more, who has lost the way in."""
    with connect(atlas) as client:
        answer = client.ask("POST", f"{_address(client, who)}/link")
    if not printed(json, answer):
        typer.echo(answer["link"])  # in one line, however wide the terminal is


@app.command()
def role(
    who: Who,
    role: Annotated[str, typer.Argument(help=f"{', '.join(ROLES)}.", callback=one_of(ROLES))],
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Give somebody another role; it holds at once, where they are signed in too."""
    with connect(atlas) as client:
        answer = client.ask("PATCH", _address(client, who), json={"role": role})
    if not printed(json, answer):
        say(_("%(name)s is %(role)s now.", name=answer["name"], role=ROLE_WORDS[answer["role"]]))


@app.command()
def end(
    who: Annotated[str, typer.Argument(help="Name or id of a person, or id of an invitation.")],
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Sign somebody out on all devices, or end an invitation."""
    with connect(atlas) as client:
        invitations = [each["id"] for each in client.ask("GET", "/api/people")["invitations"]]
        if who in invitations:
            answer, what = client.ask("DELETE", f"/api/invitations/{who}"), "invitation"
        else:
            try:
                there = _address(client, who)
            except NotFound:
                raise NotFound(
                    _(
                        "There is neither a person nor an open invitation %(who)s. `mirage people list` "
                        "prints both, with their ids; an invitation that is not there lets nobody in any "
                        "more.",
                        who=repr(who),
                    )
                ) from None
            answer, what = client.ask("POST", f"{there}/end"), "session"
    if not printed(json, answer):
        say(_("%(things)s ended.", things=counted(answer["ended"], what)))


@app.command()
def remove(
    who: Annotated[str, typer.Argument(help="Id or name of a person, or id of those who came together.")],
    sure: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Remove somebody with all that they kept, for good; or the learners who came together, by the id that `list` prints."""
    with connect(atlas) as client:
        groups = [each["id"] for each in client.ask("GET", "/api/people")["together"]]
        address = f"/api/people/together/{who}" if who in groups else _address(client, who)
        if not sure and not sys.stdin.isatty():
            raise BadInput(_("Nobody was removed: there is no terminal to ask at. Add --yes to remove without being asked."))
        if not sure and not typer.confirm(_("Remove %(who)s with all that they kept, for good?", who=who), err=True):
            raise MirageError(_("Nobody was removed."))
        answer = client.ask("DELETE", address)
    if not printed(json, answer):
        say(_("Removed: %(removed)s.", removed=", ".join(answer["removed"]) if who in groups else answer["removed"]))


@app.command()
def audit(
    most: Annotated[int, typer.Option(help="How many.", min=1, max=1_000)] = 50,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Print what educators and owners did, newest first."""
    with connect(atlas) as client:
        answer = client.ask("GET", "/api/audit", params={"most": most})
    if printed(json, answer):
        return
    for each in answer["entries"]:
        when = moment(each["when"], "%Y-%m-%d %H:%M:%S")
        plain(f"{when}  {each['name']} ({each['role']}): {each['what']}: {each['target']}")
    if not answer["entries"]:
        say(_("Nothing is written down yet."))
