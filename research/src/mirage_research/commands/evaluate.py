"""``mirage evaluate``: measure, and choose what depends on measurement."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from mirage.cli.output import facts, progress_bar, say
from mirage.errors import BadInput, Unavailable
from mirage.settings import Settings

app = typer.Typer()
MedPix = Annotated[Path | None, typer.Option(help="A copy of MedPix 2.0.", envvar="MIRAGE_MEDPIX", show_default=False)]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")]


def copy_of(medpix: Path | None) -> Path:
    """The copy of MedPix 2.0 that was named, or that the settings name.

    Raises
    ------
    mirage.errors.BadInput
        When there is none.
    """
    where = medpix or Settings.load().corpora.get("medpix")
    if where is None:
        raise BadInput("This is measured on MedPix 2.0: name a copy with --medpix or MIRAGE_MEDPIX.")
    return where


@contextmanager
def counting(title: str, unit: str = "/s") -> Iterator[Callable[[int, int], None]]:
    """A progress bar as a function of how many are done, and of how many.

    Parameters
    ----------
    title, unit : str
    """
    with progress_bar(title, unit=unit) as move:
        yield lambda done, total: move(done, total, 0.0, None)


def write(table: Any, file: Path | None) -> None:
    """Write figures as JSON, and say where.

    Parameters
    ----------
    table : dict
    file : Path or None
        None writes nothing.

    Raises
    ------
    mirage.errors.Unavailable
        When the file cannot be written.
    """
    if file is None:
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", "utf-8")
    except OSError as error:
        raise Unavailable(f"{file} could not be written: {error.strerror or error}.") from error
    say(f"Written to {file}.")


@app.command()
def encoder(
    medpix: MedPix = None,
    split: Annotated[str, typer.Option(help="train, dev or test.")] = "dev",
    cases: Annotated[
        Path | None, typer.Option(help="splits.json of a training run: measure on the cases that it set aside.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--encoder", help="Folder of a starter encoder.", show_default="the one that ships")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="results.json to write or add to, as stands beside an encoder.")] = None,
) -> None:
    """Measure an encoder alone: recall at 1, 5 and 10 from the data set's raw words to the picture, and back."""
    from mirage.encoders import load  # noqa: PLC0415 - loads the engine
    from mirage_research.evaluation import encoder as measurement  # noqa: PLC0415

    used = load("starter", **({"path": folder} if folder else {}))
    table = measurement.measure(used, copy_of(medpix), split, measurement.holdout(cases) if cases else None, say)
    facts(measurement.rows(table))
    if out is not None:
        kept = json.loads(out.read_text("utf-8")) if out.is_file() else {}
        write(kept | {"encoder": used.info().digest, "holdout" if cases else split: table}, out)


@app.command("mixed-pool")
def mixed_pool(
    wide: Annotated[Path, typer.Option(help="Labelled pictures beyond CT and MR: <set>.jsonl and their pictures.")],
    medpix: MedPix = None,
    chest_xray: Annotated[Path | None, typer.Option(help="Labelled chest X-rays: labels.csv and images/.")] = None,
    folder: Annotated[
        Path | None, typer.Option("--encoder", help="Folder of a starter encoder.", show_default="the one that ships")
    ] = None,
    against: Annotated[Path | None, typer.Option(help="Folder of another, to compare with label by label.")] = None,
    rule: Annotated[Path | None, typer.Option(help="Rule of inference.", show_default="the encoder's own")] = None,
    most: Annotated[int, typer.Option(min=10, help="Pictures of a set at most.")] = 200,
    json_file: JsonFile = None,
) -> None:
    """Measure an encoder among all kinds of pictures at once: is the label found, and the modality named?"""
    from mirage.corpora.inferring import Rule, rule_for  # noqa: PLC0415
    from mirage.encoders import load  # noqa: PLC0415 - loads the engine
    from mirage_research.evaluation import mixed_pool as measurement  # noqa: PLC0415

    pool = measurement.read_pool(copy_of(medpix), wide, chest_xray, most)
    used = load("starter", **({"path": folder} if folder else {}))
    with counting("Looking", " pictures/s") as move:
        images = measurement.look(pool, used, move)
    own = Rule.read(rule) if rule else rule_for(used.info().digest)
    table = measurement.measure(pool, images, used, own)
    if against is not None:
        other = load("starter", path=against)
        with counting("Looking", " pictures/s") as move:
            seen = measurement.look(pool, other, move)
        found = measurement.search(pool, images, used), measurement.search(pool, seen, other)
        table["against"] = {"encoder": other.info().digest, **measurement.against(*found)}
    facts(measurement.rows_of(table))
    write(table, json_file)


@app.command()
def grounding(
    medpix: MedPix = None,
    which: Annotated[
        str,
        typer.Option(
            "--set", help="a: derived by documented edits; b: written by hand; pairs: written by hand, see --half."
        ),
    ] = "a",
    split: Annotated[str, typer.Option(help="train, dev or test; with --set b also all; pairs are of all.")] = "dev",
    half: Annotated[
        str, typer.Option(help="work, test, fresh or blind: which of the pairs; all but work are scored once.")
    ] = "work",
    json_file: JsonFile = None,
    seed: Annotated[int, typer.Option(help="Random seed of the sentences of set a.")] = 0,
) -> None:
    """Measure the checker: what share of wrong sentences it marks, and how often it is right when it does."""
    from mirage import encoders  # noqa: PLC0415 - loads the engine
    from mirage.explain.checker import Checker  # noqa: PLC0415
    from mirage_research.evaluation import grounding as measurement  # noqa: PLC0415

    where = copy_of(medpix)
    if which not in ("a", "b", "pairs"):
        raise BadInput(f"There is no set “{which}”. There are a, b and pairs.")
    used = encoders.load("starter")
    if which == "a":
        examples = measurement.derived(measurement.read_cases(where, split), used, seed)
    elif which == "pairs":
        split = half
        examples = measurement.written(where, pairs=measurement.half_of_pairs(half))
    else:
        examples = measurement.written(where, "" if split == "all" else split)
    if not examples:
        raise BadInput(f"Set {which} has no sentences of the split “{split}”.")
    with counting("Checking", " sentences/s") as move:
        scored = measurement.score(measurement.judge(Checker(used), examples, move))
    say(
        f"Set {which}, {split}: {len(examples)} sentences of {scored['cases']} cases. "
        "Share (95 % interval over cases) of how many."
    )
    facts(measurement.rows(scored))
    write({"set": which, "split": split, "seed": seed, "sentences": len(examples), **scored}, json_file)


@app.command()
def modify(
    medpix: MedPix = None,
    each: Annotated[int, typer.Option(min=1, help="How many triples of each kind.")] = 60,
    seed: Annotated[int, typer.Option(help="Random seed of the triples.")] = 1,
    json_file: JsonFile = None,
) -> None:
    """Measure "less of" and "more of": does a modified query find what its target, written out, finds?"""
    from mirage_research.evaluation import modify as measurement  # noqa: PLC0415 - builds an atlas

    with counting("Asking", " triples/s") as move:
        table = measurement.evaluate(copy_of(medpix), each=each, seed=seed, progress=move)
    say(f"{table['triples']} triples, chance {table['chance']}. Precision@10 of the target (95 % interval over triples).")
    facts(measurement.rows(table))
    write(table, json_file)


@app.command()
def refine(
    medpix: MedPix = None,
    split: Annotated[
        str, typer.Option(help="aside: cases set aside from training, many ways; dev: the chosen one.")
    ] = "dev",
    json_file: JsonFile = None,
    seed: Annotated[int, typer.Option(help="Random seed of the queries.")] = 0,
) -> None:
    """Measure whether searching twice (`mirage search --refine`) finds more, for which kinds of queries."""
    from mirage_research.evaluation import refine as measurement  # noqa: PLC0415 - builds an atlas

    with counting("Building a measuring atlas and asking it") as move:
        adding = lambda moved: move(moved.done, moved.total)  # noqa: E731
        table = measurement.run(copy_of(medpix), split, seed=seed, adding=adding, asking=move)
    facts(measurement.rows(table))
    write(table, json_file)


@app.command()
def explainer(
    name: Annotated[
        str, typer.Option("--explainer", help="Which one; smollm2 starts that small model if its wheels are installed.")
    ] = "extractive",
    medpix: MedPix = None,
    questions: Annotated[int, typer.Option(min=1, help="How many to ask.")] = 20,
    seed: Annotated[int, typer.Option(help="Random seed of the questions.")] = 0,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write every claim here too. It quotes MedPix: keep it to yourself.")
    ] = None,
) -> None:
    """Ask an explainer about MedPix's dev split, and count what the checker marks of what it says."""
    from mirage_research.evaluation import explainers as measurement  # noqa: PLC0415 - builds an atlas

    with counting("Asking", " questions/s") as move:
        found, answers = measurement.evaluate(name, copy_of(medpix), questions, seed, move)
    facts(measurement.rows(found))
    write({"report": found, "answers": answers}, json_file)


@app.command()
def explanations(
    atlas: Annotated[Path, typer.Option("--atlas", help="An atlas of MedPix; it is only read.")],
    name: Annotated[str, typer.Option("--explainer", help="Which one.")] = "extractive",
    conditions: Annotated[
        Path | None, typer.Option(help="What to explain, one a line; below “-- absent”, what no case is about.")
    ] = None,
) -> None:
    """Print the explanations of a list of conditions, for a person to read each sentence against its source."""
    from mirage.atlas import Atlas  # noqa: PLC0415
    from mirage_research.evaluation import explainers as measurement  # noqa: PLC0415

    there, absent = measurement.conditions(conditions or measurement.CONDITIONS)
    with Atlas.open(atlas) as opened:
        told = measurement.explained(opened, there, name)
        silent = measurement.explained(opened, absent, name)
    for one in told:
        typer.echo(measurement.read_aloud(one))
    spoken = [one for one in silent if one.claims]
    seconds = sorted(one.seconds for one in told if one.claims)
    facts(
        [
            ("conditions explained", f"{sum(bool(one.claims) for one in told)} of {len(told)}"),
            ("sentences", str(sum(len(one.claims) for one in told))),
            ("median time", f"{1000 * seconds[len(seconds) // 2]:.0f} ms" if seconds else "-"),
            ("absent ones that are explained", f"{len(spoken)} of {len(silent)}"),
            *(("  " + one.question, one.claims[0].text[:90]) for one in spoken),
        ]
    )


@app.command()
def copies(
    medpix: MedPix = None,
    each: Annotated[int, typer.Option(min=1, help="How many training images to plant.")] = 60,
    seed: Annotated[int, typer.Option(help="Random seed of the images and their changes.")] = 1,
    json_file: JsonFile = None,
) -> None:
    """Measure the check for near copies: planted copies of training images caught, real images flagged."""
    from mirage.generate.generators.copies import SHIPPED, TrainingFingerprints  # noqa: PLC0415
    from mirage_research.evaluation import copies as measurement  # noqa: PLC0415

    with counting("Checking", " images/s") as move:
        table = measurement.evaluate(
            copy_of(medpix), TrainingFingerprints.load(SHIPPED), each=each, seed=seed, progress=move
        )
    facts(measurement.rows(table))
    write(table, json_file)


@app.command()
def inference(
    medpix: MedPix = None,
    split: Annotated[str, typer.Option(help="Where to measure: dev, or another split.")] = "dev",
    name: Annotated[str, typer.Option("--encoder", help="Which encoder.")] = "starter",
    model: Annotated[str | None, typer.Option(help="Which model of it, for encoders that have several.")] = None,
    fit: Annotated[
        bool, typer.Option("--fit", help="Make the encoder's rule anew, on training cases, and use it from now on.")
    ] = False,
    wide: Annotated[
        Path | None,
        typer.Option(
            help="Further sets: with --fit, all kinds of pictures are told apart; measured is what is no picture of any."
        ),
    ] = None,
    chest_xray: Annotated[Path | None, typer.Option(help="With --fit: labelled chest X-rays, likewise.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="With --fit: where to write the rule.", show_default="where `mirage add` looks")
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Measure inferring modality and plane, as is done for ROCO, on MedPix, whose source states them."""
    from mirage import encoders  # noqa: PLC0415 - loads the engine
    from mirage.corpora.inferring import rule_for, rule_place  # noqa: PLC0415
    from mirage_research.data.wide_samples import training_pictures  # noqa: PLC0415
    from mirage_research.evaluation import inference as measurement  # noqa: PLC0415
    from mirage_research.evaluation import prototypes, unlike_pictures  # noqa: PLC0415

    where = copy_of(medpix)
    if fit and split == "train":
        raise BadInput("The rule is made on train, so that it cannot be measured there. Measure it on --split dev.")
    used = encoders.load(name, **({"model": model} if model else {}))
    digest = used.info().digest
    rule = rule_for(digest)
    if fit:
        with counting("Looking at training cases", " figures/s") as move:
            seen = measurement.look(where, "train", used, measurement.unseen_cases(used), move)
        kinds = unlike = None
        if wide is not None:
            with counting("Looking at training pictures of all kinds", " pictures/s") as move:
                unseen = measurement.unseen_cases(used) or set()
                pictures = training_pictures(where, wide, chest_xray, unseen)
                kinds = prototypes.look_at_kinds(pictures, used, tell=move)
            unlike = unlike_pictures.look_at_unlike(used, unlike_pictures.to_fit(wide))
        rule = measurement.fit(seen, used, kinds, unlike)
        measurement.write(rule, out or rule_place(digest), seen)
        say(f"The rule is written to {out or rule_place(digest)}.")
    with counting("Looking", " figures/s") as move:
        looked = measurement.look(where, split, used, tell=move)
    table = {"split": split, **measurement.measure(looked, used, rule)}
    say(f"{split}: {table['figures']} figures of {table['cases']} cases. Shares with 95 % intervals over cases.")
    if rule is None:
        say("This encoder has no rule yet, so it is not used: --fit makes one.")
    facts(measurement.rows(table))
    if wide is not None and rule is not None:
        checked = unlike_pictures.look_at_unlike(used, unlike_pictures.to_check(wide))
        table["no modality"] = measurement.silence(rule, used, checked, unlike_pictures.numbers())
        facts(measurement.silence_rows(table["no modality"]))
    write(table, json_file)


@app.command()
def watermark(
    medpix: MedPix = None,
    more: Annotated[list[Path] | None, typer.Option(help="A further folder of real images. May be repeated.")] = None,
    carriers: Annotated[int, typer.Option(min=1, help="How many are marked, in memory.")] = 500,
    json_file: JsonFile = None,
) -> None:
    """Measure the invisible watermark: what it survives, and false alarms on real images."""
    from mirage_research.evaluation import watermark as measurement  # noqa: PLC0415

    folders = [copy_of(medpix), *(more or [])]
    paths = [p for f in folders for p in sorted(f.rglob("*")) if p.suffix.lower() in (".webp", ".png", ".jpg", ".jpeg")]
    if not paths:
        raise BadInput(f"There are no pictures under {', '.join(map(str, folders))}.")
    with counting("Looking", " images/s") as move:
        table = measurement.evaluate(paths, carriers, move)
    facts(measurement.rows(table))
    write(table, json_file)
