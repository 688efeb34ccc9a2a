"""The file of a folder that a table means, though its name is written otherwise or begins on another machine."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import islice, takewhile
from urllib.parse import unquote

from mirage.letters import normalised
from mirage.wording import _

_ENDING = re.compile(
    r"(?i)\.(nii\.gz|nii|png|jpe?g|jpe|webp|tiff?|bmp|gif|dcm|dicom|ima|heic|heif|avif|jp2|j2k|jpx|nrrd|mha|svs|svg|pdf)$"
)
_ADDRESS = re.compile(r"(?i)^(?:[a-z][a-z0-9+.-]+:)?//[^/]*/?|^[a-z][a-z0-9+.-]+:(?=/)|^[a-z]:(?=/)|^~")
_ZEROS = re.compile(r"(?:(?<=/)|^)0+(?=\d+$)")
_COUNTED = re.compile(r"(.*\d)\.0+")  # a spreadsheet's 1.0, where 1 was meant
_NAMED = 3  # of several that could be meant


class FileNames:
    """The names of a folder's files, to find one by what a table calls it.

    A name fits as it is; else in another Unicode form; else with other capitals; else without its ending; else as a number
    without the zeros before it, which spreadsheets take away; the first of
    these ways in which anything fits is the one that counts. What begins on another machine, or lies deeper or less deep
    than the table says, is known by the last parts of its name. Where two files fit, none is taken.

    Parameters
    ----------
    files : callable
        The places of the files below the folder, with strokes between the parts; asked when first needed.
    """

    def __init__(self, files: Callable[[], Iterable[str]]) -> None:
        self._files = files
        self._below: dict[tuple[str, int], _Ending] = {}

    @cached_property
    def _known(self) -> list[str]:
        return sorted(self._files())

    def _ending(self, base: str, number: int) -> _Ending:
        """All files of a folder, in one of the ways to write them."""
        if (base, number) not in self._below:
            way, skipped = _WAYS[number], len(base) + 1 if base else 0
            start = bisect_left(self._known, f"{base}/") if base else 0
            inside = islice(self._known, start, None)
            there = takewhile(lambda place: place.startswith(f"{base}/"), inside) if base else inside
            files = [(place, way(place[skipped:]).split("/")) for place in there]
            self._below[base, number] = _Ending(files, 0)
        return self._below[base, number]

    def find(self, name: str, base: str = "") -> list[str]:
        """The files that a name may mean: one, or none, or several of which nobody knows which.

        Parameters
        ----------
        name : str
            As it stands in the table.
        base : str
            Of the folder that the table lies in.
        """
        return next(filter(None, (self._find(own, base) for own in _writings(name))), [])

    def _find(self, name: str, base: str) -> list[str]:
        told = plain_path(name)
        whole = bool(_ADDRESS.match(name.replace("\\", "/").strip())) or name.strip().startswith(("/", "\\"))
        for number, way in enumerate(_WAYS):
            if fits := _meant(self._ending(base, number), way(told).split("/"), whole=whole):
                return fits
        return []


class _Ending:
    """Files whose names end alike, which are told apart by one more part of them when first asked: a table of as many rows
    as files takes as long as they are.

    Parameters
    ----------
    files : list of (str, list of str)
        Their places, and the parts of the names.
    depth : int
        How many parts, from the last on, are alike.
    """

    __slots__ = ("_depth", "_files", "_further", "places")

    def __init__(self, files: list[tuple[str, list[str]]], depth: int) -> None:
        self._files, self._depth = files, depth
        self.places = [place for place, _ in files]
        self._further: dict[str, list[tuple[str, list[str]]] | _Ending] | None = None

    def further(self, part: str) -> _Ending | None:
        """Those of them that have some part before the ones that are alike; the empty one: those that have no more."""
        if self._further is None:
            self._further = {}
            for each in self._files:
                own = each[1][-1 - self._depth] if len(each[1]) > self._depth else ""
                self._further.setdefault(own, []).append(each)  # type: ignore[union-attr]
        found = self._further.get(part)
        if isinstance(found, list):
            found = self._further[part] = _Ending(found, self._depth + 1)
        return found


def _meant(ending: _Ending, wanted: list[str], *, whole: bool) -> list[str]:
    """The files that end as a path does, or that a path ends as; of a whole path, those whose end is longest the same."""
    shorter: list[str] = []
    for depth, part in enumerate(reversed(wanted)):
        if depth and (own := ending.further("")):
            shorter = own.places
        further = ending.further(part) if part else None
        if further is None:
            return ending.places if whole and depth else shorter
        ending = further
    exact = ending.further("")
    return exact.places if exact else ending.places if whole or not shorter else shorter


def plain_path(name: str) -> str:
    """A name with strokes between its parts and without drive, server and beginning."""
    told = name.strip().strip("\"'").replace("\\", "/")
    if address := _ADDRESS.match(told):
        if "://" in address[0] or address[0].lower().startswith("file:"):
            told = unquote(re.split(r"[?#]", told, maxsplit=1)[0])
        told = told[min(len(address[0]), len(told)) :]
    return "/".join(part for part in told.split("/") if part not in ("", ".", ".."))


def is_written_alike(name: str, place: str) -> bool:
    """Whether a name differs from a file's place in its writing alone, and not in the folders that it says."""
    return _counted(place) in {_counted(plain_path(own)) for own in _writings(name)}


def _writings(name: str) -> Iterator[str]:
    """A name as it stands, as a number that a spreadsheet gave a point, and as a web page writes it, “left%20knee.png”."""
    yield name
    if counted := _COUNTED.fullmatch(name.strip()):
        yield counted[1]
    if "%" in name:
        yield unquote(name)


def ambiguous(places: list[str]) -> str:
    """Several files in words."""
    named = ", ".join(places[:_NAMED])
    if len(places) <= _NAMED:
        return named
    return _("%(names)s and %(number)s more", names=named, number=len(places) - _NAMED)


def _composed(path: str) -> str:
    return normalised("NFC", path)


def _small(path: str) -> str:
    return normalised("NFC", normalised("NFKC", path).casefold())


def _bare(path: str) -> str:
    return _ENDING.sub("", _small(path))


def _counted(path: str) -> str:
    return _ZEROS.sub("", _bare(path))


_WAYS: tuple[Callable[[str], str], ...] = (str, _composed, _small, _bare, _counted)
