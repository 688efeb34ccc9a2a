"""``mirage evaluate retrieval``: how well figures are found, and by which system."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from mirage.cli.output import counted, out, say
from mirage.errors import BadInput
from mirage.settings import Settings
from mirage_research.commands.evaluate import MedPix, counting, write

MEDPIX = "medpix"
TRAIN = "train"


def retrieval(
    atlas: Annotated[
        Path | None,
        typer.Option(help="An atlas: its stored vectors are taken as they are. Left out, one is made of the corpus."),
    ] = None,
    medpix: MedPix = None,
    corpus: Annotated[str, typer.Option(help="Another corpus, with its --path.")] = "",
    path: Annotated[Path | None, typer.Option(help="Where that corpus lies.", show_default=False)] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="What else the corpus takes, as annotations=FOLDER. May be repeated.")
    ] = None,
    encoder: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME or NAME=MODEL, a folder or a hub id. May be repeated; the first is compared with the others. "
            "The atlas's own, or the starter, when left out."
        ),
    ] = None,
    split: Annotated[
        str, typer.Option(help="Which figures to ask about; all for every one.", show_default="dev; all for an atlas alone")
    ] = "",
    pool: Annotated[
        str,
        typer.Option(help="Splits whose figures may answer, with commas.", show_default="MedPix: train too; else the split"),
    ] = "",
    cases: Annotated[
        str, typer.Option(help="all, or aside: those that the encoder's training set aside (with --split train).")
    ] = "all",
    refined: Annotated[int, typer.Option(min=0, help="How many condition queries to ask with refine too.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of that choice.")] = 0,
    calibration: Annotated[
        Path | None,
        typer.Option(help="Weights of the fusion, as mirage evaluate calibrate writes them.", show_default=False),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(help="Folder to keep what was encoded in, so that the next run is quick.", show_default=False),
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too: numbers, no texts.")] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Folder for a page with plots. It shows texts and pictures: keep it to yourself.", show_default=False
        ),
    ] = None,
) -> None:
    """Measure retrieval: each channel, the fusion, refine, keyword search and encoders, asked the same queries.

    From words to pictures and back, conditions in an atlas without titles and diagnoses, and pictures of other cases.
    """
    from mirage.search import calibrations  # noqa: PLC0415
    from mirage_research.evaluation import evaluation_set as sets  # noqa: PLC0415
    from mirage_research.evaluation import retrieval as measurement  # noqa: PLC0415
    from mirage_research.evaluation import retrieval_report  # noqa: PLC0415

    if cases not in ("all", "aside"):
        raise BadInput(f"--cases is all or aside, not “{cases}”.")
    name, options = _corpus(medpix, corpus, path, option or (), alone=atlas is not None)
    if atlas is not None and name == MEDPIX and not corpus and not _holds(atlas, MEDPIX):
        name, options = "", {}  # MIRAGE_MEDPIX is there for other commands; this atlas has nothing of it
    asked = split or ("dev" if name else sets.WHOLE)
    chosen = tuple(part.strip() for part in pool.split(",") if part.strip()) or _pool(name, asked, sets.WHOLE)
    source = sets.EvaluationSource(atlas=atlas, corpus=name, options=options, pool=chosen, keep=keep)
    if encoder:
        used = [sets.named(given) for given in encoder]
    else:
        used = [sets.own_encoder(atlas) if atlas is not None else sets.named("starter")]
    choices = measurement.RetrievalOptions(
        split=asked,
        aside=cases == "aside",
        refined=refined,
        seed=seed,
        calibration=calibrations.read(calibration) if calibration else None,
        thumbnails=report is not None,
    )
    with counting("Measuring") as move:
        found = measurement.evaluate(source, used, choices, lambda step, done, total: move(done, total))
    tell(found.table)
    command = shlex.join(["mirage", *sys.argv[1:]])
    write({"command": command, **found.table}, json_file)
    if report is not None:
        say(f"The report is {retrieval_report.write(found, report, command)}. It shows the corpus's texts and pictures.")


def _corpus(
    medpix: Path | None, corpus: str, path: Path | None, given: list[str] | tuple[str, ...], *, alone: bool
) -> tuple[str, dict[str, Any]]:
    """Name of the corpus and what it takes; no name when an atlas is measured by itself."""
    options: dict[str, Any] = {}
    for one in given:
        key, equals, value = one.partition("=")
        if not key or not equals:
            raise BadInput(f"--option is given as NAME=VALUE, not “{one}”.")
        options[key] = value
    if corpus and corpus != MEDPIX:
        return corpus, options | ({"path": path} if path is not None else {})
    where = path if corpus == MEDPIX and path is not None else medpix
    if where is None and not alone:
        where = Settings.load().corpora.get(MEDPIX)
    if where is None and (corpus or not alone):
        raise BadInput(
            "Name what to measure on: --atlas FOLDER, --medpix PATH (or MIRAGE_MEDPIX), or --corpus NAME --path PATH."
        )
    return (MEDPIX, options | {"path": where}) if where is not None else ("", {})


def _holds(atlas: Path, corpus: str) -> bool:
    from mirage.storage import manifest  # noqa: PLC0415 - loads the engine

    known = manifest.read(atlas)
    return known is None or corpus in known.corpora


def _pool(name: str, split: str, whole: str) -> tuple[str, ...]:
    """MedPix's dev split alone is too small a pool for names of conditions; what other corpora hold may be very large."""
    if not name or split == whole:
        return ()
    return tuple(dict.fromkeys((TRAIN, split))) if name == MEDPIX else (split,)


def tell(table: dict[str, Any]) -> None:
    """The figures for a reader: a table for each task."""
    figures = table["figures"]
    say(
        f"{table['corpus']}, split {table['split']} (cases: {table['cases']}): {counted(figures['asked'], 'figure')} asked "
        f"about, {figures['pool']:,} in the pool. Mean (95 % interval over cases); p is adjusted for the number of systems."
    )
    for name, task in table["tasks"].items():
        out.print(_system_table(name, task))
        for system, counts in task.get("confusions", {}).items():
            kinds = ", ".join(f"{kind} {count}" for kind, count in counts.items())
            out.print(f"  first figure wrong, {escape(system)}: {kinds}", style="dim", soft_wrap=True)
        out.print()
    for one in table["encoders"]:
        if not one["training known"]:
            say(f"What {one['label']} was trained on is not known here: it may have seen what it was asked about.")
    leaks = table["look-alikes across splits"]
    told = "; ".join(
        f"{what}: {leaks[what]['identical pairs']} identical, {leaks[what]['near pairs']} near"
        for what in ("pictures", "captions")
    )
    say(f"Across splits, against {leaks['compared with']:,} figures, in pairs: {told}.")
    say(f"Reading and encoding {table['seconds']['reading and encoding']} s, measuring {table['seconds']['measuring']} s.")


def _system_table(name: str, task: dict[str, Any]) -> Table:
    right = f"{task['right']:g} right on average"
    title = f"{name}: {task['queries']:,} queries, {task['cases']:,} cases, pool {task['pool']:,}, {right}"
    caption = f"difference: {task['main']} less the other, {task['measure']}"
    shown = Table(box=None, pad_edge=False, header_style="bold", title=title, title_justify="left", title_style="bold")
    shown.caption, shown.caption_justify = caption, "left"
    shown.add_column("system", overflow="fold")
    measures = [key for key in next(iter(task["systems"].values())) if key not in ("median rank", "not found")]
    for measure in measures:
        shown.add_column(measure, justify="right", overflow="fold")
    shown.add_column("median rank", justify="right", overflow="fold")
    shown.add_column("difference", justify="right", overflow="fold")
    for system, values in task["systems"].items():
        cells = []
        for measure in measures:
            value, low, high = values[measure]
            cells.append(f"{value:.3f} ({low:.2f}–{high:.2f})" if measure == task["measure"] else f"{value:.3f}")
        middle = "–" if values["median rank"] is None else f"{values['median rank']:g}"
        other = task["compared"].get(system)
        gap = f"{other['difference'][0]:+.3f}, p {other['p adjusted']:.4f}" if other else ""
        shown.add_row(escape(system), *cells, middle, gap, style="green" if system == task["main"] else "")
    return shown
