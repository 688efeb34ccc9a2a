"""``mirage explain`` and ``mirage compare``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

import typer
from rich.markup import escape

from mirage.cli.client import (
    AtlasClient,
    AtlasOption,
    JsonOption,
    LessOption,
    ModalityOption,
    MoreOption,
    PlaneOption,
    RegionOption,
    asked,
    connect,
)
from mirage.cli.output import FIELDS, counted, out, plain, printed
from mirage.compare.dual import Dual
from mirage.errors import BadQuery, NotFound
from mirage.explain.evidence import ASPECTS
from mirage.figure import MODALITIES
from mirage.query import Query
from mirage.wording import N_, Words, _, looked_up, ngettext

Speaker = Annotated[str, typer.Option("--explainer", help="Which explainer writes.", show_default="the settings'")]
# Signs beside the words, for those who skim; the words say it all.
_SIGNS = {"partly": "~", "unsupported": "?", "contradicted": "✗"}
_SUPPORT = Words({"partly": N_("partly"), "unsupported": N_("unsupported"), "contradicted": N_("contradicted")})


def explain(
    words: Annotated[list[str], typer.Argument(help="What to explain, in words.")],
    explainer: Speaker = "",
    more: MoreOption = None,
    less: LessOption = None,
    modality: ModalityOption = None,
    plane: PlaneOption = None,
    region: RegionOption = None,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Explain what a query finds, every sentence with its evidence. Ends with 4 when there is nothing to explain from.

    Example: mirage explain subdural hematoma --modality CT
    """
    query = asked(words, more, less, modality=modality, plane=plane, region=region)
    with connect(atlas, explainer=explainer or None) as client:
        whole = explained(client, "/api/explain", query, explainer)
    if not printed(json, whole):
        show(whole)
    if not whole["claims"]:
        raise typer.Exit(NotFound.exit_code)


def compare(
    a: Annotated[str, typer.Argument(help="A query; with --less or --more, the one that is modified.")],
    b: Annotated[str, typer.Argument(help="The other query.")] = "",
    less: LessOption = None,
    more: MoreOption = None,
    explainer: Speaker = "",
    modality: ModalityOption = None,
    plane: PlaneOption = None,
    region: RegionOption = None,
    no_explain: Annotated[bool, typer.Option("--no-explain", help="Leave the explanation of the difference out.")] = False,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Put two queries side by side, or a query and its modified self: what both have, and what tells them apart.

    Examples: mirage compare glioblastoma meningioma; mirage compare "brain MRI" --less MRI@0.7 --more CT
    """
    if b and (less or more):
        raise BadQuery(_("Compare two queries, or one query with --less and --more; not both at once."))
    if not b and not less and not more:
        raise BadQuery(_("Give a second query, or say what to have --less or --more of."))
    filters: dict[str, Any] = {"modality": modality, "plane": plane, "region": region}
    first = Query.of(a, **filters)
    dual = Dual.of(first, Query.of(b, **filters)) if b else Dual.modify(first, less=less or (), more=more or ())
    with connect(atlas, explainer=explainer or None) as client:
        found = client.ask("GET", f"/api/compare?{dual.print()}")
        whole = None if no_explain else explained(client, "/api/compare/explain", dual, explainer)
    if printed(json, {**found, "explanation": whole}):
        return
    _print_comparison(found)
    if whole is not None:
        out.print("\n[bold]" + _("The difference") + "[/]")
        show(whole)


def explained(client: AtlasClient, path: str, query: Query | Dual, explainer: str = "") -> dict[str, Any]:
    """Ask for a whole explanation.

    Parameters
    ----------
    client : AtlasClient
    path : str
        Of the API.
    query : Query or Dual
    explainer : str
        Who speaks; the settings' one when empty.
    """
    options = urlencode({"stream": "0", **({"explainer": explainer} if explainer else {})})
    # A model may write for minutes.
    whole: dict[str, Any] = client.ask("GET", f"{path}?{query.print()}&{options}", timeout=None)
    return whole


def show(whole: Mapping[str, Any], gap: str = "") -> None:
    """Print an explanation as the API gives it; `gap` stands between what was printed before and it."""
    sides = {item["number"]: item["side"].upper() for item in whole["evidence"]}
    heading = ""
    for claim in whole["claims"]:
        kind = looked_up(MODALITIES.get(claim["modality"], claim["modality"]))
        if claim["aspect"] and (told := f"{looked_up(ASPECTS[claim['aspect']])}{f': {kind}' if kind else ''}") != heading:
            heading = told
            out.print(f"{gap}[bold]{heading}[/]")
        marks = "".join(f"[{sides.get(number, '')}{number}]" for number in claim["cites"])
        text = f"“{claim['text']}”" if claim["quoted"] else claim["text"]
        doubt = f" {_SIGNS[claim['support']]} {_SUPPORT[claim['support']]}" if claim["support"] in _SIGNS else ""
        reach = f" ({'; '.join(claim['marks'])})" if claim["marks"] else ""
        plain(f"{text} {marks}{reach}{doubt}")
        for found in claim["breaks"]:
            plain(f"    {found['reason']}")
        gap = "\n"
    if table := whole["cases"]:
        out.print(f"{gap}[bold]{escape(table['heading'])}[/]")
        for row in table["rows"]:
            plain(f"  {row['words']}")
            said = {_("say so"): row["present"], _("deny it"): row["denied"], _("leave it open"): row["possible"]}
            for words, count in said.items():
                if count["figures"]:
                    plain(f"    {words}: {', '.join(count['figures'])}")
    for remark in whole["remarks"]:
        plain(f"{gap}{remark}")
        gap = "\n"
    used = {number for claim in whole["claims"] for number in claim["cites"]}
    if used:
        out.print("\n[bold]" + _("Evidence") + "[/]")
    for item in whole["evidence"]:
        if item["number"] in used:
            source = item["source"]
            kind = FIELDS.get(item["kind"], item["kind"])
            parts = [f"[{item['side'].upper()}{item['number']}] {kind}: {item['title'] or item['figures'][0]}"]
            parts += [
                source["attribution"],
                _("Licence: %(name)s", name=looked_up(source["licence"]["name"])),
                source["url"],
            ]
            plain(". ".join(part.rstrip(".") for part in parts if part))
    if whole["explainers"]:
        spoke = _(", then ").join(
            f"{each['name']} ({each['model']})" if each["model"] else each["name"] for each in whole["explainers"]
        )
        plain(_("%(gap)sExplained by: %(spoke)s. It teaches; it does not diagnose.", gap=gap, spoke=spoke))


def _print_comparison(found: Mapping[str, Any]) -> None:
    for side, words in zip("ab", found["words"], strict=True):
        answer = found[side]
        fitting = [hit for hit in answer["hits"] if hit["confidence"] != "weak"]
        fit = ngettext("%(num)s figure that fits", "%(num)s figures that fit", len(fitting))
        plain(f"{side.upper()}: {words} – {fit}")
        for hit in fitting[:3]:
            figure = hit["figure"]
            plain(f"   {figure['id']}  {figure['title'] or figure['alt']}"[:100])
    for title, name in ((_("Both have"), "shared"), (_("A has"), "of_a"), (_("B has"), "of_b")):
        if found[name]:
            out.print(f"\n[bold]{title}[/]")
        for trait in found[name]:
            plain(
                f"  {trait['concept']} ({looked_up(trait['kind'])}): {', '.join(_count(side, trait[side]) for side in 'ab')}"
            )
    for note in found["notes"]:
        plain(f"\n{note}")


def _count(side: str, count: Mapping[str, Any]) -> str:
    denied = _(", denied in %(number)s", number=count["denied"]) if count["denied"] else ""
    return f"{side.upper()} {count['affirmed']} of {counted(count['cases'], 'case')}{denied}"
