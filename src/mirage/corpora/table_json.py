"""The objects of a JSON text as rows of cells: lines or lists of them, and what COCO and its like write."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mirage.corpora.table_text import Unread
from mirage.errors import BadInput
from mirage.wording import _

_JSON_MOST = 64 * 2**20


def is_json(text: str) -> bool:
    """Whether a text is a list or an object of JSON, or lines of objects."""
    return text[:1000].lstrip().startswith(("{", "["))


def of_json(
    text: str, name: str, is_header: Callable[[Sequence[str]], bool]
) -> Iterator[tuple[int, dict[str, str] | Unread]]:
    """Objects of a JSON text: a list of them, lines of them, or one that holds such a list or has the files' names as keys.

    Parameters
    ----------
    text : str
    name : str
        Of the file, for messages.
    is_header : callable
        Whether some names are those of columns.

    Returns
    -------
    iterator of (int, dict or str)
        Number of the line, or of the object in a list, from 1; its cells by name, or why it cannot be read.

    Raises
    ------
    mirage.errors.BadInput
    """
    whole: Any = None
    first, _other, rest = text.strip().partition("\n")
    if first.startswith("[") or not rest.strip() or not isinstance(_loaded(first), dict):
        if len(text) > _JSON_MOST:
            raise BadInput(
                _(
                    "%(name)s is one JSON text of more than %(JSON_MOST)s MB. Save an object a line (JSON Lines).",
                    name=name,
                    JSON_MOST=_JSON_MOST // 2**20,
                )
            )
        whole = _loaded(text)
    if isinstance(whole, dict):
        whole = _listed(whole, is_header)
    if isinstance(whole, list):
        return ((number, _cells(each)) for number, each in enumerate(whole, start=1))
    lines = enumerate(text.split("\n"), start=1)
    return ((number, _cells(_loaded(line))) for number, line in lines if line.strip())


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _listed(whole: dict[str, Any], is_header: Callable[[Sequence[str]], bool]) -> list[Any]:
    """The longest list of objects in an object, those first that name files; else what it says of each name; else itself."""
    lists = {key: each for key, each in whole.items() if isinstance(each, list) and each and isinstance(each[0], dict)}
    if lists:
        chosen = max(lists.values(), key=lambda each: (is_header(list(map(str, each[0]))), len(each)))
        return _with_annotations(chosen, lists) if chosen is lists.get("images") else chosen
    if whole and all(isinstance(each, dict) for each in whole.values()):
        return [{"file": key, **each} for key, each in whole.items()]
    if whole and all("." in key and isinstance(each, (str, list)) for key, each in whole.items()):
        return [{"file": key, "caption": each} for key, each in whole.items()]
    return [whole]


def _with_annotations(images: list[Any], lists: dict[str, list[Any]]) -> list[Any]:
    """Images as COCO lists them, each with the captions that it has beside, or the names of what is marked in it."""
    called: dict[Any, Any] = {_key(each): each.get("name") for each in lists.get("categories", ()) if isinstance(each, dict)}
    words: dict[Any, tuple[dict[str, None], dict[str, None]]] = {}
    for each in lists.get("annotations", ()):
        if isinstance(each, dict):
            captions, marked = words.setdefault(_key(each, "image_id"), ({}, {}))
            captions.setdefault(cell_text(each.get("caption")))
            marked.setdefault(cell_text(called.get(_key(each, "category_id"))))
    found = []
    for each in images:
        beside = words.get(_key(each), ()) if isinstance(each, dict) else ()
        told = next(("; ".join(own) for own in (list(filter(None, some)) for some in beside) if own), "")
        found.append({"caption": told, **each} if told else each)
    return found


def _key(record: dict[str, Any], name: str = "id") -> str:
    return str(record.get(name))[:100]


def _cells(record: Any) -> dict[str, str] | Unread:
    if not isinstance(record, dict):
        return Unread(_("It is no JSON object."))
    try:
        return {str(name): cell_text(value) for name, value in record.items()}
    except (RecursionError, ValueError):
        return Unread(_("It is nested too deep."))


def cell_text(value: Any) -> str:
    """A value of JSON as a person reads it: lists joined, of an object in several languages the English."""
    if isinstance(value, dict):
        value = value["en"] if "en" in value else list(value.values())
    if isinstance(value, list):
        return "; ".join(filter(None, map(cell_text, value)))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def joined(cell: str) -> str:
    """A cell that holds a list, as ``["a", "b"]`` or ``['a', 'b']``, with its parts joined; any other as it is."""
    if not (cell.startswith("[") and cell.endswith("]")) or len(cell) > 100_000:
        return cell
    parts = _loaded(cell)
    if parts is None and re.fullmatch(r"\[\s*'[^']*'(?:\s*,\s*'[^']*')*\s*\]", cell):
        parts = re.findall(r"'([^']*)'", cell)
    return (
        cell_text(parts) if isinstance(parts, list) and all(isinstance(each, (str, int, float)) for each in parts) else cell
    )
