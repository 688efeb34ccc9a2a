"""MedPix 2.0 is read from a copy, or downloaded, verified and unpacked."""

from __future__ import annotations

import json
import os
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from medpix_maker import CASES, LINKED, describe, make_medpix, rewrite
from mirage.corpora.base import Downloads, Item, Refused, plane_of
from mirage.corpora.medpix import HOMEPAGE, MedPixCorpus, modality_of, patient_of, region_of
from mirage.corpora.medpix_release import Release
from mirage.errors import BadInput, BadPicture, NoNetwork, Unavailable
from mirage.licensing import terms_of

COMMIT = "a" * 40


def by_name(corpus: MedPixCorpus) -> dict[str, Item]:
    return {item.figure.id.partition(":")[2]: item for item in corpus.items() if isinstance(item, Item)}


def refused(corpus: MedPixCorpus) -> dict[str, str]:
    return {item.label: item.reason for item in corpus.items() if isinstance(item, Refused)}


@pytest.mark.parametrize("up", [0, 1, 2])
def test_a_copy_is_found_from_the_folder_its_parent_or_one_above(tmp_path: Path, up: int) -> None:
    root = make_medpix(tmp_path / "deep" / "repository")
    assert len(MedPixCorpus([root, *root.parents][up])) == 4


def test_a_path_without_medpix_is_refused_with_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"Case_topic\.json"):
        MedPixCorpus(tmp_path)
    with pytest.raises(BadInput, match="is not there"):
        MedPixCorpus(tmp_path / "nowhere")


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
def test_pictures_may_be_png_jpeg_or_webp(tmp_path: Path, ending: str) -> None:
    corpus = MedPixCorpus(make_medpix(tmp_path, ending=ending))
    item = by_name(corpus)["MPX0001_synpic1"]
    assert corpus.read(item).image.size == (48, 40)
    assert item.label == f"MPX0001_synpic1.{ending}"


def test_splits_can_be_chosen_and_missing_ones_are_passed_over(tmp_path: Path) -> None:
    root = make_medpix(tmp_path)
    assert list(by_name(MedPixCorpus(root, splits=["dev"]))) == ["MPX0002_synpic3"]
    (root / "splitted_dataset/uid_list.json").write_text(json.dumps({"train": ["MPX0001"]}))
    assert len(MedPixCorpus(root, splits=["train", "test"])) == 2
    with pytest.raises(BadInput, match="validation"):
        MedPixCorpus(root, splits=["validation"])


def test_a_figure_carries_its_words_and_its_case(tmp_path: Path) -> None:
    item = by_name(MedPixCorpus(make_medpix(tmp_path)))["MPX0001_synpic2"]
    figure, case = item.figure, item.case
    assert case is not None
    assert figure.caption == "Made-up caption of MPX0001_synpic2."
    assert (figure.modality, figure.plane, figure.region) == ("CT", "axial", "brain")
    assert figure.modality_detail == "CT - noncontrast"
    assert figure.patient == "41-year-old woman"
    assert figure.title == case.title == "Invented syndrome of MPX0001"
    assert figure.diagnosis == case.diagnosis == "Circle of MPX0001"
    assert case.history == "An invented story.\nWith < 3 days of nothing ."
    assert case.exam == case.diagnosis_by == case.treatment == ""
    assert case.differential == "A square\nA triangle"


def test_the_general_discussion_stands_under_its_topic_and_addresses_are_left_out(tmp_path: Path) -> None:
    case = by_name(MedPixCorpus(make_medpix(tmp_path)))["MPX0001_synpic1"].case
    assert case is not None
    assert case.discussion == "About Circles:\nCircles are round. Write to (address left out)."
    assert case.topic == "Circles"


def test_links_are_the_figures_own_else_its_cases_else_the_collections(tmp_path: Path) -> None:
    found = {
        name: (item.figure.source.url, item.figure.source.url_of)
        for name, item in by_name(MedPixCorpus(make_medpix(tmp_path))).items()
    }
    link = LINKED["MPX0001_synpic1"]
    assert found["MPX0001_synpic1"] == (link, "figure")
    assert found["MPX0001_synpic2"] == (link, "case")
    assert found["MPX0002_synpic3"] == (HOMEPAGE, "collection")


def test_no_licence_is_claimed(tmp_path: Path) -> None:
    corpus = MedPixCorpus(make_medpix(tmp_path))
    assert str(corpus.info().licence) == "not stated"
    for item in by_name(corpus).values():
        assert not terms_of(item.figure.source.licence).known
        assert "National Library of Medicine" in item.figure.source.attribution


def test_bad_entries_are_refused_by_name_and_the_rest_goes_on(tmp_path: Path) -> None:
    root = make_medpix(tmp_path)
    (root / "images/MPX0002_synpic3.png").write_bytes(b"")
    images = [image for _, names in CASES.values() for image in names]
    twice = [*map(describe, images), describe(images[0]), describe("MPX0009_lost"), {"U_id": "x"}, "words"]
    rewrite(root, twice)
    corpus = MedPixCorpus(root)
    said = refused(corpus)
    assert len(by_name(corpus)) == 3
    assert len(corpus) == 8
    assert "0 bytes" in said["MPX0002_synpic3.png"]
    assert "twice, as entries 1 and 5 of Descriptions.json; the first" in said["MPX0001_synpic1"]
    assert "not in" in said["MPX0009_lost"]
    assert "no image" in said["entry 7 of Descriptions.json"]


def test_a_name_that_leads_outside_the_images_is_refused(tmp_path: Path) -> None:
    root = make_medpix(tmp_path)
    rewrite(root, [describe("../../secret")])
    assert "../../secret" in refused(MedPixCorpus(root))


def test_a_damaged_picture_is_refused_when_it_is_read(tmp_path: Path) -> None:
    root = make_medpix(tmp_path)
    path = root / "images/MPX0002_synpic3.png"
    path.write_bytes(path.read_bytes()[:200])
    corpus = MedPixCorpus(root)
    with pytest.raises(BadPicture, match=r"MPX0002_synpic3\.png"):
        corpus.read(by_name(corpus)["MPX0002_synpic3"])


@pytest.mark.parametrize("text", ["{", '{"a": 1}'])
def test_a_broken_file_of_words_is_told(tmp_path: Path, text: str) -> None:
    root = make_medpix(tmp_path)
    (root / "Case_topic.json").write_text(text)
    with pytest.raises(BadInput, match=r"Case_topic\.json"):
        list(MedPixCorpus(root).items())


def test_version_and_fingerprints_change_with_the_words_only_where_they_changed(tmp_path: Path) -> None:
    root = make_medpix(tmp_path)
    before = MedPixCorpus(root)
    marks = {name: item.fingerprint for name, item in by_name(before).items()}
    descriptions = json.loads((root / "Descriptions.json").read_text())
    descriptions[0]["Description"]["Caption"] = "Another caption."
    rewrite(root, descriptions)
    after = MedPixCorpus(root)
    changed = [name for name, item in by_name(after).items() if marks[name] != item.fingerprint]
    assert changed == ["MPX0001_synpic1"]
    assert before.info().version != after.info().version


def test_the_sources_words_become_an_atlas_words() -> None:
    assert [plane_of(word) for word in ("Axial", "Transverse", "AP", "Multiple or Montage", "")] == [
        *("axial", "axial", "frontal", "", "")
    ]
    assert modality_of("MR", "MR - T1W", "Photograph") == "OT"
    assert region_of("Bethesda, MD", "Abdomen") == "abdomen"
    assert region_of("Vascular", "Head") == "vascular"
    said = [patient_of(*pair) for pair in (("73", "male"), ("4", "female"), ("0", "male"), ("0", ""), ("30", ""))]
    assert said == ["73-year-old man", "4-year-old girl", "male", "", "30-year-old"]


class Quiet(SimpleHTTPRequestHandler):
    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    root = make_medpix(tmp_path / "made")
    (tmp_path / "site").mkdir()
    pack(root, tmp_path / "site" / "archive.zip")
    handler = type("Counting", (Quiet,), {"asked": 0})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=tmp_path / "site"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/archive.zip"
    yield Release(COMMIT, url, cases=3, figures=4, splits=(("train", 1), ("dev", 1), ("test", 1)))
    server.shutdown()
    server.server_close()


def pack(root: Path, target: Path, comment: str = COMMIT) -> None:
    with zipfile.ZipFile(target, "w") as out:
        out.writestr("MedPix-2.0-aaaa/README.md", "other")
        for path in sorted(root.rglob("*")):
            out.write(path, f"MedPix-2.0-aaaa/MedPix-2-0/{path.relative_to(root).as_posix()}")
        out.comment = comment.encode()


def test_without_a_path_it_is_downloaded_once_and_told_step_by_step(release: Release, tmp_path: Path) -> None:
    corpus = MedPixCorpus(downloads=tmp_path / "cache", release=release)
    assert isinstance(corpus, Downloads)
    assert not corpus.ready
    assert corpus.info().version == COMMIT
    steps: list[tuple[str, int, int | None]] = []
    corpus.prepare(lambda *step: steps.append(step))
    assert corpus.ready
    assert {step for step, _, _ in steps} == {"downloading", "unpacking"}
    assert len(by_name(corpus)) == 4
    again = MedPixCorpus(downloads=tmp_path / "cache", release=replace(release, url="http://127.0.0.1:9/gone"))
    assert len(again) == 4
    assert not list((tmp_path / "cache").glob("*.zip*"))


def test_asking_for_figures_downloads_by_itself(release: Release, tmp_path: Path) -> None:
    assert len(MedPixCorpus(downloads=tmp_path / "cache", release=release)) == 4


def test_an_archive_of_another_commit_is_thrown_away(release: Release, tmp_path: Path) -> None:
    pack(tmp_path / "made/MedPix-2-0", tmp_path / "site/archive.zip", comment="b" * 40)
    with pytest.raises(Unavailable, match="holds the commit bbbb"):
        MedPixCorpus(downloads=tmp_path / "cache", release=release).prepare()
    assert not list((tmp_path / "cache").iterdir())


def test_an_archive_with_a_missing_picture_is_thrown_away(release: Release, tmp_path: Path) -> None:
    (tmp_path / "made/MedPix-2-0/images/MPX0002_synpic3.png").unlink()
    pack(tmp_path / "made/MedPix-2-0", tmp_path / "site/archive.zip")
    corpus = MedPixCorpus(downloads=tmp_path / "cache", release=release)
    with pytest.raises(Unavailable, match="as published"):
        corpus.prepare()
    assert not corpus.ready
    pack(make_medpix(tmp_path / "mended"), tmp_path / "site/archive.zip")
    corpus.prepare()
    assert corpus.ready


def test_a_damaged_archive_is_thrown_away(release: Release, tmp_path: Path) -> None:
    path = tmp_path / "site/archive.zip"
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 255
    path.write_bytes(data)
    with pytest.raises(Unavailable):
        MedPixCorpus(downloads=tmp_path / "cache", release=release).prepare()


def test_what_is_no_archive_is_thrown_away(release: Release, tmp_path: Path) -> None:
    (tmp_path / "site/archive.zip").write_bytes(b"<html>log in first</html>")
    with pytest.raises(Unavailable, match="is damaged"):
        MedPixCorpus(downloads=tmp_path / "cache", release=release).prepare()
    assert not list((tmp_path / "cache").iterdir())


def test_an_archive_that_grows_too_large_is_not_unpacked(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mirage.corpora.medpix_release._MOST_BYTES", 100)
    with pytest.raises(Unavailable, match="more than is allowed"):
        MedPixCorpus(downloads=tmp_path / "cache", release=release).prepare()
    assert not list((tmp_path / "cache").iterdir())


@pytest.mark.parametrize("name", ["../../../evil", "/etc/evil", "a/../../../../evil", "..\\..\\evil", "C:/evil"])
def test_nothing_of_an_archive_lands_outside_its_folder(release: Release, tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "site/archive.zip", "a") as packed:
        packed.writestr(f"MedPix-2.0-aaaa/MedPix-2-0/{name}", "evil")
        link = zipfile.ZipInfo("MedPix-2.0-aaaa/MedPix-2-0/link")
        link.external_attr = 0o120777 << 16
        packed.writestr(link, "/etc/passwd")
    MedPixCorpus(downloads=tmp_path / "cache", release=release).prepare()
    place = tmp_path / "cache" / f"medpix-{COMMIT[:12]}"
    assert all(path.is_relative_to(place) for path in tmp_path.rglob("*evil*"))
    assert not Path("/etc/evil").exists()
    assert not any(path.is_symlink() for path in place.rglob("*"))


def test_no_network_is_told_with_the_way_round(tmp_path: Path, release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    offline = replace(release, url="http://127.0.0.1:9/archive.zip")
    with pytest.raises(NoNetwork, match="mirage add medpix PATH"):
        MedPixCorpus(downloads=tmp_path / "cache", release=offline).prepare()


@pytest.fixture(scope="module")
def corpus() -> MedPixCorpus:
    if not (path := os.environ.get("MIRAGE_MEDPIX")):
        pytest.skip("MIRAGE_MEDPIX names no copy of MedPix 2.0")
    return MedPixCorpus(path)


@pytest.mark.medpix
class TestTheRealCollection:
    def test_every_figure_is_read(self, corpus: MedPixCorpus) -> None:
        fresh = MedPixCorpus(corpus._folder)
        entries = list(fresh.items())
        assert len(entries) == len(fresh) >= 1850
        assert not refused(fresh)

    def test_words_are_clean(self, corpus: MedPixCorpus) -> None:
        for item in by_name(corpus).values():
            texts = [item.figure.caption, item.figure.title, *(item.case.passages.values() if item.case else ())]
            for text in texts:
                assert "\r" not in text
                assert "  " not in text
                assert "&#" not in text
                assert not text.lower().startswith(("n/a", "replace this"))

    def test_links_and_modalities_are_as_counted(self, corpus: MedPixCorpus) -> None:
        chosen = [item for item in by_name(corpus).values() if corpus.split_of(item) in ("train", "dev")]
        assert len(chosen) == 1850
        assert Counter(item.figure.source.url_of for item in chosen) == {"figure": 1609, "case": 205, "collection": 36}
        assert Counter(item.figure.modality for item in chosen) == {"CT": 958, "MR": 882, "OT": 10}
