"""WordPiece as the starter encoder's text tower reads it (Wu et al., 2016; Devlin et al., 2019), in plain Python.

A browser has no `tokenizers`; the numbers and the unread end are those that it gives for the same ``tokenizer.json``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_LONGEST = 100  # letters of a word; a longer one is unknown as a whole
_IDEOGRAPHS = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F), (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class WordPiece:
    """A tokenizer.

    Attributes
    ----------
    pieces : mapping
        A piece to its number; those that go on in a word begin with ``##``.
    most : int
        Numbers of one text at most, those of its beginning and its end included.
    """

    pieces: Mapping[str, int]
    most: int

    def ids(self, text: str) -> list[int]:
        """The numbers of a text, with those of its beginning and its end.

        Parameters
        ----------
        text : str
        """
        found = [number for number, _ in self._read(text)]
        return [self.pieces["[CLS]"], *found[: self.most - 2], self.pieces["[SEP]"]]

    def unread(self, text: str) -> str:
        """The end of a text that is not read; empty when all of it is.

        Parameters
        ----------
        text : str
        """
        found = list(self._read(text))
        return text[found[self.most - 3][1] :].lstrip() if len(found) > self.most - 2 else ""

    def _read(self, text: str) -> Iterator[tuple[int, int]]:
        """The number of each piece, and where it ends in the text."""
        for word, ends in _words(text):
            yield from self._of_word(word, ends)

    def _of_word(self, word: str, ends: list[int]) -> list[tuple[int, int]]:
        unknown = [(self.pieces["[UNK]"], ends[-1])]
        if len(word) > _LONGEST:
            return unknown
        found, start = list[tuple[int, int]](), 0
        while start < len(word):
            for end in range(len(word), start, -1):
                if (number := self.pieces.get(("##" if start else "") + word[start:end])) is not None:
                    found.append((number, ends[end - 1]))
                    start = end
                    break
            else:
                return unknown
        return found


def _words(text: str) -> Iterator[tuple[str, list[int]]]:
    """The words and signs of a text, cleaned, in lower case and without accents; with where each letter ends in it."""
    word, ends = "", list[int]()
    for place, given in enumerate(text, 1):
        if _is_control(given):
            continue
        apart = _is_ideograph(given)
        for letter in unicodedata.normalize("NFD", given):
            if unicodedata.category(letter) == "Mn":
                continue
            if letter.isspace() or apart or _is_sign(letter):
                if word:
                    yield word, ends
                word, ends = "", []
                if not letter.isspace():
                    yield letter.lower(), [place]
                continue
            low = letter.lower()
            word += low
            ends += [place] * len(low)
    if word:
        yield word, ends


def _is_control(letter: str) -> bool:
    return letter in "\0\ufffd" or (letter not in "\t\n\r" and unicodedata.category(letter) in ("Cc", "Cf", "Cn", "Co"))


def _is_sign(letter: str) -> bool:
    return (
        "!" <= letter <= "/"
        or ":" <= letter <= "@"
        or "[" <= letter <= "`"
        or "{" <= letter <= "~"
        or (unicodedata.category(letter).startswith("P"))
    )


def _is_ideograph(letter: str) -> bool:
    return any(first <= ord(letter) <= last for first, last in _IDEOGRAPHS)
