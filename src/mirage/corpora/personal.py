"""What in the name of a file, or in words, looks as if it told who a patient is. A guess, for a person to look at."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING

from mirage.language.concepts import lexicon
from mirage.language.words import fold
from mirage.letters import unaccented
from mirage.wording import N_, _, looked_up

if TYPE_CHECKING:
    from mirage.figure import Case, Figure
    from mirage.images.dicom_header import DicomHeader

NAME, DATE, NUMBER = N_("a person’s name"), N_("a date"), N_("a number that may be a patient’s")
"""What something may be."""

TEXT_SUSPECTED = N_(
    "Its header does not say that no text is burned into the picture, and pictures of its kind often show a patient’s name: "
    "look at it."
)
"""What to say of such a DICOM file."""
FOR_ALL = N_("Everybody who opens this atlas reads it.")
"""What a remark on words ends with, when it is looked up."""

_DATES = (
    re.compile(r"(?<!\d)(?P<y>19\d\d|20\d\d)[-_. /]?(?P<m>0[1-9]|1[0-2])[-_. /]?(?P<d>0[1-9]|[12]\d|3[01])(?!\d)"),
    re.compile(r"(?<!\d)(?P<d>0?[1-9]|[12]\d|3[01])[-_./](?P<m>0?[1-9]|1[0-2])[-_./](?P<y>(?:19|20)?\d\d)(?!\d)"),
    re.compile(r"(?<!\d)(?P<m>0?[1-9]|1[0-2])[-_./](?P<d>0?[1-9]|[12]\d|3[01])[-_./](?P<y>(?:19|20)?\d\d)(?!\d)"),
)
_MONTHS = (
    "jan|feb|fev|fév|mar|mär|apr|abr|avr|may|mai|mag|jun|jui|giu|jul|lug|aug|aoû|aou|ago|sep|set|oct|okt|ott|out|nov|dec|dez|"
    "déc|dic|янв|фев|мар|апр|мая|июн|июл|авг|сен|окт|ноя|дек"
)
_DAYS_IN_WORDS = re.compile(
    rf"(?i)(?<!\d)(?:[0-3]?\d[. _-]{{0,2}}(?:de )?"
    rf"(?:{_MONTHS})(?:[^\W\d_]{{0,7}}[., _-]{{0,2}}(?:de )?(?:19|20)|[., _-]{{0,2}})\d\d(?!\d)|"
    rf"(?<![^\W_])(?:{_MONTHS})[^\W\d_]{{0,7}}[. _-]{{1,2}}[0-3]?\d(?:st|nd|rd|th)?,?[ _-](?:19|20)\d\d(?!\d)|"
    r"(?:19|20)\d\d年[01]?\d月[0-3]?\d日)"
)
_ENDING = re.compile(r"(?<=.)\.(?!\d+$)[^.]*$")  # of a file; "12.03.1965" has none
_UID = re.compile(r"(?<!\d)\d+(?:\.\d+){4,}(?!\d)")
_LONG = re.compile(r"(?<!\d)\d{6,}(?!\d)")
_IN_GROUPS = re.compile(r"(?<![\d-])(?:\d{3}-\d\d-\d{4}|\d{3}[ -]\d{3}[ -]\d{4})(?![\d-])")  # of an insurance
_NUMBERED = re.compile(
    r"(?i)(?<![^\W_])(?:mrn|ssn|nhs|pid|accession|acc|nhc|nip|ipp|dossier|"
    r"patient(?:en)?[ _-]?(?:id|nr|no|nummer)|fall(?:nummer|nr))"
    r"[\s.:#_°-]{0,4}[a-z]{0,3}-?\d{3,}"
)
_BY_MACHINE = re.compile(r"(?i)(?<![^\W_])(?:img|im|i|dsc[nf]?|se|ser|pict|slice|frame)[-_ ]?\d{1,8}(?![^\W_])")
"""What cameras and DICOM media call files."""
_DICOM_NAME = re.compile(r"(?<![^\W\d_])[^\W\d_]{2,}\^")  # from the first letter on alone, so that the time is linear
_ADDRESSED = re.compile(r"\b(?:Mrs?|Ms|Miss|Mister|Herr|Frau|Señora?|Sr|Sra|Patient|Pt|Name)[.:_ -]+[A-Z][^\W\d_]+")
_INITIAL = re.compile(r"(?:[A-Z]\.?[ _]+([A-Z][^\W\d_]{2,})|([A-Z][^\W\d_]{2,}),[ _]*[A-Z]\.?)[ _]*\d*")
_WORD = re.compile(r"[^\W\d_]{2,}")
# Scripts without capitals: a common family name, and one to three signs that are none of medicine.
_FAMILIES = re.compile(
    "(?:佐藤|鈴木|高橋|田中|伊藤|渡辺|渡邊|山本|中村|小林|加藤|吉田|山田|佐々木|山口|松本|井上|木村|斎藤|齋藤|清水|山崎|池田|橋本|阿部|石川|山下|"
    "中島|石井|小川|前田|岡田|長谷川|藤田|後藤|近藤|村上|遠藤|青木|坂本|福田|太田|西村|藤井|岡本|金子|藤原|三浦|中野|中川|原田|松田|"
    "[王李张張刘劉陈陳杨楊赵趙吴吳周徐孙孫马馬朱胡郭何高林罗羅郑鄭梁谢謝宋唐许許韩韓冯馮邓鄧曹彭曾肖董袁潘蒋蔣蔡余杜叶葉程苏蘇魏吕呂丁任沈姚卢盧姜崔])"
    "[\u4e00-\u9fff\u3040-\u30ff]{1,3}|[김이박최조윤장임한오서권황송홍][\uac00-\ud7a3]{2}"
)
_OF_MEDICINE = frozenset("病症炎癌瘤肿腫骨折胸腹头頭脑腦肺肝肾腎心血压圧障疸石管腺片例图図像影正常癇臓脏膜梗塞")
_CALLED = re.compile(
    "(?:患者|病人|姓名|氏名|환자|이름)[さん씨]{0,2}[:： ]{1,2}(?![男女])([\u4e00-\u9fff\u3040-\u30ff\uac00-\ud7a3]{2,5})"
)
_LOOKED_AT = 100_000
"""Characters of a text that are looked at: as many as a cell may hold."""
_NAME_WORDS = 4
# Words of file names that name nobody; medical ones stand in the lexicon.
_PLAIN = frozenset(
    "image images img im pic picture pictures photo photos figure figures fig case cases scan scans slice slices "
    "series study exam view views copy new old final edited crop cropped left right lt rt upper lower front back side "
    "pre post before after with without and of the for from my our teaching lecture slides slide course day week year "
    "month screen shot screenshot capture export exported file files folder data normal abnormal example examples "
    "sample samples test one two three four five six seven eight nine ten first second third small large big good bad "
    "nice quiz question answer answers labelled labeled annotated unlabelled panel part page chapter section no "
    "number nr broken phantom whatsapp dcm dicom png jpg jpeg tif tiff webp gif bmp nii seg labels label mask axial "
    "coronal sagittal frontal lateral oblique ap pa anonymous anonymised anonymized anon patient unknown contrast "
    "window bone lung soft tissue film films ward clinic hospital department radiology library collection".split()
)
# Words of German, French, Spanish, Italian and Portuguese that name parts of the body, ways to look into it, or courses, in
# small letters without accents.
_ELSEWHERE = frozenset(
    "kopf hals schadel gehirn hirn wirbelsaule halswirbelsaule brustwirbelsaule lendenwirbelsaule schulter ellenbogen "
    "handgelenk hufte huftgelenk knie kniegelenk sprunggelenk becken bauch brustkorb lunge lungen leber niere nieren "
    "milz darm magen speiserohre bauchspeicheldruse schilddruse gallenblase harnblase gebarmutter eierstock prostata "
    "gefass gefasse knochen gelenk gelenke muskel sehne meniskus kreuzband auge haut zahn zahne mrt kernspin "
    "kernspintomographie computertomographie ultraschall rontgen rontgenbild rontgenbilder durchleuchtung "
    "szintigraphie aufnahme aufnahmen bild bilder bildgebung befund befunde fall falle kurs kurse seminar vorlesung "
    "vorlesungen praktikum prufung prufungen semester fortbildung lehre unterricht ubung ubungen klausur examen "
    "anatomie radiologie neuroradiologie kinderradiologie unfallchirurgie chirurgie innere medizin notaufnahme klinik "
    "krankenhaus universitat institut abteilung sammlung beispiel beispiele fraktur frakturen bruch bruche tumor "
    "tumoren blutung infarkt arthrose entzundung verletzung verletzungen erkrankung links rechts vorne hinten oben "
    "unten mit ohne und tete crane cerveau cou rachis epaule coude poignet hanche genou cheville bassin poumon "
    "poumons foie rein reins rate estomac coeur sein os peau dent dents oeil radiographie radiographies scanner irm "
    "echographie imagerie cours examens cas clinique cliniques hopital universite faculte medecine enseignement "
    "exercice exercices images gauche droite gauches droites avec sans et fracture tumeur tumeurs cabeza craneo "
    "cerebro cuello columna hombro codo muneca cadera rodilla tobillo pelvis pulmon pulmones higado rinon rinones "
    "bazo estomago corazon hueso huesos piel ojo radiografia radiografias resonancia tomografia ecografia imagen "
    "imagenes curso cursos clase clases caso casos hospital universidad facultad medicina anatomia radiologia "
    "ensenanza ejercicio ejercicios izquierda izquierdo derecha derecho fractura fracturas torax abdomen craneal "
    "testa cranio cervello collo colonna spalla gomito polso anca ginocchio caviglia bacino polmone polmoni fegato "
    "rene reni milza stomaco cuore osso ossa pelle occhio radiografie risonanza tac ecografie immagine immagini corso "
    "corsi lezione lezioni casi ospedale universita facolta esame esami esercizi sinistra sinistro destra destro "
    "frattura fratture cabeca pescoco coluna ombro cotovelo punho quadril joelho tornozelo pulmao pulmoes figado rim "
    "rins baco coracao ossos pele olho ressonancia ultrassom imagem imagens aula aulas faculdade universidade ensino "
    "exercicios esquerda esquerdo direita direito fratura fraturas".split()
)
# And of titles.
_OF_TITLES = frozenset(
    "morbus maladie enfermedad doenca malattia ziekte krankheit syndrom sindrome fallbericht lecture conference".split()
)
_ILLNESS = frozenset("disease diseases syndrome sign fracture sarcoma tumor tumour lymphoma anomaly nevus type".split())
# Given names that are common in many countries, and no English or medical words.
_GIVEN = frozenset(
    "aaron abdul adam ahmed alejandro alexander ali alice amelia ana andrea andreas andrew angela anna anne anthony "
    "antonio ashley barbara beatriz benjamin brian carlos carmen catherine charles charlotte chen christian christine "
    "christopher daniel david deborah diego dmitri donald dorothy edward elena elisabeth elizabeth emily emma eric "
    "erik fatima fernando francesco francisco franz fatma gabriel george gerhard giovanni giulia hans hassan helen "
    "helga henry hiroshi ibrahim ingrid isabella ivan jacob james jan javier jean jennifer jessica joan johann "
    "johannes john jonathan jorge jose joseph juan julia julie juergen jürgen karen karl katarzyna katherine kenneth "
    "kevin klaus krzysztof kumar laura li linda lisa louis lucas luis magdalena manuel marco margaret maria marie "
    "mario martha martin mary matthew mehmet mei melissa michael michelle miguel mohamed mohammad mohammed monika "
    "muhammad mustafa nancy nicholas nicole olga oliver omar pablo pamela patricia paul pedro peter petra philip "
    "pierre piotr priya rachel rahul ramon raul rebecca ricardo richard robert roberto ronald rosa ruth ryan sabine "
    "samuel sandra sara sarah scott sergei sharon sophia sophie stefan stephanie stephen steven susan svetlana tanaka "
    "jane nguyen tran иван александр сергей дмитрий андрей алексей николай михаил владимир мария елена ольга "
    "наталья анна татьяна ирина екатерина светлана γιώργος γιάννης δημήτρης μαρία ελένη κατερίνα "
    "محمد أحمد احمد علي حسن حسين محمود يوسف إبراهيم "
    "ابراهيم عمر خالد فاطمة عائشة مريم زينب דוד משה יוסף שרה רחל מרים "
    "agnieszka alessandro anneliese antoine birgit brigitte camille chiara dieter eduardo erika etienne federico friedrich "
    "giuseppe guenter günter günther heinrich helmut horst ines isabelle jacques joao joão joaquim juergen karin "
    "lorenzo luca ludwig manfred matteo matthias nathalie paulo philippe rafael renate rolf sebastian silke sofia "
    "stephane tatiana thierry tobias ulrich ulrike uwe valentina veronika yves "
    "thomas timothy tomasz ursula victor victoria vladimir walter wang wei werner william wolfgang yuki yusuf zhang".split()
)


def notes_on(header: DicomHeader | None) -> tuple[str, ...]:
    """What to say of a file by its header, to who adds it.

    Parameters
    ----------
    header : DicomHeader or None
    """
    return (_(TEXT_SUSPECTED),) if header is not None and header.may_hold_text else ()


def notes_on_words(figure: Figure, case: Case | None = None) -> tuple[str, ...]:
    """What to say of the words of a figure, and of its case, that may tell who a patient is: each field, and not its words.

    Parameters
    ----------
    figure : Figure
    case : Case, optional
    """
    fields = {_("Its %(field)s", field=looked_up(name)): getattr(figure, name) for name in ("title", "caption", "diagnosis")}
    if case is not None:
        passages = {"title": case.title, **case.passages}
        fields |= {_("The %(field)s of its case", field=looked_up(name)): text for name, text in passages.items()}
    return tuple(
        " ".join((_("%(field)s holds what looks like %(what)s.", field=field, what=listed(found)), _(FOR_ALL)))
        for field, text in fields.items()
        if (found := in_words(text))
    )


def in_name(label: str) -> tuple[str, ...]:
    """What the name of a file, its folders included, may tell of a patient.

    Parameters
    ----------
    label : str
        A path in a folder.

    Returns
    -------
    tuple of str
        Of `NAME`, `DATE` and `NUMBER`.
    """
    stems = [_ENDING.sub("", part) for part in label.replace("\\", "/").split("/")]
    found = [what for stem in stems for what in _numbers(stem, _BY_MACHINE)]
    if any(
        _DICOM_NAME.search(stem) or _ADDRESSED.search(stem.replace("_", " ")) or _of_people(stem) or _is_called(stem)
        for stem in stems
    ):
        found.append(NAME)
    return tuple(dict.fromkeys(found))


def in_words(text: str) -> tuple[str, ...]:
    """What words about a picture may tell of a patient, as `in_name` says it.

    Parameters
    ----------
    text : str
    """
    text = text[:_LOOKED_AT]
    found = [*_numbers(text)]
    words = _WORD.findall(text)
    called = any(
        first[0].isupper()
        and last[0].isupper()
        and last.lower() not in _ILLNESS
        and (first.lower() in _GIVEN or (last.lower() in _GIVEN and not last.isascii()))
        for first, last in pairwise(words)
    )
    called = called or _CALLED.search(text) is not None
    if called or _is_name(words) or _DICOM_NAME.search(text) or _ADDRESSED.search(text):
        found.append(NAME)
    return tuple(dict.fromkeys(found))


def _is_called(stem: str) -> bool:
    """Whether a name is a family name with an initial, or one in a script without capitals, and nothing else."""
    if initial := _INITIAL.fullmatch(stem.rstrip(" .")):
        return initial[2] is not None or not _is_plain(initial[1])
    words = re.findall(r"[^\W\d_]+", stem)
    return len(words) == 1 and _FAMILIES.fullmatch(words[0]) is not None and _OF_MEDICINE.isdisjoint(words[0])


def _is_name(words: Sequence[str]) -> bool:
    """Whether some words are a name and nothing else: a few, of which none is one of medicine or of files."""
    if len(words) == 2 and words[1].lower() in _GIVEN and all(word[0].isupper() for word in words):
        return True  # "Doe, John", though a doe is a word
    if not 2 <= len(words) <= _NAME_WORDS or any(map(_is_plain, words)):
        return False
    return any(word.lower() in _GIVEN for word in words) or all(word[0].isupper() for word in words)


def _is_plain(word: str) -> bool:
    """Whether a word is one of medicine, of files, or of titles."""
    bare = _bare(word)
    said = word.lower() in _PLAIN or bare in _ELSEWHERE or bare in _OF_TITLES
    return said or not lexicon().vocabulary.isdisjoint((fold(word), word.lower()))


def listed(found: tuple[str, ...]) -> str:
    """What was found, as it stands in a sentence: "a date and a person’s name"."""
    words = [looked_up(each) for each in found]
    return _("%(first)s and %(last)s", first=", ".join(words[:-1]), last=words[-1]) if len(words) > 1 else "".join(words)


def _numbers(text: str, harmless: re.Pattern[str] | None = None) -> Iterator[str]:
    without = _UID.sub(" ", text)
    if without != text:
        yield NUMBER
    bare = without
    for pattern in _DATES:
        bare = pattern.sub(lambda found: " " if _is_day(found) else found[0], bare)
    if bare != without or _DAYS_IN_WORDS.search(bare):
        yield DATE
    bare = harmless.sub(" ", bare) if harmless else bare
    if _LONG.search(bare) or _IN_GROUPS.search(bare) or _NUMBERED.search(bare):
        yield NUMBER


def _is_day(found: re.Match[str]) -> bool:
    year = int(found["y"])
    try:
        date(year + (2000 if year < 100 else 0), int(found["m"]), int(found["d"]))
    except ValueError:
        return False
    return True


def _of_people(stem: str) -> bool:
    """Whether two words stand together of which one may be a given name, or both begin like names and say nothing else."""
    words = _WORD.findall(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", stem))
    plain = [*map(_is_plain, words)]
    for (first, says), (last, tells) in zip(
        zip(words, plain, strict=True), [*zip(words, plain, strict=True)][1:], strict=False
    ):
        if first.lower() in _GIVEN or last.lower() in _GIVEN:
            return True
        # "Smith_Jon" and "SMITH_JON", where neither is a word of medicine or of files.
        if first[0].isupper() and last[0].isupper() and not says and not tells:
            return True
    return False


def _bare(word: str) -> str:
    """In small letters without accents."""
    return unaccented(word.casefold())
