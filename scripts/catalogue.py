"""Collect the texts of pages, scripts, commands and messages for translators.

    python scripts/catalogue.py
    python scripts/catalogue.py es

Writes ``src/mirage/web/catalogue/messages.pot``, and drops from each language beside it the texts that are no more. The
texts that are new stand in English there until the language is named: then they are added to its file, to be filled in. A
language that has no file yet gets one.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "mirage"
CATALOGUE = PACKAGE / "web" / "catalogue" / "messages.pot"
METHODS = [("web/templates/**.html", "jinja2"), ("web/static/**.js", "javascript"), ("**.py", "python")]
OPTIONS = {
    "web/static/**.js": {"parse_template_string": "true"},
    "web/templates/**.html": {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"},
}
_HEADER = """# Texts of MIRAGE. `make catalogue` writes this file.
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"

"""
_LANGUAGE = """# How MIRAGE says its texts in one language; docs/languages.md. `make catalogue` keeps its order.
msgid ""
msgstr ""
"Language: %(language)s\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: %(plural)s;\\n"

"""
KEYWORDS = {"_": None, "gettext": None, "N_": None, "ngettext": (1, 2)}


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


def updated(file: Path, texts: Catalog, *, whole: bool) -> str:
    """Write a language anew: its translations of the texts that there are.

    It holds neither lines nor files, which change with every edit of the code; ``messages.pot`` has the files.

    Parameters
    ----------
    file : Path
        Its catalogue, named by the language; it need not be there.
    texts : babel.messages.catalog.Catalog
        What there is to translate.
    whole : bool
        Whether texts without a translation are added, empty. Left out otherwise: two branches that add texts would
        write at the same places of every language.
    """
    known = read_po(io.BytesIO(file.read_bytes() if file.exists() else b""), locale=file.stem, ignore_obsolete=True)
    listed = {_key(message) for message in known if message.id}
    known.update(texts, no_fuzzy_matching=True)
    for message in [each for each in known if each.id and not (whole or _key(each) in listed)]:
        known.delete(message.id, message.context)
    for message in known:
        message.locations = []
    body = io.BytesIO()
    write_po(body, known, width=0, omit_header=True, sort_output=True, ignore_obsolete=True)
    return _LANGUAGE % {"language": file.stem, "plural": known.plural_forms.rstrip(";")} + body.getvalue().decode()


def _key(message: Message) -> tuple[str, str | None]:
    return message.id if isinstance(message.id, str) else message.id[0], message.context


def main(languages: list[str]) -> None:
    """Write all.

    Parameters
    ----------
    languages : list of str
        Those whose missing texts are added to be filled in.
    """
    texts = collect()
    CATALOGUE.write_text(written(texts), "utf-8")
    for file in sorted({*CATALOGUE.parent.glob("*.po"), *(CATALOGUE.parent / f"{name}.po" for name in languages)}):
        file.write_text(updated(file, texts, whole=file.stem in languages), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
