"""``mirage generate`` and ``mirage ask``."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from PIL import Image

from mirage.atlas import Atlas
from mirage.cli import explain as explaining_command
from mirage.cli.output import hits_table, out, print_json, progress_bar, say
from mirage.cli.reach import AtlasOption, Reached, Served, reach, refuse_address, search
from mirage.cli.search import JsonOption
from mirage.errors import BadInput, BadQuery, MirageError, NotFound, Unavailable
from mirage.explain.explanation import collect, words_of
from mirage.generate import synthesis
from mirage.generate.generators import Step
from mirage.generate.outputs import FOLDER, Outputs
from mirage.generate.synthesis import Options, Synthetic
from mirage.images import DEFAULT_LIMITS, decode
from mirage.images.marks import FORMATS
from mirage.images.store import cannot_write
from mirage.query import Query
from mirage.web.views.explain import explanation_view

ENDINGS = {"png": "png", "jpeg": "jpg", "webp": "webp", "dicom": "dcm"}
_FORMAT_OF = {ending: kind for kind, ending in ENDINGS.items()} | {"jpeg": "jpeg"}
_STATEMENT = "Synthetic: made by a computer. It shows no patient and proves nothing."

Seed = Annotated[int | None, typer.Option(help="Same prompt, settings and seed: same image. Drawn when left out.")]
More = Annotated[list[str] | None, typer.Option(help="A further term; `words@0.5` gives it a weight.")]
Less = Annotated[list[str] | None, typer.Option(help="A term to have less of; `words@0.5` gives it a weight.")]
Out = Annotated[
    Path | None, typer.Option(help="A file, or a folder for several.", show_default="synthetic-ID.png in this folder")
]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command asks for.

    Attributes
    ----------
    query : Query
    options : Options
    start : Path or None
        A picture file to begin from.
    format : str
    insist : bool
    """

    query: Query
    options: Options
    start: Path | None = None
    format: str = "png"
    insist: bool = False


def generate(
    words: Annotated[list[str], typer.Argument(help="What the image shall show.", show_default=False)],
    more: More = None,
    less: Less = None,
    negative: Annotated[str, typer.Option(help="What it shall not show; one more term to have less of.")] = "",
    seed: Seed = None,
    steps: Annotated[int | None, typer.Option(help="How many steps; more is slower.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Weight of the words against none; 1 is no guidance.")] = None,
    size: Annotated[str, typer.Option(help="Pixels: a side, or WIDTHxHEIGHT.", show_default="the generator's")] = "",
    count: Annotated[int, typer.Option(help="How many images, of this seed and those after it.")] = 1,
    start: Annotated[str, typer.Option(help="A picture file, or a figure's id, to begin from.")] = "",
    strength: Annotated[float, typer.Option(help="With --start: 0 keeps it, 1 draws anew.")] = 0.6,
    generator: Annotated[str, typer.Option(help="Who draws.", show_default="the settings'")] = "",
    format: Annotated[str, typer.Option(help=f"{', '.join(FORMATS)}.", show_default="by the file's name, else png")] = "",
    insist: Annotated[bool, typer.Option("--insist", help="Also give near copies of training images.")] = False,
    out: Out = None,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Make synthetic images that say what they are. They show no patient and prove nothing.

    Example: mirage generate axial brain MRI --seed 7 --out brain.png
    """
    text = " ".join(words)
    refuse_address(text)
    width, height = _size(size)
    file = Path(start).expanduser() if start and Path(start).expanduser().is_file() else None
    options = Options(
        negative=negative,
        seed=seed,
        steps=steps,
        guidance=guidance,
        width=width,
        height=height,
        count=count,
        figure="" if file else start,
        strength=strength,
        generator=generator,
    )
    query = Query.of(text, more=more or (), less=less or ())
    asked = Asked(query, options, file, _format(format, out), insist)
    with reach(atlas, create=True) as reached:
        made = _made(reached, asked, out)
    if json:
        print_json({"images": made})
    else:
        _print(made)
    if not any(image["file"] for image in made):
        raise typer.Exit(NotFound.exit_code)


def ask(
    words: Annotated[list[str], typer.Argument(help="The question.", show_default=False)],
    versus: Annotated[str, typer.Option(help="A second question, to be compared with the first.")] = "",
    more: More = None,
    less: Less = None,
    k: Annotated[int, typer.Option("-k", help="How many hits.")] = 6,
    seed: Seed = None,
    no_image: Annotated[bool, typer.Option("--no-image", help="Leave the synthetic image out.")] = False,
    out: Out = None,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Ask for all at once: real figures, an explanation of them, and a synthetic image, from one seed for two questions.

    Examples: mirage ask pneumonia; mirage ask "brain MRI" --versus "brain CT"
    """
    text = " ".join(words)
    refuse_address(text)
    if versus and (more or less):
        raise BadQuery("Compare with a second question, or have --more and --less of something; not both at once.")
    queries = [Query.of(text, more=more or (), less=less or (), k=k)]
    if versus:
        queries.append(Query.of(versus, k=k))
    if seed is None:
        seed = synthesis.new_seed()
    answers = []
    with reach(atlas) as reached:
        for query in queries:
            found = search(reached, lambda _, query=query: query, None)  # type: ignore[misc]
            made, why = [], ""
            if not no_image:
                try:
                    made = _made(reached, Asked(query, Options(seed=seed)), out)
                except (BadInput, NotFound, Unavailable) as error:  # the rest is answered all the same
                    why = str(error)
            answers.append({"search": found, "explanation": _explained(reached, query), "images": made, "no_image": why})
    if json:
        print_json({"seed": seed, "answers": answers})
        return
    for query, answer in zip(queries, answers, strict=True):
        _print_answer(query, answer)


def _explained(reached: Reached, query: Query) -> dict[str, Any]:
    if isinstance(reached, Served):
        whole: dict[str, Any] = reached.ask("GET", f"/api/explain?{query.print()}&stream=0")
        return whole
    answer = reached.search(query)
    return explanation_view(collect(words_of(answer), reached.explaining(answer))).model_dump(mode="json")


def _print_answer(query: Query, answer: Mapping[str, Any]) -> None:
    out.print(f"\n[bold]{query.text}[/]")
    hits_table(answer["search"])
    explaining_command.show(answer["explanation"])
    if answer["no_image"]:
        say(f"No synthetic image: {answer['no_image']}")
    _print(answer["images"])


# -- making --------------------------------------------------------------------------------------------------------------


def _made(reached: Reached, asked: Asked, target: Path | None) -> list[dict[str, Any]]:
    if isinstance(reached, Served):
        return _through(reached, asked, target)
    start = decode(asked.start, name=asked.start.name, limits=DEFAULT_LIMITS) if asked.start else None
    return _here(reached, asked, start, target)


def _here(atlas: Atlas, asked: Asked, start: Image.Image | None, target: Path | None) -> list[dict[str, Any]]:
    outputs, made, began = Outputs(atlas.path / FOLDER), [], time.monotonic()
    with progress_bar("Generating", unit=" steps/s") as move:

        def tell(step: Step) -> None:
            done, total = (step.image - 1) * step.steps + step.step, step.images * step.steps
            rate = done / max(time.monotonic() - began, 1e-3)
            move(done, total, rate, (total - done) / rate)

        generator = synthesis.generator_of(asked.options)
        drawing = synthesis.draw(
            atlas, asked.query, asked.options, generator, start=start, progress=tell, insist=asked.insist
        )
        for image in drawing:
            outputs.put(image)
            data = outputs.export(image.record.id, asked.format) if image.data else b""
            made.append(_entry(image, _write(target, image.record.id, asked, data)))
    return made


def _entry(image: Synthetic, file: str) -> dict[str, Any]:
    return {
        "id": image.record.id,
        "file": file,
        "record": asdict(image.record),
        "nearest": list(image.nearest),
        "match": image.match.said if image.match else "",
        "copy_check": image.copy.said,
        "withheld": image.withheld,
        "remarks": list(image.remarks),
    }


def _through(served: Served, asked: Asked, target: Path | None) -> list[dict[str, Any]]:
    if asked.insist or asked.options.generator:
        which = "--insist" if asked.insist else "--generator"
        raise BadInput(
            f"The atlas is served at {served.url}, and through it {which} cannot be given. Stop that server first."
        )
    choices = {name: value for name, value in asdict(asked.options).items() if name != "generator"}
    if asked.start:
        pairs = [*asked.query.pairs(), *((name, str(value)) for name, value in choices.items() if value not in (None, ""))]
        fields: dict[str, list[str]] = {}
        for name, value in pairs:
            fields.setdefault(name, []).append(value)
        with asked.start.open("rb") as file:
            job = served.ask("POST", "/api/generate", data=fields, files={"file": (asked.start.name, file)})
    else:
        terms = [{"text": term.text, "weight": term.weight} for term in asked.query.terms]
        job = served.ask("POST", "/api/generate", json={"terms": terms, **choices})
    with progress_bar("Generating", unit=" steps/s") as move:
        try:
            while not job["ended"]:
                time.sleep(0.3)
                job = served.ask("GET", f"/api/jobs/{job['id']}")
                move(job["done"], job["total"], job["rate"], job["seconds_left"])
        except KeyboardInterrupt:
            served.ask("POST", f"/api/jobs/{job['id']}/cancel")
            raise
    made = []
    for name in job["results"]:
        view = served.ask("GET", f"/api/synthetic/{name}")
        data = served.fetch(f"/api/synthetic/{name}/image?format={asked.format}") if view["image"] else b""
        made.append(
            {
                "id": name,
                "file": _write(target, name, asked, data),
                "record": view["record"],
                "nearest": [figure["id"] for figure in view["nearest"]],
                "match": view["match"]["said"] if view["match"] else "",
                "copy_check": view["copy_check"]["said"],
                "withheld": view["withheld"],
                "remarks": view["remarks"],
            }
        )
    if job["state"] != "done":
        raise MirageError(job["message"])
    return made


def _write(target: Path | None, name: str, asked: Asked, data: bytes) -> str:
    """Write one image; where, or empty when there is none."""
    if not data:
        return ""
    path = Path(f"synthetic-{name}.{ENDINGS[asked.format]}")
    if target is not None:
        folder = target.is_dir() or not target.suffix or asked.options.count > 1
        path = target / path if folder else target
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise Unavailable(cannot_write(path.parent, error)) from error
    return str(path)


def _print(made: Sequence[Mapping[str, Any]]) -> None:
    for image in made:
        if image["file"]:
            say(f"{image['file']}  (seed {image['record']['seed']})  {_STATEMENT}")
        elif image["withheld"]:
            say(f"Withheld (seed {image['record']['seed']}). --insist gives it all the same.")
        else:
            say(f"Nothing came out (seed {image['record']['seed']}).")
        for line in (image["match"], image["copy_check"], *image["remarks"]):
            if line:
                say(f"  {line}")
        if image["nearest"]:
            say(f"  Real figures that look most like it: {', '.join(image['nearest'])}")


def _size(given: str) -> tuple[int | None, int | None]:
    if not given:
        return None, None
    found = re.fullmatch(r"(\d{1,6})(?:[xX×](\d{1,6}))?", given.strip())
    if found is None:
        raise BadInput(f"A size is a side in pixels, or WIDTHxHEIGHT, as 128 or 512x384; not {given[:40]!r}.")
    width = int(found[1])
    return width, int(found[2]) if found[2] else width


def _format(given: str, target: Path | None) -> str:
    kind = given.lower() or (_FORMAT_OF.get(target.suffix.lower().removeprefix("."), "") if target else "")
    kind = {"jpg": "jpeg", "dcm": "dicom"}.get(kind, kind)
    if kind and kind not in FORMATS:
        raise BadInput(f"There is no format {kind[:40]!r}. There are: {', '.join(FORMATS)}.")
    if not kind and target is not None and target.suffix and not target.is_dir():
        raise BadInput(f"Files named *{target.suffix} are not written. Choose one of {', '.join(ENDINGS.values())}.")
    return kind or "png"
