"""What an atlas keeps of somebody's own files, whose names may name a patient: ids that tell nothing of them."""

from __future__ import annotations

from dataclasses import replace

from mirage.corpora.base import Advises, Corpus, CorpusInfo, Item
from mirage.corpora.folder_names import CalledByTitle, plain_title
from mirage.errors import BadInput
from mirage.storage.folder import AtlasFolder
from mirage.storage.records import keyed, keyed_id
from mirage.wording import _


def told_info(atlas: AtlasFolder, corpus: Corpus, *, looking: bool = False) -> CorpusInfo:
    """What a corpus tells of itself, as the atlas keeps it.

    Parameters
    ----------
    atlas : AtlasFolder
    corpus : Corpus
    looking : bool
        Whether it is only looked at: then nothing is written down.

    Raises
    ------
    mirage.errors.BadInput
        When it holds nothing.
    """
    settle(atlas, corpus)
    info = corpus.info()
    if not len(corpus):
        if corpus.card.live:
            advice = corpus.advice if isinstance(corpus, Advises) else ""
            raise BadInput(
                _("%(title)s has nothing that fits and may be taken. %(advice)s", title=info.title, advice=advice).strip()
            )
        raise BadInput(
            _("%(title)s holds nothing to add: no pictures and no DICOM files were found in it.", title=info.title)
        )
    return _hidden(atlas, corpus.card.title, info, looking) if _is_private(corpus) else info


def settle(atlas: AtlasFolder, corpus: Corpus) -> None:
    """Call a corpus that has its name of a title what the atlas calls it, and never what it calls another.

    Earlier versions gave one name to titles that differ in letters beyond a to z; such a collection is known by its title.

    Parameters
    ----------
    atlas : AtlasFolder
    corpus : Corpus
    """
    if not isinstance(corpus, CalledByTitle):
        return
    titles = {known.name: known.title for known in atlas.store.corpora()}
    title = plain_title(corpus.title)

    def kept(name: str) -> str | None:
        """The title of what the atlas keeps under a name, or under the number that stands for it; empty if not known."""
        number = f"folder-{keyed(atlas.store.id_key, name)[:8]}"
        numbered = not corpus.is_named and number in titles
        return titles[name] if name in titles else atlas.store.name_of(number) if numbered else None

    there = {name: kept(name) for name in dict.fromkeys((*corpus.names, corpus.former_name))}
    same = (name for name, known in there.items() if known and plain_title(known) == title)
    unsure = (name for name, known in there.items() if known == "")
    free = (name for name in corpus.names if there[name] is None)
    corpus.call(next(same, None) or next(unsure, None) or next(free, corpus.names[-1]))


def _is_private(corpus: Corpus) -> bool:
    card = getattr(corpus, "card", None)
    return card is not None and card.private


def _hidden(atlas: AtlasFolder, title: str, info: CorpusInfo, looking: bool) -> CorpusInfo:
    """What the atlas tells of a private corpus; where its name may name somebody, that stays where its owner sees it."""
    key = atlas.store.id_key
    info = replace(info, version=keyed(key, info.version))
    if not info.alias or any(known.name == info.name for known in atlas.store.corpora()):  # as an earlier version kept it
        return replace(info, alias="")
    number = keyed(key, info.name)[:8]
    named = replace(info, name=f"{info.alias}-{number}", title=f"{title} ({number})")
    if not looking:
        atlas.store.put_name(named.name, info.title)
    return named


def kept_item(atlas: AtlasFolder, corpus: Corpus, name: str, item: Item) -> Item:
    """An item as the atlas keeps it: of a private corpus under ids that tell nothing of names.

    Parameters
    ----------
    atlas : AtlasFolder
    corpus : Corpus
    name : str
        What the atlas calls the corpus.
    item : Item
        As the corpus knows it.
    """
    return _keyed(atlas.store.id_key, name, item) if _is_private(corpus) else item


def _keyed(key: bytes, corpus: str, item: Item) -> Item:
    """Give ids and fingerprints from which nobody without the atlas's key can tell, or try, the names they were made of."""
    figure, case = item.figure, item.case
    own, of_case = keyed_id(key, figure.id, corpus), keyed_id(key, figure.case_id, corpus)
    if case is not None:
        case = replace(case, id=keyed_id(key, case.id, corpus), source=replace(case.source, corpus=corpus))
    place = figure.slice_of and replace(figure.slice_of, stack=keyed_id(key, figure.slice_of.stack, corpus))
    figure = replace(figure, id=own, case_id=of_case, source=replace(figure.source, corpus=corpus), slice_of=place)
    return replace(item, figure=figure, case=case, fingerprint=keyed(key, item.fingerprint))
