"""What adding a corpus would bring, told before anything is added: every picture is opened, nothing is kept."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from PIL import Image

from mirage.corpora.base import Advises, Corpus, HasStacks, Item, Refused, Steps
from mirage.corpora.live.base import Live, Offer
from mirage.corpora.personal import in_name, notes_on_words
from mirage.corpora.preview import Previewable, TableRead
from mirage.errors import BadPicture, NotFound
from mirage.images import look
from mirage.images.stacks import slice_picture, stack_of
from mirage.locales import listed
from mirage.storage.folder import AtlasFolder
from mirage.storage.gone import Gone, gone_from, heed, is_put_together
from mirage.storage.ingest import ProgressMeter, Tell
from mirage.storage.prepare import check_real
from mirage.storage.private import kept_item, told_info
from mirage.storage.records import keyed_id
from mirage.wording import _, looked_up

SIDE = 160  # of a thumbnail, in pixels
MOST_SHOWN = 300  # thumbnails; a page of more is looked at by nobody
_ALIKE = 4  # bits by which perceptual hashes of one picture may differ, where it was saved anew
_LOOKED_AT = 8  # pictures, to tell two folders apart


@dataclass(frozen=True, slots=True)
class PreviewFigure:
    """A figure that would come.

    Attributes
    ----------
    label : str
        The file as the person knows it.
    words_from : str
        Where its words stand: "line 3 of figures.csv"; empty where there are none.
    title, caption, diagnosis, modality, plane, region : str
        As for `mirage.figure.Figure`; what is inferred from pictures is not known yet.
    licence : str
    width, height, slices : int
        In pixels; `slices` is 0 for a single picture.
    state : {"new", "there", "replaces"}
        Whether the atlas has it, and whether it has changed.
    warnings : tuple of str
        What a person should look at, as sentences.
    thumbnail : bytes
        WebP; empty beyond the first `MOST_SHOWN`.
    """

    label: str
    words_from: str
    title: str
    caption: str
    diagnosis: str
    modality: str
    plane: str
    region: str
    licence: str
    width: int
    height: int
    slices: int
    state: str
    warnings: tuple[str, ...]
    thumbnail: bytes


@dataclass(frozen=True, slots=True)
class Preview:
    """What would come of adding.

    Attributes
    ----------
    corpus, title : str
        What the atlas would call the corpus.
    held : int
        How many figures the atlas has of a corpus of this name.
    stranger : bool
        Whether that seems to be another folder of the same name.
    figures : tuple of PreviewFigure
    skipped : tuple of Refused
        What cannot become a figure, and why.
    passed_over : tuple of Refused
        Files that are no pictures.
    tables : tuple of TableRead
    advice : str
        What else could be made of it.
    gone : Gone
        What the atlas has of the corpus that is not in its source any more.
    """

    corpus: str
    title: str
    held: int
    stranger: bool
    figures: tuple[PreviewFigure, ...]
    skipped: tuple[Refused, ...]
    passed_over: tuple[Refused, ...] = ()
    tables: tuple[TableRead, ...] = ()
    advice: str = ""
    gone: Gone = Gone()

    def count(self, state: str) -> int:
        """How many of the figures are "new", are "there" already, or replace ("replaces") one of the atlas."""
        return sum(figure.state == state for figure in self.figures)


@dataclass(frozen=True, slots=True)
class SourcePreview:
    """What a living source would give.

    Attributes
    ----------
    corpus, title : str
        What the atlas calls it.
    offer : mirage.corpora.live.base.Offer
    states : tuple of str
        Of each of its figures: "new", "there" already, or "removed" from the atlas before.
    withdrawn : tuple of str
        Ids of figures in the atlas that the source has retracted or deleted; they are marked.
    """

    corpus: str
    title: str
    offer: Offer
    states: tuple[str, ...]
    withdrawn: tuple[str, ...] = ()


def preview_source(atlas: AtlasFolder, corpus: Live, steps: Steps | None = None, *, again: bool = False) -> SourcePreview:
    """Ask a living source what it would give, and mark what the atlas has of it and the source has withdrawn since.

    Parameters
    ----------
    atlas : AtlasFolder
        Where it would go.
    corpus : mirage.corpora.live.base.Live
    steps, again
        As for `mirage.corpora.live.base.Live.offer`.

    Raises
    ------
    mirage.errors.MirageError
        When it cannot be reached, or answers otherwise than it documents.
    """
    offer, info = corpus.offer(steps, again=again), corpus.info()
    heeded = heed(atlas, info.name, offer.standings)
    return as_of_now(atlas, SourcePreview(info.name, info.title, offer, (), heeded.withdrawn))


def as_of_now(atlas: AtlasFolder, found: SourcePreview) -> SourcePreview:
    """The same offer, with what the atlas has of it by now: some of it may have been added or removed since.

    Parameters
    ----------
    atlas : AtlasFolder
    found : SourcePreview
    """
    there = atlas.store.keys_of(found.withdrawn)
    withdrawn = tuple(own for own in found.withdrawn if own in there)
    return replace(found, states=_states(atlas, found.corpus, found.offer), withdrawn=withdrawn)


def _states(atlas: AtlasFolder, name: str, offer: Offer) -> tuple[str, ...]:
    there, gone = atlas.store.fingerprints(name), atlas.store.removals.of(name)
    return tuple("there" if each.id in there else "removed" if each.id in gone else "new" for each in offer.figures)


def preview(
    atlas: AtlasFolder, corpus: Corpus, *, progress: Tell = lambda _: None, stop: Callable[[], bool] = lambda: False
) -> Preview:
    """Look through a corpus as adding would.

    Parameters
    ----------
    atlas : AtlasFolder
        Where it would go.
    corpus : Corpus
    progress : callable
    stop : callable
        Asked between pictures; True ends with what was seen by then.

    Raises
    ------
    mirage.errors.MirageError
        When the corpus as a whole cannot be read, or holds nothing.
    """
    info = told_info(atlas, corpus, looking=True)
    known, meter = atlas.store.fingerprints(info.name), ProgressMeter(len(corpus), progress)
    skipped: list[Refused] = []
    figures: list[PreviewFigure] = []
    seen, there, former = set[str](), set[str](), set[str]()
    for entry in corpus.items():
        meter.move(1, 1, seldom=True)
        if stop():
            break
        if isinstance(entry, Refused):
            skipped.append(entry)
            continue
        if entry.figure.id in seen:
            skipped.append(
                Refused(entry.label, _("The id %(id)s occurs twice; the first one was taken.", id=entry.figure.id))
            )
            continue
        seen.add(entry.figure.id)
        kept = kept_item(atlas, corpus, info.name, entry)
        there.add(kept.figure.id)
        former.update(entry.former_ids)
        mark = known.get(kept.figure.id)
        state = "new" if mark is None else "there" if mark == kept.fingerprint else "replaces"
        try:
            figures.append(_figure(corpus, entry, state, thumb=len(figures) < MOST_SHOWN))
        except BadPicture as error:
            skipped.append(Refused(entry.label, str(error)))
        except (OSError, ValueError, MemoryError) as error:
            skipped.append(Refused(entry.label, _("The picture could not be read: %(why)s.", why=error)))
    meter.move()
    own, keyed = isinstance(corpus, Previewable), corpus.card.private
    there.update(keyed_id(atlas.store.id_key, old, info.name) if keyed else old for old in former)
    gone = Gone() if stop() else gone_from(atlas, corpus, info.name, there, keyed=keyed)
    return Preview(
        info.name,
        info.title,
        len(known),
        another_folder(atlas, corpus),
        tuple(figures),
        tuple(skipped),
        corpus.passed_over if own else (),  # type: ignore[attr-defined]
        corpus.tables if own else (),  # type: ignore[attr-defined]
        corpus.hints if own else corpus.advice if isinstance(corpus, Advises) else "",  # type: ignore[attr-defined]
        gone,
    )


def another_folder(atlas: AtlasFolder, corpus: Corpus) -> bool:
    """Whether the atlas has a corpus of this name of which this one seems to be no new state, but another of the same name.

    It is known again by files that are unchanged, or whose pictures are the same; both where it was moved. One is enough
    where nothing is new; where something is, they have to be half of what the atlas has, because two folders of one name may
    share a picture.

    Parameters
    ----------
    atlas : AtlasFolder
    corpus : Corpus
        Of a person's own files; any other is known by its name.
    """
    if not corpus.card.private:
        return False
    name = told_info(atlas, corpus, looking=True).name
    known = atlas.store.fingerprints(name)
    if not known:
        return False
    there: list[tuple[Item, str]] = []
    same = new = 0
    for entry in corpus.items():
        if isinstance(entry, Refused):
            continue
        kept = kept_item(atlas, corpus, name, entry)
        if known.get(kept.figure.id) == kept.fingerprint:
            same += 1
        elif kept.figure.id in known:
            there.append((entry, kept.figure.id))
        elif any(keyed_id(atlas.store.id_key, former, name) in known for former in entry.former_ids):
            same += 1
        else:
            new += 1
        if 2 * same >= len(known):
            return False
    seen = there[:_LOOKED_AT]
    alike = sum(_is_same(atlas, corpus, entry, own) for entry, own in seen)
    if not same + alike:
        return True
    of_it = same + alike * len(there) / max(len(seen), 1)
    return bool(new) and 2 * of_it < len(known) and not is_put_together(atlas, name)


def _is_same(atlas: AtlasFolder, corpus: Corpus, entry: Item, own: str) -> bool:
    if entry.stacked:
        return True
    try:
        seen = look(corpus.read(entry).image)
        known = atlas.store.row(own).picture.look
    except (BadPicture, NotFound, OSError, ValueError, MemoryError):  # it may be removed at this moment
        return False
    return (seen ^ known).bit_count() <= _ALIKE


def _figure(corpus: Corpus, entry: Item, state: str, *, thumb: bool) -> PreviewFigure:
    figure, slices, remarks = entry.figure, 0, entry.notes
    if entry.stacked and isinstance(corpus, HasStacks):
        volume = corpus.read_stack(entry)
        stack = stack_of(volume)
        image, slices = slice_picture(volume, stack, stack.best), stack.shape[0]
    else:
        decoded = corpus.read(entry)
        check_real(decoded)
        image, remarks = decoded.image, (*remarks, *decoded.remarks)
    words = {name: getattr(figure, name) for name in ("title", "caption", "diagnosis", "modality", "plane", "region")}
    return PreviewFigure(
        entry.label,
        entry.words_from,
        **words,
        licence=str(figure.source.licence),
        width=image.width,
        height=image.height,
        slices=slices,
        state=state,
        warnings=(*_warnings(entry), *remarks),
        thumbnail=_thumbnail(image) if thumb else b"",
    )


def _warnings(entry: Item) -> Iterator[str]:
    figure = entry.figure
    if named := in_name(entry.label):
        yield _(
            "The file’s name holds what looks like %(found)s. It stays where only you see it.",
            found=listed([looked_up(each) for each in named]),
        )
    yield from notes_on_words(figure, entry.case)
    if figure.case_id and not (figure.title or figure.caption or figure.diagnosis):
        yield _("It belongs to a case, and has no words of its own.")


def _thumbnail(image: Image.Image) -> bytes:
    small, out = image.copy(), io.BytesIO()
    small.thumbnail((SIDE, SIDE))
    small.save(out, "WEBP", quality=80)
    return out.getvalue()
