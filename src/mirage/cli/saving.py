"""Files that commands write, and options that have only a few values: what is wrong is told before anything is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer

from mirage.errors import BadInput, Unavailable, check_new
from mirage.images.store import cannot_write
from mirage.wording import _


def check_target(file: Path, name: str) -> None:
    """Stop before something is made that could not be written.

    Parameters
    ----------
    file : Path
    name : str
        What the file might be called, for the message.

    Raises
    ------
    mirage.errors.BadInput
        When it is there already, is a folder, or would lie in a file.
    """
    check_new(file)
    if file.is_dir():
        raise BadInput(_("%(file)s is a folder. Name a file, as in %(file2)s.", file=file, file2=file / name))
    if other := next((each for each in file.parents if each.is_file()), None):
        raise BadInput(_("%(other)s is a file, so nothing can lie in it. Choose another folder.", other=other))


def write(file: Path, data: bytes, *, private: bool = False) -> None:
    """Write a file, and the folders that it lies in where they are not there.

    Parameters
    ----------
    file : Path
    data : bytes
    private : bool
        Whether nobody else on the machine reads it.

    Raises
    ------
    mirage.errors.Unavailable
        When it cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if private:
            file.touch(mode=0o600)
        file.write_bytes(data)
    except OSError as error:
        raise Unavailable(cannot_write(file, error)) from error


def one_of(known: Sequence[str]) -> Callable[[Any], Any]:
    """What refuses, under the name that was typed, a value of an option or argument that is none of a few.

    Parameters
    ----------
    known : sequence of str
    """

    def check(given: Any) -> Any:
        for each in given if isinstance(given, (list, tuple)) else [given]:
            if each and each not in known:
                raise typer.BadParameter(_("%(given)s is none of %(known)s.", given=repr(each[:40]), known=", ".join(known)))
        return given

    return check
