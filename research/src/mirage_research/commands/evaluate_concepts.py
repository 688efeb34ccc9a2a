"""``mirage evaluate student-queries``, ``first-queries``, ``lexicon`` and ``labels``: whether words are understood."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mirage.cli.output import facts, say
from mirage.errors import BadInput
from mirage_research.commands.evaluate import JsonFile, MedPix, copy_of, counting, write

if TYPE_CHECKING:
    from mirage.atlas import Atlas
    from mirage.corpora.base import Corpus

HALVES = ("work", "test", "all")


@contextmanager
def _opened(atlas: Path | None, corpus: Callable[[], Corpus]) -> Iterator[Atlas]:
    """The atlas that was named, or one of a corpus for the time of a block."""
    from mirage.atlas import Atlas  # noqa: PLC0415 - loads the engine
    from mirage_research.evaluation.evaluation_set import temporary_atlas  # noqa: PLC0415

    if atlas is not None:
        with Atlas.open(atlas) as found:
            yield found
        return
    with counting("Building a measuring atlas") as move:
        adding = lambda moved: move(moved.done, moved.total)  # noqa: E731
        with temporary_atlas(corpus(), adding) as made:
            yield made


def _medpix(medpix: Path | None) -> Corpus:
    from mirage.corpora.medpix import MedPixCorpus  # noqa: PLC0415

    return MedPixCorpus(copy_of(medpix), splits=("train", "dev"))


def student_queries(
    half: Annotated[str, typer.Option(help="work, test or all. The test half is to be scored once.")] = "work",
    atlas: Annotated[
        Path | None, typer.Option(help="An atlas that holds MedPix's train and dev splits. Left out, one is made.")
    ] = None,
    medpix: MedPix = None,
    misses: Annotated[bool, typer.Option("--misses", help="List what went wrong; for the work half only.")] = False,
    draw_pairs: Annotated[
        Path | None,
        typer.Option(help="Only draw a hundred pairs of query and case for a second, blind reading; write them here."),
    ] = None,
    second_reading: Annotated[
        Path | None,
        typer.Option(help="Tell how far this reading of such pairs agrees.", show_default="the one that is kept here"),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Ask what students ask: how much of the first ten is right, against BM25, and when nothing fits."""
    from mirage.calibrate.queries import items_of  # noqa: PLC0415 - loads the engine
    from mirage_research.evaluation import second_reading as readings  # noqa: PLC0415
    from mirage_research.evaluation import student_queries as measurement  # noqa: PLC0415

    if half not in HALVES:
        raise BadInput(f"--half is one of {', '.join(HALVES)}, not “{half}”.")
    if misses and half != "work":
        raise BadInput("Misses are listed for the half to work on only; the other is scored, not looked at.")
    known = measurement.read()
    asked = [one for one in known if half in ("all", one.half)]
    with _opened(atlas, lambda: _medpix(medpix)) as opened:
        if draw_pairs is not None:
            pairs = readings.draw(known, items_of(opened))
            texts = {one.id: one.query for one in known}
            lines = [json.dumps({"query": name, "text": texts[name], "case": case}) for name, case in pairs]
            draw_pairs.write_text("\n".join(lines) + "\n", "utf-8")
            say(f"{len(pairs)} pairs are in {draw_pairs}. Add to each line “right”: true or false.")
            return
        with counting("Asking", " queries/s") as move:
            table, outcomes = measurement.evaluate(opened, asked, move)
    say(f"{half}: {len(asked)} queries, the first {measurement.SHOWN} hits. Means with 95 % intervals over queries.")
    facts(measurement.rows(table))
    if misses:
        facts(measurement.misses(outcomes))
    reading = second_reading or readings.FILE
    if second_reading is not None or reading.is_file():
        table["second reading"] = readings.agreement(known, readings.read(reading))
        facts([("second reading", ", ".join(f"{name} {value:g}" for name, value in table["second reading"].items()))])
    write({"half": half, **table}, json_file)


def first_queries(
    atlas: Annotated[
        Path | None, typer.Option(help="An atlas that holds the starter atlas alone. Left out, one is made.")
    ] = None,
    queries: Annotated[
        Path | None, typer.Option(help="JSON Lines with id, kind, query and right.", show_default="those that are kept here")
    ] = None,
    misses: Annotated[bool, typer.Option("--misses", help="List what went wrong.")] = False,
    json_file: JsonFile = None,
) -> None:
    """Ask the starter atlas what a student asks first: is the first figure right, is it said when nothing fits."""
    from mirage.corpora import load  # noqa: PLC0415 - loads the engine
    from mirage_research.evaluation import first_queries as measurement  # noqa: PLC0415

    asked = measurement.read(queries or measurement.FILE)
    with _opened(atlas, lambda: load("starter")) as opened, counting("Asking", " queries/s") as move:
        table, outcomes = measurement.evaluate(opened, asked, move)
    facts(measurement.rows(table))
    if misses:
        facts(measurement.misses(outcomes))
    write(table, json_file)


def lexicon(
    medpix: MedPix = None,
    captions: Annotated[Path | None, typer.Option(help="JSON Lines with a caption each, as of ROCO.")] = None,
    unresolved: Annotated[
        Path | None, typer.Option(help="Write what is not understood here. It quotes its sources: keep it to yourself.")
    ] = None,
    draw: Annotated[
        Path | None,
        typer.Option(
            help="Write a hundred resolved labels here, to be read by hand. It quotes MedPix: keep it to yourself."
        ),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Measure the lexicon: how many labels and captions it understands, how many rightly, and what loading it costs."""
    from mirage.language.concepts import lexicon as shipped  # noqa: PLC0415
    from mirage_research.evaluation import lexicon as measurement  # noqa: PLC0415

    known, words = measurement.labels(copy_of(medpix)), shipped()
    table, lost = measurement.evaluate(known, words, list(measurement.captions(captions)) if captions else [])
    facts(measurement.rows(table))
    if unresolved is not None:
        unresolved.write_text("\n".join(lost) + "\n", "utf-8")
    if draw is not None:
        rows = [(one, measurement.named(one.text, words)) for one in measurement.drawn(known, words)]
        keys = [{"case": one.case, "field": one.field, "text": one.text, "concepts": names} for one, names in rows]
        draw.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in keys), "utf-8")
    write(table, json_file)


def labels(medpix: MedPix = None, json_file: JsonFile = None) -> None:
    """Measure how many labels of MedPix are wrong, of 200 read by hand, and which of them captions betray."""
    from mirage.corpora.base import Item  # noqa: PLC0415
    from mirage.corpora.medpix import MedPixCorpus  # noqa: PLC0415
    from mirage_research.evaluation import labels as measurement  # noqa: PLC0415

    entries = MedPixCorpus(copy_of(medpix), splits=("train", "dev")).items()
    table = measurement.evaluate(entry.figure for entry in entries if isinstance(entry, Item))
    facts([(name, str(count)) for name, count in table.items()])
    write(table, json_file)
