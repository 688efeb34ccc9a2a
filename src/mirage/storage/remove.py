"""Figures, or a whole corpus, out of an atlas, with all that no other figure needs.

The records change in one transaction, then index and pictures follow. Killed before it, nothing was removed; after it, the
next opening, or the next change, removes what is left of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mirage.locales import counted, listed, number
from mirage.storage import manifest
from mirage.storage.folder import AtlasFolder
from mirage.storage.records import batched
from mirage.storage.removed import Going
from mirage.wording import _, ngettext

_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Removal:
    """What goes, or has gone, from an atlas.

    Attributes
    ----------
    figures, cases : int
    bytes : int
        Of the pictures and stacks that go.
    corpora : tuple of str
        Those that go whole.
    remarks : tuple of str
        What stays of it, and what goes with it, in words.
    """

    figures: int
    cases: int
    bytes: int
    corpora: tuple[str, ...]
    remarks: tuple[str, ...]

    def __str__(self) -> str:
        what = [counted(self.figures, "figure"), *([counted(self.cases, "case")] if self.cases else [])]
        return _("%(what)s, %(size)s MB of pictures,", what=listed(what), size=number(self.bytes / 1e6, 1))


def removal(atlas: AtlasFolder, figure_ids: Sequence[str] = (), corpus: str = "") -> Removal:
    """What `remove` would remove.

    Parameters
    ----------
    atlas : AtlasFolder
    figure_ids : sequence of str
    corpus : str
        Either ids, or the name of a corpus.

    Raises
    ------
    mirage.errors.NotFound
        When one is not there: it names what is like it, or says when it was removed.
    mirage.errors.BadInput
        When nothing is named, or both are.
    """
    return _told(atlas, atlas.store.removals.going(figure_ids, corpus))


def remove(
    atlas: AtlasFolder,
    figure_ids: Sequence[str] = (),
    corpus: str = "",
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Removal:
    """Remove figures or a corpus.

    Their ids are kept, with when that was, until they are added again. Questions under way end without them.

    Parameters
    ----------
    atlas : AtlasFolder
        Open in this process.
    figure_ids, corpus
        As for `removal`.
    progress : callable
        Told how many figures are out of the index, of how many.

    Raises
    ------
    mirage.errors.NotFound, mirage.errors.BadInput
        As `removal` does. Nothing was changed then.
    """
    told = removal(atlas, figure_ids, corpus)
    with atlas.changing():
        going, keys = atlas.store.removals.remove(figure_ids, corpus)
        if going.corpora:
            (atlas.path / manifest.CALIBRATION_FILE).unlink(missing_ok=True)
        atlas.renewed()
        done = 0
        for part in batched(keys, _AT_ONCE):
            atlas.index.remove(part)
            done += len(part)
            progress(done, len(keys))
        atlas.remove_files(going.files)
        atlas.index.optimise()
    atlas.store.forget()
    return told


def collect(atlas: AtlasFolder) -> tuple[int, int]:
    """Remove files that no figure has: of an addition that was killed, or put into the folder by hand.

    Killed at any point, the rest goes the next time. What another process writes meanwhile is not there: one holds an atlas.

    Parameters
    ----------
    atlas : AtlasFolder
        Open in this process.

    Returns
    -------
    tuple of int
        How many files those were, and their bytes.
    """
    with atlas.store.alone():  # what another server adds now has pictures that no figure has yet
        atlas.reconcile()  # which removes those of a change that was cut short
        left = set(atlas.pictures.names())
        left -= atlas.store.used(left)
        lone = atlas.pictures.lone_thumbnails()
        size = atlas.pictures.size(left) + sum(lone.values())
        if left or lone:
            with atlas.changing():  # so that an export under way knows
                atlas.remove_files(left)
                atlas.pictures.remove_files(lone)
    return len(left) + len(lone), size


def _told(atlas: AtlasFolder, going: Going) -> Removal:
    size = atlas.pictures.size(going.files)
    remarks = []
    if going.cut:
        remarks.append(
            ngettext(
                "%(figures)s cut from what goes stays, and has no stack to scroll through any more.",
                "%(figures)s cut from what goes stay, and have no stack to scroll through any more.",
                going.cut,
                figures=counted(going.cut, "single figure"),
            )
        )
    if going.shared:
        remarks.append(
            ngettext(
                "%(pictures)s stays: another figure shows it too.",
                "%(pictures)s stay: other figures show them too.",
                going.shared,
                pictures=counted(going.shared, "picture"),
            )
        )
    if going.corpora and (atlas.path / manifest.CALIBRATION_FILE).exists():
        remarks.append(
            _(
                "This atlas's own calibration goes with it, for it was chosen with these figures; "
                "`mirage evaluate calibrate` chooses anew."
            )
        )
    return Removal(going.figures, going.cases, size, going.corpora, tuple(remarks))
