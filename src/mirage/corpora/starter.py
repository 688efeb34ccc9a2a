"""The starter atlas: real medical pictures that ship with the package."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from PIL import Image
from pydantic import TypeAdapter

from mirage.corpora.base import CorpusCard, CorpusInfo, Item, Refused
from mirage.corpora.options import CorpusOption
from mirage.encoders.known import KnownVectors
from mirage.errors import BadPicture, Unavailable, first_fault
from mirage.figure import Case, Figure, Licence, Stack
from mirage.images import DecodedPicture, read_picture
from mirage.images.stack_file import StackFile
from mirage.images.stacks import cut, render, volume_of
from mirage.images.volume import Array, Volume
from mirage.shipped import SHIPPED as SHIPPED_FILES
from mirage.wording import N_, _

SHIPPED = SHIPPED_FILES / "atlas"
PEOPLE = N_("at most 29 people and two average brains")
SMALLEST = 384
"""Pixels of the longer side of a slice that is shown as a picture: coarse ones are made larger."""

_FIGURE, _CASE, _STACK = TypeAdapter(Figure), TypeAdapter(Case), TypeAdapter(Stack)


class StarterCorpus:
    """The figures under ``shipped/atlas``, in the order of ``figures.jsonl``.

    Parameters
    ----------
    path : Path, optional
        Another folder of the same layout: ``figures.jsonl``, ``cases.jsonl``, ``pictures/`` and ``stacks/``.
    """

    card = CorpusCard(
        title=N_("Starter atlas"),
        summary=N_(
            "The pictures that ship with MIRAGE, of at most 29 people and two average brains: CT and MRI of chest, abdomen, "
            "pelvis and brain as stacks of labelled slices, and X-ray, ultrasound, nuclear medicine, fundus and "
            "microscopy pictures."
        ),
        licence=Licence(N_("various, all permit sharing"), "", allows_sharing=True),
        options=(CorpusOption("path", N_("Another folder of the same layout."), Path, is_folder=True),),
        ships=True,
        people=PEOPLE,
    )

    def __init__(self, path: Path | str | None = None) -> None:
        self.folder = Path(path) if path else SHIPPED
        self._records: dict[str, dict[str, Any]] = {}  # by their figure's id
        # Slices of a stack follow one another: unpacked once, it serves all of them.
        self._values = lru_cache(maxsize=2)(self._values_of)

    def info(self) -> CorpusInfo:
        """Tell what ships, its version the digest of ``figures.jsonl``.

        Raises
        ------
        mirage.errors.Unavailable
            When the folder has no records.
        """
        return self.card.info("starter", hashlib.sha256(self._bytes).hexdigest()[:16])

    def items(self) -> Iterator[Item | Refused]:
        """Yield every figure once, in order; a record that cannot be read is yielded as `Refused`."""
        return iter(self._entries)

    def read(self, item: Item) -> DecodedPicture:
        """Decode the picture of one item; of a stack its best slice.

        Raises
        ------
        mirage.errors.BadPicture
            When the file is missing, damaged, or not the one that the record speaks of.
        """
        record = self._record(item.figure.id)
        if (place := item.figure.slice_of) is not None:
            return self._slice(place.stack, place.view, place.number, record["window"])
        if (stack := item.figure.stack) is not None:
            return self._slice(item.figure.id, stack.views[0], stack.best, stack.windows[0].name)
        return read_picture(self._checked("pictures", item.label, str(record["sha256"])), name=item.label)

    def read_stack(self, item: Item) -> Volume:
        """Read the voxels and labels of a stack.

        Raises
        ------
        mirage.errors.BadPicture
            When a file is missing, damaged, or not the one that the record speaks of.
        """
        stack = self._stack(item.figure.id)
        labels = self._values(item.figure.id, "labels") if stack.labels else None
        return volume_of(stack, self._values(item.figure.id, "voxels"), labels)

    def known_vectors(self) -> KnownVectors:
        """Give the vectors that ship, of the encoder that ships; ``scripts/starter_vectors.py`` makes them."""
        return KnownVectors.read(self.folder / "vectors.npz")

    def _slice(self, id: str, view: str, number: int, window: str) -> DecodedPicture:
        """Show a slice of a stack in one of the stack's windows."""
        stack = self._stack(id)
        chosen = next((one for one in stack.windows if one.name == window), None)
        image = render(cut(self._values(id, "voxels"), stack, view, number), stack, chosen, view)
        if (longest := max(image.size)) < SMALLEST:
            times = -(-SMALLEST // longest)
            image = image.resize((image.width * times, image.height * times), Image.Resampling.BICUBIC)
        return DecodedPicture(image, "PNG")

    def _stack(self, id: str) -> Stack:
        try:
            return _STACK.validate_python(self._record(id)["stack"])
        except (ValueError, KeyError) as error:
            raise BadPicture(_("%(id)s is no stack that can be read. Install MIRAGE again.", id=id)) from error

    def _record(self, id: str) -> dict[str, Any]:
        assert self._entries
        return self._records.get(id, {})

    def _values_of(self, id: str, kind: str) -> Array:
        record = self._record(id)
        name = str(record[kind])
        self._checked("stacks", name, str(record[f"{kind}_sha256"]))
        return StackFile(self.folder / "stacks" / Path(name).name, self._stack(id), labels=kind == "labels").values()

    def _checked(self, folder: str, name: str, digest: str) -> bytes:
        try:
            data = (self.folder / folder / Path(name).name).read_bytes()
        except OSError as error:
            raise BadPicture(
                _("%(name)s cannot be read (%(error)s). Install MIRAGE again.", name=name, error=error)
            ) from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise BadPicture(_("%(name)s: the file is damaged or was replaced. Install MIRAGE again.", name=name))
        return data

    def __len__(self) -> int:
        return len(self._entries)

    @cached_property
    def _bytes(self) -> bytes:
        path = self.folder / "figures.jsonl"
        try:
            return path.read_bytes()
        except OSError as error:
            raise Unavailable(
                _("The starter atlas is not in this installation: %(path)s cannot be read. Install MIRAGE again.", path=path)
            ) from error

    @cached_property
    def _entries(self) -> list[Item | Refused]:
        lines = filter(str.strip, self._bytes.decode("utf-8", "replace").split("\n"))
        return [self._entry(number, line) for number, line in enumerate(lines, start=1)]

    def _entry(self, number: int, line: str) -> Item | Refused:
        try:
            record = json.loads(line)
            # What a figure has no field for (structures, level) stays in the file.
            figure = _FIGURE.validate_python(record)
            self._records[figure.id] = record
            label, made_of = figure.id, line
            if (place := figure.slice_of) is not None:  # its picture changes with its stack, which stands before it
                made_of += str(self._records[place.stack]["voxels_sha256"])
                if shares := tuple(record.get("shares", {}).items()):
                    made_of += "shares"  # atlases of earlier versions do not have them
                    figure = replace(figure, slice_of=replace(place, shares=shares))
            else:
                label = str(record["picture" if figure.stack is None else "voxels"])
        except (ValueError, KeyError, TypeError) as error:
            return Refused(
                f"figures.jsonl, line {number}",
                _("The record cannot be read (%(fault)s). Install MIRAGE again.", fault=first_fault(error)),
            )
        fingerprint = hashlib.sha256(made_of.encode()).hexdigest()
        case, former = self._cases.get(figure.case_id), tuple(map(str, record.get("former_ids", ())))
        return Item(figure, case, label, fingerprint, stacked=figure.stack is not None, former_ids=former)

    @cached_property
    def _cases(self) -> dict[str, Case]:
        path = self.folder / "cases.jsonl"
        lines = path.read_text(encoding="utf-8").split("\n") if path.is_file() else []
        cases = [_CASE.validate_json(line) for line in lines if line.strip()]
        return {case.id: case for case in cases}
