"""``mirage evaluate``: measure, and choose what depends on measurement."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mirage.cli.output import facts, progress_bar, say
from mirage.errors import BadInput
from mirage.settings import Settings

app = typer.Typer()


@app.command()
def grounding(
    medpix: Annotated[
        Path | None, typer.Option(help="A copy of MedPix 2.0.", envvar="MIRAGE_MEDPIX", show_default=False)
    ] = None,
    which: Annotated[str, typer.Option("--set", help="a: derived by documented edits; b: written by hand.")] = "a",
    split: Annotated[str, typer.Option(help="train, dev or test; with --set b also all.")] = "dev",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
    seed: Annotated[int, typer.Option(help="Draws the sentences of set a.")] = 0,
) -> None:
    """Measure the checker: what share of wrong sentences it marks, and how often it is right when it does."""
    from mirage import encoders  # noqa: PLC0415 - loads the engine
    from mirage.explain.checker import Checker  # noqa: PLC0415
    from mirage_research.evaluation import grounding as measuring  # noqa: PLC0415
    from mirage_research.evaluation import grounding_sets as sets  # noqa: PLC0415

    where = medpix or Settings.load().medpix
    if where is None:
        raise BadInput("The checker is measured on MedPix cases: name a copy with --medpix or MIRAGE_MEDPIX.")
    if which not in ("a", "b"):
        raise BadInput(f"There is no set “{which}”. There are a and b.")
    encoder = encoders.load("starter")
    if which == "a":
        examples = sets.derived(sets.read_shelf(where, split), encoder, seed)
    else:
        examples = sets.written(where, "" if split == "all" else split)
    if not examples:
        raise BadInput(f"Set {which} has no sentences of the split “{split}”.")
    with progress_bar("Checking", unit=" sentences/s") as move:
        judged = measuring.judge(Checker(encoder), examples, lambda done, total: move(done, total, 0.0, None))
    scored = measuring.score(judged)
    say(
        f"Set {which}, {split}: {len(examples)} sentences of {scored.cases} cases. "
        "Share (95 % interval over cases) of how many."
    )
    facts(measuring.rows(scored))
    if json_file is not None:
        table = {"set": which, "split": split, "seed": seed, "sentences": len(examples), **scored.table()}
        json_file.write_text(json.dumps(table, indent=1) + "\n", "utf-8")
        say(f"Written to {json_file}.")


@app.command()
def modify(
    medpix: Annotated[
        Path | None, typer.Option(help="A copy of MedPix 2.0.", envvar="MIRAGE_MEDPIX", show_default=False)
    ] = None,
    each: Annotated[int, typer.Option(min=1, help="How many triples of each kind.")] = 60,
    seed: Annotated[int, typer.Option(help="Draws the triples.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Measure "less of" and "more of": does a modified query find what its target, written out, finds?"""
    from mirage_research.evaluation import modify as measuring  # noqa: PLC0415 - builds an atlas

    where = medpix or Settings.load().medpix
    if where is None:
        raise BadInput("The triples are built from MedPix cases: name a copy with --medpix or MIRAGE_MEDPIX.")
    with progress_bar("Asking", unit=" triples/s") as move:
        table = measuring.evaluate(where, each=each, seed=seed, progress=lambda done, total: move(done, total, 0.0, None))
    say(f"{table['triples']} triples, chance {table['chance']}. Precision@10 of the target (95 % interval over triples).")
    for kind in (*measuring.KINDS, "all"):
        row = {name: value for name, value in table.get(kind, {}).items() if name != "triples"}
        facts([(kind, ""), *((f"  {name}", f"{v[0]:.3f} ({v[1]:.3f} to {v[2]:.3f})") for name, v in row.items())])
    if json_file is not None:
        json_file.write_text(json.dumps(table, indent=1) + "\n", "utf-8")
        say(f"Written to {json_file}.")


@app.command()
def refine(
    medpix: Annotated[
        Path | None, typer.Option(help="A copy of MedPix 2.0.", envvar="MIRAGE_MEDPIX", show_default=False)
    ] = None,
    split: Annotated[
        str, typer.Option(help="aside: cases set aside from training, many ways; dev: the chosen one.")
    ] = "dev",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
    seed: Annotated[int, typer.Option(help="Draws the queries.")] = 0,
) -> None:
    """Measure whether searching twice (`mirage search --refine`) finds more, for which kinds of queries."""
    from mirage_research.evaluation import refine as measuring  # noqa: PLC0415 - builds an atlas

    where = medpix or Settings.load().medpix
    if where is None:
        raise BadInput("The queries are of MedPix cases: name a copy with --medpix or MIRAGE_MEDPIX.")
    with progress_bar("Building a measuring atlas and asking it", unit="/s") as move:
        table = measuring.run(
            where,
            split,
            seed=seed,
            adding=lambda p: move(p.done, p.total, p.rate, p.seconds_left),
            asking=lambda done, total: move(done, total, 0.0, None),
        )
    facts(measuring.rows(table))
    if json_file is not None:
        json_file.write_text(json.dumps(table, indent=1) + "\n", "utf-8")
        say(f"Written to {json_file}.")


@app.command()
def explainer(
    name: Annotated[
        str, typer.Option("--explainer", help="Which one; smollm2 starts that small model if its wheels are installed.")
    ] = "extractive",
    medpix: Annotated[
        Path | None, typer.Option(help="A copy of MedPix 2.0.", envvar="MIRAGE_MEDPIX", show_default=False)
    ] = None,
    questions: Annotated[int, typer.Option(min=1, help="How many to ask.")] = 20,
    seed: Annotated[int, typer.Option(help="Draws the questions.")] = 0,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write every claim here too. It quotes MedPix: keep it to yourself.")
    ] = None,
) -> None:
    """Ask an explainer about MedPix's dev split, and count what the checker marks of what it says."""
    from mirage_research.evaluation import explainers as measuring  # noqa: PLC0415 - builds an atlas

    where = medpix or Settings.load().medpix
    if where is None:
        raise BadInput("The questions are about MedPix cases: name a copy with --medpix or MIRAGE_MEDPIX.")
    with progress_bar("Asking", unit=" questions/s") as move:
        found, told = measuring.evaluate(name, where, questions, seed, lambda done, total: move(done, total, 0.0, None))
    facts(measuring.rows(found))
    if json_file is not None:
        whole = {"report": asdict(found), "answers": told}
        json_file.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", "utf-8")
        say(f"Written to {json_file}.")


@app.command()
def copies(
    medpix: Annotated[
        Path | None, typer.Option(help="A copy of MedPix 2.0.", envvar="MIRAGE_MEDPIX", show_default=False)
    ] = None,
    each: Annotated[int, typer.Option(min=1, help="How many training images to plant.")] = 60,
    seed: Annotated[int, typer.Option(help="Draws the images and their changes.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Measure the check for near copies: planted copies of training images caught, real images flagged."""
    from mirage.generate.generators.copies import SHIPPED, Copies  # noqa: PLC0415
    from mirage_research.evaluation import generation_copies as measuring  # noqa: PLC0415

    where = medpix or Settings.load().medpix
    if where is None:
        raise BadInput("The copies are of MedPix images: name a copy of the data set with --medpix or MIRAGE_MEDPIX.")
    with progress_bar("Checking", unit=" images/s") as move:
        table = measuring.evaluate(
            where, Copies.load(SHIPPED), each=each, seed=seed, progress=lambda done, total: move(done, total, 0.0, None)
        )
    facts(measuring.rows(table))
    if json_file is not None:
        json_file.write_text(json.dumps(table, indent=1) + "\n", "utf-8")
        say(f"Written to {json_file}.")


@app.command()
def generation(
    medpix: Annotated[
        Path | None, typer.Option(help="A copy of MedPix 2.0.", envvar="MIRAGE_MEDPIX", show_default=False)
    ] = None,
    name: Annotated[str, typer.Option("--generator", help="Which one.")] = "starter",
    limit: Annotated[int, typer.Option(min=2, help="Prompts of dev to draw.")] = 120,
    seeds: Annotated[int, typer.Option(min=2, max=8, help="Images of one prompt, for the diversity.")] = 8,
    classes: Annotated[int, typer.Option(min=1, help="Prompts of the diversity.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Draws the prompts; the first image's seed.")] = 0,
    steps: Annotated[int | None, typer.Option(min=1, show_default="the generator's own")] = None,
    guidance: Annotated[float | None, typer.Option(min=1, show_default="the generator's own")] = None,
    raw: Annotated[bool, typer.Option(help="Compare images as they are, with lettering, margins and all detail.")] = False,
    remember: Annotated[
        Path | None, typer.Option(help="Keep what the network saw in this file, .npz; so the next run is quicker.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the figures here too, as JSON.")] = None,
    grid: Annotated[
        Path | None, typer.Option(help="Write a sheet of the synthetic images here, PNG: a prompt a row, a seed a column.")
    ] = None,
) -> None:
    """Measure synthetic images: how like real ones, how like the prompt, how unlike each other, and no copies."""
    from mirage.generate import synthesis  # noqa: PLC0415
    from mirage.generate.generators.copies import Copies  # noqa: PLC0415
    from mirage_research.evaluation import generation as measuring  # noqa: PLC0415
    from mirage_research.evaluation import generation_features, generation_report  # noqa: PLC0415

    where = medpix or Settings.load().medpix
    if where is None:
        raise BadInput("The prompts are of MedPix figures: name a copy of the data set with --medpix or MIRAGE_MEDPIX.")
    generator = synthesis.generator_of(synthesis.Options(generator=name))
    network = generation_features.load()
    if remember is not None:
        network = generation_features.remembered(network, remember)
    with progress_bar("Drawing and looking", unit=" images/s") as move:
        found = measuring.evaluate(
            where,
            generator,
            Copies.of(generator.info()),
            network,
            limit=limit,
            seeds=seeds,
            classes=classes,
            seed=seed,
            steps=steps,
            guidance=guidance,
            raw=raw,
            progress=lambda stage, done, total: move(done, total, 0.0, None),
        )
    facts(generation_report.rows(found.table))
    if out is not None:
        out.write_text(json.dumps(found.table, indent=1) + "\n", "utf-8")
        say(f"Written to {out}.")
    if grid is not None:
        generation_report.sheet(found.rows).save(grid)
        say(f"Written to {grid}.")


@app.command()
def inference(
    medpix: Annotated[
        Path | None, typer.Option(help="A copy of MedPix 2.0.", envvar="MIRAGE_MEDPIX", show_default=False)
    ] = None,
    split: Annotated[str, typer.Option(help="Where to measure: dev, or another split.")] = "dev",
    encoder: Annotated[str, typer.Option(help="Which encoder.")] = "starter",
    model: Annotated[str | None, typer.Option(help="Which model of it, for encoders that have several.")] = None,
    fit: Annotated[
        bool, typer.Option("--fit", help="Make the encoder's rule anew, on training cases, and use it from now on.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="With --fit: where to write the rule.", show_default="where `mirage add` looks")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Measure inferring modality and plane, as is done for ROCO, on MedPix, whose source states them."""
    from mirage import encoders  # noqa: PLC0415 - loads the engine
    from mirage.corpora.inferring import rule_for, rule_place  # noqa: PLC0415
    from mirage_research.evaluation import inference as measuring  # noqa: PLC0415

    where = medpix or Settings.load().medpix
    if where is None:
        raise BadInput("Inference is measured on MedPix figures: name a copy with --medpix or MIRAGE_MEDPIX.")
    if fit and split == "train":
        raise BadInput("The rule is made on train, so that it cannot be measured there. Measure it on --split dev.")
    used = encoders.load(encoder, **({"model": model} if model else {}))
    digest = used.info().digest
    rule = rule_for(digest)
    if fit:
        with progress_bar("Looking at training cases", unit=" figures/s") as move:
            seen = measuring.look(
                where, "train", used, measuring.unseen_cases(used), lambda done, total: move(done, total, 0.0, None)
            )
        rule = measuring.fit(seen, used)
        measuring.write(rule, out or rule_place(digest), seen)
        say(f"The rule is written to {out or rule_place(digest)}.")
    with progress_bar("Looking", unit=" figures/s") as move:
        looked = measuring.look(where, split, used, tell=lambda done, total: move(done, total, 0.0, None))
    table = {"split": split, **measuring.measure(looked, used, rule)}
    say(f"{split}: {table['figures']} figures of {table['cases']} cases. Shares with 95 % intervals over cases.")
    if rule is None:
        say("This encoder has no rule yet, so it is asked nothing: --fit makes one.")
    facts(measuring.rows(table))
    if json_file is not None:
        json_file.write_text(json.dumps(table, indent=1) + "\n", "utf-8")
        say(f"Written to {json_file}.")


@app.command()
def watermark(
    medpix: Annotated[
        Path | None, typer.Option(help="A copy of MedPix 2.0.", envvar="MIRAGE_MEDPIX", show_default=False)
    ] = None,
    more: Annotated[list[Path] | None, typer.Option(help="A further folder of real images. May be repeated.")] = None,
    carriers: Annotated[int, typer.Option(min=1, help="How many are marked, in memory.")] = 40,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Measure the invisible watermark: what it survives, and false alarms on real images."""
    from mirage_research.evaluation import watermark as measuring  # noqa: PLC0415

    where = medpix or Settings.load().medpix
    if where is None:
        raise BadInput("The carriers are real images: name a copy of MedPix 2.0 with --medpix or MIRAGE_MEDPIX.")
    folders = [where, *(more or [])]
    paths = [p for f in folders for p in sorted(f.rglob("*")) if p.suffix.lower() in (".webp", ".png", ".jpg", ".jpeg")]
    if not paths:
        raise BadInput(f"There are no pictures under {', '.join(map(str, folders))}.")
    with progress_bar("Looking", unit=" images/s") as move:
        measured = measuring.evaluate(paths, carriers, lambda done, total: move(done, total, 0.0, None))
    facts(measuring.rows(measured))
    if json_file is not None:
        json_file.write_text(json.dumps(asdict(measured), indent=1) + "\n", "utf-8")
        say(f"Written to {json_file}.")
