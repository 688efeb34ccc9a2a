"""Collect the texts of pages, scripts and messages for translators.

    python scripts/catalogue.py

Writes ``src/mirage/web/catalogue/messages.pot``.
"""

from __future__ import annotations

import io
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import write_po

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


def main() -> None:
    """Write it."""
    CATALOGUE.write_text(written(collect()), "utf-8")


if __name__ == "__main__":
    main()
