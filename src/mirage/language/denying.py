"""What a query says is not to be there: "no fracture chest x-ray" denies the fracture, and asks for the chest film.

A caption that denies goes on denying up to the end of its clause; who types a query puts what is wanted right behind it.
So a denial reaches the first thing behind it with its own adjectives, and the rest of a list. How a picture is made, and the
body part behind what is denied, are what it should show, unless nothing else is there to be denied: "knee MRI not CT".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from mirage.language.asking import ASKING, modifiers
from mirage.language.concepts import Lexicon, Match, lexicon
from mirage.language.negation import PSEUDO

HOW = frozenset({"modality", "sequence", "plane"})  # kinds that say how a picture was made
_CUE = re.compile(r"(?i)(?<![\w/-])(?:no|not|without|w/o|sin|ni|except|excluding|other than|rather than)(?![\w/-])")
_PSEUDO = re.compile(rf"(?i)\b(?:{'|'.join(map(re.escape, PSEUDO))})\b")
_CONTRAST = re.compile(r"(?i)\s*(?:(?:any|the|iv|i\.v\.|intravenous|oral)\s+)*(?:contrast\w*|gad\w*)\b(?! enhanc)")
_BETWEEN = frozenset(ASKING["denied"]["between"].split())
_LIST = re.compile(r"(?i)\s*(?:(?:[,;]\s*)?\b(?:and/or|or|nor|and|y|e|o|u|ni)\b|[,;/&])\s*")
_JOINED = re.compile(r"(?i)\b(?:or|nor|and|y|e|o|u|ni)\b")
_ADJECTIVE = re.compile(r"(?i)(?:ed|ing|ic|al|ous|ive|ar|ary|ad[oa]s?|id[oa]s?)$")
_PARTING = ";"  # no name goes on behind it
_WORD = re.compile(r"[^\W\d_]+")
# What stands behind a thing and denies it: "fracture not seen", "tumor, no".
_BEHIND = re.compile(rf"(?i)(?:(?<![\w/-])|(?=[,:]))(?:{'|'.join(ASKING['denied']['behind'])})(?![\w/-])")


class Denied(NamedTuple):
    """What a query denies.

    Attributes
    ----------
    names : frozenset of int
        Where the names begin of what is denied.
    which : frozenset of int
        Where something is named that only says which thing is denied: the *thymus* of "no big thymus lipoma".
    said : tuple of tuple of int
        From where to where words stand that deny, with those between them and what they deny.
    """

    names: frozenset[int]
    which: frozenset[int]
    said: tuple[tuple[int, int], ...]


def denied_in(text: str, found: Sequence[Match]) -> Denied:
    """What a query denies.

    Parameters
    ----------
    text : str
        As `apart` gives it.
    found : sequence of Match
        What it names.
    """
    names, which, said = set[int](), set[int](), list[tuple[int, int]]()
    made = {each.start for each in found if lexicon().kind(each.concept) in HOW}
    for cue in _BEHIND.finditer(text):
        if (not cue["bare"] or cue.end() + 1 in made) and (before := _before(text, found, cue.start())):
            names |= before
            said.append(cue.span())
    aside = [*said, *(each.span() for each in _PSEUDO.finditer(text))]
    for cue in _CUE.finditer(text):
        if any(start <= cue.start() < end for start, end in aside) or _CONTRAST.match(text, cue.end()):
            continue
        own, adjectives = _after(text, [each for each in found if each.start >= cue.end()], cue.end())
        if own:
            names |= own
            which |= adjectives
            said.append((cue.start(), min(own | adjectives)))
    return Denied(frozenset(names), frozenset(which - names), tuple(said))


def apart(text: str) -> str:
    """A text of the same length in which a body part behind what is denied makes no name with it: "no tumor; brain MRI"."""
    known, signs = lexicon(), list(text)
    for cue in _CUE.finditer(text):
        after = [each for each in known.find(text, typed=True).matches if each.start >= cue.end()]
        if not after or _words_between(text[cue.end() : after[0].start]):
            continue
        head = after[0]
        for each in after:  # "fracture, dislocation" is a name elsewhere
            signs[each.start : each.end] = text[each.start : each.end].replace(",", _PARTING)
        for blank in re.finditer(" ", text[head.start : head.end]):
            first, rest = text[head.start : head.start + blank.start()], text[head.start + blank.end() : head.end]
            if _is_only(known, first, ("disease", "finding")) and _is_only(known, rest, ("anatomy",), by_name=True):
                signs[head.start + blank.start()] = _PARTING
    return "".join(signs)


def _is_only(known: Lexicon, text: str, kinds: Sequence[str], by_name: bool = False) -> bool:
    """Whether a text is one name, of one of some kinds; of an organ no adjective, as in Spanish *cálculo renal*."""
    found = known.find(text, typed=True).matches
    whole = len(found) == 1 and (found[0].start, found[0].end) == (0, len(text)) and known.kind(found[0].concept) in kinds
    return whole and (not by_name or text.lower() == found[0].concept)


def _words_between(gap: str) -> bool:
    """Whether there is more between a denial and a name than words that say how or how large it is."""
    words = [word.lower() for word in _WORD.findall(gap)]
    strange = [word for word in words if word not in _BETWEEN and lexicon().canonical(word) not in modifiers()]
    return bool(strange) or bool(re.search(r"[.;:,()?]", gap))


def _after(text: str, found: Sequence[Match], place: int) -> tuple[set[int], set[int]]:
    """Where what a denial before it denies begins, and where what says which."""
    known = lexicon()
    if not found or _words_between(text[place : found[0].start]):
        return set(), set()
    kinds = [known.kind(each.concept) for each in found]
    if kinds[0] in HOW:
        return _list_of(text, found, kinds, HOW), set()
    head = 0
    while head < len(found) - 1 and _describes(text, kinds[head], found[head], found[head + 1], kinds[head + 1]):
        head += 1
    if kinds[head] == "anatomy":  # "liver not spleen"
        return _list_of(text, found, kinds, {"anatomy"}), set()
    things = frozenset(kinds) - HOW - {"anatomy"}
    passed = {each.start for each, kind in zip(found[:head], kinds[:head], strict=True) if kind == "anatomy"}
    denied = {each.start for each in found[:head]} - passed
    for each, kind in zip(found[head + 1 : head + 2], kinds[head + 1 : head + 2], strict=True):  # "sin masa renal"
        adjective = kind == "anatomy" and text[each.start : each.end].lower() in known.adjectives
        if adjective and not text[found[head].end : each.start].strip():
            passed.add(each.start)
    return denied | _list_of(text, found[head:], kinds[head:], things), passed


def _describes(text: str, kind: str, one: Match, other: Match, its: str) -> bool:
    """Whether a name says which thing the next one is, as in *enhancing mass* and *thymus cyst*."""
    gap = text[one.end : other.start]
    if its in (*HOW, "anatomy") or _words_between(gap):
        return False
    return kind == "anatomy" or _ADJECTIVE.search(text[one.start : one.end]) is not None


def _list_of(text: str, found: Sequence[Match], kinds: Sequence[str], of: frozenset[str] | set[str]) -> set[int]:
    """Where the things of a list begin: those behind a comma belong to it where *or* or *and* ends it."""
    listed, waiting = {found[0].start}, set[int]()
    for before, each, kind in zip(found, found[1:], kinds[1:], strict=False):
        gap = text[before.end : each.start]
        joint = _LIST.match(gap)
        adjective = not gap.strip() and _ADJECTIVE.search(text[before.start : before.end]) is not None
        after = joint is not None and not _words_between(gap[joint.end() :])
        if kind not in of or not (after or adjective):
            break
        waiting.add(each.start)
        if adjective or _JOINED.search(gap):
            listed |= waiting
            waiting.clear()
    return listed


def _before(text: str, found: Sequence[Match], place: int) -> set[int]:
    """Where what is denied behind it begins: "no longer seen" speaks of the thing, or the list, right before it."""
    known, denied = lexicon(), set[int]()
    end = place
    for each in reversed([one for one in found if one.end <= place]):
        gap = text[each.end : end]
        joined = bool(denied) and _LIST.fullmatch(gap) is not None and _JOINED.search(gap) is not None
        if known.kind(each.concept) in (*HOW, "anatomy") or (gap.strip() and not joined):
            break
        if denied and not joined:
            break
        denied.add(each.start)
        end = each.start
    return denied
