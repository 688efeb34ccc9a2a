"""``mirage search`` and ``mirage show``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs, quote, urlsplit

import typer

from mirage import locales
from mirage.cli.client import (
    AtlasClient,
    AtlasOption,
    JsonOption,
    LessOption,
    ModalityOption,
    MoreOption,
    PlaneOption,
    RegionOption,
    Several,
    asked,
    connect,
    folder_of,
)
from mirage.cli.hits import hits_table
from mirage.cli.output import FIELDS, counted, facts, out, printed, say
from mirage.cli.stacks import save_picture, stack_shown
from mirage.errors import BadInput, NotFound, Removed, check_new
from mirage.figure import PROOFS
from mirage.query import MAX_K
from mirage.storage.pictures import pictures_of
from mirage.wording import _, looked_up


def search(
    words: Annotated[list[str] | None, typer.Argument(help="What to look for, in words.")] = None,
    image: Annotated[Path | None, typer.Option("--image", "-i", help="A picture file; finds figures like it.")] = None,
    more: MoreOption = None,
    less: LessOption = None,
    like: Annotated[Several, typer.Option(help="Id of a figure; finds figures like it.")] = None,
    modality: ModalityOption = None,
    plane: PlaneOption = None,
    region: RegionOption = None,
    proof: Annotated[Several, typer.Option(help=f"Only diagnoses proven by this: {', '.join(PROOFS)}.")] = None,
    corpus: Annotated[Several, typer.Option(help="Only this corpus.")] = None,
    licence: Annotated[Several, typer.Option(help="Only this licence.")] = None,
    k: Annotated[int, typer.Option("-k", help=f"How many hits, 1 to {MAX_K}.")] = 12,
    refine: Annotated[
        bool, typer.Option("--refine", help="Search twice, the second time also with the explanation of the first hits.")
    ] = False,
    withdrawn: Annotated[
        bool, typer.Option("--withdrawn", help="Find also figures that their source has withdrawn; they are marked.")
    ] = False,
    flat: Annotated[bool, typer.Option("--flat", help="Print the plain ranking, not the figures by case.")] = False,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Find figures by words, a picture, or both. Ends with 4 when nothing fits.

    Examples: mirage search subdural hematoma --modality CT; mirage search --image scan.png --more "with contrast"
    """
    filters = {"modality": modality, "plane": plane, "region": region, "proof": proof, "corpus": corpus, "licence": licence}
    ask = partial(asked, words or (), more, less, like=like or (), k=k, refine=refine, withdrawn=withdrawn, **filters)
    if image is None:
        ask()  # what is wrong with the query is told before the atlas is opened
    with connect(atlas) as client:
        answer = client.search(ask(pictures=[client.picture(image)] if image else []))
    if not printed(json, answer):
        hits_table(answer, flat=flat)
    if not answer["fits"]:
        raise typer.Exit(NotFound.exit_code)


def show(
    name: Annotated[str, typer.Argument(help="Id of a figure or a case, as `mirage search` prints it.")],
    slice_: Annotated[int | None, typer.Option("--slice", help="Of a stack: which slice, counted from 1.")] = None,
    view: Annotated[str, typer.Option(help="Of a stack: axial, coronal or sagittal.")] = "",
    window: Annotated[str, typer.Option(help="Of a stack: through which window, for example lung.")] = "",
    save: Annotated[Path | None, typer.Option(help="Write the picture, or the slice, into this file.")] = None,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Print a figure with its words, source and licence, or a case with its passages.

    Of a stack: mirage show ID --slice 57 --view coronal --window lung --save slice.png
    """
    check_new(save)
    with connect(atlas) as client:
        record, is_case = _record(client, name)
        stack = None if is_case else stack_shown(client, record, slice_, view, window)
        if save is not None:
            if is_case:
                raise BadInput(
                    _("%(id)s is a case. Give the id of one of its figures to save its picture.", id=record["id"])
                )
            save_picture(client.fetch(stack.picture if stack else record["links"]["picture"]), save)
            say(_("Written: %(save)s", save=save))
    if printed(json, record):
        return
    source, licence = record["source"], record["source"]["licence"]
    was = "" if record["id"] in (name, name.rpartition("~")[0]) else name
    rows = [("id", record["id"]), (_("in place of"), was), (_("title"), record["title"])]
    if is_case:
        rows += [(FIELDS.get(passage, passage.replace("_", " ")), text) for passage, text in record["passages"].items()]
        recalled = [figure["withdrawn"] for figure in record["figures"] if figure["withdrawn"]]
        values = {"number": len(recalled), "figures": counted(len(record["figures"]), "figure")}
        said = _("%(number)s of its %(figures)s.", **values) + " " if recalled else ""
        rows.insert(1, (_("withdrawn"), said + _withdrawn(recalled[0] if recalled else None)))
        rows += [(_("figures"), "\n".join(figure["id"] for figure in record["figures"]))]
    else:
        rows.insert(1, (_("withdrawn"), _withdrawn(record["withdrawn"])))
        names = ("caption", "diagnosis", "modality_name", "modality_detail", "plane", "region", "patient", "case_id")
        rows += [(FIELDS[field], _marked(record, field)) for field in names]
        rows += [
            (
                _("edited here"),
                "; ".join(
                    _("%(field)s on %(day)s", field=FIELDS.get(field, field), day=day)
                    for field, day in record["edited"].items()
                ),
            )
        ]
        rows += [(_("labels"), "; ".join(record["contradictions"])), (_("caption in"), locales.said(record["language"]))]
        rows += [(_("diagnosis by"), _(PROOFS[record["proof"]]) if record["proof"] in PROOFS else "")]
        rows += stack.rows if stack else [(_("picture"), _file(folder_of(atlas), record))]
    of = {
        "figure": "",
        "case": " " + _("(of its case)"),
        "article": " " + _("(of its article)"),
        "collection": " " + _("(of the whole collection)"),
    }[source["url_of"]]
    rows += [(_("source"), source["attribution"]), (_("link"), source["url"] and source["url"] + of)]
    rows += [(_("licence"), " ".join(filter(None, [looked_up(licence["name"]), licence["url"]])))]
    facts([(field, value) for field, value in rows if value])
    if not is_case:
        out.print("\n" + _("%(command)s finds more like this.", command=f"[dim]mirage search --like {record['id']}[/]"))


def _withdrawn(word: dict[str, str] | None) -> str:
    """What a source says that has withdrawn something; empty where it has not."""
    return (
        " ".join(
            filter(None, (_("By its source."), looked_up(word["said"]), _("Seen on %(day)s.", day=word["day"]), word["url"]))
        )
        if word
        else ""
    )


def _marked(record: dict[str, Any], field: str) -> str:
    """A figure's field in words, marked where its source does not say it."""
    value = str(record[field])
    if field in (
        "modality_name",
        "plane",
        "region",
    ):  # words of MIRAGE's own; what a source says otherwise stays as it says it
        value = looked_up(value)
    inferred = value and field.removesuffix("_name") in record["inferred"]
    return _("%(value)s (inferred)", value=value) if inferred else value


def _record(client: AtlasClient, name: str) -> tuple[dict[str, Any], bool]:
    """A figure or a case, and whether it is a case."""
    missing = NotFound(_("This atlas has no figure and no case %(name)s.", name=repr(name)))
    for kind in ("figures", "cases"):
        try:
            return client.ask("GET", f"/api/{kind}/{quote(name, safe='')}"), kind == "cases"
        except Removed as gone:
            missing = gone
        except NotFound:
            pass
    raise missing


def _file(folder: Path, record: dict[str, Any]) -> str:
    """Where a figure's picture lies: its address names the content, and its file begins with the same digits."""
    content = parse_qs(urlsplit(record["links"]["picture"]).query)["v"][0]
    return pictures_of(folder).find(content)
