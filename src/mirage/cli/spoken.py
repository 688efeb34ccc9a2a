"""The language of commands: that of the settings, else of the machine.

What commands say goes through the catalogue as they say it. Their help is written when Python reads them, before anybody
knows for whom, so it is put into the language as a whole, once it is known; scripts/catalogue.py collects it the same way.
"""

from __future__ import annotations

import gettext
import os
import re
import sys
from collections.abc import Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import typer

from mirage import locales
from mirage.wording import N_, _, settle, translations

_GETTEXT, _NGETTEXT = gettext.gettext, gettext.ngettext
# What the libraries that read arguments say themselves in a help; they look it up in a catalogue that there is none of.
LIBRARIES = (
    *(N_("Options"), N_("Arguments"), N_("Commands"), N_("Error"), N_("Aborted."), N_("Aborted!")),
    *(N_("Show this message and exit."), N_("[default: {}]"), N_("[env var: {}]"), N_("[required]"), N_("(deprecated) ")),
    *(N_("Try [blue]'{command_path} {help_option}'[/] for help."), N_("default: {default}"), N_("required")),
    *(N_("env var: {var}"), N_("Install completion for the current shell.")),
    N_("Show completion for the current shell, to copy it or customize the installation."),
)
# And what they refuse, which they do not look up: it is known again by its words, the longer ones first.
REFUSALS = (
    N_("Missing argument %(name)s. Choose from:\n\t%(choices)s"),
    N_("Missing option %(name)s. Choose from:\n\t%(choices)s"),
    *(N_("Missing argument %(name)s."), N_("Missing option %(name)s."), N_("Missing parameter: %(name)s")),
    *(N_("Missing command."), N_("Invalid value for %(hint)s: %(message)s"), N_("Invalid value: %(message)s")),
    N_("No such option: %(name)s (Possible options: %(options)s)"),
    *(N_("No such option: %(name)s Did you mean %(options)s?"), N_("No such option: %(name)s")),
    *(N_("Option %(name)s requires an argument."), N_("Option %(name)s requires %(number)s arguments.")),
    *(N_("Option %(name)s does not take a value."), N_("Argument %(name)s takes %(number)s values.")),
    *(N_("Got unexpected extra argument(s) (%(args)s)"), N_("Got unexpected extra argument (%(args)s)")),
    *(N_("Got unexpected extra arguments (%(args)s)"), N_("No such command %(name)s. Did you mean %(names)s?")),
    *(N_("No such command %(name)s."), N_("Value %(value)s is not a valid %(kind)s.")),
    *(N_("Could not open file %(name)s: %(why)s"), N_("Error: invalid input")),
)


def speak(command: Any) -> None:
    """Let this process speak the language of whoever runs it.

    Parameters
    ----------
    command : click.Command
        The mirage command, whose help is put into the language.
    """
    code = locales.known(_chosen()) or locales.of_environment()
    if code == locales.ENGLISH:
        return
    settle(locales.translations_of(code))
    for said in helps(command):
        said.put(translations().gettext(said.text))
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ("click", "typer"):
            _translated(module)
    _translated(gettext)  # for those that are read later, when they have help to print
    _retell(command)


def _chosen() -> str:
    if named := os.environ.get("MIRAGE_LANGUAGE", ""):
        return named
    if not Path("mirage.toml").exists():
        return ""
    from mirage.settings import Settings  # noqa: PLC0415 - reading them takes longer than most commands need

    try:
        return Settings().language
    except Exception:  # the command that needs them says what is wrong with them
        return ""


def _translated(module: Any) -> None:
    """Let a module look its own texts up in our catalogue, also those that it did when it was read."""
    for name, value in list(vars(module).items()):
        if value is _GETTEXT:
            setattr(module, name, lambda text: translations().gettext(text))
        elif value is _NGETTEXT:
            setattr(module, name, lambda one, many, number: translations().ngettext(one, many, number))
        elif isinstance(value, str) and value in LIBRARIES:
            setattr(module, name, translations().gettext(value))


def retold(message: str) -> str:
    """Say in the language that is spoken what a library refuses in English; other words stay as they are.

    Parameters
    ----------
    message : str
    """
    for text in REFUSALS:
        wanted = re.sub(r"%\\\((\w+)\\\)s", r"(?P<\1>.+?)", re.escape(text))
        if met := re.fullmatch(wanted, message, re.DOTALL):
            return _(text, **{name: retold(said) for name, said in met.groupdict().items()})
    return message


def _retell(command: Any) -> None:
    """Let the library that reads arguments say its refusals, and the head of a help, by `retold`."""

    def telling(method: Any) -> Any:
        return wraps(method)(lambda self: retold(method(self)))

    def helping(method: Any) -> Any:
        @wraps(method)
        def option(self: Any, ctx: Any) -> Any:
            found = method(self, ctx)
            if found is not None and found.help in LIBRARIES:
                found.help = translations().gettext(found.help)
            return found

        return option

    bases = typer.BadParameter.__mro__
    kinds = [bases[bases.index(Exception) - 1]]  # of all that is told of what was typed
    for kind in kinds:
        kinds += kind.__subclasses__()
    wrapped = [(kind, "format_message", telling) for kind in kinds]
    wrapped += [(kind, "get_help_option", helping) for kind in type(command).__mro__]
    for kind, name, wrap in wrapped:
        if name in vars(kind) and not hasattr(vars(kind)[name], "__wrapped__"):
            setattr(kind, name, wrap(vars(kind)[name]))
    for name, module in list(sys.modules.items()):
        if name in ("click.formatting", "typer._click.formatting"):
            module.HelpFormatter.write_usage.__defaults__ = ("", _("Usage:") + " ")


class Said:
    """A text of the help, and where it stands.

    Parameters
    ----------
    holder : object
        A command, or a parameter of one.
    attribute : str
    module : str
        In which the command is written.

    Attributes
    ----------
    text : str
    module : str
    """

    def __init__(self, holder: Any, attribute: str, module: str) -> None:
        self._holder, self._attribute = holder, attribute
        self.text: str = getattr(holder, attribute)
        self.module = module

    def put(self, text: str) -> None:
        """Put another text in its place."""
        setattr(self._holder, self._attribute, text)


def helps(command: Any, module: str = "mirage.cli") -> Iterator[Said]:
    """Give every text of the help of a command and of those under it.

    Parameters
    ----------
    command : click.Command
    module : str
        In which it is written, where that cannot be seen.
    """
    module = getattr(command.callback, "__module__", None) or module
    holders = [
        (command, ("help", "short_help", "epilog", "options_metavar", "subcommand_metavar")),
        *((each, ("help", "show_default")) for each in command.params),
    ]
    for holder, attributes in holders:
        for attribute in attributes:
            if isinstance(text := getattr(holder, attribute, None), str) and text:
                yield Said(holder, attribute, module)
    for each in getattr(command, "commands", {}).values():
        yield from helps(each, module)


def for_machines(wanted: bool) -> bool:
    """Speak English where a program reads: what it looks for stands in the documentation so.

    Parameters
    ----------
    wanted : bool
        Whether JSON is asked for.
    """
    if wanted:
        settle(locales.translations_of(locales.ENGLISH))
    return wanted
