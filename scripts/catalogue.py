"""Collect the texts of pages, scripts, commands and messages for translators.

    python scripts/catalogue.py
    python scripts/catalogue.py es

Writes ``src/mirage/web/catalogue/messages.pot``. A language that is named is brought up to date too: texts that are no more
are dropped, and those that are new added to be filled in; until then they stand in English. One that has no file gets one.
No language changes that is not named, so that two branches that add texts do not both write into it.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from mirage.cli import _COMMAND
from mirage.cli.spoken import helps

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "mirage"
CATALOGUE = PACKAGE / "web" / "catalogue" / "messages.pot"
METHODS = [
    ("web/templates/**.html", "jinja2"),
    ("web/static/**.js", "javascript"),
    ("notebook/**.js", "javascript"),
    ("site/templates/**.html", "jinja2"),
    ("site/static/**.js", "javascript"),
    ("**.py", "python"),
]
OPTIONS = {
    "web/static/**.js": {"parse_template_string": "true"},
    "notebook/**.js": {"parse_template_string": "true"},
    "site/static/**.js": {"parse_template_string": "true"},
    "site/templates/**.html": {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"},
    "web/templates/**.html": {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"},
}
_HEADER = """# Texts of MIRAGE. `make catalogue` writes this file.
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"

"""
_LANGUAGE = """# How MIRAGE says its texts in one language; docs/languages.md.
msgid ""
msgstr ""
"Language: %(language)s\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: %(plural)s;\\n"

"""
KEYWORDS = {"_": None, "gettext": None, "N_": None, "ngettext": (1, 2), "nN_": (1, 2)}


def collect(package: Path = PACKAGE) -> Catalog:
    """Give the texts of a package with the files in which they stand.

    Parameters
    ----------
    package : Path
    """
    catalogue = Catalog(project="MIRAGE", charset="utf-8")
    for file, _line, message, comments, context in extract_from_dir(package, METHODS, OPTIONS, KEYWORDS, ["Translators:"]):
        # Files without lines: a text that moved is no change.
        where = [(f"src/mirage/{Path(file).as_posix()}", 1)]
        catalogue.add(message, None, where, auto_comments=comments, context=context)
    for said in helps(_COMMAND):
        if said.module.partition(".")[0] == "mirage":  # those of other distributions are theirs to translate
            catalogue.add(said.text, None, [(f"src/{said.module.replace('.', '/')}.py", 1)])
    return catalogue


def written(catalogue: Catalog) -> str:
    """Write a catalogue as translators' programs read it: sorted, without a date.

    Parameters
    ----------
    catalogue : babel.messages.catalog.Catalog
    """
    file = io.BytesIO()
    write_po(file, catalogue, width=0, omit_header=True, sort_output=True, include_lineno=False)
    return _HEADER + file.getvalue().decode()


def updated(file: Path, texts: Catalog) -> str:
    """Write a language anew: its translations of the texts that there are, and room for those that it does not have.

    It holds neither lines nor files, which change with every edit of the code; ``messages.pot`` has the files.

    Parameters
    ----------
    file : Path
        Its catalogue, named by the language; it need not be there.
    texts : babel.messages.catalog.Catalog
        What there is to translate.
    """
    known = read_po(io.BytesIO(file.read_bytes() if file.exists() else b""), locale=file.stem, ignore_obsolete=True)
    known.update(texts, no_fuzzy_matching=True)
    for message in known:
        message.locations = []
    body = io.BytesIO()
    write_po(body, known, width=0, omit_header=True, sort_output=True, ignore_obsolete=True)
    return _LANGUAGE % {"language": file.stem, "plural": known.plural_forms.rstrip(";")} + body.getvalue().decode()


def main(languages: list[str]) -> None:
    """Write them.

    Parameters
    ----------
    languages : list of str
        Codes of those that are brought up to date.
    """
    texts = collect()
    CATALOGUE.write_text(written(texts), "utf-8")
    for name in languages:
        file = CATALOGUE.with_name(f"{name}.po")
        file.write_text(updated(file, texts), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
