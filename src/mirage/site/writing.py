"""What is written of a site: its pictures, the parts of its search, its pages and the files beside them."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

from mirage import __version__, licensing, listing
from mirage.corpora import spoken
from mirage.encoders.starter import SHIPPED as ENCODER
from mirage.encoders.starter import StarterEncoder
from mirage.errors import MirageError
from mirage.explain.explanation import Explanation
from mirage.figure import Case
from mirage.images import decode
from mirage.locales import ENGLISH, compiled
from mirage.shipped import SHIPPED
from mirage.site import runtime
from mirage.site.choosing import Choice
from mirage.site.data import SiteData, gather
from mirage.site.pages import PASSAGE_WORDS, Pages, Shown, case_page, concept_page, of_rows, value_words
from mirage.site.runtime import Runtime
from mirage.storage.ingest import ProgressMeter, Tell
from mirage.storage.records import FigureRow
from mirage.study.quiz.pictures import drawn
from mirage.wording import _, language, translations

MANIFEST = "mirage-site.json"
_THUMBNAIL = 320  # pixels of the longest side
_PACKAGE = Path(__file__).parent.parent
_SIBLINGS = 24
_QUALITY = 85
_SCRIPTS = (
    "parts.js",
    "cards.js",
    "plain.js",
    "search.js",
    "compare.js",
    "stack.js",
    "quiz.js",
    "keeping.js",
)  # each after what it imports
_TEXT = re.compile(r'\b_\("((?:[^"\\]|\\.)*)"')  # a text of a script
_IMPORT, _EXPORT = re.compile(r"(?m)^import .*\n"), re.compile(r"(?m)^export (?=const |function |async function )")


@dataclass
class Writing:
    """One site under way.

    Parameters
    ----------
    choice : Choice
        What goes in.
    folder : Path
        Where it is written.
    found : Runtime
        What its search runs on.
    side : int
        Longest side of its pictures, in pixels.
    explain : bool
        Whether what the atlas holds is explained.
    address : str
        Where it will lie, with a stroke at its end; empty where that is not known.
    """

    choice: Choice
    folder: Path
    found: Runtime
    side: int
    explain: bool
    address: str = ""
    cases: int = 0
    concepts: int = 0
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    engine_files: list[str] = field(default_factory=list)
    _digests: dict[str, str] = field(default_factory=dict)

    def all(self, title: str, progress: Tell) -> None:
        """Write it whole.

        Parameters
        ----------
        title : str
            What the site is called.
        progress : callable
        """
        choice = self.choice
        meter = ProgressMeter(len(choice.rows), progress)
        shown = choice.keep({row.figure.id: each for row, each in self._pictures(meter)})
        cases, told = choice.cases()
        data = gather(choice.atlas, choice.rows, told)
        explained = choice.explained(shown) if self.explain else {}
        data.head["explained"] = {name: concept_page(name) for name in explained}
        plan = self._data(data, shown)
        common = {
            "site_title": title, "version": __version__, "figures": len(choice.rows), "plan": plan, "language": language(),
            "missing": self.found.missing, "teaches": _("For teaching. Nothing here diagnoses."),
            "PASSAGES": PASSAGE_WORDS, "names": _names_of(data.head["values"]), "script_words": _script_words(),
            "case_page": case_page, "address": self.address,
        }  # fmt: skip
        pages = Pages(self.folder, common)
        self._pages(pages, shown, cases, told, explained)
        if self.address:
            self._listed(pages, shown)
        self._licences(shown)
        self._static(pages)
        self._manifest(title)

    # -- pictures ---------------------------------------------------------------------------------------------------

    def _pictures(self, meter: ProgressMeter) -> Iterator[tuple[FigureRow, Shown]]:
        for row in self.choice.rows:
            meter.move(1, 1, seldom=True)
            name = row.picture.name.partition(".")[0][:32]
            try:
                image, slices = decode(self.choice.atlas.pictures.read(row.picture.name)), self._slices(row)
            except (MirageError, OSError):  # lost or damaged: the others go, and it is told
                continue
            picture = self._picture(f"pictures/{name}.webp", image, self.side)
            small = picture
            if max(image.size) > _SMALL_ENOUGH:
                small = self._picture(f"pictures/{name}-small.webp", image, _THUMBNAIL)
            width, height = _fitted(image.size, self.side)
            yield row, Shown(row.figure, picture, small, width, height, slices)

    def _slices(self, row: FigureRow) -> tuple[str, ...]:
        if row.figure.stack is None:
            return ()
        reader, name = self.choice.atlas.stack(row.figure.id), row.picture.name.partition(".")[0][:32]
        return tuple(
            self._picture(f"slices/{name}/{number}.webp", reader.picture(number), self.side)
            for number in range(row.figure.stack.shape[0])
        )

    def _picture(self, name: str, image: Image.Image, side: int) -> str:
        made = io.BytesIO()
        if image.mode not in ("L", "RGB"):
            image = image.convert("RGB")
        size = _fitted(image.size, side)
        (image if size == image.size else image.resize(size, Image.Resampling.LANCZOS)).save(made, "WEBP", quality=_QUALITY)
        return self._put(name, made.getvalue())

    # -- the search -------------------------------------------------------------------------------------------------

    def _data(self, data: SiteData, shown: Mapping[str, Shown]) -> dict[str, str]:
        """Write the parts of the search; each part's name to its file."""
        head = {**data.head, "thumbnails": [shown[id].thumbnail for id in data.head["ids"]]}
        if (code := language()) != ENGLISH:
            head["language"] = base64.b64encode(compiled(code)).decode()
        for shard in data.shards:
            for row in shard:
                row["condition"] = licensing.passing_on(shown[row["id"]].figure)
        head["pages"] = [shown[id].page for id in data.head["ids"]]
        parts: dict[str, bytes] = {
            "head": _json(head),
            "vectors": data.vectors,
            "slices": data.slices,
            "postings": data.postings,
        }
        parts |= {f"words-{number}": _json(rows) for number, rows in enumerate(data.shards)}
        parts |= {f"cases-{number}": _json(cases) for number, cases in enumerate(data.cases)}
        parts["worker"] = (_PACKAGE / "site" / "static" / "worker.js").read_bytes()
        plan = {name: self._part(name, content) for name, content in parts.items()}
        engine: dict[str, bytes] = {}
        if python := self.found.files.get(runtime.PYTHON):
            engine["engine"] = runtime.engine()
            lock = json.loads(python["pyodide-lock.json"])
            engine["python-lock"] = _json({"info": lock["info"], "packages": {}})
            engine["python-loader"], engine["python-module"] = python["pyodide.mjs"], python["pyodide.asm.mjs"]
            engine["python-machine"], engine["python-library"] = (
                python["pyodide.asm.wasm"],
                runtime.slim(python["python_stdlib.zip"]),
            )
            if (
                towers := self.found.files.get(runtime.TOWERS)
            ) and self.choice.atlas.encoder_info.digest == StarterEncoder().info().digest:
                engine["towers-loader"] = towers["ort.wasm.bundle.min.mjs"]
                engine["towers-machine"] = towers["ort-wasm-simd-threaded.wasm"]
                engine["text"], engine["image"] = ((ENCODER / f"{each}.onnx").read_bytes() for each in ("text", "image"))
        for name, content in engine.items():
            plan[name] = self._part(name, content)
            self.engine_files.append(plan[name])
        return plan

    def _part(self, name: str, content: bytes) -> str:
        """Write a part as a script, which is what a browser loads from a folder on a disk too.

        Its name has its hash, so that a visitor's browser may keep it for good.
        """
        packed = gzip.compress(content, 9, mtime=0)
        script = f'mirageTake("{name}","{base64.b64encode(packed).decode()}");\n'.encode()
        return self._put(f"data/{name}-{sha256(content).hexdigest()[:12]}.js", script)

    # -- pages ------------------------------------------------------------------------------------------------------

    def _pages(
        self,
        pages: Pages,
        shown: Mapping[str, Shown],
        cases: Mapping[str, Case],
        told: Mapping[str, Case],
        explained: Mapping[str, Explanation],
    ) -> None:
        families = of_rows(self.choice.rows)
        for row in self.choice.rows:
            figure = row.figure
            own = figure.case_id or (figure.slice_of.stack if figure.slice_of else figure.id)
            others = [shown[each.figure.id] for each in families.get(own, ()) if each.key != row.key]
            pages.figure(shown[figure.id], others[:_SIBLINGS], cases.get(figure.case_id))
        for id, case in cases.items():
            pages.case(case, [shown[row.figure.id] for row in families[id]], id in told)
        for name, each in explained.items():
            pages.concept(name, each, shown)
        self.cases, self.concepts = len(cases), len(explained)
        pages.write("index.html", "index.html", examples=self.choice.examples())
        pages.write("concepts.html", "concepts.html", explained={name: concept_page(name) for name in explained})
        pages.write("compare.html", "compare.html", pairs=self.choice.pairs())
        pages.write("quiz.html", "quiz.html", questions=self._questions(shown))
        notices = [name for name in self.found.notices if name in self.found.files]
        if self.engine_files:
            notices.append(runtime.STEMMER)
        spoken_corpora = [spoken(each.name, each.title, each.summary) for each in self.choice.corpora()]
        pages.write("about.html", "about.html", corpora=spoken_corpora, licences=self.choice.licences(), notices=notices)
        pages.write("404.html", "404.html")

    def _listed(self, pages: Pages, shown: Mapping[str, Shown]) -> None:
        """List the pages for search engines, those of figures with their pictures."""
        by_page = {each.page: each for each in shown.values()}
        entries = [listing.entry(self.address)]
        for page in pages.written:
            if page in ("index.html", "404.html"):
                continue
            figure = by_page.get(page)
            if figure is None:
                entries.append(listing.entry(self.address + page))
            elif listing.permitted(figure.figure):
                entries.append(listing.entry(self.address + page, self.address + figure.picture))
        parts = [entries[start : start + listing.MOST] for start in range(0, len(entries), listing.MOST)]
        named = ["sitemap.xml"] if len(parts) == 1 else [f"sitemap-{number}.xml" for number in range(1, len(parts) + 1)]
        for name, part in zip(named, parts, strict=True):
            self._put(name, (listing.XML + listing.sitemap(part)).encode())
        if len(parts) > 1:
            self._put("sitemap.xml", (listing.XML + listing.sitemap_index(self.address + name for name in named)).encode())
        if urlsplit(self.address).path == "/":  # below a path nobody looks for it
            self._put("robots.txt", f"User-agent: *\nAllow: /\nSitemap: {self.address}sitemap.xml\n".encode())

    def _questions(self, shown: Mapping[str, Shown]) -> list[dict[str, Any]]:
        """Questions with answers to choose from, the right one first."""
        made: list[dict[str, Any]] = []
        for question, figure, right in self.choice.questions(shown):
            sided = question.kind == "side"
            image = Image.open(io.BytesIO(drawn(question.pictures[0], self.choice.atlas, question.value if sided else 0)))
            picture = self._picture(f"pictures/question-{len(made)}.webp", image, self.side)
            # Of a side a text of the catalogue; a diagnosis is its source's words.
            others = [translations().gettext(each.text) for each in question.choices if each.text != right]
            answers = [translations().gettext(right), *others]
            hung = _("In the picture the patient's left is on the right.") if sided else ""
            told = {"asks": question.asks, "grounds": question.grounds, "answers": answers, "why": hung}
            made.append({**told, "picture": picture, "page": figure.page})
        return made

    def _static(self, pages: Pages) -> None:
        for name in ("site.css", "icon.svg"):
            self._put(f"site/{name}", (_PACKAGE / "web" / "static" / name).read_bytes())
        self._put("site/static.css", (_PACKAGE / "site" / "static" / "static.css").read_bytes())
        self._put("site/all.js", _script())
        for name in pages.written:
            self._count(name)
        for package, text in self.found.notices.items():
            if package in self.found.files:
                self._put(f"NOTICES/{package}.txt", text.encode())
        if self.engine_files and (stemmer := runtime.licence_of(runtime.STEMMER)):
            self._put(f"NOTICES/{runtime.STEMMER}.txt", stemmer.encode())
        for notice in sorted((SHIPPED / "encoder").glob("NOTICE")):
            self._put("NOTICES/encoder.txt", notice.read_bytes())
        kept = [name for name in self.sizes if not name.startswith(("pictures/", "slices/", "figure/", "case/"))]
        rest = [name for name in self.sizes if name not in kept]
        worker = (_PACKAGE / "site" / "static" / "sw.js").read_text("utf-8")
        stamp = sha256(_json(sorted(self._digests.items()))).hexdigest()[:16]
        known = f"const FILES = {json.dumps({'stamp': stamp, 'core': ['./', *kept], 'rest': rest})};\n"
        self._put("sw.js", (known + worker).encode())
        self._put(".nojekyll", b"")

    def _licences(self, shown: Mapping[str, Shown]) -> None:
        table = io.StringIO(newline="")
        writer = csv.writer(table)
        writer.writerow(("figure", "page", "corpus", "attribution", "licence", "licence_url", "link"))
        for row in self.choice.rows:
            source = row.figure.source
            own = row.figure.id, shown[row.figure.id].page, source.corpus, source.attribution
            writer.writerow([_no_formula(each) for each in (*own, str(source.licence), source.licence.url, source.url)])
        self._put("licences.csv", table.getvalue().encode())

    def _manifest(self, title: str) -> None:
        about = {"title": title, "made by": f"MIRAGE {__version__}", "figures": len(self.choice.rows), "cases": self.cases}
        self._put(MANIFEST, _json({**about, "files": sorted(self.sizes)}))

    # -- files ------------------------------------------------------------------------------------------------------

    def _put(self, name: str, content: bytes) -> str:
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        self._count(name, content)
        return name

    def _count(self, name: str, content: bytes | None = None) -> None:
        content = (self.folder / name).read_bytes() if content is None else content
        packed = len(content) if name.endswith(".webp") else len(gzip.compress(content, 6))
        self.sizes[name] = len(content), packed
        self._digests[name] = sha256(content).hexdigest()


_SMALL_ENOUGH = 640  # pixels up to which a picture is its own thumbnail


def _fitted(size: tuple[int, int], side: int) -> tuple[int, int]:
    """A size in the same proportions with no side longer than this."""
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _script() -> bytes:
    """The scripts of all pages in one that is no module: a browser loads none of those from a folder on a disk."""
    sources = [_PACKAGE / "web" / "static" / "words.js", *(_PACKAGE / "site" / "static" / name for name in _SCRIPTS)]
    texts = (_EXPORT.sub("", _IMPORT.sub("", source.read_text("utf-8"))) for source in sources)
    return f'"use strict";\n(() => {{\n{"".join(texts)}}})();\n'.encode()


def _no_formula(cell: str) -> str:
    """A cell that no table program reckons: one that begins as a formula does stands behind an apostrophe."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _names_of(values: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """What the values are called that one can filter by."""
    return {
        value: value_words(field, value) for field in ("modality", "plane", "region") for value in values[field] if value
    }


def _script_words() -> dict[str, str]:
    """What the texts of the site's scripts are in the language that is spoken; none in English."""
    say = translations().gettext
    texts = (json.loads(f'"{text}"') for text in _TEXT.findall(_script().decode()))
    return {text: said for text in texts if (said := say(text)) != text}


def _json(what: Any) -> bytes:
    return json.dumps(what, ensure_ascii=False, separators=(",", ":")).encode()
