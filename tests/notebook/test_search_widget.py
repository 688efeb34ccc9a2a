"""The widget of notebooks, from its Python side: what a script says that somebody did, and what a cell sets."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import traitlets
from PIL import Image

import mirage
from marks_maker import drawn, record
from mirage.atlas import Atlas
from mirage.corpora import load
from mirage.errors import Unavailable
from mirage.figure import Figure, Withdrawal
from mirage.generate.provenance import mark
from mirage.storage.ingest import add
from parts import copy_atlas

pytest.importorskip("anywidget", reason="anywidget is not installed")

EVIL = "<svg onload=alert(1)> سارة"


@pytest.fixture(scope="module")
def atlas(some_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    folder = tmp_path_factory.mktemp("own")
    Image.effect_noise((90, 60), 60).save(folder / "a.png")
    (folder / "figures.csv").write_text(f"file,caption,title\na.png,A made-up shadow,{EVIL}\n", "utf-8")
    with Atlas.open(copy_atlas(some_folder, tmp_path_factory.mktemp("widget") / "atlas")) as opened:
        add(opened, load("folder", path=folder))
        yield opened


@pytest.fixture
def widget(atlas: Atlas):
    made = mirage.widget(atlas)
    yield made
    made.close()


def said(widget, **told: object) -> None:
    """Send what the script sends when somebody does something."""
    widget._handle_custom_msg(told, [])


def test_what_somebody_types_is_found_and_can_be_read(widget, atlas: Atlas) -> None:
    said(widget, kind="ask", query="axial brain MRI", against="")
    assert widget.query == "axial brain MRI"
    assert [hit.figure.id for hit in widget.hits] == [hit.figure.id for hit in atlas.search("axial brain MRI").hits]
    assert widget.ids == [hit.figure.id for hit in widget.hits]
    [side] = widget._sides
    assert side["hits"][0]["thumbnail"].startswith("data:image/webp;base64,")
    assert {"licence", "attribution", "source", "sure", "passing"} <= set(side["hits"][0])


def test_what_a_cell_sets_is_found_and_told_to_who_observes(widget) -> None:
    heard = []
    widget.observe(lambda change: heard.append(change["new"]), "ids")
    widget.query = "retina"
    assert widget.hits[0].figure.id in heard[-1]
    widget.query = ""
    assert (widget.hits, widget._sides, heard[-1]) == ((), [], [])


def test_a_dropped_picture_is_looked_for_and_its_figure_comes_first(widget, atlas: Atlas) -> None:
    known = atlas.search("retina").hits[0].figure.id
    widget._handle_custom_msg({"kind": "picture", "name": "x.png"}, [memoryview(Path(atlas.picture(known)).read_bytes())])
    assert (widget.error, widget.query) == ("", "")
    assert widget.hits[0].figure.id == known
    assert widget.answer.query.has_picture


@pytest.mark.parametrize("told", [b"no picture", b""])
def test_what_is_no_picture_is_told_and_what_was_found_stays(widget, told: bytes) -> None:
    widget.query = "retina"
    found = widget.ids
    widget._handle_custom_msg({"kind": "picture", "name": "x.png"}, [memoryview(told)] if told else [])
    assert widget.error.endswith(".")
    assert widget.ids == found
    widget.query = "axial brain"
    assert widget.error == ""


def test_what_makes_no_sense_changes_nothing(widget) -> None:
    for told in ({}, {"kind": "open", "id": 7}, {"kind": ["ask"]}, [], "ask"):
        widget._handle_custom_msg(told, [])
    assert (widget.hits, widget.figure) == ((), None)


def test_two_conditions_stand_side_by_side(widget) -> None:
    said(widget, kind="ask", query="brain MRI", against="chest CT")
    assert len(widget._sides) == 2
    assert widget.comparison.a.hits == widget.hits
    assert widget.hits[0].figure.id != widget._sides[1]["hits"][0]["id"]
    widget.against = ""
    assert (len(widget._sides), widget.comparison) == (1, None)


def test_a_figure_is_opened_by_whoever_and_closed(widget) -> None:
    widget.query = "retina"
    said(widget, kind="open", id=widget.ids[0])
    assert isinstance(widget.figure, Figure)
    assert widget._open["picture"].startswith("data:image/")
    for given in (widget.hits[1], widget.hits[1].figure, widget.ids[1]):
        widget.figure = None
        assert widget._open == {}
        widget.figure = given
        assert widget.figure.id == widget._open["id"] == widget.ids[1]
    shown = widget.figure
    widget.figure = "no such figure"
    assert "no such figure" in widget.error
    assert widget.figure is shown


def test_an_answer_that_was_found_otherwise_can_be_shown_and_so_can_hits(widget, atlas: Atlas) -> None:
    answer = atlas.search("brain", plane="axial", k=3)
    widget.hits = answer
    assert (widget.answer, widget.hits) == (answer, answer.hits)
    widget.hits = answer.hits[1:]
    assert [each["id"] for each in widget._sides[0]["hits"]] == [each.figure.id for each in answer.hits[1:]]


def test_what_is_no_hit_is_refused_where_it_is_set(widget) -> None:
    widget.query = "retina"
    found, ids = widget.hits, widget.ids
    for name, given in (("hits", ["retina"]), ("hits", 7), ("figure", 7), ("query", 7)):
        with pytest.raises(traitlets.TraitError):
            setattr(widget, name, given)
    assert (widget.hits, widget.ids, widget.error) == (found, ids, "")
    widget.hits = None
    assert (widget.hits, widget.ids) == ((), [])


def test_who_observes_sees_all_of_it_changed_and_may_change_it_in_turn(widget) -> None:
    seen = []

    def opened(change: dict) -> None:
        seen.append(
            [each.figure.id for each in change["new"]] == widget.ids == [each["id"] for each in widget._sides[0]["hits"]]
        )
        widget.figure = change["new"][-1]

    widget.observe(opened, "hits")
    said(widget, kind="ask", query="retina", against="")
    assert seen == [True]
    assert widget.figure is widget.hits[-1].figure
    assert widget._open["id"] == widget.ids[-1]


def test_what_fails_in_a_function_that_observes_is_told_to_the_cell_and_nothing_is_half_shown(widget) -> None:
    def fails(_change: dict) -> None:
        raise ZeroDivisionError

    widget.observe(fails, "hits")
    done = widget._done
    with pytest.raises(ZeroDivisionError):
        widget.query = "retina"
    assert (widget.error, widget._done) == ("", done + 1)
    assert widget.ids == [each["id"] for each in widget._sides[0]["hits"]] != []


def test_a_synthetic_picture_is_searched_with_and_told(widget) -> None:
    data = mark(drawn((512, 512)), record())
    widget._handle_custom_msg({"kind": "picture", "name": "x.png"}, [memoryview(data)])
    assert "is synthetic" in widget._sides[0]["notes"][0]
    with Image.open(io.BytesIO(data)) as opened:  # as pixels alone
        widget.look_like(opened)
    assert "found: band, watermark)" in widget.answer.notes[0]


def test_what_its_source_has_withdrawn_says_so_on_its_card(widget, atlas: Atlas) -> None:
    hit = atlas.search("retina").hits[0]
    gone = replace(hit, figure=replace(hit.figure, withdrawn=Withdrawal("The article was retracted <i>.", "", 1e9)))
    widget.hits = [gone, hit]
    assert [each["withdrawn"] for each in widget._sides[0]["hits"]] == [
        "Withdrawn by its source. The article was retracted <i>.", ""
    ]  # fmt: skip
    assert "retracted &lt;i&gt;" in gone._repr_html_()


def test_a_large_picture_is_made_smaller_for_the_notebook(widget, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (1200, 2600), np.uint8)).save(large)
    monkeypatch.setattr(Atlas, "picture", lambda *_: large)
    monkeypatch.setattr("mirage.notebook.search_widget._MOST", 1_000_000)
    widget.query = "retina"
    widget.figure = widget.ids[0]
    kind, _, data = widget._open["picture"].partition(";base64,")
    with Image.open(io.BytesIO(base64.b64decode(data))) as shown:
        assert (kind, max(shown.size)) == ("data:image/webp", 2048)
    large.unlink()
    said(widget, kind="open", id=widget.ids[1])
    assert (widget.error, widget._open["picture"]) == ("", "")


def test_two_widgets_of_one_atlas_do_not_disturb_each_other_and_a_closed_atlas_is_told(
    some_folder: Path, tmp_path: Path
) -> None:
    with Atlas.open(copy_atlas(some_folder, tmp_path / "atlas")) as opened:
        one, other = mirage.widget(opened, "retina"), mirage.widget(opened, "chest CT")
        one.query = "brain MRI"
        assert other.query == "chest CT"
        assert one.ids != other.ids
    found = other.ids
    other.query = "retina"
    assert "was closed" in other.error
    assert "was closed" in other._repr_mimebundle_()[0]["text/html"]
    assert other.ids == found
    one.close()
    other.close()


def test_where_nothing_fits_it_says_so(widget) -> None:
    widget.query = "zzqx vvkw"
    assert "Nothing in this atlas fits." in widget._sides[0]["said"] or widget._sides[0]["notes"]
    assert "Nothing in this atlas fits." in repr(widget)


def test_an_answer_without_any_hit_says_so_too(widget, atlas: Atlas) -> None:
    widget.hits = replace(atlas.search("zzqx vvkw"), hits=(), fits=False)
    assert "Nothing in this atlas fits." in widget._sides[0]["said"]
    assert "Nothing in this atlas fits." in repr(widget)
    assert "Nothing in this atlas fits." in widget._repr_mimebundle_()[0]["text/html"]


def test_without_its_script_the_hits_are_shown_as_text_and_as_pictures(widget) -> None:
    assert "set .query" in repr(widget)
    widget.query = "made-up shadow"
    data = widget._repr_mimebundle_()[0]
    assert "application/vnd.jupyter.widget-view+json" in data
    assert EVIL in data["text/plain"]
    assert "<svg" not in data["text/html"]
    assert "&lt;svg onload" in data["text/html"]
    widget.against = "chest CT"
    assert widget._repr_mimebundle_()[0]["text/html"].count("<div><b>1. ") == 2


def test_texts_of_the_script_stand_in_the_catalogue_and_are_translated(widget, monkeypatch: pytest.MonkeyPatch) -> None:
    from mirage.notebook import search_widget

    assert "Search for" in search_widget._texts()
    script = files("mirage.notebook").joinpath("widget.js").read_text("utf-8")
    plain = re.findall(r"""(?:textContent = |h3", \{\}, |"p", \{\}, )("[A-Z][^"]*")""", script)
    assert plain == []
    monkeypatch.setattr(search_widget, "translations", lambda: type("Loud", (), {"gettext": staticmethod(str.upper)}))
    assert search_widget._translated()["Search for"] == "SEARCH FOR"


def test_nothing_is_asked_of_the_network(widget) -> None:
    for name in ("widget.js", "widget.css"):
        script = files("mirage.notebook").joinpath(name).read_text("utf-8")
        assert re.findall(r"https?://|innerHTML|insertAdjacentHTML|fetch\(|import ", script) == []


def test_what_crosses_over_is_data(widget) -> None:
    widget.query = "made-up shadow"
    told = json.loads(json.dumps({name: getattr(widget, name) for name in ("_sides", "_tells", "_open", "ids")}))
    assert EVIL in told["_sides"][0]["hits"][0]["title"]


def test_without_anywidget_it_says_what_to_install(atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mirage.notebook.find_spec", lambda name: None)
    with pytest.raises(Unavailable, match="pip install anywidget"):
        mirage.widget(atlas)
