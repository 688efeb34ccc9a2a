"""The Imaging Data Commons of the National Cancer Institute: CT, MRI, PET, X-ray and mammography as DICOM series.

What there is stands in an index that is installed (the extra ``idc``), so choosing asks nobody anything. The objects of the
chosen series come from public buckets at Amazon S3; see https://learn.canceridc.dev.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from mirage.corpora.base import CorpusCard, CorpusInfo, Item, Refused, Steps, digest, each_its_own
from mirage.corpora.folder_reading import as_worded, best_slice, refusal_of
from mirage.corpora.folder_stacks import LEAST_SLICES, Found, LeftOut, SingleFile, StackFiles, sort_files
from mirage.corpora.live.base import Offer
from mirage.corpora.live.idc_bucket import Bucket, Fetched, folder_of
from mirage.corpora.live.idc_choice import Choice, Filters, choose
from mirage.corpora.live.idc_figures import MODALITY_CHOICES, Chosen, Described, describe, modality_choice
from mirage.corpora.live.idc_index import MEGA, Index, Series, installed
from mirage.corpora.live.idc_words import wanted
from mirage.corpora.live.notes import write
from mirage.corpora.live.pace import AskedToWait
from mirage.corpora.options import CorpusOption
from mirage.errors import BadPicture, MirageError, NoNetwork, Unavailable
from mirage.figure import Case
from mirage.images import DecodedPicture, read_picture
from mirage.images.limits import sampled
from mirage.images.volume import Volume
from mirage.locales import number as in_words
from mirage.settings import Settings
from mirage.wording import N_, _, language

HOMEPAGE = "https://imaging.datacommons.cancer.gov/"
_MOST, _USUAL = 100, 10  # series at once
_LARGEST = 100_000  # megabytes of a series
_FIGURES = 12  # of a series that is no stack
_THUMBNAILS = 40
_KEPT = 30 * 86_400.0  # seconds that what was fetched is kept on disk
_AGAIN = 3600.0  # seconds after which a series that was refused is asked for again
_BURNED_IN = N_("Its header says that text is burned into the pixels, which may name the patient, so it was not taken.")


class IdcCorpus:
    """Series of the Imaging Data Commons that fit a query.

    Parameters
    ----------
    query : str
        In words: "lung nodule CT".
    most : int
        How many series.
    only : sequence of str
        Ids of an offer's figures: just these, whatever else would fit.
    modality, collection, body_part, licence : sequence of str
        Just these.
    most_megabytes : int
        The largest series that is taken.
    refresh : bool
        Choose and list anew, whatever was chosen and listed before.
    settings : Settings, optional
    index : Path, optional
        The folder of the index; the installed one when left out.

    Raises
    ------
    mirage.errors.BadInput
        When an option cannot be used.
    """

    card: ClassVar[CorpusCard] = CorpusCard(
        title="Imaging Data Commons (NCI)",
        summary=N_(
            "CT, MRI, PET, X-ray and mammography of 179 public collections, mostly of cancer, as DICOM series. "
            "They are chosen on this machine, in an index of all series; only what is chosen is fetched."
        ),
        homepage=HOMEPAGE,
        licence=each_its_own("CC BY or CC BY-NC", "series"),
        options=(
            CorpusOption(
                "query", N_("What to look for, in words: “lung nodule CT”."), required=True, positional=True,
                label=N_("Look for"),
            ),
            CorpusOption("most", N_("How many series at most."), int, default=_USUAL, bounds=(1, _MOST)),
            CorpusOption("only", N_("Only these, by the ids that were offered."), several=True),
            CorpusOption(
                "modality", N_("Only these modalities."), several=True,
                choices=tuple(MODALITY_CHOICES), choice_words=tuple(MODALITY_CHOICES.values()),
            ),
            CorpusOption("collection", N_("Only these collections: lidc_idri."), several=True),
            CorpusOption("body_part", N_("Only these parts of the body, as headers have them: CHEST."), several=True),
            CorpusOption("licence", N_("Only these licences: CC BY, CC BY 4.0, CC BY-NC."), several=True),
            CorpusOption(
                "most_megabytes", N_("The largest series that is taken."), int, default=200, label=N_("Most megabytes"),
                bounds=(1, _LARGEST),
            ),
            CorpusOption("refresh", N_("Choose and list anew."), bool, default=False),
        ),
        needs=("idc_index_data", "pyarrow"),
        live=True,
        asks=N_("Amazon’s public buckets of the Imaging Data Commons for the chosen series"),
        rate=N_("20 requests a second"),
        trial="chest CT",
        place=2,
    )  # fmt: skip

    def __init__(
        self,
        query: str,
        *,
        most: int = _USUAL,
        only: Sequence[str] = (),
        modality: Sequence[str] = (),
        collection: Sequence[str] = (),
        body_part: Sequence[str] = (),
        licence: Sequence[str] = (),
        most_megabytes: int = 200,
        refresh: bool = False,
        settings: Settings | None = None,
        index: Path | None = None,
    ) -> None:
        self._query = self.card.read({"query": query, "most": most, "most_megabytes": most_megabytes})["query"]
        self._most, self._only = most, tuple(each.removeprefix("idc:") for each in only)
        self._filters = Filters(
            frozenset(map(modality_choice, modality)),
            _low(collection),
            _low(body_part),
            _low(licence),
            float(most_megabytes),
        )
        self._refresh, self._made = refresh, time.time()
        self._given, self._index_folder = settings, index
        self._language = "" if language() == "en" else f".{language()}"
        self._stacks: dict[str, StackFiles] = {}
        self._places: dict[str, tuple[Path, int]] = {}
        self._cases: dict[str, Case] = {}

    @cached_property
    def _settings(self) -> Settings:
        return self._given or Settings.load()

    @cached_property
    def _index(self) -> Index:
        return Index(self._index_folder or installed())

    def info(self) -> CorpusInfo:
        """Tell what this corpus is; the version is that of the index, and of what was chosen."""
        kept = self._kept
        made = digest(repr([one.series.uuid for one in kept.series]))[:12]
        return self.card.info("idc", f"{kept.version or 'index'}-{made}")

    @property
    def advice(self) -> str:
        """How many series fit, how many of them were chosen, and in which index."""
        kept = self._kept
        if not kept.version:
            return ""
        left = "; ".join(f"{in_words(many)} {why}" for why, many in kept.left_out)
        told = _(
            "%(chosen)s of %(total)s series that fit were chosen, in the index of %(version)s; asking again chooses anew.",
            chosen=in_words(len(kept.series)),
            total=in_words(kept.total),
            version=kept.version,
        )
        return " ".join(filter(None, (told, _("Left out: %(what)s.", what=left) if left else "")))

    # -- choosing and fetching ------------------------------------------------------------------------------------------

    def offer(self, steps: Steps | None = None, *, again: bool = False) -> Offer:
        """Choose in the index, and fetch one object of each series to show it; without a network none is shown.

        Raises
        ------
        mirage.errors.NoNetwork
            When it is to be asked again, and there is none.
        mirage.errors.Unavailable
            When the index is not installed, or not what is known of it.
        """
        choice = self._chosen()
        described = [describe(self._index, series) for series in choice.series]
        figures, told, number = [], "", 0

        def beat() -> None:
            if steps:
                steps("asking", number, len(described))

        bucket = Bucket(self._settings, beat, refresh=again or self._refresh)
        for number, one in enumerate(described):
            beat()
            picture, why = b"", told
            if not told and number < _THUMBNAILS:
                try:
                    picture = bucket.preview(one.series)
                except (NoNetwork, AskedToWait) as error:
                    if again:
                        raise
                    told = why = _("It cannot be shown before it is fetched. %(error)s", error=error)
                except MirageError as error:
                    why = _("It cannot be shown before it is fetched. %(error)s", error=error)
            figures.append(one.offered(picture, why))
        return Offer(tuple(figures), _("series"), choice.total, len(described), choice.left_out, self._index.released)

    def _chosen(self) -> Choice:
        return choose(self._index, wanted(self._query), self._filters, self._most, self._only)

    @property
    def ready(self) -> bool:
        """Whether all that was chosen is on this machine; chosen since this was made, where that is to be done anew."""
        try:
            made = self._list.stat().st_mtime
        except OSError:
            return False
        return (not self._refresh or made >= self._made) and all(self._settled(one.series) for one in self._kept.series)

    def prepare(self, steps: Steps | None = None) -> None:
        """Choose, and fetch the objects of the chosen series; goes on where an earlier call was stopped.

        A series whose objects are refused, damaged or not as the index says is passed over, and told as refused.

        Raises
        ------
        mirage.errors.NoNetwork, mirage.errors.Unavailable
        """
        if self.ready:
            return
        if self._refresh or not self._list.is_file():
            choice = self._chosen()
            described = tuple(describe(self._index, series) for series in choice.series)
            write(self._list, asdict(Chosen(self._index.version, choice.total, choice.left_out, described)))
            self._tidy({one.series.uuid for one in described})
        there = self._kept.series
        sizes = [round(one.series.megabytes * MEGA) for one in there]
        number = 0

        def beat() -> None:
            if steps:
                steps("fetching", number, len(there))

        for number, one in enumerate(there):
            beat()
            note, before = self._note(one.series), sum(sizes[:number])
            if self._settled(one.series):
                continue

            def tell(done: int, before: int = before) -> None:
                if steps:
                    steps("downloading", min(before + done, sum(sizes)), sum(sizes))

            # What was refused may be right by now.
            bucket = Bucket(self._settings, beat, refresh=self._refresh or note.is_file())
            write(note, asdict(bucket.fetch(one.series, tell)))
        self.__dict__.pop("_entries", None)
        if steps:
            steps("downloading", sum(sizes), sum(sizes))

    # -- what is on this machine ----------------------------------------------------------------------------------------

    def _folder(self, series: Series) -> Path:
        return folder_of(self._settings, series)

    def _note(self, series: Series) -> Path:
        return self._folder(series).with_suffix(".json")

    def _fetched(self, series: Series) -> Fetched | None:
        """What came of fetching a series; None where that has not come to its end, or its files are gone."""
        try:
            told = Fetched(**json.loads(self._note(series).read_bytes()))
            there = told.refused or len(list(self._folder(series).glob("*.dcm"))) >= told.objects
        except (OSError, ValueError, TypeError):
            return None
        return told if there else None

    def _settled(self, series: Series) -> bool:
        """Whether a series is there, or was refused so lately that it need not be tried again."""
        told = self._fetched(series)
        return told is not None and (not told.refused or time.time() - self._note(series).stat().st_mtime < _AGAIN)

    def _tidy(self, kept: Collection[str]) -> None:
        """Remove what was fetched long ago: an atlas keeps pictures of its own."""
        for note in (self._settings.live_cache / "idc" / "series").glob("*.json"):
            with suppress(OSError):
                if note.stem not in kept and time.time() - note.stat().st_mtime > _KEPT:
                    shutil.rmtree(note.with_suffix(""), ignore_errors=True)
                    note.unlink()

    @property
    def _list(self) -> Path:
        of = self._filters
        sets = map(sorted, (of.modalities, of.collections, of.parts, of.licences))
        asked = repr((self._query, self._most, self._only, *sets, of.megabytes))
        return self._settings.live_cache / "idc" / "chosen" / f"{digest(asked)}{self._language}.json"

    @property
    def _kept(self) -> Chosen:
        """What was chosen, when it was prepared; nothing before."""
        try:
            return Chosen.of(json.loads(self._list.read_bytes()))
        except OSError:
            return Chosen()
        except (ValueError, TypeError, LookupError) as error:
            self._list.unlink(missing_ok=True)
            raise Unavailable(_("The list of what was chosen is damaged, and was thrown away. Run it again.")) from error

    def items(self) -> Iterator[Item | Refused]:
        """Yield the figures of the chosen series, in their order; nothing before they were prepared."""
        return iter(self._entries)

    def __len__(self) -> int:
        """How many entries `items` will yield."""
        return len(self._entries)

    @cached_property
    def _entries(self) -> list[Item | Refused]:
        kept = self._kept.series
        there = {one.series.uuid for one in kept}
        gone = [uuid for uuid in self._only if uuid not in there] if kept else []
        entries = [entry for one in kept for entry in self._of_series(one)]
        return [*entries, *(Refused(uuid, _("It is not in the index any more.")) for uuid in gone)]

    def _of_series(self, one: Described) -> Iterator[Item | Refused]:
        told = self._fetched(one.series)
        if told is None or told.refused:
            yield Refused(
                one.label, told.refused if told else _("It has not been fetched as a whole. Run it again to go on.")
            )
            return
        paths = sorted(self._folder(one.series).glob("*.dcm"))
        found = sort_files(paths, "series", lambda path: path.name, _refusal)
        stacks = [each for each in found if isinstance(each, StackFiles) and each.slices >= LEAST_SLICES]
        singles = [each for each in found if not isinstance(each, LeftOut) and each not in stacks]
        made = sorted(stacks, key=lambda each: -each.slices)[:_FIGURES]
        number = 0
        for number, stack in enumerate(made, 1):
            yield self._item(one, stack, number, header=stack.header, plane=stack.plane)
        if made:
            yield from (
                Refused(f"{one.label}: {each.first.name}", _("It is no slice of the stack of its series."))
                for each in singles
            )
        else:
            frames = [place for each in singles for place in _frames(each)]
            for place in sampled(len(frames), _FIGURES):
                number += 1
                each, frame = frames[place - 1]
                yield self._item(one, each, number, frame, each.header)
        for left in found:
            if isinstance(left, LeftOut):
                yield Refused(f"{one.label}: {left.path.name}", left.reason)

    def _item(self, one: Described, files: Found, number: int, frame: int = 0, header: Any = None, plane: str = "") -> Item:
        figure, case = one.figure(number, header, plane)
        case = self._cases.setdefault(case.id, case)
        stacked = isinstance(files, StackFiles) and files.slices >= LEAST_SLICES
        if isinstance(files, StackFiles):
            self._stacks[figure.id] = files
            sizes = [path.stat().st_size for path in files.paths]
        else:
            self._places[figure.id] = (files.first, frame)
            sizes = [files.first.stat().st_size, frame]
        return Item(figure, case, f"{one.label}, {number}" if number > 1 else one.label, digest(repr((figure, case, sizes))),
                    stacked=stacked, notes=(one.warning,) if one.warning else ())  # fmt: skip

    def read(self, item: Item) -> DecodedPicture:
        """Decode the picture of one item.

        Raises
        ------
        mirage.errors.BadPicture
        """
        _other = self._entries
        if item.figure.id in self._stacks:
            return best_slice(self.read_stack(item))
        if item.figure.id not in self._places:
            raise BadPicture(_("%(label)s is not among what was fetched.", label=item.label))
        path, frame = self._places[item.figure.id]
        return read_picture(path, name=item.label, frame=frame)

    def read_stack(self, item: Item) -> Volume:
        """Read the voxels of a stack.

        Raises
        ------
        mirage.errors.BadPicture
        """
        _other = self._entries
        if item.figure.id not in self._stacks:
            raise BadPicture(_("%(label)s is no stack among what was fetched.", label=item.label))
        return as_worded(self._stacks[item.figure.id].read(), item.figure.modality, item.figure.plane)


def _frames(each: Found) -> Iterator[tuple[Any, int]]:
    """The frames of a file that stand for themselves, with the file; 0 for the picture of a file with one."""
    if isinstance(each, SingleFile) and each.header is not None and each.header.frames > 1:
        yield from ((each, frame) for frame in each.frames or range(1, each.header.frames + 1))
    else:
        yield each, 0


def _refusal(header: Any) -> str:
    return refusal_of(header, _(_BURNED_IN))


def _low(words: Sequence[str]) -> frozenset[str]:
    return frozenset(word.strip().lower() for word in words if word.strip())
