"""MedPix 2.0: CT and MR figures with their cases, for teaching.

Siragusa et al., "MedPix 2.0: A Comprehensive Multimodal Biomedical Data Set for Advanced AI Applications with
Retrieval Augmented Generation and Knowledge Graphs", Data Science and Engineering, 2025,
doi 10.1007/s41019-025-00297-8.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import TypeAdapter

from mirage.corpora.base import CorpusCard, CorpusInfo, Item, Refused, Steps, checked_splits, digest, plane_of
from mirage.corpora.medpix_release import RELEASE, Release, download, downloaded
from mirage.corpora.options import CorpusOption
from mirage.errors import BadInput
from mirage.figure import Case, Figure, Source, clean_text
from mirage.images import DecodedPicture, read_picture
from mirage.once import loaded_once
from mirage.places import own_cache
from mirage.wording import N_, _

HOMEPAGE = "https://github.com/CHILab1/MedPix-2.0"
ATTRIBUTION = (
    "MedPix®, U.S. National Library of Medicine; from MedPix 2.0 (Siragusa et al., 2025, doi 10.1007/s41019-025-00297-8)"
)
SPLITS = ("train", "dev", "test")
FOLDER = "MedPix-2-0"
_PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
_CASES = "Case_topic.json"
_UIDS = TypeAdapter(dict[str, list[str]])
_DESCRIPTIONS = "Descriptions.json"


class MedPixCorpus:
    """MedPix 2.0 in the layout of its own repository.

    Parameters
    ----------
    path : Path or str, optional
        A checkout or copy: the repository's root, its folder ``MedPix-2-0``, or a folder that holds either.
        Left out, the pinned revision is downloaded by `prepare`, or when figures are first asked for.
    splits : sequence of str
        Which of ``train``, ``dev`` and ``test`` to take; a split that the copy lacks is passed over.
    downloads : Path, optional
        Where downloads are kept; the user's cache folder when left out.
    release : Release
        Which revision to download.

    Raises
    ------
    mirage.errors.BadInput
        When `path` holds no MedPix 2.0, or a split is unknown.
    """

    card: ClassVar[CorpusCard] = CorpusCard(
        title="MedPix 2.0",
        summary=N_(
            "671 teaching cases with 2,050 CT and MR images: history, findings, differential diagnosis, diagnosis and "
            "discussion. The download is about 320 MB."
        ),
        homepage=HOMEPAGE,
        options=(
            CorpusOption("path", N_("A checkout or copy of MedPix 2.0; left out, it is downloaded."), Path, is_folder=True),
            CorpusOption("splits", N_("Only these splits."), default=SPLITS, several=True, choices=SPLITS),
        ),
        downloads=True,
    )

    def __init__(
        self,
        path: Path | str | None = None,
        *,
        splits: Sequence[str] = SPLITS,
        downloads: Path | None = None,
        release: Release = RELEASE,
    ) -> None:
        self._splits = checked_splits(splits, SPLITS, self.card.title)
        self._folder = find_folder(Path(path).expanduser()) if path is not None else None
        self._release = release
        self._downloads = downloads or own_cache()

    def info(self) -> CorpusInfo:
        """Tell what this corpus is; the version is the pinned revision, or a digest of the copy's words."""
        version = self._release.revision if self._folder is None else self._copy.version
        summary = "CT and MR images of teaching cases, with history, findings, differential and discussion."
        return self.card.info("medpix", version, summary)

    def items(self) -> Iterator[Item | Refused]:
        """Yield every figure of the chosen splits in the order of the collection."""
        return self._copy.items(self._splits)

    @property
    def ready(self) -> bool:
        """Whether it can be read without the network."""
        return self._folder is not None or downloaded(self._release, self._downloads) is not None

    def prepare(self, steps: Steps | None = None) -> None:
        """Fetch the pinned revision, verify and unpack it; nothing happens when it is there.

        Raises
        ------
        mirage.errors.NoNetwork, mirage.errors.Unavailable
        """
        if self._folder is None:
            download(self._release, self._downloads, steps)

    def read(self, item: Item) -> DecodedPicture:
        """Decode the picture of one item and keep its original bytes; see `mirage.images.read_picture`.

        Raises
        ------
        mirage.errors.BadPicture
        """
        name = item.figure.id.partition(":")[2]
        return read_picture(self._copy.pictures.get(name, self._copy.folder / "images" / f"{name}.png"))

    def split_of(self, item: Item) -> str:
        """Name the split that an item's case belongs to: ``train``, ``dev`` or ``test``."""
        return self._copy.split_of.get(item.figure.case_id.partition(":")[2], "")

    def __len__(self) -> int:
        """How many entries `items` will yield."""
        return sum(1 for _ in self._copy.chosen(self._splits))

    @loaded_once
    def _copy(self) -> _Copy:
        return _Copy(self._folder or download(self._release, self._downloads, None))


def find_folder(path: Path) -> Path:
    """Find the folder that holds MedPix 2.0 at or below a path.

    Raises
    ------
    mirage.errors.BadInput
        When the path is not there, or no such folder is at it, in it, or one level further down.
    """
    if not path.is_dir():
        what = _("is a file, not a folder") if path.exists() else _("is not there")
        raise BadInput(_("%(path)s %(what)s. Give the folder of a MedPix 2.0 checkout.", path=path, what=what))
    for folder in (path, path / FOLDER, *sorted(path.glob("*/")), *sorted(path.glob(f"*/{FOLDER}/"))):
        if (folder / _CASES).is_file() and (folder / _DESCRIPTIONS).is_file():
            return folder
    raise BadInput(
        _(
            "%(path)s holds no MedPix 2.0: %(CASES)s and %(DESCRIPTIONS)s are neither in it nor "
            "in %(FOLDER)s. Give the folder of a checkout of %(HOMEPAGE)s.",
            path=path,
            CASES=_CASES,
            DESCRIPTIONS=_DESCRIPTIONS,
            FOLDER=FOLDER,
            HOMEPAGE=HOMEPAGE,
        )
    )


class _Copy:
    """One copy on disk, its words read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        read = hashlib.sha256()
        self.descriptions = _read_list(folder / _DESCRIPTIONS, read)
        raw_cases = _read_list(folder / _CASES, read)
        self.version = f"sha256-{read.hexdigest()[:16]}"
        self.links = _read_links(folder / "images_overview.csv")
        # Of a case, the page of its first figure that has one.
        self._case_links = {name.partition("_")[0]: link for name, link in reversed(self.links.items())}
        self.cases: dict[str, Case] = {}
        for raw in raw_cases:
            if isinstance(raw, dict) and (uid := str(raw.get("U_id") or "")) and uid not in self.cases:
                self.cases[uid] = Case(id=f"medpix:{uid}", source=self._source(uid), **case_passages(raw))
        self._case_digests = {case.id: digest(repr(case)) for case in self.cases.values()}
        self.split_of = _read_splits(folder / "splitted_dataset")
        self.pictures = _find_pictures(folder / "images")

    def chosen(self, splits: Sequence[str]) -> Iterator[tuple[int, dict[str, Any] | None]]:
        everything = set(splits) == set(SPLITS)
        for number, raw in enumerate(self.descriptions, start=1):
            if not isinstance(raw, dict) or not isinstance(raw.get("image"), str):
                yield number, None
            elif everything or self.split_of.get(str(raw.get("U_id"))) in splits:
                yield number, raw

    def items(self, splits: Sequence[str]) -> Iterator[Item | Refused]:
        seen: dict[str, int] = {}
        for number, raw in self.chosen(splits):
            if raw is None:
                yield Refused(f"entry {number} of {_DESCRIPTIONS}", _("It names no image."))
                continue
            name = raw["image"].strip()
            picture = self.pictures.get(name)
            if name in seen:
                yield Refused(
                    name,
                    _(
                        "It is listed twice, as entries %(first)s and %(second)s of %(file)s; the first was taken.",
                        first=seen[name],
                        second=number,
                        file=_DESCRIPTIONS,
                    ),
                )
            elif picture is None:
                place = self.folder / "images"
                yield Refused(name, _("Its picture is not in %(folder)s (PNG, JPEG or WebP).", folder=place))
            elif (size := picture.stat().st_size) == 0:
                yield Refused(picture.name, _("The file is empty (0 bytes). Copy it again."))
            else:
                seen[name] = number
                figure = self._figure(name, raw)
                case = self.cases.get(str(raw.get("U_id")))
                # The time of a copied file changes with every checkout, so its size stands for the picture.
                fingerprint = digest(f"{figure!r}{self._case_digests.get(figure.case_id, '')}{size}")
                yield Item(figure, case, picture.name, fingerprint)

    def _figure(self, name: str, raw: dict[str, Any]) -> Figure:
        uid = str(raw.get("U_id") or name.partition("_")[0])
        words = inside(raw, "Description")
        case = self.cases.get(uid)
        detail = clean_text(words.get("Modality"))
        return Figure(
            id=f"medpix:{name}",
            caption=clean_text(words.get("Caption")),
            source=self._source(uid, name),
            title=case.title if case else "",
            diagnosis=case.diagnosis if case else "",
            modality=modality_of(clean_text(raw.get("Type")), detail, clean_text(words.get("Plane"))),
            modality_detail=detail,
            plane=plane_of(clean_text(words.get("Plane"))),
            region=region_of(clean_text(raw.get("Location")), clean_text(raw.get("Location Category"))),
            case_id=case.id if case else "",
            patient=patient_of(clean_text(words.get("Age")), clean_text(words.get("Sex"))),
        )

    def _source(self, uid: str, name: str = "") -> Source:
        """Where a figure comes from, or a case where no figure is named."""
        if name in self.links:
            return Source("medpix", ATTRIBUTION, self.links[name], "figure")
        if uid in self._case_links:
            return Source("medpix", ATTRIBUTION, self._case_links[uid], "case")
        return Source("medpix", ATTRIBUTION, HOMEPAGE, "collection")


def _read_list(path: Path, read: hashlib._Hash) -> list[Any]:
    try:
        data = path.read_bytes()
        read.update(data)
        parsed = json.loads(data)
    except OSError as error:
        raise BadInput(
            _("%(path)s cannot be read: %(strerror)s. Copy MedPix 2.0 again.", path=path, strerror=error.strerror or error)
        ) from error
    except ValueError as error:
        raise BadInput(
            _("%(path)s is not valid JSON (%(error)s). Copy MedPix 2.0 again.", path=path, error=error)
        ) from error
    if not isinstance(parsed, list):
        raise BadInput(_("%(path)s holds no list of entries. Copy MedPix 2.0 again.", path=path))
    return parsed


def _read_links(path: Path) -> dict[str, str]:
    """Page of each image at the source; empty where the table is missing, since not every copy has it."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        pairs = [(row.get("ID_Image") or "", row.get("URL_Article_image") or "") for row in csv.DictReader(file)]
    return {name.strip(): link.strip() for name, link in pairs if name and link.strip()}


def _read_splits(folder: Path) -> dict[str, str]:
    """Split of each case; empty where the list is missing or damaged."""
    try:
        uids = _UIDS.validate_json((folder / "uid_list.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(uid): split for split in SPLITS for uid in uids.get(split, ())}


def _find_pictures(folder: Path) -> dict[str, Path]:
    """The pictures by name; of two that differ in their endings, the first."""
    files = sorted(folder.iterdir(), reverse=True) if folder.is_dir() else []
    return {path.stem: path for path in files if path.suffix.lower() in _PICTURE_ENDINGS}


# -- the source's own words for modality, region and patient, in the words of an atlas -------------------------------------

# Where the source names an organ system rather than a region, its own word stays.
_REGIONS = {
    "brain and neuro": "brain",
    "nerve, central": "central nervous system",
    "nerve, peripheral": "peripheral nerves",
    "chest, pulmonary": "thorax",
    "eye and orbit": "orbit",
    "ophthalmology": "orbit",
    "breast and mammography": "breast",
    "cardiovascular": "heart and great vessels",
    "dental, oral, or tooth": "mouth and teeth",
}
_REGIONS |= {own: own for own in ("spine", "abdomen", "gastrointestinal", "genitourinary", "musculoskeletal")}
_REGIONS |= {own: own for own in ("head and neck", "vascular", "endocrine", "hematopoietic")}
_CATEGORIES = {"spine and muscles": "musculoskeletal", "reproductive and urinary system": "genitourinary"}
_CATEGORIES |= {own: own for own in ("head", "thorax", "abdomen")}
_SEES_TOPIC = re.compile(
    r"(?i)^\W*(please\s+)?(for discussion,?\s+)?(please\s+)?(see|read)\s+(the\s+)?\W*(factoid|topic)\W*$"
)
_LINE = 200  # characters: a passage that is longer says something of its own
_ADDRESS = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w?-]+(?:\.[\w?-]+)+")
_PASSAGES = {
    "history": "History",
    "exam": "Exam",
    "findings": "Findings",
    "differential": "Differential Diagnosis",
    "diagnosis": "Case Diagnosis",
    "diagnosis_by": "Diagnosis By",
    "treatment": "Treatment & Follow Up",
}


def modality_of(kind: str, detail: str, plane: str) -> str:
    """Name the modality: ``CT`` or ``MR``, and ``OT`` for what the source calls a photograph or a drawing.

    Parameters
    ----------
    kind, detail, plane : str
        What the source has under Type, Modality and Plane.
    """
    if "photograph" in plane.lower() or "drawing" in (plane.lower(), detail.lower()):
        return "OT"
    return kind if kind in ("CT", "MR") else ""


def region_of(location: str, category: str) -> str:
    """Name the region from the source's location, or from its broader category where the location is none.

    Parameters
    ----------
    location, category : str
    """
    return _REGIONS.get(location.lower()) or _CATEGORIES.get(category.lower(), "")


def patient_of(age: str, sex: str) -> str:
    """Say age and sex in words: "73-year-old man".

    The source writes age 0 both for infants and for adults whose age is unknown, so 0 says nothing.

    Parameters
    ----------
    age : str
        In years.
    sex : str
    """
    years = int(age) if re.fullmatch(r"\d{1,3}", age) and 0 < int(age) < 125 else 0
    kind = sex.lower() if sex.lower() in ("male", "female") else ""
    if not years:
        return kind
    who = {"male": ("boy", "man"), "female": ("girl", "woman")}.get(kind)
    return f"{years}-year-old" + (f" {who[years >= 18]}" if who else "")


def case_passages(raw: dict[str, Any]) -> dict[str, str]:
    """Title and passages of one case, by the names of `mirage.figure.Case`.

    The discussion is the case's own; what the source says of the disease in general follows it under the
    topic's title, because a topic may be wider than the case, or beside it.
    """
    case, topic = inside(raw, "Case"), inside(raw, "Topic")
    words = {name: _passage(case.get(key)) for name, key in _PASSAGES.items()}
    own = _passage(case.get("Discussion"))
    general = _passage(topic.get("Disease Discussion"))
    title = _one_line(clean_text(case.get("Title")))
    subject = _one_line(clean_text(topic.get("Title")))
    if general and general != own:
        general = f"About {subject}:\n{general}" if subject else general
        own = f"{own}\n\n{general}" if own else general
    title = title or _one_line(words["diagnosis"]) or subject
    return {"title": title, **words, "discussion": own, "topic": subject}


def inside(raw: dict[str, Any], name: str) -> dict[str, Any]:
    """What an entry holds under a name; nothing where it is no object.

    Parameters
    ----------
    raw : dict
    name : str
    """
    found = raw.get(name)
    return found if isinstance(found, dict) else {}


def _passage(text: object) -> str:
    words = clean_text(text)
    return "" if len(words) < _LINE and _SEES_TOPIC.match(words) else _ADDRESS.sub("(address left out)", words)


def _one_line(text: str) -> str:
    return " ".join(text.split())
