"""Which words are too rare in general English to be anything but a term.

MiniLM's word pieces (Devlin et al. 2019 after Wu et al. 2016) hold the 30,522 commonest words and parts of words of general
English: a word that is not among them whole, nor is its stem, is rare. The list comes with the starter encoder.
"""

from __future__ import annotations

import json
from functools import lru_cache

from mirage.encoders.starter import SHIPPED

# Adverbs and verbs are how a thing is said, not what it is called.
_INFLECTED = ("ing", "ed", "ly", "es", "er", "ness", "able", "ible", "like", "wise", "shaped")
_SHORTEST = 5


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    try:
        pieces = json.loads((SHIPPED / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    except (OSError, ValueError, KeyError):
        return frozenset()
    return frozenset(piece for piece in pieces if piece.isalpha())


@lru_cache(maxsize=8192)
def is_rare(word: str) -> bool:
    """Whether a word, in lower case, is rare and looks like a name of something."""
    if len(word) < _SHORTEST or not word.isalpha() or not word.isascii() or word.endswith(_INFLECTED):
        return False
    common = _common()
    if not common:
        return False
    bases = [word, word.removesuffix("s"), word.removesuffix("es"), word[:-1] + "e", word.removesuffix("al"), word + "s"]
    for opening in ("non", "un", "re", "over", "under", "well", "multi", "semi", "anti", "inter", "mid"):
        if word.startswith(opening):
            bases.append(word.removeprefix(opening))
    return not any(base in common for base in bases if len(base) > 2)
