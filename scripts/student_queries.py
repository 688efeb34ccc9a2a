"""Put queries of students into the committed set: ``python scripts/student_queries.py COPY_OF_MEDPIX FILE.jsonl …``.

Each line of a file holds ``id``, ``kind``, ``query`` and ``answers``, ids of cases. A query of a known id is replaced and
keeps its half; a new one is drawn into a half. Cases of the test split answer nothing.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mirage.corpora.base import Item
from mirage.corpora.medpix import MedPixCorpus
from mirage_research.evaluation import student_queries as queries


def main(medpix: str, *files: str) -> None:
    corpus = MedPixCorpus(medpix, splits=("train", "dev"))
    cases = {item.figure.case_id.removeprefix("medpix:") for item in corpus.items() if isinstance(item, Item)}
    rows = [json.loads(line) for file in files for line in Path(file).read_text("utf-8").splitlines() if line.strip()]
    strange = {case for row in rows for case in row["answers"]} - cases
    if strange:
        sys.exit(f"No cases of train or dev: {', '.join(sorted(strange))}.")
    known = queries.read() if queries.FILE.is_file() else []
    made = queries.halved(rows, known)
    queries.write(made)
    print(f"{len(made)} queries: {sum(one.half == 'work' for one in made)} to work on")


if __name__ == "__main__":
    main(*sys.argv[1:])
