"""What the files have in common that people exchange: what they say of themselves, their names, and a look before reading.

Whoever wrote a file may have put anything into it.
"""

from __future__ import annotations

import re
import time
from typing import Any

from pydantic_core import from_json

from mirage import __version__
from mirage.errors import BadInput, has_more_values
from mirage.wording import _

MOST_BYTES = 5_000_000
_MOST_VALUES = 400_000  # in a file: ratings of some thousands of items, each with fewer than ten


def headed(version: int) -> dict[str, Any]:
    """What stands first in a file: the version of its kind, and what wrote it when.

    Parameters
    ----------
    version : int
    """
    return {
        "format": version,
        "software": f"MIRAGE {__version__}",
        "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def plain_name(title: str, otherwise: str) -> str:
    """What a file may be called: words of its title, whatever that holds and however long it is.

    Parameters
    ----------
    title : str
    otherwise : str
        Where the title has no such word.
    """
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60].strip("-") or otherwise


def read_head(data: bytes, name: str, part: str, reads: int, *, too_large: str, another: str) -> dict[str, Any]:
    """Look at a file of somebody's before it is read: its size, whether it is of this kind, and its version.

    Parameters
    ----------
    data : bytes
    name : str
        Of the file, for messages.
    part : str
        What no file of this kind lacks.
    reads : int
        The version that is read.
    too_large, another : str
        What is said of one over `MOST_BYTES`, and of one that is something else.

    Raises
    ------
    mirage.errors.BadInput
    """
    if len(data) > MOST_BYTES:
        raise BadInput(too_large)
    try:
        given = None if has_more_values(data, _MOST_VALUES) else from_json(data)
    except ValueError:
        given = None
    if not isinstance(given, dict) or part not in given or not isinstance(given.get("format"), int):
        raise BadInput(another)
    if given["format"] != reads:
        then = _("Update MIRAGE") if given["format"] > reads else _("Write it anew with this MIRAGE")
        raise BadInput(
            _(
                "%(name)s has format %(given)s; this MIRAGE reads %(format)s. %(then)s. Nothing was changed.",
                name=name,
                given=given["format"],
                format=reads,
                then=then,
            )
        )
    return given
