"""The starter atlas: real medical pictures that ship with the package."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from pydantic import TypeAdapter

from mirage import settings
from mirage.corpora.base import CorpusCard, CorpusInfo, CorpusOption, Item, Refused
from mirage.errors import BadPicture, Unavailable, first_fault
from mirage.figure import Case, Figure, Licence
from mirage.images import DecodedPicture, read_picture

SHIPPED = settings.SHIPPED / "atlas"

_FIGURE, _CASE = TypeAdapter(Figure), TypeAdapter(Case)


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
        self._digests: dict[str, str] = {}  # of pictures, by their figure's id

    def info(self) -> CorpusInfo:
        """Tell what ships, its version the digest of ``figures.jsonl``.

        Raises
        ------
        mirage.errors.Unavailable
            When the folder has no records.
        """
        summary = self.card.summary.replace("The pictures", f"{len(self)} pictures", 1)
        return self.card.info("starter", hashlib.sha256(self._bytes).hexdigest()[:16], summary)

    def items(self) -> Iterator[Item | Refused]:
        """Yield every figure once, in order; a record that cannot be read is yielded as `Refused`."""
        return iter(self._entries)

    def read(self, item: Item) -> DecodedPicture:
        """Decode the picture of one item.

        Raises
        ------
        mirage.errors.BadPicture
            When the file is missing, damaged, or not the one that the record speaks of.
        """
        path = self.folder / "pictures" / Path(item.label).name
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BadPicture(f"{item.label} cannot be read ({error}). Install MIRAGE again.") from error
        if hashlib.sha256(data).hexdigest() != self._digests.get(item.figure.id):
            raise BadPicture(f"{item.label}: the picture is damaged or was replaced. Install MIRAGE again.")
        return read_picture(data, name=item.label)

    def __len__(self) -> int:
        return len(self._entries)

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
    def _entries(self) -> list[Item | Refused]:
        lines = filter(str.strip, self._bytes.decode("utf-8", "replace").split("\n"))
        return [self._entry(number, line) for number, line in enumerate(lines, start=1)]

    def _entry(self, number: int, line: str) -> Item | Refused:
        try:
            record = json.loads(line)
            # What a figure has no field for (structures, level) stays in the file.
            figure, label = _FIGURE.validate_python(record), str(record["picture"])
            self._digests[figure.id] = str(record["sha256"])
        except (ValueError, KeyError, TypeError) as error:
            return Refused(
                f"figures.jsonl, line {number}", f"The record cannot be read ({first_fault(error)}). Install MIRAGE again."
            )
        return Item(figure, self._cases.get(figure.case_id), label, hashlib.sha256(line.encode()).hexdigest())

    @cached_property
    def _cases(self) -> dict[str, Case]:
        path = self.folder / "cases.jsonl"
        lines = path.read_text(encoding="utf-8").split("\n") if path.is_file() else []
        cases = [_CASE.validate_json(line) for line in lines if line.strip()]
        return {case.id: case for case in cases}
