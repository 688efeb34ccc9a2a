"""The Imaging Data Commons: what its index says is what is shown, and nothing but what was chosen is fetched."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from dicom_maker import make_dicom
from idc_maker import MR, SEG, SLIDE, Buckets, collection, make_index, series, slices, uuid
from live_server import LOGIN, Place, Reply, settings_for
from mirage.corpora.base import Item, Refused
from mirage.corpora.contract import faults
from mirage.corpora.live import idc_bucket
from mirage.corpora.live.client import Rate
from mirage.corpora.live.idc import IdcCorpus
from mirage.errors import BadInput, NoNetwork, Unavailable

COLLECTIONS = [
    collection("LIDC-IDRI", "Lung Cancer, Non-Cancer, Metastatic disease", "Chest",
               description="CT scans of the thorax with marked-up lung nodules. Please see the page."),
    collection("NSCLC-Radiomics", "Non-small Cell Lung Cancer", licence="CC BY-NC 4.0"),
    collection("CPTAC-LSCC", "Squamous Cell Carcinoma", "Lung"),
    collection("CMB-BRCA", "Breast Cancer", "Breast"),
    collection("Lung Phantom", "Phantom", "Lung Phantom"),
    collection("Mouse-Mammary", "Breast Cancer", "Abdomen", species="Mouse"),
    collection("VICTRE", "Breast Cancer", "Breast", description="Breasts were simulated and imaged on in-silico machines."),
    collection("Pancreas-CT", "Healthy Controls (non-cancer)", "Pancreas"),
]  # fmt: skip
ROWS = [
    series(1, "lidc_idri", BodyPartExamined="CHEST", StudyDescription="CT CHEST", SeriesDescription="Lung 2.0"),
    series(2, "lidc_idri", BodyPartExamined="CHEST", SeriesDescription="SCOUT", instanceCount=1),
    series(3, "nsclc_radiomics", BodyPartExamined="LUNG", license_short_name="CC BY-NC 4.0"),
    series(4, "cptac_lscc", BodyPartExamined="CHEST", StudyDescription="CT CHEST W/O CONTRAST"),
    series(5, "cptac_lscc", BodyPartExamined="BRAIN", Modality="MR", sop_class_name=MR, SeriesDescription="t1_mprage_tra"),
    series(6, "cptac_lscc", Modality="SEG", sop_class_name=SEG, analysis_result_id="somebody"),
    series(7, "cptac_lscc", Modality="SM", sop_class_name=SLIDE),
    series(8, "cmb_brca", BodyPartExamined="BREAST", Modality="MR", sop_class_name=MR, SeriesDescription="AX T2 FS"),
    series(9, "lung_phantom", BodyPartExamined="CHEST"),
    series(10, "mouse_mammary", Modality="MR", sop_class_name=MR, BodyPartExamined="BREAST"),
    series(11, "victre", Modality="MG", sop_class_name="Digital Mammography X-Ray Image Storage - For Presentation"),
    series(12, "pancreas_ct", BodyPartExamined="PANCREAS"),
    series(13, "lidc_idri", BodyPartExamined="CHEST", series_size_MB=900.0, StudyDescription="CT CHEST HUGE"),
    series(14, "cmb_brca", license_short_name=None, BodyPartExamined="BREAST", Modality="MR", sop_class_name=MR),
    series(15, "cmb_brca", Modality="MG", BodyPartExamined="BREAST", SeriesDescription="ROI mask images"),
    series(16, "nowhere_told", BodyPartExamined="LIVER", SeriesDescription="Liver arterial"),
]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_index(tmp_path_factory.mktemp("index"), ROWS, COLLECTIONS)


@pytest.fixture
def place(served: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    served.routes, served.faults, served.asked = {}, {}, []
    monkeypatch.setattr(idc_bucket, "_RATE", Rate(8, 0.0005))
    monkeypatch.setattr(idc_bucket, "_PAUSE", 0.001)
    return served


Opened = Callable[..., IdcCorpus]


@pytest.fixture
def opened(index: Path, place: Place, tmp_path: Path) -> Opened:
    def make(query: str, **more: Any) -> IdcCorpus:
        given = {"settings": settings_for(tmp_path, {"idc": place.address}), "index": index} | more
        return IdcCorpus(query, **given)

    return make


def chosen(corpus: IdcCorpus) -> list[int]:
    """The numbers of the series that are offered, in their order."""
    numbers = {uuid(number): number for number in range(1, 40)}
    return [numbers[each.id.removeprefix("idc:")] for each in corpus.offer().figures]


# -- choosing ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("lung nodule CT", [1, 2]),
        ("CT chest", [1, 4, 3, 2]),
        ("NSCLC", [3, 4, 5]),  # squamous cell carcinoma of a collection of the lung is one
        ("lung cancer MRI", [5]),
        ("brain MRI T1", [5]),
        ("breast MRI T2", [8]),
        ("mouse breast MRI", [10]),
        ("phantom chest CT", [9]),
        ("normal CT", [12]),
        ("liver CT arterial phase", [16]),
        ("without contrast chest CT", [4]),
        ("aortic dissection", []),
        ("肺", []),
        ("cáncer de pulmón TC", [1, 2, 3, 4]),
        ("liver MRI", []),  # a scan of the brain in a collection of the lung is none
    ],
)
def test_words_find_the_series_of_which_the_index_says_them(opened: Opened, query: str, numbers: list[int]) -> None:
    assert sorted(chosen(opened(query))) == sorted(numbers)


def test_a_scout_comes_last_and_patients_in_turn(opened: Opened) -> None:
    assert chosen(opened("CT chest"))[-1] == 2
    assert len(chosen(opened("CT chest", most=2))) == 2


def test_what_stays_out_is_counted_with_the_reason(opened: Opened) -> None:
    lung = dict(opened("lung cancer").offer().left_out)
    assert lung["series without pictures to look at, but with segmentations, measurements, plans and reports"] == 1
    assert lung["series of whole slides, which MIRAGE does not read"] == 1
    assert lung["series larger than 200 MB"] == 1
    breast = opened("breast").offer()
    assert dict(breast.left_out) == {
        "series made by simulation, not taken of a person": 1,
        "series of an animal": 1,
        "series without a stated licence": 1,
        "series of masks, reports or screens beside the pictures": 1,
    }
    assert breast.total == 1


def test_how_many_fit_and_what_stayed_out_is_said_where_it_is_added(opened: Opened) -> None:
    corpus = opened("aortic dissection")
    assert corpus.advice == ""
    corpus.prepare()
    assert corpus.ready
    assert corpus.advice == "0 of 0 series that fit were chosen, in the index of v25; asking again chooses anew."
    corpus = opened("mouse", modality=("CT",))
    corpus.prepare()
    assert list(corpus.items()) == []


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({"modality": ("MR",)}, [5]),
        ({"collection": ("LIDC-IDRI",)}, [1, 2]),
        ({"body_part": ("lung",)}, [3]),
        ({"licence": ("CC BY-NC",)}, [3]),
        ({"licence": ("cc by 4.0",), "modality": ("CT",), "collection": ("cptac_lscc",)}, [4]),
        ({"most_megabytes": 1000, "collection": ("lidc_idri",)}, [1, 2, 13]),
    ],
)
def test_filters_are_kept(opened: Opened, filters: dict[str, Any], numbers: list[int]) -> None:
    assert sorted(chosen(opened("lung cancer", **filters))) == numbers


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"most": 0}, "from 1 to 100"),
        ({"most_megabytes": 0}, "from 1 to 100,000"),
        ({"modality": ("XYZ",)}, "modality is one of CT"),
        ({"collection": ("lidc_idr",)}, "no collection 'lidc_idr'.*lidc_idri"),
    ],
)
def test_an_option_that_cannot_be_used_is_told(opened: Opened, given: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        opened(given.pop("query", "lung"), **given).offer()


def test_each_is_shown_with_what_the_index_says_of_it(opened: Opened, place: Place) -> None:
    offer = opened("NSCLC", collection=("nsclc_radiomics",)).offer()
    (one,) = offer.figures
    assert (offer.unit, offer.total, offer.looked_at) == ("series", 1, 1)
    assert str(one.licence) == "CC BY-NC 4.0"
    assert one.licence.url == "https://creativecommons.org/licenses/by-nc/4.0/"
    assert one.attribution.startswith("Doe, J., & Roe, R. (2016). Data from NSCLC-Radiomics [Data set]. https://doi.org/")
    assert one.attribution.endswith("Collection NSCLC-Radiomics, NCI Imaging Data Commons.")
    assert one.url == (
        "https://viewer.imaging.datacommons.cancer.gov/v3/viewer/?StudyInstanceUIDs=1.2.9.3&SeriesInstanceUIDs=1.2.3.3"
    )
    assert (one.size, one.slices, one.group, one.title) == (15_800_000, 30, "NSCLC-Radiomics", "CT of the thorax")
    assert 1_790_000_000 < offer.asked < 1_791_000_000  # the day of the release


def test_what_a_collection_is_about_is_not_said_of_the_patient(opened: Opened, place: Place) -> None:
    described = opened("lung nodule CT", most=1)
    (one,) = described.offer().figures
    assert "Which of them this patient has, the index does not say." in one.warnings[0]
    assert "nodule" not in f"{one.title} {one.caption}".lower()


def test_a_licence_whose_name_differs_from_the_collections_has_no_address(place: Place, tmp_path: Path) -> None:
    made = make_index(tmp_path, [series(1, "one", license_short_name="Terms of 2019")], [collection("One")])
    corpus = IdcCorpus("lung", settings=settings_for(tmp_path, {"idc": place.address}), index=made)
    (one,) = corpus.offer().figures
    assert (one.licence.name, one.licence.url) == ("Terms of 2019", "")


def test_choosing_needs_no_network_and_says_why_nothing_is_shown(index: Path, tmp_path: Path) -> None:
    corpus = IdcCorpus("NSCLC", settings=settings_for(tmp_path, {}, live=False), index=index)
    offer = corpus.offer()
    assert len(offer.figures) == 3
    assert all(not one.thumbnail and "live is off" in one.warnings[-1] for one in offer.figures)
    with pytest.raises(NoNetwork, match="live is off"):
        corpus.offer(again=True)
    with pytest.raises(NoNetwork, match="live is off"):
        corpus.prepare()


@pytest.mark.parametrize("harm", ["column", "file", "absent"])
def test_an_index_of_another_shape_is_told(tmp_path: Path, harm: str) -> None:
    made = make_index(tmp_path, ROWS, COLLECTIONS)
    file = made / "idc_index.parquet"
    if harm == "column":
        pq.write_table(pq.read_table(file).drop_columns(["aws_bucket"]), file)
    elif harm == "file":
        file.write_bytes(file.read_bytes()[:200])
    else:
        file.unlink()
    with pytest.raises(Unavailable, match=r"not as MIRAGE knows it: .*(no column aws_bucket|cannot be read)"):
        IdcCorpus("lung", settings=settings_for(tmp_path, {}), index=made).offer()


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("mirage.corpora.live.idc_index.PACKAGE", "no_such_package")
    with pytest.raises(Unavailable, match="pip install idc-index-data"):
        IdcCorpus("lung", settings=settings_for(tmp_path, {})).offer()


@pytest.mark.parametrize("field", ["crdc_series_uuid", "aws_bucket", "SeriesInstanceUID"])
def test_an_entry_that_could_lead_elsewhere_is_counted_and_left_out(place: Place, tmp_path: Path, field: str) -> None:
    rows = [series(1, "one", **{field: "../../evil?x="}), series(2, "one")]
    made = make_index(tmp_path, rows, [collection("One")])
    offer = IdcCorpus("lung", settings=settings_for(tmp_path, {"idc": place.address}), index=made).offer()
    assert [one.id for one in offer.figures] == [f"idc:{uuid(2)}"]
    assert ("series whose entry in the index cannot be used", 1) in offer.left_out


# -- fetching ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files() -> list[bytes]:
    return slices(6)


@pytest.fixture
def bucket(place: Place) -> Buckets:
    return Buckets(place)


@pytest.fixture
def stocked(bucket: Buckets, files: list[bytes], tmp_path: Path) -> Callable[..., IdcCorpus]:
    """A corpus of series that are in a bucket as the index says."""

    def make(count: int = 1, *, told: dict[str, Any] | None = None, **more: Any) -> IdcCorpus:
        rows = [
            series(number, "one", **({"BodyPartExamined": "LUNG"} | bucket.put(uuid(number), files) | (told or {})))
            for number in range(1, count + 1)
        ]
        made = make_index(tmp_path, rows, [collection("One")])
        return IdcCorpus("lung", settings=settings_for(tmp_path, {"idc": bucket.place.address}), index=made, **more)

    return make


Stocked = Callable[..., IdcCorpus]


def test_a_series_becomes_a_stack_with_its_licence_link_and_case(stocked: Stocked, place: Place) -> None:
    corpus = stocked(2)
    told: list[tuple[str, int, int | None]] = []
    corpus.prepare(lambda *step: told.append(step))
    assert corpus.ready
    before = len(place.asked)
    items = list(corpus.items())
    assert [type(item) for item in items] == [Item, Item]
    first = items[0]
    assert isinstance(first, Item)
    volume = corpus.read_stack(first)
    assert volume.voxels.shape == (6, 32, 32)
    assert first.stacked
    assert (first.figure.modality, first.figure.plane, first.figure.region) == ("CT", "axial", "thorax")
    assert (first.figure.patient, first.figure.diagnosis) == ("61-year-old woman", "")
    assert first.case is not None
    assert "whose subject is: Lung Cancer" in first.case.discussion
    assert "the index does not say" in first.case.discussion
    assert not any(secret in repr(items) for secret in ("SECRET", "1999", "Doe^", "Roe^"))
    assert [step[1] for step in told if step[0] == "downloading"][-1] == told[-1][2]
    assert len(place.asked) == before  # reading asks nobody


def test_only_what_was_chosen_is_fetched_and_by_the_ids_that_were_offered(stocked: Stocked, place: Place) -> None:
    offer = stocked(3).offer()
    assert all(one.thumbnail.startswith(b"RIFF") for one in offer.figures)
    assert len(place.paths(".dcm")) == 3
    corpus = stocked(3, only=(offer.figures[1].id,))
    corpus.prepare()
    assert [item.figure.id for item in corpus.items() if isinstance(item, Item)] == [offer.figures[1].id]
    assert len(place.paths(".dcm")) == 3 + 5  # the one that was shown is not fetched twice


def test_a_listing_of_several_pages_is_read_to_its_end(stocked: Stocked, bucket: Buckets, place: Place) -> None:
    bucket.page = 4
    corpus = stocked()
    corpus.prepare()
    assert [query.get("continuation-token") for path, query in place.asked if path == "/"] == [None, "page-4"]
    assert len(place.paths(".dcm")) == 6


def test_stopped_it_goes_on_where_it_was(stocked: Stocked, place: Place) -> None:
    corpus = stocked(2)

    def stop(what: str, done: int, total: int | None) -> None:
        if len(place.paths(".dcm")) == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        corpus.prepare(stop)
    assert not corpus.ready
    assert any(isinstance(entry, Refused) and "not been fetched as a whole" in entry.reason for entry in stocked(2).items())
    again = stocked(2)
    again.prepare()
    assert len(place.paths(".dcm")) <= 13
    assert len([item for item in again.items() if isinstance(item, Item)]) == 2


DENIED = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
SLOW = b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ([Reply(DENIED, 403)], "403 Forbidden"),
        ([Reply(b"<Error><Code>NoSuchKey</Code></Error>", 404)], "404 Not Found"),
        ([Reply(b"%PDF-1.7 " + b"x" * 300_000)], "MB or more; at most"),
        ([Reply(b"%PDF-1.7 " + b"x" * (len(slices(6)[0]) - 9))], "is damaged"),
    ],
    ids=["403", "404", "larger than promised", "pdf"],
)
def test_an_object_that_is_refused_or_another_costs_its_series_and_no_other(
    stocked: Stocked, place: Place, fault: list[Reply], told: str
) -> None:
    corpus = stocked(2)
    place.faults[f"{uuid(1)}/"] = list(fault)
    corpus.prepare()
    refused = [entry for entry in corpus.items() if isinstance(entry, Refused)]
    assert len(refused) == 1
    assert told in refused[0].reason
    assert len([entry for entry in corpus.items() if isinstance(entry, Item)]) == 1
    note = next(path for path in (corpus._settings.live_cache / "idc" / "series").glob("*.json") if told in path.read_text())
    os.utime(note, (0, 0))  # after a while it is tried again
    assert not corpus.ready
    again = stocked(2)
    again.prepare()
    assert len([entry for entry in again.items() if isinstance(entry, Item)]) == 2


def test_a_bucket_that_is_too_busy_is_told_and_asked_again_later(stocked: Stocked, place: Place) -> None:
    place.faults["/"] = [Reply(SLOW, 503)] * 3
    with pytest.raises(Unavailable, match="too busy: it answered 503"):
        stocked().prepare()
    corpus = stocked()
    corpus.prepare()
    assert corpus.ready
    place.faults[".dcm"] = [Reply(SLOW, 503, {"Retry-After": "86400"})]
    with pytest.raises(Unavailable, match="left alone until"):
        stocked(2, most=2).prepare()


def test_an_object_that_breaks_off_is_gone_on_with(stocked: Stocked, place: Place, files: list[bytes]) -> None:
    place.faults[".dcm"] = [Reply(files[0][:900], promised=len(files[0]))]
    corpus = stocked()
    corpus.prepare()
    assert len([item for item in corpus.items() if isinstance(item, Item)]) == 1


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"instanceCount": 5}, "lists more than the index says"),
        ({"instanceCount": 7}, "lists 6 objects, and the index says 7"),
    ],
)
def test_a_bucket_with_another_number_than_the_index_is_told(stocked: Stocked, place: Place, told: Any, reason: str) -> None:
    corpus = stocked(told=told)
    corpus.prepare()
    (entry,) = corpus.items()
    assert isinstance(entry, Refused)
    assert reason in entry.reason
    assert place.paths(".dcm") == []


def test_an_object_larger_than_promised_is_not_taken(stocked: Stocked, bucket: Buckets, place: Place) -> None:
    corpus = stocked()
    name = next(iter(bucket.objects[uuid(1)]))
    bucket.sizes[f"{uuid(1)}/{name}"] = 50_000_000
    corpus.prepare()
    (entry,) = corpus.items()
    assert isinstance(entry, Refused)
    assert "more than the index says" in entry.reason
    assert place.paths(".dcm") == []


def test_what_is_no_dicom_file_is_not_taken(bucket: Buckets, tmp_path: Path) -> None:
    made = bucket.put(uuid(1), [b"%PDF-1.7 " + bytes(2000)] * 3)
    index = make_index(tmp_path, [series(1, "one", **made)], [collection("One")])
    corpus = IdcCorpus("lung", settings=settings_for(tmp_path, {"idc": bucket.place.address}), index=index)
    (one,) = corpus.offer().figures
    assert "is no DICOM file" in one.warnings[-1]
    corpus.prepare()
    (entry,) = corpus.items()
    assert isinstance(entry, Refused)
    assert "is no DICOM file" in entry.reason


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"<ListBucketResult><Contents><Key>other/x.dcm</Key><Size>1</Size></Contents></ListBucketResult>", "not asked for"),
        (b"<!DOCTYPE x [<!ENTITY a 'a'>]><ListBucketResult/>", "declares entities"),
        (b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", "without a token"),
        (b"<ListBucketResult><Contents>", "not well-formed"),
        (DENIED, "AccessDenied"),
    ],
)
def test_a_listing_of_another_shape_is_told_and_not_kept(
    stocked: Stocked, bucket: Buckets, place: Place, body: bytes, told: str
) -> None:
    corpus = stocked()
    place.routes["/"] = Reply(body)
    with pytest.raises(Unavailable, match=f"otherwise than it documents.*{told}"):
        corpus.prepare()
    place.routes["/"] = bucket.listing
    corpus.prepare()
    assert corpus.ready


def test_a_listing_without_end_is_left(stocked: Stocked, place: Place) -> None:
    corpus = stocked()
    more = b"<IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken>"
    place.routes["/"] = Reply(b"<ListBucketResult>" + more + b"</ListBucketResult>")
    with pytest.raises(Unavailable, match="a listing has no end"):
        corpus.prepare()
    assert len(place.asked) <= 3


def test_a_page_for_people_and_a_way_into_a_private_network_are_told(stocked: Stocked, place: Place) -> None:
    place.faults["/"] = [Reply(LOGIN)]
    with pytest.raises(NoNetwork, match="log-in"):
        stocked().prepare()
    place.faults["/"] = [Reply(status=307, headers={"Location": "http://192.168.0.1/"})]
    with pytest.raises(Unavailable, match="private network"):
        stocked().prepare()


# -- what comes of it -------------------------------------------------------------------------------------------------------


def fetched(bucket: Buckets, folder: Path, files: list[bytes], **told: Any) -> IdcCorpus:
    row = series(1, "one", **(bucket.put(uuid(1), files) | told))
    corpus = IdcCorpus(
        "lung",
        settings=settings_for(folder, {"idc": bucket.place.address}),
        index=make_index(folder, [row], [collection("One")]),
    )
    corpus.prepare()
    return corpus


def test_pictures_that_are_no_stack_are_figures_of_their_own(bucket: Buckets, tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 200, (20, 24), dtype=np.uint8)
    corpus = fetched(bucket, tmp_path, [make_dicom(pixels, Modality="DX"), make_dicom(pixels.T.copy(), Modality="DX")],
                     Modality="DX", sop_class_name="Digital X-Ray Image Storage - For Presentation")  # fmt: skip
    items = [item for item in corpus.items() if isinstance(item, Item)]
    assert [item.figure.id for item in items] == [f"idc:{uuid(1)}", f"idc:{uuid(1)}-2"]
    assert sorted(corpus.read(item).image.size for item in items) == [(20, 24), (24, 20)]
    assert faults(corpus) == []


def test_a_picture_with_burned_in_text_or_a_synthetic_one_stays_out(bucket: Buckets, tmp_path: Path) -> None:
    pixels = np.zeros((9, 9), np.uint8)
    corpus = fetched(
        bucket, tmp_path, [make_dicom(pixels, BurnedInAnnotation="YES"), make_dicom(pixels, SyntheticData="YES")]
    )
    reasons = " ".join(entry.reason for entry in corpus.items() if isinstance(entry, Refused))
    assert "burned into the pixels" in reasons
    assert "synthetic image" in reasons
    assert not any(isinstance(entry, Item) for entry in corpus.items())


@pytest.mark.parametrize(
    ("age", "sex", "patient"),
    [
        ("061Y", "M", "61-year-old man"),
        ("000Y", "F", "female"),
        ("095Y", "F", "female"),
        (None, None, ""),
        ("6657", "O", ""),
    ],
)
def test_age_and_sex_are_said_as_far_as_they_tell_nobody_apart(
    bucket: Buckets, tmp_path: Path, age: str | None, sex: str | None, patient: str
) -> None:
    corpus = fetched(bucket, tmp_path, slices(3), PatientAge=age, PatientSex=sex)
    (item,) = corpus.items()
    assert isinstance(item, Item)
    assert item.figure.patient == patient


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("BRAIN^ROUTINE", True),
        ("HEAD^BRAIN TUMOR", True),
        ("Roe^Jane", False),
        ("Hand^John", False),
    ],
)
def test_a_protocol_is_told_from_a_name(words: str, kept: bool) -> None:
    from mirage.corpora.live.idc_figures import _words

    assert _words(words) == (words if kept else "")


def test_words_that_may_name_a_person_or_a_day_are_left_out(bucket: Buckets, tmp_path: Path) -> None:
    corpus = fetched(bucket, tmp_path, slices(3), SeriesDescription="Doe^Jane 1999-05-17", StudyDescription="CT chest")
    (item,) = corpus.items()
    assert isinstance(item, Item)
    assert item.figure.caption == "Study: CT chest."
    kept = next((tmp_path / "idc" / "chosen").glob("*.json")).read_text()
    assert "Doe^" not in kept
    assert "SECRET" not in kept
    assert json.loads(kept)["series"][0]["series"]["description"] == ""
