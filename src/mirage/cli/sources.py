"""What ``mirage add`` says of a living source: its offer, what is left out, and the question whether to fetch it."""

from __future__ import annotations

import sys
from itertools import groupby
from typing import Any

import typer

from mirage.cli.client import AtlasClient
from mirage.cli.output import counted, day, err, plain, say, size
from mirage.figure import called
from mirage.locales import number
from mirage.wording import _, looked_up, ngettext

_LISTED = 60  # figures of an offer
_NAMED = 20  # ids in a line


def ask(client: AtlasClient, corpus: str, options: dict[str, Any], *, again: bool) -> dict[str, Any]:
    """Ask a living source what it would give; nothing is added.

    Parameters
    ----------
    client : AtlasClient
    corpus : str
        An adapter's name.
    options : dict
        Of its card.
    again : bool
        Whether to ask it even where its answers are kept.

    Returns
    -------
    dict
        As ``/api/previews`` answers.

    Raises
    ------
    mirage.errors.MirageError
        In the source's words, when it fails.
    """
    body = {"corpus": corpus, "options": options, "again": again}
    job = client.follow(client.ask("POST", "/api/previews", json=body), unit="/s")
    found: dict[str, Any] = client.ask("GET", f"/api/previews/{job['id']}")
    for each in found["figures"]:
        del each["thumbnail"]  # it ends with this command
    return found


def list_figures(found: dict[str, Any]) -> None:
    """Print the figures of an offer, by what they belong to.

    Parameters
    ----------
    found : dict
        As `ask` gives it.
    """
    shown = found["figures"][:_LISTED]
    for group, those in groupby(shown, lambda each: each["group"]):
        plain(group or _("Without a group"))
        for each in those:
            kind = [called(each["modality"]), counted(each["slices"], "slice") if each["slices"] else ""]
            kind += [
                size(each["size"]) if each["size"] is not None else _("size not stated"),
                looked_up(each["licence"]["name"]),
            ]
            state = {"there": ", " + _("there already"), "removed": ", " + _("removed before")}.get(each["state"], "")
            link = f" {each['url']}" if each["url"] else ""
            plain(f"  {each['id']}: {each['head']} ({', '.join(filter(None, kind))}{state}){link}")
            for warning in each["warnings"]:
                say(_("Look at %(id)s: %(warning)s", id=each["id"], warning=warning))
    if len(found["figures"]) > len(shown):
        plain(_("… and %(figures)s more", figures=number(len(found["figures"]) - len(shown))))


def tell(found: dict[str, Any]) -> None:
    """Say how much would come, and what was left out and why.

    Parameters
    ----------
    found : dict
        As `ask` gives it.
    """
    looked = ngettext(
        "%(number)s was looked at.", "%(number)s were looked at.", found["looked_at"], number=number(found["looked_at"])
    )
    if found["total"] is not None:
        fit = ngettext(
            "%(what)s fits",
            "%(what)s fit",
            found["total"],
            what=counted(found["total"], found["unit"] if found["unit"] == "series" else found["unit"].removesuffix("s")),
        )
        looked = f"{fit}; {looked}"
    say(f"{found['title']}: {looked}")
    say(_("It answered on %(asked)s, and its answers are kept; --again asks it anew.", asked=day(found["asked"])))
    if left := found["left_out"]:
        reasons = "; ".join(f"{each['figures']:,} {each['reason']}" for each in left)
        say(_("%(left)s left out: %(reasons)s.", left=number(sum(each["figures"] for each in left)), reasons=reasons))
    if withdrawn := found["withdrawn"]:
        ids = " ".join(withdrawn[:_NAMED]) + (" …" if len(withdrawn) > _NAMED else "")
        say(
            ngettext(
                "%(withdrawn)s of this atlas was withdrawn at the source (an article retracted, a file deleted) and is "
                "marked. To take out: mirage remove figure %(ids)s",
                "%(withdrawn)s of this atlas were withdrawn at the source (an article retracted, a file deleted) and are "
                "marked. To take out: mirage remove figure %(ids)s",
                len(withdrawn),
                withdrawn=counted(len(withdrawn), "figure"),
                ids=ids,
            )
        )
    come = _("%(figures)s would come", figures=counted(found["new"], "figure"))
    counts = [f"{come}, {amount(found)}" if found["new"] else come]
    counts += [_("%(number)s are there already", number=number(found["there"]))] if found["there"] else []
    counts += [_("%(number)s were removed before", number=number(found["removed"]))] if found["removed"] else []
    say(f"{'; '.join(counts)}.")


def amount(found: dict[str, Any]) -> str:
    """How large what would come is, as far as the source states it."""
    if not found["unsized"]:
        return size(found["size"])
    return _("at least %(size)s", size=size(found["size"])) if found["size"] else _("of a size that is not stated")


def agreed(found: dict[str, Any], number: int, *, yes: bool) -> bool:
    """Whether to fetch: asked on a terminal, and taken for granted elsewhere.

    Parameters
    ----------
    found : dict
        As `ask` gives it.
    number : int
        Of figures to fetch.
    yes : bool
        Whether that was said already.
    """
    if yes or not _on_a_terminal():
        return True
    return typer.confirm(_("Fetch and add %(figures)s?", figures=counted(number, "figure")), default=True, err=True)


def _on_a_terminal() -> bool:
    return sys.stdin.isatty() and err.is_terminal
