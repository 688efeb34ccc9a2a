"""Sheets of synthetic images for a reader who is not told what was asked, and what the reader's answers say.

A sheet is eight images of one kind of picture from eight seeds, numbered in an order that is drawn by chance. The reader
writes for each number what the kind is, in words, and in how many of the images it can be recognised. Images count only
where what the reader wrote is what was asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from mirage.errors import BadInput, first_fault
from mirage.generate.generators.base import GenerationRequest, Generator, PromptTerm, filled
from mirage.generate.generators.conditions import closure, modality_of
from mirage.generate.generators.evidence import REGIONS, Evidence, KindOfPicture
from mirage.images.marks.band import band
from mirage.language import reading
from mirage.language.concepts import lexicon

KEY = "key.json"
_ACROSS, _SIDE = 4, 192


@dataclass(frozen=True, slots=True)
class SheetAnswer:
    """What a reader wrote of a sheet.

    Attributes
    ----------
    said : str
        The kind of picture, as in ``axial brain MRI``; empty where nothing can be recognised.
    recognised : int
        In how many of the images.
    """

    said: str
    recognised: int


def chosen_kinds(evidence: Evidence, most: int) -> list[KindOfPicture]:
    """The kinds with a modality, a plane and a region that most training pictures are of."""
    whole = [kind for kind in evidence.kinds if kind.modality and kind.plane and kind.region]
    return sorted(whole, key=lambda kind: -kind.pictures)[:most]


def draw(
    generator: Generator,
    kinds: Sequence[KindOfPicture],
    folder: Path,
    *,
    seeds: int = 8,
    seed: int = 0,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> None:
    """Write ``sheet-01.png`` and so on, and the key, which the reader does not look at.

    Parameters
    ----------
    generator : Generator
    kinds : sequence of KindOfPicture
    folder : Path
        Made where it is not there.
    seeds : int
        Images of a sheet.
    seed : int
        Of the first image, and of the order of the sheets.
    progress : callable
        Told the stage, and how many of how many are done.
    """
    folder.mkdir(parents=True, exist_ok=True)
    order = np.random.default_rng(seed + 1).permutation(len(kinds))
    key = {}
    for number, at in enumerate(order, 1):
        kind = kinds[int(at)]
        request = GenerationRequest((PromptTerm(str(kind)),), seed=seed, count=seeds)
        images = [drawn.image for drawn in generator.generate(filled(request, generator.info()))]
        whole = Image.new("RGB", (_SIDE * _ACROSS, _SIDE * -(-len(images) // _ACROSS)))
        for place, image in enumerate(images):
            small = image.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
            whole.paste(small, (place % _ACROSS * _SIDE, place // _ACROSS * _SIDE))
        band(whole).save(folder / f"sheet-{number:02}.png")
        key[f"{number:02}"] = [kind.modality, kind.plane, kind.region]
        progress("Drawing sheets", number, len(kinds))
    (folder / KEY).write_text(json.dumps({"seeds": seeds, "sheets": key}, indent=1) + "\n", "utf-8")


def read(folder: Path, answers: Path, reader: str, evidence: Evidence) -> Evidence:
    """What is known after a reader has looked.

    Parameters
    ----------
    folder : Path
        With the key, as `draw` wrote it.
    answers : Path
        JSON: number of a sheet to ``{"said": "axial brain MRI", "recognised": 7}``.
    reader : str
        Who looked, in words that fit after "recognised by".
    evidence : Evidence
        What was known before.

    Raises
    ------
    mirage.errors.BadInput
        When the answers cannot be read, or are of other sheets.
    """
    try:
        key = json.loads((folder / KEY).read_text("utf-8"))
        given = TypeAdapter(dict[str, SheetAnswer]).validate_json(answers.read_bytes())
    except (OSError, ValidationError, ValueError) as error:
        raise BadInput(
            f"The answers of {answers} to the sheets of {folder} cannot be read: {first_fault(error)}."
        ) from error
    if set(given) != set(key["sheets"]):
        raise BadInput(
            f"{answers} has no answer, or one too many, for: {', '.join(sorted(set(given) ^ set(key['sheets'])))}."
        )
    found = {}
    for number, asked in key["sheets"].items():
        right = kind_said(given[number].said) == tuple(asked)
        found[tuple(asked)] = min(given[number].recognised, key["seeds"]) if right else 0
    kinds = [
        replace(kind, recognised=found[where], looked=key["seeds"])
        if (where := (kind.modality, kind.plane, kind.region)) in found
        else kind
        for kind in evidence.kinds
    ]
    return replace(evidence, reader=reader, kinds=tuple(kinds))


def kind_said(text: str) -> tuple[str, str, str]:
    """Modality, plane and region that a reader's words name; empty where they name none."""
    concepts = [each.name for each in reading.read(text, lambda _: False).concepts]
    every = closure(concepts)
    modality = next((found for name in concepts if (found := modality_of(name))), "")
    plane = next((name for name in concepts if lexicon().kind(name) == "plane"), "")
    region = next((each for each in REGIONS if each in every), "")
    return modality, plane, region


def rows(evidence: Evidence) -> list[tuple[str, str]]:
    """What a reader recognised, for people."""
    looked = [kind for kind in evidence.kinds if kind.looked]
    lines = [(f"  {kind}", f"{kind.recognised} of {kind.looked}{', refused' if kind.fails else ''}") for kind in looked]
    known = sum(not kind.fails for kind in looked)
    return [("kinds recognised", f"{known} of {len(looked)}, {evidence.reader}"), *lines] if looked else []
