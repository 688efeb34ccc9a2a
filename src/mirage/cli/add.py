"""``mirage add``: corpora into an atlas."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mirage import corpora
from mirage.atlas import Atlas
from mirage.cli.output import download_bar, duration, print_json, progress_bar, say
from mirage.cli.reach import AtlasOption, Reached, Served, follow, reach
from mirage.corpora.base import Corpus, Downloads
from mirage.errors import BadInput
from mirage.settings import Settings
from mirage.storage.ingest import Progress, Report, add

app = typer.Typer(
    help="Add a corpus to the atlas. Stopped at any point and run again, it goes on where it was.", no_args_is_help=True
)
JsonOption = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]


@app.command()
def starter(atlas: AtlasOption = None, json: JsonOption = False) -> None:
    """Add the pictures that ship with MIRAGE."""
    _add("starter", {}, atlas, json)


@app.command()
def medpix(
    path: Annotated[
        Path | None, typer.Argument(help="A checkout or copy of MedPix 2.0; left out, it is downloaded (about 320 MB).")
    ] = None,
    split: Annotated[list[str] | None, typer.Option(help="Only this split: train, dev or test.")] = None,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Add MedPix 2.0: 671 teaching cases with 2,050 CT and MR images."""
    where = path or Settings.load().medpix
    options: dict[str, Any] = {} if where is None else {"path": where}
    if split:
        options["splits"] = tuple(split)
    _add("medpix", options, atlas, json)


@app.command()
def folder(
    path: Annotated[Path, typer.Argument(help="A folder of pictures or DICOM files, with or without a table of words.")],
    words: Annotated[
        Path | None, typer.Option(help="CSV or JSONL with the pictures' words; found by itself when it is figures.csv.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the collection.", show_default="the folder's name")] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of all the pictures, when you know it.")] = None,
    attribution: Annotated[str | None, typer.Option(help="The line to print beside each picture.")] = None,
    allow_burned_in: Annotated[
        bool, typer.Option("--allow-burned-in", help="Take DICOM files whose header says that text is burned in.")
    ] = False,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Add a folder of pictures."""
    options: dict[str, Any] = {
        "path": path,
        "words": words,
        "name": name,
        "licence": licence,
        "attribution": attribution,
    }
    options = {key: value for key, value in options.items() if value is not None}
    if allow_burned_in:
        options["allow_burned_in"] = True
    _add("folder", options, atlas, json)


SplitOption = Annotated[list[str] | None, typer.Option(help="Only this split: train, validation or test.")]


@app.command()
def roco(
    path: Annotated[Path, typer.Argument(help="The folder with ROCO's parquet files (mdwiratathya/ROCO-radiology).")],
    annotations: Annotated[
        Path | None,
        typer.Option(
            help="A checkout of razorx89/roco-dataset: articles and licences.", show_default="looked for in the folder"
        ),
    ] = None,
    split: SplitOption = None,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Add ROCO: 81,770 radiology figures of articles, each with its caption and its own licence."""
    options: dict[str, Any] = {"path": path} | ({"annotations": annotations} if annotations else {})
    _add("roco", options | ({"splits": tuple(split)} if split else {}), atlas, json)


@app.command()
def rocov2(
    path: Annotated[Path, typer.Argument(help="The folder with ROCOv2's parquet files (eltorio/ROCOv2-radiology).")],
    licences: Annotated[
        Path | None,
        typer.Option(help="license_information.csv of the release at Zenodo.", show_default="looked for in the folder"),
    ] = None,
    split: SplitOption = None,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Add ROCOv2: 79,793 radiology figures of articles, each with its caption and its own licence."""
    options: dict[str, Any] = {"path": path} | ({"licences": licences} if licences else {})
    _add("rocov2", options | ({"splits": tuple(split)} if split else {}), atlas, json)


def _add(corpus: str, options: dict[str, Any], atlas: Path | None, json: bool) -> None:
    with reach(atlas, create=True) as reached:
        report = _through(reached, corpus, options) if isinstance(reached, Served) else _here(reached, corpus, options)
    if json:
        print_json(report)
        return
    for entry in report["refused"]:
        say(f"Left out: {entry['label']}: {entry['reason']}")
    say(report["message"])


def _here(atlas: Atlas, corpus: str, options: dict[str, Any]) -> dict[str, Any]:
    source = prepared(corpus, options)
    report = add_with_bar(atlas, source)
    new, old = f"{report.added:,} figures added", f"{report.kept:,} were there already"
    left_out = f", {len(report.refused):,} left out" if report.refused else ""
    return {
        "corpus": corpus,
        "added": report.added,
        "kept": report.kept,
        "refused": [{"label": entry.label, "reason": entry.reason} for entry in report.refused],
        "seconds": report.seconds,
        "message": f"{new}, {old}{left_out}, in {duration(report.seconds)}.",
    }


def prepared(corpus: str, options: dict[str, Any]) -> Corpus:
    """Open a corpus; one that has to be downloaded is, with a bar."""
    source = corpora.load(corpus, **options)
    if isinstance(source, Downloads) and not source.ready:
        with download_bar(corpus) as tell:
            source.prepare(tell)
    return source


def add_with_bar(atlas: Atlas, source: Corpus) -> Report:
    """Add a corpus, showing rate and time left."""
    title = f"Adding {source.info().title}"
    with progress_bar(title, unit=" figures/s") as move:

        def tell(progress: Progress) -> None:
            move(progress.done, progress.total, progress.rate, progress.seconds_left)

        return add(atlas, source, progress=tell)


def _through(served: Reached, corpus: str, options: dict[str, Any]) -> dict[str, Any]:
    assert isinstance(served, Served)
    unsupported = sorted(set(options) - {"path"})
    if unsupported:
        options_given = ", ".join(f"--{name.replace('_', '-')}" for name in unsupported)
        raise BadInput(
            f"The atlas is served at {served.url}, and through it {options_given} cannot be given. "
            "Stop that server and run this again."
        )
    say(f"The atlas is served at {served.url}; adding through it.")
    path = str(options["path"].resolve()) if "path" in options else None
    job = served.ask("POST", "/api/jobs", json={"corpus": corpus, "path": path})
    job = follow(served, job)
    return {"corpus": corpus, "refused": job["refused"], "message": job["message"]}
