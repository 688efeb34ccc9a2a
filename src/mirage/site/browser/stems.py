"""Stems of words and their numbers, as the index engine has them; in a browser it goes by the name qdrant_edge.

The engine takes letters and digits in lower case and without accents, leaves English stop words out, stems by Snowball's
English stemmer and numbers a stem by MurmurHash3 (32 bits, as a signed number without its sign). Where the engine's word for
a word is another than this module's, as for stop words, `learn` is told it: the exporter asks the engine for every word of
the atlas, of the lexicon and of general English.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from snowballstemmer.english_stemmer import EnglishStemmer

_TOKEN = re.compile(r"[^\W_]+")
_ALL = 0xFFFFFFFF
_exceptions: dict[str, int | None] = {}
_stemmer = EnglishStemmer()


def learn(exceptions: Mapping[str, int | None]) -> None:
    """Take what the engine's numbers of some words are; None for a stop word.

    Parameters
    ----------
    exceptions : mapping
    """
    _exceptions.update(exceptions)
    number.cache_clear()


@lru_cache(maxsize=50_000)
def number(word: str) -> int | None:
    """The number of a word's stem.

    Parameters
    ----------
    word : str
        Letters and digits.
    """
    word = word.lower()
    return _exceptions[word] if word in _exceptions else own_number(word)


def own_number(word: str) -> int:
    """The same by this module alone.

    Parameters
    ----------
    word : str
        In lower case.
    """
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", word) if not unicodedata.combining(letter))
    return hashed(_stemmer.stemWord(plain.lower()).encode())


def hashed(data: bytes) -> int:
    """MurmurHash3 of 32 bits (Appleby, public domain), read as a signed number, without its sign.

    Parameters
    ----------
    data : bytes
    """
    value, whole = 0, len(data) // 4 * 4
    for start in range(0, whole, 4):
        value = _rotated(value ^ _mixed(int.from_bytes(data[start : start + 4], "little")), 13)
        value = (value * 5 + 0xE6546B64) & _ALL
    if rest := data[whole:]:
        value ^= _mixed(int.from_bytes(rest, "little"))
    value ^= len(data)
    value = (value ^ value >> 16) * 0x85EBCA6B & _ALL
    value = (value ^ value >> 13) * 0xC2B2AE35 & _ALL
    value ^= value >> 16
    return value if value < 2**31 else 2**32 - value


def _mixed(part: int) -> int:
    return _rotated(part * 0xCC9E2D51 & _ALL, 15) * 0x1B873593 & _ALL


def _rotated(value: int, bits: int) -> int:
    return (value << bits | value >> (32 - bits)) & _ALL


class TokenizerType:
    """The one way to cut a text that is used."""

    Word = "word"


class Bm25Config:
    """What the engine is set to; here it is always the same.

    Parameters
    ----------
    **chosen
    """

    def __init__(self, **chosen: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class Stems:
    """The numbers of a text's stems, each once."""

    indices: list[int]


class Bm25:
    """What gives the stems of a text.

    Parameters
    ----------
    config : Bm25Config
    """

    def __init__(self, config: Bm25Config) -> None: ...

    def embed_query(self, text: str) -> Stems:
        """The numbers of a text's stems, stop words left out.

        Parameters
        ----------
        text : str
        """
        found = (number(token) for token in _TOKEN.findall(text))
        return Stems(list(dict.fromkeys(each for each in found if each is not None)))
