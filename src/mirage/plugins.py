"""Find the adapters of a port by name, those of other packages included, through entry points.

A port is a Protocol with a group of entry points (``mirage.encoders``, ``mirage.corpora``, …). A package that is installed
and declares an entry point in that group works wherever a built-in adapter does.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from mirage.errors import BadInput, MirageError, NotFound, Unavailable
from mirage.wording import N_, _, looked_up

_KINDS = {
    "mirage.corpora": N_("corpus"),
    "mirage.encoders": N_("encoder"),
    "mirage.explainers": N_("explainer"),
    "mirage.generators": N_("generator"),
    "mirage.indexes": N_("index"),
}

T = TypeVar("T")


def available(group: str) -> dict[str, EntryPoint]:
    """Entry points of a group (``mirage.encoders``, …) by name, in the order of their names."""
    return dict(_available(group, tuple(map(_state, sys.path))))


@lru_cache(maxsize=64)  # reading what all packages declare takes 10 ms, and whoever reads the settings may ask for it
def _available(group: str, _folders: tuple[tuple[str, int], ...]) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in sorted(entry_points(group=group), key=lambda entry: entry.name)}


def _state(folder: str) -> tuple[str, int]:
    """A folder of packages and when one was last put there or taken away."""
    try:
        return folder, Path(folder).stat().st_mtime_ns
    except OSError:
        return folder, 0


def load(group: str, name: str) -> Any:
    """Import what an entry point names: an adapter's class, or the function that adds commands.

    Parameters
    ----------
    group : str
        As in ``mirage.encoders``.
    name : str

    Raises
    ------
    mirage.errors.NotFound
        When there is none of that name; the message names those there are.
    mirage.errors.Unavailable
        When it cannot be imported; the message names the package that is missing, or the one that is at fault.
    """
    known, kind = available(group), looked_up(_KINDS.get(group, group.rpartition(".")[2].removesuffix("s")))
    if name not in known:
        raise NotFound(
            _(
                "There is no %(kind)s “%(name)s”. There are: %(known)s.",
                kind=kind,
                name=name,
                known=", ".join(known) or _("none"),
            )
        )
    try:
        return known[name].load()
    except ImportError as error:
        missing = (
            _("needs the package %(name)s, which is not installed", name=repr(error.name))
            if error.name
            else _("has a fault: %(error)s", error=error)
        )
        raise Unavailable(_("The %(kind)s “%(name)s” %(missing)s.", kind=kind, name=name, missing=missing)) from error
    except (Exception, SystemExit) as error:  # of another package: it must not break what does not need it
        raise Unavailable(
            _(
                "The %(kind)s “%(name)s” cannot be used%(known)s: %(error)s",
                kind=kind,
                name=name,
                known=_added_by(known[name]),
                error=described(error),
            )
        ) from error


def described(error: BaseException) -> str:
    """What was raised, in a line."""
    said = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {''.join(sign for sign in said if sign.isprintable())}"


def _added_by(entry: EntryPoint) -> str:
    return " " + _("(the package %(name)s adds it)", name=entry.dist.name) if entry.dist else ""


class Port(Generic[T]):
    """The adapters of one port.

    Parameters
    ----------
    group : str
        Of their entry points.
    default : str
        The adapter that is meant where none is named; empty where one has to be named.
    """

    def __init__(self, group: str, default: str = "") -> None:
        self.group, self.default = group, default
        self._adapters: dict[str, Callable[..., T]] = {}
        self._missing: dict[str, tuple[type[MirageError], str]] = {}

    def available(self) -> list[str]:
        """Names of the adapters that are installed, those of other packages included."""
        return list(available(self.group))

    def adapter(self, name: str) -> Callable[..., T]:
        """Import an adapter's class, or say why that fails, once in a process; raises as `mirage.plugins.load` does."""
        # Looking through all packages that are installed takes longer than a search, and so does an import that fails.
        if why := self._missing.get(name):
            raise why[0](why[1])
        if name not in self._adapters:
            try:
                self._adapters[name] = load(self.group, name)
            except MirageError as error:
                self._missing[name] = type(error), str(error)
                raise
        return self._adapters[name]

    def load(self, name: str = "", /, **options: Any) -> T:
        """Make an adapter by name. What is heavy is not loaded before it is used.

        Parameters
        ----------
        name : str
            One of `available`; the default when left out.
        **options
            What the adapter takes.

        Raises
        ------
        mirage.errors.NotFound
            When there is none of that name; the message names those there are.
        mirage.errors.Unavailable
            When something that it needs is not installed.
        mirage.errors.BadInput
            When it does not take these options.
        """
        name = name or self.default
        make = self.adapter(name)
        try:
            inspect.signature(make).bind(**options)
        except TypeError as error:
            raise BadInput(
                _(
                    "%(name)s cannot be opened with %(options)s: %(error)s.",
                    name=name,
                    options=", ".join(options) or _("nothing"),
                    error=error,
                )
            ) from error
        return make(**options)
