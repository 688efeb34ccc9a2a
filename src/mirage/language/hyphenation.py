"""Where long words may be broken at the end of a line: between syllables, as Latin has them.

Names of medicine are Latin and Greek, and English patterns break them in odd places (*oligo-den-droglioma*). A syllable
begins with the last consonant before a vowel, or with a pair that begins Latin and Greek words, *bl*, *ph*, *tr*.
"""

from __future__ import annotations

import re

from mirage.language.words import remembered

SOFT_HYPHEN = "\u00ad"
LONG = 12
"""Letters from which a word may be broken."""
_SHORTEST = 3  # letters at its beginning and its end that stay together
_WORD = re.compile(rf"[^\W\d_]{{{LONG},}}")
_VOWELS = "aeiouyàáâãäåèéêëìíîïòóôõöùúûüœæ"
_ONSETS = "chl|chr|phl|phr|thr|bl|br|ch|cl|cr|dr|fl|fr|gl|gr|ph|pl|pr|qu|rh|th|tr"
_BREAK = re.compile(rf"(?<=[{_VOWELS}])([^{_VOWELS}]*?)((?:{_ONSETS}|[^{_VOWELS}]))(?=[{_VOWELS}])", re.IGNORECASE)
_PREFIX = re.compile(r"(?:hyper|inter|sub|super(?!i))(?=[^\W\d_]{6})", re.IGNORECASE)  # what follows begins anew


@remembered(8192)
def hyphenated(text: str) -> str:
    """A text with soft hyphens in its long words; only to be shown, never to be searched for or cited."""
    return _WORD.sub(lambda found: _parted(found.group()), text)


def _parted(word: str) -> str:
    prefix = _PREFIX.match(word)
    begins = prefix.end() if prefix else 0
    places = [begins, *(place for found in _BREAK.finditer(word) if (place := found.end(1)) >= begins + _SHORTEST)]
    inside = [place for place in places if _SHORTEST <= place <= len(word) - _SHORTEST]
    return SOFT_HYPHEN.join(word[one:last] for one, last in zip([0, *inside], [*inside, len(word)], strict=True))
