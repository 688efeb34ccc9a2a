"""What a series of the Imaging Data Commons is said to be: in the words of the index, and no more than they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode

from mirage.corpora.base import digest
from mirage.corpora.folder_stacks import LEAST_SLICES
from mirage.corpora.live.base import Offered
from mirage.corpora.live.idc_index import MEGA, Index, Series
from mirage.corpora.medpix import patient_of
from mirage.corpora.personal import NAME, in_name, in_words
from mirage.errors import BadInput
from mirage.figure import MODALITIES, Case, Figure, Licence, Source, clean_text
from mirage.images.dicom_header import DicomHeader, region_of
from mirage.language.concepts import lexicon
from mirage.language.sentences import clip, split
from mirage.wording import _

VIEWER = "https://viewer.imaging.datacommons.cancer.gov/v3/viewer/"
MODALITY_CHOICES = {key: MODALITIES[key] for key in ("CT", "MR", "PT", "XR", "MG", "US", "NM", "XA", "RF")}
_OLDEST = 89  # beyond it an age may tell who somebody is
_LONGEST = 200
_ABOUT = 600  # characters of a collection's description
_ELSEWHERE = ("Please see", "For more information", "See the")


@dataclass(frozen=True, slots=True)
class Described:
    """A series with what the index says of it, as it is kept on disk.

    Attributes
    ----------
    series : Series
        Without what could tell a patient apart, but for the ids that the link to it needs.
    collection : str
        Its name.
    about : str
        What the collection is about, in a passage.
    warning : str
        What to know before it is taken; may be empty.
    licence, licence_url, attribution : str
    """

    series: Series
    collection: str
    about: str
    warning: str
    licence: str
    licence_url: str
    attribution: str

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """What was kept.

        Raises
        ------
        TypeError, KeyError
            When it is something else.
        """
        return cls(**{**told, "series": Series(**told["series"])})

    @property
    def label(self) -> str:
        """What messages call it."""
        words = self.series.description or self.series.study or self.series.part.lower()
        return f"{self.collection}: {self.series.dicom_modality} {words} ({self.series.uuid[:8]})".replace("  ", " ")

    @property
    def group(self) -> str:
        """What it belongs to, for people."""
        return self.collection

    def offered(self, picture: bytes, why: str) -> Offered:
        """It, before it is fetched.

        Parameters
        ----------
        picture : bytes
            WebP; may be empty.
        why : str
            Why it is empty, for people.
        """
        figure, _other = self.figure(1)
        series, source = self.series, figure.source
        return Offered(
            figure.id, figure.title, figure.caption, self.group, source.licence, source.attribution, source.url,
            figure.modality, round(series.megabytes * MEGA), series.instances if series.instances >= LEAST_SLICES else 0,
            picture, tuple(each for each in (self.warning, why) if each),
        )  # fmt: skip

    def figure(self, number: int, header: DicomHeader | None = None, plane: str = "") -> tuple[Figure, Case]:
        """The figure of a part of the series, and its case: the examination.

        Parameters
        ----------
        number : int
            Of the part, from 1.
        header : DicomHeader or None
            What the file itself says, once it is there.
        plane : str
        """
        series = self.series
        modality = series.modality or (header.modality if header else "")
        region = region_of(series.part) or (header.region if header else "")
        title = " of the ".join(filter(None, (MODALITIES.get(modality, ""), region))) or "Examination"
        said = [f"{what}: {words}." for what, words in (("Series", series.description), ("Study", series.study)) if words]
        licence = Licence(self.licence, self.licence_url, allows_sharing=bool(self.licence))
        asked = {"StudyInstanceUIDs": series.study_uid}
        case = Case(
            f"idc:study-{digest(series.study_uid)[:16]}", series.study or title,
            Source("idc", self.attribution, f"{VIEWER}?{urlencode(asked)}", "case", licence), discussion=self.about,
        )  # fmt: skip
        link = f"{VIEWER}?{urlencode(asked | {'SeriesInstanceUIDs': series.series_uid})}"
        figure = Figure(
            f"idc:{series.uuid}" + (f"-{number}" if number > 1 else ""),
            " ".join(said),
            Source("idc", self.attribution, link, "figure", licence),
            title=title,
            modality=modality if modality in MODALITIES else "",
            modality_detail=series.description,
            plane=plane or (header.plane if header else ""),
            region=region,
            case_id=case.id,
            patient=_patient(series),
        )
        return figure, case


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was chosen for a query, as it is kept on disk.

    Attributes
    ----------
    version : str
        Of the index; empty before anything was chosen.
    total : int
        How many series fitted.
    left_out : tuple of (str, int)
        Why others that fitted did not come, and how many.
    series : tuple of Described
    """

    version: str = ""
    total: int = 0
    left_out: tuple[tuple[str, int], ...] = ()
    series: tuple[Described, ...] = ()

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """What was kept.

        Raises
        ------
        TypeError, LookupError
            When it is something else.
        """
        left_out = tuple((str(why), int(number)) for why, number in told["left_out"])
        return cls(told["version"], int(told["total"]), left_out, tuple(map(Described.of, told["series"])))


def describe(index: Index, series: Series) -> Described:
    """Say of a series what the index says.

    Parameters
    ----------
    index : Index
    series : Series
    """
    there = index.collections.get(series.collection)
    name = there.name if there else series.collection
    licence = index.licence(series)
    kinds = there.about if there else ()
    warning = ""
    if len(kinds) > 1:
        told = ", ".join(kinds)
        if len(kinds) > 4:
            told = " ".join((", ".join(kinds[:3]), _("and %(number)s more", number=len(kinds) - 3)))
        warning = _(
            "Its collection is about several: %(kinds)s. Which of them this patient has, the index does not say.", kinds=told
        )
    cleaned = Series(**{  # words that may tell of a person stay out, and no age is kept that few people reach
        **{field: getattr(series, field) for field in Series.__dataclass_fields__},
        "description": _words(series.description), "study": _words(series.study),
    })  # fmt: skip
    citation = index.citation(series)
    attribution = f"{citation.rstrip('. ')}. Collection {name}, NCI Imaging Data Commons."
    return Described(
        cleaned, name, _about(name, kinds, there.places if there else (), there.description if there else ""), warning,
        licence.name, licence.url, attribution,
    )  # fmt: skip


def _words(text: str) -> str:
    """A description of the source, where nothing in it looks as if it told of a person."""
    plain = " ".join(clean_text(text).split())[:_LONGEST].strip(" .^=")
    before, caret, _other = plain.partition("^")
    told = in_words(plain)
    if caret and lexicon().canonical((before.split() or [""])[-1]) in lexicon().vocabulary:
        # "BRAIN^ROUTINE" is how scanners write a protocol, and "Roe^Jane" how they write a name.
        apart = plain.replace("^", " ")
        told = in_words(apart) or (NAME,) * (NAME in in_name(apart))
    return "" if told or plain.lower() in ("none", "n/a", "nan") else plain


def _about(name: str, kinds: tuple[str, ...], places: tuple[str, ...], description: str) -> str:
    """A passage on the collection: what it is about is not said of the patient."""
    what = f"The series is one of the collection “{name}”"
    if kinds:
        what += f", whose subject is: {', '.join(kinds)}" + (f" (place: {', '.join(places)})" if places else "")
    own = " ".join(
        sentence.text for sentence in split(" ".join(description.split())) if not sentence.text.startswith(_ELSEWHERE)
    )
    told = f"About the collection: {clip(own, _ABOUT)}" if own else ""
    return "\n".join(filter(None, (f"{what}. Whether that is so in this patient, the index does not say.", told)))


def _patient(series: Series) -> str:
    years = series.age[:3].lstrip("0") if series.age[-1:] == "Y" and series.age[:-1].isdecimal() else ""
    sex = {"M": "male", "F": "female"}.get(series.sex, "")
    return patient_of(years if years and int(years) <= _OLDEST else "", sex)


def modality_choice(given: str) -> str:
    """A modality by its key.

    Raises
    ------
    mirage.errors.BadInput
    """
    if given not in MODALITY_CHOICES:
        raise BadInput(
            _(
                "modality is one of %(MODALITY_CHOICES)s; not %(given)s.",
                MODALITY_CHOICES=", ".join(MODALITY_CHOICES),
                given=repr(given),
            )
        )
    return given
