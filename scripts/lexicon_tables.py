"""Write the tables that the shipped lexicon is looked up in; run it after every change of the lexicon's files."""

import json

from mirage.language.concepts import Lexicon
from mirage.language.lexicon_files import TABLES, digest_of, files, read_all

paths = files()
tables = {"digest": digest_of(paths), **Lexicon(read_all(paths).values()).tables}
TABLES.write_text(json.dumps(tables, ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")
