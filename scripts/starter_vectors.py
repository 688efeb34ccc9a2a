"""Make the vectors that ship with the starter atlas: ``python scripts/starter_vectors.py``.

Run it after `build_starter.py`, and after the weights of the starter encoder change: opening the atlas then encodes nothing.
"""

from __future__ import annotations

import tempfile
from functools import cached_property
from pathlib import Path

from mirage.atlas import Atlas
from mirage.corpora.starter import SHIPPED, StarterCorpus
from mirage.encoders.known import KnownVectors
from mirage.storage.ingest import add


class _Learning(StarterCorpus):
    """The starter atlas without its vectors, which keeps those that are made when it is added."""

    @cached_property
    def made(self) -> KnownVectors:
        """What was encoded."""
        return KnownVectors()

    def known_vectors(self) -> KnownVectors:
        """Give the one that is filled."""
        return self.made


def main() -> None:
    """Add the starter atlas to an atlas that is thrown away, and write what was encoded."""
    corpus = _Learning()
    with tempfile.TemporaryDirectory() as folder, Atlas.open(Path(folder) / "atlas", create=True) as atlas:
        report = add(atlas, corpus)
    if report.refused:
        raise SystemExit(f"Not everything could be added: {report.refused[0]}")
    path = SHIPPED / "vectors.npz"
    corpus.made.write(path)
    print(f"{len(corpus.made.vectors)} vectors of {report.added} figures, {path.stat().st_size / 1e6:.1f} MB in {path}")


if __name__ == "__main__":
    main()
