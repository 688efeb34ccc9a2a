"""Where a Stable Diffusion pipeline is: a folder, the hub's cache, or the hub itself when fetching is allowed."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from mirage.errors import Unavailable
from mirage.generators.diffusers_folder import INDEX, OTHERWISE, first_line, missing, missing_parts

PAPER = "Nihirc/Prompt2MedImage"
PINS = {PAPER: "84d734c"}  # the first digits of the commit; it has safetensors
LICENCES = {PAPER: "WTFPL"}
NOT_STATED = "not stated"

_FETCHED = [INDEX, "README.md", "*/*.json", "*/*.txt", "*/*.safetensors"]
_UNFETCHED = ["*.fp16.*", "*.non_ema.*", "*.ema.*"]


def is_folder(model: str) -> bool:
    """Whether a model is named by its folder and not by its hub id."""
    return Path(model).expanduser().is_dir() or model.startswith(("/", "./", "../", "~"))


def local(model: str, revision: str = "") -> Path | None:
    """Where a model is on this machine, or None. The network is not reached."""
    if is_folder(model):
        folder = Path(model).expanduser()
        return folder if folder.is_dir() else None
    try:
        from huggingface_hub import constants  # noqa: PLC0415 - only for models of the hub
    except ImportError:
        return None
    kept = Path(constants.HF_HUB_CACHE) / f"models--{model.replace('/', '--')}"
    commit = revision
    with suppress(OSError, ValueError):
        commit = (kept / "refs" / (revision or "main")).read_text("ascii").strip()
    if not commit or not (kept / "snapshots").is_dir():
        return None
    found = [folder for folder in sorted((kept / "snapshots").iterdir()) if folder.name.startswith(commit)]
    return found[0] if found else None


def found(model: str, revision: str, download: bool) -> Path:
    """Where a model is, fetched first when it is not here and that is allowed.

    Raises
    ------
    mirage.errors.Unavailable
        When it is not here and may not be, or cannot be, fetched.
    """
    here = local(model, revision)
    if is_folder(model):
        if here is None:
            raise Unavailable(f"There is no folder {model}. {OTHERWISE}")
        return here
    if here is not None and (here / INDEX).is_file() and not missing_parts(here):
        return here
    if not download:
        pinned = f" at revision {revision}" if revision else ""
        raise Unavailable(
            f"The model {model}{pinned} is not on this machine. Fetch it once with `hf download {model}`, allow MIRAGE to "
            "fetch it (setting generator_download), or name a folder (setting generator_model)."
        )
    return _fetch(model, revision)


def _fetch(model: str, revision: str) -> Path:
    try:
        from huggingface_hub import HfApi, snapshot_download  # noqa: PLC0415 - comes with diffusers
    except ImportError as error:
        raise missing(error) from error
    try:
        commit = revision or None
        if revision and model in PINS and len(revision) < 40:
            # The hub wants whole commits.
            commits = [found.commit_id for found in HfApi().list_repo_commits(model)]
            commit = next((whole for whole in commits if whole.startswith(revision)), None)
            if commit is None:
                raise Unavailable(f"Revision {revision} of {model} is no longer on the hub. {OTHERWISE}")
        return Path(snapshot_download(model, revision=commit, allow_patterns=_FETCHED, ignore_patterns=_UNFETCHED))
    except Unavailable:
        raise
    except Exception as error:  # the hub has a dozen kinds, and a bad name is a ValueError
        raise Unavailable(
            f"The model {model} could not be fetched: {first_line(error)} Check its name, the network and the disk."
        ) from error


def licence(model: str, path: Path | None) -> str:
    """The licence of the weights as known or as the model's own card states it."""
    if model in LICENCES or path is None:
        return LICENCES.get(model, NOT_STATED)
    with suppress(OSError, ValueError):
        head = (path / "README.md").read_text("utf-8").split("---")
        if len(head) > 2 and (told := re.search(r"^license:[ \t]*(\S.*)$", head[1], re.MULTILINE)):
            return told[1].strip()
    return NOT_STATED
