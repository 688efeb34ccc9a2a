"""Make small copies of ROCO and ROCOv2 in their own formats: parquet files of the hub's schema, annotations as published.

Words and pictures are made up. The formats were taken from the published files.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image
from pyarrow import parquet

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


@dataclass(frozen=True)
class Made:
    """A row of a parquet file, and its row in the annotations; empty `place` means that it has none there."""

    name: str
    caption: str
    place: str = ""
    code: str = "CC BY"
    cui: tuple[str, ...] = ()


ROWS = (
    Made("ROCO_00002", "Axial CT of the abdomen shows a drawn mass.", "PMC1000002_art-0001-g01.jpg", "CC BY-NC-ND"),
    Made("ROCO_00003", "A drawn square, with a name, of commas.", "PMC1000003_a,b,g2.jpg", "CC BY"),
    Made("ROCO_00004", "Lateral ventricle of nothing in particular.", "PMC1000004_gr1.jpg", "NO-CC CODE"),
    Made("ROCO_00005", "Sonogram of a made-up cyst."),
    Made("ROCO_00007", "MRI and CT of a drawn line, axial and coronal.", "PMC1000007_F2.jpg", "CC BY-NC-SA"),
)


def jpeg(seed: int) -> bytes:
    """A drawn picture of its own."""
    rows, columns = np.mgrid[0:48, 0:64]
    rng = np.random.default_rng(seed)
    y, x = rng.uniform(10, 38), rng.uniform(10, 54)
    pixels = 220 * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / rng.uniform(20, 300))
    out = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(out, "JPEG", quality=92)
    return out.getvalue()


def write_shard(
    path: Path,
    rows: Sequence[Made],
    *,
    pictures: Sequence[bytes | None] | None = None,
    group: int = 2,
    rename: dict[str, str] | None = None,
    cui: bool = False,
) -> Path:
    """Write one parquet file with so many rows to a group."""
    data = pictures if pictures is not None else [jpeg(int(row.name[-5:])) for row in rows]
    columns = {
        "image": pa.array([None if each is None else {"bytes": each, "path": "x.jpg"} for each in data], IMAGE),
        "image_id": pa.array([row.name for row in rows]),
        "caption": pa.array([row.caption for row in rows]),
    }
    if cui:
        columns["cui"] = pa.array([list(row.cui) for row in rows], pa.list_(pa.string()))
    renamed = {(rename or {}).get(name, name): values for name, values in columns.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(renamed), path, row_group_size=group)
    return path


def write_annotations(folder: Path, split: str, rows: Sequence[Made]) -> Path:
    """Write the annotations of a split as ``razorx89/roco-dataset`` has them, and give the repository's folder."""
    place = folder / "data" / split / "radiology"
    place.mkdir(parents=True, exist_ok=True)
    listed = [row for row in rows if row.place]
    licences = [f"{row.name},{row.place},{row.code}" for row in listed]
    (place / "licences.txt").write_text("\n".join(["ROCO_ID,PMC_ID,CC", *licences]) + "\n")
    links = [
        f"{row.name}\twget -r ftp://ftp.example.org/oa_package/8d/34/{row.place.split('_')[0]}.tar.gz -P /to\t"
        + row.place.split("_", 1)[1]
        for row in listed
    ]
    (place / "dlinks.txt").write_text("\n".join(links) + "\n")
    (place / "keywords.txt").write_text("".join(f"{row.name}\t\tdrawn\tthicknes\n" for row in listed))
    (place / "cuis.txt").write_text(
        "".join(f"{row.name}\t\tC0040405\tC0011334\n" for row in listed[:-1]) + f"{listed[-1].name}\t\n"
    )
    return folder


def make_roco(folder: Path, rows: Sequence[Made] = ROWS) -> Path:
    """A copy with a train file of the first rows and a test file of the last one, and annotations right under it."""
    write_shard(folder / "data" / "train-00000-of-00001.parquet", rows[:-1])
    write_shard(folder / "data" / "test-00000-of-00001-0a1b2c.parquet", rows[-1:])
    write_annotations(folder / "roco-dataset", "train", rows[:-1])
    write_annotations(folder / "roco-dataset", "test", rows[-1:])
    return folder


ROWS_V2 = (
    Made("ROCOv2_2023_train_00001", "A drawn disc.", cui=("C0040405", "C0030797")),
    Made("ROCOv2_2023_train_00002", "Chest film of a drawn disc.", cui=("C1306645", "C1996865")),
    Made("ROCOv2_2023_train_00003", "CT compared with nothing.", cui=("C0024485",)),
    Made("ROCOv2_2023_train_00004", "A disc.", cui=("C0040405", "C0024485")),
)
LICENCES_V2 = """ID,PMCID,Attribution,Link
ROCOv2_2023_train_00001,PMC2000001,CC BY [Doe et al. (2020)],https://example.org/pmc/PMC2000001
ROCOv2_2023_train_00002,PMC2000002,CC BY-NC-ND 4.0 [Roe (2019)],
ROCOv2_2023_train_00003,,[Poe (2018)],
"""


def make_rocov2(folder: Path, licences: str = LICENCES_V2) -> Path:
    """A copy with one train file and the table of licences beside the folder ``data``."""
    write_shard(folder / "data" / "train-00000-of-00001.parquet", ROWS_V2, cui=True)
    (folder / "license_information.csv").write_text(licences, "utf-8")
    return folder
