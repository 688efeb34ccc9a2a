"""Letters in one of Unicode's normal forms, in a time that grows as the text does, whoever wrote it.

The standard library sorts the marks on a letter by insertion: a megabyte of nothing but marks takes it half an hour.
"""

from __future__ import annotations

import unicodedata
from typing import Literal

_MARKS = 30
"""As many as a letter may have in Unicode's Stream-Safe Text Format (UAX #15); no language needs half of them."""
_AS_MARKS = frozenset("\u0f73\u0f75\u0f81\uff9e\uff9f")  # no marks by their class, and made of marks


def normalised(form: Literal["NFC", "NFKC"], text: str) -> str:
    """A text in a normal form, with no more than 30 marks on a letter.

    Parameters
    ----------
    form : {"NFC", "NFKC"}
    text : str
    """
    if text.isascii():
        return text
    marks, kept = 0, list[str]()
    for sign in text:
        marks = marks + 1 if unicodedata.combining(sign) or sign in _AS_MARKS else 0
        if marks <= _MARKS:
            kept.append(sign)
    return unicodedata.normalize(form, "".join(kept))


def unaccented(text: str) -> str:
    """A text in compatibility letters without marks: "ﬁèvre" as "fievre"."""
    if text.isascii():
        return text
    return "".join(part for sign in text for part in unicodedata.normalize("NFKD", sign) if not unicodedata.combining(part))
