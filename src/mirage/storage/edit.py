"""Editing the words of figures of one's own. An edit stays when its folder is added again, until it is undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from mirage.corpora.base import plane_of
from mirage.corpora.folder_words import modality_of
from mirage.errors import BadInput
from mirage.figure import EDITABLE, MODALITIES, PLANES, Figure, clean_text
from mirage.locales import number
from mirage.storage.caption_vectors import encode_captions
from mirage.storage.edits import Edit, edited
from mirage.storage.folder import AtlasFolder
from mirage.storage.records import FigureRow, is_keyed
from mirage.wording import _, looked_up

_MOST = {"caption": 100_000, "title": 1_000, "diagnosis": 1_000, "region": 200}


def checked(given: Mapping[str, str]) -> dict[str, str]:
    """Words as a figure may have them.

    Parameters
    ----------
    given : mapping
        By field of `EDITABLE`.

    Raises
    ------
    mirage.errors.BadInput
        Naming the field and what it may be.
    """
    found: dict[str, str] = {}
    for field, told in given.items():
        if field not in EDITABLE:
            raise BadInput(
                _(
                    "There is no %(field)s to edit. What can be edited: %(EDITABLE)s.",
                    field=repr(field[:40]),
                    EDITABLE=", ".join(EDITABLE),
                )
            )
        text = clean_text(told)
        if len(text) > _MOST.get(field, 100):
            raise BadInput(
                _(
                    "The %(field)s has %(text)s characters; %(field2)s are allowed.",
                    field=looked_up(field),
                    text=number(len(text)),
                    field2=number(_MOST.get(field, 100)),
                )
            )
        if field == "modality" and text and not (text := modality_of(text)):
            raise BadInput(
                _(
                    "The modality is one of %(MODALITIES)s, or empty; not %(told)s.",
                    MODALITIES=", ".join(MODALITIES),
                    told=repr(told[:40]),
                )
            )
        if field == "plane" and text and not (text := plane_of(text)):
            raise BadInput(
                _("The plane is one of %(PLANES)s, or empty; not %(told)s.", PLANES=", ".join(PLANES), told=repr(told[:40]))
            )
        found[field] = text.lower() if field == "region" else text
    return found


def editing(
    atlas: AtlasFolder, figure_id: str, given: Mapping[str, str], undo: Sequence[str] = ()
) -> tuple[FigureRow, Figure, dict[str, Edit]]:
    """What a figure would be, edited; nothing is changed.

    Parameters
    ----------
    atlas : AtlasFolder
    figure_id : str
    given : mapping
        New words by field; those that are what they were change nothing.
    undo : sequence of str
        Fields that shall say again what the source says.

    Raises
    ------
    mirage.errors.NotFound
    mirage.errors.BadInput
        When it is no figure of one's own, or words cannot be used.
    """
    row, words = atlas.store.row(figure_id), checked(given)
    checked(dict.fromkeys(undo, ""))
    if not is_own(atlas, row.figure):
        raise BadInput(
            _(
                "%(id)s comes from %(corpus)s, and its words stay its source’s. Only words of "
                "figures that were added here from files of one’s own can be edited.",
                id=row.figure.id,
                corpus=row.figure.source.corpus,
            )
        )
    figure, edits = row.figure, atlas.store.edits.of([row.figure.id]).get(row.figure.id, {})
    back = {field: edits.pop(field) for field in undo if field in edits}
    inferred = tuple(field for field, edit in back.items() if edit.inferred)
    own = replace(figure, **{field: edit.source for field, edit in {**edits, **back}.items()})  # type: ignore[arg-type]
    own = replace(own, inferred=(*figure.inferred, *inferred, *(field for field, edit in edits.items() if edit.inferred)))
    today = datetime.now(UTC).date().isoformat()
    for field, value in words.items():
        if value != getattr(figure, field) and field not in back:
            edits[field] = Edit(value, today, getattr(own, field), field in own.inferred)
    # A field that says again what its source says is not edited.
    made, kept = edited(own, {field: edit for field, edit in edits.items() if edit.value != getattr(own, field)})
    return row, made, kept


def edit(atlas: AtlasFolder, figure_id: str, given: Mapping[str, str], undo: Sequence[str] = ()) -> Figure:
    """Edit the words of a figure of one's own: searches, mentions and vectors follow at once.

    Parameters
    ----------
    atlas, figure_id, given, undo
        As for `editing`.

    Returns
    -------
    Figure
        As it is now.

    Raises
    ------
    mirage.errors.MirageError
        As `editing`.
    """
    row, made, edits = editing(atlas, figure_id, given, undo)
    if (made, edits) != (row.figure, atlas.store.edits.of([row.figure.id]).get(row.figure.id, {})):
        with atlas.changing() as stamp:
            (caption,) = encode_captions(atlas.encoder, [made])
            atlas.store.edits.put(row, made, edits, caption, atlas.encoder_info.digest, stamp)
            atlas.index_again([row.key])
    return atlas.store.row(row.figure.id).figure


def is_own(atlas: AtlasFolder, figure: Figure) -> bool:
    """Whether a figure was made here of somebody's own file."""
    return is_keyed(figure.id) and atlas.store.is_own(figure.id)
