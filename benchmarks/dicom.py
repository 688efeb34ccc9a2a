"""DICOM files of public packages, each shown by MIRAGE and by two other programs: dcmtk's dcm2pnm, and pydicom alone."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from PIL import Image
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut, pixel_array

from benchmarks.measure import Outcome, Row, Setting
from mirage.corpora.folder import FolderCorpus
from mirage.errors import MirageError
from mirage.images import read_picture

_OFF = 8  # of 255
_WRONG = 0.01  # share of pixels that are off by more
_PACKAGES = ("pydicom", "data_store", "nibabel")  # whose own test files are taken, where they are installed
_PROGRAMS = ("dcm2pnm", "dcmj2pnm", "dcml2pnm")
_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
_WRONG_MOST = 5
_MEANT_TO_BE_SEEN = 64  # bytes that reach so high are shown as they are, where there is no window


@dataclass(frozen=True, slots=True)
class Found:
    """What became of a file: ``right``, ``wrong``, ``unchecked``, ``refused``, ``no picture``, ``uncaught``."""

    path: Path
    became: str
    why: str = ""
    shown_by: str = ""
    dcmtk: float | None = None  # share of pixels that dcmtk shows otherwise, where it shows the file


def dicom(setting: Setting) -> Outcome:
    """Share of files that are shown as other programs show them; every other file is named."""
    files = files_of(setting)
    found = [compare(path) for path in files[: setting.size(len(files), 20)]]
    theirs = [one.dcmtk for one in found if one.dcmtk is not None]
    counts = Counter(one.became for one in found)
    missed = [one for one in found if one.became == "refused" and one.shown_by]
    unnamed = skipped([one.path for one in found], setting.folder / "dicom")
    rows = (
        Row(f"DICOM files of public packages ({len(found)}): uncaught", counts["uncaught"], "files", bar=0),
        Row("of them shown wrongly", counts["wrong"], "files", bar=_WRONG_MOST),
        Row("of them skipped without a word", len(unnamed), "files", bar=0),
        Row("of them shown rightly", counts["right"], "files"),
        Row(f"of those that dcmtk shows ({len(theirs)}), shown otherwise", sum(map(_WRONG.__lt__, theirs)), "files"),
        Row("of them left out in words though another program shows them", len(missed), "files"),
        Row("of them left out in words: no other program shows them", counts["refused"] - len(missed), "files"),
        Row("of them shown, and no other program shows them", counts["unchecked"], "files"),
        Row("of them without a picture", counts["no picture"], "files"),
    )
    apart = [one for one in found if one.became == "right" and (one.dcmtk or 0.0) > _WRONG]
    told = [one for one in found if one.became in ("uncaught", "wrong")] + missed + apart
    notes = [f"{one.path.name} ({one.became}): {one.why}" for one in told] + [f"{name} was skipped" for name in unnamed]
    notes += [] if shutil.which(_PROGRAMS[0]) else ["dcmtk was not there; pydicom alone was compared with"]
    return Outcome("dicom", rows, {"by": dict(Counter(one.shown_by for one in found))}, tuple(notes))


def files_of(setting: Setting) -> list[Path]:
    """DICOM files of packages that are installed, and of the folders that were given; each content once."""
    roots = list(setting.dicom)
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)
        roots += [Path(where) for where in (spec.submodule_search_locations or ())] if spec else []
    kept: dict[str, Path] = {}
    for root in roots:
        for path in sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink()):
            with path.open("rb") as file:
                head = file.read(132)
            if head[128:] == b"DICM" or path.suffix.lower() == ".dcm":
                kept.setdefault(hashlib.sha256(path.read_bytes()).hexdigest(), path)
    return list(kept.values())


def skipped(paths: list[Path], folder: Path) -> list[str]:
    """Files of a folder that are added neither as figures nor in words."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(paths):
        (folder / f"{number:04d}{path.suffix}").write_bytes(path.read_bytes())
    corpus = FolderCorpus(folder, name="dicom", allow_burned_in=True, stacks="none", frames=1)
    named = " ".join(
        [entry.label for entry in corpus.items()] + [getattr(entry, "label", "") for entry in corpus.passed_over]
    )
    return [path.name for number, path in enumerate(paths) if f"{number:04d}{path.suffix}" not in named]


def compare(path: Path) -> Found:
    """Show a file by MIRAGE and by the others."""
    try:
        seen: Image.Image | None = read_picture(path, allow_burned_in=True).image
        why = ""
    except MirageError as error:
        seen, why = None, str(error)
    except Exception as error:
        return Found(path, "uncaught", f"{type(error).__name__}: {error}")
    others = dict(references(path))
    if seen is None:
        became = "refused" if others or "without a picture" not in why else "no picture"
        return Found(path, became, why, next(iter(others), ""))
    if not others:
        return Found(path, "unchecked")
    off = {name: difference(seen, image) for name, image in others.items()}
    best = min(off, key=lambda name: off[name])
    told = ", ".join(f"{share:.1%} off {name}" for name, share in off.items())
    return Found(path, "right" if off[best] <= _WRONG else "wrong", told, best, off.get("dcmtk"))


def difference(seen: Image.Image, other: Image.Image) -> float:
    """Share of pixels that differ by more than 8 of 255; all, where the shapes do."""
    if max(abs(seen.width - other.width), abs(seen.height - other.height)) > 1:
        return 1.0
    one, two = (np.asarray(image.convert("RGB").resize(seen.size), np.int16) for image in (seen, other))
    return float((np.abs(one - two).max(-1) > _OFF).mean())


def references(path: Path) -> Iterator[tuple[str, Image.Image]]:
    """Yield the same frame of a file as others show it, in the same window and with square pixels."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            tags = pydicom.dcmread(path, force=True)
            frame = int(tags.get("NumberOfFrames") or 1) // 2
            of_frame = functional(tags, frame)
            values = _values(path, tags, frame, Path(folder))
        except Exception:
            return
        window = None
        if values is not None:
            with contextlib.suppress(Exception):
                alone, window = by_pydicom(values, of_frame)
                yield "pydicom", square(alone, of_frame)
        if (image := by_dcmtk(path, tags, frame, window, of_frame, Path(folder))) is not None:
            yield "dcmtk", square(image, of_frame)


def _values(path: Path, tags: Any, frame: int, folder: Path) -> Any:
    """Stored values by pydicom, of a copy that dcmtk unpacked where pydicom does not."""
    if "TransferSyntaxUID" not in tags.get("file_meta", {}) and hasattr(tags, "file_meta"):
        implicit, little = tags.original_encoding
        uid = pydicom.uid
        plain = uid.ExplicitVRLittleEndian if little else uid.ExplicitVRBigEndian
        tags.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian if implicit else plain
    try:
        return pixel_array(tags, index=frame)
    except Exception:
        plain = folder / "plain.dcm"
        if shutil.which("dcmdjpeg"):
            subprocess.run(["dcmdjpeg", str(path), str(plain)], capture_output=True, timeout=600, check=False)
        return pixel_array(plain, index=frame) if plain.exists() else None


def functional(tags: Any, frame: int) -> Any:
    """The tags of a file with those of the functional groups of a frame."""
    merged = pydicom.Dataset()
    merged.update({element.tag: element for element in tags if element.tag < 0x5000_0000 and not element.is_empty})
    for name in ("ModalityLUTSequence", "VOILUTSequence"):
        if name in merged and not merged[name][0].get("LUTData"):
            del merged[name]
    if "WindowWidth" in merged and min(np.atleast_1d(merged.WindowWidth).astype(float)) < 1:
        del merged.WindowWidth, merged.WindowCenter  # which cannot be
    groups = [*(tags.get("SharedFunctionalGroupsSequence") or [])[:1]]
    groups += [*(tags.get("PerFrameFunctionalGroupsSequence") or [])[frame : frame + 1]]
    for group in groups:
        for macro in group:
            if macro.VR == "SQ" and macro.value:
                merged.update({element.tag: element for element in macro.value[0] if element.tag.group == 0x28})
    return merged


def by_pydicom(values: Any, tags: Any) -> tuple[Image.Image, tuple[float, float] | None]:
    """A frame as pydicom's functions show it, and the window that was chosen where the file has none."""
    kind = tags.PhotometricInterpretation
    if kind == "PALETTE COLOR":
        colours = apply_color_lut(values, tags)[..., :3]
        return Image.fromarray((colours >> 8 if colours.max() > 255 else colours).astype(np.uint8)), None
    if values.ndim == 3:
        bits = int(tags.BitsStored)
        return Image.fromarray((values >> (bits - 8) if bits > 8 else values).astype(np.uint8)), None
    rescaled = apply_modality_lut(values, tags)
    window = None
    if "VOILUTSequence" in tags or "WindowCenter" in tags:
        # The range of what comes out is that of a window that takes all.
        shown = np.asarray(apply_voi_lut(rescaled, tags), float)
        if "VOILUTSequence" in tags:
            low, high = 0.0, 2.0 ** tags.VOILUTSequence[0].LUTDescriptor[2] - 1
        else:
            wide = apply_voi_lut(np.array([-1e9, 1e9]), tags)
            low, high = float(wide[0]), float(wide[1])
    elif values.dtype == np.uint8 and np.percentile(values, 99.5) >= _MEANT_TO_BE_SEEN:
        shown, low, high, window = np.asarray(rescaled, float), 0.0, 255.0, (127.5, 255.0)
    else:
        kept = np.asarray(rescaled, float)
        if "PixelPaddingValue" in tags:
            ends = [int(tags.get(name, tags.PixelPaddingValue)) for name in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
            inside = (values < min(ends)) | (values > max(ends))
            kept = kept[inside] if inside.any() else kept
        low, high = np.percentile(kept[np.isfinite(kept)], (0.5, 99.5))
        low, high = (low, high) if high > low else (np.nanmin(kept), np.nanmax(kept))
        window = (low + high) / 2, max(high - low, 1e-12)
        shown = np.asarray(rescaled, float)
    grey = np.nan_to_num(np.clip((shown - low) / max(high - low, 1e-12), 0, 1) * 255).round().astype(np.uint8)
    inverse = kind == "MONOCHROME1" or tags.get("PresentationLUTShape") == "INVERSE"
    return Image.fromarray(255 - grey if inverse else grey), window


def by_dcmtk(
    path: Path, tags: Any, frame: int, window: tuple[float, float] | None, of_frame: Any, folder: Path
) -> Image.Image | None:
    """A frame as dcmtk shows it; None where it does not."""
    options = ["-q", "-O", "+F", str(frame + 1)]
    grey = str(tags.get("PhotometricInterpretation", "")).startswith("MONO")
    if grey and "VOILUTSequence" in of_frame:
        options += ["+Wl", "1"]
    elif grey and "WindowCenter" in of_frame and "WindowCenter" in tags:
        options += ["+Wi", "1"]
    elif grey and "WindowCenter" in of_frame:
        return None  # it does not look into functional groups
    elif grey and window is not None:
        options += ["+Ww", str(window[0] + 0.5), str(window[1] + 1)]  # its windows are those of whole numbers
    out = folder / "shown.ppm"
    for program in _PROGRAMS:
        if shutil.which(program):
            subprocess.run([program, *options, str(path), str(out)], capture_output=True, timeout=600, check=False)
        if out.exists() and out.stat().st_size:
            with closing(Image.open(io.BytesIO(out.read_bytes()))) as image:
                return image.copy()
    return None


def square(image: Image.Image, tags: Any) -> Image.Image:
    """Stretched so that a pixel is as high as wide."""
    ratio = 1.0
    for name in ("PixelAspectRatio", *_SPACINGS):
        said = tags.get(name)
        if said is not None and len(said) == 2 and min(map(float, said)) > 0:
            ratio = float(said[0]) / float(said[1])
            break
    if abs(ratio - 1) < 0.01 or not 0.1 <= ratio <= 10:
        return image
    size = (image.width, round(image.height * ratio)) if ratio > 1 else (round(image.width / ratio), image.height)
    return image.resize(size, Image.Resampling.BICUBIC)
