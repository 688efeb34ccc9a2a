"""What takes the place of compiled libraries in a browser gives what those give."""

from __future__ import annotations

import io
import json
import math
import random
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from rapidfuzz import process
from rapidfuzz.distance import OSA
from tokenizers import Tokenizer

from mirage import locales
from mirage.errors import BadQuery
from mirage.language.concepts import lexicon
from mirage.language.words import stem
from mirage.query import Query
from mirage.shipped import SHIPPED
from mirage.site import runtime
from mirage.site.browser import arrays, nearness, stems
from mirage.site.browser.wordpiece import WordPiece
from mirage.wording import speaking

STRANGE = [
    "",
    " ",
    "Müller-Weiß",
    "naïve café",
    "İstanbul",
    "日本語 CT",
    "a" * 150,
    "x_ray T2*",
    "3.5 cm² ≥ 4",
    "don’t",
    "\u202eabc",
    "🫁 lung",
    "́accent",
]


@pytest.fixture(scope="module")
def names() -> list[str]:
    return [name for each in lexicon().concepts.values() for name in (each.name, *each.synonyms, *each.es)]


def test_stems_are_the_engines_but_for_a_few_words_that_a_site_has_a_table_of(names: list[str]) -> None:
    words = sorted({word for name in names for word in name.lower().replace("-", " ").split() if word.isalnum()})
    odd = [word for word in words if stem(word) != stems.own_number(word)]
    assert len(words) > 5_000
    assert len(odd) < 0.02 * len(words), odd[:50]


def test_what_a_site_learns_of_words_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stems, "_exceptions", {})
    own = stems.number("lungs")
    assert stems.Bm25(stems.Bm25Config()).embed_query("The lungs").indices != [own]
    stems.learn({"the": None})
    assert stems.Bm25(stems.Bm25Config()).embed_query("The lungs, the LUNG").indices == [own]
    assert own == stem("lungs")


def test_words_that_are_near_are_those_of_rapidfuzz_in_its_order(names: list[str]) -> None:
    words = sorted({word for name in names for word in name.lower().split() if len(word) > 3})
    dice = random.Random(3)
    for word in dice.sample(words, 40):
        typed = list(word)
        place = dice.randrange(len(typed) - 1)
        typed[place], typed[place + 1] = typed[place + 1], typed[place]
        if dice.random() < 0.5:
            del typed[dice.randrange(len(typed))]
        asked = "".join(typed)
        for most in (1, 2):
            theirs = process.extract(asked, words, scorer=OSA.distance, score_cutoff=most, limit=12)
            ours = nearness.extract(asked, words, scorer=nearness.OSA.distance, score_cutoff=most, limit=12)
            assert ours == [(choice, int(distance), place) for choice, distance, place in theirs], asked
    for one in words[:200]:
        assert nearness.OSA.distance(one, "pneumothorax") == OSA.distance(one, "pneumothorax")


def test_texts_are_read_as_the_encoders_tokenizer_reads_them(names: list[str]) -> None:
    theirs = Tokenizer.from_file(str(SHIPPED / "encoder" / "tokenizer.json"))
    theirs.no_padding()
    ours = WordPiece(json.loads((SHIPPED / "encoder" / "tokenizer.json").read_text("utf-8"))["model"]["vocab"], 128)
    figures = (SHIPPED / "atlas" / "figures.jsonl").read_text("utf-8").splitlines()
    captions = [json.loads(line).get("caption", "") for line in figures[::9]]
    for text in (*names[::7], *captions, *STRANGE, " ".join(captions)[:4000]):
        assert ours.ids(text) == theirs.encode(text).ids, text[:100]


def test_what_is_not_read_of_a_text_is_told_as_the_encoder_tells_it() -> None:
    from mirage.encoders.starter import StarterEncoder

    encoder = StarterEncoder()
    ours = WordPiece(json.loads((SHIPPED / "encoder" / "tokenizer.json").read_text("utf-8"))["model"]["vocab"], 128)
    for text in ("pleural effusion", "pleural effusion on the left side. " * 40, "Müller-Weiß " * 60):
        assert ours.unread(text) == encoder.unread(text)


def test_vectors_are_reckoned_as_numpy_reckons_them() -> None:
    dice = random.Random(5)
    rows = [[dice.uniform(-1, 1) for _ in range(16)] for _ in range(3)]
    a, b, c = (arrays.asarray(row) for row in rows)
    x, y, z = (np.array(row) for row in rows)
    assert list(a + b * 0.5 - c / 3) == pytest.approx(x + y * 0.5 - z / 3)
    assert 2 * a @ b == pytest.approx(2 * x @ y)
    assert list(arrays.asarray([a, b, c]).mean(axis=0)) == pytest.approx(np.array(rows).mean(axis=0))
    assert list(arrays.asarray([a, b, c]) @ a) == pytest.approx(np.array(rows) @ x)
    assert arrays.linalg.norm(a) == pytest.approx(np.linalg.norm(x))
    assert arrays.asarray([a, b, c]).__matmul__(a).argmax() == (np.array(rows) @ x).argmax()
    assert arrays.abs(a).max() == pytest.approx(np.abs(x).max())
    codes = arrays.round(a / arrays.abs(a).max() * 127).astype(arrays.int8).tobytes()
    assert codes == np.round(x / np.abs(x).max() * 127).astype(np.int8).tobytes()
    assert list(arrays.frombuffer(codes)) == list(np.frombuffer(codes, np.int8))
    assert arrays.round(arrays.asarray([0.5, 1.5, -0.5])).tolist() == [0, 2, 0]
    assert math.isclose(sum(arrays.zeros_like(a)), 0.0)


def test_the_search_of_a_site_begins_and_reads_without_any_compiled_library(tmp_path: Path) -> None:
    """As in a browser: only the archive, in a Python that finds nothing that is installed."""
    with zipfile.ZipFile(io.BytesIO(runtime.engine())) as archive:
        archive.extractall(tmp_path)
    code = """
import sys
sys.path.insert(0, sys.argv[1])
import json, mirage.site.browser.engine
from mirage.language.reading import read
reading = read("Left pneumothorax or glioblastmoa on CT, no fracture", lambda word: False)
print(json.dumps([[each.name for each in reading.concepts], reading.denied, [list(one) for one in reading.mended]]))
compiled = [name for name, each in sys.modules.items() if str(getattr(each, "__file__", "")).endswith(".so")]
print(json.dumps(compiled))
"""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    read, compiled = map(json.loads, done.stdout.splitlines())
    from mirage.language.reading import read as here

    own = here("Left pneumothorax or glioblastmoa on CT, no fracture", lambda word: False)
    assert read == [[each.name for each in own.concepts], list(own.denied), [list(one) for one in own.mended]]
    assert "pneumothorax" in read[0]
    assert not [
        name for name in compiled if name.partition(".")[0] in ("numpy", "rapidfuzz", "qdrant_edge", "pydantic_core")
    ]


def test_a_site_in_spanish_says_its_notes_and_numbers_so(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(runtime.engine())) as archive:
        archive.extractall(tmp_path)
    (tmp_path / "es.mo").write_bytes(locales.compiled("es"))
    code = """
import sys
sys.path.insert(0, sys.argv[1])
from gettext import GNUTranslations
from mirage.errors import MirageError
from mirage.locales import number
from mirage.query import Query
from mirage.wording import settle
settle(GNUTranslations(open(sys.argv[1] + "/es.mo", "rb")))
print(number(12345))
try:
    Query.parse("less=contrast")
except MirageError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with speaking(locales.translations_of("es")), pytest.raises(BadQuery) as refused:
        Query.parse("less=contrast")
    assert done.stdout.splitlines() == ["12.345", str(refused.value)]
    assert "Say at least" not in done.stdout


def test_no_module_that_a_browser_gets_imports_what_it_does_not_get() -> None:
    with zipfile.ZipFile(io.BytesIO(runtime.engine())) as archive:
        sources = {name: archive.read(name).decode() for name in archive.namelist() if name.endswith(".py")}
    for name, source in sources.items():
        imports = re.findall(r"(?m)^(?:from|import) (\w[\w.]*)", source)
        assert not {each.partition(".")[0] for each in imports} & runtime._UNUSED, name
        own = [each.replace(".", "/") for each in imports if each.startswith("mirage.")]
        assert all(f"{each}.py" in sources or f"{each}/__init__.py" in sources for each in own), (name, own)
