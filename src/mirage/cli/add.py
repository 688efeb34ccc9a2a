"""``mirage add``: corpora into an atlas. Each corpus that is installed is a subcommand, made of what its card says."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from mirage import corpora
from mirage.cli import sources
from mirage.cli.client import AtlasClient, AtlasOption, JsonOption, connect
from mirage.cli.output import counted, duration, plain, printed, say
from mirage.corpora.base import CorpusCard, Item, Refused
from mirage.corpora.options import CorpusOption
from mirage.corpora.personal import in_name, listed, notes_on_words
from mirage.corpora.preview import by_kind
from mirage.errors import BadInput, MirageError
from mirage.figure import called
from mirage.images.bucket import is_address
from mirage.locales import number
from mirage.wording import _

_Further = Annotated[
    list[str] | None, typer.Option("--option", metavar="KEY=VALUE", help="Any option of the corpus by its own name.")
]


_Look = Annotated[
    bool, typer.Option("--dry-run", "--preview", help="Say what would come, picture by picture, and add nothing.")
]
_Merge = Annotated[
    bool,
    typer.Option("--merge", help="Add it to the collection of that name even where that seems to be of another folder."),
]
_Prune = Annotated[
    bool,
    typer.Option("--prune", help="Take out of the atlas what is gone from the folder; more than half only after asking."),
]
_Yes = Annotated[
    bool,
    typer.Option(
        "--yes",
        "-y",
        help="Do not ask, neither about names and words that may be a patient's nor how much --prune takes out.",
    ),
]

_LookAtSource = Annotated[
    bool, typer.Option("--preview", "--dry-run", help="Say what would come and what is left out, and add nothing.")
]
_YesFetch = Annotated[bool, typer.Option("--yes", "-y", help="Fetch without asking; it is asked on a terminal only.")]
_Again = Annotated[
    bool,
    typer.Option("--again", help="Ask the source anew in place of kept answers; tells what was retracted since."),
]

_On = Annotated[
    str | None,
    typer.Option(
        "--on",
        metavar="WHERE",
        help="Read and encode elsewhere: ray://host:10001, ray or processes; ?workers=8&cpus=2&gpus=1 says how many.",
    ),
]

_ANEW = "refresh"  # the option of a living source that --again chooses
_ON_A_LINE, _NAMED = 5, 200  # figures of one remark
_LISTED = 40  # figures of a preview


class _Corpora(TyperGroup):
    """A subcommand for every corpus that is installed, imported only when somebody asks for it."""

    def list_commands(self, ctx: Any) -> list[str]:
        return corpora.available()

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        if cmd_name not in corpora.available():
            return None
        try:
            card = corpora.card(cmd_name).spoken
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
        named = {option.name: _flag(option) for option in card.options}
        atlas, json, further = given.pop("atlas_folder"), given.pop("as_json"), given.pop("further") or []
        looking, merge, on = given.pop("looking", False), given.pop("merge", False), given.pop("on", None) or ""
        yes, again = given.pop("yes", False), given.pop("again", False)
        prune = _how(prune=given.pop("prune", False), yes=yes, merge=merge)
        options = {key: value for key, value in given.items() if value is not None and value is not False and value != []}
        for pair in further:
            key, equals, value = pair.partition("=")
            if not key or not equals:
                raise BadInput(_("--option is given as KEY=VALUE, not “%(pair)s”.", pair=pair))
            key = key.replace("-", "_")
            options[key], named[key] = value, f"--option {key}"
        card.read(options, named)
        if card.private and not looking and not _may_be_called(str(options.get("name", "")), yes=yes):
            return
        if card.private and not looking and not yes and not _may_be_read(name, options):
            return
        with connect(atlas, create=True) as client:
            if card.live:
                found = sources.ask(client, name, options, again=again)
                # What was removed before comes back, as of any corpus that is added again.
                only = [each["id"] for each in found["figures"] if each["state"] != "there"]
                new = bool(only)
                if again and any(option.name == _ANEW for option in card.options):
                    options[_ANEW] = True
                    only = only or [each["id"] for each in found["figures"]]  # to tell what was retracted of them
                if not _asked(found, only, looking=looking, yes=yes or not new, json=json):
                    return
                options["only"] = only
            if looking:
                found = look_through(client, name, options)
            else:
                report = _added(client, name, options, merge=merge, prune=prune, on=on)
        if looking:
            if not printed(json, found):
                _print_preview(found)
            return
        if printed(json, report):
            return
        _print_report(report)

    ours: dict[str, tuple[Any, Any]] = {
        "further": (_Further, None),
        "atlas_folder": (AtlasOption, None),
        "as_json": (JsonOption, False),
    }
    if not card.live:
        ours |= {"on": (_On, None)}
    if card.live:
        ours |= {"looking": (_LookAtSource, False), "yes": (_YesFetch, False), "again": (_Again, False)}
    if card.private:
        ours |= {"looking": (_Look, False), "merge": (_Merge, False), "prune": (_Prune, False), "yes": (_Yes, False)}
    shown = [option for option in card.options if not (card.live and option.name == _ANEW)]  # --again says it
    typed = {option.name: _parameter(option) for option in shown} | ours
    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter(key, kind, default=value, annotation=of) for key, (of, value) in typed.items()]
    add.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    add.__annotations__ = {key: of for key, (of, _) in typed.items()}
    return add


def _may_be_called(name: str, *, yes: bool) -> bool:
    """Ask at a terminal, and say elsewhere, where the name that somebody gives a collection may be a patient's."""
    if not (found := in_name(name)):
        return True
    say(
        _(
            "The name “%(name)s” holds what looks like %(found)s. Everybody who opens this atlas reads it.",
            name=name,
            found=listed(found),
        )
    )
    if yes or not sys.stdin.isatty() or typer.confirm(_("Call the collection so all the same?"), err=True):
        return True
    say(_("Nothing was added. Give it another --name, or none: then a number stands for it."))
    return False


def _may_be_read(name: str, options: dict[str, Any]) -> bool:
    """Ask at a terminal where words of a table may tell who a patient is; the report of an addition says it in any case."""
    if not sys.stdin.isatty():
        return True
    try:
        corpus = corpora.load(name, **options)
    except MirageError:  # which adding says
        return True
    if not getattr(corpus, "has_words", True):
        return True
    found = [
        f"{each.label}: {note.rpartition('. ')[0]}"
        for each in corpus.items()
        if isinstance(each, Item)
        for note in notes_on_words(each.figure, each.case)
    ]
    if not found:
        return True
    for told in found[:_NAMED]:
        say(told)
    say(
        _("and %(found)s more", found=number(len(found) - _NAMED))
        if len(found) > _NAMED
        else _("Everybody who opens this atlas reads these words.")
    )
    if typer.confirm(_("Add them all the same?"), err=True):
        return True
    say(_("Nothing was added. Mend the table; --preview shows the words of each figure."))
    return False


def _how(*, prune: bool, yes: bool, merge: bool) -> str:
    """What `mirage.jobs.change.add_corpus` calls it."""
    if prune and merge:
        raise BadInput(
            _(
                "--merge says that the collection is of this folder and of another, and --prune "
                "would take out what is of the other. Choose one of them."
            )
        )
    return ("all" if yes else "ask") if prune else ""


def _added(client: AtlasClient, name: str, options: dict[str, Any], *, merge: bool, prune: str, on: str) -> dict[str, Any]:
    """Add a corpus, and ask at a terminal where something speaks against taking out what is gone."""
    report = add_corpus(client, name, options, merge=merge, prune=prune, on=on)
    if prune == "ask" and report["gone_count"] and not report["removed"] and sys.stdin.isatty():
        _list_names(_("Gone"), report["gone"], report["gone_count"])
        say(report["message"])
        if typer.confirm(_("Take them out all the same?"), err=True):
            report = add_corpus(client, name, options, prune="all")
    return report


def _print_report(report: dict[str, Any]) -> None:
    _list_reasons(_("Left out"), report["refused"])
    labels: dict[str, list[str]] = {}
    for entry in report["noted"]:
        labels.setdefault(entry["note"], []).append(entry["label"])
    for note, those in labels.items():
        if len(those) <= _ON_A_LINE:
            say(_("Taken with a remark: %(those)s: %(note)s", those="; ".join(those), note=note))
            continue
        say(_("Taken with a remark, %(those)s figures: %(note)s", those=number(len(those)), note=note))
        for label in those[:_NAMED]:
            say(f"  {label}")
        if len(those) > _NAMED:
            say(_("  and %(those)s more, which --preview --json names", those=number(len(those) - _NAMED)))
    _list_names(_("Changed"), report["changed"], len(report["changed"]))
    _list_names(_("Taken out") if report["removed"] else _("Gone"), report["gone"], report["gone_count"])
    say(report["message"])


def _asked(found: dict[str, Any], only: list[str], *, looking: bool, yes: bool, json: bool) -> bool:
    """Say what a living source would give, and whether to fetch it."""
    if looking and printed(json, found):
        return False
    if looking:
        sources.list_figures(found)
    sources.tell(found)
    if only and not looking and sources.agreed(found, len(only), yes=yes):
        return True
    say(_("Nothing was added."))
    if not looking:
        nothing = {key: [] for key in ("refused", "noted", "gone", "changed")} | {
            "added": 0,
            "kept": found["there"],
            "seconds": 0.0,
        }
        printed(json, {"corpus": found["corpus"], **nothing, "message": "Nothing was added."})
    return False


def _flag(option: CorpusOption) -> str:
    """What somebody types for an option."""
    if option.is_folder or option.positional:
        return option.name
    return f"--{option.name.removesuffix('s') if option.several else option.name}".replace("_", "-")


def _parameter(option: CorpusOption) -> tuple[Any, Any]:
    """Annotation and default of an option; the folder that a corpus is read from is an argument, and so is a query."""
    default = ... if option.required else False if option.type is bool else None
    if option.is_folder or option.positional:
        kind = str if option.away else option.type  # a path would make one stroke of an address's two
        return Annotated[kind if option.required else kind | None, typer.Argument(help=option.help)], default
    of: Any = list[option.type] if option.several else option.type  # type: ignore[name-defined]
    shown = ", ".join(option.choices)
    text = option.help
    if option.several and shown:
        text += " " + _("One of %(shown)s; may be given several times.", shown=shown)
    if option.default not in (None, False, ""):
        usual = ", ".join(option.default) if isinstance(option.default, (tuple, list)) else f"{option.default}"
        text += " " + _("Usual: %(usual)s.", usual=usual)
    of = of if option.required or option.type is bool else of | None
    return Annotated[of, typer.Option(_flag(option), help=text)], default


def add_corpus(
    client: AtlasClient,
    corpus: str,
    options: dict[str, Any],
    *,
    bring_back: bool = True,
    merge: bool = False,
    prune: str = "",
    on: str = "",
) -> dict[str, Any]:
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
    merge : bool
        Whether a folder may be added to the collection of another that has the same name.
    prune : {"", "ask", "all"}
    on : str
        As for `mirage.jobs.change.add_corpus`.

    Returns
    -------
    dict
        What the job says of it, ``corpus``, ``seconds``, and ``message``, which says it in words.

    Raises
    ------
    mirage.errors.MirageError
        When it cannot be opened or added.
    """
    if client.url:
        say(_("The atlas is served at %(url)s; adding through it.", url=client.url))
    body = {
        "corpus": corpus,
        "options": _given(corpus, options),
        "bring_back": bring_back,
        "merge": merge,
        "prune": prune,
        "on": on,
    }
    job = client.follow(client.ask("POST", "/api/jobs", json=body))
    seconds = job["finished"] - job["created"]
    return {
        "corpus": corpus,
        **{key: job[key] for key in ("added", "kept", "refused", "noted", "changed", "gone", "gone_count", "removed")},
        "seconds": seconds,
        "message": job["message"].replace(".", f", in {duration(seconds)}.", 1),
    }


def _list_names(what: str, names: Sequence[str], count: int) -> None:
    """Print what happened to some figures, a name a line."""
    for name in names[: min(count, _LISTED)]:
        say(f"{what}: {name}")
    if count > _LISTED:
        say(_("%(what)s: and %(count)s more", what=what, count=number(count - _LISTED)))


def _list_reasons(what: str, entries: Sequence[dict[str, Any]]) -> None:
    """Print what was not taken and why, of each kind of reason the first few and a count."""
    for each in by_kind([Refused(entry["label"], entry["reason"]) for entry in entries]):
        say(f"{what}: {each.reason}" if each.reason.startswith(each.label) else f"{what}: {each.label}: {each.reason}")


def _given(corpus: str, options: dict[str, Any]) -> dict[str, Any]:
    """Options with whole paths: a server may run in another folder."""
    paths = {option.name for option in corpora.card(corpus).options if option.type is Path}
    return {
        key: str(Path(value).expanduser().absolute()) if key in paths and not is_address(value) else value
        for key, value in options.items()
    }


def look_through(client: AtlasClient, corpus: str, options: dict[str, Any]) -> dict[str, Any]:
    """Look through a corpus as adding would; nothing is added.

    Parameters
    ----------
    client, corpus, options
        As for `add_corpus`.

    Returns
    -------
    dict
        As ``/api/previews`` answers.

    Raises
    ------
    mirage.errors.MirageError
        When it cannot be opened.
    """
    job = client.follow(client.ask("POST", "/api/previews", json={"corpus": corpus, "options": _given(corpus, options)}))
    found: dict[str, Any] = client.ask("GET", f"/api/previews/{job['id']}")
    for each in found["figures"]:
        del each["thumbnail"]  # it ends with this command
    return found


def _print_preview(found: dict[str, Any]) -> None:
    for table in found["tables"]:
        read = ", ".join(
            theirs if theirs == ours else _("%(theirs)s as %(ours)s", theirs=theirs, ours=ours)
            for theirs, ours in table["columns"]
        )
        more = " " + _("Not read: %(columns)s.", columns=", ".join(table["ignored"])) if table["ignored"] else ""
        say(
            _(
                "Table %(label)s: %(matched)s of %(rows)s matched. Read: %(read)s.%(more)s",
                label=table["label"],
                matched=table["matched"],
                rows=counted(table["rows"], "row"),
                read=read,
                more=more,
            )
        )
    for each in found["figures"][:_LISTED]:
        kind = " ".join(
            filter(
                None,
                [
                    called(each["modality"]),
                    called(each["plane"]),
                    counted(each["slices"], "slice") if each["slices"] else "",
                ],
            )
        )
        words = each["title"] or each["caption"] or _("no words")
        source = f" ({each['words_from']})" if each["words_from"] else ""
        told = {"there": _("there already"), "replaces": _("in place of what is there")}.get(each["state"], "")
        state = f", {told}" if told else ""
        plain(f"{each['label']}: {f'{kind}, ' if kind else ''}{words}{source}{state}")
    if len(found["figures"]) > _LISTED:
        plain(_("… and %(figures)s more", figures=number(len(found["figures"]) - _LISTED)))
    for each in found["figures"]:
        for warning in each["warnings"]:
            say(_("Look at %(label)s: %(warning)s", label=each["label"], warning=warning))
    _list_reasons(_("Left out"), found["skipped"])
    _list_reasons(_("Passed over"), found["passed_over"])
    if found["advice"]:
        say(found["advice"])
    if found["stranger"]:
        say(
            _(
                "The atlas has a collection %(corpus)s with %(held)s, and none or few of its "
                "pictures are here: give this folder a --name of its own, or say that both belong "
                "together with --merge.",
                corpus=found["corpus"],
                held=counted(found["held"], "figure"),
            )
        )
    changed = [each["label"] for each in found["figures"] if each["state"] == "replaces"]
    _list_names(_("Changed"), changed, len(changed))
    gone = 0 if found["stranger"] else found["gone_count"]
    _list_names(_("Gone"), found["gone"], gone)
    _print_counts(found, gone)


def _print_counts(found: dict[str, Any], gone: int) -> None:
    counts = [_("%(figures)s would be added", figures=counted(found["new"], "figure"))]
    counts += [_("%(number)s are there already", number=number(found["there"]))] if found["there"] else []
    counts += [_("%(number)s would replace what is there", number=number(found["replaces"]))] if found["replaces"] else []
    counts += [_("%(number)s would be left out", number=number(found["left_out"]))] if found["left_out"] else []
    counts += [_("%(number)s of the atlas are gone from it (--prune takes them out)", number=number(gone))] if gone else []
    say(_("%(counts)s. Nothing was added.", counts=", ".join(counts)))
