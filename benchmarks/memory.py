"""Memory of a server over 2,000 figures while it answers queries and takes pictures that somebody drops."""

from __future__ import annotations

import httpx

from benchmarks import many
from benchmarks.measure import Outcome, Row, Setting
from benchmarks.serving import Served
from mirage import corpora
from mirage.atlas import Atlas
from mirage.storage import ingest

_BAR = 700.0


def memory(setting: Setting) -> Outcome:
    """The highest resident memory of the server's process, and the part of it that no file backs."""
    queries, uploads = setting.size(200, 10), 5
    real, _ = many.real_atlas(setting)
    with Atlas.open(real) as atlas:
        if setting.medpix:
            ingest.add(atlas, corpora.load("starter"))  # 1,850 and 313 figures, all with their pictures
        figures = len(atlas.index)
        some = [row for batch in atlas.store.each() for row in batch][:: max(1, figures // uploads)][:uploads]
        dropped = [atlas.pictures.read(row.picture.name) for row in some]
    texts = many.queries(real, queries, seed=3)
    anonymous = 0.0
    with Served(real) as served, httpx.Client(base_url=served.url, trust_env=False, timeout=60) as client:
        idle = served.memory()
        for number, text in enumerate(texts):
            page = "/search" if number % 2 else "/api/search"
            client.get(page, params={"q": text}).raise_for_status()
            if number % (queries // uploads) == 0:
                picture = dropped[number // (queries // uploads)]
                client.post("/api/embed", files={"file": ("picture", picture)}).raise_for_status()
            anonymous = max(anonymous, served.memory()["anonymous"])
        after = served.memory()
    return Outcome(
        "memory",
        (
            Row(f"peak memory of the server, {figures:,} figures, resident", after["peak_rss"], "MB", bar=_BAR),
            Row("of it not backed by files, at most", anonymous, "MB"),
        ),
        {"after_start": idle, "after": after, "queries": queries, "uploads": uploads},
        ("Half the queries ask for the page, half for JSON; resident memory counts mapped files, such as the index.",),
    )
