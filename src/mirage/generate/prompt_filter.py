"""Is this a prompt for a generator of medical images? A simple rule with its reasons, no judge of people's intentions.

What names something medical for sure, a modality or a disease, makes a prompt medical whatever else it says. Words that
everyday English has too ("mass", "heart", "stone") do so only where they are more than half of what is said: "mass in the
neck", not "mass of people at a protest". A prompt is refused as well when it asks for the likeness of a person: a portrait,
a photo of somebody in whom nothing medical is to be seen, or a person by name.

There is no list of persons. Two words are taken for a name where they begin with capitals, or stand in small letters right
after "of", "by", "from" or "like" without an article, and neither is a word of medicine or one that describes. A name that
the lexicon has for a disease or a sign, two of them that it has for one thing (Graves and Basedow), and a name before
"syndrome", "malformation" and the like are no persons.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from mirage.errors import BadInput
from mirage.language.annotation import annotate
from mirage.language.concepts import Lexicon, lexicon
from mirage.language.vocabulary import Token, is_uncommon, vocabulary
from mirage.language.words import FILLERS, fold
from mirage.wording import N_, _

FOR = N_(
    "It draws medical images for teaching, as in “axial brain MRI”, “frontal chest X-ray, pneumonia” or “coronal CT of the "
    "abdomen”."
)
# Medical words that the lexicon does not hold, since they tell nothing of what a sentence claims.
_IMAGING = frozenset(
    "tomography spect histology histopathology microscopy micrograph myelogram venogram arthrogram cystogram urogram "
    "gadolinium barium endoscopy colonoscopy dermoscopy scintigram ecg ekg".split()
)
_CLINICAL = frozenset(
    "anteroposterior arm avulsion cell consolidation contusion ear echo facial film foot fundus ground-glass hand head "
    "joint leg limb lip lobe drusen lymph nail nerve oblique organ pain palate paranasal pathology penis plaque rash scalp "
    "scan sepsis shock skeleton throat tissue tooth wound defect duct catheter shunt tube ossification infiltration tendon "
    "poisoning".split()
)
_DISEASES = frozenset(
    "covid gout rickets measle syndrome disease chickenpox smallpox goiter jaundice palsy gangrene leprosy eczema "
    "psoriasis".split()
)
# Short forms of modalities that are everyday words when they are not in capitals.
_IN_CAPITALS = frozenset("pet mr us stir flair gre rf".split())
# Names of diseases that everyday English has for other things.
_EVERYDAY = frozenset(
    "cancer stroke collapse stone tear mass shock pregnancy swelling swollen dislocation rupture perforation obstruction "
    "injury trauma infection contraction depression fall cold virus".split()
)
# What can be seen of a person without any instrument.
_SURFACE = frozenset("face eye lip ear nose hand foot leg arm head neck skin hair breast chest thigh buttock".split())
# Who has a disease, and how it is said, tell neither for nor against.
_NEUTRAL = FILLERS | frozenset(
    "normal abnormal acute chronic severe mild moderate early late left right bilateral upper lower adult pediatric "
    "paediatric neonatal newborn infant baby child boy girl man woman men women male female patient person old young year "
    "month week day pa ap lateral anterior posterior medial coronal axial sagittal transverse frontal large small multiple "
    "single typical classic showing weighted contrast high low with without after before due".split()
)
_EPONYM_HEADS = frozenset(
    "syndrome disease malformation sign deformity node nodes anomaly phenomenon palsy dystrophy ataxia triad tetralogy "
    "foramen ligament canal gland duct line angle body bodies ring contracture esophagus area procedure shunt type "
    "classification grade".split()
)
# What laymen call a disease or an organ, in words that say nothing of medicine on their own.
_LAY = re.compile(
    r"(?i)\b(?:slipped dis[ck]|collapsed lung|water on the brain|hole in the heart|wisdom t\w+th|tennis elbow)\b"
)
# A long word that general English hardly has is most often one of medicine, where it is no surname.
_LONG = 9
_SURNAME = re.compile(
    r"^[A-Z].*(?:egger|berg|stein|mann?|son|sk[iy]|ov|ev|ich|ez|ini|elli|poulos|escu|ford|ton|worth|wood)$"
)
_ADJECTIVE = re.compile(r"^\w{3,}(?:[tnrg]ic|[ntrdml]al|ous|ated|oid|ary|ive|tion|sis|ally|ar)$")
_LATIN = re.compile(r"(?:us|is|um|ale|ia|oma|(?<!s)on)$")
_PICTURE = r"(?:photo|photograph|picture|image|painting|drawing|sketch|snapshot|close-?up)s?"
_PORTRAIT = re.compile(
    r"\b(?:selfie|portrait|celebrit(?:y|ies)|mug ?shot|headshot|passport photo|self-portrait)s?\b"
    r"|\b(?:the|our) (?:president|prime minister|queen|king|pope)\b"
    r"|\b(?:naked|nude|sexy|beautiful|pretty|handsome)\b.*\b(?:man|woman|men|women|boy|girl|person|people|lady|teacher)\b",
    re.IGNORECASE,
)
_PEOPLE = re.compile(
    rf"\b{_PICTURE} of (?:\w+ ){{0,4}}?(?:me|man|woman|men|women|boy|girl|child|children|person|people|face|mother|father|"
    r"friend|teacher|doctor|boss|neighbou?r|actor|actress|singer|politician|president)\b",
    re.IGNORECASE,
)
_FACE = re.compile(
    r"\b(?:smile|likeness) of\b|\bface of (?:(?:a|my|his|her|our|your)\b|the (?:man|woman|boy|girl|president)|(?-i:[A-Z]))"
    r"|\b(?:his|her|my|your|(?!(?:child|infant|baby|newborn|patient)['’]s)\w+['’]s) face\b",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"\b(?:[Oo]f|[Ff]rom|[Ll]ike|[Nn]amed|[Pp]atient|[Pp]resident|M[rs]s?\.?|[Dd]r\.?)\s+([A-Z][a-z’']{2,})[\s-]+([A-Z][a-z’']{2,})((?:[\s-]+[A-Z][\w’']+)*(?:[\s-]+[\w’']+)?)"
)

_FIRST = re.compile(
    r"^([A-Z][a-z]{2,})\s+([A-Z][a-z]+(?:egger|berg|stein|mann|son|sk[iy]|ez|elli|escu))\b((?:[\s-]+[\w’']+)?)"
)
_SMALL = re.compile(
    r"\b(?:of|by|from|like)\s+(?:(?:his|her|our|my|your)\s+\w+\s+)?(?!(?:the|an|his|her|our|my|your|this|that)\b)"
    r"(?=([a-z’']{3,})\s+([a-z]{3,})((?:[\s-]+(?!(?:with|and|in|on|after|who)\b)[\w’']+){0,3}))"
)
# Small words that may stand after "of", and who or what may without an article.
_DESCRIBING = re.compile(r"(?:ing|ed|ly|ness|able|ible|like|wise|shaped|ish|less|ful|ment|ance|ence|ity|ous|ing|tion|sion)$")
_ORDINARY = frozenset(
    "and the with for from into that this these those any all some other same own both each two three four five six seven "
    "eight nine ten several many few very extremely really new fresh big little long short thick thin wide narrow deep "
    "light dark black white gray red blue hot sick ill healthy human whole entire half part side top bottom front back "
    "inner outer soft hard heavy metal foreign object car crash gunshot bullet knife victim athlete player runner soldier "
    "smoker worker driver pilot teen teenager adolescent elderly senior lady gentleman guy people twin animal dog cat horse "
    "rat mouse mice monkey sheep pig rabbit good bad poor great best quality view slice research study unknown origin time "
    "real medical radiology emergency hospital student anything something what which who how".split()
)
_OWNED = re.compile(r"\b([A-Z][a-z]{2,})\s+([A-Z][a-z]{2,})['’]s\b((?:[\s-]+[\w’']+)?)")


def check(prompt: str) -> None:
    """Refuse what the generators are not for.

    Raises
    ------
    mirage.errors.BadInput
        With what they are for.
    """
    tokens = annotate(prompt).tokens
    if _shows_a_person(prompt, tokens):
        raise BadInput(_("This generator does not draw faces or real persons. %(value)s", value=_(FOR)))
    if not (_images(prompt) or _LAY.search(prompt) or any(map(_is_disease, tokens)) or _mostly_medical(tokens)):
        raise BadInput(
            _(
                "Nothing medical is named in “%(prompt)s”, and this generator can draw nothing else. %(value)s",
                prompt=prompt[:120],
                value=_(FOR),
            )
        )


def _shows_a_person(prompt: str, tokens: Sequence[Token]) -> bool:
    if _PORTRAIT.search(prompt) or any(
        _is_a_person(prompt, names) for pattern in (_NAMED, _OWNED, _FIRST, _SMALL) for names in pattern.finditer(prompt)
    ):
        return True
    images = _images(prompt)
    inside = images or any(_is_disease(token) or (_is_medical(token) and token.word not in _SURFACE) for token in tokens)
    return bool((_PEOPLE.search(prompt) and not inside) or (_FACE.search(prompt) and not images))


def _is_a_person(prompt: str, names: re.Match[str]) -> bool:
    """Whether two names, and what follows them, are a person's rather than a disease's or a structure's."""
    first, second, after = names.groups()
    known = lexicon()
    if any(match.start < names.end(2) and names.start(1) < match.end for match in known.find(prompt, typed=True).matches):
        return False
    if not _names_of(known).get(_folded(first), frozenset()).isdisjoint(_names_of(known).get(_folded(second), ())):
        return False
    if any(
        token.word in _EPONYM_HEADS or _is_disease(token) or (_is_medical(token) and token.text[0].isupper())
        for token in annotate(after.replace("-", " ").strip()).tokens
    ):
        return False
    if _ADJECTIVE.search(first) or any(_LATIN.search(name) and is_uncommon(name.lower()) for name in (first, second)):
        return False
    if first.islower() and any(_is_ordinary(word, known) for word in (first, second)):
        return False
    return not any(
        (_is_medical(token) and not (token.text == first and _is_long(token))) or token.word in _NEUTRAL
        for token in annotate(f"{first} {second}").tokens
    )


def _is_ordinary(word: str, known: Lexicon) -> bool:
    """Whether a word in small letters describes, or is one of medicine that is no name."""
    describes = word in _ORDINARY or word in _NEUTRAL or _DESCRIBING.search(word) or _ADJECTIVE.search(word)
    return bool(describes) or _folded(word) in _small_words(known)


def _folded(word: str) -> str:
    return fold(word.replace("’", "'").removesuffix("'s"))


@lru_cache(maxsize=2)
def _names_of(known: Lexicon) -> Mapping[str, frozenset[str]]:
    """Words that the lexicon writes with a capital, as it does names of persons, to the concepts named with them."""
    found: dict[str, set[str]] = {}
    for concept in known.concepts.values():
        for name in (concept.name, *concept.synonyms, *concept.lay):
            for word in re.findall(r"[A-Z][a-zà-ÿ]{2,}", name):
                found.setdefault(_folded(word), set()).add(concept.name)
    return {word: frozenset(names) for word, names in found.items()}


@lru_cache(maxsize=2)
def _small_words(known: Lexicon) -> frozenset[str]:
    """Words that the lexicon writes in small letters."""
    names = (name for each in known.concepts.values() for name in (each.name, *each.synonyms, *each.lay, *each.adjectives))
    return frozenset(_folded(word) for name in names for word in re.findall(r"\b[a-z]{3,}", name))


def _images(prompt: str) -> bool:
    """Whether a modality is named."""
    said = annotate(prompt)
    named = [words for words in said.modalities.values() if words.lower() not in _IN_CAPITALS or words.isupper()]
    kinds = {lexicon().kind(match.concept) for match in lexicon().find(prompt).matches}
    return bool(named) or "modality" in kinds or any(token.word in _IMAGING for token in said.tokens)


def _is_disease(token: Token) -> bool:
    """Whether a word names a disease and nothing else."""
    if token.word in _DISEASES:
        return True
    known = token.concept in vocabulary().kinds or is_uncommon(token.word)
    return token.kind == "disease" and known and token.word not in _EVERYDAY


def _is_medical(token: Token) -> bool:
    """Whether a word can be one of medicine."""
    if token.word in _CLINICAL or token.word in _EVERYDAY or _is_disease(token):
        return True
    if token.kind in ("anatomy", "finding") and token.word not in _NEUTRAL:
        return True
    return _is_long(token)


def _is_long(token: Token) -> bool:
    """Whether a word is long, hardly English and no surname."""
    return len(token.word) >= _LONG and is_uncommon(token.text.lower()) and not _SURNAME.search(token.text)


def _mostly_medical(tokens: Sequence[Token]) -> bool:
    """Whether more than half of what is told is medical; words that general English hardly has count neither way."""
    told = [token for token in tokens if token.concept and token.kind != "plain" and token.word not in _NEUTRAL]
    medical = sum(_is_medical(token) + (_is_long(token) and bool(_LATIN.search(token.word))) for token in told)
    other = sum(not _is_medical(token) and not is_uncommon(token.text.lower()) for token in told)
    return medical > other
