"""A living source that answers from memory, for tests of whoever asks one: nothing of it touches the network."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

from mirage.corpora.base import CorpusCard, CorpusInfo, Item, Refused, Steps
from mirage.corpora.live.base import Offer, Offered, Standing
from mirage.corpora.options import CorpusOption
from mirage.errors import NoNetwork, Unavailable
from mirage.figure import Figure, Licence, Source
from mirage.images import DecodedPicture

CC_BY = Licence("CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/", allows_sharing=True)


@dataclass
class Answers:
    """What the source answers, and what it was asked.

    Attributes
    ----------
    folder : Path
        Where it keeps what it fetched.
    figures : int
        How many it has, two to an article.
    fails : MirageError or OSError or None
        What asking it raises.
    breaks : dict
        What fetching raises, by how many figures were fetched by then; once each.
    withdrawn : list of str
        What it says that it has withdrawn.
    asked, fetched : list of str
        Words that it was asked for, and ids that were fetched.
    """

    folder: Path
    figures: int = 5
    fails: Exception | None = None
    breaks: dict[int, Exception] = field(default_factory=dict)
    withdrawn: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)


def _picture(number: int) -> bytes:
    pixels = np.add.outer(np.arange(48) * (number + 2), np.arange(64) * 3) % 251
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "WEBP", lossless=True)
    return file.getvalue()


class MadeLive:
    """The source. `answers` is what it gives."""

    answers: ClassVar[Answers]
    card = CorpusCard(
        title="Made-up Central",
        summary="Open articles that a test makes up.",
        homepage="https://example.org/",
        licence=Licence(),
        options=(
            CorpusOption("query", "What to ask for.", required=True, positional=True, label="Words"),
            CorpusOption("most", "How many figures at most.", int, default=20, bounds=(1, 100)),
            CorpusOption("only", "Ids of the figures that were chosen.", several=True),
            CorpusOption("reviews", "Whether reviews are asked for too.", bool),
        ),
        downloads=True,
        live=True,
        asks="Made-up Central's servers for these words",
        rate="3 requests a second",
        trial="pneumonia",
        place=1,
    )

    def __init__(self, query: str, most: int = 20, only: tuple[str, ...] = (), reviews: bool = False) -> None:
        self._query, self._most, self._only = query, most, only

    def info(self) -> CorpusInfo:
        return self.card.info("made", "1")

    def _ids(self) -> list[str]:
        every = [f"made:{number}" for number in range(min(self._most, self.answers.figures))]
        return [each for each in every if not self._only or each in self._only]

    def offer(self, steps: Steps | None = None, *, again: bool = False) -> Offer:
        self.answers.asked.append(self._query)
        if self.answers.fails:
            raise self.answers.fails
        if self._query == "nobody answers":
            raise NoNetwork("Made-up Central cannot be reached. Look whether this machine is online, then ask again.")
        if steps:
            steps("asking", 1, 2)
        offered = [
            Offered(
                each,
                f"Figure {number}",
                f"An <b>axial</b> picture number {number} of {self._query}.",
                f"Article {number // 2}: a case",
                CC_BY if number else Licence("CC BY 4.0", "javascript:alert(2)"),
                f"Doe et al., article {number // 2}",
                "javascript:alert(1)" if number == 1 else f"https://example.org/{number}",
                modality="CT",
                size=None if number == 4 else 100_000 * (number + 1),
                slices=30 if number == 2 else 0,
                thumbnail=b"" if number == 3 else _picture(number),
                warnings=("The article was corrected.",) if number == 0 else (),
            )
            for number, each in enumerate(self._ids())
        ]
        left = (("articles without a stated licence", 7), ("article marked as retracted", 1))
        gone = tuple(Standing(each, 1_790_000_000.0, "The article was retracted.") for each in self.answers.withdrawn)
        return Offer(tuple(offered), "articles", 1204, 40, left, 1_790_000_000.0, gone)

    @property
    def ready(self) -> bool:
        return all((self.answers.folder / f"{each[5:]}.webp").exists() for each in self._ids())

    def prepare(self, steps: Steps | None = None) -> None:
        ids = self._ids()
        for number, each in enumerate(ids):
            place = self.answers.folder / f"{each[5:]}.webp"
            if steps:
                steps("downloading", 100_000 * number, 100_000 * len(ids))
                steps("fetching", number, len(ids))
            if place.exists():
                continue
            if number in self.answers.breaks:
                raise self.answers.breaks.pop(number)
            place.write_bytes(_picture(int(each[5:])))
            self.answers.fetched.append(each)

    def items(self) -> Iterator[Item | Refused]:
        for each in self._ids():
            source = Source("made", "Doe et al.", f"https://example.org/{each[5:]}", "article", CC_BY)
            figure = Figure(id=each, title=f"Figure {each[5:]}", caption=f"A picture of {self._query}.", source=source)
            yield Item(figure, None, each, "1")

    def read(self, item: Item) -> DecodedPicture:
        with Image.open(self.answers.folder / f"{item.figure.id[5:]}.webp") as image:
            return DecodedPicture(image.convert("RGB"), "WEBP")

    def __len__(self) -> int:
        if not self.ready:
            raise Unavailable("What it has was not fetched yet.")
        return len(self._ids())


@contextmanager
def installed(folder: Path, monkeypatch) -> Iterator[Answers]:
    """Install the source under the name ``made`` for as long as this lasts."""
    from mirage import corpora, plugins

    folder.mkdir(parents=True, exist_ok=True)
    MadeLive.answers = Answers(folder)
    available, load = plugins.available, plugins.load
    entry = {"mirage.corpora": {"made": None}}
    monkeypatch.setattr(plugins, "available", lambda group: {**available(group), **entry.get(group, {})})
    monkeypatch.setattr(plugins, "load", lambda group, name: MadeLive if name == "made" else load(group, name))
    yield MadeLive.answers
    corpora._port._adapters.pop("made", None)
