"""Series of the Imaging Data Commons that fit a query: weighed by where the index says what is asked for, and spread out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mirage.corpora.live.base import Reason
from mirage.corpora.live.idc_index import DataCollection, Index, Series
from mirage.corpora.live.idc_words import IN_PART, IN_SERIES, IN_STUDY, Need, Wanted, part_weight
from mirage.errors import BadInput
from mirage.images.dicom_header import modality_of
from mirage.wording import _, nN_

_PICTURES = re.compile(r"(?i)\b(?:image|tomosynthesis) storage\b")
_NO_PICTURES = re.compile(r"(?i)whole slide|segmentation|parametric map|raw data|dose")
_SLIDES = "VL Whole Slide Microscopy Image Storage"
_NO_VIEW = frozenset("SEG RTDOSE RTSTRUCT SR PR REG KO RWV M3D ANN FUSION".split())
_MADE = re.compile(r"(?i)\b(?:in[- ]silico|synthetic|digital reference objects?|simulated and imaged)\b")
_RENAMED = re.compile(r"(?i)pseudo[- ]?phi|performance of de-identification algorithms")
_MASK = re.compile(" (?:mask|segmentation|segmented|label ?map|heat ?map|screen ?sa?ve|dose report|patient protocol)s? ")
_SCOUT = re.compile(" (?:scout|locali[sz]er|loc|topo[a-z]*|survey|surview|calibration|smart ?prep|bolus|monitoring|test)s? ")
_FOR_PROCESSING = "For Processing"
_ONE = Lock()  # a table of all series is some hundred megabytes: one at a time
_LEAST = 12  # slices under which a series of CT, MR or PET is likely a scout
_SLICED = frozenset({"CT", "MR", "PT"})
_NORMAL = frozenset({"healthy controls (non-cancer)", "normal (non-cancer)", "non-diseased"})

_OTHER = "other"

# Why a series that fits the words does not come, to be read behind how many those are.
NO_PICTURE = Reason(
    *nN_(
        "series without pictures to look at, but with segmentations, measurements, plans and reports",
        "series without pictures to look at, but with segmentations, measurements, plans and reports",
    )
)
SLIDES = Reason(
    *nN_("series of whole slides, which MIRAGE does not read", "series of whole slides, which MIRAGE does not read")
)
DERIVED = Reason(
    *nN_("series worked out by a program from other series", "series worked out by a program from other series")
)
MASKS = Reason(
    *nN_(
        "series of masks, reports or screens beside the pictures", "series of masks, reports or screens beside the pictures"
    )
)
PHANTOM = Reason(*nN_("series of a phantom, not of a person", "series of a phantom, not of a person"))
ANIMAL = Reason(*nN_("series of an animal", "series of an animal"))
MADE = Reason(*nN_("series made by simulation, not taken of a person", "series made by simulation, not taken of a person"))
RENAMED = Reason(
    *nN_(
        "series made to test de-identification, with invented names and numbers in them",
        "series made to test de-identification, with invented names and numbers in them",
    )
)
NO_LICENCE = Reason(*nN_("series without a stated licence", "series without a stated licence"))
LARGE = nN_("series larger than %(megabytes)s MB", "series larger than %(megabytes)s MB")
DAMAGED = Reason(*nN_("series whose entry in the index cannot be used", "series whose entry in the index cannot be used"))


@dataclass(frozen=True, slots=True)
class Filters:
    """What else a series has to be.

    Attributes
    ----------
    modalities : frozenset of str
        Keys of `mirage.figure.MODALITIES`; any where empty, as below.
    collections, parts, licences : frozenset of str
        In small letters. A licence may lack its version.
    megabytes : float
        The largest that is taken.
    """

    modalities: frozenset[str] = frozenset()
    collections: frozenset[str] = frozenset()
    parts: frozenset[str] = frozenset()
    licences: frozenset[str] = frozenset()
    megabytes: float = 200.0


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen for a query.

    Attributes
    ----------
    series : tuple of Series
        The best first, spread over collections and patients.
    total : int
        How many fit.
    left_out : tuple of (str, int)
    """

    series: tuple[Series, ...]
    total: int
    left_out: tuple[tuple[str, int], ...]


def choose(index: Index, wanted: Wanted, filters: Filters, most: int, only: Collection[str] = ()) -> Choice:
    """Choose series for a query.

    Parameters
    ----------
    index : Index
    wanted : Wanted
    filters : Filters
    most : int
    only : collection of str
        Ids (`Series.uuid`) of those that were chosen already; the best where there are none.

    Raises
    ------
    mirage.errors.BadInput
        When a filter names what there is not.
    mirage.errors.Unavailable
        When the index is not what is known of it.
    """
    _check(index, filters)
    if only:
        series = {each.uuid: each for each in index.of_ids(only)}
        return Choice(tuple(series[uuid] for uuid in only if uuid in series), len(series), ())
    with _ONE:
        scored = _Weigher(index.collections, wanted, filters).weigh(index.table())
    rows = _spread(scored, most)
    left = [(why.of(number), number) for why, number in scored.left_out.items() if number]
    found = index.rows(rows)
    if bad := len(rows) - len(found):
        left.append((DAMAGED.of(bad), bad))
    return Choice(tuple(found), len(scored.rows), tuple(sorted(left, key=lambda one: -one[1])))


def _check(index: Index, filters: Filters) -> None:
    names = {one for each in index.collections.values() for one in (each.id.lower(), each.name.lower())}
    if strange := sorted(filters.collections - names):
        near = [name for name in sorted(names) if strange[0][:4] in name][:5]
        like = " " + _("Like it: %(names)s.", names=", ".join(near)) if near else ""
        raise BadInput(
            _(
                "The Imaging Data Commons has no collection %(strange)s in %(version)s.%(like)s",
                strange=repr(strange[0]),
                version=index.version,
                like=like,
            )
        )


@dataclass(frozen=True, slots=True)
class _Scored:
    """The rows that fit, how well, and by number of which collection and patient."""

    rows: NDArray[Any]
    scores: NDArray[Any]
    owners: NDArray[Any]
    patients: NDArray[Any]
    left_out: Counter[Reason]


class _Columns:
    """Texts of all series, each looked at once however many series have it."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self._plain: dict[str, Any] = {}

    def _words(self, name: str) -> Any:
        return self._table.column(name).combine_chunks()

    def numbers(self, name: str) -> NDArray[Any]:
        """For each series, the number of its text among those of the column; 0 for none."""
        indices: NDArray[Any] = self._words(name).indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return indices.astype(np.int64) + 1

    def each(self, name: str, of: Any, kind: Any) -> NDArray[Any]:
        """What a function says of each series' text; an empty one where there is none."""
        texts = ["", *(str(text or "") for text in self._words(name).dictionary.to_pylist())]
        told: NDArray[Any] = np.array([of(text) for text in texts], kind)
        column: NDArray[Any] = told[self.numbers(name)]
        return column

    def said(self, name: str, pattern: re.Pattern[str]) -> NDArray[Any]:
        """Whether each series' text, made plain, holds a pattern."""
        from pyarrow import compute  # noqa: PLC0415 - optional, and slow to import

        if name not in self._plain:
            spaced = compute.replace_substring_regex(compute.utf8_lower(self._words(name).dictionary), "[^a-z0-9]+", " ")
            self._plain[name] = compute.binary_join_element_wise(" ", compute.utf8_trim_whitespace(spaced), " ", "")
        there = compute.match_substring_regex(self._plain[name], pattern.pattern).fill_null(False)
        told: NDArray[Any] = np.concatenate(([False], there.to_numpy(zero_copy_only=False)))
        column: NDArray[Any] = told[self.numbers(name)]
        return column


class _Weigher:
    """Says of the rows of a batch which fit, and how well."""

    def __init__(self, collections: Mapping[str, DataCollection], wanted: Wanted, filters: Filters) -> None:
        self._collections, self._wanted, self._filters = collections, wanted, filters
        self._of_collection = {
            name: (self._why_not(each), [each.told.weight(need) for need in wanted.needs])
            for name, each in collections.items()
        }
        self._parts: dict[str, list[float]] = {}

    def _why_not(self, one: DataCollection) -> str:
        """Why no series of a collection comes, or nothing; `_OTHER` where it is not asked for."""
        wanted, chosen = self._wanted, self._filters.collections
        asked = not chosen or bool(chosen & {one.id.lower(), one.name.lower()})
        healthy = not wanted.normal or {kind.lower() for kind in one.about} <= _NORMAL
        why = ""
        if not asked or not healthy or (wanted.phantoms and not one.is_phantom) or (wanted.animals and not one.is_animal):
            why = _OTHER
        elif _RENAMED.search(f"{one.name} {one.description}"):
            why = RENAMED
        elif one.is_phantom and not wanted.phantoms:
            why = PHANTOM
        elif _MADE.search(one.description):
            why = MADE
        elif one.is_animal and not wanted.animals:
            why = ANIMAL
        return why

    def weigh(self, table: Any) -> _Scored:
        """Say which rows fit, and how well."""
        counts: Counter[Reason] = Counter()
        columns = _Columns(table)
        each, said = columns.each, columns.said
        size = table.column("series_size_MB").fill_null(np.nan).to_numpy()
        count = table.column("instanceCount").fill_null(0).to_numpy()
        key = each("Modality", modality_of, "U2")
        wanted, filters = self._wanted, self._filters
        score = np.zeros(table.num_rows, np.float32)
        fits = np.ones(table.num_rows, bool)
        for number, need in enumerate(wanted.needs):
            weight = self._weight(number, need, columns)
            if need.hard:
                fits &= weight > 0
            score += weight
        fits &= each("collection_id", lambda name: self._about(name)[0] != _OTHER, bool)
        fits &= ~each("license_short_name", self._other_licence, bool)
        if filters.parts:
            fits &= each("BodyPartExamined", lambda part: part.lower() in filters.parts, bool)
        of_kind = np.isin(key, list(wanted.modalities)) if wanted.modalities else np.ones_like(fits)
        of_kind &= np.isin(key, list(filters.modalities)) if filters.modalities else of_kind
        pictures = each("sop_class_name", lambda name: bool(_PICTURES.search(name)) and not _NO_PICTURES.search(name), bool)
        slides = each("sop_class_name", _SLIDES.__eq__, bool)
        nothing = ~pictures | each("Modality", _NO_VIEW.__contains__, bool)
        if "SM" in wanted.modalities | filters.modalities or not (wanted.modalities or filters.modalities):
            fits &= ~_count(counts, SLIDES, fits & slides)
        fits &= ~_count(counts, NO_PICTURE, fits & nothing & ~slides)
        fits &= of_kind & ~nothing
        fits &= ~_count(counts, DERIVED, fits & each("analysis_result_id", bool, bool))
        for why in (RENAMED, PHANTOM, MADE, ANIMAL):
            fits &= ~_count(counts, why, fits & each("collection_id", lambda name, w=why: self._about(name)[0] == w, bool))
        if not wanted.phantoms:
            fits &= ~_count(counts, PHANTOM, fits & each("BodyPartExamined", lambda part: "phantom" in part.lower(), bool))
        fits &= ~_count(counts, MASKS, fits & said("SeriesDescription", _MASK))
        fits &= ~_count(counts, NO_LICENCE, fits & each("license_short_name", lambda name: not name.strip(), bool))
        fits &= ~_count(counts, Reason(*LARGE, megabytes=f"{filters.megabytes:g}"), fits & ~(size <= filters.megabytes))
        fits &= ~_count(counts, DAMAGED, fits & (count < 1))
        score -= 1.5 * said("SeriesDescription", _SCOUT)
        score -= 1.5 * (np.isin(key, list(_SLICED)) & (count < _LEAST))
        score -= 0.5 * each("sop_class_name", lambda name: _FOR_PROCESSING in name or "Secondary" in name, bool)
        taken = np.flatnonzero(fits)
        owner, patient = columns.numbers("collection_id")[taken], columns.numbers("PatientID")[taken]
        return _Scored(taken, score[taken], owner, patient * (owner.max(initial=0) + 1) + owner, counts)

    def _weight(self, number: int, need: Need, columns: _Columns) -> NDArray[Any]:
        each, said = columns.each, columns.said
        described = np.maximum(
            IN_SERIES * said("SeriesDescription", need.pattern), IN_STUDY * said("StudyDescription", need.pattern)
        )
        if not need.concepts:
            described = np.maximum(described, IN_STUDY * said("sop_class_name", need.pattern))
        part = each("BodyPartExamined", lambda code: self._part(code)[number], np.float32)
        if need.organ:
            apart = said("SeriesDescription", need.elsewhere) | said("StudyDescription", need.elsewhere)
            part = np.where((part == 0) & apart, -1, part)
        owner = each("collection_id", lambda name: self._about(name)[1][number], np.float32)
        # A collection about the lung also has the brain of its patients; the abdomen is no word of the spleen.
        there = np.maximum(described, np.where(part < 0, 0, owner) if need.is_anatomy else owner)
        if need.is_anatomy:
            there = np.maximum(there, np.where(part >= IN_PART, part, 0))
        more = np.where((described > 0) | (part >= IN_PART), 0, part)
        return np.asarray(np.where(there > 0, there + more, 0).clip(0), np.float32)

    def _about(self, name: str) -> tuple[str, list[float]]:
        """Why a collection does not come, and what its words say of each need; one that has no entry says nothing."""
        wanted = self._wanted
        chosen = bool(self._filters.collections or wanted.normal or wanted.phantoms or wanted.animals)
        return self._of_collection.get(name, (_OTHER if chosen else "", [0.0] * len(self._wanted.needs)))

    def _part(self, code: str) -> list[float]:
        if code not in self._parts:
            self._parts[code] = [part_weight(code, need) for need in self._wanted.needs]
        return self._parts[code]

    def _other_licence(self, name: str) -> bool:
        chosen, own = self._filters.licences, name.lower()
        return bool(chosen) and own not in chosen and re.sub(r" \d\.\d$", "", own) not in chosen


def _count(counts: Counter[Reason], why: Reason, which: NDArray[Any]) -> NDArray[Any]:
    counts[why] += int(which.sum())
    return which


def _spread(scored: _Scored, most: int) -> list[int]:
    """The best rows; of equally good ones first one of each patient, in turn from each collection."""
    chosen: list[int] = []
    levels = np.floor(scored.scores)
    for level in np.unique(levels)[::-1]:
        here = np.flatnonzero(levels == level)
        # The order of the index is by collection and patient; a stride through it meets many of them.
        here = here[np.argsort((scored.rows[here] * 2_654_435_761) % 2**32, kind="stable")]
        _other, first = np.unique(scored.patients[here], return_index=True)
        once = np.sort(first)
        for some in (here[once], np.delete(here, once)):
            turn = np.zeros(len(some), np.int64)
            for owner in np.unique(scored.owners[some]):
                own = np.flatnonzero(scored.owners[some] == owner)
                turn[own] = np.arange(len(own))
            order = some[np.argsort(turn, kind="stable")]
            chosen += [int(row) for row in scored.rows[order[: most - len(chosen)]]]
            if len(chosen) >= most:
                return chosen
    return chosen
