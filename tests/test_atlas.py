"""What a student opens: searching, looking up, and every way in which opening can fail."""

from __future__ import annotations

import io
import os
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mirage import corpora, encoders
from mirage.atlas import Atlas
from mirage.encoders.base import EncoderInfo
from mirage.errors import AtlasError, AtlasHeld, BadQuery, NotFound
from mirage.figure import Figure
from mirage.indexes import CHANNELS
from mirage.query import Query
from mirage.search.query_vector import CHANGE, QueryEncoder
from mirage.storage import manifest
from mirage.storage.ingest import add
from parts import PATIENCE, STARTER_FIGURES, mirage, until

# -- searching ----------------------------------------------------------------------------------------------------------


def test_words_find_figures_best_first_with_the_channels_that_found_them(starter: Atlas) -> None:
    answer = starter.search("axial brain MRI at the level of the thalamus")
    assert answer.fits
    assert 12 <= len(answer) <= 24  # no more than a few of a stack
    assert [hit.rank for hit in answer] == list(range(1, len(answer) + 1))
    assert answer[0].figure.plane == "axial"
    assert answer[0].figure.region == "brain"
    assert {found.channel for hit in answer for found in hit.channels} <= set(CHANNELS)
    assert {"caption", "words", "case", "concepts"} <= {found.channel for hit in answer for found in hit.channels}
    order = [("strong", "likely", "weak").index(hit.confidence) for hit in answer]
    assert order == sorted(order)
    # A stack may stand before its slices with a lower score; these stand by theirs.
    for stack in {hit.figure.slice_of.stack for hit in answer if hit.figure.slice_of}:
        own = [(hit.confidence, hit.score) for hit in answer if hit.figure.slice_of and hit.figure.slice_of.stack == stack]
        for sure in {each for each, _ in own}:
            scores = [score for each, score in own if each == sure]
            assert scores == sorted(scores, reverse=True)
    assert all(Path(hit.picture).is_file() and Path(hit.thumbnail).is_file() for hit in answer)
    assert all(Image.open(hit.picture).size == (hit.width, hit.height) for hit in answer[:3])


def test_the_same_query_gets_the_same_answer(starter: Atlas) -> None:
    ids = [[hit.figure.id for hit in starter.search("cerebellum").hits] for _ in range(2)]
    assert ids[0] == ids[1]


def test_a_picture_of_the_atlas_finds_itself(starter: Atlas) -> None:
    wanted = "starter:icbm152-t1-sagittal-p000"
    term = starter.embed(Image.open(starter.picture(wanted)))
    answer = starter.search(Query.of(pictures=[term]))
    assert answer[0].figure.id == wanted
    assert answer.fits
    assert {found.channel for hit in answer for found in hit.channels} == {"image", "caption"}


def test_a_picture_with_words_and_without_some(starter: Atlas) -> None:
    axial = starter.embed(Image.open(starter.picture("starter:icbm152-t1-axial-p004")))
    plain = starter.search(Query.of(pictures=[axial], k=10))
    moved = starter.search(Query.of("sagittal", pictures=[axial.print() + "@0.3"], less=["axial@0.5"], k=10))
    assert {hit.figure.plane for hit in plain} == {"axial"}
    assert sum(hit.figure.plane == "sagittal" for hit in moved) > 5


def test_several_terms_are_added_in_the_latent_space(starter: Atlas) -> None:
    texts = ["axial brain", "coronal brain", "contrast"]
    weights = np.array([1.0, 0.5, 0.25], np.float32)
    vector = weights @ starter.encoder.encode_texts(texts)
    vector /= np.linalg.norm(vector)
    answer = starter.search(Query.of(texts[0], more=[f"{texts[1]}@0.5", f"{texts[2]}@0.25"], k=5))
    for hit in answer:
        key = starter.store.row(hit.figure.id).key
        image, _ = starter.store.vectors.of([key], starter.encoder.info().digest)[key]
        for found in hit.channels:
            if found.channel == "image" and hit.figure.stack is None:  # of a stack its best slice counts
                assert found.score == pytest.approx(float(image @ vector), abs=2e-3)


def test_less_of_is_reckoned_from_the_middle_of_texts(starter: Atlas) -> None:
    texts = ["axial brain", "coronal brain", "contrast"]
    first, more, less = (
        starter.encoder.encode_texts(texts) - QueryEncoder(starter.encoder, lambda _: np.zeros(0, np.float32)).centroid
    )
    vector = first + CHANGE * (np.float32(0.5) * more - np.float32(0.25) * less)
    vector /= np.linalg.norm(vector)
    answer = starter.search(Query.of(texts[0], more=[f"{texts[1]}@0.5"], less=[f"{texts[2]}@0.25"], k=5))
    checked = 0
    for hit in answer:
        key = starter.store.row(hit.figure.id).key
        image, _ = starter.store.vectors.of([key], starter.encoder.info().digest)[key]
        for found in hit.channels:
            if found.channel == "image" and hit.figure.stack is None:  # of a stack its best slice counts
                assert found.score == pytest.approx(float(image @ vector), abs=2e-3)
                checked += 1
    assert checked


def test_less_of_something_pushes_it_down(starter: Atlas) -> None:
    def share(query: Query) -> float:
        return np.mean([hit.figure.modality_detail == "T2-weighted" for hit in starter.search(query)])

    plain = share(Query.of("brain MRI", more=["T2-weighted@0.5"]))
    assert share(Query.of("brain MRI", less=["T2-weighted"])) < plain


def test_more_like_this_leaves_the_figure_itself_out(starter: Atlas) -> None:
    wanted = "starter:icbm152-t1-coronal-p000"
    answer = starter.similar(wanted, k=8)
    assert 4 <= len(answer) <= 8
    assert wanted not in {hit.figure.id for hit in answer}
    assert sum(hit.figure.plane == "coronal" for hit in answer) > len(answer) / 2


def test_more_like_a_figure_that_is_not_there(starter: Atlas) -> None:
    with pytest.raises(NotFound, match="no figure 'starter:nothing'"):
        starter.similar("starter:nothing")


def test_filters_hold_for_every_hit(starter: Atlas) -> None:
    answer = starter.search("brain", plane=["coronal", "sagittal"], modality="mri", k=500)
    assert len(answer) > 1
    assert {hit.figure.plane for hit in answer} <= {"coronal", "sagittal"}
    assert {hit.figure.modality for hit in answer} == {"MR"}


def test_a_filter_value_that_no_figure_has_names_those_there_are(starter: Atlas) -> None:
    with pytest.raises(BadQuery, match=r"No figure in this atlas has the modality 'PT'\. There is: CT, MR, .*US"):
        starter.search("brain", modality="PT")
    with pytest.raises(BadQuery) as refused:
        starter.search("brain", region="x" * 5000)
    assert len(str(refused.value)) < 500


def test_filters_beside_a_ready_query_are_not_dropped_in_silence(starter: Atlas) -> None:
    with pytest.raises(BadQuery, match="holds its own filters; modality"):
        starter.search(Query.of("brain"), modality="MR")


@pytest.mark.parametrize("k", [1, 7, 500])
def test_as_many_hits_as_asked_for_or_as_there_are(starter: Atlas, k: int) -> None:
    answer = starter.search("brain", k=k)
    assert len(answer) + sum(len(hit.folded) for hit in answer) <= max(k, STARTER_FIGURES)
    assert len(answer) == k or k == 500


def test_text_past_what_the_encoder_reads_is_said(starter: Atlas) -> None:
    long = "axial brain MRI " * 80 + "with a thalamus"
    note = " ".join(starter.search(long).notes)
    assert "read the first" in note
    assert "with a thalamus" not in note or "…" not in note
    assert "Word search used all of it" in note
    assert not starter.search("axial brain MRI").notes


def test_terms_that_cancel_out_say_so(starter: Atlas) -> None:
    with pytest.raises(BadQuery, match="cancel each other out"):
        starter.search(Query.of("brain", less=["brain"]))


def test_a_picture_of_another_encoder_is_refused(starter: Atlas) -> None:
    term = starter.embed(Image.new("L", (64, 64), 90))
    with pytest.raises(BadQuery, match="another encoder"):
        starter.search(Query.of(pictures=[replace(term, digest="0" * 12)]))
    with pytest.raises(BadQuery, match="another encoder"):
        starter.search(Query.of(pictures=[replace(term, codes=term.codes[:-8])]))


@pytest.mark.parametrize("text", ["🧠", "🫀🫁 ❤️", "عظم", "脑", "<b>brain</b>", "'; drop table figures; --", "%00", "[bold]"])
def test_strange_text_gets_an_answer(starter: Atlas, text: str) -> None:
    assert len(starter.search(text)) > 0


@pytest.mark.parametrize("text", ["qwzx vlorp", "a cat", "a car", "recipe for apple pie", "quarterly tax return", "🍕"])
def test_nothing_fits_what_is_off_topic(starter: Atlas, text: str) -> None:
    answer = starter.search(text)
    assert not answer.fits
    assert {hit.confidence for hit in answer} == {"weak"}


@pytest.mark.parametrize("shade", [0, 255])
def test_nothing_fits_an_empty_picture(starter: Atlas, shade: int) -> None:
    answer = starter.search(Query.of(pictures=[starter.embed(Image.new("L", (256, 256), shade))]))
    assert not answer.fits


def test_every_example_finds_something(starter: Atlas) -> None:
    examples = starter.examples()
    assert 3 <= len(examples) <= 6
    for query in examples:
        assert starter.search(query).fits, query.text


def test_an_answer_shows_itself_in_a_notebook(starter: Atlas) -> None:
    page = starter.search("axial brain", k=2)._repr_html_()
    assert page.count("data:image/webp;base64,") == 2
    assert "licence:" in page
    assert "<script" not in page
    assert "Nothing in this atlas fits" in starter.search("qwzx vlorp", k=2)._repr_html_()


# -- looking things up --------------------------------------------------------------------------------------------------


def test_facets_count_what_is_there(starter: Atlas) -> None:
    facets = starter.facets()
    assert sum(facets["modality"].values()) == starter.info().figures == STARTER_FIGURES
    assert facets["corpus"] == {"starter": STARTER_FIGURES}
    only = starter.facets({"plane": ["axial"]})
    assert only["plane"] == {"axial": facets["plane"]["axial"]}


def test_facets_within_what_is_found_count_the_figures_that_name_it(starter: Atlas) -> None:
    found = starter.facets_found(starter.search("cerebellum", k=500))
    assert found.among == "named"
    naming = found.counts["region"]
    assert 0 < sum(naming.values()) < starter.info().figures
    assert all(sum(counts.values()) == sum(naming.values()) for counts in found.counts.values())
    narrower = starter.facets_found(starter.search("cerebellum coronal", plane="axial"))
    assert narrower.counts["plane"] == found.counts["plane"], "a field's own filter is left out of its counts"
    assert narrower.counts["modality"] != found.counts["modality"]


def test_facets_of_a_likeness_are_those_of_its_hits(starter: Atlas) -> None:
    like = starter.search("axial brain MRI")[0].figure.id
    answer = starter.search("", like=[like], k=7)
    found = starter.facets_found(answer)
    assert found.among == "shown"
    assert found.counts["modality"] == Counter(hit.figure.modality for hit in answer.hits)


def test_what_is_not_there_is_named(starter: Atlas) -> None:
    for look in (starter.figure, starter.case, starter.picture, starter.thumbnail):
        with pytest.raises(NotFound, match=r"This atlas has no .*'x:y'"):
            look("x:y")


def test_a_figure_is_the_one_its_corpus_has(starter: Atlas) -> None:
    item = next(item for item in corpora.load("starter").items() if hasattr(item, "figure"))
    assert isinstance(starter.figure(item.figure.id), Figure)
    assert starter.figure(item.figure.id) == item.figure


def test_info_tells_what_the_atlas_holds(starter: Atlas) -> None:
    info = starter.info()
    (corpus,) = info.corpora
    assert (corpus.name, corpus.figures, corpus.complete) == ("starter", STARTER_FIGURES, True)
    assert corpus.bytes > 1_000_000
    assert info.encoder == encoders.load("starter").info()


# -- near-duplicates ----------------------------------------------------------------------------------------------------


def test_re_encoded_copies_fold_into_one_hit(starter: Atlas, tmp_path: Path) -> None:
    wanted = ["starter:icbm152-t1-axial-p004", "starter:chest-pa"]
    folder = tmp_path / "copies"
    folder.mkdir()
    for number, name in enumerate(wanted):
        picture = Image.open(starter.picture(name)).convert("L")
        picture.save(folder / f"first-{number}.png")
        picture.save(folder / f"second-{number}.jpg", quality=70)
        picture.resize((picture.width * 3 // 4, picture.height * 3 // 4)).save(folder / f"third-{number}.webp", quality=80)
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        add(atlas, corpora.load("folder", path=folder))
        assert atlas.info().figures == 6
        answer = atlas.search(Query.of(pictures=[atlas.embed(Image.open(starter.picture(wanted[0])))]))
    assert len(answer) == 2
    assert [len(hit.folded) for hit in answer] == [2, 2]
    assert any("4 near-duplicates removed" in note for note in answer.notes)


def test_neighbouring_slices_are_not_folded(starter: Atlas) -> None:
    slices = starter.search("axial T1-weighted brain", plane="axial", k=60)
    assert sum(len(hit.folded) for hit in slices) <= 2


# -- opening ------------------------------------------------------------------------------------------------------------


def test_a_missing_atlas_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(AtlasError, match=r"does not exist\. `mirage up` builds the one that ships"):
        Atlas.open(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_an_empty_folder_is_made_into_one_only_when_asked(tmp_path: Path) -> None:
    (tmp_path / ".DS_Store").touch()
    with pytest.raises(AtlasError, match="is empty"):
        Atlas.open(tmp_path)
    with Atlas.open(tmp_path, create=True) as atlas:
        answer = atlas.search("brain")
    assert (len(answer), answer.fits) == (0, False)
    assert answer.notes == ("This atlas is empty. Add a corpus to it.",)


@pytest.mark.parametrize("inside", ["thesis.docx", "pictures/holiday.jpg", "index.html"])
def test_somebody_elses_folder_is_left_alone(tmp_path: Path, inside: str) -> None:
    (tmp_path / inside).parent.mkdir(exist_ok=True)
    (tmp_path / inside).write_text("mine")
    for create in (False, True):
        with pytest.raises(AtlasError, match=r"is not an atlas.*Nothing in it was touched"):
            Atlas.open(tmp_path, create=create)
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()] == [inside]


def test_a_file_is_no_atlas(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AtlasError, match=r"is a file. An atlas is a folder"):
        Atlas.open(tmp_path / "file", create=True)


def test_a_newer_format_is_not_touched(small: Path) -> None:
    text = (small / "atlas.toml").read_text().replace(f"format = {manifest.FORMAT}", "format = 99")
    (small / "atlas.toml").write_text(text)
    with pytest.raises(AtlasError, match=r"format 99.*Update MIRAGE.*Nothing was changed"):
        Atlas.open(small)
    assert (small / "atlas.toml").read_text() == text


def test_an_atlas_of_another_encoder_says_how_to_move_it(small: Path) -> None:
    known = manifest.read(small)
    assert known is not None
    manifest.AtlasManifest(1, EncoderInfo("starter", "0" * 64, 256, 64), known.corpora).write(small)
    with pytest.raises(AtlasError, match=r"made with the encoder starter \(000000000000\).*mirage atlas rebuild"):
        Atlas.open(small)


def test_an_atlas_of_an_encoder_that_is_not_installed_says_so(small: Path) -> None:
    manifest.AtlasManifest(1, EncoderInfo("elsewhere", "0" * 64, 256, 64), {}).write(small)
    with pytest.raises(AtlasError, match=r"not installed.*elsewhere"):
        Atlas.open(small)


def test_an_atlas_whose_manifest_is_lost_is_not_taken_for_a_new_one(small: Path) -> None:
    (small / "atlas.toml").unlink()
    with pytest.raises(AtlasError, match=r"it has no atlas\.toml"):
        Atlas.open(small, create=True)


def test_a_folder_that_cannot_be_written_says_so(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("mirage.storage.manifest.os.fdopen", refuse)
        with pytest.raises(AtlasError, match=r"cannot be written to: Permission denied\. Check its permissions"):
            Atlas.open(small)
    with Atlas.open(small) as atlas:  # and it is not left half open
        assert len(atlas.search("phantom")) > 0


@pytest.mark.parametrize("left", ["index", "records.sqlite", "atlas.lock"])
def test_an_atlas_whose_making_was_cut_short_is_made_whole(small: Path, tmp_path: Path, left: str) -> None:
    half = tmp_path / "half"
    half.mkdir()
    source = small / left
    if source.is_dir():
        shutil.copytree(source, half / "index.4711.partial")
        (half / "index.4711.partial" / "edge_config.json").unlink()
        os.utime(half / "index.4711.partial", (0, 0))
    elif source.exists():
        shutil.copy(source, half / left)
    else:
        (half / left).write_text("{")
    with pytest.raises(AtlasError, match="was begun but not finished"):
        Atlas.open(half)
    with Atlas.open(half, create=True) as atlas:
        assert len(atlas.index) == atlas.info().figures
    assert not list(half.glob("*.partial"))


def test_a_killed_creation_can_be_done_again(tmp_path: Path, started: Callable) -> None:
    folder = tmp_path / "atlas"
    seen: set[str] = set()
    for stage in ("*.partial", "index", "records.sqlite", "atlas.toml"):
        process = started("add", "folder", tmp_path / "nothing-there", atlas=folder)
        until(lambda stage=stage, process=process: list(folder.glob(stage)) or process.poll() is not None)
        process.kill()
        process.wait()
        seen |= {path.name for path in folder.iterdir()}
    with Atlas.open(folder, create=True) as atlas:
        assert atlas.info().figures == 0
        assert not atlas.search("brain").hits


def test_a_process_that_finds_the_atlas_held_leaves_its_files_alone(small: Path, pictures: Callable[..., Path]) -> None:
    with Atlas.open(small) as atlas:
        for number, licence in enumerate(("CC0", "CC BY 4.0", "CC BY-SA 4.0")):
            assert mirage("atlas", "info", atlas=small).returncode == 5
            folder = pictures(2, f"more-{number}", first=60 + 2 * number)
            assert add(atlas, corpora.load("folder", path=folder, licence=licence)).added == 2
        assert len(atlas.search("phantom", licence="CC BY-SA 4.0").hits) == 2


def test_an_atlas_held_by_another_process_names_it(small: Path, started: Callable) -> None:
    process = started("serve", "--port", "0", atlas=small)
    holder = until(lambda: (held := manifest.Holder.read(small)) and held.url and held)
    with pytest.raises(AtlasHeld) as refused:
        Atlas.open(small)
    assert f"process {process.pid}, serving {holder.url}" in str(refused.value)
    process.terminate()
    assert process.wait(PATIENCE) == 0
    with Atlas.open(small):
        pass
    assert not (small / "atlas.lock").exists()


def test_an_atlas_held_in_this_process_is_not_opened_twice(small: Path) -> None:
    with Atlas.open(small) as atlas:
        with pytest.raises(AtlasHeld, match="is open in process"):
            Atlas.open(small)
        assert atlas.search("phantom").hits


def test_a_word_left_by_a_killed_process_keeps_nobody_out(small: Path) -> None:
    manifest.Holder(4711, "http://localhost:1", "x").write(small)
    with Atlas.open(small) as atlas:
        assert manifest.Holder.read(small) == atlas.holder


def test_an_index_that_was_deleted_is_made_anew(small: Path) -> None:
    shutil.rmtree(small / "index")
    with Atlas.open(small) as atlas:
        assert len(atlas.index) == 6
        assert atlas.search("phantom number 3").hits[0].figure.caption == "Phantom number 3"


DAMAGE: dict[str, Callable[[Path], object]] = {
    "no configuration": lambda index: (index / "edge_config.json").unlink(),
    "a broken configuration": lambda index: (index / "edge_config.json").write_text("{"),
    "no log": lambda index: shutil.rmtree(index / "wal"),
    "segments emptied": lambda index: [path.write_bytes(b"") for path in (index / "segments").rglob("*") if path.is_file()],
    "segments overwritten": lambda index: [
        path.write_bytes(b"\xff" * 64) for path in (index / "segments").rglob("*.json") if path.is_file()
    ],
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_index_says_what_mends_it_and_that_mends_it(small: Path, kind: str) -> None:
    DAMAGE[kind](small / "index")
    try:
        Atlas.open(small).close()
    except AtlasError as error:
        assert "`mirage atlas rebuild`" in str(error)  # noqa: PT017 - either it opens, or it says this
    done = mirage("atlas", "rebuild", atlas=small)
    assert done.returncode == 0, done.stderr
    with Atlas.open(small) as atlas:
        assert len(atlas.index) == 6
        assert atlas.search("phantom number 3").hits[0].figure.caption == "Phantom number 3"


def test_two_atlases_are_open_at_once(starter: Atlas, small: Path) -> None:
    with Atlas.open(small) as other:
        assert {hit.figure.source.corpus for hit in other.search("phantom")} != {"starter"}
        assert {hit.figure.source.corpus for hit in starter.search("phantom")} == {"starter"}


def test_pictures_never_come_back_as_they_were_dropped(starter: Atlas) -> None:
    buffer = io.BytesIO()
    Image.new("L", (64, 64), 128).save(buffer, "PNG")
    term = starter.embed(Image.open(buffer))
    assert len(term.codes) == starter.info().encoder.dimension
