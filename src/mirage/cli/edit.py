"""``mirage edit``: words of figures that were added from files of one's own."""

from __future__ import annotations

from typing import Annotated

import typer

from mirage.cli.client import AtlasOption, JsonOption, connect
from mirage.cli.output import printed, say
from mirage.cli.saving import one_of
from mirage.errors import BadInput
from mirage.figure import EDITABLE
from mirage.wording import _

app = typer.Typer(
    help="Edit words of figures that you added from files of your own. Searches find the new words at once.",
    no_args_is_help=True,
)
_Words = str | None


@app.callback()
def _only_figures() -> None:
    """Keep ``figure`` a word of its own: cases may follow."""


@app.command()
def figure(
    id: Annotated[str, typer.Argument(help="Id of a figure, as `mirage search` prints it.", show_default=False)],
    title: Annotated[_Words, typer.Option(help="Of the picture. An empty text takes it away; so with the others.")] = None,
    caption: Annotated[_Words, typer.Option(help="What the picture shows.")] = None,
    diagnosis: Annotated[_Words, typer.Option(help="Of the picture.")] = None,
    modality: Annotated[_Words, typer.Option(help="CT, MR, US, XR … or a word such as MRI.")] = None,
    plane: Annotated[_Words, typer.Option(help="axial, coronal, sagittal, frontal, lateral, oblique.")] = None,
    region: Annotated[_Words, typer.Option(help="Body region.")] = None,
    undo: Annotated[
        list[str] | None,
        typer.Option(
            help=f"A field that shall say again what the source says: {', '.join(EDITABLE)}, or all.",
            callback=one_of((*EDITABLE, "all")),
        ),
    ] = None,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Edit words of a figure. An edit is marked with its day, and stays when its folder is added again."""
    told = {
        "title": title,
        "caption": caption,
        "diagnosis": diagnosis,
        "modality": modality,
        "plane": plane,
        "region": region,
    }
    words = {field: text for field, text in told.items() if text is not None}
    back = list(EDITABLE) if "all" in (undo or ()) else undo or []
    if not words and not back:
        raise BadInput(_("Say what to edit, as in --caption “…”, or what to --undo. Nothing was changed."))
    with connect(atlas) as client:
        job = client.follow(client.ask("POST", "/api/edit", json={"figure": id, "words": words, "undo": back}))
        record = client.ask("GET", "/api/edit", params={"figure": id})
    if not printed(json, record):
        say(job["message"])
