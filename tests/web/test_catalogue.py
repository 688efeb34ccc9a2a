"""The catalogue holds every text of the templates and scripts, and is as new as they are."""

from __future__ import annotations

import ast
import re
import symtable
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jinja2 import nodes
from pygments.lexers.javascript import JavascriptLexer
from pygments.token import Comment, String, Whitespace

import mirage.search.searcher
from mirage.shipped import SHIPPED
from mirage.web.templating import _ENVIRONMENT, script_texts

ROOT = Path(__file__).parents[2]
WEB = ROOT / "src" / "mirage" / "web"
TEMPLATES = sorted(path.name for path in (WEB / "templates").glob("*.html"))
SHOWN = {"aria-label", "title", "alt", "placeholder", "aria-description", "aria-roledescription", "content"}
NAMES = {"MIRAGE", "DICOM", "PNG", "JPEG", "WebP", "XMP", "C2PA"}


@pytest.fixture(scope="module")
def script():
    return pytest.importorskip("catalogue", reason="babel is not installed")


def test_the_catalogue_is_as_new_as_the_texts(script):
    there = (WEB / "catalogue" / "messages.pot").read_text("utf-8")
    assert there == script.written(script.collect()), "a text changed: run `make catalogue`"


def test_the_site_knows_which_texts_its_scripts_look_up(script):
    of_scripts = {each.id for each in script.collect() if any("/web/static/" in file for file, _ in each.locations)}
    assert of_scripts == script_texts()


def _flat(node: nodes.Node) -> Iterator[str]:
    """What a template writes, in its order and all branches of it: its own letters, a mark for what is from elsewhere."""
    match node:
        case nodes.TemplateData():
            yield node.data
        case nodes.Const(value=str()):
            yield node.value
        case nodes.CondExpr():
            yield from (*_flat(node.expr1), "\ue000", *(_flat(node.expr2) if node.expr2 else ()))
        case nodes.Or():
            yield from (*_flat(node.left), "\ue000", *_flat(node.right))
        case nodes.Add():
            yield from (*_flat(node.left), *_flat(node.right))
        case nodes.Concat():
            for each in node.nodes:
                yield from _flat(each)
        case nodes.Getitem(node=nodes.Dict(items=pairs)) | nodes.Call(node=nodes.Getattr(node=nodes.Dict(items=pairs))):
            for pair in pairs:
                yield from (*_flat(pair.value), "\ue000")
        case nodes.Filter(node=nodes.Node() as filtered):
            yield from _flat(filtered)
        case nodes.Assign():  # a name for the program is in small letters
            yield from (text if re.search(r"[A-Z ]", text) else "\ue000" for text in _flat(node.node))
        case nodes.Expr():
            yield "\ue000"
        case nodes.Extends() | nodes.FromImport() | nodes.Import() | nodes.Include() | nodes.Block(name="kind"):
            pass
        case _:
            for each in node.iter_child_nodes(exclude=("test", "iter", "target", "args", "defaults")):
                yield from _flat(each)


class _Texts(HTMLParser):
    """Text that a person sees or hears."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag, attributes):
        self._silent += tag in ("code", "kbd", "script", "style")
        given = dict(attributes)
        for name, value in attributes:
            button = tag == "input" and name == "value" and given.get("type") in ("submit", "button")
            if value and (button or (name in SHOWN and not (tag == "meta" and given.get("name") != "description"))):
                self.handle_data(value)

    def handle_endtag(self, tag):
        self._silent -= tag in ("code", "kbd", "script", "style")

    def handle_data(self, text):
        for part in text.split("\ue000"):
            words = [word for word in re.findall(r"[^\W\d_]{2,}", part) if word not in NAMES]
            if words and not self._silent:
                self.found.append(part.strip())


def _bare(source: str) -> list[str]:
    texts = _Texts()
    texts.feed("".join(_flat(_ENVIRONMENT.parse(source))))
    texts.close()
    return texts.found


def test_bare_texts_are_found():
    bare = '<p title="Why">Words {{ n }}</p><b>{{ "yes" if n else _("no") }}</b>{% set x = "No one" %}'
    assert _bare(bare) == ["Why", "Words", "yes", "No one"]
    kept = '<b class="{{ "y" if n }}">{{ _("Words") }}{% trans %}x{% endtrans %} <code>x.py</code></b> PNG{% set x = "no" %}'
    assert _bare(kept) == []


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_text_of_a_template_is_in_the_catalogue(template):
    assert _bare((WEB / "templates" / template).read_text("utf-8")) == [], 'write {{ _("…") }} around it'


@pytest.mark.parametrize("template", TEMPLATES)
def test_only_literals_are_looked_up(template):
    """A text that is looked up is trusted as HTML, so nothing from outside may be one."""
    for call in _ENVIRONMENT.parse((WEB / "templates" / template).read_text("utf-8")).find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in ("_", "gettext", "ngettext"):
            texts = call.args[: 2 if call.node.name == "ngettext" else 1]
            assert all(isinstance(each, nodes.Const) for each in texts), f"line {call.lineno}"


SCRIPTS = sorted(path.name for path in (WEB / "static").glob("*.js"))
_PROPERTIES = {"textContent", "innerText", "title", "alt", "placeholder", "ariaLabel", "ariaValueText", "ariaDescription"}


def _bare_in_script(source: str) -> list[str]:
    """Strings that become a text or a name of an element, or read like a sentence, without being looked up."""
    values, found, depth, shown_at = ["", ""], [], 0, None
    for kind, value in JavascriptLexer().get_tokens(source):
        if kind in Comment or (kind in Whitespace and not value.strip()):
            continue
        if shown_at is None and values[-1] in _PROPERTIES and value in ("=", ":"):
            shown_at = depth
        if kind in String and kind not in String.Interpol:
            text = value.strip("\"'`")
            if values[-2:] == ["setAttribute", "("]:
                shown_at = depth if text in SHOWN else None
            elif (
                values[-2:] != ["_", "("]
                and values[-1] not in ("===", "!==")
                and (re.match(r"[A-Z][a-z]*,? [a-z]", text) or (shown_at == depth and re.search(r"[A-Za-z]{2}", text)))
            ):
                found.append(text.strip())
        elif value in ("(", "{", "[", "${"):
            depth += 1
        elif value in (")", "}", "]"):
            depth -= 1
            shown_at = None if shown_at is None or depth < shown_at else shown_at
        elif value == ";":
            shown_at = None
        values = [values[-1], value]
    return found


def test_bare_texts_of_scripts_are_found():
    assert _bare_in_script('a.textContent = "Stop"; b.setAttribute("title", `${n} more`); say("Look there");') == [
        *("Stop", "more", "Look there")
    ]
    assert (
        _bare_in_script('a.textContent = _("Stop"); b.title = n ? _("%(n)s", { n }) : ""; // Look there\na.src = "abc def"')
        == []
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_text_of_a_script_is_in_the_catalogue_and_its_data_come_from_the_source(script):
    source = (WEB / "static" / script).read_text("utf-8")
    assert _bare_in_script(source) == [], 'write _("…") around it'
    assert script == "source.js" or not re.search(r"\bfetch\(|XMLHttpRequest|new EventSource", source), (
        "fetch through source.js"
    )


def test_no_text_stands_in_an_f_string_where_it_is_not_collected():
    hidden = [
        (path.name, call.lineno)
        for path in sorted(WEB.parent.rglob("*.py"))
        for joined in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(joined, ast.JoinedStr)
        for call in ast.walk(joined)
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in ("_", "ngettext", "N_")
        if any(isinstance(each, ast.Constant) for each in call.args)
    ]
    assert not hidden


# -- languages ---------------------------------------------------------------------------------------------------------


LANGUAGES = sorted(path.stem for path in (WEB / "catalogue").glob("*.po"))
_PLACES = re.compile(r"%\(\w+\)s|%%|</?[a-z]+[^>]*>|(?<!\{)\{\w*(?:![rs])?\}|`[^`]+`")


def _places(text: str) -> list[str]:
    """What a translation keeps as it is: places, tags, and what is to be typed."""
    return sorted(_PLACES.findall(text))


def _texts(message: Any) -> list[tuple[str, str]]:
    """Pairs of a text and what a language says for it."""
    if isinstance(message.id, str):
        return [(message.id, message.string)]
    return [(message.id[min(number, 1)], said) for number, said in enumerate(message.string)]


@pytest.fixture(scope="module", params=LANGUAGES)
def language(request):
    pofile = pytest.importorskip("babel.messages.pofile", reason="babel is not installed")
    with (WEB / "catalogue" / f"{request.param}.po").open("rb") as file:
        return pofile.read_po(file, locale=request.param)


def test_a_language_keeps_places_tags_and_commands(language):
    wrong = [
        f"{text!r}: {said!r}"
        for message in language
        if message.id and all(said for _, said in _texts(message))
        for text, said in _texts(message)
        # What is one need not say its number, in either language.
        if set(_places(said)) - set(_places(text)) - {"%(num)s"} or set(_places(text)) - set(_places(said)) - {"%(num)s"}
    ]
    assert not wrong, "\n".join(wrong)
    assert not [message.id for message in language if message.fuzzy and message.id]


def test_a_language_is_whole(language, script):
    """Every text is said in it: name the language to `scripts/catalogue.py`, and fill in what is empty."""
    there = {message.id for message in language if message.id and all(said for _, said in _texts(message))}
    lacking = [message.id for message in script.collect() if message.id and message.id not in there]
    assert not lacking, f"{len(lacking)}, among them {lacking[:20]}"


def _of_errors(tree: ast.Module, kinds: set[str]) -> Iterator[ast.Call]:
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and getattr(call.func, "id", getattr(call.func, "attr", "")) in kinds and call.args:
            yield call


def _said_bare(given: ast.expr) -> bool:
    """Whether an argument is a sentence that nobody looks up."""
    match given:
        case ast.IfExp():
            return _said_bare(given.body) or _said_bare(given.orelse)
        case ast.BoolOp():
            return any(map(_said_bare, given.values))
        case ast.JoinedStr():
            text = "".join(str(each.value) if isinstance(each, ast.Constant) else "\ue000" for each in given.values)
        case ast.Constant(value=str(text)):
            pass
        case _:
            return False
    return bool(re.search(r"[A-Za-z]{2,} [A-Za-z]{2,}", text))


ROOMS = sorted(path.name for path in WEB.parent.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists())
"""Rooms and modules at the top: whatever reads like words in them is said to people, but for what is listed here."""
_UNSAID = re.compile(
    r"`?mirage [a-z]|(?:PRAGMA|SET LOCAL|UPDATE|DELETE|SELECT|CREATE|INSERT|ALTER|COPY|ANALYZE|VACUUM|SET|RESET) [A-Za-z_(]"
    r"|\s*(?:\ue000\s*)?(?:SELECT|GROUP BY|ORDER BY|AND key) |Input should be a valid |extract\(epoch FROM |\[(?:bold|dim)"
    # Of pages, scripts, headers and style sheets.
    r"|(?:\{\{FrontSide\}\})?\s*<[!?/a-z]|\s*\{\{#|\n\s*:root|\n\.card|\"use strict\"|default-src |(?:private|public), "
    # Files that go to whoever: the README of an atlas file, and the head of an atlas's manifest.
    r"|An atlas of MIRAGE: |It was made (?:whole|to pass on), |Some of it may be passed on |# A MIRAGE atlas"
)
_PATTERN = re.compile(r"\(\?|\w\|\w|\\[bswW]|\[[\w-]+\][?*+]?")  # of a regular expression
_UNSAID_THERE = {
    *("thing kept", "thing to rate", "hidden figure"),  # what is counted, of which the catalogue has both numbers
    *("own jobs", "model name", "you dropped", "you gave", "not stated"),  # as data and other texts have it
    *("Nothing was added.", "packages for ROCO"),  # in JSON; a name that is marked where it is given
    "copies encoder explainer generation grounding inference modify refine retrieval watermark",
    # Titles of jobs are kept as they are, for by them it is known which of them name a folder.
    *("Add folder", "Add a folder of pictures", ", and take out what is gone", "Look through the files", "What was sent"),
    *("Collect pictures that no figure uses", "Make the index anew", "Add from \ue000", "Encode anew with \ue000"),
    *("Look through \ue000", "an image like a figure", "Start a job", "\ue000 from \ue000"),
    # What is wrong with bytes, where it is only said that they are damaged, and what a child process says.
    *("PNG cut short", "JPEG cut short", "WebP cut short", "TIFF cut short", "TIFF entries overlap"),
    *("an answer that is too long", "an answer of another kind", "it needs more memory than it may take"),
    # Regions as they are kept, which have their texts where they are shown; what is looked for in other words.
    *(
        "head and neck",
        "thorax and abdomen",
        "cervical spine",
        "thoracic spine",
        "lumbar spine",
        "whole body",
        "whole slide",
    ),
    *("authentication failed", "does not exist", "single figure"),
    # Notes, threads and schemes; what only who programs meets; and what a migration has kept.
    *("index being filled", "index left behind", "former index", "nobody writes", "pylibjpeg pylibjpeg-openjpeg"),
    *("s3 s3a gs gcs az abfs abfss adl oci oss memory", "\ue000 is not one person's", "\ue000 is no database of an atlas"),
    *(
        '"\ue000", field, concept, polarity',
        "(\ue000 IN (SELECT value FROM json_each(\ue000)))",
        "(CAST(\ue000 AS jsonb) ->> \ue000)",
    ),
    "It was done by an earlier version of MIRAGE, and is listed without names of files.",
    # Queries that a model is timed with.
    *("ring-enhancing lesion, frontal lobe", "axial CT of the abdomen"),
    "sagittal T2 MRI of the lumbar spine with disc herniation",
    "Frontal chest radiograph. There is a consolidation in the right lower zone with loss of the outline of the diaphragm.",
}
_UNSAID_THERE |= {
    # Kept in an atlas as they are, with the terms, credits and passages of their figures.
    *("CC BY, CC BY-SA, CC0 or public domain", "CC BY or CC BY-NC", "CC-0, CC-BY or CC-BY-NC"),
    *("CC BY, CC0 or another Creative Commons licence", "A smaller copy, of \ue000 pixels in width", "No author named"),
    *("The archive names no author", "Skin lesion", "Stated as: \ue000.", " of the ", " (its parts \ue000 in one picture)"),
    *("a figure without a label", "The series is one of the collection “\ue000”", ", whose subject is: \ue000"),
    *("About the collection: \ue000", "\ue000. Whether that is so in this patient, the index does not say."),
    *("\ue000; each \ue000 names its own", "\ue000; each figure names its own", "each figure's own, where one is stated"),
    *("various, all permit sharing", "From the collection “\ue000”", "From a folder of pictures"),
    *("Figure \ue000 of", "Figure of", "From \ue000; its article is not stated", "its article is not stated; "),
    "MedPix®, U.S. National Library of Medicine; from MedPix 2.0 (Siragusa et al., 2025, doi 10.1007/s41019-025-00297-8)",
    *("ROCO (Pelka et al., 2018, doi 10.1007/978-3-030-01364-6_20)", "The pictures"),
    "ROCOv2 (Rückert et al., 2024, doi 10.1038/s41597-024-03496-6)",
    # So is what a corpus is called with what it is, and what its items are called.
    "CT and MR images of teaching cases, with history, findings, differential and discussion.",
    *("Radiology figures of articles at PubMed Central, each with its caption\ue000", " and its own licence.\ue000"),
    " Its annotations are not there, so that articles and licences are not known.",
    "\ue000 is not there, so that articles and licences are not known.",
    *("Licences are those of \ue000 (columns \ue000).", " and \ue000 more slices", "figures.jsonl, line \ue000"),
    *("\ue000, row group \ue000, row \ue000", "\ue000, row group \ue000"),
    # Notes of stacks, which are kept with them.
    *("Its labels could not be used and were left out.", "Of its labels: \ue000"),
    "Its slices are in the order of their numbers; where they lie in the patient is not known.",
    "It lacks \ue000 of the numbers between the first and the last.",
    # What sources call things, and is compared or asked for.
    *("public domain", "own work", "aortic dissection", "healthy controls (non-cancer)", "\ue000 X-ray of the \ue000"),
    *("Please see", "For more information", "See the", "Solar or actinic keratosis", "Squamous cell carcinoma"),
    *("T1-weighted imaging", "T2-weighted imaging", "contrast-enhanced T1-weighted imaging"),
}
_UNSAID_THERE |= {
    # What a model is told, and what it is tried with.
    "Say in at most \ue000 sentences how A (\ue000) and B (\ue000) differ in what the pictures show.",
    "Explain in at most \ue000 sentences what the evidence says about the question: what it is, where it is found, how it "
    "looks by kind of picture, what else it could be, a pitfall, in this order.",
    *("\ue000, compared with \ue000", "axial CT of the brain", "\ue000 \ue000 of the \ue000", "in the \ue000"),
    *mirage.search.searcher._TRIED,
    "Find real medical images by words, by pictures, and by both. For teaching; nothing here diagnoses. Every page of the "
    "site has its twin here. Errors are RFC 9457 problem details.",
    "The picture that the browser has is the right one.",
    "The slice that the client has is the right one.",
    "There is none now: the image is finished, or has not begun.",
    # Commands to type.
    *(
        "pipx inject \ue000\ue000 \ue000",
        "uv tool upgrade \ue000",
        "uv pip install",
        "pip install",
        "uv tool install \ue000 \ue000",
    ),
    # Written into files that stay as they are: marks of synthetic images, packets of reviews, licences beside a site.
    *("Synthetic image, not a patient", "Synthetic image, made by a generator; not a patient.", "Synthetic image \ue000"),
    *("in one case (\ue000)", "in one case", "of some only: \ue000", "the sources disagree: see [\ue000]"),
    "The archive holds no text of its licence. This is that of the same project's package \ue000:",
    "The archive names its licence and holds no text of it. This is the licence of that name:",
    "The archive holds no text of its licence.",
    "right, and I would show it to somebody who learns this",
    "right, but it helps little to learn this",
    "somebody who learns this from it would learn something wrong",
    "It says of which version the tables are, which the file says itself.",
    # Values and words of sources and engines that are compared; headers of protocols.
    *(
        "same terms",
        "not judged",
        "as asked",
        "could not be checked",
        "made by",
        "an upload",
        "more of",
        "less of",
        "odc by",
    ),
    *(
        "not available",
        "not applicable",
        "no caption",
        "no description",
        "replace this - description of the image or findings",
    ),
    *("title words", "slice places", "licence text", "MIRAGE picture", "openid profile", "quiz picture", "quiz pictures"),
    *("failed to open WAL", "Resource temporarily unavailable", "No space left", "os error 28", "Permission denied"),
    *(
        "off topic",
        "Value error, ",
        "put back",
        "hide all",
        "yes or no",
        "end invitation",
        "remove together",
        "Too many files",
    ),
    *("no answer", ": still here\n\n", "asked for"),
    # Said as `mirage.wording.retold` finds them in the catalogue.
    *("\ue000 × \ue000, \ue000 used, made by \ue000", "by the link of \ue000", "by the first link, which makes the owner"),
    # Lines of the log, for who runs a server.
    *("did not answer for \ue000 seconds and was stopped", "ended with exit code \ue000"),
    *("was killed by \ue000", "was killed by signal \ue000", "MIRAGE is at "),
}
_VOCABULARIES = {
    *("calibrate/queries.py", "compare/keyness.py", "explain/case_table.py", "explain/explainers/cues.py"),
    *("explain/subject.py", "figure.py", "generate/generators/conditions.py", "generate/generators/evidence.py"),
    *("study/quiz/structures.py", "search/concepts.py", "search/searcher.py", "web/templating.py", "locales.py"),
    *("corpora/live/idc_words.py", "corpora/live/isic_entry.py", "corpora/live/pmc_licence.py"),
    *("corpora/live/pmc_terms.py", "corpora/inferring.py", "corpora/medpix.py"),
}
"""Modules in which a text in small letters is looked for in what sources say."""
_FOR_PROGRAMMERS = {"corpora/contract.py", "notebook/search_widget.py"}
_FOR_PROGRAMMERS |= {
    "licensing.py",
    "people/roles.py",
    "site/runtime.py",
}  # tables of ways and rights, for who reads the code
# What a description of the API or of the measures says, and how a model is asked: in English (docs/languages.md).
_FOR_PROGRAMMERS |= {"web/openapi.py", "web/measures.py", "explain/explainers/transformers.py"}
# Of these calls nothing is looked at: they look up, are collected from the command as its help, or are for who programs.
_LOOKED_UP = {"_", "N_", "ngettext", "nN_"}
_ELSEWHERE = {"Option", "Argument", "Typer", "AttributeError", "compile", "sub", "fullmatch", "match"}
_ELSEWHERE |= {"debug", "info", "warning", "error", "exception"}  # of a log
_ELSEWHERE |= {"files", "streamed", "takes"}  # descriptions of the API


# Of the API and of settings, in English (docs/languages.md).
_DESCRIBES = {"description"}


def _bare_in_python(source: str) -> Iterator[tuple[int, str]]:
    """Sentences of a module that are neither looked up, nor a docstring, nor a help."""

    def walk(node: ast.AST) -> Iterator[tuple[int, str]]:
        text = ""
        match node:
            case ast.Expr(value=ast.Constant()):
                return
            case ast.Call(func=ast.Attribute(value=ast.Constant(), attr="split")):  # a list of words to look for
                return
            case ast.Call():
                called = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if called in _ELSEWHERE:
                    return
                for each in [
                    *([] if called in _LOOKED_UP else node.args),
                    *(given.value for given in node.keywords if given.arg not in _DESCRIBES),
                ]:
                    yield from walk(each)
                yield from walk(node.func)
            case ast.JoinedStr():
                text = "".join(str(each.value) if isinstance(each, ast.Constant) else "\ue000" for each in node.values)
                for each in node.values:
                    if isinstance(each, ast.FormattedValue):
                        yield from walk(each.value)
            case ast.Constant(value=str(text)):
                pass
            case _:
                for child in ast.iter_child_nodes(node):
                    yield from walk(child)
        if re.search(r"[A-Za-z]{2,},? [a-z]{2,}", text) and not (
            _UNSAID.match(text) or _PATTERN.search(text) or text in _UNSAID_THERE
        ):
            yield getattr(node, "lineno", 0), text

    yield from walk(ast.parse(source))


def test_bare_texts_of_modules_are_found():
    source = """
def say(x):
    "Say nothing to anybody."
    told = f"There are {x} of them" if x else _("none of them")
    return told + _("Look at %(what)s", what="all of it")
"""
    assert [text for _line, text in _bare_in_python(source)] == ["There are \ue000 of them", "all of it"]


@pytest.mark.parametrize("room", ROOMS)
def test_whatever_reads_like_words_is_in_the_catalogue(room):
    bare = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in ([WEB.parent / room] if room.endswith(".py") else sorted((WEB.parent / room).rglob("*.py")))
        for line, text in _bare_in_python(path.read_text("utf-8"))
        if not (_is_vocabulary(path.relative_to(WEB.parent).as_posix()) and text == text.lower())
        if path.relative_to(WEB.parent).as_posix() not in _FOR_PROGRAMMERS
    ]
    assert not bare, 'write _("…") around it, or say in _UNSAID_THERE why nobody reads it:\n' + "\n".join(bare)


def _is_vocabulary(module: str) -> bool:
    return module in _VOCABULARIES or module.startswith("language/")


def test_what_goes_wrong_is_said_in_a_text_of_the_catalogue():
    """Errors, and what commands say beside their output."""
    trees = {path: ast.parse(path.read_text("utf-8")) for path in sorted(WEB.parent.rglob("*.py"))}
    kinds, more = {"MirageError"}, True
    while more:
        found = {
            each.name
            for tree in trees.values()
            for each in ast.walk(tree)
            if isinstance(each, ast.ClassDef) and {getattr(base, "id", "") for base in each.bases} & kinds
        }
        more = not found <= kinds
        kinds |= found
    kinds |= {"say", "complain", "plain"}
    bare = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path, tree in trees.items()
        for call in _of_errors(tree, kinds)
        if _said_bare(call.args[0])
    ]
    assert not bare, 'write _("…") around it: ' + ", ".join(bare)


def test_what_is_said_bare_is_found():
    calls = [
        'BadInput(f"There is no {name}.")',
        'BadInput("There is" if x else _("no"))',
        'BadInput(_("There is no"))',
        'BadInput(f"{a}: {b}")',
    ]
    assert [_said_bare(ast.parse(each).body[0].value.args[0]) for each in calls] == [True, True, False, False]


def _hides_the_translator(table: symtable.SymbolTable) -> Iterator[str]:
    """The functions of which a name `_` of their own is read: there it is no longer what translates."""
    for symbol in table.get_symbols() if table.get_type() == "function" else ():
        if symbol.get_name() == "_" and symbol.is_referenced() and (symbol.is_local() or symbol.is_free()):
            yield f"{table.get_name()} (line {table.get_lineno()})"
    for inner in table.get_children():
        yield from _hides_the_translator(inner)


def test_no_variable_stands_before_the_function_that_translates():
    source = "from x import _\ndef outer():\n    def inner():\n        return _('no')\n    for _ in ():\n        inner()\n"
    assert list(_hides_the_translator(symtable.symtable(source, "made", "exec"))) == ["inner (line 3)"]
    found = {
        path.name: list(_hides_the_translator(symtable.symtable(path.read_text("utf-8"), str(path), "exec")))
        for path in SHIPPED.parent.rglob("*.py")
    }
    assert {name: those for name, those in found.items() if those} == {}
