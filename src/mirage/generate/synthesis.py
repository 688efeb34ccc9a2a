"""From a query to synthetic images: ask a generator, mark what it draws, and put what is real beside it.

A synthetic image is never a figure and never enters the records or the index of an atlas. It leaves this module marked, with
the nearest real figures, what could be checked of its prompt, and whether it is a near copy of a training image.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

from PIL import Image

from mirage import __version__
from mirage.encoders.base import Encoder
from mirage.errors import BadInput, BadQuery
from mirage.figure import MODALITIES, Figure
from mirage.generate import generators, prompt_filter, prompt_match, provenance
from mirage.generate.generators import DrawnImage, GenerationRequest, GenerationStep, Generator, GeneratorInfo, PromptTerm
from mirage.generate.generators.base import MOST_IMAGES, MOST_SEED, filled
from mirage.generate.generators.copies import CopyCheck, TrainingFingerprints, unchecked
from mirage.generate.prompt_match import PromptMatch
from mirage.images import decode
from mirage.images.marks import SyntheticRecord
from mirage.indexes.base import Index, IndexQuery
from mirage.query import Query, Term
from mirage.search.answer import Answer
from mirage.settings import Settings
from mirage.storage.records import reference_of
from mirage.storage.store import Store
from mirage.wording import _

MAX_AHEAD = 16  # how many generations may wait; more are refused with 429
NEAREST = 6
UPLOAD = "an upload"
_MOST_CAPTION = 160


class _Searchable(Protocol):
    """What pictures are encoded with, and the index of the real ones."""

    @property
    def encoder(self) -> Encoder: ...
    @property
    def index(self) -> Index: ...


class RealFigures(Protocol):
    """What a generation needs of an atlas; `mirage.atlas.Atlas` has it."""

    @property
    def store(self) -> Store: ...
    def figure(self, figure_id: str) -> Figure: ...
    def picture(self, figure_id: str) -> Path: ...
    def reference(self, figure_id: str) -> str: ...
    def search(self, query: Query) -> Answer: ...
    def snapshot(self) -> AbstractContextManager[_Searchable]: ...


@dataclass(frozen=True, slots=True)
class GenerationOptions:
    """What may be chosen beside the query; None leaves it to the generator.

    Attributes
    ----------
    negative : str
    seed : int or None
        None draws one.
    steps, guidance, width, height
    count : int
    drafts : int or None
        From how many drafts the generator chooses each image; 1 for no choice.
    figure : str
        Id of a figure to begin from.
    strength : float
    generator : str
        Adapter name; the settings' one when empty.
    insist : bool
        Also give near copies of training images, with the remark that they are.
    """

    negative: str = ""
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    width: int | None = None
    height: int | None = None
    count: int = 1
    drafts: int | None = None
    figure: str = ""
    strength: float = 0.6
    generator: str = ""
    insist: bool = False


@dataclass(frozen=True, slots=True)
class SyntheticImage:
    """One synthetic image with all that stands beside it.

    Attributes
    ----------
    record : SyntheticRecord
    data : bytes
        A marked PNG; empty when it is withheld or came out blank.
    nearest : tuple of str
        Ids of the real figures of the atlas that look most like it, best first.
    match : PromptMatch or None
    copy : CopyCheck
    withheld : bool
        Whether it is a near copy and nobody insisted.
    remarks : tuple of str
    owner : str
        Id of the person who had it made; empty for whoever has the machine. It is in no file that leaves.
    """

    record: SyntheticRecord
    data: bytes
    nearest: tuple[str, ...]
    match: PromptMatch | None
    copy: CopyCheck
    withheld: bool
    remarks: tuple[str, ...] = ()
    owner: str = ""

    @property
    def reason(self) -> str:
        """Why there is no picture; empty when there is one."""
        if self.withheld:
            return self.copy.said
        return "" if self.data else " ".join(self.remarks) or _("The generator drew nothing. Try another seed.")

    def save(self, path: Path | str) -> None:
        """Write the marked image as a PNG file.

        Raises
        ------
        mirage.errors.BadInput
            When there is no image: it is withheld, or nothing came out.
        """
        if self.reason:
            raise BadInput(self.reason)
        Path(path).write_bytes(self.data)

    def _repr_png_(self) -> bytes | None:
        """Show the marked image in a notebook."""
        return self.data or None


def generator_of(options: GenerationOptions, settings: Settings | None = None) -> Generator:
    """The generator that the options or the settings name; no weights are loaded.

    Parameters
    ----------
    options : GenerationOptions
    settings : Settings, optional
        Read from the environment and mirage.toml when left out.

    Raises
    ------
    mirage.errors.NotFound, mirage.errors.Unavailable
    """
    settings = settings or Settings.load()
    return generators.configured(options.generator or settings.generator, settings)


def new_seed() -> int:
    """A seed, drawn at random."""
    return secrets.randbelow(MOST_SEED - MOST_IMAGES)


# -- asking --------------------------------------------------------------------------------------------------------------


def request_of(
    atlas: RealFigures, query: Query, options: GenerationOptions, generator: Generator, start: Image.Image | None = None
) -> tuple[GenerationRequest, tuple[str, ...]]:
    """What a generator is asked for by a query, and what the person should know of how it was read.

    Parameters
    ----------
    atlas : RealFigures
        Whose figures the query's terms may name.
    query : Query
        Texts keep their weights. A figure among the terms speaks by its words, a dropped picture by those of the figure
        nearest to it; filters become words.
    options : GenerationOptions
    generator : Generator
        Asked only what it can and what it refuses.
    start : PIL.Image.Image, optional
        A picture to begin from.

    Raises
    ------
    mirage.errors.BadInput
        When the generator cannot follow, is not made for this prompt, or does not draw what it asks for.
    mirage.errors.NotFound
        When a figure is not there.
    """
    remarks: list[str] = []
    wanted = [_wanted(atlas, term, remarks) for term in query.terms]
    said = ", ".join(filter_words(query))
    first = next((number for number, term in enumerate(wanted) if term.weight > 0), None)
    if first is None:
        raise BadQuery(_("Say what the image shall show, as in “axial brain MRI”."))
    if said:
        wanted[first] = replace(wanted[first], text=f"{wanted[first].text}, {said}")
    prompt_filter.check(" ".join(term.text for term in wanted if term.weight > 0))
    if refused := generator.refusal(", ".join(term.text for term in wanted if term.weight > 0)):
        raise BadInput(refused)
    if options.figure:
        if start is not None:
            raise BadInput(_("An image begins from a figure or from a picture, not from both."))
        _standing(atlas, options.figure)
        start = decode(atlas.picture(options.figure))
    chosen = {name: value for name, value in asdict(options).items() if name not in ("figure", "generator", "insist")}
    if options.seed is None:
        chosen["seed"] = new_seed()
    return filled(GenerationRequest(tuple(wanted), start=start, **chosen), generator.info()), tuple(remarks)


def _wanted(atlas: RealFigures, term: Term, remarks: list[str]) -> PromptTerm:
    if term.text:
        return PromptTerm(term.text, term.weight)
    if term.figure:
        figure, who = (
            _standing(atlas, term.figure),
            _("The figure %(figure)s was replaced by its own words", figure=term.figure),
        )
    elif hits := atlas.search(Query((replace(term, weight=1.0),), k=1)).hits:
        figure = hits[0].figure
        who = _("The dropped picture was replaced by the words of the figure nearest to it (%(figure)s)", figure=figure.id)
    else:
        raise BadInput(
            _("A dropped picture is replaced by the words of the figure nearest to it, and this atlas is empty. Use words.")
        )
    words = words_of(figure)
    remarks.append(f"{who}: “{words}”.")
    return PromptTerm(words, term.weight)


def _standing(atlas: RealFigures, figure_id: str) -> Figure:
    """A figure that an image may be made of; `mirage.errors.BadInput` where its source has withdrawn it."""
    figure = atlas.figure(figure_id)
    if figure.withdrawn:
        raise BadInput(
            _("The source of %(id)s has withdrawn it, so no image is made from it. Choose another figure.", id=figure.id)
        )
    return figure


def words_of(figure: Figure) -> str:
    """A figure in a generator's words: plane, region, modality, diagnosis or the beginning of its caption."""
    kind = " ".join(filter(None, [figure.plane, figure.region, MODALITIES.get(figure.modality, figure.modality)]))
    told = figure.diagnosis or figure.caption
    if len(told) > _MOST_CAPTION:
        told = told[:_MOST_CAPTION].rsplit(" ", 1)[0]
    return ", ".join(filter(None, [kind, told])) or figure.title


def filter_words(query: Query) -> list[str]:
    """What a query's filters say of a picture: its plane, its modality in words, its region."""
    single = {name: values[0] for name, values in query.filters.items() if len(values) == 1 and values[0]}
    modality = single.get("modality", "")
    return [word for word in (single.get("plane"), MODALITIES.get(modality, modality), single.get("region")) if word]


# -- drawing -------------------------------------------------------------------------------------------------------------


def draw(
    atlas: RealFigures,
    query: Query,
    options: GenerationOptions,
    generator: Generator,
    *,
    start: Image.Image | None = None,
    progress: Callable[[GenerationStep], None] = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[SyntheticImage]:
    """Draw what a query asks for, image by image, each marked and with what is real beside it.

    Parameters
    ----------
    atlas, query, options, start
        As for `request_of`.
    generator : Generator
    progress, stopped : callable
        As for `mirage.generate.generators.base.Generator.generate`.

    Raises
    ------
    mirage.errors.BadInput, mirage.errors.Unavailable
    """
    info = generator.info()
    request, remarks = request_of(atlas, query, options, generator, start)
    for text in dict.fromkeys([*(term.text for term in request.terms), request.negative]):
        if text and (rest := generator.unread(text)):
            remarks = (*remarks, _("The generator does not know this, and it led nothing: “%(words)s”.", words=_short(rest)))
    copies = TrainingFingerprints.of(info)
    begun = atlas.reference(options.figure) if options.figure else (UPLOAD if start is not None else "")
    for drawn in generator.generate(request, progress, stopped):
        record = _record(request, info, drawn, begun)
        said = tuple(dict.fromkeys((*remarks, *drawn.remarks)))
        yield _beside(atlas, record, drawn, copies, said, options.insist)


def _beside(
    atlas: RealFigures,
    record: SyntheticRecord,
    drawn: DrawnImage,
    copies: TrainingFingerprints | None,
    remarks: tuple[str, ...],
    insist: bool,
) -> SyntheticImage:
    if drawn.blank:
        nothing = replace(unchecked(record.generator), said=_("Nothing came out, so there was nothing to compare."))
        return SyntheticImage(record, b"", (), None, nothing, False, remarks)
    copy = copies.check(drawn.image) if copies is not None else unchecked(record.generator)
    if copy.near and not insist:
        return SyntheticImage(record, b"", (), None, copy, True, remarks)
    with atlas.snapshot() as now:
        vector = now.encoder.encode_images([drawn.image])[0]
        found = now.index.ask(IndexQuery(vector, {}, prompt_match.NEIGHBOURS, {}, caption_channel=False)).get("image", [])
        held = now.index.facets({})
    by_key = atlas.store.rows([key for key, _ in found])
    rows = [by_key[key] for key, _ in found if key in by_key and not by_key[key].figure.withdrawn]
    nearest = tuple(reference_of(row) for row in rows[:NEAREST])
    prompt = ", ".join(text for text, weight in record.terms if weight > 0)
    match = prompt_match.check(prompt, [row.figure for row in rows], held)
    data = provenance.mark(drawn.image, record)
    return SyntheticImage(record, data, nearest, match, copy, False, remarks)


def _record(request: GenerationRequest, info: GeneratorInfo, drawn: DrawnImage, begun: str) -> SyntheticRecord:
    return SyntheticRecord(
        id=secrets.token_hex(8),
        prompt=request.prompt,
        terms=tuple((term.text, term.weight) for term in request.terms),
        negative=request.negative,
        generator=info.name,
        model=info.model,
        revision=info.revision,
        seed=drawn.seed,
        steps=request.steps or info.steps,
        guidance=request.guidance if request.guidance is not None else info.guidance,
        width=drawn.image.width,
        height=drawn.image.height,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        software=f"MIRAGE {__version__}",
        start=begun,
        strength=request.strength if begun else 0.0,
        drafts=drawn.drafts,
        chooser=drawn.chooser,
    )


def _short(text: str, most: int = 200) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
