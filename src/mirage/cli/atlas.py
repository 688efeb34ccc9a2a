"""``mirage atlas``: what an atlas holds, and making its index anew."""

from __future__ import annotations

from typing import Annotated

import typer

from mirage.adding import Progress
from mirage.atlas import Atlas
from mirage.cli.output import counted, facts, print_json, progress_bar, say, size
from mirage.cli.reaching import AtlasOption, folder_of, reach
from mirage.rebuilding import rebuild as rebuild_atlas
from mirage.web import views

app = typer.Typer(help="What an atlas holds; making its index anew.", no_args_is_help=True)


@app.command()
def info(atlas: AtlasOption = None, json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Tell what the atlas holds, with sizes and licences."""
    with reach(atlas) as reached:
        if isinstance(reached, Atlas):
            record = views.atlas_page(reached).model_dump(mode="json", by_alias=True)
        else:
            record = reached.ask("GET", "/api/atlas")
    if json:
        print_json(record)
        return
    encoder = record["encoder"]
    rows = [
        ("folder", str(folder_of(atlas))),
        ("figures", f"{record['figures']:,} in {counted(record['cases'], 'case')}, pictures {size(record['bytes'])}"),
        ("encoder", f"{encoder['name']} {encoder['digest'][:12]}, {encoder['dimension']} dimensions"),
    ]
    for corpus in record["corpora"]:
        part = "" if corpus["complete"] else " – only partly added; add it again to go on"
        holds = f"{counted(corpus['figures'], 'figure')}, {counted(corpus['cases'], 'case')}"
        rows.append(
            (
                corpus["name"],
                f"{corpus['title']}: {holds}, {size(corpus['bytes'])}; "
                f"licence {corpus['licence']['name']}; version {corpus['version']}{part}",
            )
        )
    facts(rows)


@app.command()
def rebuild(
    encoder: Annotated[str | None, typer.Option(help="Encode all pictures with this encoder.")] = None,
    atlas: AtlasOption = None,
) -> None:
    """Make the index anew from the records; mends a damaged index, or moves the atlas to another encoder."""
    folder = folder_of(atlas)
    with progress_bar("Encoding", unit=" figures/s") as move:

        def tell(progress: Progress) -> None:
            move(progress.done, progress.total, progress.rate, progress.seconds_left)

        figures, encoded = rebuild_atlas(folder, encoder, tell)
    say(f"The index of {folder} was made anew: {figures:,} figures, {encoded:,} of them encoded now.")
