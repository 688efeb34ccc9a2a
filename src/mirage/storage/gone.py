"""What an atlas has of a corpus that is not in its source any more: told, and taken out where somebody asks for that."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from mirage.corpora.base import Corpus, TellsGone
from mirage.corpora.live.base import Standing
from mirage.errors import BadInput
from mirage.locales import counted
from mirage.storage.folder import STAMP, AtlasFolder
from mirage.storage.records import keyed_id
from mirage.storage.remove import Removal, remove
from mirage.storage.withdrawals import Heeded
from mirage.wording import _

_MERGED = "merged:"


@dataclass(frozen=True, slots=True)
class Gone:
    """What is gone from the source of a corpus.

    Attributes
    ----------
    figures : tuple of (str, str)
        Id of each and what it is called: its file's name, where that is kept, or its title.
    of : int
        How many figures the atlas has of the corpus, those among them.
    doubt : str
        Why nothing may be taken out without being asked for again, as a sentence; empty where nothing speaks against it.
    sure : bool
        Whether it can be taken out at all.
    """

    figures: tuple[tuple[str, str], ...] = ()
    of: int = 0
    doubt: str = ""
    sure: bool = True


def gone_from(atlas: AtlasFolder, corpus: Corpus, name: str, there: Collection[str], *, keyed: bool) -> Gone:
    """What the atlas has of a corpus beside what that holds now.

    Parameters
    ----------
    atlas : AtlasFolder
    corpus : Corpus
        One that cannot tell has nothing gone.
    name : str
        What the atlas calls it.
    there : collection of str
        Ids, as the atlas keeps them, of all that it holds now.
    keyed : bool
        Whether the atlas keeps its figures under keyed ids.
    """
    if not isinstance(corpus, TellsGone):
        return Gone()
    known = atlas.store.fingerprints(name)
    left = set(known).difference(there)
    if left:
        key = atlas.store.id_key
        left.difference_update(keyed_id(key, own, name) if keyed else own for own in corpus.withheld())
    if not left:
        return Gone(of=len(known))
    named = tuple((own, _called(atlas, own)) for own in known if own in left)
    if corpus.doubt:
        return Gone(named, len(known), corpus.doubt, sure=False)
    doubt = ""
    if is_put_together(atlas, name):
        doubt = _("The collection was put together of several folders, and this is one of them.")
    elif 2 * len(left) > len(known):
        doubt = _("That is more than half of the %(figures)s of the collection.", figures=counted(len(known), "figure"))
    return Gone(named, len(known), doubt)


def put_together(atlas: AtlasFolder, name: str) -> None:
    """Write down that a collection was put together of several folders.

    Parameters
    ----------
    atlas : AtlasFolder
    name : str
    """
    atlas.store.set_note(_MERGED + name, "1")


def heed(atlas: AtlasFolder, name: str, standings: Sequence[Standing]) -> Heeded:
    """Mark the figures that their source has withdrawn, and lift the mark where it does not say so any more.

    Parameters
    ----------
    atlas : AtlasFolder
        Open in this process. Its index stays as it is, so this may be while something is added.
    name : str
        What the atlas calls the corpus.
    standings : sequence of mirage.corpora.live.base.Standing
    """
    heeded = atlas.store.withdrawals.heed(name, standings)
    if heeded.withdrawn or heeded.lifted:
        atlas.renewed()
        # So that an export under way knows; behind it, for pages keep by this number what they made of the contents.
        atlas.store.set_note(STAMP, str(int(atlas.store.note(STAMP) or 0) + 1))
        atlas.tell_others()
    return heeded


def is_put_together(atlas: AtlasFolder, name: str) -> bool:
    """Whether a collection was put together of several folders."""
    return bool(atlas.store.note(_MERGED + name))


def prune(
    atlas: AtlasFolder,
    name: str,
    figure_ids: Sequence[str],
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Removal | None:
    """Take figures of a corpus out of the atlas that its source has no more: gone from a folder, withdrawn or retracted.

    All of them go, or none: killed or without room on the disk, the records are what they were.

    Parameters
    ----------
    atlas : AtlasFolder
    name : str
        What the atlas calls the corpus; figures of others are refused.
    figure_ids : sequence of str
        As the atlas keeps them; those that it has not are passed over.
    progress : callable
        As for `mirage.storage.remove.remove`.

    Returns
    -------
    Removal or None
        None where there is nothing to take out.

    Raises
    ------
    mirage.errors.BadInput
        When a figure is of another corpus.
    """
    there = atlas.store.keys_of(list(figure_ids))
    ids = [own for own in dict.fromkeys(figure_ids) if own in there]
    if others := sorted(set(ids) - set(atlas.store.fingerprints(name))):
        raise BadInput(
            _("The figure %(others)s is not of the corpus %(name)s. Nothing was changed.", others=others[0], name=name)
        )
    return remove(atlas, ids, progress=progress) if ids else None


def _called(atlas: AtlasFolder, own: str) -> str:
    return atlas.store.name_of(own) or atlas.store.row(own).figure.title or own
