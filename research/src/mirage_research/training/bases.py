"""The model that fine-tuning starts from: where it is, of which kind, and under which licence."""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mirage.errors import BadInput, Unavailable
from mirage.models.pins import pin_of

OPEN_CLIP, TRANSFORMERS = "open_clip", "transformers"
OPEN_CLIP_CONFIG = "open_clip_config.json"
_LOCAL, _HUB = "local-dir:", "hf-hub:"
_FETCHED = ["*.json", "*.txt", "*.model", "*.safetensors", "README.md", "LICENSE*", "NOTICE*"]


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A dual encoder on this machine.

    Attributes
    ----------
    name : str
        As the person named it.
    kind : {"open_clip", "transformers"}
    folder : Path
    revision : str
        Commit of the hub; empty for a folder.
    digest : str
        SHA-256 of its weights.
    licence : str
        As we know it or its card states it; empty when neither does.
    """

    name: str
    kind: str
    folder: Path
    revision: str
    digest: str
    licence: str

    def record(self) -> dict[str, str]:
        """What is written beside the result; no place of this machine."""
        return {
            "base": self.name,
            "kind": self.kind,
            "revision": self.revision,
            "weights_sha256": self.digest,
            "licence": self.licence,
        }


def find_base(name: str, revision: str = "", *, download: bool = False) -> BaseModel:
    """Find a model to start from.

    Parameters
    ----------
    name : str
        ``local-dir:/path`` or ``hf-hub:org/name`` for open_clip, as that library writes it; ``/path`` or ``org/name``
        for transformers. A plain path with open_clip's configuration in it is taken for what it is.
    revision : str
        Of a model of the hub; the pinned one where we know the model.
    download : bool
        Whether it may be fetched. The network is not reached otherwise.

    Raises
    ------
    mirage.errors.BadInput
        When the folder is not there or holds no dual encoder.
    mirage.errors.Unavailable
        When its weights are not on this machine, or only as a pickle.
    """
    given = name.removeprefix(_LOCAL).removeprefix(_HUB)
    if not given:
        raise BadInput(f"--base {name} names no model. Give local-dir:/path, hf-hub:org/name, /path or org/name.")
    as_folder = not name.startswith(_HUB) and (
        name.startswith(_LOCAL) or given.startswith(("/", "./", "../", "~")) or Path(given).is_dir()
    )
    if as_folder:
        folder = Path(given).expanduser()
        if not folder.is_dir():
            raise BadInput(f"--base: there is no folder {folder}. Give the folder that holds the model's weights.")
        found = ""
    else:
        folder = _from_hub(given, revision, download)
        found = folder.name
    kind = OPEN_CLIP if name.startswith((_LOCAL, _HUB)) else _kind_of(folder)
    wanted = OPEN_CLIP_CONFIG if kind == OPEN_CLIP else "config.json"
    if not (folder / wanted).is_file():
        other = _kind_of(folder)
        hint = "" if other == kind else f" It looks like a model of {other}: leave out {name[: name.index(':') + 1]}."
        raise BadInput(f"--base {name} is no model of {kind}: {wanted} is missing in it.{hint}")
    return BaseModel(name, kind, folder, found, _digest(weights_of(folder, name)), _licence(given, folder))


def weights_of(folder: Path, name: str) -> list[Path]:
    """The weight files of a model folder.

    Parameters
    ----------
    folder : Path
    name : str
        Of the model, for what is said when weights are missing.

    Returns
    -------
    list of Path
        All parts where the weights are in several with an index, else one file.

    Raises
    ------
    mirage.errors.Unavailable
        When there are none, or only pickles, or some of several parts are missing.
    """
    for index in sorted(folder.glob("*.safetensors.index.json")):
        parts = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
        if missing := [part for part in parts if not (folder / part).is_file()]:
            raise Unavailable(f"Weights of {name} are missing: {', '.join(missing)}. Fetch the model again.")
        return [folder / part for part in parts]
    if found := sorted(folder.glob("*.safetensors")):
        preferred = [path for path in found if path.name.startswith(("open_clip_model", "model"))]
        return [(preferred or found)[0]]
    if pickles := [*folder.glob("*.bin"), *folder.glob("*.pt"), *folder.glob("*.pth")]:
        raise Unavailable(
            f"The weights of {name} are there only as a pickle ({pickles[0].name}), which can run code when it is opened. "
            "Take a revision that has safetensors, or convert it once on a machine you can spare."
        )
    raise Unavailable(f"The weights of {name} are missing: there is no .safetensors file in {folder}.")


def _kind_of(folder: Path) -> str:
    return OPEN_CLIP if (folder / OPEN_CLIP_CONFIG).is_file() and not _is_transformers(folder) else TRANSFORMERS


def _is_transformers(folder: Path) -> bool:
    with suppress(OSError, ValueError):
        return "model_type" in json.loads((folder / "config.json").read_text("utf-8"))
    return False


def _from_hub(name: str, revision: str, download: bool) -> Path:
    try:
        from huggingface_hub import snapshot_download  # noqa: PLC0415 - comes with transformers
    except ImportError as error:
        raise Unavailable("Models of the hub need huggingface_hub: pip install './research[train]'") from error
    pin = pin_of(name)
    wanted = revision or (pin.revision if pin else "") or None
    try:
        found = snapshot_download(name, revision=wanted, allow_patterns=_FETCHED, local_files_only=not download)
    except Exception as error:  # the hub has a dozen kinds, and a bad name is a ValueError
        which = f"{name} at revision {wanted}" if wanted else name
        if not download:
            raise Unavailable(
                f"The base {which} is not on this machine. Let it be fetched with --download, fetch it yourself with "
                f"`hf download {name}`, or name a folder."
            ) from error
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise Unavailable(
            f"The base {which} could not be fetched: {first} Check its name, the network and the disk."
        ) from error
    return Path(found)


def _digest(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()


def _licence(name: str, folder: Path) -> str:
    if pin := pin_of(name):
        return pin.licence
    with suppress(OSError, ValueError):
        head = (folder / "README.md").read_text("utf-8").split("---")
        if len(head) > 2 and (told := re.search(r"^license:[ \t]*(\S.*)$", head[1], re.MULTILINE)):
            return told[1].strip()
    return ""
