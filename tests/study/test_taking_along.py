"""Taking along: what may leave goes with its credit, what stays is counted, and no format loses or gives away anything."""

from __future__ import annotations

import base64
import csv
import hashlib
import html
import io
import json
import re
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from pptx import Presentation
from pptx.enum.shapes import MSO_SHAPE_TYPE

from mirage.atlas import Atlas
from mirage.errors import BadInput, MirageError
from mirage.figure import Licence
from mirage.images.stack_reader import StackReader
from mirage.study.along import decks, key_images, moodle, sheets, slides
from mirage.study.along.bundle import TEACHING, Bundle, Order, line, web_link
from mirage.study.along.gather import MOST_PICTURES, gather
from mirage.study.along.occlusion import MOST_STRUCTURES, marked_slices, outlines
from mirage.study.along.taking import FORMATS, bundle_of, file_name, name_of, take, take_to
from mirage.study.kept import Content, Kept
from mirage.study.quiz.kept import Given
from mirage.study.quiz.origin import Origin
from mirage.study.quiz.question import own as own_id

HOSTILE = 'Pneumo\x00thorax \x0b<script>alert("1")</script> ]]> & \ufffe=HYPERLINK("x") \u202e' + "long " * 60
ND = Licence("CC BY-ND 4.0", "https://creativecommons.org/licenses/by-nd/4.0/")
PASS_ON = Order("pass-on")
CLOZE = re.compile(r"\{\{c(\d+)::image-occlusion:polygon:left=([\d.]+):top=([\d.]+):points=([^}]+)\}\}")


def content(target: str, kind: Any = "figure", **more: Any) -> Content:
    return Content(kind=kind, target=target, title=more.pop("title", target), **more)


def of(atlas: Atlas, *contents: Content, way: str = "deck", order: Order = PASS_ON, title: str = "Week 3") -> Bundle:
    return gather(atlas, contents, way, order, key="k", title=title, notes="Read before Friday.")


def relicensed(bundle: Bundle, licence: Licence, attribution: str = "", **words: Any) -> Bundle:
    """The same bundle, as if its pictures had another licence and other words."""

    def changed(picture: Any) -> Any:
        source = replace(picture.figure.source, licence=licence, **({"attribution": attribution} if attribution else {}))
        figure = replace(picture.figure, source=source, **words)
        decision = bundle.order.decide(licence, bundle.way)
        markable = bundle.order.decide(licence, bundle.way, altered=True).allowed
        return replace(picture, figure=figure, decision=decision, markable=markable)

    parts = [replace(part, pictures=tuple(map(changed, part.pictures))) for part in bundle.parts]
    return replace(bundle, parts=tuple(parts))


@pytest.fixture(scope="module")
def mixed(some: Atlas) -> Bundle:
    """A section, two figures, a stack, a slice of it, a search and a comparison."""
    slice_ = next(row.figure.id for row in some.store.rows(some.store.keys()).values() if row.figure.slice_of)
    return of(
        some,
        Content(kind="section", title="Eyes", note="Look at the vessels."),
        content("starter:retina", note="The macula <b>."),
        content("starter:icbm152-t1"),
        content(slice_),
        content("q=abdomen", "search", title="Abdomen"),
        content("a.q=lung+mass&b.q=lung+nodule", "comparison", title="Mass or nodule"),
    )


# -- what goes --------------------------------------------------------------------------------------------------------------


def test_what_licences_permit_goes_and_the_rest_is_counted(small: Path) -> None:
    with Atlas.open(small) as atlas:
        ids = [row.figure.id for row in atlas.store.rows(atlas.store.keys()).values()]
        mine = of(atlas, *map(content, ids), order=Order())
        theirs = of(atlas, *map(content, ids))
        assert len([*mine.pictures()]) == 6
        assert mine.stayed == ()
        assert [*theirs.pictures()] == []
        assert theirs.stayed == ("6 pictures stayed behind: 6 not stated.",)
        with pytest.raises(BadInput, match="no purpose 'gain'"):
            of(atlas, order=Order("gain"))


def test_what_the_atlas_has_no_more_is_counted_and_named(some: Atlas) -> None:
    gone = Kept(id="x", kind="figure", target="nobody:1", title="A lost film", removed=True)
    bundle = of(some, gone, content("nobody:2", title="Another"), content("starter:retina"))
    assert bundle.stayed == ("2 things of it are not in the atlas any more: “A lost film”, “Another”.",)
    assert [each.figure.id for each in bundle.pictures()] == ["starter:retina"]


def test_what_is_hidden_from_learners_stays_and_is_counted(small: Path) -> None:
    with Atlas.open(small) as atlas:
        ids = [row.figure.id for row in atlas.store.rows(atlas.store.keys()).values()]
        atlas.study.reviews.hidden.set(atlas.reference(ids[0]), True)
        bundle = of(atlas, *map(content, ids), order=Order())
        assert ids[0] not in {picture.figure.id for picture in bundle.pictures()}
        assert bundle.stayed == ("1 picture stayed behind: it is hidden from learners.",)


def test_what_a_search_finds_to_fit_only_weakly_stays_and_is_counted(some: Atlas) -> None:
    hits = some.search("lung mass").hits
    weak = {hit.figure.id for hit in hits if hit.confidence == "weak"}
    assert 0 < len(weak) < len(hits)
    bundle = of(some, content("q=lung+mass", "search"))
    taken = {picture.figure.id for picture in bundle.pictures()}
    assert taken
    assert not taken & weak
    assert any(f"{len(weak)} picture" in said and "only weakly" in said for said in bundle.stayed)


def test_a_search_that_cannot_be_asked_any_more_is_told_and_the_rest_goes(some: Atlas) -> None:
    bundle = of(some, content("q=lung&more=-lung", "search", title="Old"), content("colour=red", "search", title="Odd"))
    assert "“Odd” could not be asked" in " ".join(bundle.stayed)


def test_more_than_a_file_may_hold_is_refused_in_words(some: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mirage.study.along.gather.MOST_PICTURES", 2)
    assert MOST_PICTURES > 1000
    with pytest.raises(BadInput, match=r"more than 2 pictures.*Move a part"):
        of(some, content("q=abdomen", "search"))
    monkeypatch.undo()
    monkeypatch.setattr("mirage.study.along.slides.MOST_PICTURES", 2)
    with pytest.raises(BadInput, match=r"a presentation may have 2"):
        shown_of(of(some, content("q=abdomen", "search")))


def test_every_picture_carries_attribution_licence_link_and_what_it_is_for(mixed: Bundle) -> None:
    for picture in mixed.pictures():
        attribution, licence, *_ = picture.credit()
        assert attribution == picture.figure.source.attribution
        assert str(picture.figure.source.licence) in licence
        assert picture.link == picture.figure.source.url
    assert mixed.standing == (TEACHING,)
    edited = relicensed(mixed, Licence("CC BY 4.0"), edited=(("caption", "2026-11-29"),))
    assert all("Words edited by who keeps this atlas: caption." in picture.credit() for picture in edited.pictures())
    alike = relicensed(mixed, Licence("CC BY-SA 4.0"))
    assert all("Passed on under the same licence." in picture.credit() for picture in alike.pictures())


@pytest.mark.parametrize(
    ("diagnosis", "patient", "kind"),
    [
        ("Glioblastoma", "61-year-old woman", "MRI, axial, 61-year-old woman"),
        ("Glioblastoma", "61-year-old woman with known GBM", "MRI, axial"),
        ("Odd thing nobody knows", "a man with an odd thing nobody knows", "MRI, axial"),
    ],
)
def test_who_the_patient_was_is_told_where_it_tells_no_answer(
    mixed: Bundle, diagnosis: str, patient: str, kind: str
) -> None:
    first = next(iter(mixed.pictures()))
    figure = replace(first.figure, diagnosis=diagnosis, patient=patient, modality="MR", plane="axial")
    assert replace(first, figure=figure).kind == kind


@pytest.mark.parametrize("address", ["javascript:alert(1)", 'https://x/" onclick="', "https://x/ y", "data:text/html,x", ""])
def test_only_links_to_web_pages_are_links(address: str) -> None:
    assert web_link(address) == ""


# -- decks ------------------------------------------------------------------------------------------------------------------


class Opened:
    """A deck, as the file has it."""

    def __init__(self, data: bytes, folder: Path) -> None:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            named = json.loads(file.read("media"))
            self.media = {name: file.read(place) for place, name in named.items()}
            (folder / "collection.anki2").write_bytes(file.read("collection.anki2"))
            self.names = set(file.namelist()) - {"media", "collection.anki2"}
        assert self.names == set(named)
        with closing(sqlite3.connect(folder / "collection.anki2")) as database:
            models, all_decks = database.execute("SELECT models, decks FROM col").fetchone()
            self.models = {int(own): model for own, model in json.loads(models).items()}
            self.decks = json.loads(all_decks)
            rows = database.execute("SELECT guid, mid, flds FROM notes ORDER BY id").fetchall()
            self.cards = database.execute("SELECT count(*) FROM cards").fetchone()[0]
        self.notes = []
        for guid, model, fields in rows:
            names = [field["name"] for field in self.models[model]["flds"]]
            values = dict(zip(names, fields.split("\x1f"), strict=True))
            self.notes.append((guid, self.models[model]["name"], values))

    def of(self, kind: str) -> list[dict[str, str]]:
        return [values for _, name, values in self.notes if name == f"MIRAGE {kind}"]


def deck_of(atlas: Atlas, bundle: Bundle, folder: Path) -> Opened:
    out = io.BytesIO()
    made = decks.write(bundle, atlas, out)
    opened = Opened(out.getvalue(), folder)
    assert (made.notes, made.cards) == (len(opened.notes), opened.cards)
    return opened


@pytest.fixture(scope="module")
def deck(some: Atlas, mixed: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    return deck_of(some, mixed, tmp_path_factory.mktemp("deck"))


def test_a_deck_has_a_note_for_each_picture_with_its_credit_on_the_back(deck: Opened, mixed: Bundle) -> None:
    notes = deck.of("picture")
    pictures = [*mixed.pictures()]
    assert [note["Figure"] for note in notes] == [picture.figure.id for picture in pictures]
    for note, picture in zip(notes, pictures, strict=True):
        assert deck.media[re.search(r'src="([^"]+)"', note["Picture"])[1]] == picture.path.read_bytes()
        for said in (*picture.credit(), picture.link, TEACHING):
            assert said.replace("&", "&amp;").replace("'", "&#x27;") in note["Credit"]
    assert notes[0]["Note"] == "The macula &lt;b&gt;."
    model = next(model for model in deck.models.values() if model["name"] == "MIRAGE picture")
    front, back = model["tmpls"][0]["qfmt"], model["tmpls"][0]["afmt"]
    assert TEACHING in front
    assert "{{Credit}}" in back
    for name in ("Answer", "Caption", "Credit", "Figure", "Note", "Proof"):
        assert f"{{{{{name}}}}}" not in front


def test_names_of_media_and_fronts_give_no_answer_away(deck: Opened) -> None:
    assert all(re.fullmatch(r"[0-9a-f]{64}\.(png|jpg|webp)", name) for name in deck.media)
    for note in deck.of("picture"):
        front = (note["Picture"] + note["Question"] + note["About"]).lower()
        assert note["Answer"].lower() not in front
        assert 'alt=""' in note["Picture"]
    for note in deck.of("Image Occlusion"):
        front = (note["Occlusion"] + note["Image"] + note["Header"]).lower()
        assert not [name for name in re.findall(r'class="n\d+">([^<]+)<', note["Back Extra"]) if name.lower() in front]


def test_structures_are_notes_of_anki_s_own_kind_with_masks_within_the_picture(deck: Opened) -> None:
    model = next(model for model in deck.models.values() if model["name"] == "MIRAGE Image Occlusion")
    assert (model["type"], model["originalStockKind"]) == (1, 6)
    assert [field["tag"] for field in model["flds"]] == [0, 1, 2, 3, 4]
    notes = deck.of("Image Occlusion")
    assert notes
    for note in notes:
        clozes = re.findall(
            r"\{\{c(\d+)::image-occlusion:polygon:left=([\d.]+):top=([\d.]+):points=([^}]+)\}\}", note["Occlusion"]
        )
        assert len(clozes) == note["Occlusion"].count("{{c")
        for _, left, top, points in clozes:
            corners = np.array([pair.split(",") for pair in points.split()], float)
            assert corners.shape[0] >= 3
            assert corners.min() >= 0
            assert corners.max() <= 1
            assert np.allclose(corners.min(0), [float(left), float(top)], atol=1e-4)
        named = set(re.findall(r'class="n(\d+)"', note["Back Extra"]))
        assert named == {number for number, *_ in clozes}
        assert "Changed: structures are marked on it." in note["Back Extra"]
        plane = re.search(r"Slice \d+, (\w+)\.", note["Back Extra"])[1]
        assert plane in note["Header"]
        assert not [each for each in {"axial", "coronal", "sagittal"} - {plane} if each in note["Header"]]
        assert re.search("Marked by: (CerebrA|TotalSegmentator|pyradiomics|nodule by|mass by)", note["Back Extra"])


def test_a_deck_that_is_made_again_is_the_same_deck_with_the_same_notes(
    some: Atlas, mixed: Bundle, deck: Opened, tmp_path: Path
) -> None:
    identities = [guid for guid, _, _ in deck.notes]
    assert len(set(identities)) == len(identities)
    again = deck_of(some, replace(mixed, title="Renamed", parts=(mixed.parts[3], mixed.parts[1])), tmp_path)
    assert len(again.notes) >= 3
    assert {guid for guid, _, _ in again.notes} < set(identities)
    assert again.decks.keys() == deck.decks.keys()


def test_a_licence_that_forbids_altered_copies_gets_no_masks_and_that_is_said(
    some: Atlas, mixed: Bundle, tmp_path: Path
) -> None:
    bundle = relicensed(mixed, ND)
    opened = deck_of(some, bundle, tmp_path)
    assert opened.of("Image Occlusion") == []
    assert len(opened.of("picture")) == len([*mixed.pictures()])
    assert re.search(r"labelled pictures? ha(s|ve) no structures marked", " ".join(bundle.stayed))
    described = next(each["desc"] for own, each in opened.decks.items() if own != "1")
    assert "no structures marked: the licence forbids altered copies." in described


def test_words_of_others_stay_words_in_a_deck(some: Atlas, mixed: Bundle, tmp_path: Path) -> None:
    few = replace(mixed, title="A::B\x00" + "x" * 300, parts=(mixed.parts[1], mixed.parts[3]))
    bundle = relicensed(few, Licence("CC0"), attribution=HOSTILE, diagnosis=HOSTILE, caption=HOSTILE)
    opened = deck_of(some, bundle, tmp_path)
    for note in opened.of("picture"):
        assert "<script" not in "".join(note.values())
        assert "&lt;script&gt;" in note["Credit"]
    name = next(each["name"] for own, each in opened.decks.items() if own != "1")
    assert "::" not in name
    assert len(name) <= 100


# -- structures -------------------------------------------------------------------------------------------------------------


def filled(shapes: Any, rows: int, columns: int) -> np.ndarray:
    """Which pixels lie within polygons: those whose middle does."""
    from PIL import ImageDraw

    times = 8
    image = Image.new("1", (columns * times, rows * times))
    for shape in shapes:
        ImageDraw.Draw(image).polygon([(x * columns * times, y * rows * times) for x, y in shape], fill=1)
    return np.asarray(image)[times // 2 :: times, times // 2 :: times]


@pytest.mark.parametrize(
    "drawn",
    ["X", "XXXX\nXXXX", "..X\n.XX\nXXX", "X.\n.X", "XXX\nX.X\nXXX", "XXXXX\n....X\nXXXXX", "XX..XX\nXX..XX\nXX..XX"],
)
def test_outlines_go_around_what_is_marked(drawn: str) -> None:
    mask = np.array([[each == "X" for each in row] for row in drawn.split("\n")])
    found = filled(outlines(mask), *mask.shape)
    hole = mask.copy()
    if drawn == "XXX\nX.X\nXXX":
        hole[1, 1] = True  # holes are filled
    assert (found == hole).all()


def test_outlines_of_a_large_structure_are_few_corners_and_nearly_all_of_it() -> None:
    rows, columns = np.mgrid[:200, :300]
    mask = ((rows - 100) / 80) ** 2 + ((columns - 150) / 120) ** 2 < 1
    mask[5:8, 5:8] = True  # a crumb
    (shape,) = outlines(mask)
    assert 8 <= len(shape) <= 80
    both = (filled([shape], 200, 300) & mask).sum()
    assert both > 0.97 * mask.sum()


def test_nothing_marked_has_no_outline() -> None:
    assert outlines(np.zeros((4, 4), bool)) == ()


def test_each_structure_of_a_stack_is_asked_once_where_it_is_well_seen(some: Atlas) -> None:
    reader = some.stack("starter:icbm152-t1")
    chosen = [*marked_slices(reader)]
    asked = [each.value for marked in chosen for each in marked.structures]
    assert len(asked) == len(set(asked))
    assert len(asked) >= 0.9 * len(reader.stack.labels)
    for marked in chosen:
        marks = reader.marks(marked.number, marked.view)
        assert 1 <= len(marked.structures) <= MOST_STRUCTURES
        for each in marked.structures:
            inside = filled(each.shapes, *marks.shape)
            assert (inside & (marks == each.value)).sum() >= 0.6 * (marks == each.value).sum()


def test_structures_without_names_are_called_by_number_and_that_is_said(some: Atlas, tmp_path: Path) -> None:
    reader = some.stack("starter:lung-nodule")
    plain = tuple(replace(label, name=f"structure {label.value}") for label in reader.stack.labels)

    class Nameless:
        store, pictures = some.store, some.pictures

        def stack(self, figure_id: str) -> StackReader:
            return StackReader(replace(reader.stack, labels=plain, labels_by=""), reader.voxels, reader.labels)

    opened = deck_of(Nameless(), of(some, content("starter:lung-nodule")), tmp_path)
    notes = opened.of("Image Occlusion")
    assert notes
    for note in notes:
        assert "called by its number" in note["Back Extra"]
        assert re.search(r'class="n(\d+)">structure \1<', note["Back Extra"])


# -- slides -----------------------------------------------------------------------------------------------------------------


def shown_of(bundle: Bundle) -> Any:
    out = io.BytesIO()
    count = slides.write(bundle, out)
    out.seek(0)
    show = Presentation(out)
    assert len(show.slides) == count
    return show


def words_of(slide: Any) -> str:
    return "\n".join(shape.text_frame.text for shape in slide.shapes if shape.has_text_frame)


def test_slides_have_every_figure_with_its_credit_and_comparisons_side_by_side(mixed: Bundle) -> None:
    show = shown_of(mixed)
    wanted = [[picture] for part in mixed.parts if part.kind != "comparison" for picture in part.pictures]
    wanted += [list(pair) for part in mixed.parts for pair in part.pairs]
    assert any(len(each) == 2 for each in wanted)
    found = [slide for slide in show.slides if any(s.shape_type == MSO_SHAPE_TYPE.PICTURE for s in slide.shapes)]
    assert len(found) == len(wanted)
    for slide, pictures in zip(found, wanted, strict=True):
        said, notes = words_of(slide), slide.notes_slide.notes_text_frame.text
        assert said.count(TEACHING) == len(pictures)
        blobs = [shape.image.blob for shape in slide.shapes if shape.shape_type == MSO_SHAPE_TYPE.PICTURE]
        for picture, blob in zip(pictures, blobs, strict=True):
            attribution, licence, *_ = picture.credit()
            assert attribution in said
            assert licence in said
            assert picture.link in said
            assert picture.figure.caption in notes
            with Image.open(io.BytesIO(blob)) as there, Image.open(picture.path) as kept:
                assert np.array_equal(np.asarray(there.convert("RGB")), np.asarray(kept.convert("RGB")))
    titles = [slide.shapes.title.text_frame.text for slide in show.slides]
    assert titles[:2] == ["Week 3", "Eyes"]
    assert "Mass or nodule" in titles


def test_nothing_leaves_a_slide_or_lies_over_another_thing(mixed: Bundle, tmp_path: Path) -> None:
    first = next(iter(mixed.pictures()))
    odd = []
    for number, size in enumerate([(4000, 40), (40, 4000), (1, 1), (600, 600)]):
        Image.new("L", size, 90).save(path := tmp_path / f"{number}.png")
        figure = replace(first.figure, id=f"x:{number}", title=HOSTILE, caption="long caption " * 500)
        source = replace(figure.source, attribution=HOSTILE + "and others, " * 60, url="https://example.org/" + "a" * 400)
        odd.append(replace(first, figure=replace(figure, source=source), path=path, width=size[0], height=size[1]))
    parts = [replace(mixed.parts[1], title=line(HOSTILE), pictures=(each,)) for each in odd]
    pair = replace(mixed.parts[-1], title=line(HOSTILE), pairs=((odd[0], odd[1]),), sides=(line(HOSTILE),) * 2)
    show = shown_of(replace(mixed, title=line(HOSTILE), parts=(*mixed.parts, *parts, pair), removed=("x" * 300,) * 9))
    for number, slide in enumerate(show.slides):
        boxes = [(s.left, s.top, s.left + s.width, s.top + s.height) for s in slide.shapes]
        for place, (left, top, right, bottom) in enumerate(boxes):
            assert left >= 0, number
            assert top >= 0, number
            assert right <= show.slide_width, number
            assert bottom <= show.slide_height, number
            for other in boxes[place + 1 :]:
                apart = right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
                assert apart, number
        for shape in slide.shapes:
            if shape.has_text_frame and shape.text_frame.text:
                assert _height(shape) <= shape.height, (number, shape.text_frame.text[:60])


def _height(shape: Any) -> float:
    """How high a box's words are, where letters are as wide as Calibri's are on average, and lines 1.2 of their size."""
    high = 0.0
    for paragraph in shape.text_frame.paragraphs:
        size = max((run.font.size for run in paragraph.runs), default=0)
        wide = sum(len(run.text) * run.font.size * 0.5 for run in paragraph.runs)
        high += max(1, -(-wide // shape.width)) * size * 1.2
    return high


def test_a_presentation_says_what_stayed_and_names_no_author_of_its_own(mixed: Bundle) -> None:
    show = shown_of(replace(mixed, behind=(Licence(), Licence())))
    last = show.slides[len(show.slides) - 1]
    assert "2 pictures stayed behind: 2 not stated." in words_of(last)
    assert show.core_properties.author == ""
    assert show.core_properties.title == "Week 3"


# -- sheets and key images --------------------------------------------------------------------------------------------------


def test_a_sheet_for_pupils_asks_and_the_other_answers(mixed: Bundle) -> None:
    told = relicensed(mixed, Licence("CC BY 4.0"), diagnosis="Hidden <disease>", caption="Telltale")
    asked, answered = (_sheet(told, answers=answers) for answers in (False, True))
    number = len([*told.pictures()])
    for page in (asked, answered):
        assert page.count("data:image/") == number
        assert page.count(TEACHING) == number + 1
        assert "Licence: CC BY 4.0" in page
        assert "<disease>" not in page
    questions, _, credits = asked.partition('class="credits"')
    for secret in ("Hidden", "Telltale", "macula", *{each.figure.title for each in told.pictures()}):
        assert secret not in asked
    assert not [each for each in told.pictures() if each.figure.source.attribution in questions]
    assert "starter" not in questions.lower().replace("data:", "")
    assert all(html.escape(each.figure.source.attribution) in credits for each in told.pictures())
    numbered = re.findall(r'class="small numbers">([^<]+)<', credits)
    assert sorted(int(each) for line_ in numbered for each in line_.split(", ")) == [*range(1, number + 1)]
    assert answered.count("Licence: CC BY 4.0") == number
    assert answered.count("Hidden &lt;disease&gt;") == number


@pytest.mark.parametrize(
    ("title", "words", "quiet"),
    [
        ("Cases of GBM", {"diagnosis": "Glioblastoma", "title": "Film"}, True),
        ("Old film", {"diagnosis": "", "title": "Old film"}, True),
        ("A tumour of unknown sort, twice", {"diagnosis": "Tumour of unknown sort", "title": "Film"}, True),
        ("Week 3", {"diagnosis": "Glioblastoma", "title": "Film"}, False),
    ],
)
def test_a_title_that_tells_an_answer_stays_off_what_asks(
    some: Atlas, title: str, words: dict[str, str], quiet: bool
) -> None:
    bundle = relicensed(of(some, content("starter:retina"), title=title), Licence("CC BY 4.0"), **words)
    assert (bundle.quiet_title == "Pictures") == quiet
    assert (title in _sheet(bundle, answers=False)) == (not quiet)
    assert title in _sheet(bundle, answers=True)
    for form in ("anki", "moodle", "sheet"):
        assert (name_of(bundle, form) == file_name(title, form)) == (not quiet)
    assert name_of(bundle, "answers") == file_name(title, "answers")


def _sheet(bundle: Bundle, *, answers: bool) -> str:
    out = io.BytesIO()
    sheets.write(bundle, out, answers=answers)
    return out.getvalue().decode()


def test_key_images_are_the_very_bytes_with_credits_beside_them(mixed: Bundle) -> None:
    out = io.BytesIO()
    bundle = relicensed(mixed, Licence("CC BY 4.0"), diagnosis='=HYPERLINK("https://evil.example")', title="@SUM(A1)")
    number = key_images.write(bundle, out)
    with zipfile.ZipFile(out) as file:
        rows = list(csv.DictReader(io.StringIO(file.read("credits.csv").decode("utf-8-sig"))))
        told = file.read("credits.txt").decode()
        assert len(rows) == number == len([*bundle.pictures()])
        for row, picture in zip(rows, bundle.pictures(), strict=True):
            assert file.read(row["file"]) == picture.path.read_bytes()
            assert (row["figure"], row["licence"]) == (picture.figure.id, "CC BY 4.0")
            assert row["attribution"] == picture.figure.source.attribution
            assert row["attribution"] in told
            assert row["diagnosis"].startswith("'=")
            assert row["title"].startswith("'@")
    assert TEACHING in told


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@x", "\t=1", " =1", "'=1", "|x", "%0A=1"])
def test_no_cell_is_a_formula(cell: str) -> None:
    assert key_images.harmless(cell).startswith("'")


# -- Moodle -----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def asked(some: Atlas) -> tuple[Bundle, list[Any]]:
    """Questions about stacks with labels on both sides, and the file of them, as Moodle would read it."""
    found = [row.figure for row in some.store.rows(some.store.keys()).values() if row.figure.stack or row.figure.slice_of]
    bundle = of(some, *(content(figure.id) for figure in found), way="quiz", title="Chest/abdomen ]]> & <week> 3")
    return bundle, moodle_of(some, bundle)


def moodle_of(atlas: Any, bundle: Bundle) -> list[Any]:
    out = io.BytesIO()
    made = moodle.write(bundle, atlas, out)
    category, *questions = ElementTree.fromstring(out.getvalue())
    assert category.findtext("category/text") == f"$course$/top/{bundle.title.replace('/', '//')}"
    assert len(questions) == made
    return questions


def test_a_quiz_for_moodle_has_its_pictures_in_it_and_one_right_answer(asked: tuple[Bundle, list[Any]]) -> None:
    bundle, questions = asked
    credits = {picture.figure.source.attribution for picture in bundle.pictures()}
    assert {question.get("type") for question in questions} <= {"multichoice", "shortanswer"}
    assert len(questions) >= 4
    for question in questions:
        text = question.findtext("questiontext/text")
        files = {file.get("name"): base64.b64decode(file.text) for file in question.iter("file")}
        assert set(re.findall(r'@@PLUGINFILE@@/([^"]+)"', text)) == set(files)
        assert files
        for name, data in files.items():
            assert name.partition(".")[0] == hashlib.sha256(data).hexdigest()
            Image.open(io.BytesIO(data)).verify()
        right = [answer for answer in question.iter("answer") if answer.get("fraction") == "100"]
        told = question.findtext("generalfeedback/text")
        assert any(html.escape(credit) in told for credit in credits)
        assert "Licence:" in told
        assert TEACHING in told
        assert TEACHING in text
        if question.get("type") == "multichoice":
            assert len(right) == 1
            assert question.findtext("single") == "true"


def test_a_question_for_moodle_tells_no_answer_before_it_is_given(asked: tuple[Bundle, list[Any]]) -> None:
    for question in asked[1]:
        before = question.findtext("questiontext/text") + question.findtext("name/text")
        right = [answer.findtext("text") for answer in question.iter("answer") if answer.get("fraction") == "100"]
        assert not [name for name in right if re.search(rf"(?i)\b{re.escape(name)}\b", before)]
        assert not [credit for credit in ("TotalSegmentator", "starter:") if credit in before]


def test_what_may_not_be_marked_is_not_asked_with_a_mark(some: Atlas, asked: tuple[Bundle, list[Any]]) -> None:
    bundle, questions = asked
    assert any("marked structure" in question.findtext("questiontext/text") for question in questions)

    class Unmarkable(Order):
        def decide(self, licence: Licence, way: str, *, altered: bool = False) -> Any:
            return super().decide(ND, way, altered=altered)

    left = moodle_of(some, replace(bundle, order=Unmarkable("pass-on")))
    assert left
    assert not [each for each in left if "marked structure" in each.findtext("questiontext/text")]


def test_pictures_that_give_no_question_are_told_why(some: Atlas) -> None:
    with pytest.raises(BadInput, match=r"nothing that Moodle could ask about these pictures. .* have no diagnosis"):
        moodle_of(some, of(some, content("starter:retina"), way="quiz"))


def test_a_quiz_that_was_made_goes_along_with_its_own_questions(some_copy: Path) -> None:
    with Atlas.open(some_copy) as own:
        quiz = own.study.quiz.make(Origin("filter", ""), count=8, seed=3)
        kinds = [asked.question.kind for asked in quiz.asked]
        bundle = bundle_of(own, own.study, "quiz", quiz.id, "quiz", PASS_ON)
        assert bundle.questions == tuple(asked.question for asked in quiz.asked)
        questions = moodle_of(own, bundle)
        assert len(questions) == len(kinds) - kinds.count("point")
        out = io.BytesIO()
        told = take(own, own.study, "quiz", quiz.id, "moodle", PASS_ON, out).told
        assert told[0] == f"{len(questions)} question{'s' if len(questions) != 1 else ''}."
        assert ("stayed behind: Moodle cannot ask" in " ".join(told)) == ("point" in kinds)
        assert {own_id(each.question.figure) for each in quiz.asked} == {each.figure.id for each in bundle.pictures()}
        for form in ("answers", "images", "slides", "anki"):
            with pytest.raises(BadInput, match="wait for an answer"):
                take(own, own.study, "quiz", quiz.id, form, PASS_ON, io.BytesIO())
        for each in quiz.asked:
            own.study.quiz.answer(quiz.id, each.number, Given())
        assert take(own, own.study, "quiz", quiz.id, "answers", PASS_ON, io.BytesIO()).told


# -- by name ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def atlas(small: Path) -> Iterator[Atlas]:
    with Atlas.open(small) as opened:
        yield opened


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "moodle"])
def test_every_format_is_written_whole_from_a_collection_and_from_hostile_words(
    atlas: Atlas, tmp_path: Path, form: str
) -> None:
    mine = atlas.study.collections
    own = mine.make("=cmd|' /C calc'!A0 <b>").id
    mine.add(own, "section", title="]]> & <x>")
    for row in atlas.store.rows(atlas.store.keys()).values():
        mine.add(own, "figure", row.figure.id, title="<i>x</i>\x0b", note=HOSTILE)
    path = tmp_path / "deep" / "file"
    taken = take_to(atlas, atlas.study, "collection", own, form, Order(), path)
    assert taken.told[0] == "6 pictures are in it."
    assert taken.name.endswith(FORMATS[form].ending)
    assert path.stat().st_size > 500
    assert [each.name for each in path.parent.iterdir()] == ["file"]


def test_nothing_to_take_along_is_told_and_no_file_is_left(atlas: Atlas, tmp_path: Path) -> None:
    mine = atlas.study.collections
    own = mine.make("Empty").id
    path = tmp_path / "x.apkg"
    with pytest.raises(BadInput, match=r"no picture in it.*Keep figures"):
        take_to(atlas, atlas.study, "collection", own, "anki", Order(), path)
    figure = next(iter(atlas.store.rows(atlas.store.keys()).values())).figure.id
    mine.add(own, "figure", figure)
    with pytest.raises(BadInput, match=r"No picture is left.*1 picture stayed behind: 1 not stated"):
        take_to(atlas, atlas.study, "collection", own, "anki", PASS_ON, path)
    for what, target, form in (("collection", "nobody", "anki"), ("song", "x", "anki"), ("figure", figure, "fax")):
        with pytest.raises(MirageError, match=r"There is no|cannot be taken"):
            take(atlas, atlas.study, what, target, form, Order(), io.BytesIO())
    assert [*tmp_path.glob("*.apkg"), *tmp_path.glob(".*")] == []


def test_anything_that_can_be_kept_can_be_taken_along_by_itself(atlas: Atlas) -> None:
    mine = atlas.study.collections
    figure = next(iter(atlas.store.rows(atlas.store.keys()).values())).figure.id
    for what, target, least in (("figure", figure, 1), ("search", "/search?q=phantom", 2)):
        bundle = bundle_of(atlas, atlas.study, what, target, "deck", Order())
        assert len([*bundle.pictures()]) >= least
        assert bundle.key == bundle_of(atlas, atlas.study, what, target, "deck", Order()).key
    assert mine.list() == []


def test_a_file_s_name_is_short_and_harmless_whatever_the_title() -> None:
    for title in ("x" * 300, "../../etc/passwd", "心臓", "", HOSTILE, "CON"):
        for form, format_ in FORMATS.items():
            assert re.fullmatch(r"[a-z0-9-]{1,80}\.[a-z]+", file_name(title, form))
            assert file_name(title, form).endswith(format_.ending)
