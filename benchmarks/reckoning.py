"""``python -m benchmarks.reckoning``: what an atlas of millions takes, reckoned from what is measured here.

With ``--measure`` it measures anew and writes ``docs/benchmarks/reckoning.json``; with ``--page`` it writes the tables of
``docs/scale.md`` from that; else it prints them, for any number of figures and any price of a processor's hour.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import many
from benchmarks.measure import ROOT, Setting, load, machine
from benchmarks.scale import prepared, run
from mirage import corpora, encoders
from mirage.atlas import Atlas
from mirage.images import decode
from mirage.storage import ingest
from mirage.storage.folder import AtlasFolder
from mirage.storage.spread import opened
from mirage.storage.spread.base import Recipe

MEASURED = ROOT / "docs" / "benchmarks" / "reckoning.json"
PAGE = ROOT / "docs" / "scale.md"
FIGURES = 15_000_000
CORES = (2, 16, 64, 512)
_ATLASES = (100_000, 2_000_000, FIGURES)
_SIZES = (25_000, 50_000)  # of an index; below 20,000 it has no graph
_LARGE = {"side": 448, "patch": 14, "width": 1024, "layers": 24, "heads": 16}  # ViT-L/14 at 448 px
_BLOCK = re.compile(r"(?s)(<!-- (\w+) -->\n).*?(<!-- end -->)")


def measure(setting: Setting) -> dict[str, Any]:
    """Measure all that the reckoning grows from. Times are of processors, which other work of the machine hardly changes."""
    found: dict[str, Any] = {"when": time.strftime("%Y-%m-%d"), "machine": machine(), "load": load()}
    found["source"] = "MedPix 2.0" if setting.medpix else "the starter's corpus"
    found["adding"] = _adding(setting)
    found["storing"] = _storing(setting)
    found["large"] = _large(setting)
    found["index"] = {}
    for count in (setting.size(_SIZES[0], 600), setting.size(_SIZES[1], 1_200)):
        folder = prepared(setting, (count, 256))
        for name in ("mirage", "mirage-plain"):
            built, asked = run("build", name, folder), run("ask", name, folder, setting.size(200, 20))
            found["index"][f"{name} {count}"] = {
                "bytes": built["disk_MB"] * 1e6 / count,
                "build_s": built["processor_s"] / count,
                "memory": asked["memory_channels_MB"]["anonymous"] * 1e6,
                "p50_ms": asked["channels"]["three"]["p50"],
            }
    return found


def _adding(setting: Setting) -> dict[str, Any]:
    """Adding real figures in one process: processor time and bytes of each, by the second part of them."""
    started = time.process_time()
    folder, first = many.real_atlas(setting, setting.size(300, 16))
    before, start = _bytes(folder), time.process_time()
    folder, second = many.real_atlas(setting)
    spent, after = time.process_time() - start, _bytes(folder)
    counts = {name: (after[name] - before[name]) / max(second.added, 1) for name in after}
    with Atlas.open(folder) as atlas:
        encoder, names = (
            encoders.load(encoders.DEFAULT),
            [each for each in atlas.pictures.names() if not each.endswith(".stack")],
        )
        alone = encoder.on_one_thread() or encoder  # type: ignore[attr-defined]
        pictures = [decode(atlas.pictures.path(name)) for name in names[: setting.size(100, 4)]]
        alone.encode_images(pictures[:1])
        begun = time.process_time()
        for picture in pictures:
            alone.encode_images([picture])
        encode = (time.process_time() - begun) / len(pictures)
    of = {"figures": first.added + second.added, "first_s": start - started}
    return of | {"cpu_s": spent / max(second.added, 1), "encode_s": encode, "bytes": counts}


def _bytes(folder: Path) -> dict[str, int]:
    with AtlasFolder.open(folder) as atlas:
        atlas.store.forget()  # which settles the records into their file
        sizes = atlas.pictures.sizes()
        small = sum(size for name, size in sizes.items() if name.endswith(".thumb.webp"))
        records = (folder / "records.sqlite").stat().st_size
        return {"records": records, "pictures": sum(sizes.values()) - small, "thumbnails": small}


def _storing(setting: Setting) -> dict[str, Any]:
    """What the process spends on each figure that stores what workers make: it is one, however many these are."""
    name, options = many.source_of(setting)
    with tempfile.TemporaryDirectory(dir=setting.folder) as folder, Atlas.open(folder, create=True) as atlas:
        corpus = corpora.load(name, **options)
        workers = opened("processes?workers=1", Recipe.of(name, dict(options), atlas.encoder_info, atlas.pictures))
        done, most, start = 0, setting.size(600, 16), time.process_time()

        def progress(now: ingest.Progress) -> None:
            nonlocal done
            done = now.done

        report = ingest.add(atlas, corpus, progress=progress, stop=lambda: done >= most, elsewhere=workers)
        return {"figures": report.added, "cpu_s": (time.process_time() - start) / max(report.added, 1)}


def _large(setting: Setting) -> dict[str, Any]:
    """A network of the shape of ViT-L/14 at 448 px with random weights, on which its time does not depend."""
    try:
        import torch  # noqa: PLC0415 - there only with an extra
    except ImportError:
        return {}
    torch.set_num_threads(1)
    width, layers = (_LARGE["width"], _LARGE["layers"]) if not setting.quick else (64, 2)
    layer = torch.nn.TransformerEncoderLayer(
        width, _LARGE["heads"], 4 * width, dropout=0, activation="gelu", batch_first=True, norm_first=True
    )
    tower = torch.nn.Sequential(
        torch.nn.Conv2d(3, width, _LARGE["patch"], _LARGE["patch"]),
        torch.nn.Flatten(2),
        _Turned(torch),
        torch.nn.TransformerEncoder(layer, layers, enable_nested_tensor=False),
    ).eval()
    picture = torch.zeros(1, 3, _LARGE["side"], _LARGE["side"])
    with torch.inference_mode():
        tower(picture[:, :, :28, :28])
        start, count = time.process_time(), setting.size(3, 1)
        for _ in range(count):
            tower(picture)
    return {"pictures": count, "cpu_s": (time.process_time() - start) / count, "torch": torch.__version__}


def _Turned(torch: Any) -> Any:  # noqa: N802 - a class that is made when torch is there
    class Turned(torch.nn.Module):  # type: ignore[misc]
        def forward(self, given: Any) -> Any:
            return given.transpose(1, 2)

    return Turned()


@dataclass(frozen=True)
class Line:
    """One line: what, the arithmetic, and what comes of it."""

    what: str
    how: str
    comes: str


def disk(told: dict[str, Any], figures: int) -> Iterator[Line]:
    """What the parts of an atlas take."""
    each = told["adding"]["bytes"]
    for name, what in (
        ("records", "records (words, concepts, vectors)"),
        ("pictures", "pictures"),
        ("thumbnails", "thumbnails"),
    ):
        yield Line(what, f"{figures:,} × {each[name]:,.0f} B", _size(figures * each[name]))
    for name, what in (("mirage", "index `compact`, 256-d"), ("mirage-plain", "index `plain`, 256-d")):
        size = _at(told, name)["bytes"]
        yield Line(what, f"{figures:,} × {size:,.0f} B", _size(figures * size))


def memory(told: dict[str, Any], figures: int) -> Iterator[Line]:
    """What serving the index needs that no file backs, beside what the process itself has."""
    for name, what in (("mirage", "serving, `compact`, 256-d"), ("mirage-plain", "serving, `plain`, 256-d")):
        small, large = (told["index"][f"{name} {count}"]["memory"] for count in _counts(told))
        few, many_ = _counts(told)
        slope = max(0.0, (large - small) / (many_ - few))
        how = f"({large / 1e6:,.0f} MB − {small / 1e6:,.0f} MB) ÷ {many_ - few:,} = {slope:,.0f} B; × {figures:,}"
        yield Line(what, how, _size(figures * slope))


def hours(told: dict[str, Any], figures: int, price: float = 0.0) -> Iterator[Line]:
    """How long adding takes, by how many processors."""
    adding, large = told["adding"], told["large"]
    ways = [("starter encoder", adding["cpu_s"], f"{adding['cpu_s'] * 1e3:,.1f} ms")]
    if large:
        rest = adding["cpu_s"] - adding["encode_s"]
        spelled = f"({rest * 1e3:,.1f} ms + {large['cpu_s']:,.1f} s)"
        ways.append(("ViT-L/14 at 448 px, processors alone", rest + large["cpu_s"], spelled))
    for what, seconds, spelled in ways:
        total = figures * seconds / 3600
        by = "; ".join(f"{cores} cores {_time(total / cores)}" for cores in CORES)
        cost = f"; at {price:g} a core and hour: {total * price:,.0f}" if price else ""
        yield Line(what, f"{figures:,} × {spelled} ÷ 3,600 = {total:,.0f} core-hours", by + cost)
    storing = told["storing"]["cpu_s"]
    how = f"{figures:,} × {storing * 1e3:,.1f} ms ÷ 3,600"
    yield Line("the one process that stores, however many encode", how, _time(figures * storing / 3600))
    build = _at(told, "mirage")["build_s"]
    how = f"{figures:,} × {build * 1e3:,.2f} ms ÷ 3,600"
    yield Line("an index made anew (256-d), of which that is a part", how, f"{figures * build / 3600:,.0f} core-hours")


def machines(told: dict[str, Any]) -> str:
    """What atlases of three sizes want, as a table."""
    rows = []
    for figures in _ATLASES:
        size = figures * (sum(told["adding"]["bytes"].values()) + _at(told, "mirage")["bytes"])
        few, more = _counts(told)
        low, high = (told["index"][f"mirage {count}"]["memory"] for count in (few, more))
        need = low + max(0.0, high - low) / (more - few) * (figures - few)
        rest = told["adding"]["cpu_s"] - told["adding"]["encode_s"]
        seconds = [told["adding"]["cpu_s"], *([rest + told["large"]["cpu_s"]] if told["large"] else [])]
        least = told["storing"]["cpu_s"]  # by the one process that stores
        long = [_time(figures * max(each / 16, least) / 3600) for each in seconds]
        rows.append(f"| {figures:,} | {_size(size)} | {_size(need)} | {' | '.join(long)} |")
    names = ["figures", "disk, all of it", "memory of the index", "to fill, 16 cores, starter encoder"]
    names += ["the same, ViT-L/14 at 448 px"] if told["large"] else []
    return "\n".join([f"| {' | '.join(names)} |", "|---" * len(names) + "|", *rows]) + "\n"


def _counts(told: dict[str, Any]) -> list[int]:
    return sorted({int(name.rpartition(" ")[2]) for name in told["index"]})


def _at(told: dict[str, Any], name: str) -> dict[str, float]:
    found: dict[str, float] = told["index"][f"{name} {_counts(told)[-1]}"]
    return found


def _size(size: float) -> str:
    return f"{size / 1e12:,.2f} TB" if size >= 1e12 else f"{size / 1e9:,.1f} GB"


def _time(amount: float) -> str:
    return f"{amount / 24:,.1f} days" if amount >= 48 else f"{amount:,.1f} h"


def table(lines: Iterator[Line]) -> str:
    """Lines as a table of Markdown."""
    rows = [f"| {line.what} | {line.how} | **{line.comes}** |" for line in lines]
    return "\n".join(["| what | arithmetic | comes to |", "|---|---|---|", *rows]) + "\n"


def measured_table(told: dict[str, Any]) -> str:
    """What was measured, as a table."""
    adding, index, large = told["adding"], told["index"], told["large"]
    rows = [
        (f"adding one figure of {told['source']}, in one process, starter encoder", f"{adding['cpu_s'] * 1e3:,.1f} core-ms"),
        ("of which encoding its picture, one thread", f"{adding['encode_s'] * 1e3:,.1f} core-ms"),
        ("storing one figure that workers made", f"{told['storing']['cpu_s'] * 1e3:,.1f} core-ms"),
    ]
    if large:
        rows.append(("ViT-L/14 at 448 px, random weights, one thread", f"{large['cpu_s']:,.1f} core-s a picture"))
    rows += [(f"bytes of one figure: {name}", f"{size:,.0f}") for name, size in adding["bytes"].items()]
    for name, each in index.items():
        layout, count = "plain" if "plain" in name else "compact", int(name.rpartition(" ")[2])
        of = f"{each['bytes']:,.0f} B and {each['build_s'] * 1e3:,.2f} core-ms each; serving {each['memory'] / 1e6:,.0f} MB"
        rows.append((f"index `{layout}` of {count:,} × 256", f"{of}; all channels {each['p50_ms']:,.1f} ms (p50)"))
    return "\n".join(["| measured | |", "|---|---|", *(f"| {what} | {value} |" for what, value in rows)]) + "\n"


def page(text: str, told: dict[str, Any]) -> str:
    """The page with its tables made anew."""
    made = {"measured": measured_table(told), "machines": machines(told)}
    made |= {each.__name__: table(each(told, FIGURES)) for each in (disk, memory, hours)}
    return _BLOCK.sub(lambda found: found[1] + made[found[2]] + found[3], text)


def main(words: list[str] | None = None) -> int:
    """Measure, or reckon."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reckoning", description=__doc__)
    parser.add_argument("--measure", action="store_true", help="measure anew, and write what was found")
    parser.add_argument("--page", action="store_true", help="write the tables of docs/scale.md")
    parser.add_argument("--quick", action="store_true", help="small sizes: whether it runs; nothing is written")
    parser.add_argument("--medpix", type=Path, help="a copy of MedPix 2.0")
    parser.add_argument("--folder", type=Path, help="keep here what is made, and use what is there")
    parser.add_argument("--figures", type=int, default=FIGURES, help=f"how many to reckon for ({FIGURES:,})")
    parser.add_argument("--price", type=float, default=0.0, help="of one core for one hour, in your currency")
    given = parser.parse_args(words)
    if given.measure or given.quick:
        with tempfile.TemporaryDirectory() as temporary:
            found = measure(Setting(given.folder or Path(temporary), given.medpix, quick=given.quick))
        if given.measure and not given.quick:
            MEASURED.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    else:
        found = json.loads(MEASURED.read_text("utf-8"))
    if given.page:
        PAGE.write_text(page(PAGE.read_text("utf-8"), found), "utf-8")
    told = [measured_table(found), *(table(each(found, given.figures)) for each in (disk, memory))]
    print("\n".join([*told, table(hours(found, given.figures, given.price))]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
