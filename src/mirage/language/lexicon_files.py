"""The lexicon's files: concepts as plain data, one a line of JSON, and the tables that are worked out from them.

The files that ship lie in ``shipped/lexicon``, by organ system; a file of somebody's own may add to them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from mirage.errors import BadInput
from mirage.language.words import WORD, fold, joined, remembered, stems
from mirage.letters import unaccented
from mirage.shipped import SHIPPED
from mirage.wording import _

FOLDER = SHIPPED / "lexicon"
RULES = "10"  # goes up when texts are read by other rules, so that atlases read theirs anew
_MOST_BYTES = 64 * 2**20
KINDS = ("disease", "finding", "anatomy", "procedure", "device", "modality", "sequence", "plane")
_EPONYM = re.compile(r"[A-Z][a-zà-ÿ]{3,} [a-z]")
# Words of "left atrium" and "in situ" that say of no short form beside them what it means.
_SETTLE_NOTHING = frozenset("left right in around of and the to disease".split())
SEPARATOR, NEXT = "|", "\t"  # no name holds one


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing of medicine.

    Attributes
    ----------
    name : str
        Preferred, and unique.
    kind : str
        One of `KINDS`.
    synonyms, lay, es : tuple of str
        Other names, what people say who are no doctors, and Spanish names.
    abbreviations : mapping
        Short form to words of which one settles that it is meant; to none where it is meant unless another is settled.
    parents : tuple of str
        Broader concepts, by name.
    apart : tuple of str
        What its parents are kinds of, and it is not: a *spinal meningioma* is no *brain tumor*.
    organ : str
        The anatomy that it concerns, by name.
    adjectives : tuple of str
        Of an anatomy: words that mean "of it".
    source, reviewed : str
        Who says so, where one could doubt; which clinician has read the entry, if one has.
    """

    name: str
    kind: str
    synonyms: tuple[str, ...] = ()
    lay: tuple[str, ...] = ()
    es: tuple[str, ...] = ()
    abbreviations: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parents: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    organ: str = ""
    adjectives: tuple[str, ...] = ()
    source: str = ""
    reviewed: str = ""


_FORMS = {"abbreviations": "short forms, each with a list of words"}


def read(path: Path) -> dict[int, Concept]:
    """Read the concepts of a file, one a line of JSON, by the number of the line.

    Raises
    ------
    mirage.errors.BadInput
        When a line is broken, which the message names, or the file is none that could be a lexicon.
    """
    known = {each.name for each in fields(Concept)}
    concepts = {}
    for number, line in enumerate(_bytes_of(path).split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
            if not isinstance(values, dict):
                raise ValueError("it has to be an object: fields in braces")
            strange = sorted(set(values) - known)
            if strange:
                raise ValueError(f"it has no field {strange[0]!r}")
            for name, each in values.items():
                several = name not in ("name", "kind", "organ", "source", "reviewed", "abbreviations")
                texts = each if several and isinstance(each, list) else [each]
                right = isinstance(each, dict) if name == "abbreviations" else isinstance(each, list if several else str)
                if not right or not (name == "abbreviations" or all(isinstance(one, str) and one.strip() for one in texts)):
                    raise ValueError(
                        f"its {name!r} has to be {_FORMS.get(name, 'a list of texts' if several else 'a text')}"
                    )
            if SEPARATOR in values["name"]:
                raise ValueError(f"its name holds {SEPARATOR!r}")
            if values["kind"] not in KINDS:
                raise ValueError(f"there is no kind {values['kind']!r}; there are: {', '.join(KINDS)}")
            read_values: dict[str, Any] = {
                name: tuple(each) if isinstance(each, list) else each for name, each in values.items()
            }
            concept = Concept(**read_values)
            _check_names(concept)
            concepts[number] = concept
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            why = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            why = "its brackets go too deep" if isinstance(error, RecursionError) else why
            raise BadInput(
                _("Line %(number)s of the lexicon %(path)s cannot be read: %(why)s.", number=number, path=path, why=why)
            ) from error
    return concepts


def _check_names(concept: Concept) -> None:
    for name in (concept.name, *concept.synonyms, *concept.lay, *concept.es):
        if not WORD.search(name) or not stems(name):
            raise ValueError(f"its name “{name}” has no word that could be looked for")


def _bytes_of(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise BadInput(_("The lexicon %(path)s is no file. Name a file with one concept a line.", path=path))
    if path.stat().st_size > _MOST_BYTES:
        raise BadInput(
            _(
                "The lexicon %(path)s is larger than %(MOST_BYTES)s MB, which no lexicon is.",
                path=path,
                MOST_BYTES=_MOST_BYTES // 2**20,
            )
        )
    return path.read_bytes()


TABLES = FOLDER / "tables.json"


def files(own: Path | None = None) -> list[Path]:
    """The files of the lexicon that ships, and somebody's own."""
    return sorted(FOLDER.glob("*.jsonl")) + ([own] if own else [])


def digest_of(paths: Iterable[Path]) -> str:
    """What changes when a file does, or the rules that texts are read by."""
    return hashlib.sha256(RULES.encode() + b"".join(map(_bytes_of, paths))).hexdigest()


def read_all(paths: Iterable[Path]) -> dict[str, Concept]:
    """Read the concepts of some files, by name.

    Raises
    ------
    mirage.errors.BadInput
        When a line is broken, a name stands twice, a parent is missing or parents go round; the message names the line.
    """
    found: dict[str, Concept] = {}
    places: dict[str, str] = {}
    for path in paths:
        for number, concept in read(path).items():
            place = _("Line %(number)s of the lexicon %(path)s", number=number, path=path)
            if concept.name in found:
                raise BadInput(
                    _(
                        "%(place)s has “%(concept)s”, which stands before it already. Give it another name.",
                        place=place,
                        concept=concept.name,
                    )
                )
            found[concept.name], places[concept.name] = concept, place
    _check_parents(found, places)
    return found


def tables_of(concepts: Mapping[str, Concept]) -> dict[str, Any]:
    """What names are looked up in, so that JSON can hold it; long texts, because 20,000 small ones take longer to read."""
    _check_parents(concepts, {})
    adjectives = _organs_of_adjectives(concepts.values())

    def words_of(name: str) -> list[str]:
        plain = map(folded, WORD.findall(joined(name)))
        return [adjectives.get(word, word) for word in plain]

    forms: dict[str, int] = {}
    longest: dict[str, set[int]] = {}

    def take(name: str, number: int) -> None:
        if words := words_of(name):
            forms.setdefault(" ".join(words), number)
            longest.setdefault(words[0], set()).add(len(words))

    short: dict[str, list[tuple[int, list[str]]]] = {}
    for number, concept in enumerate(concepts.values()):
        for name in (concept.name, *concept.synonyms, *concept.lay, *concept.es):
            take(name, number)
        for each, context in concept.abbreviations.items():
            settling = sorted({word for phrase in context for word in words_of(phrase) if word not in _SETTLE_NOTHING})
            short.setdefault(each, []).append((number, settling))
    for number, concept in enumerate(concepts.values()):  # "sellar" is the sella turcica, where nothing else has that name
        for adjective in concept.adjectives:
            take(adjective, number)
    eponyms: dict[str, set[int]] = {}
    for number, concept in enumerate(concepts.values()):
        for name in (concept.name, *concept.synonyms):
            if _EPONYM.match(name) and len(words := words_of(name)) > 1 and (first := words[0]) not in forms:
                eponyms.setdefault(first, set()).add(number)
    lengths = {word: tuple(sorted(several, reverse=True)) for word, several in longest.items()}
    different = sorted(set(lengths.values()))
    place = {each: number for number, each in enumerate(different)}
    owned = Counter(forms.values())
    return {
        "names": SEPARATOR.join(concepts),
        "kinds": SEPARATOR.join(concept.kind for concept in concepts.values()),
        "parents": NEXT.join(SEPARATOR.join(concept.parents) for concept in concepts.values()),
        "apart": {concept.name: concept.apart for concept in concepts.values() if concept.apart},
        "organs": SEPARATOR.join(concept.organ for concept in concepts.values()),
        "forms": SEPARATOR.join(sorted(forms, key=forms.__getitem__)),
        "forms of each": [owned[number] for number in range(len(concepts))],
        "first words": SEPARATOR.join(lengths),
        "lengths of each": [place[each] for each in lengths.values()],
        "lengths": different,
        "short": short,
        # "Crohn's" is Crohn disease, where no other thing is called after Crohn.
        "eponyms": {word: next(iter(owners)) for word, owners in eponyms.items() if len(owners) == 1},
        "adjectives": adjectives,
    }


def split(text: str) -> list[str]:
    """What `tables_of` joined."""
    return text.split(SEPARATOR) if text else []


def _check_parents(concepts: Mapping[str, Concept], places: Mapping[str, str]) -> None:
    right: set[str] = set()
    for start in concepts:
        path, waiting = {start: None}, [iter(concepts[start].parents)]  # no recursion: a chain may be long
        while waiting:
            name = next(reversed(path))
            place = places.get(name, _("The lexicon's “%(name)s”", name=name))
            parent = next(waiting[-1], None)
            if parent is None:
                waiting.pop()
                path.popitem()
                right.add(name)
            elif parent not in concepts:
                raise BadInput(
                    _(
                        "%(place)s: “%(name)s” has the parent “%(parent)s”, which the lexicon does not have.",
                        place=place,
                        name=name,
                        parent=parent,
                    )
                )
            elif parent in path:
                names = list(path)
                circle = " → ".join((*names[names.index(parent) :], parent))
                raise BadInput(_("%(place)s: the parents go round in a circle: %(circle)s.", place=place, circle=circle))
            elif parent not in right:
                path[parent] = None
                waiting.append(iter(concepts[parent].parents))


def _organs_of_adjectives(concepts: Iterable[Concept]) -> dict[str, str]:
    """Adjective to the word for its organ, where both are one word and the adjective has one organ only."""
    organs: dict[str, set[str]] = {}
    for concept in concepts:
        if concept.kind == "anatomy" and " " not in concept.name:
            for adjective in concept.adjectives:
                if " " not in adjective:
                    organs.setdefault(folded(adjective), set()).add(folded(concept.name))
    return {adjective: next(iter(names)) for adjective, names in organs.items() if len(names) == 1}


@remembered(50_000)
def folded(word: str) -> str:
    """One word in the form that names are compared in, without accents."""
    return fold(unaccented(word))
