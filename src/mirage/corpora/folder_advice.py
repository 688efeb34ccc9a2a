"""What of a folder's files could be a stack, or a table of words, and is none, in words for the person who adds it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from mirage.corpora.base import Refused
from mirage.corpora.folder_stacks import LEAST_SLICES, Found, Label, SingleFile, StackFiles, of_numbers
from mirage.corpora.folder_table import TABLES, TEXTS
from mirage.corpora.folder_walk import NO_PICTURE
from mirage.wording import _, ngettext

_SLICED = ("CT", "MR", "PT", "NM")  # a folder of radiographs lacks no stack
_TABLES_NAMED = 5


def why_no_stack(found: Sequence[Found], how: str) -> str:
    """Say why what lies in a folder makes no stack.

    Parameters
    ----------
    found : sequence of Found
        Of `sort_files`, as far as it lies in the folder.
    how : {"series", "numbered", "none"}
    """
    singles = [one for one in found if isinstance(one, SingleFile)]
    if not found:
        return _("no picture, no DICOM and no NIfTI file lies in it that no other row names.")
    if not singles:
        return _("its files could not be read; each is named with the reason.")
    if of_dicom := sum(one.header is not None for one in singles):
        return _(
            "of %(files)s DICOM files no %(least)s are slices of one series that lie parallel to one another, have the same "
            "size, and whose headers say where they lie.",
            files=of_dicom,
            least=LEAST_SLICES,
        )
    if how == "series" and _numbered(singles):
        return _("its pictures have numbered names, which make a stack once “numbered” is chosen for stacks.")
    return _(
        "a stack takes %(least)s pictures of one size at least, whose names differ in their numbers alone.",
        least=LEAST_SLICES,
    )


def advice_on(found: Sequence[Found], how: str, label: Label) -> str:
    """Say what could become stacks and has not, and why.

    Parameters
    ----------
    found : sequence of Found
        Of `sort_files`.
    how : {"series", "numbered", "none"}
    label : callable
        From a file to what the person calls it.
    """
    singles = [one for one in found if isinstance(one, SingleFile)]
    advice = []
    if how == "series" and (numbered := _numbered(singles)):
        advice.append(
            _(
                "%(pictures)s pictures have numbered names. If they are slices of scans, add the folder again with "
                "“numbered” chosen for stacks, and they can be scrolled through.",
                pictures=numbered,
            )
        )
    folders: dict[Path, list[Found]] = defaultdict(list)
    for one in found:
        if not (isinstance(one, SingleFile) and one.header is None):
            folders[one.first.parent].append(one)
    for inside in folders.values() if how != "none" else ():
        headers = [one.header for one in inside if isinstance(one, SingleFile) and one.header is not None]
        if LEAST_SLICES <= len(headers) == len(inside) and headers[0].modality in _SLICED:
            name = label(inside[0].first).rpartition("/")[0]
            why = why_no_stack(inside, how)
            advice.append(
                _("“%(name)s” holds no stack: %(why)s", name=name, why=why)
                if name
                else _("The folder holds no stack: %(why)s", why=why)
            )
    return " ".join(advice)


def _numbered(singles: Sequence[SingleFile]) -> int:
    """How many pictures would be slices of a stack of numbered pictures."""
    groups = of_numbers([one.path for one in singles if one.header is None], lambda path: path.name)
    return sum(len(one.paths) for one in groups if isinstance(one, StackFiles))


def unread_tables(passed_over: Sequence[Refused]) -> Iterator[str]:
    """Tables that were not read, and why.

    Parameters
    ----------
    passed_over : sequence of Refused
        The files of a folder that are no pictures.
    """
    unread = [
        each for each in passed_over if each.label.lower().endswith((*TABLES, *TEXTS)) and each.reason != _(NO_PICTURE)
    ]
    yield from (f"{each.label}: {each.reason}" for each in unread[:_TABLES_NAMED])
    if len(unread) > _TABLES_NAMED:
        more = len(unread) - _TABLES_NAMED
        yield ngettext("%(num)s more table was not read.", "%(num)s more tables were not read.", more)
