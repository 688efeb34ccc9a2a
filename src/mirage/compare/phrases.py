"""What a text says that pictures show: words and short phrases, without what it denies, how it reports, and where it looks.

"There is no hemorrhage; a large ring-enhancing mass involves the corpus callosum." says *ring-enhancing mass* and *corpus
callosum*. It does not say *hemorrhage*, and *large* alone would tell nobody anything.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from mirage.language.annotation import annotate
from mirage.language.sentences import cut
from mirage.language.vocabulary import Token, spelled_out
from mirage.language.words import FILLERS, fold, stem

Key = tuple[str, ...]
LONGEST = 3

# How a report speaks, and what is true of many a picture: these end a phrase.
_BREAKS = """
about above acquisition across actual additional additionally adequate adjacent administration admission aforementioned
again age ago allow along also although amount anterior anteriorly ap apparent appear appearance appreciate april area
arise arrow arterial aspect assess associate assume asterisk attached august author available average axial background
bear become begin believe below beneath best better beyond big bigger black blue box call cardiac-gated case cause
centimeter certain change characteristic characterize circle clear clearly click clinical cm coexist color common
commonly compare comparison compatible complete completely concern confirm consider consist consistent contain continue
contrast correlate correspond could count course courtesy credit cross current day decade december deep define definite
definitive degree delayed delineate delineated demarcated demarcation demonstrable demonstrate depict describe despite
detail detected determine develop diagnose diagnosis diagnostic diameter different differential difficult dimension
direct discover discuss discussion distal distinct document dominant due easily eg either enough entire entity equivocal
especially essentially estimate etc etiology evaluate evidence evident exam examination exclude exhibit expect extend
extension extensive extent face fact factoid fairly fat-suppressed feature february few fiesta film final find finding
findings first five flash follow form four frame fse fspgr further gad gadolinium gd general give good great greater
greatest green grossly group haste help highlight history hour however hu huge identified identify ie illustrate image
immediately impression incidental include increasingly indicate inferior inferiorly initial initially inspection
instance interpret interval intravenous involve involvement isolate iv january july june keep know label lack large
larger lateral laterally lead least leave legend less level like likely limit list little locate location look lower
main mainly make man many map march mark marker massive may mean measure measurement medial medially mid midportion
millimeter minimal minus mip mm monday montage month mostly multifocality multilevel multiplanar name near nearly need
new next noncontrast nondominant nonenhanced nonspecific note noting november number numerous observe obtain obtained
obvious occupy occur october often old one only oral order origin originate other otherwise overall pa page part partial
partially particular patient pattern people percent perform perhaps persist phase picture place please plus point
portion position positive possible possibly post postcontrast posterior posteriorly potential pre precontrast
predominant predominantly presence present presentation presume previous primarily primary prior probable probably
procedure process produce projection prominent protocol provide proximal quite radiologic radiologist radiology
radiopaedia range rather read reader real recent recommend reconstruction red refer reference reformat reformatted
regard region relate relative relatively remain remainder remaining remote report represent require respective
respectively result reveal review same sample scout see select separate september sequence serial series seven several
shape show side sided sign significant similar similarly since site six size slice slight slightly small smaller
specific specify spect spgr status still strong study subsequent subsequently subtle suggest suggestive superior
superiorly support suppressed suppression surround suspect suspicious symptom take technique tell thank though thought
three through throughout time tiny together top topic toward two type typical typically ultimately unable unclear under
undergo unenhanced unit unremarkable unusual upper uptake use useful usual usually value various vary venous very via
view visible visualize weight weighted weighting well while white whole wide width window within without woman work
worse worst year yellow yet zone
"""
# Part of a phrase, never one alone: "mural nodule" and "mass effect" tell, "mural" may, "mass" does not.
_WEAK = """
abdomen abnormal abnormality acute adult aggressive apex artery attenuate attenuation avid axial axially base benign
bifurcation body bone bony border brain branch bright cavity cell central chest child chronic complication component
condition content cortex cortical cranial dark decrease defect dense density diffuse diffusely disease disorder early
edge effect elderly elevate end external extra feeding floor fluid focal foci focus foreign gland gray grey head
heterogeneous high homogeneous increase infection inflammation inner intense intensity internal intra irregular
irregularity joint late lesion line lobe local long loss low malignant margin marked markedly mass matter metal middle
mild minimally mixed moderate multifocal multiple muscle neck nerve normal organ outer oval patchy pathologic pediatric
pelvis peripheral poorly recurrent reduce roof root round rounded secondary segment severe shaft shift short signal
single skull smooth soft solitary space spine structure subacute surface suspicious syndrome system t1 t2 tail thick
thin tip tissue tract trauma tumor vein ventricle ventricular vessel wall white
"""
_CT = """
attenuate attenuation dense density hounsfield hyperattenuating hyperdense hyperdensity hypoattenuating hypodense
hypodensity isodense
"""
_MR = """
adc blooming diffusion dwi hyperintense hyperintensity hypointense hypointensity intensity isointense signal
susceptibility t1 t2
"""

_PLAIN = frozenset({"normal", "abnormal", "multiple", "single", "large", "small", "contrast", "enlarged"})


@dataclass(frozen=True, slots=True)
class Phrase:
    """Some words of a text that stand together.

    Attributes
    ----------
    key : tuple of str
        What the words mean: the same for *enhancing mass* and *enhancing masses*, *renal* and *kidney*.
    words : str
        As the text has them.
    known : bool
        Whether the project's vocabulary knows one of them as anatomy, a disease or a finding.
    disease : bool
        Whether it knows one of them as a disease.
    whole : bool
        Whether they are all that a sentence says.
    """

    key: Key
    words: str
    known: bool
    disease: bool = False
    whole: bool = False


@lru_cache(maxsize=1)
def _classes() -> dict[str, frozenset[int]]:
    lists = {"breaks": _BREAKS, "weak": _WEAK, "ct": _CT, "mr": _MR}
    classes = {name: frozenset(s for word in text.split() if (s := stem(word)) is not None) for name, text in lists.items()}
    fillers = {s for word in FILLERS if (s := stem(word)) is not None}
    return {**classes, "breaks": (classes["breaks"] | fillers) - classes["weak"]}


@lru_cache(maxsize=50_000)
def _is(name: str, word: str) -> bool:
    return " " not in word and stem(word) in _classes()[name]


def modality_of(words: str) -> str:
    """The one modality in whose pictures a phrase can be seen: ``CT`` for density, ``MR`` for signal, else empty."""
    parts = [fold(word) for word in re.findall(r"\w+", words)]
    if any(_is("mr", part) for part in parts):
        return "MR"
    return "CT" if any(_is("ct", part) for part in parts) else ""


def phrases(text: str) -> Iterator[Phrase]:
    """The words and phrases of up to `LONGEST` words that a text affirms, in order, repeated as often as it says them."""
    for sentence in map(spelled_out, cut(text)):
        runs = list(_runs(sentence))
        for run in runs:
            yield from _parts(sentence, run, len(runs) == 1)


def _runs(sentence: str) -> Iterator[list[Token]]:
    """Unbroken runs of tokens that count, outside of what is denied."""
    reading = annotate(sentence)
    denied = {place for denial in reading.denials for place in denial.places}
    run: list[Token] = []
    for place, token in enumerate(reading.tokens):
        counts = token.concept in reading.concepts and place not in denied
        counts = counts and not _is("breaks", token.word) and len(token.word) > 1
        if run and (not counts or sentence[run[-1].end : token.start].strip(" -–\u2010\u2011")):
            yield run
            run = []
        if counts:
            run.append(token)
    if run:
        yield run


def _parts(sentence: str, run: list[Token], alone: bool) -> Iterator[Phrase]:
    for size in range(1, LONGEST + 1):
        for start in range(len(run) - size + 1):
            part = run[start : start + size]
            key = tuple(token.concept for token in part)
            strong = [token for token in part if token.concept not in _PLAIN and not _is("weak", token.word)]
            if strong and len(set(key)) == size:
                written = re.sub(r"[-–\s]*\s[-–\s]*", " ", sentence[part[0].start : part[-1].end])
                kinds = {token.kind for token in strong} - {""}
                yield Phrase(key, written, bool(kinds), "disease" in kinds, alone and size == len(run))


def best_form(forms: Mapping[str, int]) -> str:
    """How readers write a phrase: the commonest form, in lower case but for names and short forms such as AVM."""
    by_lower: Counter[str] = Counter()
    for form, count in forms.items():
        by_lower[" ".join(form.lower().split())] += count
    lower = min(by_lower.items(), key=lambda item: (-item[1], len(item[0]), item[0]))[0]
    written: Counter[str] = Counter()
    for form, count in forms.items():
        if form.lower() == lower:
            written[" ".join(map(_as_read, form.split()))] += count
    return min(written.items(), key=lambda item: (-item[1], item[0]))[0] if written else lower


def _as_read(word: str) -> str:
    if word.isupper():
        return word if len(word) <= 5 else word.lower()
    return word.lower() if word[1:].islower() else word
