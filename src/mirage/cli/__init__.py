"""The mirage command.

Exit codes: 0 done; 1 something failed; 2 bad input or usage; 3 the atlas cannot be used; 4 not found, or nothing fits;
5 the atlas is held by another process; 6 no network; 7 something is not installed or has run out; 130 interrupted.
"""

from __future__ import annotations

import io
import os
import re
import sys
from typing import Annotated, Any

import typer

from mirage import __version__, plugins
from mirage.cli import (
    add,
    archive,
    atlas,
    backup,
    collection,
    doctor,
    edit,
    evaluate,
    explain,
    generate,
    models,
    people,
    quiz,
    remove,
    repeat,
    review,
    search,
    serve,
)
from mirage.cli.output import complain
from mirage.cli.spoken import speak
from mirage.errors import MirageError
from mirage.wording import N_, _

# What the library that reads arguments says of them, in plain words.
_PLAIN = {
    "Input should be a valid integer.*": N_("give a whole number, in digits."),
    "Input should be a valid number.*": N_("give a number, in digits."),
    "Input should be greater than or equal to (?P<bound>.*)": N_("give %(bound)s or more."),
    "Input should be less than or equal to (?P<bound>.*)": N_("give %(bound)s or less."),
}


class _Command(evaluate.PartlyInstalled):
    """Typer would end an interruption or a closed pipe in its own words, so they are met before it sees them."""

    elsewhere = frozenset({"train"})

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except MirageError as error:
            complain(str(error))
            sys.exit(error.exit_code)
        except typer.BadParameter as error:
            for told, plain in _PLAIN.items():
                if met := re.fullmatch(told, error.message, re.DOTALL):
                    error.message = _(plain, **met.groupdict())
            raise
        except KeyboardInterrupt:
            complain(_("Interrupted. What was stored stays; run it again to go on."))
            sys.exit(130)
        except BrokenPipeError:
            # The reader of our output has gone (`mirage search … | head`). Keep Python from complaining at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)


app = typer.Typer(
    name="mirage",
    cls=_Command,
    help="Find real medical images by words or by a picture, offline. It teaches; it does not diagnose.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("up")(serve.up)
app.command("serve")(serve.serve)
app.command("search")(search.search)
app.command("show")(search.show)
app.command("explain")(explain.explain)
app.command("compare")(explain.compare)
app.command("verify")(generate.verify)
app.command("generate")(generate.generate)
app.command("ask")(generate.ask)
app.command("doctor")(doctor.doctor)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("export")(archive.export)
app.command("import")(archive.import_)
app.add_typer(add.app, name="add")
app.add_typer(edit.app, name="edit")
app.add_typer(remove.app, name="remove")
app.add_typer(atlas.app, name="atlas")
app.add_typer(collection.app, name="collection")
app.add_typer(review.app, name="review")
app.add_typer(repeat.app, name="repeat")
app.add_typer(quiz.app, name="quiz")
app.add_typer(people.app, name="people")
evaluate.app.command("reviews")(review.evaluate)
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(models.app, name="models")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mirage {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def extend() -> tuple[Any, list[str]]:
    """Let other distributions add commands, through the entry point group ``mirage.commands``.

    An entry point names a function of two typers: the mirage command and its group ``mirage evaluate``.

    Returns
    -------
    command : click.Command
        The mirage command with all that was added. Building it takes a tenth of a second, so it is built once.
    troubles : list of str
        A line for each distribution whose commands are missing because it failed.
    """
    built: Any = None
    troubles = []
    for name, entry in plugins.available("mirage.commands").items():
        ours: list[list[Any]] = [app.registered_commands, app.registered_groups]
        ours += [evaluate.app.registered_commands, evaluate.app.registered_groups]
        before = [list(each) for each in ours]
        try:
            entry.load()(app, evaluate.app)
            built = typer.main.get_command(app)  # one that cannot be built would take ours with it
        except (Exception, SystemExit) as error:
            for each, those in zip(ours, before, strict=True):
                each[:] = those
            told = _(
                "The commands of “%(name)s” (%(value)s) are missing: %(error)s",
                name=name,
                value=entry.value,
                error=f"{type(error).__name__}: {error}",
            )
            troubles.append(" ".join(told.split())[:500])
    return built or typer.main.get_command(app), troubles


_COMMAND, _TROUBLES = extend()


def main() -> None:
    """Run the command; failures end in one clear line, never in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a sign still shows the rest
    try:
        speak(_COMMAND)
        for trouble in _TROUBLES:
            complain(trouble)
        _COMMAND(prog_name="mirage")
    except Exception as error:
        if "MIRAGE_TRACEBACK" in os.environ:
            raise
        complain(
            _(
                "Something went wrong that should not have: %(name)s: %(error)s Please report it; "
                "with MIRAGE_TRACEBACK=1 in the environment the command shows where.",
                name=type(error).__name__,
                error=str(error)[:500],
            )
        )
        sys.exit(1)
