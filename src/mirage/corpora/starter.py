"""The starter atlas: real medical pictures that ship with the package."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from mirage.corpora.base import CorpusCard, CorpusInfo, CorpusOption, Item, Refused
from mirage.errors import BadPicture, Unavailable
from mirage.figure import Case, Figure, Licence, Source
from mirage.images import Picture, read_picture

SHIPPED = Path(__file__).resolve().parent.parent / "shipped" / "atlas"

_WORDS = (
    *("caption", "title", "diagnosis", "modality", "modality_detail"),
    *("plane", "region", "case_id", "patient"),
)


class StarterCorpus:
    """The figures under ``shipped/atlas``, in the order of ``figures.jsonl``.

    Parameters
    ----------
    path : Path, optional
        Another folder of the same layout: ``figures.jsonl``, ``cases.jsonl`` and ``pictures/``.
    """

    card = CorpusCard(
        title="Starter atlas",
        summary="The pictures that ship with MIRAGE: an average brain in T1- and T2-weighted slices, and X-ray, CT, MR, "
        "ultrasound, nuclear medicine, fundus and microscopy pictures.",
        licence=Licence("various, all permit sharing", "", allows_sharing=True),
        options=(CorpusOption("path", "Another folder of the same layout.", Path, is_folder=True),),
        ships=True,
    )

    def __init__(self, path: Path | str | None = None) -> None:
        self.folder = Path(path) if path else SHIPPED

    def info(self) -> CorpusInfo:
        """Tell what ships, its version the digest of ``figures.jsonl``.

        Raises
        ------
        mirage.errors.Unavailable
            When the folder has no records.
        """
        return CorpusInfo(
            name="starter",
            title="Starter atlas",
            summary=(
                f"{len(self)} pictures that ship with MIRAGE: an average brain in T1- and T2-weighted slices,"
                " and X-ray, CT, MR, ultrasound, nuclear medicine, fundus and microscopy pictures."
            ),
            version=hashlib.sha256(self._bytes).hexdigest()[:16],
            licence=Licence("various, all permit sharing", "", allows_sharing=True),
        )

    def items(self) -> Iterator[Item | Refused]:
        """Yield every figure once, in order; a record that cannot be read is yielded as `Refused`."""
        cases = self._cases
        for number, line in enumerate(self._lines, start=1):
            label = f"figures.jsonl, line {number}"
            try:
                record = json.loads(line)
                figure = figure_of(record)
                label = str(record["picture"])
            except (ValueError, KeyError, TypeError) as error:
                yield Refused(label, f"The record cannot be read ({error}). Install MIRAGE again.")
                continue
            fingerprint = hashlib.sha256(line.encode()).hexdigest()
            yield Item(figure, cases.get(figure.case_id), label, fingerprint)

    def read(self, item: Item) -> Picture:
        """Decode the picture of one item.

        Raises
        ------
        mirage.errors.BadPicture
            When the file is missing, damaged, or not the one that the record speaks of.
        """
        record = self._records.get(item.figure.id)
        if record is None:
            raise BadPicture(f"{item.label}: the starter atlas has no figure {item.figure.id}.")
        path = self.folder / "pictures" / Path(str(record["picture"])).name
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BadPicture(f"{item.label} cannot be read ({error}). Install MIRAGE again.") from error
        if hashlib.sha256(data).hexdigest() != record["sha256"]:
            raise BadPicture(f"{item.label}: the picture is damaged or was replaced. Install MIRAGE again.")
        return read_picture(data, name=item.label)

    def __len__(self) -> int:
        return len(self._lines)

    @cached_property
    def _bytes(self) -> bytes:
        path = self.folder / "figures.jsonl"
        try:
            return path.read_bytes()
        except OSError as error:
            raise Unavailable(
                f"The starter atlas is not in this installation: {path} cannot be read. Install MIRAGE again."
            ) from error

    @cached_property
    def _lines(self) -> list[str]:
        return [line for line in self._bytes.decode("utf-8", "replace").split("\n") if line.strip()]

    @cached_property
    def _records(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for line in self._lines:
            try:
                record = json.loads(line)
                found[str(record["id"])] = record
            except (ValueError, KeyError, TypeError):
                continue  # `items` reports it
        return found

    @cached_property
    def _cases(self) -> dict[str, Case]:
        path = self.folder / "cases.jsonl"
        if not path.is_file():
            return {}
        lines = path.read_text(encoding="utf-8").split("\n")
        cases = [case_of(json.loads(line)) for line in lines if line.strip()]
        return {case.id: case for case in cases}


def source_of(record: Mapping[str, Any]) -> Source:
    """Read a record's source and licence."""
    licence = record["licence"]
    return Source(
        corpus=record["corpus"],
        attribution=record["attribution"],
        url=record["url"],
        url_of=record["url_of"],
        licence=Licence(licence["name"], licence["url"], bool(licence["allows_sharing"])),
    )


def figure_of(record: Mapping[str, Any]) -> Figure:
    """Read one line of ``figures.jsonl``; what a figure has no field for (structures, level) stays there."""
    words: dict[str, Any] = {name: str(record[name]) for name in _WORDS}
    return Figure(id=str(record["id"]), source=source_of(record["source"]), **words)


def case_of(record: Mapping[str, Any]) -> Case:
    """Read one line of ``cases.jsonl``."""
    fields = {name: text for name, text in record.items() if name != "source"}
    return Case(source=source_of(record["source"]), **fields)
