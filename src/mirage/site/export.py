"""Write an atlas as plain files that search in the visitor's browser; see docs/static-site.md."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mirage.aside import beside
from mirage.atlas import Atlas
from mirage.errors import BadInput, Unavailable
from mirage.figure import Licence
from mirage.images.store import cannot_write
from mirage.site import runtime
from mirage.site.choosing import Choice
from mirage.site.writing import MANIFEST, Writing
from mirage.storage.ingest import Tell
from mirage.wording import _

_LEAST_SIDE = 64


@dataclass(frozen=True, slots=True)
class SiteReport:
    """What an export wrote.

    Attributes
    ----------
    folder : Path
    figures, cases, concepts : int
    bytes, gzipped : int
        Of all files; and as a host sends them that compresses what it sends.
    search_gzipped : int
        Of that the models and what they run on.
    missing : dict
        Package that the search runs on to why it is not there; empty where all is there.
    lost, unencoded : int
        Figures that stayed behind because their picture is lost or damaged, or because they are not encoded.
    behind, stories : tuple
        As in `mirage.storage.archive_export.ExportReport`.
    seconds : float
    """

    folder: Path
    figures: int
    cases: int
    concepts: int
    bytes: int
    gzipped: int
    search_gzipped: int
    missing: dict[str, str]
    lost: int
    unencoded: int
    behind: tuple[Licence | str, ...]
    stories: tuple[Licence, ...]
    seconds: float


def write(
    atlas: Atlas,
    target: Path,
    *,
    title: str = "",
    address: str = "",
    corpora: Sequence[str] = (),
    picture_side: int = 1024,
    purpose: str = "pass-on",
    non_commercial: bool = False,
    given: Sequence[Path] = (),
    fetch: bool = True,
    explain: bool = True,
    progress: Tell = lambda _: None,
) -> SiteReport:
    """Write a site.

    Parameters
    ----------
    atlas : Atlas
    target : Path
        A folder that is not there or is empty, or a site of before, which is replaced once the new one is whole.
    title : str
        What the site is called.
    address : str
        Where it will lie, as ``https://example.org/atlas/``; empty where that is not known. Search engines are told of its
        pages then.
    corpora : sequence of str
        Only these; all when empty.
    picture_side : int
        Longest side of the pictures in pixels; larger ones are made smaller.
    purpose : str
        Of `mirage.licensing.PURPOSES`: ``pass-on`` for what licences permit; ``myself`` for all, and then for no web host.
    non_commercial : bool
        Whether it is shown without gain: then also what may only be passed on so.
    given : sequence of Path
        Archives of what the search runs on; see `mirage.site.runtime.find`.
    fetch : bool
        Whether npm is asked for those that are not given.
    explain : bool
        Whether what the atlas holds is explained.
    progress : callable

    Raises
    ------
    mirage.errors.BadInput
        When there is nothing to export, the folder holds something else, or an address or an archive cannot be used.
    mirage.errors.Unavailable
        When the disk is full.
    """
    if picture_side < _LEAST_SIDE:
        raise BadInput(
            _("Pictures have a side of at least %(least)s pixels, not %(side)s.", least=_LEAST_SIDE, side=picture_side)
        )
    if address and not re.fullmatch(r"https?://[^/?#\s]+(/[^?#\s]*)?", address):
        raise BadInput(_("%(address)s is no address of a site. One is https://example.org/atlas/.", address=address[:200]))
    target = Path(target).expanduser().resolve()
    check_target(target)
    started = time.monotonic()
    found = runtime.find(given, fetch=fetch)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with beside(target, "parts") as partial:
            partial.mkdir()
            choice = Choice(atlas, purpose, non_commercial)
            choice.take(corpora)
            writing = Writing(choice, partial, found, picture_side, explain, address and f"{address.rstrip('/')}/")
            writing.all(title or _("A MIRAGE atlas"), progress)
            _put_in_place(partial, target)
    except OSError as error:
        raise Unavailable(cannot_write(target.parent, error)) from error
    sizes = writing.sizes
    return SiteReport(
        target, len(choice.rows), writing.cases, writing.concepts, sum(size for size, _ in sizes.values()),
        sum(size for _, size in sizes.values()), sum(sizes[name][1] for name in writing.engine_files),
        found.missing, choice.lost, choice.unencoded, tuple(choice.behind), tuple(choice.stories),
        time.monotonic() - started,
    )  # fmt: skip


def check_target(target: Path) -> None:
    """Refuse a folder that a site must not take the place of.

    Raises
    ------
    mirage.errors.BadInput
    """
    if target == Path.cwd():
        raise BadInput(
            _("A site is not written into the folder that you are in: its place is taken by the new one. Name another.")
        )
    if target.is_file():
        raise BadInput(_("%(target)s is a file. A site is a folder: name one.", target=target))
    if target.is_dir() and (strange := _not_of_a_site(target)):
        raise BadInput(
            _(
                "%(target)s holds other files, as %(name)s, which a site would replace. "
                "Name a folder that is not there yet.",
                target=target,
                name=strange,
            )
        )


def _not_of_a_site(target: Path) -> str:
    """A file in a folder that no export wrote there; empty where all are a site's."""
    try:
        own = {MANIFEST, *json.loads((target / MANIFEST).read_text("utf-8"))["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        own = set()
    found = (
        path.relative_to(target).as_posix() for path in sorted(target.rglob("*")) if path.is_symlink() or not path.is_dir()
    )
    return next((name for name in found if name not in own), "")


def _put_in_place(made: Path, target: Path) -> None:
    """Move a site where it belongs, in place of one that is there, which comes back where that fails."""
    if not target.exists():
        made.rename(target)
        return
    with beside(target, "before") as old:
        target.rename(old)
        try:
            made.rename(target)
        except BaseException:
            old.rename(target)
            raise
