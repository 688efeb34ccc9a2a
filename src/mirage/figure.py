"""A figure with its words, the case it belongs to, and where both come from."""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import urlsplit

from mirage.letters import normalised
from mirage.wording import N_, _, looked_up

NOT_STATED = "not stated"

# The field's usual short names (DICOM's Modality, 0008,0060, where it has one), and what to call them.
MODALITIES: dict[str, str] = {
    "CT": N_("CT"),
    "MR": N_("MRI"),
    "US": N_("Ultrasound"),
    "XR": N_("X-ray"),
    "XA": N_("Angiography"),
    "NM": N_("Nuclear medicine"),
    "PT": N_("PET"),
    "MG": N_("Mammography"),
    "RF": N_("Fluoroscopy"),
    "OP": N_("Fundus photograph"),
    "SM": N_("Microscopy"),
    "XC": N_("Photograph"),
    "OT": N_("Other"),
}
# Other names for the same thing, for word search: a student's "radiograph" is the source's "X-ray".
ALSO_CALLED: dict[str, str] = {
    "CT": "computed tomography",
    "MR": "magnetic resonance imaging",
    "US": "sonography sonogram",
    "XR": "radiograph radiography plain film",
    "XA": "angiogram",
    "NM": "scintigraphy",
    "PT": "positron emission tomography",
    "MG": "mammogram",
    "OP": "retinal photograph",
    "SM": "histology micrograph",
    "abdomen": "abdominal",
    "brain": "cerebral",
    "heart": "cardiac",
    "pelvis": "pelvic",
    "spine": "spinal",
    "thorax": "chest thoracic",
}
PLANES: tuple[str, ...] = (N_("axial"), N_("coronal"), N_("sagittal"), N_("frontal"), N_("lateral"), N_("oblique"))

LinkKind = Literal["figure", "case", "article", "collection"]
# What may be worked out where a source does not say it; see `Figure.inferred`.
INFERABLE: tuple[str, ...] = ("modality", "plane")
# What may be edited of a figure of one's own; see `mirage.storage.edit`.
EDITABLE: tuple[str, ...] = ("title", "caption", "diagnosis", "modality", "plane", "region")
# How a diagnosis was proven, the strongest proof first, and what to call it; see `mirage.language.proof`.
PROOFS: dict[str, str] = {
    "pathology": N_("pathology"),
    "surgery": N_("surgery or endoscopy"),
    "laboratory": N_("laboratory tests"),
    "imaging": N_("imaging"),
    "clinical": N_("the clinical course"),
}


def called(value: str) -> str:
    """What a modality, plane, region or proof is called in the reader's language; one of a source's own as it stands.

    Parameters
    ----------
    value : str
        As a figure has it: ``MR``, ``axial``, ``brain``, ``pathology``.
    """
    return looked_up(MODALITIES.get(value) or PROOFS.get(value) or value)


@dataclass(frozen=True, slots=True)
class Licence:
    """Under which terms a figure may be used.

    Attributes
    ----------
    name : str
        An SPDX identifier or the licence's own name; empty when the source states none.
    url : str
        Where its text is; may be empty.
    allows_sharing : bool
        What whoever wrote the corpus's adapter believes of it. Nothing is decided by this: `mirage.licensing` says what may
        leave, from the name and the address. It is kept because figures are known again by it.
    """

    name: str = ""
    url: str = ""
    allows_sharing: bool = False

    def __str__(self) -> str:
        return self.name or NOT_STATED


@dataclass(frozen=True, slots=True)
class Source:
    """Where a figure or a case comes from.

    Attributes
    ----------
    corpus : str
        Name of the corpus: ``starter``, ``medpix``, ``folder``.
    attribution : str
        The line to print beside the figure, as its source wants it.
    url : str
        The closest page there is.
    url_of : {"figure", "case", "article", "collection"}
        What that page is about: the figure itself, else its case or the article it was in, else the whole collection.
    licence : Licence
    """

    corpus: str
    attribution: str
    url: str = ""
    url_of: LinkKind = "collection"
    licence: Licence = Licence()


@dataclass(frozen=True, slots=True)
class Window:
    """Which values of a stack are shown between black and white.

    Attributes
    ----------
    name : str
        What a radiologist calls it: "lung", "bone"; "as stored" for the one that the source gives.
    centre, width : float
        In the unit of `Stack.unit`.
    each : tuple of (float, float)
        Centre and width of each slice along the stack's first view, where the source gives every slice its own; empty
        where one window is that of all. Other views, which cut through all slices, have `centre` and `width`.
    curve : {"", "sigmoid"}
        How values become grey: along a straight line, or along the S-shaped curve of DICOM (PS3.3, C.11.2.1.3.1).
    """

    name: str
    centre: float
    width: float
    each: tuple[tuple[float, float], ...] = ()
    curve: str = ""


@dataclass(frozen=True, slots=True)
class StackLabel:
    """A structure that is marked in a stack.

    Attributes
    ----------
    value : int
        In the label map, 1 or above.
    name : str
        What a student calls it: "left kidney".
    first, best, last : int
        Slices along the first of the stack's views, from 0: where it begins, is largest, and ends.
    """

    value: int
    name: str
    first: int
    best: int
    last: int


@dataclass(frozen=True, slots=True)
class Stack:
    """What makes a figure one of many slices: how its voxels are kept, where they lie, and how to look at them.

    Slices run from the feet to the head (axial), from the front to the back (coronal) or from the patient's right to the
    left (sagittal), and each is hung as radiologists hang it: the patient's right, or front, on the left of the picture.

    Attributes
    ----------
    views : tuple of str
        Planes in which it can be shown, of ``axial``, ``coronal``, ``sagittal``. It is kept in slices along the first.
    shape : (int, int, int)
        Slices, rows and columns along the first view.
    colours : int
        1, or 3 for red, green and blue.
    least : int
        What is added to a kept value to have the source's.
    slope, intercept : float
        ``slope * value + intercept``, of the source's value, is in `unit` and what windows are about.
    unit : str
        "HU" for CT; empty for units of the scanner.
    spacing : (float, float, float) or None
        Millimetres from one slice, row and column to the next; None where the source does not say, and then nothing is
        measured.
    sides_known : bool
        False when the source does not say which side is left; then no view has letters.
    windows : tuple of Window
        The first is shown until another is chosen.
    best : int
        The slice, along the first view, that stands for the stack until a search finds another.
    labels : tuple of StackLabel
    labels_by : str
        Who, or which program, marked them; empty where there are none.
    notes : tuple of str
        What a person should know of how it was read, in words.
    """

    views: tuple[str, ...]
    shape: tuple[int, int, int]
    colours: int = 1
    least: int = 0
    slope: float = 1.0
    intercept: float = 0.0
    unit: str = ""
    spacing: tuple[float, float, float] | None = None
    sides_known: bool = True
    windows: tuple[Window, ...] = ()
    best: int = 0
    labels: tuple[StackLabel, ...] = ()
    labels_by: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SlicePlace:
    """Of which stack a single figure is a slice.

    Attributes
    ----------
    stack : str
        Id of the stack's figure.
    view : str
        The plane in which it was cut.
    number : int
        From 0, as in `Stack`.
    shares : tuple of (str, float)
        Structures that are marked in it, by the names of the stack's labels: to how much of the structure's largest
        section in this plane it shows, 0 to 1.
    """

    stack: str
    view: str
    number: int
    shares: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """That its source has withdrawn a figure after it was added: an article retracted, a file deleted.

    Attributes
    ----------
    said : str
        What the source says, in a sentence.
    url : str
        Its page at the source; may be empty.
    seen : float
        When the source said so, in seconds since 1970.
    """

    said: str
    url: str
    seen: float

    @property
    def day(self) -> str:
        """The day on which the source said so: "2026-11-30"."""
        return datetime.fromtimestamp(self.seen, UTC).date().isoformat()


@dataclass(frozen=True, slots=True)
class Figure:
    """One image with its words.

    Attributes
    ----------
    id : str
        ``corpus:name``, unique in an atlas and the same every time the corpus is read.
    caption : str
        What the source says of this image; may be empty.
    title, diagnosis : str
        Of the case, or of the picture where there is no case; may be empty.
    modality : str
        A key of `MODALITIES`; empty when the source does not say.
    modality_detail : str
        The source's own words for it, e.g. "CT - noncontrast" or "T1 weighted"; may be empty.
    plane : str
        One of `PLANES`; empty when the source does not say.
    region : str
        Body region in lower case, e.g. "brain", "thorax"; empty when the source does not say.
    case_id : str
        ``corpus:case``; empty for a figure without a case.
    patient : str
        Age and sex as the source gives them, e.g. "73-year-old man"; may be empty.
    source : Source
    inferred : tuple of str
        Which of `INFERABLE` the source does not say, and MIRAGE worked out from the caption's words or from the picture.
    contradicted : tuple of (str, str)
        Labels that the caption contradicts, and what the caption says: ``("modality", "MR")``. This and what follows is
        worked out from the other words by the atlas that keeps the figure.
    language : str
        Of a caption that is not in English, "Spanish" or "another language"; empty otherwise.
    proof : str
        How the diagnosis was proven, of `PROOFS`; empty when the source does not say.
    stack : Stack or None
        Of a figure of many slices; its picture is the best of them.
    slice_of : SlicePlace or None
        Of a picture that is one slice of a stack in the same corpus.
    edited : tuple of (str, str)
        Which of `EDITABLE` were edited in an atlas, and on which day: ``("caption", "2026-11-29")``.
    withdrawn : Withdrawal or None
        What its source says, where it has withdrawn the figure since. Such a figure is shown with that, and used for
        nothing: no search ranks it unasked, nothing is explained from it, no quiz asks about it, and it is not passed on.
    """

    id: str
    caption: str
    source: Source
    title: str = ""
    diagnosis: str = ""
    modality: str = ""
    modality_detail: str = ""
    plane: str = ""
    region: str = ""
    case_id: str = ""
    patient: str = ""
    inferred: tuple[str, ...] = ()
    # No part of how a figure prints itself: fingerprints are made of that.
    contradicted: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    language: str = field(default="", repr=False)
    proof: str = field(default="", repr=False)
    stack: Stack | None = field(default=None, repr=False)
    slice_of: SlicePlace | None = field(default=None, repr=False)
    edited: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    withdrawn: Withdrawal | None = field(default=None, repr=False)

    def stated(self, field: str) -> str:
        """What the source itself says of the modality or plane; empty where it was inferred."""
        return "" if field in self.inferred else str(getattr(self, field))

    @property
    def contradictions(self) -> tuple[str, ...]:
        """What the caption contradicts, in words: "labelled CT; the caption says MRI"."""
        return tuple(
            _("labelled %(label)s; the caption says %(said)s", label=called(getattr(self, name)), said=called(said))
            for name, said in self.contradicted
        )

    @property
    def words(self) -> str:
        """What word search looks in: caption, title, diagnosis, and what the picture is, under its other names too."""
        parts = [self.caption, self.title, self.diagnosis, self.plane, MODALITIES.get(self.modality, "")]
        parts += [self.modality, self.modality_detail, self.region]
        parts += [ALSO_CALLED.get(self.modality, ""), ALSO_CALLED.get(self.region, "")]
        return ". ".join(dict.fromkeys(part.strip() for part in parts if part.strip()))

    @property
    def alt(self) -> str:
        """What to tell somebody who cannot see the picture: the caption, else what kind of picture it is."""
        kind = " ".join(filter(None, [self.plane, MODALITIES.get(self.modality, self.modality), self.region]))
        return self.caption or self.title or kind or _("Medical image without a caption")


@dataclass(frozen=True, slots=True)
class Case:
    """The patient story that some figures share. Every passage may be empty.

    The order of the fields is the order a reader wants: from what the patient said to what it was.
    """

    id: str
    title: str
    source: Source
    history: str = ""
    exam: str = ""
    findings: str = ""
    differential: str = ""
    diagnosis: str = ""
    diagnosis_by: str = ""
    treatment: str = ""
    discussion: str = ""
    topic: str = ""
    # Of `PROOFS`; worked out from `diagnosis_by` by the atlas that keeps the case.
    proof: str = field(default="", repr=False, compare=False)

    PASSAGES = (
        "history",
        "exam",
        "findings",
        "differential",
        "diagnosis",
        "diagnosis_by",
        "treatment",
        "discussion",
    )

    @property
    def passages(self) -> dict[str, str]:
        """The passages that say something, by name, in reading order."""
        return {name: text for name in self.PASSAGES if (text := getattr(self, name))}

    @property
    def words(self) -> str:
        """What word search looks in beside its figures' own words: what it is filed under, and the passages."""
        return "\n".join(filter(None, (self.topic, *self.passages.values())))


# Only tags that HTML has, so that "lesions < 3 cm and > 1 cm" stays as it was written.
_TAG_NAMES = (
    "a|abbr|article|aside|b|big|blockquote|body|br|caption|center|cite|code|dd|del|div|dl|dt|em|figcaption|figure|font|"
    "footer|h[1-6]|head|header|hr|html|i|iframe|img|ins|li|link|main|mark|meta|nav|ol|p|pre|q|s|script|section|small|"
    "span|strike|strong|style|sub|sup|table|tbody|td|tfoot|th|thead|tr|tt|u|ul|wbr"
)
# What follows takes linear time whatever the text: nothing is tried twice (possessive quantifiers), and no tag goes on past
# the beginning of another one.
_QUOTED = r"""(?:[^{0}<]|<(?!\s*+/?+\s*+[A-Za-z!]))*+"""
_VALUE = rf"""(?:"{_QUOTED.replace("{0}", '"')}"|'{_QUOTED.replace("{0}", "'")}'|[^\s"'<>]++)"""
_ATTRIBUTES = rf"(?:\s++[\w:-]++\s*+=\s*+{_VALUE})*+\s*+(?:/\s*+)?+>"
_BREAK = re.compile(r"(?i)<\s*+(?:br|hr|/p|/li|/div|/tr|/h[1-6]|/ul|/ol)" + _ATTRIBUTES)
_TAG = re.compile(r"(?i)<\s*+/?+\s*+(?:" + _TAG_NAMES + ")" + _ATTRIBUTES)
_COMMENT = re.compile(r"<!--(?P<kind>)")
_HIDDEN = re.compile(r"(?i)<(?P<kind>script|style)\b[^<>]*+>")
_NO_LINK = re.compile(r"[\s\x00-\x1f\x7f-\x9f\"<>\\]")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{1,30});")
# UTF-8 once read as Windows-1252: a lead byte and its continuation bytes, as the characters they became.
_CP1252_HIGH = "".join(bytes([b]).decode("cp1252", "ignore") or chr(b) for b in range(0x80, 0xC0))
_MOJIBAKE = re.compile(f"[\u00c2-\u00f4][{re.escape(_CP1252_HIGH)}]{{1,3}}")
# Word processors' private bullets and arrows.
_PRIVATE = str.maketrans(
    {"\uf0a7": "•", "\uf0b7": "•", "\uf0e0": "→", "\x0b": "\n", "\x85": "\n", "\u2028": "\n", "\u2029": "\n"}
)
_NOTHING = {
    "", "n/a", "n.a", "na", "none", "null", "nan", "-", "--", ".", "not available", "not applicable",
    "not stated", "no caption", "no description", "replace this - description of the image or findings",
}  # fmt: skip


def _read_as_utf8(match: re.Match[str]) -> str:
    raw = b"".join(c.encode("cp1252") if c.encode("cp1252", "ignore") else bytes([ord(c)]) for c in match[0])
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return match[0]


def _without(text: str, opening: re.Pattern[str], closing: str) -> str:
    """The text with a space for what stands between an opening and the next closing of its kind; one pass."""
    parts: list[str] = []
    place, kept, endless = 0, 0, set[str]()
    while found := opening.search(text, place):
        kind = found["kind"].lower()
        place = found.end()
        end = None if kind in endless else re.compile(closing.format(kind)).search(text, place)
        if end is None:
            endless.add(kind)  # no later one can be closed either
        else:
            parts += [text[kept : found.start()], " "]
            place = kept = end.end()
    return "".join(parts) + text[kept:]


def is_link(text: str) -> bool:
    """Whether a text is the address of a web page: http or https, a host, and nothing that would end an attribute.

    Parameters
    ----------
    text : str
    """
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not _NO_LINK.search(text)
    except ValueError:  # brackets that do not match
        return False


def clean_text(text: object) -> str:
    """Text as a person would want to read it: no mark-up, no control characters, no "N/A".

    Parameters
    ----------
    text : object
        Whatever a source has in the place: a string, None, a number.

    Returns
    -------
    str
        Unicode NFC, paragraphs kept, other white space folded; empty when the source has nothing to say.
        A "<" that opens no HTML tag, as in "< 3 cm", stays.
    """
    if text is None:
        return ""
    value = str(text)
    if value.isascii() and value.isprintable() and not ("&" in value or "<" in value or "  " in value):
        return _said(value.strip())  # most are clean, and are done with quickly
    if "&" in value:
        for _ in range(2):
            value = _ENTITY.sub(lambda match: html.unescape(match[0]), value)
    if "<" in value:
        value = _without(value, _HIDDEN, r"(?i)</{0}\s*+>")
        value = _without(value, _COMMENT, "-->")
        value = _TAG.sub(" ", _BREAK.sub("\n", value))
    if not value.isascii():
        value = _MOJIBAKE.sub(_read_as_utf8, value.translate(_PRIVATE))
        value = normalised("NFC", value)
        value = "".join(_printable(c) for c in value)
    value = value.replace("\r\n", "\n").replace("\r", "\n").replace("\x0b", "\n")
    value = re.sub(r"[\x00-\x08\x0e-\x1f\x7f]", " ", value)
    value = re.sub(r"[ \t\f\u00a0]+", " ", value)
    value = re.sub(r" *\n *", "\n", value)
    return _said(re.sub(r"\n{3,}", "\n\n", value).strip())


def _said(value: str) -> str:
    """A text, or nothing where it says that there is none."""
    plain = value.lower()
    return "" if plain.strip(" .:;") in _NOTHING or plain in _NOTHING else value


def _printable(character: str) -> str:
    """The character; nothing for a soft hyphen or a mark of direction, a space for what cannot be shown."""
    category = unicodedata.category(character)
    if category == "Cf":
        return character if character in "\u200c\u200d" else ""
    return " " if category in ("Cc", "Cs", "Co") and character not in "\n\r\t" else character
