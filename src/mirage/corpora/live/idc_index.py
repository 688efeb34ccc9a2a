"""The index of the Imaging Data Commons, as the package ``idc-index-data`` ships it: every series, on this machine.

It is read column by column, in batches: what the words of a query need first, then the rest of the few series chosen.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from mirage.corpora.live.idc_words import Told, told
from mirage.errors import Unavailable
from mirage.figure import Licence, clean_text
from mirage.images.dicom_header import modality_of
from mirage.installed import to_install
from mirage.wording import _

MEGA = 1_000_000  # bytes: what the index calls a megabyte
PACKAGE = "idc_index_data"
_SERIES, _COLLECTIONS, _RESULTS, _VERSIONS = (
    f"{name}.parquet" for name in ("idc_index", "collections_index", "analysis_results_index", "version_metadata_index")
)
_ROWS = 65_536  # in a batch
WORDED = ("collection_id", "Modality", "sop_class_name", "analysis_result_id", "BodyPartExamined", "SeriesDescription",
           "StudyDescription", "license_short_name", "PatientID")  # fmt: skip
_NUMBERS = ("instanceCount", "series_size_MB")
_REST = ("SeriesInstanceUID", "StudyInstanceUID", "source_DOI", "PatientAge", "PatientSex", "aws_bucket", "crdc_series_uuid")
_OF_COLLECTION = ("collection_id", "collection_name", "cancer_types", "tumor_locations", "species", "sources",
                  "program_id", "description")  # fmt: skip
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_UID = re.compile(r"[0-9.]{1,64}")


@dataclass(frozen=True, slots=True)
class Series:
    """One series, as the index has it."""

    uuid: str
    bucket: str
    study_uid: str
    series_uid: str
    collection: str
    doi: str
    modality: str
    dicom_modality: str
    part: str
    description: str
    study: str
    age: str
    sex: str
    licence: str
    instances: int
    megabytes: float


@dataclass(frozen=True, slots=True)
class DataCollection:
    """A collection, as the index has it."""

    id: str
    name: str
    about: tuple[str, ...]
    places: tuple[str, ...]
    species: str
    description: str
    programme: str
    sources: tuple[Mapping[str, Any], ...] = field(repr=False)
    told: Told = field(repr=False)

    @property
    def is_phantom(self) -> bool:
        """Whether it shows no living being."""
        return "phantom" in f"{self.species} {' '.join((*self.about, *self.places))}".lower()

    @property
    def is_animal(self) -> bool:
        """Whether it shows animals, or people beside them."""
        return bool(self.species) and self.species.strip().lower() not in ("human", "phantom")

    def source(self, doi: str) -> Mapping[str, Any]:
        """What the index says of the dataset that a DOI names; empty where it says nothing."""
        return next((each for each in self.sources if str(each.get("source_doi") or "").lower() == doi.lower()), {})


def installed() -> Path:
    """Where the package's files are.

    Raises
    ------
    mirage.errors.Unavailable
        When it is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None or find_spec("pyarrow") is None:
        raise Unavailable(
            _(
                "The index of the Imaging Data Commons is not installed. Run %(install)s (79 and 48 MB).",
                install=to_install("idc-index-data", "pyarrow"),
            )
        )
    return Path(spec.origin).parent


class Index:
    """The index in a folder.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    mirage.errors.Unavailable
        When it is not what is known of it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        missing = {*WORDED, *_NUMBERS, *_REST} - set(self._open(_SERIES).schema_arrow.names)
        if missing:
            raise _changed(_("%(file)s has no column %(column)s", file=_SERIES, column=sorted(missing)[0]))

    def _open(self, name: str) -> Any:
        from pyarrow import ArrowException, parquet  # noqa: PLC0415 - optional, and slow to import

        try:
            return parquet.ParquetFile(self._folder / name)
        except (OSError, ArrowException) as error:
            raise _unread(name, error) from error

    @cached_property
    def version(self) -> str:
        """The release of the data, and of the package where it says that."""
        try:
            rows = self._open(_VERSIONS).read().to_pylist()
            return "v" + str(max(int(row["idc_version"]) for row in rows))
        except (Unavailable, KeyError, ValueError, TypeError):
            meta = self._open(_SERIES).schema_arrow.metadata or {}
            return str(meta.get(b"idc_index_data_version", b"unknown"), "utf-8", "replace")

    @cached_property
    def released(self) -> float:
        """When the data were released, in seconds since 1970; where it does not say, when the file was written."""
        try:
            rows = self._open(_VERSIONS).read().to_pylist()
            last = max(rows, key=lambda row: int(row["idc_version"]))
            return datetime.fromisoformat(str(last["version_timestamp"])).replace(tzinfo=UTC).timestamp()
        except (Unavailable, KeyError, ValueError, TypeError):
            return (self._folder / _SERIES).stat().st_mtime

    @cached_property
    def collections(self) -> Mapping[str, DataCollection]:
        """All collections by id."""
        file = self._open(_COLLECTIONS)
        if missing := set(_OF_COLLECTION) - set(file.schema_arrow.names):
            raise _changed(_("%(file)s has no column %(column)s", file=_COLLECTIONS, column=sorted(missing)[0]))
        rows = file.read(columns=list(_OF_COLLECTION)).to_pylist()
        return {str(row["collection_id"]): _collection(row) for row in rows}

    @cached_property
    def results(self) -> Mapping[str, Mapping[str, Any]]:
        """What others worked out from the series, by DOI."""
        try:
            rows = self._open(_RESULTS).read().to_pylist()
        except Unavailable:
            return {}
        return {str(row.get("source_DOI") or "").lower(): row for row in rows}

    def licence(self, series: Series) -> Licence:
        """The licence of a series by the index's own name for it, with its address where it has that of the same name."""
        source = self._dataset(series)
        told = source.get("license") or source
        same = str(told.get("license_short_name") or "") == series.licence
        return Licence(series.licence, _http(told.get("license_url")) if same else "", allows_sharing=bool(series.licence))

    def citation(self, series: Series) -> str:
        """How the dataset of a series wants to be cited, in one line; its name and DOI where the index does not say."""
        told = " ".join(clean_text(self._dataset(series).get("citation")).split())
        name = self.collections[series.collection].name if series.collection in self.collections else series.collection
        return told or (f"{name}. https://doi.org/{series.doi}" if series.doi else name)

    def _dataset(self, series: Series) -> Mapping[str, Any]:
        there = self.collections.get(series.collection)
        return (there.source(series.doi) if there else {}) or self.results.get(series.doi.lower(), {})

    def table(self) -> Any:
        """What words and filters are about, of all series: each text once, and numbers that point at it."""
        return self._read((*WORDED, *_NUMBERS), WORDED)

    def _read(self, columns: Sequence[str], worded: Sequence[str] = ()) -> Any:
        """Columns of all series as a table; each text of those in `worded` once, and numbers that point at it."""
        from pyarrow import ArrowException, parquet  # noqa: PLC0415

        try:
            table = parquet.read_table(
                self._folder / _SERIES, columns=list(columns), read_dictionary=list(worded), use_threads=False
            )
            return table.unify_dictionaries().combine_chunks()
        except (OSError, ArrowException) as error:
            raise _unread(_SERIES, error) from error

    def rows(self, rows: Sequence[int]) -> list[Series]:
        """The series of some rows, in their order; those that cannot be used are left out."""
        found = []
        # Four of five bytes of the index are ids: a few rows of them are read without holding the others.
        for names in ((*WORDED, *_NUMBERS), _REST):
            there, offset = dict[int, dict[str, Any]](), 0
            wanted = np.sort(np.asarray(rows, np.int64))
            for batch in self._batches(names):
                here = wanted[(wanted >= offset) & (wanted < offset + batch.num_rows)] - offset
                if here.size:
                    there |= zip((here + offset).tolist(), batch.take(_arrow(here)).to_pylist(), strict=True)
                offset += batch.num_rows
            found.append(there)
        both = (found[0][int(row)] | found[1][int(row)] for row in rows)
        return [series for row in both if (series := _series(row)) is not None]

    def _batches(self, columns: Sequence[str]) -> Iterator[Any]:
        from pyarrow import ArrowException  # noqa: PLC0415

        try:
            yield from self._open(_SERIES).iter_batches(_ROWS, columns=list(columns), use_threads=False)
        except (OSError, ArrowException) as error:
            raise _unread(_SERIES, error) from error

    def of_ids(self, uuids: Collection[str]) -> list[Series]:
        """The series of some ids."""
        from pyarrow import array, compute  # noqa: PLC0415

        rows, offset = list[int](), 0
        for batch in self._batches(("crdc_series_uuid",)):
            column = batch.column(0)
            there = compute.is_in(column, value_set=array(list(uuids), column.type))
            rows += [int(place) + offset for place in np.flatnonzero(there.to_numpy(zero_copy_only=False))]
            offset += batch.num_rows
        return self.rows(rows)


def _arrow(places: Any) -> Any:
    from pyarrow import array  # noqa: PLC0415

    return array(places)


def _collection(row: Mapping[str, Any]) -> DataCollection:
    def several(name: str) -> tuple[str, ...]:
        return tuple(one for each in clean_text(row[name]).split(", ") if (one := " ".join(each.split())))

    sources = tuple(each for each in row["sources"] or () if isinstance(each, dict))
    name = " ".join(clean_text(row["collection_name"]).split()) or str(row["collection_id"])
    own = [clean_text(each.get("source_title")) for each in sources if each.get("source_type") != "analysis_result"]
    others = [clean_text(each.get("source_title")) for each in sources if each.get("source_type") == "analysis_result"]
    about, places, description = several("cancer_types"), several("tumor_locations"), clean_text(row["description"])
    return DataCollection(
        str(row["collection_id"]), name, about, places, str(row["species"] or ""), description,
        str(row["program_id"] or ""), sources, told(about, places, [name, *own], others, description),
    )  # fmt: skip


def _series(row: Mapping[str, Any]) -> Series | None:
    """A row of the index; None where its address could lead elsewhere."""
    text = {name: _printable(str(row[name] or "")).strip() for name in (*WORDED, *_REST)}
    good = (
        _UUID.fullmatch(text["crdc_series_uuid"])
        and _BUCKET.fullmatch(text["aws_bucket"])
        and _UID.fullmatch(text["StudyInstanceUID"])
        and _UID.fullmatch(text["SeriesInstanceUID"])
    )
    if not good:
        return None
    return Series(
        text["crdc_series_uuid"], text["aws_bucket"], text["StudyInstanceUID"], text["SeriesInstanceUID"],
        text["collection_id"], text["source_DOI"], modality_of(text["Modality"]), text["Modality"], text["BodyPartExamined"],
        text["SeriesDescription"], text["StudyDescription"], text["PatientAge"], text["PatientSex"],
        text["license_short_name"], int(row["instanceCount"] or 0), float(row["series_size_MB"] or 0),
    )  # fmt: skip


def _printable(text: str) -> str:
    """Text with a blank for each control character and each mark of direction."""
    return text if text.isprintable() else "".join(each if each.isprintable() else " " for each in text)


def _http(url: object) -> str:
    text = str(url or "").strip()
    return text if text.startswith(("http://", "https://")) else ""


def _unread(name: str, error: Exception) -> Unavailable:
    return _changed(_("%(file)s cannot be read (%(error)s)", file=name, error=str(error)[:120]))


def _changed(what: str) -> Unavailable:
    return Unavailable(
        _(
            "The index of the Imaging Data Commons is not as MIRAGE knows it: %(what)s. Install "
            "idc-index-data 25 (%(install)s).",
            what=what,
            install=to_install("idc-index-data", newer=True),
        )
    )
