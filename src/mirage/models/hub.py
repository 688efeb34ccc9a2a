"""A model onto this machine: from a model hub, a mirror of it, a folder, or what the Hugging Face cache holds of it.

What the hub tells (commits, files, digests) comes through `huggingface_hub`. The bytes come through
`mirage.models.download`: that client throws away what had arrived when a download is stopped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import httpx

from mirage.errors import BadInput, MirageError, NoNetwork, NotFound, Unavailable, check_room
from mirage.models.download import FetchRefused, copy_file, disk_words, fetch, reason
from mirage.models.files import (
    RECORD,
    LocalModel,
    ModelFile,
    ModelRecord,
    choose,
    lacking,
    licence_of,
    named_by_cache,
)
from mirage.models.pins import Pin, pin_of
from mirage.models.registry import cached, checked, find, fits, home_of, is_beginning, is_commit, is_folder, pulled
from mirage.models.runtime import sha256_of
from mirage.wording import N_, _

PullProgress = Callable[[str, int, int], None]
"""Called with the file that comes, the bytes of the whole model that are there, and how many there will be. What it raises
stops the pull, which can be resumed."""

INSTEAD = N_("Or copy the model from another machine or a mirror: mirage models pull ID --from FOLDER-OR-ADDRESS.")
_SPARE = 64 * 2**20
# The first question tells whether there is a network at all, so it does not wait long.
_PATIENCE = 8.0


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull brought.

    Attributes
    ----------
    path : Path
        The folder that holds the files.
    record : ModelRecord or None
        None when the files stay in the cache of the Hugging Face libraries.
    fetched : int
        Bytes that came just now; 0 when all was here already.
    """

    path: Path
    record: ModelRecord | None
    fetched: int


def locate(
    model: str, revision: str = "", *, download: bool = False, part: str = "encoder", weights: bool = True
) -> LocalModel:
    """Find a model on this machine, getting it first when it is not here and that is allowed.

    Parameters
    ----------
    model : str
        A path, or ``org/name``, which may end in ``@revision``; ``hf-hub:`` and ``local-dir:`` may stand before either.
    revision : str
        Of a hub id; the pinned one when empty.
    download : bool
        Whether the network may be reached.
    part : str
        What it is for, as the settings name it: ``encoder``, ``generator`` or ``explainer``.
    weights : bool
        Whether its weights are wanted. Without them, whatever is here of it is enough.

    Raises
    ------
    mirage.errors.Unavailable
        When it is not on this machine.
    mirage.errors.NoNetwork
        When it could not be fetched.
    mirage.errors.BadInput
        When the name is neither a folder nor a hub id.
    """
    name = model.removeprefix("local-dir:")
    if not model.startswith("hf-hub:") and (name != model or is_folder(model)):
        folder = Path(name).expanduser()
        if not folder.is_dir():
            raise Unavailable(
                _(
                    "There is no folder %(folder)s. Name the folder of the model, or its hub id (%(part)s_model).",
                    folder=folder,
                    part=part,
                )
            )
        return LocalModel(str(folder), folder)
    name, _other, named = model.removeprefix("hf-hub:").partition("@")
    if name.count("/") != 1 or name != name.strip() or not all(name.split("/")):
        raise BadInput(
            _(
                "%(model)s is no model: give a hub id as org/name, or the folder that holds it (%(part)s_model).",
                model=repr(model),
                part=part,
            )
        )
    wanted = revision or named
    here = find(name, wanted)
    if download and (here is None or (weights and lacking(here))):
        here = pull(name, revision=wanted).path
    if here is None:
        at = f" --revision {wanted}" if wanted else ""
        raise Unavailable(
            _(
                "The model %(name)s is not on this machine, and MIRAGE reaches the network only when "
                "asked to. Fetch it once with `mirage models pull %(name)s%(at)s`, allow MIRAGE to "
                "fetch it (setting %(part)s_download), or name the folder that holds it (setting "
                "%(part)s_model).",
                name=name,
                at=at,
                part=part,
            )
        )
    return LocalModel(name, here)


def pull(
    model_id: str,
    *,
    revision: str = "",
    source: str | Path = "",
    to: Path | None = None,
    progress: PullProgress = lambda *_: None,
    pause: float = 1.0,
) -> Pulled:
    """Get a model, verified against the digests that the hub states; or go on where an earlier call broke off.

    Only safetensors, configurations, tokenizers, card and licence are taken. A revision whose weights are a pickle is
    refused. What lies in the cache of the Hugging Face libraries is not fetched again.

    Parameters
    ----------
    model_id : str
    revision : str
        A branch, a commit, or its first digits; the pinned one when left out, else ``main``.
    source : str or Path
        Where from in place of the hub: the address of a mirror with its layout, a folder that holds the model, a folder of
        models (``org/name`` below it), or a cache of the Hugging Face libraries.
    to : Path, optional
        Put the files here; into MIRAGE's own folder, the setting ``models``, when left out.
    progress : callable, optional
        See `PullProgress`.
    pause : float
        Seconds before a broken download is tried again.

    Raises
    ------
    mirage.errors.BadInput
        When the id, the revision or a folder cannot be used, or the model is not one to pull.
    mirage.errors.NotFound
        When the model or the revision is not there.
    mirage.errors.NoNetwork
        When the hub cannot be reached. What has arrived is kept.
    mirage.errors.Unavailable
        When terms must be accepted first, a file is not the one wanted, the disk is full, or there are only pickles.
    """
    pin = pin_of(model_id)
    if pin is not None and pin.ships:
        raise BadInput(
            _("%(id)s comes with MIRAGE. There is nothing to pull; `mirage models verify %(id)s` checks it.", id=pin.id)
        )
    name = checked(model_id, revision)
    wanted = revision or (pin.revision if pin else "") or "main"
    if source and not str(source).startswith(("http://", "https://")):
        folder = _Folder(Path(source).expanduser(), name, wanted)
        return _take(folder, name, folder.commit(pin, named=bool(revision)), wanted, to, progress)
    commit_known = is_commit(wanted) or is_beginning(wanted)
    if commit_known and to is None and (here := _here_already(name, wanted)):
        return here
    try:
        hub = _Hub(str(source), name, pause)
        commit = hub.commit(wanted)
        if to is None and not commit_known and (here := _here_already(name, commit)):
            return here
        return _take(hub, name, commit, wanted, to, progress)
    except NoNetwork as error:
        if here_at := find(name, revision):
            raise NoNetwork(_("%(error)s A copy from before is at %(here_at)s.", error=error, here_at=here_at)) from error
        raise


def commit_of(model_id: str) -> str:
    """Ask the hub which commit of a model is meant: the pinned one, else the newest. Nothing is fetched.

    Parameters
    ----------
    model_id : str

    Raises
    ------
    mirage.errors.MirageError
        As `pull` does, when the hub cannot be reached or does not have it.
    """
    pin = pin_of(model_id)
    hub = _Hub("", checked(model_id), 0)
    newest = hub.commit("main")  # first, for it says at once when no hub can be reached
    return hub.commit(pin.revision) if pin and pin.revision else newest


def _here_already(name: str, commit: str) -> Pulled | None:
    """What is here and whole; the files' sizes are looked at, not their digests (`verify` does that)."""
    if folder := pulled(name, commit):
        record = ModelRecord.read(folder)
        if record and all(ModelFile(file.path, file.size).is_at(folder / file.path) for file in record.files):
            return Pulled(folder, record, 0)
    elif (folder := cached(name, commit)) and not lacking(folder):
        return Pulled(folder, None, 0)
    return None


# -- where from ---------------------------------------------------------------------------------------------------------


class _Hub:
    """A model at a hub, or at a mirror with its layout."""

    def __init__(self, address: str, name: str, pause: float) -> None:
        from huggingface_hub import HfApi, constants, get_token  # noqa: PLC0415 - imports an HTTP client

        constants.HF_HUB_DISABLE_TELEMETRY = True
        self._name, self._pause = name, pause
        self.told = (address or constants.ENDPOINT).rstrip("/")
        if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", self.told):
            raise BadInput(
                _(
                    "%(told)s is no address of a mirror. Give one as https://mirror.example, or a folder.",
                    told=repr(self.told),
                )
            )
        # A token is for the hub of the person's own settings, not for any mirror named on the way; nor in the clear.
        own = not address and (self.told.startswith("https://") or "//127.0.0.1" in self.told)
        token = get_token() if own and not constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else None
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._api = HfApi(endpoint=self.told, token=token or False)

    def commit(self, revision: str) -> str:
        """The whole commit that a branch, a tag, a whole commit or the first digits of one means."""
        with self._asked(revision):
            if is_beginning(revision):
                commits = {entry.commit_id for entry in self._api.list_repo_commits(self._name)}
                found = sorted(commit for commit in commits if commit.startswith(revision.lower()))
                if len(found) > 1:
                    raise BadInput(
                        _(
                            "Several commits of %(name)s begin with %(revision)s: %(found)s. Name one whole.",
                            name=self._name,
                            revision=revision,
                            found=", ".join(found),
                        )
                    )
                if found:
                    return found[0]
            commit = str(self._api.model_info(self._name, revision=revision, timeout=_PATIENCE).sha or "")
        if not is_commit(commit):
            raise Unavailable(
                _(
                    "%(told)s does not say which commit %(revision)s of %(name)s is. %(INSTEAD)s",
                    told=self.told,
                    revision=revision,
                    name=self._name,
                    INSTEAD=_(INSTEAD),
                )
            )
        return commit

    def files(self, commit: str) -> list[ModelFile]:
        """All files of the model, with what is stated of their content."""
        found = []
        with self._asked(commit):
            for entry in self._api.list_repo_tree(self._name, recursive=True, revision=commit):
                if (blob := getattr(entry, "blob_id", None)) is None:  # a folder
                    continue
                sha256 = entry.lfs.sha256.lower() if entry.lfs else ""
                found.append(ModelFile(entry.path, entry.size, sha256, "" if sha256 else blob.lower()))
        return found

    def bring(self, file: ModelFile, commit: str, target: Path, tell: Callable[[int], None]) -> int:
        """Put a file in its place; gives how many bytes came from elsewhere."""
        from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415 - as above

        kept = try_to_load_from_cache(self._name, file.path, revision=commit)
        if isinstance(kept, str) and file.is_at(Path(kept)):
            copy_file(Path(kept), target)
            return 0
        try:
            fetch(
                f"{self.told}/{quote(self._name)}/resolve/{commit}/{quote(file.path)}",
                target,
                size=file.size,
                progress=lambda done, _: tell(done),
                headers=self._headers,
                pause=self._pause,
                instead=INSTEAD,
            )
        except FetchRefused as error:
            raise self._refused(commit, error.answered, error.reason) from error
        return file.size

    @contextmanager
    def _asked(self, revision: str) -> Iterator[None]:
        """Turn what the client raises into words."""
        from huggingface_hub import errors  # noqa: PLC0415 - as above

        try:
            yield
        except MirageError:
            raise
        except errors.OfflineModeIsEnabled as error:
            raise NoNetwork(
                _("HF_HUB_OFFLINE is set, so no hub is asked. Unset it. %(INSTEAD)s", INSTEAD=_(INSTEAD))
            ) from error
        except errors.HfHubHTTPError as error:
            answer = error.response
            raise self._refused(revision, answer.status_code, answer.headers.get("X-Error-Code", "")) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:  # what JSON is not, or not as expected
            raise NoNetwork(
                _(
                    "%(told)s does not answer as a hub does: does this network want a log-in first? %(INSTEAD)s",
                    told=self.told,
                    INSTEAD=_(INSTEAD),
                )
            ) from error
        except Exception as error:  # of the HTTP client that its releases use, which have no base in common
            raise NoNetwork(
                _(
                    "No network, or none to %(told)s (%(error)s). %(INSTEAD)s",
                    told=self.told,
                    error=reason(error),
                    INSTEAD=_(INSTEAD),
                )
            ) from error

    def _refused(self, revision: str, status: int, code: str) -> MirageError:
        """What to say when the hub will not answer, by status and ``X-Error-Code``."""
        name, address = self._name, self.told
        if code == "GatedRepo" or status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            return Unavailable(
                _(
                    "%(address)s does not show %(name)s without a log-in: its name is wrong, or it is "
                    "given only to those who accepted its terms. Look at %(address)s/%(name)s; if it is "
                    "there, log in, accept them, make a token in your settings there, and run this again "
                    "with HF_TOKEN=… in the environment.",
                    address=address,
                    name=name,
                )
            )
        if code in ("RevisionNotFound", "EntryNotFound"):
            return NotFound(
                _(
                    "%(name)s has no revision %(revision)s at %(address)s. Name another with --revision.",
                    name=name,
                    revision=revision,
                    address=address,
                )
            )
        if status == httpx.codes.NOT_FOUND:
            return NotFound(
                _(
                    "There is no model %(name)s at %(address)s, or no revision %(revision)s of it. Check both.",
                    name=name,
                    address=address,
                    revision=revision,
                )
            )
        if status in (429, 500, 502, 503, 504):
            return NoNetwork(
                _(
                    "%(address)s is too busy to answer (%(status)s). Try again later; what has arrived is kept.",
                    address=address,
                    status=status,
                )
            )
        return Unavailable(
            _(
                "%(address)s will not answer about %(name)s (%(status)s). %(INSTEAD)s",
                address=address,
                name=name,
                status=status,
                INSTEAD=_(INSTEAD),
            )
        )


class _Folder:
    """A model in a folder: alone, among others, as MIRAGE pulled it, or in a cache of the Hugging Face libraries."""

    def __init__(self, source: Path, name: str, revision: str) -> None:
        if not source.is_dir():
            raise NotFound(_("There is no folder %(source)s. Name the folder that holds the model.", source=source))
        self._name, self._revision = name, revision
        self._commit = ""
        self._record: ModelRecord | None = None
        self._folder = self._found(source)
        self.told = str(self._folder)

    def commit(self, pin: Pin | None, *, named: bool) -> str:
        """The commit that it holds, as what lies beside it says or, where nothing does, as the person named it."""
        if not self._commit and pin and pin.revision and not named:
            raise BadInput(
                _(
                    "The copy in %(folder)s does not say which revision it is of. MIRAGE uses "
                    "%(revision)s of %(name)s: add --revision %(revision)s if it is that one.",
                    folder=self._folder,
                    revision=pin.revision,
                    name=self._name,
                )
            )
        return self._commit or (self._revision if named else "")

    def files(self, _: str) -> list[ModelFile]:
        if self._record is not None:
            return list(self._record.files)
        paths = sorted(self._folder.rglob("*"))
        return [named_by_cache(path, self._folder) for path in paths if path.is_file() and path.name != RECORD]

    def bring(self, file: ModelFile, _other: str, target: Path, tell: Callable[[int], None]) -> int:
        source = self._folder / file.path
        if not source.is_file():
            raise Unavailable(
                _("The copy in %(folder)s lacks %(path)s. Take it from another place.", folder=self._folder, path=file.path)
            )
        copy_file(source, target, tell)
        return file.size

    def _found(self, source: Path) -> Path:
        for root in (source, source / "hub"):
            if snapshot := cached(self._name, self._revision, root):
                self._commit = snapshot.name
                return snapshot
        name, named = self._name, "" if self._revision == "main" else self._revision
        kept = source / name.replace("/", "--")
        places = [*sorted(kept.glob(f"*/{RECORD}")), kept / RECORD, source / name / RECORD, source / RECORD]
        others: list[str] = []
        for folder in (place.parent for place in places if place.parent.is_dir()):
            record = ModelRecord.read(folder)
            if record is None:
                if folder != source or any(
                    (folder / file).is_file() for file in ("config.json", "open_clip_config.json", "model_index.json")
                ):
                    return folder
                continue
            if record.id == name and record.whole and (fits(record, named) or not record.revision):
                self._commit, self._record = record.revision, record
                return folder
            values = {"id": record.id, "revision": record.revision or _("an unknown one")}
            others.append(
                _("%(id)s at %(revision)s", **values) if record.whole else _("%(id)s at %(revision)s, in part", **values)
            )
        holds = " " + _("It holds %(others)s.", others="; ".join(others)) if others else ""
        raise NotFound(
            _(
                "%(source)s holds no copy of %(copy)s.%(holds)s Name the folder of its files (config.json and the weights), "
                "or one that holds %(name)s.",
                source=source,
                copy=_("%(name)s at %(named)s", name=name, named=named) if named else name,
                holds=holds,
                name=name,
            )
        )


# -- into a folder ------------------------------------------------------------------------------------------------------


def _take(source: _Hub | _Folder, name: str, commit: str, asked: str, to: Path | None, progress: PullProgress) -> Pulled:
    """Bring all chosen files of a commit into a folder, each checked against what is stated of it."""
    pin = pin_of(name)
    files = choose(name, source.files(commit))
    folder = to.expanduser() if to else home_of(name, commit)
    if folder.resolve() == Path(source.told).resolve():
        raise BadInput(_("%(folder)s cannot be copied onto itself. Name another folder with --to.", folder=folder))
    record = ModelRecord(name, commit, pin.licence if pin else "", source.told, asked)
    total = sum(file.size for file in files)
    try:
        _begin(folder, record)
        places = (folder / name for file in files for name in (file.path, f"{file.path}.part"))
        there = sum(place.stat().st_size for place in places if place.is_file())
        check_room(folder, total - there + _SPARE)
        done = fetched = 0
        kept = []
        for file in files:
            target = folder / file.path
            if not ((file.sha256 or file.git_id) and file.is_at(target)):

                def tell(there: int, path: str = file.path, before: int = done) -> None:
                    progress(path, before + there, total)

                target.unlink(missing_ok=True)
                fetched += source.bring(file, commit, target, tell)
                if not file.is_at(target):
                    target.unlink()
                    raise Unavailable(
                        _(
                            "%(path)s from %(told)s is damaged: it is not the file that is stated there, and was "
                            "thrown away. Try again; if it happens again, take it from another place.",
                            path=file.path,
                            told=source.told,
                        )
                    )
            done += file.size
            progress(file.path, done, total)
            kept.append(ModelFile(file.path, file.size, file.sha256 or sha256_of(target)))
        now = datetime.now(UTC).isoformat(timespec="seconds")
        whole = replace(record, licence=record.licence or licence_of(folder), pulled=now, files=tuple(kept))
        whole.write(folder)
    except OSError as error:
        raise Unavailable(_("%(folder)s Or name another folder with --to.", folder=disk_words(folder, error))) from error
    return Pulled(folder, whole, fetched)


def _begin(folder: Path, record: ModelRecord) -> None:
    """Claim a folder for a model: it is empty, or holds this very revision of it, perhaps in part."""
    before = ModelRecord.read(folder)
    if before is not None and (before.id, before.revision) != (record.id, record.revision):
        at = f" at {before.revision}" if before.revision else ""
        raise BadInput(_("%(folder)s holds %(id)s%(at)s. Name another folder.", folder=folder, id=before.id, at=at))
    if before is None and folder.is_dir() and any(folder.iterdir()):
        raise BadInput(_("%(folder)s is not empty, and not a model that was pulled. Name an empty folder.", folder=folder))
    record.write(folder)
