"""``mirage doctor --paper``: what of the paper's profile this machine can do, and what to do about the rest."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mirage import corpora
from mirage.cli.doctor_checks import Check, Note, checked
from mirage.cli.output import size
from mirage.errors import Unavailable
from mirage.models import hub, registry, runtime
from mirage.models.pins import pin_of
from mirage.settings import PROFILES, Settings

PARTS = {part: (adapter, model.removeprefix("hf-hub:")) for part, (adapter, model) in PROFILES["paper"].items()}
"""Adapter and model of each part of the profile."""
DATA = "mdwiratathya/ROCO-radiology"
"""Whose test split the encoder is measured on."""
_PACKAGES = {
    "packages": ("torch", "torchvision", "transformers", "diffusers", "accelerate", "open_clip_torch"),
    "packages for ROCO": ("pyarrow",),
}
# About: of two of the models it is not known how large they are before the hub is asked.
_DISK_BYTES = 15_000_000_000


def checks() -> Iterator[Check]:
    """Look at packages, processor, memory, disk, the hub, the three models and the data set."""
    looks: list[tuple[str, Callable[[], str]]] = [(name, partial(_packages, wanted)) for name, wanted in _PACKAGES.items()]
    looks += [("measuring", _measuring), ("GPU", _gpu), ("memory", _memory), ("disk", _disk)]
    looks += [(f"{part} {model}", partial(_model, part)) for part, (_, model) in PARTS.items()]
    looks += [("ROCO", _roco)]
    yield from (checked(f"paper: {name}", look) for name, look in looks)


def _packages(names: tuple[str, ...]) -> str:
    found, lacking = [], []
    for name in names:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            lacking.append(name)
    if lacking:
        raise Unavailable(f"lacks {', '.join(lacking)}; install them with: pip install {' '.join(lacking)}")
    return ", ".join(found)


def _measuring() -> str:
    try:
        return f"mirage-research {version('mirage-research')}"
    except PackageNotFoundError:
        raise Unavailable(
            "lacks mirage-research, which has `mirage evaluate`: in a checkout, pip install ./research"
        ) from None


def _torch() -> Any:
    try:
        import torch  # noqa: PLC0415 - the optional part
    except ImportError as error:
        raise Unavailable(f"torch cannot be used here: {error}") from error
    return torch


def _gpu() -> str:
    try:
        torch = _torch()
    except Unavailable:
        return Note("not looked for: torch is not here")
    where = runtime.select_device(torch)
    if where.device == "cpu":
        return Note(
            "none that torch can use. Everything works on the processor, slowly: a synthetic image takes minutes and ROCO's "
            "test split hours. A hosted notebook with a GPU runs notebooks/mirage.ipynb"
        )
    free = runtime.free_memory(torch, where.device)
    name = torch.cuda.get_device_name() if where.device.startswith("cuda") else where.device
    if free is not None and free < _largest():
        raise Unavailable(
            f"{name} has {size(free)} free, and the largest model wants {size(_largest())}: stop what else uses it, or "
            "use the processor (CUDA_VISIBLE_DEVICES= hides it)"
        )
    return f"{name}, {where.dtype}{f', {size(free)} free' if free is not None else ''}"


def _largest() -> int:
    """Bytes of the largest model in use: each can be let go before the next is opened."""
    return max(pin.memory for _, model in PARTS.values() if (pin := pin_of(model)))


def _memory() -> str:
    whole, wanted = runtime.whole_memory(), _largest()
    if whole is None:
        return Note(f"this system does not tell; the largest model wants {size(wanted)}")
    if whole < wanted:
        raise Unavailable(f"{size(whole)}, and the largest model wants {size(wanted)}: use a machine with more")
    return f"{size(whole)}; the largest model wants {size(wanted)}"


def _disk() -> str:
    home = Settings.load().models
    there = next(each for each in (home, *home.parents) if each.exists())
    free = shutil.disk_usage(there).free
    if free < _DISK_BYTES and not all(registry.find(model) for _, model in PARTS.values()):
        raise Unavailable(
            f"{size(free)} free at {there}; the models and ROCO's test split take about {size(_DISK_BYTES)}: make room, or "
            "name another place with MIRAGE_MODELS"
        )
    return f"{size(free)} free at {there}"


def _model(part: str) -> str:
    model = PARTS[part][1]
    pin = pin_of(model)
    assert pin is not None  # a test holds the profile to the table of models
    if (folder := registry.find(model)) is not None:
        return f"here, {folder.name[:12]}, at {folder}"
    commit = hub.commit_of(model)  # asks the hub, which says what is wrong where it cannot
    pinned = "" if pin.revision else " (not pinned here)"
    raise Unavailable(
        f"not on this machine; the hub has it, at commit {commit[:12]}{pinned}. Get it with: mirage models pull {model}"
    )


def _roco() -> str:
    folder = Settings.load().corpora.get("roco")
    how = (
        f"get its test split with: hf download {DATA} --repo-type dataset --include '*test*' --local-dir roco; then say "
        "where it is: MIRAGE_ROCO=roco"
    )
    if folder is None:
        raise Unavailable(f"nobody has said where it is; {how}")
    if not Path(folder).is_dir():
        raise Unavailable(f"there is no folder {folder}; {how}")
    info = corpora.load("roco", path=folder, splits=("test",)).info()
    return f"{info.title}, version {info.version}, at {folder}"
