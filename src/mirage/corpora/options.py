"""What may be chosen when a corpus is opened, read from what somebody typed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from mirage.errors import BadInput
from mirage.images.bucket import check_address, is_address
from mirage.locales import number
from mirage.wording import N_, _


@dataclass(frozen=True, slots=True)
class CorpusOption:
    """Something that may be chosen when a corpus is opened: a keyword of its adapter.

    Attributes
    ----------
    name : str
    help : str
        One sentence for the command line and the page.
    type : {str, int, bool, Path}
        Of the value; of each of them, where there may be several.
    required : bool
    default : object
        What holds when it is left out, to be shown; None where the help says it.
    is_folder : bool
        Whether it is the path of a folder, so that the page can offer the folders that there are.
    several : bool
        Whether it takes several values: a tuple, or in text with commas between.
    choices : tuple of str
        The only values that there are; empty for any.
    choice_words : tuple of str
        What the page calls each of the choices; the choices themselves when empty.
    by_command : bool
        Whether only the command line may choose it, as what concerns the privacy of patients; the page does not offer it.
    label : str
        What the page's form calls it; its name when empty.
    positional : bool
        Whether the command takes it as an argument, not as an option: what a source is asked for. A folder always is one.
    longest : int
        Characters of what a source may be asked for.
    bounds : tuple of int or None
        The least and the most that a number may be.
    away : bool
        Whether an address of a bucket may stand in the place of a folder's path.
    """

    name: str
    help: str
    type: type = str
    required: bool = False
    default: object = None
    is_folder: bool = False
    several: bool = False
    choices: tuple[str, ...] = ()
    choice_words: tuple[str, ...] = ()
    by_command: bool = False
    label: str = ""
    positional: bool = False
    longest: int = 1_000
    bounds: tuple[int, int] | None = None
    away: bool = False

    def read(self, value: object, called: str = "") -> Any:
        """The value as the adapter wants it, from text or as it is.

        Parameters
        ----------
        value : object
        called : str
            What the message calls the option; its name when left out.

        Raises
        ------
        mirage.errors.BadInput
            When it is of another type, or none of the choices.
        """
        called = called or self.name
        if self.several:
            given = value.split(",") if isinstance(value, str) else value
            if not isinstance(given, (tuple, list)):
                raise BadInput(
                    _("%(called)s takes values with commas between them, not %(value)s.", called=called, value=repr(value))
                )
            if self.choices and not given:
                raise BadInput(
                    _(
                        "%(called)s is one or several of %(choices)s; not none.",
                        called=called,
                        choices=", ".join(self.choices),
                    )
                )
            return tuple(self._one(each, called) for each in given)
        return self._one(value, called)

    def _one(self, value: object, called: str) -> Any:
        text = str(value).strip() if isinstance(value, (str, Path)) else value
        if self.away and is_address(text):
            return check_address(str(text), "files")
        if self.choices and text not in self.choices:
            raise BadInput(
                _(
                    "%(called)s is one of %(choices)s; not %(value)s.",
                    called=called,
                    choices=", ".join(self.choices),
                    value=repr(value),
                )
            )
        try:
            if self.type is Path and not text:
                raise ValueError
            read: Any = TypeAdapter(self.type).validate_python(text, strict=not isinstance(text, str))
        except ValueError as error:
            raise BadInput(
                _(
                    "%(called)s is %(type)s, not %(value)s.",
                    called=called,
                    type=_(_KINDS.get(self.type, N_("text"))),
                    value=repr(value),
                )
            ) from error
        if self.bounds and not self.bounds[0] <= read <= self.bounds[1]:
            raise BadInput(
                _(
                    "%(called)s is a number from %(bounds)s to %(bounds2)s, not %(read)s.",
                    called=called,
                    bounds=number(self.bounds[0]),
                    bounds2=number(self.bounds[1]),
                    read=number(read),
                )
            )
        return read.expanduser() if isinstance(read, Path) else read


_KINDS = {Path: N_("a path"), bool: N_("yes or no"), int: N_("a whole number")}
