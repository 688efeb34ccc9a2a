"""Words by which the checker tells how strongly something is said, what causes what, and what excludes what."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

_RAW: dict[str, dict[str, list[str]]] = tomllib.loads(Path(__file__).with_name("cues.toml").read_text("utf-8"))
CUES = {
    kind: {name: re.compile(rf"(?i)(?<![\w-])(?:{'|'.join(each)})(?![\w])") for name, each in table.items()}
    for kind, table in _RAW.items()
}
