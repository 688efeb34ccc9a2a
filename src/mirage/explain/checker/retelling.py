"""Which words of a source a word retells: other names, everyday words, other forms and other parts of speech."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from mirage.language.annotation import Annotation, is_imaging
from mirage.language.concepts import lexicon
from mirage.language.vocabulary import Token, concept_of, tokenize, vocabulary
from mirage.language.words import fold, remembered

# Words with this many letters in common at their beginning, or all but their ending, are forms of one word.
_SAME, _ENDING = 5, 2
# Shorter ones are no prefixes: "bright" is no kind of "right".
_PREFIX = 3
# What turns a word into its opposite at its beginning.
_NEGATING = frozenset(("a", "an", "non", "un", "in", "im", "ir", "dis", "anti", "hypo", "hyper"))
_NEAR = 400  # characters before an abbreviation, which hold the words that it stands for
_SHORT = re.compile(r"\(\s*(?P<short>[A-Z]{2,5})s?\s*\)")
_FILE = Path(__file__).with_name("paraphrases.toml")


@lru_cache(maxsize=1)
def _groups() -> tuple[dict[str, frozenset[str]], dict[str, list[tuple[tuple[str, ...], str]]]]:
    """Concept of a word to its groups, and first word of a phrase to the phrases with theirs."""
    single: dict[str, set[str]] = {}
    phrases: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    known = vocabulary()
    for number, line in enumerate(tomllib.loads(_FILE.read_text("utf-8"))["groups"].strip().splitlines()):
        for name in line.split("|"):
            words = tuple(map(fold, name.replace("-", " ").split()))
            group = f"={number}"
            if len(words) > 1:
                phrases.setdefault(words[0], []).append((words, group))
            concept = known.phrases.get(words) or (concept_of(words[0]) if len(words) == 1 else "")
            if concept:
                single.setdefault(concept, set()).add(group)
    return {concept: frozenset(groups) for concept, groups in single.items()}, phrases


@remembered(8192)
def named(text: str) -> tuple[tuple[str, int, int], ...]:
    """Concepts of the lexicon that a sentence names, and where."""
    return tuple((match.concept, match.start, match.end) for match in lexicon().find(text).matches)


@remembered(4096)
def shorts(text: str) -> frozenset[tuple[str, frozenset[str]]]:
    """Abbreviations that a passage explains, "hepatic adenomas (HA)", with the concepts of the words they stand for."""
    found = set()
    for match in _SHORT.finditer(text):
        letters = match["short"].lower()
        words = re.findall(r"[^\W\d_]+", text[max(0, match.start() - _NEAR) : match.start()])[-len(letters) :]
        if "".join(word[0].lower() for word in words) == letters:
            found.add((letters, frozenset(token.concept for token in tokenize(" ".join(words)) if token.concept)))
    return frozenset(found)


@lru_cache(maxsize=8192)
def meanings(
    reading: Annotation, explained: frozenset[tuple[str, frozenset[str]]] = frozenset()
) -> tuple[frozenset[str], ...]:
    """For each token its concept, the names of the lexicon that it is part of, and the groups of words that retell it.

    Parameters
    ----------
    reading : Annotation
    explained : frozenset
        Abbreviations with what they stand for, as `shorts` gives them.
    """
    single, phrases = _groups()
    tokens = reading.tokens
    found = [{token.concept} | single.get(token.concept, frozenset()) if token.concept else set() for token in tokens]
    words = [token.word for token in tokens]
    for place, word in enumerate(words):
        for phrase, group in phrases.get(word.split(" ")[0], ()) if word else ():
            if tuple(" ".join(words[place : place + len(phrase)]).split()[: len(phrase)]) == phrase:
                for each in found[place : place + len(phrase)]:
                    each.add(group)
    short = dict(explained)
    for place, token in enumerate(tokens):
        if is_imaging(token.word):
            found[place].add(f"!{token.word}")
    for place, token in enumerate(tokens):
        for concept in short.get(token.word, ()):
            found[place] |= {concept} | single.get(concept, frozenset())
    for name, start, end in named(reading.text):
        for place, token in enumerate(tokens):
            if token.start < end and start < token.end and token.concept:
                found[place].add(f"@{name}")
    return tuple(map(frozenset, found))


def _alike(one: Token, other: Token) -> int:
    """How two words are forms of one: 2 as intima and intimal, 1 as tentorium and supratentorial, 0 if they are not."""
    if " " in one.word or " " in other.word or (one.kind and other.kind and one.kind != "anatomy"):
        return 0
    short, long = sorted((one.word, other.word), key=len)
    if len(short) < _SAME:
        return 0
    base = short[: max(_SAME, len(short) - _ENDING)]
    at = long.find(base)
    return 2 if at == 0 else int(at >= _PREFIX and long[:at] not in _NEGATING)


def forms(token: Token, others: Iterable[Token]) -> frozenset[str]:
    """Concepts of those words of the evidence that are forms of a word; of compounds with it only when there are no others.

    Parameters
    ----------
    token : Token
    others : iterable of Token
    """
    found: dict[int, set[str]] = {2: set(), 1: set()}
    for other in others:
        if other.concept and (how := _alike(token, other)):
            found[how].add(other.concept)
    return frozenset(found[2] or found[1])
