"""Drafts into the folder that ships: pictures, records, notices and the list of sources."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from PIL import Image

from mirage.figure import SlicePlace
from mirage.images.stack_file import packed_slices, write_stack
from mirage.images.stacks import slice_labels, slice_values, stack_of
from mirage.images.volume import Volume

from .draft import Draft, Origin

QUALITY = 86
ABOUT = """
## People and labels

At most 29 people, and two averages. No publisher states sex, age or where a patient comes from, nor whether any two
are one person.

Labels of the volumes of totalsegmentator are outputs of the program TotalSegmentator; nobody says that a radiologist
checked them. The models that made some (the true and the false lumen of the aorta) need a key for commercial use;
their outputs are in the package under Apache-2.0, and the models are not used here. Nodule, mass, brain lesion and
marked region are those of the authors of pyradiomics. Stent grafts, metal implant, dense spots in the kidney, lungs,
windpipe (thresholds) and the aneurysm sac (drawn) are MIRAGE's own; no radiologist checked them. Labels of the
average brain are CerebrA's.

## Left out

Slices through faces, and chins; air, table and clothes around the body; headers and file names of DICOM files; labels
with errors that are easily seen; label and overview pictures of the tissue section; photographs of people in visvis;
the breast MRI of pyradiomics, which nobody would recognise; pictures without clear terms. docs/starter-atlas.md names
each with its reason.
"""


def encoded(picture: Image.Image) -> bytes:
    """Encode as WebP without any metadata."""
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "WEBP", quality=QUALITY, method=6)
    return buffer.getvalue()


def write_picture(draft: Draft, folder: Path) -> dict[str, Any]:
    """Write a picture, and say what a record says of its file."""
    assert draft.picture is not None
    data = encoded(draft.picture)
    (folder / f"{draft.name}.webp").write_bytes(data)
    return {
        "picture": f"{draft.name}.webp",
        "sha256": hashlib.sha256(data).hexdigest(),
        "width": draft.picture.width,
        "height": draft.picture.height,
    }


def write_volume(name: str, volume: Volume, folder: Path) -> dict[str, Any]:
    """Write the slices of a volume and its labels, and say what a record says of these files."""
    stack = stack_of(volume)
    count = stack.shape[0]
    said: dict[str, Any] = {"stack": asdict(stack)}
    made = {"voxels": (f"{name}.stack", lambda number: slice_values(volume, stack, number))}
    if stack.labels:
        made["labels"] = (f"{name}.labels.stack", lambda number: slice_labels(volume, number))
    for key, (file, values_of) in made.items():
        with (folder / file).open("wb") as into:
            write_stack(into, packed_slices(values_of, count))
        said |= {key: file, f"{key}_sha256": hashlib.sha256((folder / file).read_bytes()).hexdigest()}
    return said


def record(draft: Draft, files: dict[str, Any]) -> dict[str, Any]:
    """Make the line of figures.jsonl for one draft."""
    origin = draft.origin
    return {
        "id": f"starter:{draft.name}",
        "caption": draft.caption,
        "title": draft.title,
        "diagnosis": draft.diagnosis,
        "modality": draft.modality,
        "modality_detail": draft.modality_detail,
        "plane": draft.plane,
        "region": draft.region,
        "case_id": draft.case_id,
        "patient": draft.patient,
        "source": {
            "corpus": "starter",
            "attribution": origin.attribution,
            "url": origin.url,
            "url_of": origin.url_of,
            "licence": {"name": origin.licence_name, "url": origin.licence_url, "allows_sharing": True},
        },
        **files,
        **({"slice_of": _place(draft.slice_of), "window": draft.window} if draft.slice_of else {}),
        "package": origin.package,
        "file": draft.file,
        "notice": f"{origin.key}.txt",
        **draft.extras,
    }


def _place(place: SlicePlace) -> dict[str, Any]:
    """Where a slice lies; what it shows stands beside, in ``shares``."""
    return {"stack": place.stack, "view": place.view, "number": place.number}


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write one JSON object a line, UTF-8, line feeds."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8", newline="\n")


def sources_page(origins: list[Origin], counts: dict[str, int]) -> str:
    """Write SOURCES.md: per origin, what it is, its terms, and what was done to it."""
    lines = ["# Where the pictures of the starter atlas come from", ""]
    lines += ["Written by `scripts/build_starter.py`. The notices, word for word, are in `NOTICES/`.", ""]
    lines += ["| origin | figures | package | licence | notice | what was done |"]
    lines += ["| --- | ---: | --- | --- | --- | --- |"]
    for o in origins:
        cells = [
            f"[{o.title}]({o.url})",
            str(counts[o.key]),
            o.package,
            f"[{o.licence_name}]({o.licence_url})",
        ]
        lines.append(f"| {' | '.join([*cells, f'`{o.key}.txt`', o.treatment])} |")
    lines += ["", "## Attribution", ""]
    lines += [f"- {o.title}: {o.attribution}" for o in origins]
    return "\n".join(lines) + "\n" + ABOUT


def write_atlas(drafts: list[Draft], cases: list[dict[str, Any]], notices: dict[str, str], out: Path) -> None:
    """Write everything; files of an earlier build that are not made any more are removed."""
    pictures, stacks, texts = out / "pictures", out / "stacks", out / "NOTICES"
    for folder in (pictures, stacks, texts):
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
    rows, origins, counts = [], {}, {}
    for draft in drafts:
        files = write_picture(draft, pictures) if draft.picture else {}
        files |= write_volume(draft.name, draft.volume, stacks) if draft.volume else {}
        rows.append(record(draft, files))
        origins.setdefault(draft.origin.key, draft.origin)
        counts[draft.origin.key] = counts.get(draft.origin.key, 0) + 1
    for key, origin in origins.items():
        (texts / f"{key}.txt").write_text(origin.notice.strip() + "\n", encoding="utf-8", newline="\n")
    for name, text in notices.items():
        (texts / name).write_text(text.strip() + "\n", encoding="utf-8", newline="\n")
    write_jsonl(out / "figures.jsonl", rows)
    write_jsonl(out / "cases.jsonl", cases)
    page = sources_page(list(origins.values()), counts)
    (out / "SOURCES.md").write_text(page, encoding="utf-8", newline="\n")
