"""``mirage generate``, ``mirage ask``, and ``mirage verify``, which reads the marks of synthetic images back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from mirage.cli import explain
from mirage.cli.client import AtlasClient, AtlasOption, JsonOption, LessOption, MoreOption, asked, connect, folder_of
from mirage.cli.hits import hits_table
from mirage.cli.output import complain, facts, out, printed, say
from mirage.cli.saving import write
from mirage.errors import BadInput, BadPicture, BadQuery, NotFound, Unavailable, check_new
from mirage.generate import synthesis
from mirage.generate.provenance import ENDINGS, FORMATS, STATEMENT
from mirage.generate.synthesis import GenerationOptions
from mirage.images import DEFAULT_LIMITS, decode, read_picture
from mirage.images.marks import Marks, reading
from mirage.query import Query
from mirage.storage import manifest
from mirage.wording import _

_FORMAT_OF = {ending: kind for kind, ending in ENDINGS.items()} | {"jpeg": "jpeg"}

Seed = Annotated[int | None, typer.Option(help="Same prompt, settings and seed: same image. Random when left out.")]
Out = Annotated[
    Path | None, typer.Option(help="A file, or a folder for several.", show_default="synthetic-ID.png in this folder")
]


def generate(
    words: Annotated[list[str], typer.Argument(help="What the image shall show.", show_default=False)],
    more: MoreOption = None,
    less: LessOption = None,
    negative: Annotated[str, typer.Option(help="What it shall not show; one more term to have less of.")] = "",
    seed: Seed = None,
    steps: Annotated[int | None, typer.Option(help="How many steps; more is slower.")] = None,
    guidance: Annotated[float | None, typer.Option(help="How closely to follow the words; 1 is no guidance.")] = None,
    size: Annotated[str, typer.Option(help="Pixels: a side, or WIDTHxHEIGHT.", show_default="the generator's")] = "",
    count: Annotated[int, typer.Option(help="How many images, of this seed and those after it.")] = 1,
    drafts: Annotated[
        int | None,
        typer.Option(help="Choose each image from so many drafts; 1 for no choice.", show_default="the generator's"),
    ] = None,
    start: Annotated[str, typer.Option(help="A picture file, or a figure's id, to begin from.")] = "",
    strength: Annotated[float, typer.Option(help="With --start: 0 keeps it, 1 draws anew.")] = 0.6,
    generator: Annotated[str, typer.Option(help="Which generator draws.", show_default="the settings'")] = "",
    format: Annotated[str, typer.Option(help=f"{', '.join(FORMATS)}.", show_default="by the file's name, else png")] = "",
    insist: Annotated[bool, typer.Option("--insist", help="Also give near copies of training images.")] = False,
    out: Out = None,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Make synthetic images that say what they are. They show no patient and prove nothing.

    Example: mirage generate axial brain MRI --seed 7 --out brain.png
    """
    width, height = _size(size)
    file = Path(start).expanduser() if start and Path(start).expanduser().is_file() else None
    options = GenerationOptions(
        negative=negative,
        seed=seed,
        steps=steps,
        guidance=guidance,
        width=width,
        height=height,
        count=count,
        drafts=drafts,
        figure="" if file else start,
        strength=strength,
        generator=generator,
        insist=insist,
    )
    query = asked(words, more, less)
    kind = _format(format, out)
    check_new(out)
    new = manifest.read(folder_of(atlas)) is None
    with connect(atlas, create=True) as client:
        if new:
            say(
                _(
                    "There was no atlas; an empty one was made in %(atlas)s. %(FILLED_BY)s",
                    atlas=folder_of(atlas),
                    FILLED_BY=manifest.FILLED_BY,
                )
            )
        made = _made(client, query, options, out, kind, file)
    if not printed(json, {"images": made}):
        _print(made)
    if not any(image["file"] for image in made):
        raise typer.Exit(NotFound.exit_code)


def ask(
    words: Annotated[list[str], typer.Argument(help="The question.", show_default=False)],
    versus: Annotated[str, typer.Option(help="A second question, to be compared with the first.")] = "",
    more: MoreOption = None,
    less: LessOption = None,
    k: Annotated[int, typer.Option("-k", help="How many hits.")] = 6,
    seed: Seed = None,
    no_image: Annotated[bool, typer.Option("--no-image", help="Leave the synthetic image out.")] = False,
    out: Out = None,
    atlas: AtlasOption = None,
    json: JsonOption = False,
) -> None:
    """Get real figures, an explanation of them and a synthetic image at once; two questions share one seed.

    Examples: mirage ask pneumonia; mirage ask "brain MRI" --versus "brain CT"
    """
    if versus and (more or less):
        raise BadQuery(_("Compare with a second question, or have --more and --less of something; not both at once."))
    queries = [asked(words, more, less, k=k)]
    check_new(out)
    if versus:
        if out is not None and out.suffix and not out.is_dir():
            raise BadInput(_("Two questions have two images: give --out a folder, not a file as %(out)s.", out=out))
        queries.append(Query.of(versus, k=k))
    if seed is None:
        seed = synthesis.new_seed()
    drafts = 1 if versus else None  # from one seed two questions begin alike only where nothing is chosen
    answers = []
    with connect(atlas) as client:
        for query in queries:
            found, whole = client.search(query), explain.explained(client, "/api/explain", query)
            made, why = [], ""
            if not no_image:
                try:
                    made = _made(client, query, GenerationOptions(seed=seed, drafts=drafts), out)
                except (BadInput, NotFound, Unavailable) as error:  # the rest is answered all the same
                    why = str(error)
            answers.append({"search": found, "explanation": whole, "images": made, "no_image": why})
    if printed(json, {"seed": seed, "answers": answers}):
        return
    for number, (query, answer) in enumerate(zip(queries, answers, strict=True)):
        _print_answer(query, answer, "\n" if number else "")


def _print_answer(query: Query, answer: Mapping[str, Any], gap: str) -> None:
    out.print(f"{gap}[bold]{query.text}[/]")
    hits_table(answer["search"])
    explain.show(answer["explanation"], "\n" if answer["search"]["hits"] else "")
    if answer["no_image"]:
        say(_("No synthetic image: %(no_image)s", no_image=answer["no_image"]))
    _print(answer["images"])


# -- making --------------------------------------------------------------------------------------------------------------


def _made(
    client: AtlasClient,
    query: Query,
    options: GenerationOptions,
    target: Path | None,
    format: str = "png",
    start: Path | None = None,
) -> list[dict[str, Any]]:
    """Have images made, and write each into its file; they begin from the picture file `start` where there is one."""
    choices = asdict(options)
    path = "/api/generate?" + urlencode({"generator": choices.pop("generator"), "insist": int(choices.pop("insist"))})
    if start is not None:
        fields: dict[str, list[str]] = {}
        given = [(name, str(value)) for name, value in choices.items() if value not in (None, "")]
        for name, value in (*query.pairs(), *given):
            fields.setdefault(name, []).append(value)
        decode(start, name=start.name, limits=DEFAULT_LIMITS)  # what is damaged is told by its name
        job = client.ask("POST", path, data=fields, files={"file": (start.name, start.read_bytes())})
    else:
        terms = [{"text": term.text, "weight": term.weight} for term in query.terms]
        job = client.ask("POST", path, json={"terms": terms, **choices})
    made: list[dict[str, Any]] = []

    def write(job: Mapping[str, Any]) -> None:
        """Write what has been made since the last time: it is kept, whatever becomes of the rest."""
        for name in job["results"][len(made) :]:
            view = client.ask("GET", f"/api/synthetic/{name}")
            data = client.fetch(f"/api/synthetic/{name}/image?format={format}") if view["image"] else b""
            made.append(
                {
                    "id": name,
                    "file": _write(target, f"synthetic-{name}.{ENDINGS[format]}", data, alone=options.count == 1),
                    "record": view["record"],
                    "nearest": [figure["id"] for figure in view["nearest"]],
                    "match": view["match"]["said"] if view["match"] else "",
                    "copy_check": view["copy_check"]["said"],
                    "withheld": view["withheld"],
                    "remarks": view["remarks"],
                }
            )

    client.follow(job, write, unit=" steps/s")
    return made


def _write(target: Path | None, name: str, data: bytes, *, alone: bool) -> str:
    """Write one image; where, or empty when there is none."""
    if not data:
        return ""
    path = Path(name)
    if target is not None:
        path = target if alone and target.suffix and not target.is_dir() else target / name
    check_new(path)
    write(path, data)
    return str(path)


def _print(made: Sequence[Mapping[str, Any]]) -> None:
    for image in made:
        if image["file"]:
            say(
                _(
                    "%(file)s  (seed %(seed)s)  %(STATEMENT)s",
                    file=image["file"],
                    seed=image["record"]["seed"],
                    STATEMENT=STATEMENT,
                )
            )
        elif image["withheld"]:
            say(_("Withheld (seed %(seed)s). --insist gives it all the same.", seed=image["record"]["seed"]))
        else:
            say(_("Nothing came out (seed %(seed)s).", seed=image["record"]["seed"]))
        for line in (image["match"], image["copy_check"], *image["remarks"]):
            if line:
                say(f"  {line}")
        if image["nearest"]:
            say(_("  Real figures that look most like it: %(nearest)s", nearest=", ".join(image["nearest"])))


def _size(given: str) -> tuple[int | None, int | None]:
    if not given:
        return None, None
    found = re.fullmatch(r"(\d{1,6})(?:[xX×](\d{1,6}))?", given.strip())
    if found is None:
        raise BadInput(
            _("A size is a side in pixels, or WIDTHxHEIGHT, as 128 or 512x384; not %(given)s.", given=repr(given[:40]))
        )
    width = int(found[1])
    return width, int(found[2]) if found[2] else width


def _format(given: str, target: Path | None) -> str:
    kind = given.lower() or (_FORMAT_OF.get(target.suffix.lower().removeprefix("."), "") if target else "")
    kind = {"jpg": "jpeg", "dcm": "dicom"}.get(kind, kind)
    if kind and kind not in FORMATS:
        raise BadInput(_("--format is one of %(FORMATS)s, not %(kind)s.", FORMATS=", ".join(FORMATS), kind=repr(kind[:40])))
    if not kind and target is not None and target.suffix and not target.is_dir():
        raise BadInput(
            _(
                "Files named *%(suffix)s are not written. Choose one of %(values)s.",
                suffix=target.suffix,
                values=", ".join(ENDINGS.values()),
            )
        )
    return kind or "png"


# -- verifying ----------------------------------------------------------------------------------------------------------


def verify(
    files: Annotated[list[Path], typer.Argument(help="Pictures: PNG, JPEG, WebP, TIFF, BMP, GIF or DICOM.")],
    json: JsonOption = False,
) -> None:
    """Say which marks of a synthetic image each file carries: band, watermark, XMP, C2PA, DICOM, and the record.

    Ends with 0 when all files could be read, whatever was found in them, and with 2 when one could not. That no
    mark is found does not mean that an image is real.
    """
    told: list[dict[str, Any]] = []
    failed = False
    for number, path in enumerate(files):
        try:
            marks = _marks(path)
        except BadPicture as error:
            failed = True
            complain(str(error))
            told.append({"file": str(path), "error": str(error)})
            continue
        told.append({"file": str(path), **asdict(marks)})
        if not json:
            if number:
                out.print()
            _print_marks(path, marks)
    printed(json, told)
    if failed:
        raise typer.Exit(BadPicture.exit_code)


def _marks(path: Path) -> Marks:
    if path.is_dir():
        raise BadPicture(_("%(path)s is a folder. Name the files in it.", path=path))
    image = read_picture(path, name=str(path), limits=DEFAULT_LIMITS, allow_burned_in=True).image
    return reading.read(path.read_bytes(), image)


def _print_marks(path: Path, marks: Marks) -> None:
    rows = [(_("file"), str(path)), (_("verdict"), marks.summary)]
    rows += [
        (mark.kind, _("found: %(said)s", said=mark.said) if mark.found else _("not found: %(said)s", said=mark.said))
        for mark in marks.marks
    ]
    if marks.id:
        rows.append(("id", marks.id))
    facts(rows)
    if marks.record is not None:
        record = asdict(marks.record)
        record["terms"] = ", ".join(f"{text}@{weight:g}" for text, weight in marks.record.terms)
        facts([(f"  {name}", str(value)) for name, value in record.items() if value not in ("", None) and name != "id"])
