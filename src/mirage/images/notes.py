"""What a person should know of how a stack was read.

It is kept with the stack in English, and `said` says it in the reader's language.
"""

from __future__ import annotations

import functools
import re

from mirage.wording import N_, _, looked_up

ONE_DOUBLE = N_("It has 1 slice at a place that is taken; the first of each place was kept.")
DOUBLES = N_("It has %(number)s slices at places that are taken; the first of each place was kept.")
TURNED_OVER = N_("Its values were turned over, because the lowest one means white.")
LACKS_ONE = N_("It lacks 1 slice between the first and the last.")
LACKS = N_("It lacks %(number)s slices between the first and the last.")
UNEVEN = N_("It has slices at uneven distances (%(least)s to %(most)s mm).")
TILTED = N_("It was taken with a tilted gantry (%(degrees)s degrees).")
SKEW = N_("It has axes that are not at right angles to each other; it is shown in its own plane alone.")
FAR_APART = N_("It has slices %(apart)s mm apart; it is shown in its own plane alone.")
OBLIQUE = N_("It was taken obliquely: its sides are those that are nearest.")
ONE_VOLUME = N_("It holds %(volumes)s volumes; number %(number)s was taken.")
UNSCALED = N_("It has a scaling that is no number; its values are shown as they are stored.")
SIDES_UNKNOWN = N_("It does not say how the patient lies in it: which side is left is not known.")
BROKEN = N_("It has a broken %(broken)s; its %(used)s was used.")
TWO_WAYS = N_("It places its voxels in two ways that differ by up to %(apart)s mm; its sform was used.")
WITHOUT_VALUE = N_("Voxels without a value are kept as the lowest.")
SCALED = N_("Its values were scaled to %(bits)s bits: steps of %(step)s.")
OF_PAGES = N_("Its slices are the %(pages)s of one file, in their order; where they lie in the patient is not known.")
PAGES_LOST = N_("Of %(all)s %(pages)s the first %(number)s could be read; what follows is damaged or missing.")
BY_NUMBERS = N_("Its slices are in the order of their numbers; where they lie in the patient is not known.")
NUMBERS_LACKING = N_("It lacks %(number)s of the numbers between the first and the last.")
LABELS_LEFT_OUT = N_("Its labels could not be used and were left out.")
OF_LABELS = N_("Of its labels: %(note)s")
FORMS = (
    *(ONE_DOUBLE, DOUBLES, TURNED_OVER, LACKS_ONE, LACKS, UNEVEN, TILTED, SKEW, FAR_APART, OBLIQUE, ONE_VOLUME, UNSCALED),
    *(SIDES_UNKNOWN, BROKEN, TWO_WAYS, WITHOUT_VALUE, SCALED, OF_PAGES, PAGES_LOST, BY_NUMBERS, NUMBERS_LACKING),
    *(LABELS_LEFT_OUT, OF_LABELS),
)
"""All there are."""
UNSTATED = N_("not stated")
"""Who marked what is marked in a stack, where its source does not say."""
_LONGEST = 400


def said(note: str) -> str:
    """Say what is kept in English in the reader's language; what no form fits stays as it is.

    Parameters
    ----------
    note : str
        A note of a stack.
    """
    for form, fits in _patterns() if len(note) <= _LONGEST else ():  # those of an atlas file are a stranger's
        if found := fits.fullmatch(note):
            return _(form, **{name: said(value) for name, value in found.groupdict().items()})
    return looked_up(note)


def marked_by(who: str) -> str:
    """Say who marked what is marked in a stack; empty where nobody did.

    Parameters
    ----------
    who : str
        As it is kept with the stack.
    """
    return _(UNSTATED) if who == UNSTATED else who


@functools.cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((form, re.compile(re.sub(r"%\\\((\w+)\\\)s", r"(?P<\1>.+?)", re.escape(form)))) for form in FORMS)
