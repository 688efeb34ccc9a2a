"""An encoder exported to ONNX: checked against the original, opened without torch, and in its place in an atlas."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mirage import corpora, encoders
from mirage.atlas import Atlas
from mirage.encoders.export import BARS, export, samples
from mirage.encoders.onnx import OnnxEncoder
from mirage.encoders.open_clip import OpenClipEncoder
from mirage.encoders.transformers import TransformersEncoder
from mirage.errors import AtlasError, BadInput, Unavailable
from mirage.query import Query
from mirage.storage import manifest
from mirage.storage.archive_export import export as export_atlas
from mirage.storage.archive_import import import_file
from mirage.storage.ingest import add
from mirage.storage.reindex import rebuild
from parts import picture_folder
from tiny_duals import clip_folder, open_clip_folder, siglip_folder, word_piece_folder

pytestmark = pytest.mark.torch
TEXTS = [
    "axial CT",
    "pleural effusion",
    "",
    "axial CT of the brain with a ring-enhancing lesion, frontal lobe",
    "mass " * 300,
]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> TransformersEncoder:
    return TransformersEncoder(str(clip_folder(tmp_path_factory.mktemp("original") / "clip")), device="cpu")


@pytest.fixture(scope="module")
def exported(original: TransformersEncoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "clip"
    export(original, folder, "fp16")
    return folder


def test_the_export_makes_the_original_s_vectors(original: TransformersEncoder, exported: Path) -> None:
    found = OnnxEncoder(exported)
    assert (found.encode_texts(TEXTS) * original.encode_texts(TEXTS)).sum(1).min() > BARS["fp16"]
    images = samples()[1][:5]
    assert (found.encode_images(images) * original.encode_images(images)).sum(1).min() > BARS["fp16"]
    assert [found.unread(text) for text in TEXTS] == [original.unread(text) for text in TEXTS]


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize(
    ("make", "adapter"),
    [
        (open_clip_folder, OpenClipEncoder),
        (word_piece_folder, OpenClipEncoder),
        (siglip_folder, TransformersEncoder),
    ],
)
def test_every_family_is_exported_within_its_bar(
    make: Callable[[Path], Path], adapter: Any, precision: str, tmp_path: Path
) -> None:
    encoder = adapter(str(make(tmp_path / "model")), device="cpu")
    lines: list[str] = []
    done = export(encoder, tmp_path / "onnx", precision, lines.append)
    assert min(done.text_cosine, done.image_cosine) >= BARS[precision]
    assert done.texts > 30
    assert done.images > 10
    assert len(lines) > 3
    told = json.loads((tmp_path / "onnx" / "config.json").read_text())
    assert told["checked"]["text_min"] == done.text_cosine
    assert told["made_from"]["digest"] == encoder.info().digest
    assert encoders.load("onnx", path=tmp_path / "onnx").encode_texts(["axial CT"]).shape[0] == 1
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_a_text_tower_takes_texts_as_short_as_they_are(exported: Path) -> None:
    import onnx

    shape = onnx.load(exported / "text.onnx").graph.input[0].type.tensor_type.shape.dim
    assert [size.dim_param for size in shape] == ["n", "tokens"]


def test_an_export_that_strays_is_refused_and_leaves_nothing(
    original: TransformersEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mirage.models import export as shrinking

    def spoil(source: Path, target: Path) -> None:
        import onnx
        from onnx import numpy_helper

        model = onnx.load(source)
        for weight in model.graph.initializer:
            if weight.name.endswith("projection.weight") or len(weight.dims) == 2:
                values = numpy_helper.to_array(weight)
                noise = np.random.default_rng(0).normal(0, values.std(), values.shape)
                weight.CopyFrom(numpy_helper.from_array((values + noise).astype(values.dtype), weight.name))
        onnx.save(model, target)

    monkeypatch.setattr(shrinking, "to_int8", spoil)
    with pytest.raises(Unavailable, match=r"come as near as cosine .* where 0\.98 is wanted .*Nothing was written"):
        export(original, tmp_path / "onnx", "int8")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_exported_is_told(original: TransformersEncoder, exported: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="one of fp32, fp16, int8, not 'int4'"):
        export(original, tmp_path / "onnx", "int4")
    with pytest.raises(BadInput, match="starter encoder is ONNX already"):
        export(encoders.load("starter"), tmp_path / "onnx")
    with pytest.raises(BadInput, match="there already and not empty"):
        export(original, exported)


def test_an_export_opens_where_there_is_no_torch(exported: Path) -> None:
    code = (
        "import sys\nfrom mirage import encoders\n"
        f"encoder = encoders.load('onnx', path={str(exported)!r})\n"
        "encoder.encode_texts(['axial CT'])\n"
        "sys.exit(bool({'torch', 'transformers', 'open_clip', 'onnx', 'huggingface_hub'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# -- damaged folders ---------------------------------------------------------------------------------------------------


@pytest.fixture
def copy(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "copy"))


def test_a_folder_that_lacks_a_file_names_it(copy: Path) -> None:
    (copy / "image.onnx").unlink()
    with pytest.raises(Unavailable, match=r"lacks image\.onnx"):
        OnnxEncoder(copy)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "text.onnx"])
def test_a_damaged_file_is_named(copy: Path, name: str) -> None:
    (copy / name).write_text("{")
    with pytest.raises(Unavailable, match=f"{name} is damaged"):
        OnnxEncoder(copy).encode_texts(["brain"])


def test_a_newer_export_asks_for_an_update(copy: Path) -> None:
    told = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**told, "format": 99}))
    with pytest.raises(Unavailable, match="newer MIRAGE"):
        OnnxEncoder(copy)


def test_it_wants_a_folder() -> None:
    with pytest.raises(BadInput, match="encoder_model"):
        OnnxEncoder()


# -- in an atlas -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(original: TransformersEncoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An atlas of eight pictures, encoded with torch."""
    place = tmp_path_factory.mktemp("atlas")
    with Atlas.open(place / "atlas", encoder=original, create=True) as atlas:
        add(atlas, corpora.load("folder", path=picture_folder(place / "phantoms", 8)))
    return place / "atlas"


@pytest.fixture
def atlas_folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "atlas"))


def found_in(atlas: Atlas) -> list[str]:
    return [hit.figure.id for hit in atlas.search(Query.of("axial CT of the brain", k=8)).hits]


def test_an_atlas_remembers_its_model_and_reopens_it(atlas_folder: Path, original: TransformersEncoder) -> None:
    known = manifest.read(atlas_folder)
    assert known is not None
    assert (known.encoder.name, known.encoder.model) == ("transformers", original.info().model)
    with Atlas.open(atlas_folder) as atlas:
        assert isinstance(atlas.encoder, TransformersEncoder)
        assert len(found_in(atlas)) == 8


def test_an_atlas_is_searched_with_the_export_of_its_encoder(
    atlas_folder: Path, exported: Path, original: TransformersEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["axial CT of the brain"]
    wanted = original.encode_texts(words)
    monkeypatch.setenv("MIRAGE_ENCODER", "onnx")
    monkeypatch.setenv("MIRAGE_ENCODER_MODEL", str(exported))
    monkeypatch.setattr(TransformersEncoder, "_load", lambda *_: pytest.fail("torch was loaded"))
    with Atlas.open(atlas_folder) as atlas:
        # Not the order of hits: pictures that are nearly alike change places with the last digits of a vector.
        assert float((atlas.encoder.encode_texts(words) * wanted).sum()) > 0.98
        assert len(found_in(atlas)) == 8
        add(atlas, corpora.load("folder", path=picture_folder(atlas_folder.parent / "more", 2, first=50)))
        assert len(atlas.index) == 10
    known = manifest.read(atlas_folder)
    assert known is not None
    assert known.encoder == original.info(), "the atlas stays the original's"


def test_the_export_of_another_encoder_is_refused(starter_copy: Path, exported: Path) -> None:
    with pytest.raises(AtlasError, match="cannot be compared"):
        Atlas.open(starter_copy, encoder=OnnxEncoder(exported))


def test_settings_for_an_export_leave_other_atlases_alone(
    starter_copy: Path, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIRAGE_ENCODER", "onnx")
    monkeypatch.setenv("MIRAGE_ENCODER_MODEL", str(exported))
    with Atlas.open(starter_copy) as atlas:
        assert atlas.encoder.info().name == "starter"


def test_an_atlas_made_with_the_export_is_the_export_s(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIRAGE_ENCODER", "onnx")
    monkeypatch.setenv("MIRAGE_ENCODER_MODEL", str(exported))
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        add(atlas, corpora.load("folder", path=picture_folder(tmp_path / "phantoms", 3)))
    monkeypatch.delenv("MIRAGE_ENCODER")
    monkeypatch.delenv("MIRAGE_ENCODER_MODEL")
    with Atlas.open(tmp_path / "atlas") as atlas:
        assert atlas.info().encoder.name == "onnx"
        assert len(found_in(atlas)) == 3


def test_a_travelled_atlas_is_searched_with_the_export(
    made: Path, exported: Path, tmp_path: Path, original: TransformersEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_atlas(made, tmp_path / "a.mirage", purpose="myself")
    monkeypatch.setenv("MIRAGE_ENCODER", "onnx")
    monkeypatch.setenv("MIRAGE_ENCODER_MODEL", str(exported))
    done = import_file(tmp_path / "a.mirage", tmp_path / "there")
    assert (done.added, done.encoded) == (8, False)
    with Atlas.open(tmp_path / "there") as atlas:
        assert len(found_in(atlas)) == 8
        assert atlas.info().encoder == original.info()


def test_an_atlas_is_made_anew_with_another_model(
    starter_copy: Path, original: TransformersEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIRAGE_ENCODER", "transformers")
    monkeypatch.setenv("MIRAGE_ENCODER_MODEL", original.info().model)
    total, encoded = rebuild(starter_copy, "transformers")
    assert total == encoded
    known = manifest.read(starter_copy)
    assert known is not None
    assert known.encoder == original.info()
