"""``mirage doctor --paper``: what of the paper's run this machine can do, and what to do about the rest."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mirage import corpora
from mirage.cli.doctor_checks import Check, Note, checked
from mirage.cli.output import size
from mirage.errors import Unavailable
from mirage.installed import to_install
from mirage.locales import listed
from mirage.models import hub, registry, runtime
from mirage.models.pins import pin_of
from mirage.settings import PROFILES, Settings
from mirage.wording import N_, _

PARTS = {part: (adapter, model.removeprefix("hf-hub:")) for part, (adapter, model) in PROFILES["paper"].items()}
"""Adapter and model of each part of the profile."""
DATA = "mdwiratathya/ROCO-radiology"
"""Whose test split the encoder is measured on."""
_PACKAGES = {
    N_("packages"): ("torch", "torchvision", "transformers", "diffusers", "accelerate", "open_clip_torch"),
    N_("packages for ROCO"): ("pyarrow",),
}
# About: of two of the models it is not known how large they are before the hub is asked.
_DISK_BYTES = 15_000_000_000


# Of what the run consists, and what each part of it wants beside the packages and the memory.
_RUN = {
    N_("measuring the encoder on ROCO's test split"): ("packages for ROCO", "measuring", "encoder", "ROCO"),
    N_("drawing synthetic images"): ("generator",),
    N_("explaining with the language model"): ("explainer",),
}


def checks() -> tuple[list[Check], str]:
    """Look at packages, processor, memory, disk, the hub, the three models and the data set.

    Returns
    -------
    list of Check
    str
        What of the paper's run this machine can do, in a sentence.
    """
    looks: dict[str, Callable[[], str]] = {name: partial(_packages, wanted) for name, wanted in _PACKAGES.items()}
    looks |= {N_("measuring"): _measuring, "GPU": _gpu, N_("memory"): _memory, N_("disk"): _disk}
    looks |= {part: partial(_model, part) for part in PARTS}
    looks["ROCO"] = _roco
    found = {}
    for name, look in looks.items():
        called = f"{_(name)} {PARTS[name][1]}" if name in PARTS else _(name)
        found[name] = checked(_("paper: %(name)s", name=called), look)
    return list(found.values()), _verdict({name: check.ok for name, check in found.items()})


def _verdict(good: Mapping[str, bool | None]) -> str:
    """What of the run can be done, of what is right, wrong, or neither, by name."""
    every = ("packages", "GPU", "memory")
    can = {what: all(good[name] is not False for name in (*every, *wanted)) for what, wanted in _RUN.items()}
    do, lack = ([_(what) for what, there in can.items() if there is wanted] for wanted in (True, False))
    if not do:
        return _("Verdict: this machine can do nothing of the paper's run yet. What is marked ✗ says what to do.")
    if lack:
        return _(
            "Verdict: of the paper's run this machine can do %(do)s; for %(lack)s see what is marked ✗.",
            do=listed(do),
            lack=listed(lack),
        )
    if good["GPU"]:
        return _("Verdict: this machine can do the paper's whole run.")
    return _("Verdict: this machine can do the paper's whole run, but on its processor, which takes hours.")


def _packages(names: tuple[str, ...]) -> str:
    found, lacking = [], []
    for name in names:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            lacking.append(name)
    if lacking:
        raise Unavailable(
            _(
                "lacks %(packages)s; install them with: %(install)s",
                packages=", ".join(lacking),
                install=to_install(*lacking),
            )
        )
    return ", ".join(found)


def _measuring() -> str:
    try:
        return f"mirage-research {version('mirage-research')}"
    except PackageNotFoundError:
        raise Unavailable(
            _(
                "lacks mirage-research, which has `mirage evaluate`: in a checkout, %(install)s",
                install=to_install("./research"),
            )
        ) from None


def _torch() -> Any:
    try:
        import torch  # noqa: PLC0415 - the optional part
    except ImportError as error:
        raise Unavailable(_("torch cannot be used here: %(error)s", error=error)) from error
    return torch


def _gpu() -> str:
    try:
        torch = _torch()
    except Unavailable:
        return Note(_("not looked for: torch is not here"))
    where = runtime.select_device(torch)
    if where.device == "cpu":
        return Note(
            _(
                "none that torch can use. Everything works on the processor, slowly: a synthetic image takes minutes and "
                "ROCO's test split hours. A hosted notebook with a GPU runs notebooks/mirage.ipynb"
            )
        )
    free = runtime.free_memory(torch, where.device)
    name = torch.cuda.get_device_name() if where.device.startswith("cuda") else where.device
    if free is not None and free < _largest():
        raise Unavailable(
            _(
                "%(name)s has %(free)s free, and the largest model wants %(wanted)s: stop what else uses it, or use the "
                "processor (CUDA_VISIBLE_DEVICES= hides it)",
                name=name,
                free=size(free),
                wanted=size(_largest()),
            )
        )
    return f"{name}, {where.dtype}" + ("" if free is None else ", " + _("%(free)s free", free=size(free)))


def _largest() -> int:
    """Bytes of the largest model in use: each can be let go before the next is opened."""
    return max(pin.memory for _adapter, model in PARTS.values() if (pin := pin_of(model)))


def _memory() -> str:
    whole, wanted = runtime.whole_memory(), _largest()
    if whole is None:
        return Note(_("this system does not tell; the largest model wants %(wanted)s", wanted=size(wanted)))
    if whole < wanted:
        raise Unavailable(
            _(
                "%(whole)s, and the largest model wants %(wanted)s: use a machine with more",
                whole=size(whole),
                wanted=size(wanted),
            )
        )
    return _("%(whole)s; the largest model wants %(wanted)s", whole=size(whole), wanted=size(wanted))


def _disk() -> str:
    home = Settings.load().models
    there = next(each for each in (home, *home.parents) if each.exists())
    free = shutil.disk_usage(there).free
    if free < _DISK_BYTES and not all(registry.find(model) for _adapter, model in PARTS.values()):
        raise Unavailable(
            _(
                "%(free)s free at %(there)s; the models and ROCO's test split take about %(wanted)s: make room, or name "
                "another place with MIRAGE_MODELS",
                free=size(free),
                there=there,
                wanted=size(_DISK_BYTES),
            )
        )
    return _("%(free)s free at %(there)s", free=size(free), there=there)


def _model(part: str) -> str:
    model = PARTS[part][1]
    pin = pin_of(model)
    assert pin is not None  # a test holds the profile to the table of models
    if (folder := registry.find(model)) is not None:
        return _("here, %(revision)s, at %(folder)s", revision=folder.name[:12], folder=folder)
    commit = hub.commit_of(model)  # asks the hub, which says what is wrong where it cannot
    at = commit[:12] + ("" if pin.revision else " " + _("(not pinned here)"))
    raise Unavailable(
        _(
            "not on this machine; the hub has it, at commit %(at)s. Get it with: mirage models pull %(model)s",
            at=at,
            model=model,
        )
    )


def _roco() -> str:
    folder = Settings.load().corpora.get("roco")
    how = _(
        "get its test split with: hf download %(data)s --repo-type dataset --include '*test*' --local-dir roco; then say "
        "where it is: MIRAGE_ROCO=roco",
        data=DATA,
    )
    if folder is None:
        raise Unavailable(_("nobody has said where it is; %(how)s", how=how))
    if not Path(folder).is_dir():
        raise Unavailable(_("there is no folder %(folder)s; %(how)s", folder=folder, how=how))
    info = corpora.load("roco", path=folder, splits=("test",)).info()
    return _("%(title)s, version %(version)s, at %(folder)s", title=info.title, version=info.version, folder=folder)
