"""Modality and plane where the source does not say them: from the caption's words, else from the picture, else left open."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mirage import corpora
from mirage.atlas import Atlas
from mirage.corpora import inferring
from mirage.corpora.base import Item
from mirage.corpora.inferring import Inference, Rule, modality_in, plane_in, rule_for, with_words
from mirage.corpora.roco import RocoCorpus
from mirage.errors import BadInput
from mirage.explain import explanation
from mirage.figure import Figure, Source
from mirage.storage.caption_vectors import caption_text
from mirage.storage.ingest import add
from roco_maker import Made, write_shard

NOBODY = Source("roco", "Made up")


@pytest.mark.parametrize(
    ("caption", "modality"),
    [
        ("Chest X-ray shows a drawn line.", "XR"),
        ("Contrast-enhanced computed tomography of the abdomen", "CT"),
        ("CT angiography of the aorta", "CT"),
        ("MR angiogram of the neck", "MR"),
        ("Coronary angiogram before the stent", "XA"),
        ("T2-weighted image of the spine", "MR"),
        ("PET/CT with uptake in the liver", "PT"),
        ("Bone scan with a hot spot", "NM"),
        ("Transthoracic echocardiogram, four-chamber view", "US"),
        ("Barium swallow", "RF"),
        ("Panoramic radiograph of the jaw", "XR"),
        ("CT scan and chest radiograph of one patient", ""),
        ("MRI after an earlier CT", ""),
        ("Optical coherence tomography, beside an angiogram", ""),
        ("An exact doctor's act", ""),
        ("CT surgery was asked", ""),
        ("The CT ratio is 0.6 on the chest radiograph", "XR"),
        ("CT scan; CT surgery was asked", "CT"),
        ("The connective tissue (CT) around the vessel", ""),
        ("Computerized tomogram (CT) of the abdomen", "CT"),
        ("Renal transplant, DSA positive", ""),
        ("DSA of the aorta", "XA"),
        ("DSA negative for aneurysm", "XA"),
        ("CT placement of a pigtail drain.", "CT"),
        ("Chest CT for PE: normal.", "CT"),
        ("Body of the T1 image.", "MR"),
        ("OPG in NF1", ""),
        ("OPG of the jaw", "XR"),
        ("Radiographic union was seen", ""),
        ("Radiografía de tórax que muestra una neumonía", "XR"),
        ("TAC de cráneo sin contraste", "CT"),
        ("Tomografía axial computarizada de abdomen con cálculos renales", "CT"),
        ("Angiografía por TC de la aorta", "CT"),
        ("Resonancia magnética de la rodilla", "MR"),
        ("Secuencia FLAIR con una lesión en el lóbulo frontal", "MR"),
        ("Ecografía abdominal", "US"),
        ("Gammagrafía ósea con captación aumentada", "NM"),
        ("Tomografía por emisión de positrones de un paciente con linfoma", "PT"),
        ("Mamografía con una lesión en la mama izquierda", "MG"),
        ("Arteriografía de la carótida interna", "XA"),
        ("Radiografía de tórax, comparada con la TC previa", "XR"),
        ("Biopsia guiada por ecografía de la lesión vista en la TC", ""),
        ("Radiografía y TC de la misma paciente, con una fractura", ""),
        ("Tomografía de coherencia óptica de la mácula", ""),
        ("Corte axial de TC que muestra una apendicitis, no se realizó ecografía", "CT"),
        ("", ""),
    ],
)
def test_a_caption_names_one_modality_or_it_is_left_open(caption: str, modality: str) -> None:
    assert modality_in(caption) == modality


@pytest.mark.parametrize(
    ("caption", "plane"),
    [
        ("Axial CT", "axial"),
        ("Transverse T2-weighted image", "axial"),
        ("Mid-sagittal section", "sagittal"),
        ("PA chest radiograph", "frontal"),
        ("Anteroposterior view of the pelvis", "frontal"),
        ("Lateral cervical spine X-ray", "lateral"),
        ("Oblique view", "oblique"),
        ("Axial and coronal CT", ""),
        ("The lateral ventricle and the frontal lobe", ""),
        ("Dilated PA", ""),
        ("Thrombosis of the superior sagittal sinus", ""),
        ("Fracture of the transverse process", ""),
        ("The coronal suture", ""),
        ("Corte transversal de TC con una masa en el riñón", "axial"),
        ("Resonancia magnética sagital de la columna", "sagittal"),
        ("Cortes coronales de la RM de un paciente con una lesión", "coronal"),
        ("Radiografía de tórax PA con neumonía", "frontal"),
        ("Radiografía lateral de rodilla sin fractura", "lateral"),
        ("Mamografía, proyección oblicua", "oblique"),
        ("Trombosis del seno sagital superior en una paciente", ""),
        ("Lesión del ventrículo lateral y del lóbulo frontal en la TC", ""),
        ("Placa de ateroma lateral izquierda en la ecografía", ""),
        ("Fractura de placa lateral con osteosíntesis en la TC", ""),
        ("Radiografía de la cara lateral del pie", ""),
        ("Dolor axial de un paciente. Radiografía de la columna", ""),
    ],
)
def test_a_caption_names_one_plane_or_it_is_left_open(caption: str, plane: str) -> None:
    assert plane_in(caption) == plane


def test_what_the_source_says_is_never_replaced_or_marked() -> None:
    figure = Figure("roco:1", "Axial CT", NOBODY, modality="MR")
    read = with_words(figure)
    assert (read.modality, read.plane, read.inferred) == ("MR", "axial", ("plane",))
    assert (read.stated("modality"), read.stated("plane")) == ("MR", "")


@pytest.fixture(scope="module")
def kept(starter: Atlas) -> tuple[list[Figure], np.ndarray]:
    """The starter's figures, of which all is known, and the vectors of their pictures."""
    rows = [row for batch in starter.store.each() for row in batch]
    vectors = starter.store.vectors.of([row.key for row in rows], starter.encoder.info().digest)
    return [row.figure for row in rows], np.stack([vectors[row.key][0] for row in rows])


@pytest.fixture(scope="module")
def ask(starter: Atlas) -> Inference:
    """The starter encoder, its descriptions read once. Tests give it rules of their own."""
    return Inference(starter.encoder)


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def bare(figures: list[Figure]) -> list[Figure]:
    return [Figure(figure.id, "", figure.source) for figure in figures]


def test_the_encoder_says_what_kind_of_picture_each_is_and_leaves_open_what_it_was_never_checked_on(
    starter: Atlas, ask, kept
) -> None:
    figures, vectors = kept
    rule = rule_for(starter.encoder.info().digest)
    assert rule is not None, "the rule that ships is for the encoder that ships"
    ask.rule = rule
    said = ask(bare(figures), vectors)
    brains = [(was, now) for was, now in zip(figures, said, strict=True) if "icbm152" in was.id]
    assert len(brains) > 140
    assert sum(was.modality == now.modality for was, now in brains) > 0.95 * len(brains)
    planes = [(was, now) for was, now in brains if was.plane in ("axial", "coronal", "sagittal") and now.plane]
    assert sum(was.plane == now.plane for was, now in planes) > 0.95 * len(planes)
    assert all(now.inferred == tuple(f for f in ("modality", "plane") if getattr(now, f)) for now in said)
    chest = next(now for was, now in zip(figures, said, strict=True) if was.id == "starter:chest-pa")
    assert chest.modality == "XR"
    for modality in ("US", "OP", "SM"):
        others = [now for was, now in zip(figures, said, strict=True) if was.modality == modality]
        assert others
        assert sum(now.modality == modality for now in others) > 0.7 * len(others), modality
        assert not any(now.plane for now in others if now.modality in ("US", "OP"))
    assert not {"NM", "XA"} & {now.modality for now in said}, "of these there is one picture at most to learn from"


def test_prototypes_say_the_modality_and_only_a_kind_that_is_believed(starter: Atlas, kept) -> None:
    figures, vectors = kept
    brains = [number for number, figure in enumerate(figures) if figure.modality == "MR"][:30]
    own = tuple(float(value) for value in vectors[brains[0]])
    # The descriptions would say MRI: what is asked are the prototypes.
    for believed, said in ((("US",), "US"), ((), "")):
        rule = Rule("any", {"modality": -1.0}, {"modality": believed}, {"US": (own,), "CT": (tuple(-x for x in own),)})
        assert {
            each.modality
            for each in Inference(starter.encoder, ("modality",), rule)(bare([figures[n] for n in brains]), vectors[brains])
        } == {said}


def test_a_plane_is_looked_for_only_where_the_kind_of_picture_has_one(ask: Inference, kept) -> None:
    figures, vectors = kept
    brain = next(number for number, figure in enumerate(figures) if figure.modality == "MR")
    ask.rule = Rule("any", {"modality": 0, "plane": 0}, {"modality": (), "plane": ("axial", "coronal", "sagittal")})
    empty = bare(figures[brain : brain + 1])[0]
    for modality, some in (("US", False), ("", False), ("MR", True)):
        (told,) = ask([replace(empty, modality=modality)], vectors[brain : brain + 1])
        assert told.modality == modality
        assert bool(told.plane) is some
        assert told.inferred == ("plane",) * some


def test_too_small_a_lead_over_the_next_kind_is_no_answer(ask: Inference, kept) -> None:
    figures, vectors = kept
    counts = []
    for least in (0.0, 0.1, 0.2, 2.5):
        ask.rule = Rule("any", {"modality": least}, {"modality": ("MR", "CT")})
        counts.append(sum(bool(each.modality) for each in ask(bare(figures), vectors)))
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1] == 0


def test_an_encoder_whose_answers_were_never_measured_is_not_asked(
    starter: Atlas, kept, monkeypatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("mirage.corpora.inferring.rule_place", lambda digest: tmp_path / "none.json")
    assert rule_for("f" * 64) is None
    figures, vectors = kept
    monkeypatch.setattr("mirage.corpora.inferring.rule_for", lambda digest: None)
    assert Inference(starter.encoder)(bare(figures), vectors) == bare(figures)


def test_a_users_own_rule_comes_first_and_a_damaged_one_is_named(monkeypatch, tmp_path: Path) -> None:
    place = tmp_path / "deep" / "rule.json"
    monkeypatch.setattr("mirage.corpora.inferring.rule_place", lambda digest: place)
    rule = Rule("f" * 64, {"modality": 0.03}, {"modality": ("CT",)}, {"CT": ((0.6, 0.8), (1.0, 0.0))})
    rule.write(place, made_on="nothing")
    assert rule_for("f" * 64) == rule
    assert json.loads(place.read_text())["made_on"] == "nothing"
    place.write_text('{"encoder": ')
    with pytest.raises(BadInput, match=r"rule\.json.*--fit"):
        rule_for("f" * 64)


def test_what_was_inferred_is_kept_shown_for_what_it_is_and_proves_nothing(tmp_path: Path) -> None:
    starter = corpora.load("starter")
    brains = [item for item in starter.items() if isinstance(item, Item) and "icbm152-t1-axial" in item.figure.id][12:15]
    pictures = [png(starter.read(item).image) for item in brains]
    rows = [Made(f"ROCO_0000{n}", f"Drawn structure {n}.") for n in range(3)]
    write_shard(tmp_path / "train-00000-of-00001.parquet", rows, pictures=pictures)
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        add(atlas, RocoCorpus(tmp_path))
        figures = [atlas.figure(f"roco:{row.name}") for row in rows]
        assert {figure.modality for figure in figures} == {"MR"}
        assert all("modality" in figure.inferred for figure in figures)
        assert atlas.facets()["modality"] == {"MR": 3}
        answer = atlas.search("drawn structure")
        hits = [replace(hit, confidence="strong") for hit in answer.hits]
        assert hits
        assert {passage.modality + passage.plane for passage in explanation.gather(hits, {})} == {""}
        # The vector of the caption is of the source's words alone.
        assert caption_text(figures[0]) == "Drawn structure 0."
        assert add(atlas, RocoCorpus(tmp_path)).kept == 3


def test_what_a_pattern_fits_holds_one_of_its_signs() -> None:
    """The signs spare a text the patterns, and may not change what is found."""
    texts = (
        "positron emission tomography/computed tomography", "18F-FDG PET/CT", "FDG", "single-photon emission", "bone scans",
        "scintigraphy", "Radionuclide", "SPECT/CT", "optical coherence tomography", "endoscopic", "histology", "micrograph",
        "photographs", "OCT", "Magnetic Resonance imaging", "MR-", "MR cholangiography", "cMRI", "MRCP", "FLAIR", "STIR",
        "T1-weighted", "T2*W", "computerised axial tomography angiography", "cone-beam CT", "HRCT", "CTPA", "CAT scan",
        "mammogram", "vaginal ultrasound", "ultraſonography", "echocardiogram", "Doppler", "EUS", "TTE", "fluoroscopy",
        "BARİUM", "oesophagogram", "cystogram", "cystourethrogram", "hysterosalpingogram", "angiogram", "phlebography",
        "DSA", "x rays", "radiographs", "radiographic views", "Roentgenogram", "plain film", "pantomogram", "OPG", "CXR",
        "transaxial", "transversal slices", "coronal", "midsagittal", "oblique chest radiograph", "lateral view",
        "anteroposterior pelvic radiograph", "posteroanterior film", "frontal projection", "AP view", "PA chest x-ray",
    )  # fmt: skip
    for key, pattern, signs in (*inferring._MODALITIES, *inferring._PLANES):
        fitting = [text for text in texts if pattern.search(text)]
        assert fitting, pattern.pattern
        assert all(key in inferring._named(text, [inferring._Named(key, pattern, signs)]) for text in fitting)
