"""The model that fine-tuning starts from: where it is, of which kind, and under which licence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mirage.encoders.open_clip import OpenClipEncoder
from mirage.encoders.transformers import TransformersEncoder
from mirage.errors import BadInput, Unavailable
from mirage.models.files import ModelRecord, lacking, licence_of, weight_files
from mirage.models.hub import locate
from mirage.models.pins import pin_of
from mirage.models.registry import find, is_folder
from mirage.models.runtime import digest_of_files, sha256_of

OPEN_CLIP, TRANSFORMERS = "open_clip", "transformers"
_LOCAL, _HUB = "local-dir:", "hf-hub:"
_OPENED_BY = {TRANSFORMERS: TransformersEncoder.opens, OPEN_CLIP: OpenClipEncoder.opens}


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
        SHA-256 of its weights; where they are in several files, one over the name and the SHA-256 of each.
    licence : str
        As we know it or its card states it.
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

    def option(self, folder: Path | str) -> str:
        """How commands are told to use a model of this kind that lies in a folder."""
        return f"--encoder {self.kind}={_LOCAL if self.kind == OPEN_CLIP else ''}{folder}"


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
        When it is no model of open_clip or transformers.
    mirage.errors.Unavailable
        When it is not on this machine, or its weights are not whole or only there as a pickle.
    """
    bare = name.removeprefix(_LOCAL).removeprefix(_HUB)
    local = name.startswith(_LOCAL) or (not name.startswith(_HUB) and is_folder(name))
    if not local and not download and find(bare, revision) is None:
        raise Unavailable(
            f"The base {name} is not on this machine. Let it be fetched with --download, or name the folder that holds it."
        )
    folder = locate(name, revision, download=download).folder
    wanted = [OPEN_CLIP] if name.startswith((_LOCAL, _HUB)) else [TRANSFORMERS, OPEN_CLIP]
    kind = next((kind for kind in wanted if _OPENED_BY[kind](folder)), "")
    if not kind:
        raise BadInput(
            f"--base {name} is no model of {' or '.join(wanted)}, as far as its files tell. One of {TRANSFORMERS} is named "
            f"without {_LOCAL} or {_HUB}."
        )
    if missing := lacking(folder):
        raise Unavailable(
            f"Weights of {name} are missing or not whole: {', '.join(missing)}. Fetch the model again, in a revision that "
            "has them as safetensors: a pickle can run code when it is opened, so none is."
        )
    files = [path.name for path in weight_files(folder)]
    digest = sha256_of(folder / files[0]) if len(files) == 1 else digest_of_files(folder, files)
    record = ModelRecord.read(folder)
    commit = "" if local else record.revision if record else folder.name
    pin = None if local else pin_of(bare)
    return BaseModel(name, kind, folder, commit, digest, pin.licence if pin else licence_of(folder))
