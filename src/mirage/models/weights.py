"""What the files of a model tell of its weights, without loading one: how many parameters, and what is missing."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path

from mirage.errors import Unavailable
from mirage.models.choosing import is_variant

_LONGEST_HEADER = 100_000_000


def parameters(file: Path) -> int:
    """Number of parameters in a safetensors file, from its header (8 bytes of length, then JSON); its end is checked.

    Raises
    ------
    mirage.errors.Unavailable
        When the file is cut short or damaged.
    """
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            if not 0 < length < _LONGEST_HEADER:
                raise ValueError("its header is damaged")
            header = json.loads(opened.read(length))
        header.pop("__metadata__", None)
        wanted = 8 + length + max((int(value["data_offsets"][1]) for value in header.values()), default=0)
        if file.stat().st_size < wanted:
            raise ValueError(f"it has {file.stat().st_size:,} of {wanted:,} bytes")
        return sum(prod(map(int, value["shape"])) for value in header.values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unavailable(f"{file} is not a whole safetensors file: {error}. Fetch the model anew.") from error


def weights(folder: Path) -> list[Path]:
    """The safetensors files of a model that a library would load, those of a pipeline's parts included."""
    top = [file for file in sorted(folder.glob("*.safetensors")) if not is_variant(file.name)]
    parts = [file for file in sorted(folder.glob("*/*.safetensors")) if not is_variant(file.name)]
    return parts if parts and (folder / "model_index.json").is_file() else top


def lacking(folder: Path) -> list[str]:
    """What is missing of a model's weights, as paths; empty when all that its indexes name is there and whole."""
    missing = []
    for index in sorted([*folder.glob("*.safetensors.index.json"), *folder.glob("*/*.safetensors.index.json")]):
        if is_variant(index.name):
            continue
        try:
            shards = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            missing.append(str(index.relative_to(folder)))
            continue
        missing += [f"{index.parent.name}/{name}" for name in sorted(shards) if not (index.parent / name).is_file()]
    pipeline = folder / "model_index.json"
    if pipeline.is_file():
        missing += _lacking_parts(folder, pipeline)
    elif not weights(folder):
        missing.append("*.safetensors")
    for file in weights(folder):
        try:
            parameters(file)
        except Unavailable:
            missing.append(f"the rest of {file.relative_to(folder)}")
    return missing


def _lacking_parts(folder: Path, pipeline: Path) -> list[str]:
    """Parts that a pipeline's index names and that are not there, or there without weights."""
    try:
        named = json.loads(pipeline.read_text("utf-8"))
        parts = [name for name, kind in named.items() if isinstance(kind, list) and kind and kind[0] is not None]
    except (OSError, ValueError, AttributeError):
        return [pipeline.name]
    missing = [f"{part}/" for part in parts if not (folder / part).is_dir()]
    for part in ("unet", "transformer", "vae", "text_encoder", "text_encoder_2", "safety_checker"):
        if part in parts and (folder / part).is_dir() and not list((folder / part).glob("*.safetensors")):
            missing.append(f"{part}/*.safetensors")
    return missing
