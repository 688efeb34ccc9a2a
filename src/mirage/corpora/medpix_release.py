"""The pinned revision of MedPix 2.0: fetched, verified and unpacked."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from mirage.corpora.base import Steps
from mirage.errors import Unavailable
from mirage.models.download import disk_words, fetch
from mirage.wording import _

_DONE = "verified.json"
_FOLDER = "MedPix-2-0"
_MOST_BYTES = 4 * 2**30  # what the archive may unpack to


@dataclass(frozen=True, slots=True)
class Release:
    """One revision of the collection, and what it must hold.

    Attributes
    ----------
    revision : str
        The commit, in full.
    url : str
        Its archive.
    cases, figures : int
        How many there must be; the published counts.
    splits : tuple of (str, int)
        How many cases each split must list.
    """

    revision: str
    url: str
    cases: int
    figures: int
    splits: tuple[tuple[str, int], ...]


_COMMIT = "dbb2eab9c6076b60e1c13930ac5ac348c5bb42cf"
RELEASE = Release(
    revision=_COMMIT,
    url=f"https://github.com/CHILab1/MedPix-2.0/archive/{_COMMIT}.zip",
    cases=671,
    figures=2050,
    splits=(("train", 535), ("dev", 67), ("test", 69)),
)


def downloaded(release: Release, folder: Path) -> Path | None:
    """Where a verified copy lies under the downloads folder, or None.

    Parameters
    ----------
    release : Release
    folder : Path
        Where downloads are kept.
    """
    place = _place(release, folder)
    return place / _FOLDER if (place / _DONE).is_file() else None


def download(release: Release, folder: Path, steps: Steps | None) -> Path:
    """Fetch, verify and unpack a release, going on where an earlier call broke off.

    GitHub packs archives on request and does not promise the same bytes twice, so there is no digest to compare
    the archive with. Verified are: the checksum of every file in it, the commit that git writes into it, and that
    what it unpacks to has the published number of cases, figures and pictures.

    Parameters
    ----------
    release : Release
    folder : Path
        Where downloads are kept.
    steps : callable or None
        Told what is being done.

    Returns
    -------
    Path
        The folder with the collection's files.

    Raises
    ------
    mirage.errors.NoNetwork
        When the server is not reached; what has arrived is kept.
    mirage.errors.Unavailable
        When the disk is full or the archive is not the one that was wanted.
    """
    if (there := downloaded(release, folder)) is not None:
        return there
    place = _place(release, folder)
    archive = folder / f"medpix-{release.revision}.zip"
    fetch(
        release.url,
        archive,
        progress=(lambda done, total: steps("downloading", done, total)) if steps else None,
        instead=_("Give the path of a copy of MedPix 2.0 instead: mirage add medpix PATH."),
    )
    try:
        _unpack(release, archive, place, steps)
        _check_contents(release, place / _FOLDER)
    except OSError as error:
        raise Unavailable(disk_words(place, error)) from error
    except Unavailable:
        # A wrong archive would be found wrong for ever.
        archive.unlink(missing_ok=True)
        shutil.rmtree(place, ignore_errors=True)
        raise
    (place / _DONE).write_text(json.dumps({"revision": release.revision, "url": release.url}), "utf-8")
    archive.unlink(missing_ok=True)
    return place / _FOLDER


def _place(release: Release, folder: Path) -> Path:
    return folder / f"medpix-{release.revision[:12]}"


def _unpack(release: Release, archive: Path, place: Path, steps: Steps | None) -> None:
    """Unpack the collection's own folder; zipfile compares every file with its checksum (CRC-32).

    `ZipFile.extract` leaves out what leads outside of a member's path, and writes a link as a plain file.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            commit = opened.comment.decode("ascii", "replace").strip()
            if re.fullmatch(r"[0-9a-f]{40}", commit) and commit != release.revision:
                raise Unavailable(
                    _(
                        "%(url)s holds the commit %(commit)s, not %(revision)s. It was thrown away.",
                        url=release.url,
                        commit=commit,
                        revision=release.revision,
                    )
                )
            below = {info.filename.partition("/")[2]: info for info in opened.infolist() if not info.is_dir()}
            members = {path: info for path, info in below.items() if path.startswith(f"{_FOLDER}/")}
            if sum(info.file_size for info in members.values()) > _MOST_BYTES:
                raise Unavailable(_("%(url)s unpacks to more than is allowed. It was thrown away.", url=release.url))
            for number, (path, info) in enumerate(members.items(), start=1):
                info.filename = path
                opened.extract(info, place)
                if steps:
                    steps("unpacking", number, len(members))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise Unavailable(
            _("%(url)s is damaged (%(error)s). It was thrown away: run it again.", url=release.url, error=error)
        ) from error


def _check_contents(release: Release, folder: Path) -> None:
    try:
        cases = json.loads((folder / "Case_topic.json").read_bytes())
        figures = json.loads((folder / "Descriptions.json").read_bytes())
        uids = json.loads((folder / "splitted_dataset" / "uid_list.json").read_bytes())
        names = {str(figure["image"]) for figure in figures}
        listed = {split: len(uids[split]) for split, _ in release.splits}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unavailable(
            _("%(url)s lacks a part of MedPix 2.0 (%(error)s). It was thrown away.", url=release.url, error=error)
        ) from error
    pictures = {path.stem for path in (folder / "images").glob("*.png")}
    found = (len(cases), len(names), len(names & pictures), listed)
    wanted = (release.cases, release.figures, release.figures, dict(release.splits))
    if found != wanted:
        raise Unavailable(
            _(
                "%(url)s is not MedPix 2.0 as published: cases, figures, pictures and splits are "
                "%(found)s, and should be %(wanted)s. It was thrown away.",
                url=release.url,
                found=found,
                wanted=wanted,
            )
        )
