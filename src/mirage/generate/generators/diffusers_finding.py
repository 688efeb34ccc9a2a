"""Where a Stable Diffusion pipeline is: a folder, among the pulled models, in the hub's cache, or at the hub if allowed."""

from __future__ import annotations

from pathlib import Path

from mirage.errors import Unavailable
from mirage.generate.generators.diffusers_folder import INDEX, OTHERWISE, missing, missing_parts
from mirage.models.finding import find
from mirage.models.licences import NOT_STATED, licence_of
from mirage.models.pins import PINS as KNOWN
from mirage.models.pins import pin_of
from mirage.models.runtime import first_line

PAPER = "Nihirc/Prompt2MedImage"
# Of Prompt2MedImage the first digits of the commit are known; it has safetensors.
PINS = {pin.id: pin.revision for pin in KNOWN if pin.adapter == "diffusers" and pin.revision}

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
    return find(model, revision)


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
            f"The model {model}{pinned} is not on this machine. Fetch it once with `mirage models pull {model}`, allow "
            "MIRAGE to fetch it (setting generator_download), or name a folder (setting generator_model)."
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
    if (pin := pin_of(model)) is not None and not is_folder(model):
        return pin.licence
    return licence_of(path) if path is not None else NOT_STATED
