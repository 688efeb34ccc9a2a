"""``mirage add``: corpora into an atlas. Each corpus that is installed is a subcommand, made of what its card says."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from mirage import corpora
from mirage.cli.client import AtlasClient, AtlasOption, JsonOption, connect
from mirage.cli.output import duration, printed, say
from mirage.corpora.base import CorpusCard, CorpusOption
from mirage.errors import BadInput, MirageError

_Further = Annotated[
    list[str] | None, typer.Option("--option", metavar="KEY=VALUE", help="Any option of the corpus by its own name.")
]


_NAMED = 5  # stacks of one remark


class _Corpora(TyperGroup):
    """A subcommand for every corpus that is installed, imported only when somebody asks for it."""

    def list_commands(self, ctx: Any) -> list[str]:
        return corpora.available()

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        if cmd_name not in corpora.available():
            return None
        try:
            card = corpora.card(cmd_name)
        except MirageError as error:  # the others are listed all the same, and this one says why it cannot be used
            card = CorpusCard(cmd_name, str(error))
        alone = typer.Typer(add_completion=False, context_settings={"help_option_names": ["-h", "--help"]})
        alone.command(cmd_name, help=f"{card.title}: {card.summary}")(_command(cmd_name, card))
        made = typer.main.get_command(alone)
        assert isinstance(made, TyperCommand)
        return made


app = typer.Typer(
    cls=_Corpora,
    help="Add a corpus to the atlas. Stopped at any point and run again, it goes on where it was.",
    no_args_is_help=True,
)


def _command(name: str, card: CorpusCard) -> Any:
    """The function of a subcommand, with the corpus's own options as its parameters."""

    def add(**given: Any) -> None:
        atlas, json, further = given.pop("atlas_folder"), given.pop("as_json"), given.pop("further") or []
        options = {key: value for key, value in given.items() if value is not None and value is not False and value != []}
        for pair in further:
            key, equals, value = pair.partition("=")
            if not key or not equals:
                raise BadInput(f"--option is given as KEY=VALUE, not “{pair}”.")
            options[key.replace("-", "_")] = value
        with connect(atlas, create=True) as client:
            report = add_corpus(client, name, options)
        if printed(json, report):
            return
        for entry in report["refused"]:
            label, reason = entry["label"], entry["reason"]
            say(f"Left out: {reason}" if reason.startswith(label) else f"Left out: {label}: {reason}")
        labels: dict[str, list[str]] = {}
        for entry in report["noted"]:
            labels.setdefault(entry["note"], []).append(entry["label"])
        for note, those in labels.items():
            more = f" and {len(those) - _NAMED} more" if len(those) > _NAMED else ""
            say(f"Taken with a remark: {'; '.join(those[:_NAMED])}{more}: {note}")
        say(report["message"])

    ours = {"further": (_Further, None), "atlas_folder": (AtlasOption, None), "as_json": (JsonOption, False)}
    typed = {option.name: _parameter(option) for option in card.options} | ours
    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter(key, kind, default=value, annotation=of) for key, (of, value) in typed.items()]
    add.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    add.__annotations__ = {key: of for key, (of, _) in typed.items()}
    return add


def _parameter(option: CorpusOption) -> tuple[Any, Any]:
    """Annotation and default of an option; the folder that a corpus is read from is an argument."""
    default = ... if option.required else False if option.type is bool else None
    if option.is_folder:
        return Annotated[Path if option.required else Path | None, typer.Argument(help=option.help)], default
    of: Any = list[option.type] if option.several else option.type  # type: ignore[name-defined]
    flag = f"--{option.name.removesuffix('s') if option.several else option.name}".replace("_", "-")
    shown = ", ".join(option.choices)
    text = f"{option.help} One of {shown}; may be given several times." if option.several and shown else option.help
    return Annotated[of if option.required or option.type is bool else of | None, typer.Option(flag, help=text)], default


def add_corpus(client: AtlasClient, corpus: str, options: dict[str, Any], *, bring_back: bool = True) -> dict[str, Any]:
    """Add a corpus, showing how far it is.

    Parameters
    ----------
    client : AtlasClient
    corpus : str
        An adapter's name.
    options : dict
        Of its card, as text or of the type that the card says.
    bring_back : bool
        Whether figures that were removed from the atlas come back.

    Returns
    -------
    dict
        ``corpus``, ``added``, ``kept``, ``refused``, ``noted``, ``seconds`` and ``message``, which says it in words.

    Raises
    ------
    mirage.errors.MirageError
        When it cannot be opened or added.
    """
    if client.url:
        say(f"The atlas is served at {client.url}; adding through it.")
    paths = {option.name for option in corpora.card(corpus).options if option.type is Path}
    # A server may run in another folder.
    given = {key: str(Path(value).expanduser().absolute()) if key in paths else value for key, value in options.items()}
    job = client.follow(client.ask("POST", "/api/jobs", json={"corpus": corpus, "options": given, "bring_back": bring_back}))
    seconds = job["finished"] - job["created"]
    return {
        "corpus": corpus,
        **{key: job[key] for key in ("added", "kept", "refused", "noted")},
        "seconds": seconds,
        "message": job["message"].replace(".", f", in {duration(seconds)}.", 1),
    }
