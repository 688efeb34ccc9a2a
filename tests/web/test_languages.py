"""Each request is answered in its own language, and what is kept of a page in one language is shown to nobody in another."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from serving import serving

from mirage import locales
from mirage.atlas import Atlas
from mirage.settings import Settings
from mirage.web import speaking
from mirage.wording import _, ngettext, translations
from mirage.wording import speaking as spoken
from parts import copy_atlas

HEADER = 'msgid ""\nmsgstr ""\n"Language: %s\\n"\n"Content-Type: text/plain; charset=UTF-8\\n"\n"Plural-Forms: %s;\\n"\n\n'
SAID = {
    "es": {
        "Browse": "Explorar", "Stop": "Parar", "About": "Acerca de", "Strong": "Segura", "Not here": "Aquí no",
        "There is no such page. Start again from the search page.": "No existe esa página.",
        "What is kept": "Qué se guarda",
    },
    "pl": {"Browse": "Przeglądaj"},
}  # fmt: skip
PLURALS = {"es": "nplurals=2; plural=(n != 1)", "pl": "nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 ? 1 : 2)"}
FIGURES = {"es": ("%(num)s figura", "%(num)s figuras"), "pl": ("%(num)s obraz", "%(num)s obrazy", "%(num)s obrazów")}


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    """A catalogue of two languages that say a few texts: each is one file, and the others stand in English."""
    folder = tmp_path_factory.mktemp("catalogue")
    for code, texts in SAID.items():
        said = [f'msgid "{text}"\nmsgstr "{there}"\n' for text, there in texts.items()]
        said.append('msgid "%(num)s figure"\nmsgid_plural "%(num)s figures"\n')
        said[-1] += "".join(f'msgstr[{number}] "{form}"\n' for number, form in enumerate(FIGURES[code]))
        (folder / f"{code}.po").write_text(HEADER % (code, PLURALS[code]) + "\n".join(said), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(locales, "_catalogue", lambda: folder)
        kept = (locales.codes, locales.translations_of, locales.own_name)
        for each in kept:
            each.cache_clear()
        yield folder
    for each in kept:
        each.cache_clear()


@pytest.fixture(scope="module")
def polyglot(tmp_path_factory, some_folder, roots, catalogue):
    folder = copy_atlas(some_folder, tmp_path_factory.mktemp("languages") / "atlas")
    with Atlas.open(folder) as atlas, serving(atlas, Settings(folder_roots=(roots,)), roots) as served:
        yield served


def way(page: str) -> str:
    """What the way to the systems of the body is called."""
    return re.search(r'href="[^"]*/browse"[^>]*>([^<]+)<', page)[1]


@pytest.mark.parametrize("content", [b"\xff\xfe x", b'msgid "a"\nmsgstr "%(no)', b""], ids=["bytes", "cut", "empty"])
def test_a_damaged_file_of_a_language_speaks_english_and_fails_nobody(catalogue, caplog, content):
    (catalogue / "fr.po").write_bytes(content)
    locales.translations_of.cache_clear()
    try:
        assert locales.translations_of("fr").gettext("Search") == "Search"
    finally:
        (catalogue / "fr.po").unlink()
        locales.translations_of.cache_clear()
    assert content != b"\xff\xfe x" or "fr.po" in caplog.text


def test_languages_are_the_files_that_there_are(catalogue):
    assert locales.codes() == ("en", "es", "pl")
    assert [locales.own_name(code) for code in locales.codes()] == ["English", "Español", "Polski"]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("es", "es"),
        ("es-MX", "es"),
        ("es-419,es;q=0.9", "es"),
        ("ES-mx", "es"),
        ("en-GB,es;q=0.9", "en"),
        ("fr,es;q=0.5,en;q=0.3", "es"),
        ("en;q=0.2, es;q=0.8", "es"),
        ("es;q=0,en", "en"),
        ("es;q=0", ""),
        ("pl;q=0.5,es;q=0.5", "pl"),
        ("de,fr", ""),
        ("*", ""),
        ("", ""),
        ("xx", ""),
        ("es;q=nan", ""),
        ("es;q=9", ""),
        (";;,,=", ""),
        ("../es", ""),
        ("es/../../x", ""),
        ("ñ", ""),
        ("es," * 100_000, "es"),
    ],
    ids=range(21),
)
def test_a_header_is_read_by_its_weights(catalogue, header, code):
    assert locales.accepted(header) == code


@pytest.mark.parametrize(
    ("environment", "code"),
    [
        ({}, "en"),
        ({"LANG": "es_MX.UTF-8"}, "es"),
        ({"LANG": "xx_YY"}, "en"),
        ({"LANG": "es_ES", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_GB.UTF-8", "LC_MESSAGES": "es_ES@euro"}, "es"),
        ({"LANG": "en_GB.UTF-8", "LANGUAGE": "de:es:en"}, "es"),
        ({"LANG": "es_ES.UTF-8", "LANGUAGE": "de"}, "es"),
        ({"LANG": "", "LC_ALL": ""}, "en"),
    ],
    ids=range(8),
)
def test_a_machine_says_its_language_as_gettext_reads_it(catalogue, environment, code):
    assert locales.of_environment(environment) == code


def test_a_page_is_in_the_language_of_the_browser_and_says_so(polyglot):
    with polyglot.client() as client:
        for header, code, said in (("es-MX", "es", "Explorar"), ("pl", "pl", "Przeglądaj"), ("xx", "en", "Browse")):
            answer = client.get("/about", headers={"Accept-Language": header})
            assert (way(answer.text), answer.headers["content-language"]) == (said, code)
            assert f'<html lang="{code}"' in answer.text
            varies = {each.strip().lower() for each in answer.headers["vary"].split(",")}
            assert {"accept-language", "cookie"} <= varies
        assert way(client.get("/about").text) == "Browse"


def test_a_choice_stays_and_leads_back_to_the_page(polyglot):
    with polyglot.client() as client:
        there = "/search?q=axial+brain+MRI&k=6"
        page = client.get(there).text
        back = re.search(r'name="next" value="([^"]+)"', page)[1].replace("&amp;", "&")
        assert back == there
        answer = client.post("/language", data={"to": "es", "next": back})
        assert str(answer.url).endswith(there)
        assert way(answer.text) == "Explorar"
        kept = next(each for each in client.cookies.jar if each.name == speaking.COOKIE)
        assert (kept.value, kept.get_nonstandard_attr("SameSite"), kept.has_nonstandard_attr("HttpOnly")) == (
            "es",
            "lax",
            True,
        )
        # The choice is stronger than what the browser asks for.
        assert way(client.get("/about", headers={"Accept-Language": "en"}).text) == "Explorar"
        assert way(client.post("/language", data={"to": "en", "next": "/about"}).text) == "Browse"


@pytest.mark.parametrize("elsewhere", ["https://example.org/", "//example.org", "/\\example.org", "javascript:alert(1)", ""])
def test_a_choice_leads_nowhere_else(polyglot, elsewhere):
    with polyglot.client() as client:
        answer = client.post("/language", data={"to": "es", "next": elsewhere}, follow_redirects=False)
        assert answer.status_code == 303
        assert answer.headers["location"].removeprefix(httpx.URL(polyglot.url).path.rstrip("/")) == "/"


@pytest.mark.parametrize("unknown", ["xx", "", "../../etc/passwd", "es\r\nX: y", "e" * 100_000], ids=range(5))
def test_a_language_that_is_not_there_changes_nothing(polyglot, unknown):
    with polyglot.client() as client:
        answer = client.post("/language", data={"to": unknown, "next": "/about"})
        assert (answer.status_code, way(answer.text), len(client.cookies)) == (200, "Browse", 0)
        if unknown.isprintable() and len(unknown) < 1000:
            odd = client.get("/about", headers={"Cookie": f"{speaking.COOKIE}={unknown}"})
            assert (odd.status_code, way(odd.text)) == (200, "Browse")


def test_another_site_cannot_choose_the_language(polyglot):
    with polyglot.client() as client:
        answer = client.post("/language", data={"to": "es"}, headers={"Origin": "https://example.org"})
        assert answer.status_code == 403
        assert not client.cookies


def test_what_is_kept_in_one_language_is_shown_to_nobody_in_another(polyglot):
    asked = ("/search?q=axial+brain+MRI", "/api/search?q=axial+brain+MRI", "/explain?q=axial+brain+MRI", "/corpora")
    with polyglot.client() as client:

        def answers(code: str) -> list[str]:
            return [client.get(each, headers={"Accept-Language": code}).text for each in asked]

        first = answers("en")
        spanish = answers("es")
        assert spanish[0].count("Segura") >= 1
        assert "Segura" not in first[0]
        assert not re.search(r">\s*Strong\b", spanish[0])
        with ThreadPoolExecutor(4) as pool:  # and while both are asked for at once
            both = list(pool.map(answers, ["es", "en"] * 4))
        unlike = re.compile(r'name="token" value="[^"]*"|data-token="[^"]*"')
        for number, each in enumerate(both):
            like = first if number % 2 else spanish
            assert [unlike.sub("", text) for text in each[:2]] == [unlike.sub("", text) for text in like[:2]]


def test_a_kept_answer_of_the_api_is_another_one_in_each_language(polyglot):
    with polyglot.client() as client:
        english = client.get("/api/search?q=axial+brain+MRI", headers={"Accept-Language": "en"})
        again = {"If-None-Match": english.headers["etag"]}
        assert client.get("/api/search?q=axial+brain+MRI", headers={**again, "Accept-Language": "en"}).status_code == 304
        assert english.headers["content-language"] == "en"
        assert {"Accept-Language", "Cookie", "Accept-Encoding"} <= set(re.split(r",\s*", english.headers["vary"]))


def test_problems_are_told_in_the_language_of_who_asks(polyglot):
    with polyglot.client() as client:
        said = client.get("/api/nothing-here", headers={"Accept-Language": "es"}).json()
        assert (said["title"], said["detail"], said["type"]) == ("Aquí no", "No existe esa página.", "about:blank")
        assert client.get("/api/nothing-here").json()["detail"].startswith("There is no such page")


def test_a_site_may_have_another_language_for_who_asks_for_none(polyglot):
    settings = Settings(language="es_ES.UTF-8", folder_roots=(polyglot.roots,))
    with serving(polyglot.atlas, settings, polyglot.roots) as served, served.client() as client:
        assert way(client.get("/about").text) == "Explorar"
        assert way(client.get("/about", headers={"Accept-Language": "en"}).text) == "Browse"


def test_plural_forms_are_the_languages_own(catalogue):
    assert _("Browse") == "Browse"
    for code, forms in (("es", ["1 figura", "2 figuras", "5 figuras"]), ("pl", ["1 obraz", "2 obrazy", "5 obrazów"])):
        with spoken(locales.translations_of(code)):
            assert [ngettext("%(num)s figure", "%(num)s figures", number) for number in (1, 2, 5)] == forms
            assert _("Collections") == "Collections"  # what a language does not say stands in English
    assert translations().gettext("Browse") == "Browse"


def test_numbers_and_lists_are_written_as_the_language_does(catalogue):
    assert (locales.number(1234567.891, 1), locales.number(1234), locales.listed(["a", "b", "c"])) == (
        *("1,234,567.9", "1,234", "a, b and c"),
    )
    with spoken(locales.translations_of("es")):
        assert (locales.number(1234567.891, 1), locales.number(1234)) == ("1.234.567,9", "1.234")
        assert locales.listed(["a"]) == "a"
        assert locales.listed(["hígado", "bazo"]) == "hígado y bazo"
        assert locales.listed(["hígado", "bazo", "infarto"]) == "hígado, bazo e infarto"
        assert locales.listed(["agua", "hielo"]) == "agua y hielo"
