"""How typing errors of a query are mended: to words of the atlas and names, and not where another word is meant."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import OSA

from mirage.language.asking import fillers
from mirage.language.concepts import Lexicon, Match
from mirage.language.vocabulary import is_common
from mirage.language.words import BEGINNINGS, WORD, fold, stem

SHORTEST = 4  # letters of a word that is mended
_LONG = 8  # letters from which two errors are believed, and how many of them beside a beginning and an ending
_LONG_CORE = 7
_STARTS = tuple(sorted({*BEGINNINGS, "exo", "ante", "ab", "ad", "mid"}, key=len, reverse=True))
_ENDINGS = tuple(
    "ectomy otomy ostomy opathy megaly plasia trophy itis osis iasis emia uria algia rrhea cele oma oid".split()
)
_MOST_MENDED = 40  # words of a query; what is longer is a pasted text


class Mended(NamedTuple):
    """A word as it was typed, and as it was read."""

    typed: str
    read: str


def mend(
    text: str,
    kept: Collection[str],
    known_names: Lexicon,
    known: Callable[[str], bool],
    more: Callable[[], Collection[str]],
    told: Callable[[str], bool],
) -> tuple[str, tuple[Mended, ...]]:
    """The text with its typing errors mended, and which they were.

    Parameters
    ----------
    text : str
    kept : collection of str
        Words that are meant as they stand.
    known_names : Lexicon
    known, more, told : callable
        As for `mirage.language.reading.read`.
    """
    spans = [span for span in known_names.spans(text) if span[0][0].isalnum()]
    if len(spans) > _MOST_MENDED:
        return text, ()
    named = known_names.find(text, typed=True).matches
    changes: list[Mended] = []
    parts, place = list[str](), 0

    def put(start: int, end: int, better: str) -> None:
        nonlocal place
        changes.append(Mended(text[start:end], better))
        parts.extend((text[place:start], better))
        place = end

    for number, (word, start, end) in enumerate(spans):
        long = len(word) >= SHORTEST or word.lower() in BEGINNINGS
        strange = long and word.isalpha() and word.lower() not in kept
        following = spans[number + 1] if number + 1 < len(spans) else ("", end, end)
        both = word + following[0]
        within = [one for one in named if one.start < following[2] and start < one.end]
        apart = text[end : following[1]] == " " and all(" " not in text[one.start : one.end] for one in within)
        if start >= place and strange and apart and known_names.is_name(both):  # "wind pipe", which is in two words no name
            put(start, following[2], both)
            continue
        if start < place or not strange or known_names.knows(word) or known_names.canonical(word) in fillers():
            continue
        if following[0] and known_names.canonical(both) in known_names.vocabulary:  # "pneumo thorax"
            put(start, following[2], both)
            continue
        if len(word) < SHORTEST:
            continue
        if known_names.begins(text, start):  # "peri-cardail effusion"
            word, end = both, following[2]  # noqa: PLW2901 - two parts of one word
        if _built(known_names.canonical(word), known_names, known):
            continue
        better = _nearest(word, (text[:start], text[end:]), known_names, more)
        if not better or better == known_names.canonical(word):
            continue
        own = known(word) or (told(word) and OSA.distance(word.lower(), better) > 1)
        # The atlas's own words are meant as they stand; "syndrom" is none, though its stem is one's.
        if not own or (stem(better) == stem(word) and better.startswith(word.lower())):
            put(start, end, better)

    return "".join((*parts, text[place:])), tuple(changes)


def _built(word: str, known_names: Lexicon, known: Callable[[str], bool]) -> bool:
    """Whether a word is one that there is behind a beginning, *hypo* and *vascular*: it means what it says."""
    rests = (word[len(start) :] for start in _STARTS if len(start) >= SHORTEST and word.startswith(start))
    return any(len(rest) > SHORTEST and (rest in known_names.vocabulary or known(rest)) for rest in rests)


def _parts(word: str) -> tuple[str, str, str]:
    """A word's beginning, what lies between, and its ending."""
    start = next((one for one in _STARTS if word.startswith(one) and len(word) - len(one) > 2), "")
    end = next((one for one in _ENDINGS if word.endswith(one) and len(word) - len(start) - len(one) > 1), "")
    return start, word[len(start) : len(word) - len(end)], end


def _another_word(typed: str, candidate: str, distance: int, known_names: Lexicon) -> bool:
    """Whether what was typed differs from a name as words do, and not as errors do.

    *Hypocalcemia* is no error for *hypercalcemia*, nor *nephritis* for *neuritis*: what stands before the ending begins
    other names too.
    """
    start, core, end = _parts(typed)
    other, rest, _ = _parts(candidate)
    if start and other and start != other and OSA.distance(core, rest) <= 1:
        return True
    if distance > 1 and end and len(core) < _LONG_CORE:
        return True
    stem_typed = typed[: len(typed) - len(end)]
    alike = candidate.startswith(stem_typed) and candidate.endswith(end)  # "meningoma" is one for *meningioma*
    return bool(end) and len(stem_typed) >= SHORTEST and not alike and _begins_names(stem_typed, known_names)


@lru_cache(maxsize=1_000)
def _begins_names(beginning: str, known_names: Lexicon) -> bool:
    return sum(1 for word in known_names.vocabulary if word.startswith(beginning)) > 1


@lru_cache(maxsize=2)
def _names_to_mend_to(known_names: Lexicon) -> list[str]:
    return list(dict.fromkeys((*known_names.vocabulary, *known_names.adjectives)))


def _is_structure(word: str, known_names: Lexicon) -> bool:
    return any(known_names.kind(one.concept) == "anatomy" for one in known_names.find(word).matches)


def _written(folded: str, there: Sequence[Match]) -> str:
    """A folded word as the names of what it names write it: *pancreas*, which is no plural."""
    words = (word.lower() for match in there for word in WORD.findall(match.concept))
    return next((word for word in words if word.startswith(folded) and fold(word) == folded), folded)


def _nearest(word: str, around: tuple[str, str], known_names: Lexicon, more: Callable[[], Collection[str]]) -> str:
    """The word that was meant, or an empty string where none is near enough.

    A word of general English, *leaving*, is meant as it stands, unless with its neighbours the other makes a name, or its
    letters are those of a structure: *brian*.
    """
    typed, common = known_names.canonical(word), is_common(word.lower())
    farthest = 1 if len(typed) < _LONG else 2
    titles = more()
    candidates = []
    # "Appendicties" is folded as a plural is; what was meant is near the word as it was typed.
    for form in dict.fromkeys((typed, word.lower(), typed.replace("f", "ph"))):  # "scafoid"
        for words in (_names_to_mend_to(known_names), list(titles)):
            candidates += process.extract(form, words, scorer=OSA.distance, score_cutoff=farthest, limit=12)
    ranked = []
    for candidate, distance, _ in candidates:
        if len(candidate) < SHORTEST or _another_word(typed, candidate, round(distance), known_names):
            continue
        found = known_names.find(f"{around[0]}{candidate}{around[1]}", typed=True).matches
        at = len(around[0])
        here = [match for match in found if match.start <= at < match.end]
        within = max((match.end - match.start for match in here), default=0)
        named = within > len(candidate) + 1  # with its neighbours it makes a name of several words
        if len(typed) < _LONG - 2 and candidate[0] != typed[0] and not named:
            continue
        if common and not named and not (sorted(candidate) == sorted(typed) and _is_structure(candidate, known_names)):
            continue
        # Of the forms of one thing the one that it is called by: *hippocampus*, and neither *hippocampal* nor *hipocampo*.
        other_form = not any(candidate in known_names.words(match.concept) for match in here)
        nearer = distance - (candidate[0] == typed[0]) * 0.5
        ranked.append((not named, nearer, -within, candidate not in titles, other_form, _written(candidate, here)))
    if ranked:
        return min(ranked)[-1]
    if common:
        return ""
    for cut in range(SHORTEST, len(typed) - SHORTEST + 1):  # two words written as one
        if {typed[:cut], known_names.canonical(typed[cut:])} <= known_names.vocabulary:
            return f"{typed[:cut]} {typed[cut:]}"
    return ""
