"""What is known of a starter generator's images: which kinds a reader recognises, and which findings a probe sees in them.

``evidence.json`` lies beside the weights. Where it says that a kind was hardly seen in training, was not recognised, or was
not looked at while others were, a prompt for it is refused in words.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from pydantic import TypeAdapter

from mirage.errors import Unavailable, first_fault
from mirage.figure import MODALITIES
from mirage.generate.generators.conditions import Conditions, PromptReading
from mirage.language.concepts import lexicon
from mirage.locales import listed
from mirage.wording import N_, _, ngettext

EVIDENCE = "evidence.json"
LEAST_PICTURES = 8
"""Of a kind with fewer training pictures nothing is drawn."""
LEAST_REAL = 0.6
"""Area under the ROC curve that a probe needs on real pictures, for what it says of images to count."""
# Where in the body, from small to large: the first that a picture or prompt has is its region.
REGIONS = (
    "orbit", "brain", "breast", "heart", "knee", "shoulder", "hip", "ankle", "foot", "wrist", "hand", "elbow", "thigh",
    "lower extremity", "upper extremity", "cervical spine", "thoracic spine", "lumbar spine", "spine", "neck", "head",
    "chest", "pelvis", "abdomen",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KindOfPicture:
    """A modality, plane and region, and what is known of its images.

    Attributes
    ----------
    modality, plane, region : str
        A key of `mirage.figure.MODALITIES`, one of `mirage.figure.PLANES`, one of `REGIONS`; empty where not said.
    pictures : int
        How many training pictures are of this kind.
    recognised, looked : int
        How many synthetic images a reader took for this kind, of how many; 0 of 0 where nobody looked.
    """

    modality: str
    plane: str
    region: str
    pictures: int
    recognised: int = 0
    looked: int = 0

    @property
    def fails(self) -> bool:
        """Whether a reader did not recognise at least half of its images."""
        return self.looked > 0 and 2 * self.recognised < self.looked

    def __str__(self) -> str:
        return " ".join(filter(None, (self.plane, self.region, MODALITIES.get(self.modality, self.modality))))


@dataclass(frozen=True, slots=True)
class SeenFinding:
    """How well a probe that learnt on real pictures tells images of a finding from others of the same kinds.

    Attributes
    ----------
    auc, low, high : float
        Area under the ROC curve with its 95 % interval; 0.5 is chance.
    images : int
        How many images were drawn with the finding, and as many without.
    real : float
        The same probe's area on real pictures that it did not learn on.
    """

    auc: float
    low: float
    high: float
    images: int
    real: float

    @property
    def seen(self) -> bool:
        """Whether the probe sees it above chance; one that does not tell it on real pictures proves nothing."""
        return self.low > 0.5 and self.real >= LEAST_REAL


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was measured of a generator.

    Attributes
    ----------
    reader : str
        Who looked at the images.
    kinds : tuple of KindOfPicture
    findings : dict
        Concept to what a probe sees of it.
    """

    reader: str = ""
    kinds: tuple[KindOfPicture, ...] = ()
    findings: dict[str, SeenFinding] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read ``evidence.json``; where there is none, nothing is known.

        Raises
        ------
        mirage.errors.Unavailable
        """
        if not path.is_file():
            return cls()
        try:
            return TypeAdapter(cls).validate_json(path.read_bytes())
        except (OSError, ValueError) as error:
            raise Unavailable(
                _(
                    "%(path)s is damaged and cannot be read (%(error)s). Install MIRAGE again.",
                    path=path,
                    error=first_fault(error),
                )
            ) from error

    def save(self, path: Path) -> None:
        """Write for `load`."""
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", "utf-8")

    def notes(self, conditions: Conditions) -> tuple[str, ...]:
        """What the generator can draw and what not, in sentences for people."""
        looked = [kind for kind in self.kinds if kind.looked]
        told = (
            N_(
                "It has learnt %(kinds)s. Other kinds of picture, and those of which it saw fewer than %(least)s or which "
                "nobody has looked at, are refused."
            )
            if looked
            else N_(
                "It has learnt %(kinds)s. Other kinds of picture, and those of which it saw fewer than %(least)s, are "
                "refused."
            )
        )
        sentences = [_(told, kinds=_modalities(conditions), least=LEAST_PICTURES)]
        if known := [str(kind) for kind in looked if not kind.fails]:
            sentences.append(
                _("Recognised on sheets without labels by %(reader)s: %(kinds)s.", reader=self.reader, kinds=listed(known))
            )
        if strange := [str(kind) for kind in looked if kind.fails]:
            sentences.append(_("Not recognised, and so refused: %(kinds)s.", kinds=listed(strange)))
        if self.findings:
            seen = [f"{name} (AUC {each.auc:.2f})" for name, each in self.findings.items() if each.seen]
            others = [name for name, each in self.findings.items() if not each.seen]
            above = _(
                "Findings that a probe which learnt on real pictures sees above chance: %(findings)s.",
                findings=listed(seen) or _("none"),
            )
            chance = _("Not told from chance: %(findings)s.", findings=listed(others)) if others else ""
            rest = _("Of others nothing was measured: they may be missing or wrong.")
            sentences.append(" ".join(filter(None, (above, chance, rest))))
        else:
            sentences.append(_("Whether it shows findings or diseases was not measured: they may be missing or wrong."))
        return tuple(sentences)

    def refusal(self, conditions: Conditions, asked: PromptReading) -> str:
        """Why a prompt is not drawn; empty where it is.

        Parameters
        ----------
        conditions : Conditions
        asked : PromptReading
            As `conditions` read the prompt.
        """
        seen = _modalities(conditions)
        if asked.modality and asked.modality not in conditions.modalities:
            named = _(MODALITIES[asked.modality])
            return _(
                "This generator has only ever seen %(seen)s: it cannot draw %(asked)s, and anything that it drew would be "
                "taken for it. Search for real figures instead.",
                seen=seen,
                asked=named if named.isupper() else named.lower(),
            )
        if not asked.names:
            return _("This generator knows none of these words. It draws %(seen)s, as in “axial brain MRI”.", seen=seen)
        wanted = asked_kind([asked])
        return self._unreadable(wanted) if self.kinds and (wanted.modality or wanted.region) else ""

    def _unreadable(self, wanted: KindOfPicture) -> str:
        """Why images of a kind could not be recognised; empty where they are."""
        fitting = [each for each in self.kinds if fits(wanted, each)]
        pictures = sum(each.pictures for each in fitting)
        if pictures < LEAST_PICTURES:
            return ngettext(
                "This generator learnt from %(num)s picture of this kind (%(kind)s), too few to draw one that could be "
                "recognised. Search for real figures instead.",
                "This generator learnt from %(num)s pictures of this kind (%(kind)s), too few to draw one that could be "
                "recognised. Search for real figures instead.",
                pictures,
                kind=wanted,
            )
        read = [each for each in fitting if each.looked]
        known = sum(each.pictures for each in read if not each.fails)
        if 2 * known >= pictures or not any(each.looked for each in self.kinds):
            return ""
        if failed := [each for each in read if each.fails]:
            told = "; ".join(
                _("%(kind)s: %(number)s of %(count)s", kind=each, number=each.recognised, count=each.looked)
                for each in failed
            )
            return _(
                "This generator's images of this kind are not recognisable (%(told)s recognised by %(reader)s), so none is "
                "drawn. Search for real figures instead.",
                told=told,
                reader=self.reader,
            )
        return _(
            "Nobody has looked whether this generator's images of this kind (%(kind)s) can be recognised, so none is drawn. "
            "Search for real figures instead.",
            kind=wanted,
        )

    def said(self, asked: Sequence[PromptReading]) -> tuple[str, ...]:
        """What led an image, and what is known of the findings among it, in sentences."""
        used = list(dict.fromkeys(name for each in asked for name in each.used))
        if not used:
            return ()
        sentences = [_("What led this image: %(names)s.", names=", ".join(used))]
        names = dict.fromkeys(name for each in asked for name in each.names)
        ill = [name for name in names if lexicon().kind(name) in ("disease", "finding") and name in used]
        if found := [name for name in ill if name in self.findings and self.findings[name].seen]:
            told = ", ".join(f"{name} (AUC {self.findings[name].auc:.2f})" for name in found)
            sentences.append(
                _("A probe that learnt on real pictures sees more than chance of: %(findings)s.", findings=told)
            )
        if rest := [name for name in ill if name not in found]:
            sentences.append(_("Nothing shows that such an image has what was asked: %(names)s.", names=", ".join(rest)))
        return tuple(sentences)


def _modalities(conditions: Conditions) -> str:
    return listed([_(MODALITIES[key]) for key in conditions.modalities])


def kinds_of(counts: dict[str, int]) -> tuple[KindOfPicture, ...]:
    """Kinds from ``modality|plane|region`` and how many pictures are of each, commonest first."""
    rows = sorted(counts.items(), key=lambda row: -row[1])
    named = [(*kind.split("|"), "", "")[:3] for kind, _ in rows]
    return tuple(KindOfPicture(m, p, r, count) for (m, p, r), (_, count) in zip(named, rows, strict=True))


def asked_kind(asked: Sequence[PromptReading]) -> KindOfPicture:
    """The kind of picture that a prompt's readings ask for, together; of each part the first that is said."""
    places = {place for each in asked for place in each.places}
    region = next((each for each in REGIONS if each in places), "")
    modality = next((each.modality for each in asked if each.modality), "")
    plane = next((each.plane for each in asked if each.plane), "")
    return KindOfPicture(modality, plane, region, 0)


def fits(wanted: KindOfPicture, kind: KindOfPicture) -> bool:
    """Whether a kind is all that is wanted; what is not said fits all.

    Parameters
    ----------
    wanted, kind : KindOfPicture
    """
    pairs = ((wanted.modality, kind.modality), (wanted.plane, kind.plane), (wanted.region, kind.region))
    return all(not asked or asked == given for asked, given in pairs)
