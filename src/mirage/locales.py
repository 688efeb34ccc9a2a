"""The languages that texts are translated into: which there are, which one somebody asks for, how each writes numbers.

A language is a file of the catalogue, ``xx.po``, read when it is first spoken: a file that a person edits is then the
only one there is, and a package needs no step that compiles it. English stands in the code and reads no file at all.
"""

from __future__ import annotations

import io
import logging
import os
import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from mirage.wording import language, ngettext, nN_

_log = logging.getLogger(__name__)

ENGLISH = "en"
_ENGLISH = NullTranslations()
_NAMED = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*")
_MOST_ASKED = 2_000  # characters of a header, of which browsers send 50
_LETTERS = {"es": re.compile(r"h?[ií](?!e)", re.IGNORECASE)}


@lru_cache(maxsize=1)
def codes() -> tuple[str, ...]:
    """Give the languages that there are by their codes, English first."""
    return ENGLISH, *sorted(each.name.removesuffix(".po") for each in _catalogue().iterdir() if each.name.endswith(".po"))


def _catalogue() -> Traversable:
    return files("mirage") / "web" / "catalogue"


@lru_cache(maxsize=8)
def translations_of(code: str) -> NullTranslations:
    """Give what says the texts in a language; English, also in place of a damaged file, says them as they stand.

    Parameters
    ----------
    code : str
        One of `codes`.
    """
    if code == ENGLISH:
        return _ENGLISH
    try:
        return GNUTranslations(io.BytesIO(compiled(code)))
    except Exception:  # a file that somebody edits: what is wrong with it holds up nobody who reads
        _log.exception("The texts of the language %s cannot be read (%s.po); English is spoken in their place.", code, code)
        return _ENGLISH


def compiled(code: str) -> bytes:
    """Give the texts of a language in the form that `gettext` reads.

    Parameters
    ----------
    code : str
        One of `codes`, and not English, which has no file.
    """
    # Here, because who reads English should not wait for it.
    from babel.messages.mofile import write_mo  # noqa: PLC0415
    from babel.messages.pofile import read_po  # noqa: PLC0415

    made = io.BytesIO()
    write_mo(made, read_po(io.BytesIO((_catalogue() / f"{code}.po").read_bytes()), locale=code))
    return made.getvalue()


@lru_cache(maxsize=8)
def own_name(code: str) -> str:
    """Give what a language calls itself: "Español"."""
    if code == ENGLISH:
        return "English"
    name = _locale(code).get_display_name() or code
    return name[:1].upper() + name[1:]


def known(code: str) -> str:
    """Give the language that a name of a locale means, as ``es_MX.UTF-8`` means es; empty where there is none such.

    Parameters
    ----------
    code : str
        As it came: from a cookie, a header or the environment.
    """
    code = code.partition(".")[0].partition("@")[0]
    if code in ("C", "POSIX"):
        return ENGLISH
    if len(code) > _MOST_ASKED or not _NAMED.fullmatch(code):
        return ""
    parts = code.replace("_", "-").lower().split("-")
    there = {each.lower().replace("_", "-"): each for each in codes()}
    # By RFC 4647, "lookup": the longest beginning that there is.
    tried = ("-".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((there[each] for each in tried if each in there), "")


def accepted(header: str) -> str:
    """Give the language that a browser likes most among those that there are; empty where it names none.

    Parameters
    ----------
    header : str
        Of ``Accept-Language``: ``es-MX,es;q=0.9,en;q=0.8``.
    """
    liked: list[tuple[float, str]] = []
    for each in header[:_MOST_ASKED].split(","):
        name, _, rest = each.partition(";")
        match = re.fullmatch(r"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*", rest)
        weight = float(match[1]) if match else 0.0 if rest.strip() else 1.0
        if weight and (code := known(name.strip())):
            liked.append((weight, code))
    return max(liked, key=lambda each: each[0])[1] if liked else ""  # of equals the first


def of_environment(environment: Mapping[str, str] = os.environ) -> str:
    """Give the language that somebody's machine is set to, as gettext reads it; English where it names none that there is.

    Parameters
    ----------
    environment : mapping of str to str
    """
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environment.get(name, ""):
            found = next(filter(None, (known(each) for each in value.split(":"))), "")
            if found or name != "LANGUAGE":
                return found or ENGLISH
    return ENGLISH


# -- how each writes ---------------------------------------------------------------------------------------------------


def number(value: float, digits: int = 0) -> str:
    """Write a number: 1,234.5 in English, 1.234,5 in Spanish.

    Parameters
    ----------
    value : float
    digits : int
        After the point.
    """
    return _number(value, digits, language())


@lru_cache(maxsize=4096)
def _number(value: float, digits: int, code: str) -> str:
    if code.partition("-")[0] == ENGLISH:
        return f"{value:,.{digits}f}"
    from babel.numbers import format_decimal  # noqa: PLC0415

    return format_decimal(round(value, digits), f"#,##0.{'0' * digits}" if digits else "#,##0", _locale(code))


def day(when: date) -> str:
    """Write a day: 29 November 2026, 29 de noviembre de 2026.

    Parameters
    ----------
    when : datetime.date
    """
    if language().partition("-")[0] == ENGLISH:
        return f"{when.day} {when:%B %Y}"
    from babel.dates import format_date  # noqa: PLC0415

    return format_date(when, "long", _locale(language()))


def listed(texts: Sequence[str]) -> str:
    """Write what belongs together: a, b and c; in Spanish a, b y c, and a e i.

    Parameters
    ----------
    texts : sequence of str
    """
    if language().partition("-")[0] == ENGLISH or len(texts) < 2:
        return " and ".join(filter(None, (", ".join(texts[:-1]), *texts[-1:])))
    from babel.lists import format_list  # noqa: PLC0415

    written = format_list(list(texts), "standard", _locale(language()))
    before_i = _LETTERS.get(language().partition("-")[0])
    if before_i and before_i.match(texts[-1]):
        written = written.removesuffix(f" y {texts[-1]}") + f" e {texts[-1]}"
    return written


_COUNTED = {
    "figure": nN_("%(num)s figure", "%(num)s figures"),
    "case": nN_("%(num)s case", "%(num)s cases"),
    "file": nN_("%(num)s file", "%(num)s files"),
    "picture": nN_("%(num)s picture", "%(num)s pictures"),
    "card": nN_("%(num)s card", "%(num)s cards"),
    "row": nN_("%(num)s row", "%(num)s rows"),
    "time": nN_("%(num)s time", "%(num)s times"),
    "slice": nN_("%(num)s slice", "%(num)s slices"),
    "job": nN_("%(num)s job", "%(num)s jobs"),
    "image": nN_("%(num)s image", "%(num)s images"),
    "device": nN_("%(num)s device", "%(num)s devices"),
    "cell": nN_("%(num)s cell", "%(num)s cells"),
    "question": nN_("%(num)s question", "%(num)s questions"),
    "answer": nN_("%(num)s answer", "%(num)s answers"),
    "sentence": nN_("%(num)s sentence", "%(num)s sentences"),
    "stack": nN_("%(num)s stack", "%(num)s stacks"),
    "step": nN_("%(num)s step", "%(num)s steps"),
    "day": nN_("%(num)s day", "%(num)s days"),
    "word": nN_("%(num)s word", "%(num)s words"),
    "text": nN_("%(num)s text", "%(num)s texts"),
    "model": nN_("%(num)s model", "%(num)s models"),
    "concept": nN_("%(num)s concept", "%(num)s concepts"),
    "thing": nN_("%(num)s thing", "%(num)s things"),
    "collection": nN_("%(num)s collection", "%(num)s collections"),
    "page": nN_("%(num)s page", "%(num)s pages"),
    "person": nN_("%(num)s person", "%(num)s persons"),
    "single figure": nN_("%(num)s single figure", "%(num)s single figures"),
    "article": nN_("%(num)s article", "%(num)s articles"),
    "series": nN_("%(num)s series", "%(num)s series"),
    "repetition": nN_("%(num)s repetition", "%(num)s repetitions"),
    "setting": nN_("%(num)s setting", "%(num)s settings"),
    "thing kept": nN_("%(num)s thing kept", "%(num)s things kept"),
    "quiz": nN_("%(num)s quiz", "%(num)s quizzes"),
    "review": nN_("%(num)s review", "%(num)s reviews"),
    "thing to rate": nN_("%(num)s thing to rate", "%(num)s things to rate"),
    "rating": nN_("%(num)s rating", "%(num)s ratings"),
    "hidden figure": nN_("%(num)s hidden figure", "%(num)s hidden figures"),
    "folder or file": nN_("%(num)s folder or file", "%(num)s folders or files"),
}


def counted(number: int, thing: str) -> str:
    """``1 case``, ``2 cases``.

    Parameters
    ----------
    number : int
        Thousands are set apart with commas.
    thing : str
        In the singular; its plural is made with an s.
    """
    one, many = _COUNTED.get(thing) or (f"%(num)s {thing}", f"%(num)s {thing}s")
    return ngettext(one, many, number, num=_number(number, 0, language()))


def code_of(name: str) -> str:
    """Give the code of a language by its English name, as figures have it: Spanish is es. Empty where it is none."""
    return _named().get(name, "")


def said(name: str) -> str:
    """Give a language's English name in the language that is spoken: Spanish, español."""
    code = code_of(name)
    return (_locale(language()).languages.get(code) or name) if code else name


@lru_cache(maxsize=1)
def _named() -> dict[str, str]:
    return {name: code for code, name in _locale(ENGLISH).languages.items()}


@lru_cache(maxsize=8)
def _locale(code: str) -> Any:
    from babel import Locale, UnknownLocaleError  # noqa: PLC0415

    try:
        return Locale.parse(code.replace("-", "_"))
    except (UnknownLocaleError, ValueError):  # a language that is not in the tables writes numbers as English does
        return Locale.parse(ENGLISH)
