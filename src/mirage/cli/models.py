"""``mirage models``: which are known and here, getting, checking, converting and reading about them."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from mirage import encoders
from mirage.cli.client import JsonOption
from mirage.cli.output import bytes_bar, complain, counted, facts, out, printed, say, size
from mirage.encoders import Encoder, Opening, opening
from mirage.errors import BadInput, MirageError, NotFound
from mirage.locales import number
from mirage.models import pins
from mirage.models.hub import pull as pull_model
from mirage.models.registry import Listed, is_beginning, listed
from mirage.models.registry import card as card_of
from mirage.models.speed import Speed, keep, measure
from mirage.models.verification import Verdict
from mirage.models.verification import verify as verify_models
from mirage.settings import Settings
from mirage.wording import N_, Words, _, looked_up

app = typer.Typer(help="List, get, check and convert models.", no_args_is_help=True)

Revision = Annotated[
    str, typer.Option(help="A branch, a commit or its first digits.", show_default="the pinned one, or main")
]
_PLACES = Words(
    {
        "shipped": N_("comes with MIRAGE"),
        "mirage": N_("on this machine"),
        "cache": N_("on this machine, in the Hugging Face cache"),
        "": N_("not on this machine"),
    }
)


@app.command("list")
def list_(
    measured: Annotated[bool, typer.Option("--measure", help="Time the encoders that are here, some seconds each.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Also unknown models in the Hugging Face cache.", show_default=False)
    ] = False,
    json: JsonOption = False,
) -> None:
    """Tell which models are known and which are here: revision, digest, size, licence, memory, speed."""
    rows = listed(everything=everything, adapter_of=encoders.adapter_of)
    if measured:
        _measure([row for row in rows if row.role == pins.ENCODER and row.where and row.whole])
        rows = listed(everything=everything, adapter_of=encoders.adapter_of)
    if printed(json, [asdict(row) for row in rows]):
        return
    for row in rows:
        _print(row)
        out.print()
    say(
        _(
            "Pulled models are kept in %(models)s (setting models). What is marked ~ is an estimate.",
            models=Settings.load().models,
        )
    )


@app.command()
def pull(
    model: Annotated[str, typer.Argument(metavar="ID", help="As org/name; `mirage models list` shows those known.")],
    revision: Revision = "",
    source: Annotated[
        str, typer.Option("--from", help="A mirror's address, or a folder that holds the model.", show_default="the hub")
    ] = "",
    to: Annotated[
        Path | None, typer.Option(help="Put its files into this folder.", show_default="MIRAGE's folder of models")
    ] = None,
) -> None:
    """Get a model; interrupted, run it again to go on. Takes no code and no pickles, and checks every file.

    The hub is HF_ENDPOINT, or the public one. A model with terms to accept wants your token as HF_TOKEN.
    """
    with bytes_bar(_("Downloading %(model)s", model=pins.bare(model))) as tell:
        got = pull_model(model, revision=revision, source=source, to=to, progress=lambda _of, *sizes: tell(*sizes))
    if got.record is None:
        say(_("It is in the Hugging Face cache already, and stays there."))
        facts([(_("folder"), str(got.path)), (_("revision"), got.path.name)])
        return
    record = got.record
    checked = _("%(files)s checked", files=counted(len(record.files), "file"))
    say(
        _("Got %(fetched)s; %(checked)s.", fetched=size(got.fetched), checked=checked)
        if got.fetched
        else _("It is here already.")
    )
    rows = [
        (_("model"), record.id),
        (_("revision"), record.revision or _("not known")),
        (_("licence"), looked_up(record.licence)),
    ]
    facts([*rows, (_("digest"), record.digest), (_("size"), size(record.size)), (_("folder"), str(got.path))])
    pin = pins.pin_of(record.id)
    for caveat in pin.caveats if pin else ():
        say(_("Mind: %(caveat)s", caveat=_(caveat)))


@app.command()
def verify(
    model: Annotated[
        str, typer.Argument(metavar="[ID]", help="An id, or a folder that was pulled.", show_default="all that are here")
    ] = "",
    revision: Revision = "",
    json: JsonOption = False,
) -> None:
    """Check a model's files against the digests kept when it was pulled. Ends with 1 when one is damaged."""
    read = 0
    with bytes_bar(_("Reading")) as tell:

        def count(_of: str, more: int) -> None:
            nonlocal read
            read += more
            tell(read, None)

        verdicts = verify_models(model, revision=revision, progress=count)
    if not printed(json, [{**asdict(verdict), "sound": verdict.sound} for verdict in verdicts]):
        for verdict in verdicts:
            _print_verdict(verdict)
    if not all(verdict.sound for verdict in verdicts):
        raise typer.Exit(MirageError.exit_code)


@app.command()
def export(
    model: Annotated[str, typer.Argument(metavar="ID|FOLDER", help="An encoder that is on this machine.")],
    to: Annotated[Path, typer.Option(help="Folder for the ONNX files.", show_default=False)],
    precision: Annotated[str, typer.Option(help="int8, fp16 or fp32.")] = "int8",
    revision: Revision = "",
    adapter: Annotated[str, typer.Option(help="Which encoder opens it.", show_default="told by the model's files")] = "",
) -> None:
    """Convert an encoder to ONNX, checked against the original, for searching without torch.

    Example: mirage models export luhuitong/CLIP-ViT-L-14-448px-MedICaT-ROCO --to clip-onnx --precision int8
    """
    if precision not in ("int8", "fp16", "fp32"):
        raise BadInput(_("There is no precision “%(precision)s”. There are int8, fp16 and fp32.", precision=precision))
    from mirage.encoders.export import export as export_encoder  # noqa: PLC0415 - wants torch

    wanted = opening(model, revision, adapter)
    if not encoders.exportable(wanted.adapter):
        others = ", ".join(name for name in encoders.available() if encoders.exportable(name))
        raise BadInput(
            _(
                "%(model)s runs on ONNX already. Only encoders of these kinds are converted: %(others)s.",
                model=wanted.model,
                others=others,
            )
        )
    encoder = _open(replace(wanted, options={**wanted.options, "device": "cpu", "dtype": "float32"}))
    made = export_encoder(encoder, to.expanduser(), precision=precision, progress=say)
    facts(
        [
            (_("folder"), str(made.folder)),
            (_("size"), size(made.bytes)),
            (
                _("to the original"),
                _(
                    "%(texts)s: cosine at least %(cosine)s",
                    texts=counted(made.texts, "text"),
                    cosine=number(made.text_cosine, 4),
                ),
            ),
            (
                "",
                _(
                    "%(texts)s: cosine at least %(cosine)s",
                    texts=counted(made.images, "picture"),
                    cosine=number(made.image_cosine, 4),
                ),
            ),
        ]
    )
    say(
        _(
            "Search with it: MIRAGE_ENCODER=%(folder)s MIRAGE_ENCODER_MODEL=%(folder2)s",
            folder=encoders.adapter_of(made.folder),
            folder2=made.folder,
        )
    )


@app.command()
def card(
    model: Annotated[str, typer.Argument(metavar="ID", help="An id, or a folder that holds a model.")],
    revision: Revision = "",
) -> None:
    """Print a model's licence, revision, use and limits, and its own card."""
    out.print(escape(card_of(model, revision)), soft_wrap=True)


# -- measuring ----------------------------------------------------------------------------------------------------------


def _measure(rows: list[Listed]) -> None:
    for row in rows:
        try:
            wanted = opening(row.id, "" if row.where == "shipped" else row.revision)
            say(_("Measuring %(id)s.", id=row.id))
            keep(row.id, measure(partial(_open, wanted)))
        except MirageError as error:
            complain(_("%(id)s was not measured: %(error)s", id=row.id, error=error))


def _open(wanted: Opening) -> Encoder:
    if wanted.adapter not in encoders.available():
        raise NotFound(
            _(
                "The encoder “%(adapter)s”, which opens %(model)s, is not installed in this MIRAGE.",
                adapter=wanted.adapter,
                model=wanted.model,
            )
        )
    return encoders.load(wanted.adapter, **wanted.options)


# -- printing -----------------------------------------------------------------------------------------------------------


def _print(row: Listed) -> None:
    place = _PLACES[row.where] + ("" if row.whole or not row.where else ", " + _("not whole"))
    style = "green" if row.whole else "yellow" if row.where else "dim"
    out.print(f"[bold]{escape(row.id)}[/]  [{style}]{place}[/]", soft_wrap=True)
    use = (_(row.role) if row.role else _("not known to MIRAGE")) + (f" ({row.adapter})" if row.adapter else "")
    rows = [
        (_("use"), use + (f": {_(row.used_for)}" if row.used_for else "")),
        (_("revision"), _revision(row)),
        (_("licence"), looked_up(row.licence) + (", " + _("terms to accept at the hub") if row.gated else "")),
        (_("size"), _size(row)),
    ]
    if row.digest:
        rows.append((_("digest"), row.digest))
    if row.role == pins.ENCODER and row.where:
        rows.append((_("speed"), _speed(row.speed)))
    if row.where in ("mirage", "cache"):
        rows.append((_("folder"), row.path))
    facts([(f"  {name}", value) for name, value in rows])


def _size(row: Listed) -> str:
    taken = ("" if row.where else "~") + size(row.size) if row.size else _("not known")
    if not row.memory:
        return _("%(size)s, memory not known", size=taken)
    if row.speed and row.speed.memory:
        return _("%(size)s, memory %(memory)s measured", size=taken, memory=size(row.memory))
    return _("%(size)s, memory ~%(memory)s", size=taken, memory=size(row.memory))


def _revision(row: Listed) -> str:
    if row.where == "shipped":
        return _("of this MIRAGE")
    pinned = _("not pinned")
    if row.pinned:
        pinned = _("pinned to %(pinned)s", pinned=row.pinned)
        if is_beginning(row.pinned):
            pinned = _("pinned to %(pinned)s (the first digits of the commit)", pinned=row.pinned)
    if not row.where or row.revision == row.pinned:
        return pinned
    return _("%(revision)s here; %(pinned)s", revision=row.revision or _("an unknown one"), pinned=pinned)


def _speed(speed: Speed | None) -> str:
    if speed is None:
        return _("not measured here; --measure does")
    texts, images, query = f"{speed.texts:,g}", f"{speed.images:,g}", f"{speed.query * 1000:,.3g}"
    return _(
        "%(texts)s texts/s, %(images)s images/s, one query %(query)s ms (%(day)s, %(machine)s)",
        texts=texts,
        images=images,
        query=query,
        day=speed.measured[:10],
        machine=speed.machine,
    )


def _print_verdict(verdict: Verdict) -> None:
    mark = "[green]✓[/]" if verdict.sound else "[bold red]✗[/]"
    told = _("nothing to compare with")
    if verdict.checked:
        told = _("%(files)s as they should be", files=counted(verdict.checked, "file"))
    out.print(f"{mark} [bold]{escape(verdict.id)}[/]  {'' if not verdict.sound else told}", soft_wrap=True)
    for line in (*verdict.faults, *filter(None, (verdict.remark, verdict.remedy))):
        out.print(f"  {escape(line)}", soft_wrap=True)
    if not verdict.sound:
        out.print(f"  [dim]{escape(verdict.path)}[/]", soft_wrap=True)
