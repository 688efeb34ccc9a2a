"""What an explanation stands on, and what it says: evidence, drafts and claims."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mirage.figure import MODALITIES, Source
from mirage.wording import N_, _

Support = Literal["supported", "partly", "unsupported", "contradicted"]  # from the best to the worst
Side = Literal["", "a", "b"]
Aspect = Literal["", "what", "where", "look", "differential", "pitfall"]
Scope = Literal["", "case", "subset"]
# What a sentence tells of, to print before it; a sentence that quotes a list says nothing without.
ASPECTS: dict[Aspect, str] = {
    "what": N_("What it is"),
    "where": N_("Where it is found"),
    "look": N_("How it looks"),
    "differential": N_("What else it could be"),
    "pitfall": N_("A pitfall"),
}
BreakKind = Literal[
    "laterality", "negation", "number", "modality", "plane", "term", "unrelated", "language", "citation", "subject", "scope"
]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One numbered passage that an explanation may use.

    Attributes
    ----------
    number : int
        1 is the first; ``[3]`` in a text means the passage with number 3.
    kind : str
        ``caption``, or the name of a case's passage: ``findings``, ``differential``, ``diagnosis``, ``discussion``.
    text : str
        The source's own words.
    figures : tuple of str
        Ids of the figures found that it speaks of, best first: one for a caption, all of the case's for its passages.
    source : Source
    case : str
        Id of the case; empty for a figure without one.
    title, diagnosis, modality, plane, region : str
        What the figure or the case is known to be, as in `mirage.figure.Figure`. A passage of a case has modality,
        plane and region only where all its figures found agree.
    side : {"", "a", "b"}
        In a comparison, whose evidence it is; a passage that both sides found is numbered once for each.
    topic : str
        What the case is filed under; may be empty.
    """

    number: int
    kind: str
    text: str
    figures: tuple[str, ...]
    source: Source
    case: str = ""
    title: str = ""
    diagnosis: str = ""
    modality: str = ""
    plane: str = ""
    region: str = ""
    side: Side = ""
    topic: str = ""

    @property
    def about(self) -> str:
        """What the passage belongs to, in words: title, diagnosis, and what kind of picture it is."""
        kind = " ".join(filter(None, [self.plane, MODALITIES.get(self.modality, self.modality), self.region]))
        return ". ".join(dict.fromkeys(part for part in (self.title, self.diagnosis, kind) if part))


@dataclass(frozen=True, slots=True)
class Draft:
    """A sentence as an explainer wrote it, not yet checked.

    Attributes
    ----------
    text : str
        Without its citation marks.
    cites : tuple of int
        Numbers of the evidence it points to, as it gave them; they may not exist.
    quoted : bool
        Whether the explainer says that these are the source's own words. The checker looks for itself.
        In a quotation, "; " stands for a line break of a list and "…" for words left out.
    aspect : str
        A key of `ASPECTS`: what the sentence tells of; empty where the explainer does not say.
    modality : str
        In which kind of picture it looks so; empty where the explainer does not say.
    scope : {"", "case", "subset"}
        Whether it tells of one case, or of some cases only.
    limit : str
        Of which case or of which some, in words: "in retrocecal appendicitis".
    against : tuple of int
        Numbers of the evidence that says otherwise.
    """

    text: str
    cites: tuple[int, ...] = ()
    quoted: bool = False
    aspect: Aspect = ""
    modality: str = ""
    scope: Scope = ""
    limit: str = ""
    against: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Break:
    """One thing in a sentence that its evidence does not bear out.

    Attributes
    ----------
    kind : str
        ``laterality``, ``negation``, ``number``, ``modality``, ``plane``, ``term`` (anatomy or diagnosis that no evidence
        holds), ``unrelated``, ``language`` (cannot be checked), ``citation`` (points at evidence that is not there),
        ``subject`` (another disease than the one asked for) or ``scope`` (one case's words told as general).
    words : str
        The sentence's words in question.
    reason : str
        What is wrong, for a person to read: "The sentence says left; [2] says right."
    support : {"partly", "unsupported", "contradicted"}
        What it makes of the sentence.
    """

    kind: BreakKind
    words: str
    reason: str
    support: Support


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence of an explanation, with its citations and whether the evidence supports it.

    Attributes
    ----------
    text : str
    cites : tuple of int
        Numbers of evidence that exists: those the explainer gave and, where it gave none that fits, the best that the
        checker found.
    support : {"supported", "partly", "unsupported", "contradicted"}
    breaks : tuple of Break
        Why it is not plainly supported; empty when it is.
    by : str
        Name of the explainer that wrote it.
    quoted : bool
        Whether it stands word for word in the evidence it cites.
    aspect, modality, scope, limit, against
        As in `Draft`.
    """

    text: str
    cites: tuple[int, ...]
    support: Support
    breaks: tuple[Break, ...] = ()
    by: str = ""
    quoted: bool = False
    aspect: Aspect = ""
    modality: str = ""
    scope: Scope = ""
    limit: str = ""
    against: tuple[int, ...] = ()

    @property
    def marks(self) -> tuple[str, ...]:
        """What a reader must know beside the sentence: how far it reaches, and who says otherwise."""
        marks: list[str] = []
        if self.scope == "case":
            marks.append(_("in one case (%(limit)s)", limit=self.limit) if self.limit else _("in one case"))
        elif self.scope == "subset" and not self.limit[:1].isdigit():  # "15% of ..." says itself of how many
            marks.append(_("of some only: %(limit)s", limit=self.limit))
        if self.against:
            marks.append(_("the sources disagree: see %(list)s", list="".join(f"[{number}]" for number in self.against)))
        return tuple(marks)

    @property
    def marked(self) -> bool:
        """Whether a reader must be warned: unsupported or contradicted."""
        return self.support in ("unsupported", "contradicted")
