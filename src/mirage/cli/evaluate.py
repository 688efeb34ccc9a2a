"""``mirage evaluate``: choose what depends on measurement; `mirage-research` adds the measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from mirage.cli.client import AtlasOption, JsonOption, Several, folder_of
from mirage.cli.output import facts, printed, progress_bar, said_once, say
from mirage.errors import Unavailable
from mirage.installed import to_install
from mirage.storage.manifest import CALIBRATION_FILE
from mirage.wording import _, looked_up


class PartlyInstalled(TyperGroup):
    """A group some of whose commands come with `mirage-research`; it says so where that is not installed."""

    elsewhere: frozenset[str] = frozenset()

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the arguments begin with.

        Parameters
        ----------
        ctx : click.Context
        args : list of str

        Raises
        ------
        mirage.errors.Unavailable
            When the command is one of `elsewhere`, and not here.
        """
        if args and args[0] in self.elsewhere and self.get_command(ctx, args[0]) is None:
            raise Unavailable(
                _(
                    "“%(command_path)s %(args)s” comes with mirage-research, which is not installed. In "
                    "a checkout of MIRAGE, install it with: %(install)s",
                    command_path=ctx.command_path,
                    args=args[0],
                    install=to_install("./research"),
                )
            )
        return super().resolve_command(ctx, args)


class _Evaluate(PartlyInstalled):
    elsewhere = frozenset(
        "copies encoder explainer generation grounding inference modify refine retrieval watermark".split()
    )


app = typer.Typer(
    cls=_Evaluate, help="Measure MIRAGE, and choose weights and thresholds by measurement.", no_args_is_help=True
)


@app.callback()
def _group() -> None:
    pass


@app.command()
def calibrate(
    atlas: AtlasOption = None,
    corpus: Annotated[Several, typer.Option(help="Ask only for figures of this corpus.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write it to this file, which no search looks at.", show_default="calibration.json in the atlas"),
    ] = None,
    judged: Annotated[
        Path | None, typer.Option(help="Ask these judged queries too: what `mirage evaluate reviews --queries` wrote.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed of the queries and the intervals.")] = 0,
    json: JsonOption = False,
) -> None:
    """Choose for an atlas the weights of the channels, when a hit is strong, likely or weak, and when nothing fits.

    Asks the atlas for its own figures, by their captions, titles, findings and pictures, and for what no atlas holds.
    Searches of the atlas then go by what was chosen; delete calibration.json in its folder to go back.
    """
    from mirage.atlas import Atlas  # noqa: PLC0415 - loads the engine
    from mirage.calibrate import run as calibration  # noqa: PLC0415 - as above
    from mirage.calibrate.judged import read_judged  # noqa: PLC0415 - as above

    with Atlas.open(folder_of(atlas), steps=said_once()) as opened, progress_bar(_("Asking the atlas"), unit="/s") as move:
        if out is None:
            opened.check_writable()
        result = calibration.calibrate(
            opened,
            corpus or (),
            seed=seed,
            progress=lambda done, total: move(done, total, 0.0, None),
            judged=read_judged(opened, judged) if judged else (),
        )
        target = out or opened.path / CALIBRATION_FILE
        calibration.write(result, target)
    if printed(json, {"file": str(target), "report": result.report, "notes": result.notes}):
        return
    facts([(_in_words(name), value) for name, value in result.report])
    for note in result.notes:
        say(note)
    say(_("Written to %(target)s.", target=target))


def _in_words(name: str) -> str:
    """A line's name, which a file keeps in English, in the reader's language, word by word."""
    told = name.lstrip()
    return name[: len(name) - len(told)] + ", ".join(looked_up(part) for part in told.split(", "))
