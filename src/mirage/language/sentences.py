"""Medical prose into sentences, word for word.

Notes are full of stops that end nothing ("e.g.", "Fig. 1", "3.5 cm", "S. aureus"), of sentences that end without one
(bullets, lines), and of stops that nothing follows ("arteries.There is").
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from mirage.language.words import remembered

# Longer than any sentence a person reads at once; a run without a stop is cut.
LONGEST = 800
_NEAR = 200
_TAIL = 8  # characters that tell whether a line goes on

# Lower case, without the last stop. What ends a sentence as often as not ("etc", "cm") is not among them.
_ABBREVIATIONS = frozenset(
    "e.g i.e eg ie cf vs viz resp approx ca c.f fig figs tab ref refs eq dr drs mr mrs ms prof st jr sr rt lt no nos vol "
    "pp ed eds al inc dept est dx ddx hx tx fx pt pts wt ht temp max min avg incl excl esp lat med ant inf"
    " jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
# A single capital after one of these names a kind and ends a sentence; elsewhere it is an initial or a genus.
_KINDS = frozenset(
    "type grade stage class vitamin hepatitis group image figure panel level zone category protein factor".split()
)
_BULLET = re.compile(
    r"^\s*(?:[•●▪◦‣·*→►✓»>\uf0a7\-–—]+\s+|[•●▪◦‣·→►✓»>\uf0a7]+|[*]+(?=\w)|[-–—]+(?=[A-Za-z])"
    r"|\(?(?:\d{1,2}|[a-hA-H]|[ivx]{1,4})(?:[.)]|\.\))\s+(?=\S)|\d{1,2}\)\d?\s*(?=[A-Z]))"
)
_BULLETS = re.compile("[•●▪◦]")
_INLINE_BULLET = re.compile(r"(?<=\S)\s*[•●▪◦]\s*(?=\S)")
_COUNTED = re.compile(r"(?:^|(?<=\s))\(?(\d{1,2})[.)]\s+(?=[A-Z])")
_END = re.compile(r"""[.!?…]+["'”’)\]]*""")
_REFERENCE = re.compile(r"(?:\s?\[\d+(?:\s*[,–-]\s*\d+)*\])+")
_STARTS = re.compile(r"""["'“‘(\[]*[A-Z0-9À-Þ]""")
_GLUED = re.compile(r"(?<=[a-z)\]])([.?!])(?=[A-Z][a-z]+[\s,]|[A-Z]\s|The\b)")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a passage.

    Attributes
    ----------
    text : str
        Word for word, white space folded, without a bullet.
    listed : bool
        Whether it is an item of a list or a line without a stop, rather than a sentence of prose.
    place : int
        0 for the first of its passage.
    heading : str
        The heading above it, as "About pulmonary embolism"; empty without one.
    is_heading : bool
        Whether it is a heading itself: a line that ends in a colon.
    """

    text: str
    listed: bool
    place: int
    heading: str = ""
    is_heading: bool = False


@remembered(2048)
def split(text: str) -> tuple[Sentence, ...]:
    """Cut a passage into sentences and headings.

    A line break ends a sentence only where what follows is a new item, paragraph or line of its own; a broken
    line of prose is put together again. What is longer than `LONGEST` is cut at a clause.
    """
    found: list[Sentence] = []
    heading, place = "", 0
    for line, listed in _lines(text):
        if line.endswith(":") and len(line) < 120:
            heading = line.rstrip(": ")
            found.append(Sentence(line, True, place, is_heading=True))
            continue
        for part in ends(line):
            item = listed or not part.rstrip("\"'”’)]").endswith((".", "!", "?"))
            for piece in _pieces(part):
                found.append(Sentence(piece, item, place, heading))
                place += 1
    return tuple(found)


def cut(text: str) -> tuple[str, ...]:
    """The texts of all sentences and headings of a passage that hold a letter or a digit."""
    return tuple(one.text for one in split(text) if any(letter.isalnum() for letter in one.text))


def _pieces(sentence: str) -> list[str]:
    pieces, start = [], 0
    while len(sentence) - start > LONGEST:
        cut = max(sentence.rfind(mark, start + LONGEST // 2, start + LONGEST) for mark in (";", ",", " "))
        cut = cut if cut > 0 else start + LONGEST
        pieces.append(sentence[start:cut])
        start = cut + len(sentence[cut : cut + LONGEST]) - len(sentence[cut : cut + LONGEST].lstrip(" ,;"))
    return [each for piece in (*pieces, sentence[start:]) if (each := piece.strip(" ,;"))]


def _lines(text: str) -> list[tuple[str, bool]]:
    """Lines with their bullets off, broken prose joined, and whether each is an item of a list."""
    lines: list[tuple[list[str], bool]] = []  # the parts of each
    length, tail, fresh = 0, "", True  # of the line before
    for raw in (part for line in text.splitlines() for part in _items(line)):
        bullet = _BULLET.match(raw)
        line = " ".join(raw[bullet.end() :].split() if bullet else raw.split())
        if not line:
            fresh = True
            continue
        broken = length > 50 and not (fresh or bullet) and not tail.endswith((".", "!", "?", ":"))
        if broken and (line[0].islower() or tail.endswith((",", " and", " or", " the", " of", " with"))):
            lines[-1][0].append(line)
            length, tail = length + 1 + len(line), f"{tail} {line}"[-_TAIL:]
        else:
            lines.append(([line], bool(bullet)))
            length, tail = len(line), line[-_TAIL:]
        fresh = False
    return [(" ".join(parts), listed) for parts, listed in lines]


def _items(line: str) -> list[str]:
    """A line cut before the bullets inside it, and before "1. ... 2. ..." where the numbers count up."""
    # Most lines hold none of these signs, which is told at once.
    cuts, number = [match.start() for match in _INLINE_BULLET.finditer(line)] if _BULLETS.search(line) else [], 1
    counted = []
    for match in _COUNTED.finditer(line) if "1" in line and "2" in line else ():
        if int(match[1]) == number:
            counted.append(match.start())
            number += 1
    cuts = sorted({0, *cuts, *(counted if number > 2 else [])})
    return [line[start:end] for start, end in zip(cuts, [*cuts[1:], len(line)], strict=True)]


def ends(line: str) -> list[str]:
    """Cut one line of prose at the ends of its sentences."""
    line = _GLUED.sub(r"\1 ", line)
    parts: list[str] = []
    start = 0
    for match in _END.finditer(line):
        end = match.end()
        reference = _REFERENCE.match(line, end)
        if reference:
            end = reference.end()
        if ends_at(line, match.start(), end) and line[start:end].strip(" .…"):
            parts.append(line[start:end].strip())
            start = end
    rest = line[start:].strip()
    return [*parts, rest] if rest else parts


def ends_at(line: str, stop: int, end: int) -> bool:
    """Whether the stop at `stop`, its brackets and references up to `end` included, ends a sentence.

    Parameters
    ----------
    line : str
    stop, end : int
        Places in it.
    """
    if end >= len(line):
        return True
    # Near the stop only: a long line is full of stops.
    after = line[end : end + _NEAR].lstrip()
    if not line[end].isspace() or not _STARTS.match(after):
        return False
    return line[stop] != "." or not _abbreviates(line[max(0, stop - _NEAR) : stop].split(), after)


def _abbreviates(words: list[str], after: str) -> bool:
    """Whether a full stop after these words belongs to the last of them."""
    last = words[-1].lstrip("(\"'“[") if words else ""
    if last.lower() in _ABBREVIATIONS:
        return last.lower() != "no" or after[0].isdigit()
    if len(last) == 1 and last.isalpha() and last.isupper():
        return len(words) < 2 or words[-2].lower() not in _KINDS
    # "1. Clot": a number that opens the line counts, it does not say.
    return len(words) == 1 and last.isdigit()


def clip(text: str, most: int) -> str:
    """The text, or its beginning up to the last clause that ends before `most` characters, and "…".

    Parameters
    ----------
    text : str
    most : int
        Characters.
    """
    if len(text) <= most:
        return text
    room = text[: most - 2]
    cut = max(room.rfind(mark) for mark in ("; ", ", ", " – ", " - ", ": "))
    if cut < most // 2:
        cut = max(cut, room.rfind(" and "), room.rfind(" which "), room.rfind(" that "))
    if cut < most // 3:
        cut = room.rfind(" ")
    return f"{text[:cut].rstrip(' ,;:–-')} …" if cut > 0 else f"{room} …"


_ENGLISH = frozenset(
    "the a an of in on is are was were with and or to from by for at no not this that there which it its as be has have "
    "within without shows seen case patient".split()
)
_OTHERS = {
    "Spanish": "el la los las de del en un una unos con sin que y se por para es son está no hay muestra lesión como al",
    "French": "le la les des du de un une dans avec et est sont pas pour sur qui que au aux il une à",
    "German": "der die das den dem ein eine einer mit und ist sind nicht im in von zu auf für bei es",
    "Italian": "il lo la i gli le di del della un una con che e è sono non per nel nella da",
    "Portuguese": "o a os as de do da em um uma com que e é são não por para no na ao",
}
# Words of denial, of sides and of findings that no English text has: one is enough where nothing speaks for English.
_TELLING = {
    "Spanish": "sin descarta descartan descartada descartado niega ausencia fractura fracturas hallazgos neumotórax "
    "neumonía ningún ninguna ninguno negativo radiografía tomografía izquierdo izquierda derecho derecha "
    "apendicitis visibles observa evidencian pero nódulo tumoración ausente derrame resonancia ecografía gammagrafía "
    "gammagrafia mamografía angiotomografía arteriografía ultrasonografía ecocardiografía",
    "French": "sans aucun aucune gauche droit droite décelable épanchement échographie radiographie exclue infirmée "
    "visibles",
    "German": "kein keine keinen keinem keiner keines ohne nachweis ausschluss ausgeschlossen nicht eines einem "
    "einen röntgen fraktur frakturen befund unauffällig erguss pleuraerguss blutung raumforderung "
    "verdacht",
    "Italian": "senza nessun nessuna nessuno assenza frattura fratture esclusa escluso versamento polmonite sinistra destra",
    "Portuguese": "sem nenhum nenhuma ausência fratura fraturas não pneumotórax esquerda esquerdo direita direito "
    "evidência nega",
    "Dutch": "geen zonder niet aanwijzingen fractuur bloeding tekenen uitgesloten longen",
}
_OTHER_LANGUAGES = {
    name: (frozenset(_OTHERS.get(name, "").split()), frozenset(telling.split())) for name, telling in _TELLING.items()
}
OTHER = "another language"
_LONGEST_FOR_LANGUAGE = 2000


@remembered(1024)  # the slices of a stack share most of their words, and each is asked about by several
def language_of(text: str) -> str:
    """Guess from letters and small words: empty for English and for a text too short to tell, else its name or `OTHER`."""
    text = text[:_LONGEST_FOR_LANGUAGE]
    if not text.isascii():
        letters = [letter for letter in text if letter.isalpha()]
        latin = sum(letter.isascii() or unicodedata.name(letter, "").startswith(("LATIN", "GREEK")) for letter in letters)
        if latin < 0.7 * len(letters):
            return OTHER
    words = [word for word in re.findall(r"[^\W\d_]+", text.lower()) if len(word) > 1]  # "(A)" and "(E)" are in no language
    held = set(words)
    english = sum(map(_ENGLISH.__contains__, words))
    likeliest, most = "", max(1, english)
    for name, (small, telling) in _OTHER_LANGUAGES.items():
        told = 2 * len(held & telling)
        # A few small words tell nothing, as "no" and "in" are in many languages.
        if (told or len(words) > 2) and (said := told + sum(map(small.__contains__, words))) > most:
            likeliest, most = name, said
    return likeliest


def is_english(text: str) -> bool:
    """Whether nothing speaks for another language; a text without letters is in none."""
    return any(map(str.isalpha, text)) and not language_of(text)
