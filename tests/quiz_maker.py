"""Made-up cases with real diagnoses, each of which says its answer in every place that a quiz must not show before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from mirage.corpora.base import CorpusCard, CorpusInfo, Item, Refused
from mirage.figure import Case, Figure, Licence, Source
from mirage.images import DecodedPicture
from mirage.language.concepts import lexicon
from mirage.study.quiz.words import diagnosis_of, kin

CASES = 52


@lru_cache(maxsize=1)
def diagnoses() -> tuple[str, ...]:
    """Diseases of the brain of which none is a kind of another, each by its name in the lexicon."""
    known, chosen = lexicon(), list[str]()
    for name, concept in known.concepts.items():
        if concept.kind != "disease" or concept.organ != "brain" or not concept.synonyms:
            continue
        plain = diagnosis_of(name)
        if plain and plain.concept == name and not any(kin(name, other) for other in chosen):
            chosen.append(name)
    assert len(chosen) >= CASES
    return tuple(chosen[:CASES])


@dataclass(frozen=True)
class MadeCases:
    """A corpus of so many cases with a figure each; every other diagnosis was proven."""

    count: int = CASES

    card = CorpusCard("Made-up cases", "Cases that a test made up.")

    def info(self) -> CorpusInfo:
        return CorpusInfo("cases", "Made-up cases", "Cases that a test made up.", "1", "", Licence("CC0-1.0", "", True))

    def items(self) -> Iterator[Item | Refused]:
        for number, name in enumerate(diagnoses()[: self.count]):
            slug, synonym = name.replace(" ", "-"), lexicon().concepts[name].synonyms[0]
            source = Source(
                "cases", f"A test on {name}, 2026", f"https://example.org/{slug}", "case", Licence("CC0-1.0", "", True)
            )
            case = Case(
                f"cases:case-{slug}",
                f"A case of {name}",
                source,
                history=f"Headache for {number + 2} weeks. A sister has {synonym}.",
                findings=f"There is a signal of {number + 5} mm. It is typical of {name}.",
                diagnosis=name,
                diagnosis_by="Biopsy" if number % 2 else "",
                discussion=f"{name} is told of here at length.",
                topic=name,
            )
            yield Item(
                Figure(
                    f"cases:figure-{slug}",
                    f"Axial MRI of the brain in {name}.",
                    source,
                    f"A case of {name}",
                    name,
                    modality="MR",
                    plane="axial",
                    region="brain",
                    case_id=case.id,
                    patient=f"{number + 20}-year-old woman",
                ),
                case,
                f"{slug}.png",
                "1",
            )

    def read(self, item: Item) -> DecodedPicture:
        seed = np.frombuffer(item.figure.id.encode(), np.uint8)
        blocks = np.random.default_rng(seed).integers(0, 256, (4, 5), dtype=np.uint8)
        return DecodedPicture(Image.fromarray(blocks.repeat(16, 0).repeat(16, 1)), "PNG")

    def __len__(self) -> int:
        return self.count
