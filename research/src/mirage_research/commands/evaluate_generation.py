"""``mirage evaluate generation`` and its sheets: what synthetic images show."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from mirage.cli.output import facts, say
from mirage.errors import BadInput
from mirage.generate import generators
from mirage.generate.generators.evidence import EVIDENCE, Evidence
from mirage.settings import Settings
from mirage_research.commands.evaluate import MedPix, copy_of, counting, write


def generation(
    medpix: MedPix = None,
    name: Annotated[str, typer.Option("--generator", help="Which one.")] = "starter",
    limit: Annotated[int, typer.Option(min=2, help="Prompts of dev to draw.")] = 120,
    seeds: Annotated[int, typer.Option(min=2, max=8, help="Images of one prompt, to measure diversity.")] = 8,
    classes: Annotated[int, typer.Option(min=1, help="Prompts to measure diversity with.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Draws the prompts; the first image's seed.")] = 0,
    steps: Annotated[int | None, typer.Option(min=1, show_default="the generator's own")] = None,
    guidance: Annotated[float | None, typer.Option(min=1, show_default="the generator's own")] = None,
    raw: Annotated[bool, typer.Option(help="Compare images as they are, with lettering, margins and all detail.")] = False,
    remember: Annotated[
        Path | None,
        typer.Option(help="Keep the features of the images in this file, .npz, so that the next run is quicker."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the figures here too, as JSON.")] = None,
    grid: Annotated[
        Path | None, typer.Option(help="Write a sheet of the synthetic images here, PNG: a prompt a row, a seed a column.")
    ] = None,
    findings: Annotated[
        int, typer.Option(min=0, help="Of so many findings too, whether a probe that learnt on real pictures sees them.")
    ] = 0,
    images: Annotated[int, typer.Option(min=8, help="Images of a finding.")] = 16,
    chest_xray: Annotated[
        Path | None, typer.Option(help="Labelled chest X-rays for the probe: labels.csv and images/.")
    ] = None,
    evidence: Annotated[
        Path | None, typer.Option(help="Write what the probe sees into this generator's folder, for its users to be told.")
    ] = None,
) -> None:
    """Measure synthetic images: how like real ones, how like the prompt, how unlike each other, what findings, no copies."""
    from mirage.generate import synthesis  # noqa: PLC0415
    from mirage.generate.generators.copies import TrainingFingerprints  # noqa: PLC0415
    from mirage_research.evaluation import finding_probe, image_features  # noqa: PLC0415
    from mirage_research.evaluation import generation as measurement  # noqa: PLC0415

    where = copy_of(medpix)
    generator = synthesis.generator_of(synthesis.GenerationOptions(generator=name))
    network = image_features.load()
    if remember is not None:
        network = image_features.remembered(network, remember)
    with counting("Drawing and looking", " images/s") as move:
        found = measurement.evaluate(
            where,
            generator,
            TrainingFingerprints.of(generator.info()),
            network,
            limit=limit,
            seeds=seeds,
            classes=classes,
            seed=seed,
            steps=steps,
            guidance=guidance,
            raw=raw,
            progress=lambda stage, done, total: move(done, total),
        )
    if findings:
        pictures = finding_probe.real_pictures(where, chest_xray)
        with counting("Asking for findings", " images/s") as move:
            probed = finding_probe.measure(
                pictures,
                generator,
                network,
                most=findings,
                images=images,
                seed=seed,
                progress=lambda stage, done, total: move(done, total),
            )
        found.table["findings"] = {name: asdict(each) for name, each in probed.items()}
        if evidence is not None:
            replace(Evidence.load(evidence / EVIDENCE), findings=probed).save(evidence / EVIDENCE)
    facts(measurement.rows(found.table))
    write(found.table, out)
    if grid is not None:
        measurement.sheet(found.rows).save(grid)
        say(f"Written to {grid}.")


def sheets(
    folder: Annotated[Path, typer.Argument(help="Of the sheets and their key.")],
    name: Annotated[str, typer.Option("--generator", help="Which one.")] = "starter",
    path: Annotated[Path | None, typer.Option("--path", help="Its folder; the one of the settings when left out.")] = None,
    classes: Annotated[int, typer.Option(min=1, help="Kinds of picture, those that it saw most of.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Of the first image.")] = 0,
    answers: Annotated[
        Path | None, typer.Option(help="What a reader wrote of the sheets, JSON: take it into the generator's evidence.")
    ] = None,
    reader: Annotated[str, typer.Option(help="With --answers: who looked.")] = "a reader",
) -> None:
    """Draw eight images each of the commonest kinds for a reader who is not told which they are, or take the answers."""
    from mirage.generate import synthesis  # noqa: PLC0415
    from mirage.generate.generators.starter import FOLDER  # noqa: PLC0415
    from mirage_research.evaluation import generation_sheets as measurement  # noqa: PLC0415

    generator = (
        generators.load(name, path=path) if path else synthesis.generator_of(synthesis.GenerationOptions(generator=name))
    )
    file = (path or Settings.load().generator_path or FOLDER) / EVIDENCE
    evidence = Evidence.load(file)
    if answers is None:
        kinds = measurement.chosen_kinds(evidence, classes)
        if not kinds:
            raise BadInput(f"{file} names no kinds of picture, so there is nothing to draw.")
        with counting("Drawing", " sheets/s") as move:
            measurement.draw(generator, kinds, folder, seed=seed, progress=lambda stage, done, total: move(done, total))
        say(f"{len(kinds)} sheets are in {folder}. Write what they show into a file, and give it with --answers.")
        return
    known = measurement.read(folder, answers, reader, evidence)
    known.save(file)
    facts(measurement.rows(known))
