"""Whether a sentence is in a language that the checker reads."""

from __future__ import annotations

import re
import unicodedata

_ENGLISH = frozenset(
    "the a an of in on is are was were with and or to from by for at no not this that there which it its as be has have "
    "within without shows seen case patient".split()
)
_OTHERS = (
    frozenset("el la los las de del en un una unos con que y se por para es son está no hay muestra lesión como".split()),
    frozenset("le la les des du de un une dans avec et est sont pas pour sur qui que au aux il une à".split()),
    frozenset("der die das den dem ein eine einer mit und ist sind nicht im in von zu auf für bei es".split()),
    frozenset("il lo la i gli le di del della un una con che e è sono non per nel nella da".split()),
    frozenset("o a os as de do da em um uma com que e é são não por para no na ao".split()),
)


def is_english(text: str) -> bool:
    """Guess from letters and small words; a text too short to tell counts as English."""
    letters = [letter for letter in text if letter.isalpha()]
    if not letters:
        return False
    latin = sum(1 for letter in letters if letter.isascii() or unicodedata.name(letter, "").startswith(("LATIN", "GREEK")))
    if latin < 0.7 * len(letters):
        return False
    words = re.findall(r"[^\W\d_]+", text.lower())
    if len(words) < 4:
        return True
    english = sum(word in _ENGLISH for word in words)
    other = max(sum(word in small for word in words) for small in _OTHERS)
    return other < 2 or other <= english
