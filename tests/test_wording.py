"""What was written down in English is said in the language of who reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from mirage import corpora, licensing, locales, plugins
from mirage.errors import MirageError, first_fault, meant
from mirage.figure import Figure, Licence, Source, called
from mirage.jobs.job import TITLES
from mirage.people.auditing import AuditEntry
from mirage.shipped import SHIPPED
from mirage.study.quiz.question import what_of
from mirage.web.people import _entry_view
from mirage.web.templating import value_words
from mirage.web.visiting import DEEDS
from mirage.wording import _, looked_up, retold, speaking


@pytest.fixture
def spanish() -> Iterator[None]:
    with speaking(locales.translations_of("es")):
        yield


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ("Add starter", "Añadir starter"),
        (
            "Add folder from /scans of today, and take out what is gone",
            "Añadir folder desde /scans of today y quitar lo que ya no está",
        ),
        ("Look through the files", "Examinar los archivos"),
        ("Generate: less of 50% contrast", "Generar: less of 50% contrast"),
        ("Generate: an image like a figure", "Generar: una imagen como una figura"),
        ("Remove 12 figures", "Quitar 12 figuras"),
        ("Remove medpix", "Quitar medpix"),
        ("Add “figures (2)”", "Añadir «figures (2)»"),
        ("Of a plug-in's own", "Of a plug-in's own"),
    ],
)
def test_titles_of_jobs_are_kept_in_english_and_said_in_the_language_of_who_reads(kept, said, spanish) -> None:
    assert retold(kept, TITLES) == said


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("template", [*TITLES, *DEEDS])
def test_each_template_is_known_again_in_what_it_made(template, language) -> None:
    names = {"encoder", "file", "figure", "query", "number", "what", "corpus", "path", "name", "source", "was", "now"}
    given = dict.fromkeys([*names, "people", "names", "uses", "role", "used"], "7")
    kept = template % given
    with speaking(locales.translations_of(language)):
        assert retold(kept, (template,)) == _(template, **given)
        assert language == "en" or retold(kept, (template,)) != kept


def test_what_was_done_is_told_with_who_did_it(spanish) -> None:
    entry = AuditEntry(0.0, "", "a command on this machine", "owner", "Start a job", "Remove 3 figures; Add starter")
    told = _entry_view(entry)
    assert (told.name, told.what) == ("un comando en esta máquina", "Iniciar un trabajo")
    assert told.target == "Quitar 3 figuras; Añadir starter"
    named = _entry_view(AuditEntry(0.0, "p1", "title", "owner", "Give somebody another name", "Ana is Anna"))
    assert (named.name, named.target) == ("title", "Ana es Anna")  # a name is nobody's to translate
    closed = _entry_view(AuditEntry(0.0, "p1", "Ana", "owner", "Close a review", "what is asthma"))
    assert (closed.what, closed.target) == ("Cerrar una revisión", "what is asthma")


class _Asked(BaseModel):
    number: int = Field(ge=1, le=9)
    word: str = Field(default="ok", max_length=4)
    kind: Literal["this or that", "case"] = "case"


@pytest.mark.parametrize(
    ("given", "english", "said"),
    [
        ({"number": "x"}, "number: Input should be a valid integer, unable to parse string as an integer", "cifras"),
        ({"number": 0}, "number: Input should be greater than or equal to 1", "debe ser 1 o más"),
        ({"number": 10}, "number: Input should be less than or equal to 9", "debe ser 9 o menos"),
        ({"number": 2, "word": "{oops}%s"}, "word: String should have at most 4 characters", "como mucho 4 caracteres"),
        ({"number": 2, "kind": "x"}, "kind: Input should be 'this or that' or 'case'", "'this or that' o 'case'"),
        ({}, "number is missing", "number"),
    ],
)
def test_what_is_wrong_with_a_value_is_said_in_the_language_of_who_gave_it(given, english, said) -> None:
    with pytest.raises(ValidationError) as refused:
        _Asked.model_validate(given)
    assert first_fault(refused.value) == english
    with speaking(locales.translations_of("es")):
        told = first_fault(refused.value)
    assert said in told
    assert "Input" not in told
    assert "String" not in told


def test_what_an_atlas_keeps_of_a_corpus_is_said_where_nobody_named_it(spanish) -> None:
    title, summary = corpora.spoken(
        "starter", "Starter atlas", "902 pictures that ship with MIRAGE, as an older one wrote it."
    )
    assert title != "Starter atlas"
    assert summary == corpora.card("starter").spoken.summary
    assert corpora.spoken("starter", "Our teaching atlas", "Mine.") == ("Our teaching atlas", "Mine.")
    assert corpora.spoken("of-a-plugin-that-is-gone", "Theirs", "Kept.") == ("Theirs", "Kept.")


def test_values_licences_and_kinds_of_things_are_called_in_the_language_of_who_reads(spanish) -> None:
    assert (called("MR"), called("pathology"), called("of a source's own")) == (
        "RM",
        "anatomía patológica",
        "of a source's own",
    )
    assert looked_up(str(Licence())) == "no indicada"
    for card in (corpora.card("starter"), corpora.card("roco")):
        assert looked_up(card.licence.name) != card.licence.name
    with pytest.raises(MirageError, match="colección"):
        meant("x", {"a": "A"}, "collection")
    with pytest.raises(MirageError, match="codificador"):
        plugins.load("mirage.encoders", "none such")
    assert "1 no indicada" in licensing.behind([Licence()])


def test_what_kind_of_picture_it_is_is_said_in_the_language_of_who_reads(spanish) -> None:
    nothing = Figure("f:1", "", Source("f", "", "", "collection", Licence()))
    assert what_of(nothing) == "imagen médica"
    assert what_of(replace(nothing, modality="MR", plane="axial")) == "RM, plano axial"
    assert what_of(replace(nothing, plane="axial")) == "axial"


def test_windows_of_the_stacks_that_ship_are_called_in_the_language_of_who_reads(spanish) -> None:
    records = map(json.loads, (SHIPPED / "atlas" / "figures.jsonl").read_text("utf-8").splitlines())
    names = {window["name"] for each in records for window in (each.get("stack") or {}).get("windows", [])}
    assert "liver" in names
    assert {name for name in names if value_words("window", name) == name} <= {"T1", "T2", "abdomen"}
