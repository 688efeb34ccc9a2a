"""What is taken along: the pictures of a collection or a search that may leave, with what has to travel with each.

Every way out (deck, slides, sheet, file of a quiz, key images) begins with `mirage.study.along.gather.gather`, which asks
`mirage.licensing.may_leave` for each picture and counts what stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mirage import licensing
from mirage.errors import BadInput
from mirage.figure import Figure, Licence, called
from mirage.language.concepts import lexicon
from mirage.licensing import Decision, may_leave
from mirage.storage.records import StackRow
from mirage.study.kept import Kind
from mirage.study.quiz.question import Question, names_asked
from mirage.study.quiz.words import ILL, diagnosis_of, gives_away
from mirage.wording import N_, _, looked_up, ngettext

TEACHING = N_("For teaching, not for diagnosis.")
# What XML cannot hold, and what nobody sees.
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Order:
    """For what something is taken along.

    Attributes
    ----------
    purpose : str
        Of `mirage.licensing.PURPOSES`.
    non_commercial : bool
        Whether the person says that it is passed on without gain.
    """

    purpose: str = "myself"
    non_commercial: bool = False

    def decide(self, what: Figure | Licence, way: str, *, altered: bool = False) -> Decision:
        """Whether a figure, or something under a licence, may leave by a way."""
        return may_leave(what, way, self.purpose, altered=altered, non_commercial=self.non_commercial)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture that may leave, as it is.

    Attributes
    ----------
    figure : Figure
    reference : str
        What finds the figure again, its picture included.
    path : Path
        Of the picture as it is kept; its name is the hash of its bytes.
    width, height : int
    decision : Decision
    markable : bool
        Whether it may leave with structures marked or covered, too.
    stack : StackRow or None
        The stack that it is, or is a slice of, where structures are labelled in it.
    note : str
        What the person wrote beside it.
    """

    figure: Figure
    reference: str
    path: Path
    width: int
    height: int
    decision: Decision
    markable: bool
    stack: StackRow | None = None
    note: str = ""

    @property
    def title(self) -> str:
        """What to call it."""
        return line(self.figure.title or self.figure.alt)

    @property
    def kind(self) -> str:
        """How it was taken, and of whom where that tells no answer; what the source did not say is marked as inferred."""
        return self.kind_in("")

    def kind_in(self, view: str) -> str:
        """What `kind` says, of a slice of it that was cut in another plane."""
        figure, words = self.figure, []
        for name in ("modality", "plane"):
            if name == "plane" and view:
                words.append(called(view))
            elif value := getattr(figure, name):
                what = called(value)
                if name in dict(figure.contradicted):
                    what = _("%(what)s (doubtful)", what=what)
                elif not figure.stated(name):
                    what = _("%(what)s (inferred)", what=what)
                words.append(what)
        found = diagnosis_of(figure.diagnosis) if figure.patient else None
        told = found and gives_away(figure.patient, (found.concept, *found.part))
        same = figure.diagnosis and figure.diagnosis.lower() in figure.patient.lower()
        return line(", ".join([*words, *([figure.patient] if figure.patient and not (told or same) else [])]))

    @property
    def proof(self) -> str:
        """How the diagnosis was proven, in words; empty where there is none."""
        if not self.figure.diagnosis:
            return ""
        if not self.figure.proof:
            return _("How it was proven, the source does not say.")
        return _("Proven by %(how)s.", how=called(self.figure.proof))

    @property
    def question(self) -> str:
        """What to ask of it."""
        return _("What is the diagnosis?") if self.figure.diagnosis else _("What does this picture show?")

    @property
    def answer(self) -> str:
        """What the source says that it is."""
        return line(self.figure.diagnosis or self.title)

    def credit(self, *, marked: bool = False) -> tuple[str, ...]:
        """Attribution, licence, and what the licence wants said; a link is `link`."""
        source = self.figure.source
        said = [
            line(source.attribution) or _("Attribution not stated"),
            _("Licence: %(name)s", name=line(looked_up(str(source.licence)))),
        ]
        said += [_("Passed on under the same licence.")] if "same terms" in self.decision.carries else []
        said += [_("Changed: structures are marked on it.")] if marked else []
        if self.figure.edited:
            fields = ", ".join(looked_up(name) for name, _day in self.figure.edited)
            said.append(_("Words edited by who keeps this atlas: %(fields)s.", fields=fields))
        return tuple(said)

    @property
    def link(self) -> str:
        """The closest page of its source; empty where there is none."""
        return web_link(self.figure.source.url)

    @property
    def licence_link(self) -> str:
        """Where the licence's text is; empty where that is not known."""
        return web_link(self.figure.source.licence.url)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One thing of a collection, with its pictures that may leave.

    Attributes
    ----------
    kind : str
        Of `mirage.study.kept.KINDS`.
    title, note : str
    pictures : tuple of Picture
    pairs : tuple of (Picture, Picture)
        Of a comparison: what to look at side by side, A first.
    sides : (str, str)
        Of a comparison: its two queries in words.
    said : str
        What a reader should know where pictures are missing.
    """

    kind: Kind
    title: str
    note: str = ""
    pictures: tuple[Picture, ...] = ()
    pairs: tuple[tuple[Picture, Picture], ...] = ()
    sides: tuple[str, str] = ("", "")
    said: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """All that is taken along.

    Attributes
    ----------
    key : str
        The same whenever the same is taken along, so that a deck that is made again is the same deck.
    title, notes, way : str
    order : Order
    parts : tuple of Part
    behind : tuple of Licence
        Of each picture that stayed.
    hidden, withdrawn : int
        How many pictures stayed because they are hidden from learners, and because their source has withdrawn them.
    removed : tuple of str
        Titles of what the atlas has no more.
    failed : tuple of str
        What could not be asked, and why.
    weak : int
        How many pictures a search only found to be weak hits, so that they may have nothing to do with it.
    questions : tuple of Question
        Of a quiz that was made; empty where questions are made of the pictures.
    """

    key: str
    title: str
    notes: str
    way: str
    order: Order
    parts: tuple[Part, ...]
    behind: tuple[Licence, ...] = ()
    hidden: int = 0
    removed: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    weak: int = 0
    questions: tuple[Question, ...] = ()
    withdrawn: int = 0

    def pictures(self) -> Iterator[Picture]:
        """Every figure's picture once, in order."""
        seen = set[str]()
        for part in self.parts:
            for each in part.pictures:
                if each.figure.id not in seen:
                    seen.add(each.figure.id)
                    yield each

    @property
    def quiet_title(self) -> str:
        """The title where what asks has to be called something; *Pictures* where it would give an answer away."""
        title, figures = line(self.title).casefold(), [each.figure for each in self.pictures()]
        said = {line(words).casefold() for figure in figures for words in (figure.title, figure.diagnosis)} - {""}
        named = {found.concept for figure in figures for found in lexicon().find(figure.diagnosis).matches}
        concepts = names_asked(self.questions).union(name for name in named if lexicon().kind(name) in ILL)
        told = any(words in title for words in said) or gives_away(self.title, concepts)
        return _("Pictures") if told else self.title

    @property
    def count(self) -> int:
        """Of how many figures the picture is in it."""
        return sum(1 for _each in self.pictures())

    @property
    def unmarked(self) -> int:
        """How many figures have labelled structures that nobody may mark on a copy."""
        return sum(1 for each in self.pictures() if each.stack and not each.markable)

    @property
    def stayed(self) -> tuple[str, ...]:
        """What is not in it, in sentences that count."""
        said = [words] if (words := licensing.behind(self.behind, "picture")) else []
        if self.hidden:
            said.append(
                ngettext(
                    "%(num)s picture stayed behind: it is hidden from learners.",
                    "%(num)s pictures stayed behind: they are hidden from learners.",
                    self.hidden,
                )
            )
        if self.withdrawn:
            said.append(
                ngettext(
                    "%(num)s picture stayed behind: its source has withdrawn it.",
                    "%(num)s pictures stayed behind: their sources have withdrawn them.",
                    self.withdrawn,
                )
            )
        if self.weak:
            said.append(
                ngettext(
                    "%(num)s picture that a search found is left out: it fits only weakly.",
                    "%(num)s pictures that a search found are left out: they fit only weakly.",
                    self.weak,
                )
            )
        if self.removed:
            shown = ", ".join(f"“{title}”" for title in self.removed[:5]) + (" …" if len(self.removed) > 5 else "")
            said.append(
                ngettext(
                    "%(num)s thing of it is not in the atlas any more: %(names)s.",
                    "%(num)s things of it are not in the atlas any more: %(names)s.",
                    len(self.removed),
                    names=shown,
                )
            )
        if self.way == "deck" and (number := self.unmarked):
            said.append(
                ngettext(
                    "%(num)s labelled picture has no structures marked: the licence forbids altered copies.",
                    "%(num)s labelled pictures have no structures marked: the licence forbids altered copies.",
                    number,
                )
            )
        return (*said, *self.failed)

    @property
    def standing(self) -> tuple[str, ...]:
        """What is said of the whole: what it is for, and whether it may be passed on."""
        mine = (_("For my own use; not to pass on."),) if self.order.purpose == "myself" else ()
        return (_(TEACHING), *mine)


class TooMuch(BadInput):
    """More than one file may hold."""

    status = 413


def text(given: str) -> str:
    """A text as every format can hold it: line breaks stay, what nobody sees goes."""
    return _UNSEEN.sub("", given.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode()).strip()


def line(given: str) -> str:
    """A text on one line."""
    return " ".join(text(given).split())


def web_link(given: str) -> str:
    """A link to a web page; empty for anything else."""
    return given if re.match(r"https?://[^\s\"<>\\]+$", given) else ""
