"""From a query to marked synthetic images: what reaches the generator, and what stands beside an image."""

from __future__ import annotations

import errno
import io
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from marks_maker import read, record
from mirage.atlas import Atlas
from mirage.errors import BadInput, BadQuery, NotFound, Unavailable
from mirage.figure import Figure, Source
from mirage.generate import prompt_match, provenance, synthesis
from mirage.generate.generators import GenerationRequest, PromptTerm
from mirage.generate.generators.copies import CopyCheck, TrainingFingerprints
from mirage.generate.outputs import Outputs
from mirage.generate.prompt_match import PromptMatch
from mirage.generate.synthesis import GenerationOptions, SyntheticImage, draw, request_of
from mirage.query import Query, Term
from pencil import Pencil, drawn_with


def one(atlas: Atlas, words: str, **options: object) -> SyntheticImage:
    return next(iter(draw(atlas, Query.of(words), GenerationOptions(**options), Pencil())))  # type: ignore[arg-type]


def test_less_of_reaches_the_generator_with_its_weight(starter: Atlas) -> None:
    query = Query.of("brain MRI", more=["tumour@0.5"], less=["contrast@0.7"])
    request, remarks = request_of(starter, query, GenerationOptions(seed=1), Pencil())
    assert request.terms == (PromptTerm("brain MRI"), PromptTerm("tumour", 0.5), PromptTerm("contrast", -0.7))
    assert remarks == ()
    assert request.prompt == "brain MRI; more of: tumour@0.5; less of: contrast@0.7"


def test_filters_become_words(starter: Atlas) -> None:
    request, _ = request_of(starter, Query.of("hippocampus", modality="MR", plane="coronal"), GenerationOptions(), Pencil())
    assert request.terms[0].text == "hippocampus, coronal, MRI"


def test_a_figure_speaks_by_its_words_and_that_is_said(starter: Atlas) -> None:
    figure = starter.search("chest X-ray")[0].figure
    request, remarks = request_of(starter, Query.of(like=[figure.id]), GenerationOptions(), Pencil())
    assert "X-ray" in request.terms[0].text
    assert figure.id in remarks[0]
    assert request.terms[0].text in remarks[0]


def test_a_dropped_picture_speaks_by_its_nearest_figure(starter: Atlas) -> None:
    figure = starter.search("chest X-ray")[0].figure
    with Image.open(starter.picture(figure.id)) as picture:
        term = Term(picture=starter.embed(picture.convert("RGB")))
    request, remarks = request_of(starter, Query((term,)), GenerationOptions(), Pencil())
    assert "X-ray" in request.terms[0].text
    assert "nearest" in remarks[0]


def test_a_seed_is_drawn_where_none_is_given_and_kept(starter: Atlas) -> None:
    first, second = one(starter, "brain MRI"), one(starter, "brain MRI")
    assert first.record.seed != second.record.seed
    again = one(starter, "brain MRI", seed=first.record.seed)
    assert again.record.seed == first.record.seed


def test_an_image_comes_marked_with_what_is_real_beside_it(starter: Atlas) -> None:
    made = one(starter, "axial brain MRI", seed=7)
    marks = read(made.data)
    assert marks.synthetic
    assert marks.ours
    assert marks.record == made.record
    assert len(made.nearest) == synthesis.NEAREST
    assert all(starter.figure(name) for name in made.nearest)
    assert made.match is not None
    assert [each.field for each in made.match.fields] == ["modality", "plane", "region"]
    assert not made.copy.checked, "the pencil ships no fingerprints, and that is said"


def drawn_like(atlas: Atlas, words: str, prompt: str) -> PromptMatch:
    """What is said of a picture of what the words find, when it is drawn for another prompt."""
    figure = atlas.search(words)[0].figure

    class Copyist(Pencil):
        def _ring(self, request: GenerationRequest, seed: int) -> Image.Image:
            with Image.open(atlas.picture(figure.id)) as picture:
                return picture.convert("L")

    made = next(iter(draw(atlas, Query.of(prompt), GenerationOptions(), Copyist())))
    assert made.match is not None
    return made.match


def test_modality_plane_and_region_are_told_by_the_real_figures_most_like_it(starter: Atlas) -> None:
    right = drawn_like(starter, "axial brain MRI", "axial MRI of the brain")
    assert {each.field: each.verdict for each in right.fields} == dict.fromkeys(("modality", "plane", "region"), "as asked")
    wrong = drawn_like(starter, "axial brain MRI", "coronal MRI of the brain")
    assert {each.field: each.verdict for each in wrong.fields}["plane"] == "otherwise"
    assert "The plane is not as asked: it looks like axial, not coronal." in wrong.said


def test_a_finding_is_never_said_to_be_there_and_no_percentage_is_told(starter: Atlas) -> None:
    match = drawn_like(starter, "axial brain MRI", "axial brain MRI, glioblastoma with ring enhancement")
    assert match.not_checked == ("glioblastoma", "ring enhancement")
    assert "glioblastoma, ring enhancement: not checked: this model does not draw findings reliably." in match.said
    assert "%" not in match.said
    assert "match" not in match.said


def test_what_the_atlas_holds_nothing_of_could_not_be_checked(starter: Atlas) -> None:
    match = drawn_like(starter, "axial brain MRI", "mammography of the hand")
    assert {each.verdict for each in match.fields} == {"could not be checked"}
    assert "Could not be checked: modality (Mammography), region (hand)." in match.said


def test_neighbours_that_do_not_agree_decide_nothing() -> None:
    source = Source("made", "made for a test")
    kinds = ["CT"] * 8 + ["MR"] * 7
    nearest = [Figure(f"made:{n}", "", source, modality=kind) for n, kind in enumerate(kinds)]
    held = {"modality": {"CT": 20, "MR": 20}}
    assert prompt_match.check("brain CT", nearest, held).fields[0].verdict == "could not be checked"
    assert prompt_match.check("brain CT", nearest[:8], held).fields[0].verdict == "as asked"
    assert prompt_match.check("brain CT", nearest[:3], held).fields[0].verdict == "could not be checked", "three are too few"
    only = {"modality": {"CT": 900, "MR": 2}}
    assert prompt_match.check("brain CT", nearest[:8], only).fields[0].verdict == "could not be checked", "all are CT here"


def test_a_near_copy_is_withheld_unless_somebody_insists(starter: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    class Suspicious:
        def check(self, image: Image.Image) -> CopyCheck:
            return CopyCheck(True, 0.95, 0.87, True, "A near copy of a training image.")

    monkeypatch.setattr(TrainingFingerprints, "of", classmethod(lambda cls, info: Suspicious()))
    held = one(starter, "brain MRI")
    assert held.withheld
    assert held.data == b""
    with pytest.raises(BadInput, match="near copy"):
        held.save("nowhere.png")
    given = next(iter(draw(starter, Query.of("brain MRI"), GenerationOptions(insist=True), Pencil())))
    assert given.data
    assert given.copy.near


def test_what_the_generator_does_not_read_is_quoted(starter: Atlas) -> None:
    made = one(starter, "brain MRI " + "with a mass " * 20)
    assert any("led nothing" in remark and "mass" in remark for remark in made.remarks)


def test_what_the_generator_refuses_is_refused_before_anything_is_drawn(starter: Atlas) -> None:
    for words in ("echocardiogram, apical view", "heart, less of this, echocardiogram"):
        with pytest.raises(BadInput, match="Pencils draw no ultrasound"):
            next(iter(draw(starter, Query.of(words), GenerationOptions(), Pencil())))
    away = Query((Term(text="brain MRI"), Term(text="echocardiogram", weight=-1.0)))
    assert next(iter(draw(starter, away, GenerationOptions(), Pencil()))).data, "what leads away is not asked for"


def test_nothing_goes_into_the_atlas(starter_copy: Path) -> None:
    with Atlas.open(starter_copy) as atlas, drawn_with():
        before = len(atlas.index), len(atlas.store.keys())
        made = atlas.generate("brain MRI", count=2, seed=3)
        assert [image.record.seed for image in made] == [3, 4]
        assert (len(atlas.index), len(atlas.store.keys())) == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"width": 7, "height": 7}, "width is from 32 to 128"),
        ({"width": 10_000, "height": 10_000}, "width is from 32 to 128"),
        ({"steps": 0}, "steps is from 1 to 200"),
        ({"steps": 10_000}, "steps is from 1 to 200"),
        ({"guidance": float("nan")}, "guidance is from 1 to 20"),
        ({"guidance": float("inf")}, "guidance is from 1 to 20"),
        ({"count": 0}, "number of images is from 1 to 8"),
        ({"seed": -1}, "seed is from 0"),
    ],
)
def test_what_cannot_be_drawn_is_named(starter: Atlas, options: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        one(starter, "brain MRI", **options)


def test_a_figure_that_is_not_there_to_begin_from(starter: Atlas) -> None:
    with pytest.raises(NotFound):
        one(starter, "brain MRI", figure="nobody:nothing")


def test_nothing_wanted_is_said(starter: Atlas) -> None:
    with pytest.raises(BadQuery):
        request_of(starter, Query((Term(text="contrast", weight=-1.0),)), GenerationOptions(), Pencil())


def test_what_is_kept_comes_back_and_goes_out_in_every_format(starter: Atlas, tmp_path: Path) -> None:
    outputs = Outputs(tmp_path / "synthetic")
    first, second = (one(starter, words, seed=1) for words in ("brain MRI", "chest X-ray"))
    for image in (first, second):
        outputs.put(image)
    assert outputs.get(first.record.id) == first
    assert {image.record.id for image in outputs.list()} == {first.record.id, second.record.id}
    for kind in provenance.FORMATS:
        marks = read(outputs.export(first.record.id, kind))
        assert marks.ours
        assert marks.id == first.record.id
    outputs.remove(first.record.id)
    with pytest.raises(NotFound):
        outputs.get(first.record.id)


@pytest.mark.parametrize("name", ["../../records", "0" * 15, "0" * 17, "ABCDEF0123456789", "", "0123456789abcde/"])
def test_names_lead_nowhere_else(tmp_path: Path, name: str) -> None:
    for act in (Outputs(tmp_path).get, Outputs(tmp_path).remove):
        with pytest.raises(NotFound):
            act(name)


def test_a_full_disk_is_said_and_leaves_nothing_half(
    starter: Atlas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = one(starter, "brain MRI")

    def full(self: Path, *_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(Unavailable, match="is full"):
            Outputs(tmp_path / "synthetic").put(made)
    assert Outputs(tmp_path / "synthetic").list() == []


def kept(outputs: Outputs, number: int, created: str) -> str:
    """An image that costs no drawing."""
    told = replace(record(), id=f"{number:016x}", created=created)
    nothing = CopyCheck(False, 0.0, 0.87, False, "Not checked.")
    outputs.put(SyntheticImage(told, b"\x89PNG" + bytes(number), (), None, nothing, False))
    return told.id


def test_the_oldest_images_are_deleted_with_their_records_and_those_being_made_stay(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path)
    names = [kept(outputs, number, f"2026-01-{number + 1:02}T00:00:00Z") for number in range(5)]
    assert outputs.prune(0, 0) == 0
    assert outputs.prune(2, 0, spare={names[0]}) == 2
    assert {image.record.id for image in outputs.list()} == {names[0], names[3], names[4]}
    assert {path.stem for path in tmp_path.iterdir()} == {names[0], names[3], names[4]}
    fresh = kept(outputs, 9, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    assert outputs.prune(0, 1) == 3
    assert [image.record.id for image in outputs.list()] == [fresh]


def test_half_an_image_that_a_killed_process_left_goes_with_the_next_one(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path)
    first = kept(outputs, 0, "2026-01-01T00:00:00Z")
    for name in (f"{'1' * 16}.png", f".{'2' * 16}.png.partial", f".{'3' * 16}.json.partial"):
        (tmp_path / name).write_bytes(b"half")
    second = kept(outputs, 1, "2026-01-02T00:00:00Z")
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{each}.{of}" for each in (first, second) for of in ("png", "json")
    }


def test_a_damaged_record_is_left_out_of_the_list(starter: Atlas, tmp_path: Path) -> None:
    outputs = Outputs(tmp_path)
    made = one(starter, "brain MRI")
    outputs.put(made)
    (tmp_path / f"{'0' * 16}.json").write_text("{", "utf-8")
    assert [image.record.id for image in outputs.list()] == [made.record.id]
    with pytest.raises(NotFound, match="damaged"):
        outputs.get("0" * 16)


def test_an_image_kept_by_an_older_version_loses_its_claim_and_stays(starter: Atlas, tmp_path: Path) -> None:
    outputs = Outputs(tmp_path)
    made = one(starter, "brain MRI")
    outputs.put(made)
    path = tmp_path / f"{made.record.id}.json"
    kept = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**kept, "match": {"better_than": 0.97, "said": "It matches its prompt well."}}), "utf-8")
    assert outputs.get(made.record.id).match is None
    assert outputs.get(made.record.id).data == made.data


def test_a_notebook_shows_the_marked_image(starter: Atlas) -> None:
    made = one(starter, "brain MRI")
    shown = made._repr_png_()
    assert shown is not None
    assert read(shown).ours
    with Image.open(io.BytesIO(shown)) as image:
        assert np.asarray(image).std() > 0


def test_a_page_of_images_reads_the_records_of_that_page_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = Outputs(tmp_path)
    names = [kept(outputs, number, f"2026-01-{number + 1:02}T00:00:00Z") for number in range(9)]
    for number, name in enumerate(names):
        os.utime(tmp_path / f"{name}.json", (number, number))
    read: list[str] = []
    real = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda path, *given: read.append(path.stem) or real(path, *given))
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} was read"))
    assert [image.record.id for image in outputs.list(2, 3)] == [names[6], names[5], names[4]]
    assert sorted(read) == sorted(names[4:7])
    assert len(outputs) == 9
