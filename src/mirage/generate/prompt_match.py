"""What can be checked of a synthetic image: its modality, plane and region, by the real figures that look most like it.

Nearest-neighbour classification: the labels of the real figures whose image vectors are nearest vote, and a vote that is not
clear decides nothing. Whether an image shows a finding or a disease is never checked: it is said that it was not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mirage.figure import MODALITIES, PLANES, Figure
from mirage.language.concepts import lexicon
from mirage.language.labels import MODALITY_LABELS
from mirage.wording import N_, _, looked_up

NEIGHBOURS = 15  # real figures that vote
VOTERS = 5  # of which so many at least have to state the label
CLEAR = 0.8  # share of them that has to agree
UNRELIABLE = N_("this model does not draw findings reliably")
Verdict = Literal["as asked", "otherwise", "could not be checked"]


@dataclass(frozen=True, slots=True)
class CheckedField:
    """Whether an image has the modality, plane or region that its prompt asks for.

    Attributes
    ----------
    field : {"modality", "plane", "region"}
    asked : str
        In words.
    looks_like : str
        What the nearest real figures are, in words; empty where they do not agree.
    verdict : {"as asked", "otherwise", "could not be checked"}
    """

    field: str
    asked: str
    looks_like: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class PromptMatch:
    """What was checked of what a prompt asks for.

    Attributes
    ----------
    fields : tuple of CheckedField
        Modality, plane and region, as far as the prompt names them.
    not_checked : tuple of str
        Findings and diseases that the prompt names.
    said : str
        All of it in sentences for people.
    """

    fields: tuple[CheckedField, ...]
    not_checked: tuple[str, ...]
    said: str


def check(prompt: str, nearest: Sequence[Figure], held: Mapping[str, Mapping[str, int]]) -> PromptMatch:
    """Check what can be checked.

    Parameters
    ----------
    prompt : str
    nearest : sequence of Figure
        The real figures that look most like the image, best first.
    held : mapping
        Field to its values in the atlas and how many figures have each: what it hardly holds cannot be told.
    """
    names = list(dict.fromkeys(match.concept for match in lexicon().find(prompt, typed=True).matches))
    fields = tuple(_checked(name, asked, nearest, held.get(name, {})) for name, asked in _asked(names))
    unchecked = tuple(name for name in names if lexicon().kind(name) in ("disease", "finding") and name != "normal")
    return PromptMatch(fields, unchecked, " ".join(_sentences(fields, unchecked)))


def _asked(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The fields that concepts ask for and the first concept that asks for each."""
    given: dict[str, str] = {}
    for name in names:
        kind = lexicon().kind(name)
        if kind in ("modality", "sequence") and _modality(name):
            given.setdefault("modality", name)
        elif kind == "plane" and name in PLANES:
            given.setdefault("plane", name)
        elif kind == "anatomy":
            given.setdefault("region", name)
    return ((field, given[field]) for field in ("modality", "plane", "region") if field in given)


def _modality(name: str) -> str:
    """The key of `mirage.figure.MODALITIES` that a concept means; empty where it means none."""
    return next((MODALITY_LABELS[each] for each in (name, *lexicon().parents(name)) if each in MODALITY_LABELS), "")


def _checked(field: str, asked: str, nearest: Sequence[Figure], held: Mapping[str, int]) -> CheckedField:
    words = MODALITIES[_modality(asked)] if field == "modality" else asked
    wanted = {value for value in held if value and _means(field, asked, value)}
    found = _voted([getattr(figure, field) for figure in nearest])
    looks = MODALITIES.get(found, found) if field == "modality" else found
    # What an atlas hardly holds is nobody's neighbour, and where it holds little else everything is everybody's.
    of_wanted = sum(count for value, count in held.items() if value in wanted)
    of_others = sum(count for value, count in held.items() if value not in (*wanted, "", "OT"))
    if not found or min(of_wanted, of_others) < NEIGHBOURS:
        return CheckedField(field, words, looks, "could not be checked")
    return CheckedField(field, words, looks, "as asked" if found in wanted else "otherwise")


def _means(field: str, asked: str, value: str) -> bool:
    """Whether a figure with a label shows what a concept asks for: a figure of the abdomen, where the liver is asked for."""
    if field == "modality":
        return value == _modality(asked)
    if field == "plane":
        return value == asked
    regions = {match.concept for match in lexicon().find(value).matches}
    return bool(regions & {asked, *lexicon().parents(asked)})


def _voted(labels: Iterable[str]) -> str:
    counts = Counter(label for label in labels if label not in ("", "OT"))
    if counts.total() < VOTERS:
        return ""
    label, votes = counts.most_common(1)[0]
    return label if votes >= CLEAR * counts.total() else ""


def _sentences(fields: Sequence[CheckedField], unchecked: Sequence[str]) -> Iterator[str]:
    for verdict, start in (
        ("as asked", N_("By the real figures most like it, it looks as asked in %(fields)s.")),
        ("could not be checked", N_("Could not be checked: %(fields)s.")),
    ):
        if told := [f"{looked_up(each.field)} ({looked_up(each.asked)})" for each in fields if each.verdict == verdict]:
            yield _(start, fields=", ".join(told))
    for each in fields:
        if each.verdict == "otherwise":
            yield _(
                "The %(field)s is not as asked: it looks like %(looks_like)s, not %(asked)s.",
                field=looked_up(each.field),
                looks_like=looked_up(each.looks_like),
                asked=looked_up(each.asked),
            )
    if not fields:
        yield _("Its words name no modality, plane or region, which are all that can be checked.")
    if unchecked:
        yield _("%(unchecked)s: not checked: %(unreliable)s.", unchecked=", ".join(unchecked), unreliable=_(UNRELIABLE))
