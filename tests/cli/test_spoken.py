"""Commands speak the language of the machine, or of the settings; JSON stays as it is documented."""

from __future__ import annotations

import json
import re

import pytest
import typer
from typer.testing import CliRunner

from mirage import locales
from mirage.cli import app, spoken
from mirage.wording import language, settle

HEAD = 'msgid ""\nmsgstr ""\n"Language: es\\n"\n"Content-Type: text/plain; charset=UTF-8\\n"\n\n'
SAID = {
    "What to look for, in words.": "Qué se busca, en palabras.",
    "The query is empty. Type what you look for, for example “axial brain MRI thalamus”, or drop a picture.": "Vacía.",
}


@pytest.fixture
def spanish(tmp_path, monkeypatch):
    """A catalogue that says two texts, and a machine that is set to no language."""
    (tmp_path / "es.po").write_text(HEAD + "\n".join(f'msgid "{a}"\nmsgstr "{b}"\n' for a, b in SAID.items()), "utf-8")
    monkeypatch.setattr(locales, "_catalogue", lambda: tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("MIRAGE_LANGUAGE", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    kept = (locales.codes, locales.translations_of)
    for each in kept:
        each.cache_clear()
    yield
    settle(locales.translations_of("en"))
    for each in kept:
        each.cache_clear()


@pytest.mark.parametrize(
    ("environment", "code"),
    [
        ({"LANG": "es_MX.UTF-8"}, "es"),
        ({"LANG": "en_GB.UTF-8", "MIRAGE_LANGUAGE": "es"}, "es"),
        ({"LANG": "es_ES", "MIRAGE_LANGUAGE": "en"}, "en"),
        ({"LANG": "xx_YY"}, "en"),
        ({"MIRAGE_LANGUAGE": "zz", "LANGUAGE": "es"}, "es"),
        ({}, "en"),
    ],
    ids=range(6),
)
def test_a_command_speaks_as_the_machine_or_the_settings_say(spanish, monkeypatch, environment, code):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    spoken.speak(typer.main.get_command(app))
    assert language() == code


def test_settings_that_cannot_be_read_leave_the_language_as_it_is(spanish, tmp_path):
    (tmp_path / "mirage.toml").write_text("language = 3\nnothing = 1\n")
    spoken.speak(typer.main.get_command(app))
    assert language() == "en"
    (tmp_path / "mirage.toml").write_text('language = "es"\n')
    spoken.speak(typer.main.get_command(app))
    assert language() == "es"


def test_help_and_errors_are_in_that_language(spanish, monkeypatch):
    monkeypatch.setenv("LANG", "es")
    command = typer.main.get_command(app)
    spoken.speak(command)
    assert "Qué se busca" in " ".join(each.text for each in spoken.helps(command))
    answer = CliRunner().invoke(app, ["search"])
    assert (answer.exit_code, answer.stderr.strip()) == (2, "mirage: Vacía.")


@pytest.fixture
def in_spanish(monkeypatch):
    """The command in the Spanish that ships; what was put into its help is put back."""
    monkeypatch.setenv("MIRAGE_LANGUAGE", "es")
    command = typer.main.get_command(app)
    spoken.speak(command)
    yield command
    settle(locales.translations_of("en"))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("--bad", "No existe la opción --bad"),
        ("serch", "No existe la orden 'serch'. ¿Quiso decir 'search', 'serve'?"),
        ("import", "Falta el argumento 'file'."),
        ("models export x", "Falta la opción '--to'."),
        ("models verify a b c", "Sobran argumentos: b c"),
        ("search x -k abc", "Valor no válido para '-k': dé un número entero, en cifras."),
        ("search x -k", "La opción '-k' requiere un argumento."),
        ("search x --like", "La opción '--like' requiere un argumento."),
        ("quiz begin --help", "Muestra este mensaje y termina."),
        ("search --help", "Uso: mirage search [OPCIONES]"),
    ],
)
def test_what_the_library_that_reads_arguments_says_is_in_that_language_too(in_spanish, capsys, monkeypatch, typed, said):
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        in_spanish(typed.split(), prog_name="mirage")
    told = _words("".join(capsys.readouterr()))
    assert said in told
    assert not re.search(r"\b(Usage|Options|Error:|Missing|Invalid|such|the|of|this)\b", told)


def _words(output):
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", output).split())


def test_other_words_are_told_as_they_are():
    assert spoken.retold("Something else: 5 %") == "Something else: 5 %"


def test_what_programs_read_stays_english(spanish, monkeypatch):
    monkeypatch.setenv("LANG", "es")
    spoken.speak(typer.main.get_command(app))
    answer = CliRunner().invoke(app, ["models", "list", "--json"])
    assert json.loads(answer.stdout)
    assert language() == "en"


def test_every_command_and_option_has_a_help_that_is_collected():
    texts = {each.text for each in spoken.helps(typer.main.get_command(app)) if each.module.startswith("mirage.")}
    catalogue = pytest.importorskip("catalogue", reason="babel is not installed")
    assert {each.id for each in catalogue.collect()} >= texts
