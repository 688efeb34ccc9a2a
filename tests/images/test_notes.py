"""What there is to know of how a stack was read: kept in English, and said in the reader's language."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest

from mirage import locales
from mirage.images import notes
from mirage.images.volume import views_of
from mirage.wording import speaking

SPANISH = locales.translations_of("es")
_PLACE = re.compile(r"%\((\w+)\)s")


@pytest.mark.parametrize("form", notes.FORMS)
def test_every_note_is_said_in_the_readers_language_with_what_stands_in_it(form):
    values = {name: str(number) for number, name in enumerate(_PLACE.findall(form), 71)}
    kept = form % values
    assert notes.said(kept) == kept
    with speaking(SPANISH):
        said = notes.said(kept)
    assert said != kept
    assert all(value in said for value in values.values())


def test_a_note_of_the_labels_is_said_as_a_whole():
    with speaking(SPANISH):
        assert notes.said(notes.OF_LABELS % {"note": notes.LACKS_ONE}) == (
            "De sus etiquetas: Falta 1 corte entre el primero y el último."
        )
        kept = notes.OF_PAGES % {"pages": "frames"}
        assert "fotogramas" in notes.said(kept)
        assert "frames" not in notes.said(kept)


def test_what_is_kept_is_english_whoever_reads_the_volume():
    affine = [[0.5, 0, 0, 0], [0, 0.5, 0, 0], [0, 0, 30.0, 0], [0, 0, 0, 1]]
    with speaking(SPANISH):
        _views, kept = views_of(np.array(affine), 2, True)
        said = [notes.said(note) for note in kept]
    assert kept == ("It has slices 30.0 mm apart; it is shown in its own plane alone.",)
    assert said == ["Sus cortes están a 30.0 mm unos de otros; solo se muestra en su propio plano."]


def test_a_strangers_notes_stay_as_they_are_and_take_no_time():
    hostile = "Of its labels: " * 10_000
    doubtful = "Of " + "a the first " * 30
    begun = time.perf_counter()
    with speaking(SPANISH):
        for note in ("This scan is made up.", "", hostile, doubtful):
            assert notes.said(note) == note
    assert time.perf_counter() - begun < 1


def test_who_marked_a_stack_is_said_where_nobody_is_named():
    with speaking(SPANISH):
        assert notes.marked_by(notes.UNSTATED) == "no indicada"
        assert [notes.marked_by(who) for who in ("", "A. Person")] == ["", "A. Person"]
