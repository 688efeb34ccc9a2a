"""What an atlas holds, organ system by organ system: conditions, findings and structures with how many figures show each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mirage.browse.inventory import CONDITION, FINDING, STRUCTURE, Inventory
from mirage.browse.suggest import query_for
from mirage.errors import NotFound
from mirage.language.concepts import Lexicon, lexicon
from mirage.wording import N_, _

# A concept is of the first system of which one of these parts of the body is its organ, or what that is a part of.
_SYSTEMS: Mapping[str, tuple[str, str]] = {
    "brain": (N_("Brain"), "brain|meninges|cerebrospinal fluid|pituitary gland|ventricular system"),
    "eye": (N_("Eye and orbit"), "orbit|eye"),
    "spine": (N_("Spine and spinal cord"), "spine|spinal cord"),
    "breast": (N_("Breast"), "breast"),
    "heart": (N_("Heart"), "heart|pericardium"),
    "vessels": (N_("Blood vessels"), "artery|vein|blood vessel|great vessels|aorta"),
    "women": (
        N_("Female organs and pregnancy"),
        "uterus|ovary|fallopian tube|uterine adnexa|vagina|vulva|placenta|fetus|broad ligament|round ligament of the uterus"
        "|rectouterine pouch|vesicouterine pouch",
    ),
    "men": (N_("Male organs"), "prostate|seminal vesicle|vas deferens|testis|scrotum|penis|ejaculatory duct"),
    "urinary": (N_("Kidneys, urinary tract and adrenals"), "urinary tract|kidney|adrenal gland"),
    "blood": (N_("Blood, lymph and spleen"), "lymph node|bone marrow|spleen|thymus"),
    "digestive": (
        N_("Digestive system"),
        "gastrointestinal tract|esophagus|stomach|bowel|liver|gallbladder|bile duct|pancreas|peritoneum|mesentery|omentum",
    ),
    "head": (N_("Head and neck"), "head|neck"),
    "bones": (
        N_("Bones, joints and muscles"),
        "bone|joint|muscle|tendon|ligament|cartilage|extremity|upper extremity|lower extremity|innominate bone|buttock",
    ),
    "chest": (N_("Chest and lungs"), "chest"),
    "abdomen": (N_("Abdomen and pelvis"), "abdomen|pelvis"),
    "skin": (N_("Skin and soft tissue"), "skin|soft tissue|subcutaneous tissue"),
    "nerves": (N_("Nerves"), "nerve"),
}
_WHOLE = "body"  # figures of it are of no place in it
ANYWHERE = "anywhere"
NAMES: Mapping[str, str] = {**{key: name for key, (name, _) in _SYSTEMS.items()}, ANYWHERE: N_("Not of one organ")}
"""The systems by the name that addresses use, to what people call them, in the order of the page."""
_ORDER = (
    "brain spine eye head heart vessels chest breast digestive urinary abdomen women men bones skin nerves blood".split()
)
_PARTS = {part: key for key, (_, parts) in _SYSTEMS.items() for part in parts.split("|")}
_RANK = {key: number for number, key in enumerate(_SYSTEMS)}


@dataclass(frozen=True, slots=True)
class Held:
    """A concept that figures show.

    Attributes
    ----------
    name : str
        What a search finds it by.
    kind : {"disease", "finding", "anatomy"}
    organ : str
        Where it is, by the name of the anatomy; empty where that is not one place. Of an anatomy, itself.
    figures : int
        How many show it or a kind of it.
    example : int
        Key of the figure that stands for it.
    """

    name: str
    kind: str
    organ: str
    figures: int
    example: int


@dataclass(frozen=True, slots=True)
class System:
    """What an atlas holds of an organ system; of each the commonest first.

    Attributes
    ----------
    key : str
        One of `NAMES`.
    conditions, findings, structures : tuple of Held
    figures : int
        How many figures show any of it.
    """

    key: str
    conditions: tuple[Held, ...]
    findings: tuple[Held, ...]
    structures: tuple[Held, ...]
    figures: int


def systems_of(inventory: Inventory) -> list[System]:
    """Sort what an atlas holds by organ system; systems of which it holds nothing are left out."""
    known = lexicon()
    held: dict[str, list[Held]] = {}
    keys: dict[str, set[int]] = {}
    for name in inventory.named:
        kind = known.kind(name)
        if kind not in (CONDITION, FINDING, STRUCTURE) or name == _WHOLE or not (query := query_for(name)):
            continue
        organ = name if kind == STRUCTURE else _organ(name, known)
        system = system_of(organ, known)
        one = Held(query, kind, organ, inventory.count(name), inventory.examples[name])
        held.setdefault(system, []).append(one)
        keys.setdefault(system, set()).update(inventory.figures[name].tolist())
    return [
        System(
            key,
            _sorted(held[key], CONDITION),
            _sorted(held[key], FINDING),
            _sorted(held[key], STRUCTURE),
            len(keys[key]),
        )
        for key in (*_ORDER, ANYWHERE)
        if key in held
    ]


def system_named(systems: Sequence[System], key: str) -> System:
    """One system of those that there are.

    Raises
    ------
    mirage.errors.NotFound
        When there is no such system, or the atlas holds nothing of it.
    """
    found = next((each for each in systems if each.key == key), None)
    if found is None:
        there = ", ".join(each.key for each in systems)
        raise NotFound(
            _("This atlas holds nothing under %(key)s. There is: %(there)s.", key=repr(key[:40]), there=there)
            if there
            else _("This atlas holds nothing under %(key)s.", key=repr(key[:40]))
        )
    return found


def _sorted(held: Sequence[Held], kind: str) -> tuple[Held, ...]:
    return tuple(sorted((each for each in held if each.kind == kind), key=lambda each: (-each.figures, each.name)))


def system_of(organ: str, known: Lexicon) -> str:
    """The organ system of an anatomy, by its name."""
    near = [_PARTS[part] for part in (organ, *known.parents(organ)) if part in _PARTS] if organ in known else []
    return min(near, key=_RANK.__getitem__, default=ANYWHERE)


def _organ(name: str, known: Lexicon) -> str:
    """Where a condition is; where the lexicon does not say, where the nearest broader one is that has a place."""
    waiting, seen = [name], {name}
    while waiting:
        one = waiting.pop(0)
        if organ := known.organ(one):
            return organ
        new = [each for each in known.broader(one) if each not in seen]
        seen.update(new)
        waiting += new
    return ""
