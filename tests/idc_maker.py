"""An index of the shape that ``idc-index-data`` ships, tiny, and the buckets that it points to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydicom.uid import generate_uid

from dicom_maker import make_dicom
from live_server import Place, Query, Reply, living, settings_for
from mirage.corpora.live.idc import IdcCorpus

TEXTS = (
    "collection_id analysis_result_id PatientID SeriesInstanceUID StudyInstanceUID source_DOI PatientAge PatientSex "
    "StudyDate StudyDescription BodyPartExamined Modality SOPClassUID sop_class_name TransferSyntaxUID transfer_syntax_name "
    "PhotometricInterpretation PixelRepresentation Manufacturer ManufacturerModelName SeriesDate SeriesDescription "
    "SeriesNumber license_short_name aws_bucket crdc_series_uuid series_aws_url"
).split()
NUMBERS = ("instanceCount", "series_init_idc_version", "series_revised_idc_version")
CT, MR, SEG, SLIDE = (
    "CT Image Storage",
    "MR Image Storage",
    "Segmentation Storage",
    "VL Whole Slide Microscopy Image Storage",
)
BY = {
    "CC BY 3.0": "https://creativecommons.org/licenses/by/3.0/",
    "CC BY 4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC BY-NC 4.0": "https://creativecommons.org/licenses/by-nc/4.0/",
}


def uuid(number: int) -> str:
    return str(UUID(int=number, version=4))


def series(number: int, collection: str, **told: Any) -> dict[str, Any]:
    """A row of the index; what is not told is as usual."""
    row: dict[str, Any] = dict.fromkeys(TEXTS)
    row |= {
        "collection_id": collection, "PatientID": f"SECRET-{number}", "SeriesInstanceUID": f"1.2.3.{number}",
        "StudyInstanceUID": f"1.2.9.{number}", "source_DOI": f"10.7937/{collection}",
        "PatientAge": "061Y", "PatientSex": "F",
        "StudyDate": "1999-05-17", "SeriesDate": "1999-05-17", "Modality": "CT", "sop_class_name": CT,
        "license_short_name": "CC BY 4.0", "aws_bucket": "idc-open-data", "crdc_series_uuid": uuid(number),
        "instanceCount": 30, "series_init_idc_version": 1, "series_revised_idc_version": 1, "series_size_MB": 15.8,
    }  # fmt: skip
    return row | told


def collection(name: str, about: str = "Lung Cancer", places: str = "Lung", **told: Any) -> dict[str, Any]:
    """A row of the collections."""
    key = name.lower().replace("-", "_").replace(" ", "_")
    licence = told.pop("licence", "CC BY 4.0")
    source = {
        "source_id": key, "source_title": told.pop("title", f"Data from {name}"), "source_type": "original_data",
        "source_doi": f"10.7937/{key}", "source_url": f"https://doi.org/10.7937/{key}",
        "license": {"license_url": BY.get(licence, ""), "license_long_name": licence, "license_short_name": licence},
        "citation": f"Doe, J., &amp; Roe, R. (2016). <i>Data from\n{name}</i> [Data set]. https://doi.org/10.7937/{key}",
    }  # fmt: skip
    return {
        "collection_name": name, "collection_id": key, "cancer_types": about, "tumor_locations": places, "subjects": 9,
        "species": "Human", "sources": [source], "supporting_data": None, "program_id": "community", "status": "Complete",
        "updated": "2021-04-10", "description": f"Scans of a study.\nPlease see the {name} page (https://doi.org/x).",
    } | told  # fmt: skip


def make_index(folder: Path, rows: Sequence[Mapping[str, Any]], collections: Sequence[Mapping[str, Any]]) -> Path:
    """Write the files of the package ``idc_index_data`` into a folder, which can be imported by that name."""
    made = folder / "idc_index_data"
    made.mkdir(parents=True, exist_ok=True)
    (made / "__init__.py").write_text("")
    columns: dict[str, Any] = {name: pa.array([row[name] for row in rows], pa.large_string()) for name in TEXTS}
    columns |= {name: pa.array([row[name] for row in rows], pa.int64()) for name in NUMBERS}
    columns["series_size_MB"] = pa.array([row["series_size_MB"] for row in rows], pa.float64())
    pq.write_table(pa.table(columns), made / "idc_index.parquet", row_group_size=10)
    pq.write_table(pa.Table.from_pylist([dict(each) for each in collections]), made / "collections_index.parquet")
    pq.write_table(
        pa.Table.from_pylist([{"idc_version": 25, "version_timestamp": "2026-09-26"}]),
        made / "version_metadata_index.parquet",
    )
    return made


def slices(number: int, modality: str = "CT", **tags: Any) -> list[bytes]:
    """The files of a series: axial slices with a bright ball, in no order."""
    down, across = np.mgrid[:32, :32]
    study = generate_uid(entropy_srcs=[str(number)])
    made = []
    for place in range(number):
        radius = 10 - abs(place - number / 2)
        values = np.where((down - 16) ** 2 + (across - 16) ** 2 < max(radius, 0) ** 2, 60, -900).astype(np.int16)
        made.append(
            make_dicom(
                values, Modality=modality, SeriesInstanceUID=study, InstanceNumber=place + 1, PixelSpacing=[1, 1],
                ImagePositionPatient=[0, 0, 2.0 * place], ImageOrientationPatient=[1, 0, 0, 0, 1, 0], RescaleSlope=1,
                RescaleIntercept=0, **tags,
            )
        )  # fmt: skip
    return made


@dataclass
class Buckets:
    """Public buckets at a stand-in of S3.

    Attributes
    ----------
    objects : dict of str to dict of str to bytes
        Of each series, by its id: files by name.
    page : int
        How many objects a page of a listing has.
    sizes : dict of str to int
        What a listing says of an object's size, where that is a lie.
    """

    place: Place
    objects: dict[str, dict[str, bytes]] = field(default_factory=dict)
    page: int = 1000
    sizes: dict[str, int] = field(default_factory=dict)

    def put(self, series: str, files: Sequence[bytes]) -> dict[str, Any]:
        """Store a series; gives what the index says of it."""
        names = [f"{uuid(1000 + number)}.dcm" for number in range(len(files))]
        self.objects[series] = dict(zip(names, files, strict=True))
        self.place.routes["/"] = self.listing
        for name, data in self.objects[series].items():
            self.place.routes[f"/{series}/{name}"] = Reply(data)
        return {"instanceCount": len(files), "series_size_MB": sum(map(len, files)) / 1e6}

    def listing(self, asked: Query) -> Reply:
        assert asked["list-type"] == "2"
        prefix = asked["prefix"]
        keys = [f"{prefix}{name}" for name in sorted(self.objects.get(prefix.rstrip("/"), {}))]
        start = int(asked.get("continuation-token", "page-0").removeprefix("page-"))
        shown, more = keys[start : start + self.page], len(keys) > start + self.page
        contents = "".join(self._entry(key) for key in shown)
        cut = f"<IsTruncated>true</IsTruncated><NextContinuationToken>page-{start + self.page}</NextContinuationToken>"
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>idc-open-data</Name><Prefix>{prefix}</Prefix><KeyCount>{len(shown)}</KeyCount><MaxKeys>{self.page}</MaxKeys>"
            f"{cut if more else '<IsTruncated>false</IsTruncated>'}{contents}</ListBucketResult>"
        )
        return Reply(body.encode(), headers={"Content-Type": "application/xml"})

    def _entry(self, key: str) -> str:
        series, name = key.split("/")
        data = self.objects[series][name]
        tag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        size = self.sizes.get(key, len(data))
        return f'<Contents><Key>{key}</Key><ETag>"{tag}"</ETag><Size>{size}</Size></Contents>'


def make_idc(folder: Path) -> IdcCorpus:
    """A corpus of two series, fetched; what served them is gone."""
    place = Place()
    with living(place):
        bucket = Buckets(place)
        rows = [series(number, "one", **bucket.put(uuid(number), slices(4))) for number in (1, 2)]
        index = make_index(folder, rows, [collection("One")])
        corpus = IdcCorpus("lung", settings=settings_for(folder / "cache", {"idc": place.address}), index=index)
        corpus.prepare()
    return corpus
