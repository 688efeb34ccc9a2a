"""Write an atlas as plain files that search in the visitor's browser; see docs/static-site.md."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import re
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import snowballstemmer
from PIL import Image

from mirage import __version__, licensing
from mirage.aside import beside
from mirage.atlas import Atlas
from mirage.encoders.starter import SHIPPED as ENCODER
from mirage.encoders.starter import StarterEncoder
from mirage.errors import BadInput, MirageError, Unavailable, meant
from mirage.explain import explainers
from mirage.explain.explanation import Explanation
from mirage.figure import Case, Licence
from mirage.images import decode
from mirage.images.store import cannot_write
from mirage.language.concepts import lexicon
from mirage.language.reading import NORMAL
from mirage.locales import ENGLISH, compiled
from mirage.settings import Settings
from mirage.shipped import SHIPPED
from mirage.site import runtime
from mirage.site.data import SiteData, gather
from mirage.site.pages import PASSAGE_WORDS, Pages, Shown, case_page, concept_page, of_rows, value_words
from mirage.site.runtime import Runtime
from mirage.storage.ingest import ProgressMeter, Tell
from mirage.storage.records import FigureRow
from mirage.study.quiz.making import questions
from mirage.study.quiz.pictures import drawn
from mirage.study.quiz.question import own
from mirage.wording import _, language, translations

MANIFEST = "mirage-site.json"
_THUMBNAIL = 320  # pixels of the longest side
_SIBLINGS = 24
_QUESTIONS = 40
_QUALITY = 85
_LEAST_SIDE = 64
_PACKAGE = Path(__file__).parent.parent
# What of this package a search runs on in a browser.
_MODULES = (
    "__init__.py", "errors.py", "figure.py", "letters.py", "licensing.py", "locales.py", "once.py", "plugins.py", "query.py",
    "wording.py", "indexes/__init__.py", "indexes/base.py", "indexes/bm25.py", "indexes/ranking.py", "storage/__init__.py",
    "storage/searched.py", "shipped/__init__.py", "site/__init__.py", "site/browser/__init__.py", "site/browser/engine.py",
    "site/browser/wordpiece.py",
)  # fmt: skip
_FOLDERS = ("language", "search", "shipped/lexicon")
_NOT_IN_BROWSERS = frozenset({"search/calibrations.py", "search/facets.py"})
# Module in a browser to what takes its place: a file of `browser`, or a text.
_IN_PLACE: Mapping[str, str] = {
    "numpy/__init__.py": "arrays.py",
    "qdrant_edge/__init__.py": "stems.py",
    "rapidfuzz/__init__.py": "nearness.py",
    "mirage/settings.py": "settings.py",
}
_SHIMS: Mapping[str, str] = {
    "numpy/typing.py": "class NDArray:\n    def __class_getitem__(cls, kind):\n        return cls\n",
    "rapidfuzz/process.py": "from rapidfuzz import extract\n",
    "rapidfuzz/distance.py": "from rapidfuzz import OSA\n",
    "snowballstemmer/__init__.py": "",
    # Numbers of notes are small; of thousands the sign between is Spanish's and most others'.
    "babel/__init__.py": "class UnknownLocaleError(Exception): ...\nclass Locale:\n    parse = staticmethod(str)\n",
    "babel/numbers.py": 'def format_decimal(value, pattern, locale):\n    return f"{value:,}".translate({44: 46, 46: 44})\n',
}
_SCRIPTS = (
    "parts.js",
    "cards.js",
    "plain.js",
    "search.js",
    "compare.js",
    "stack.js",
    "quiz.js",
)  # each after what it imports
_TEXT = re.compile(r'\b_\("((?:[^"\\]|\\.)*)"')  # a text of a script
_IMPORT, _EXPORT = re.compile(r"(?m)^import .*\n"), re.compile(r"(?m)^export (?=const |function |async function )")


@dataclass(frozen=True, slots=True)
class SiteReport:
    """What an export wrote.

    Attributes
    ----------
    folder : Path
    figures, cases, concepts : int
    bytes, gzipped : int
        Of all files; and as a host sends them that compresses what it sends.
    search_gzipped : int
        Of that the models and what they run on.
    missing : dict
        Package that the search runs on to why it is not there; empty where all is there.
    lost, unencoded : int
        Figures that stayed behind because their picture is lost or damaged, or because they are not encoded.
    behind, stories : tuple
        As in `mirage.storage.archive_export.ExportReport`.
    seconds : float
    """

    folder: Path
    figures: int
    cases: int
    concepts: int
    bytes: int
    gzipped: int
    search_gzipped: int
    missing: dict[str, str]
    lost: int
    unencoded: int
    behind: tuple[Licence | str, ...]
    stories: tuple[Licence, ...]
    seconds: float


def write(
    atlas: Atlas,
    target: Path,
    *,
    title: str = "",
    corpora: Sequence[str] = (),
    picture_side: int = 1024,
    purpose: str = "pass-on",
    non_commercial: bool = False,
    given: Sequence[Path] = (),
    fetch: bool = True,
    explain: bool = True,
    progress: Tell = lambda _: None,
) -> SiteReport:
    """Write a site.

    Parameters
    ----------
    atlas : Atlas
    target : Path
        A folder that is not there or is empty, or a site of before, which is replaced once the new one is whole.
    title : str
        What the site is called.
    corpora : sequence of str
        Only these; all when empty.
    picture_side : int
        Longest side of the pictures in pixels; larger ones are made smaller.
    purpose : str
        Of `mirage.licensing.PURPOSES`: ``pass-on`` for what licences permit; ``myself`` for all, and then for no web host.
    non_commercial : bool
        Whether it is shown without gain: then also what may only be passed on so.
    given : sequence of Path
        Archives of what the search runs on; see `mirage.site.runtime.find`.
    fetch : bool
        Whether npm is asked for those that are not given.
    explain : bool
        Whether what the atlas holds is explained.
    progress : callable

    Raises
    ------
    mirage.errors.BadInput
        When there is nothing to export, the folder holds something else, or an archive cannot be used.
    mirage.errors.Unavailable
        When the disk is full.
    """
    if picture_side < _LEAST_SIDE:
        raise BadInput(
            _("Pictures have a side of at least %(least)s pixels, not %(side)s.", least=_LEAST_SIDE, side=picture_side)
        )
    target = Path(target).expanduser().resolve()
    check_target(target)
    started = time.monotonic()
    found = runtime.find(given, fetch=fetch)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with beside(target, "parts") as partial:
            partial.mkdir()
            writing = _Writing(atlas, partial, found, picture_side, purpose, non_commercial, explain)
            writing.all(title or _("A MIRAGE atlas"), corpora, progress)
            _put_in_place(partial, target)
    except OSError as error:
        raise Unavailable(cannot_write(target.parent, error)) from error
    sizes = writing.sizes
    return SiteReport(
        target, len(writing.rows), writing.cases, writing.concepts, sum(size for size, _ in sizes.values()),
        sum(size for _, size in sizes.values()), sum(sizes[name][1] for name in writing.engine_files),
        found.missing, writing.lost, writing.unencoded, tuple(writing.behind), tuple(writing.stories),
        time.monotonic() - started,
    )  # fmt: skip


def check_target(target: Path) -> None:
    """Refuse a folder that a site must not take the place of.

    Raises
    ------
    mirage.errors.BadInput
    """
    if target.is_file():
        raise BadInput(_("%(target)s is a file. A site is a folder: name one.", target=target))
    if target.is_dir() and (strange := _not_of_a_site(target)):
        raise BadInput(
            _(
                "%(target)s holds other files, as %(name)s, which a site would replace. "
                "Name a folder that is not there yet.",
                target=target,
                name=strange,
            )
        )


def _not_of_a_site(target: Path) -> str:
    """A file in a folder that no export wrote there; empty where all are a site's."""
    try:
        own = {MANIFEST, *json.loads((target / MANIFEST).read_text("utf-8"))["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        own = set()
    found = (path.relative_to(target).as_posix() for path in sorted(target.rglob("*")) if not path.is_dir())
    return next((name for name in found if name not in own), "")


def _put_in_place(made: Path, target: Path) -> None:
    """Move a site where it belongs, in place of one that is there, which comes back where that fails."""
    if not target.exists():
        made.rename(target)
        return
    with beside(target) as old:
        target.rename(old)
        try:
            made.rename(target)
        except BaseException:
            old.rename(target)
            raise


@dataclass
class _Writing:
    """One site under way."""

    _atlas: Atlas
    _folder: Path
    _found: Runtime
    _side: int
    _purpose: str
    _non_commercial: bool
    _explain: bool
    rows: list[FigureRow] = field(default_factory=list)
    cases: int = 0
    concepts: int = 0
    behind: list[Licence | str] = field(default_factory=list)
    stories: list[Licence] = field(default_factory=list)
    lost: int = 0
    unencoded: int = 0
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    engine_files: list[str] = field(default_factory=list)
    _digests: dict[str, str] = field(default_factory=dict)

    def all(self, title: str, corpora: Sequence[str], progress: Tell) -> None:
        self.rows = self._leaving(corpora)
        if not self.rows:
            raise BadInput(_("No figure of this atlas may be put on a site. %(why)s", why=licensing.behind(self.behind)))
        meter = ProgressMeter(len(self.rows), progress)
        shown = {row.figure.id: each for row, each in self._pictures(meter)}
        encoded = self._atlas.store.vectors.of([row.key for row in self.rows], self._atlas.encoder_info.digest)
        kept = [row for row in self.rows if row.figure.id in shown and row.key in encoded]
        self.lost = len(self.rows) - len(shown)
        self.unencoded, self.rows = len(shown) - len(kept), kept
        shown = {row.figure.id: shown[row.figure.id] for row in kept}
        if not shown:
            raise BadInput(_("No figure of this atlas is encoded and has a picture that can be read. Ask `mirage doctor`."))
        cases = self._atlas.store.cases({row.figure.case_id for row in self.rows if row.figure.case_id})
        told = {id: case for id, case in cases.items() if self._leaves(case.source.licence).allowed}
        self.stories = [case.source.licence for id, case in cases.items() if id not in told]
        data = gather(self._atlas, self.rows, told)
        explained = self._explained(shown) if self._explain else {}
        data.head["explained"] = {name: concept_page(name) for name in explained}
        plan = self._data(data, shown)
        common = {
            "site_title": title, "version": __version__, "figures": len(self.rows), "plan": plan, "language": language(),
            "missing": self._found.missing, "teaches": _("For teaching. Nothing here diagnoses."),
            "PASSAGES": PASSAGE_WORDS, "names": _names_of(data.head["values"]), "script_words": _script_words(),
            "case_page": case_page,
        }  # fmt: skip
        pages = Pages(self._folder, common)
        self._pages(pages, shown, cases, told, explained)
        self._static(pages)
        self._licences(shown)
        self._manifest(title)

    # -- what may go in ---------------------------------------------------------------------------------------------

    def _leaves(self, what: Any) -> licensing.Decision:
        return licensing.may_leave(what, "page", self._purpose, non_commercial=self._non_commercial)

    def _leaving(self, corpora: Sequence[str]) -> list[FigureRow]:
        hidden, kept = self._atlas.hidden_keys(), list[FigureRow]()
        titles = {corpus.name: corpus.title for corpus in self._atlas.store.corpora()}
        corpora = [meant(each, titles, "corpus") for each in corpora]
        for row in (row for batch in self._atlas.store.each() for row in batch):
            if row.key in hidden or (corpora and row.figure.source.corpus not in corpora):
                continue
            if self._leaves(row.figure).allowed and not row.figure.withdrawn:
                kept.append(row)
            else:
                self.behind.append(licensing.counted_as(row.figure))
        return sorted(kept, key=lambda row: row.key)

    # -- pictures ---------------------------------------------------------------------------------------------------

    def _pictures(self, meter: ProgressMeter) -> Iterator[tuple[FigureRow, Shown]]:
        for row in self.rows:
            meter.move(1, 1, seldom=True)
            name = row.picture.name.partition(".")[0][:32]
            try:
                image, slices = decode(self._atlas.pictures.read(row.picture.name)), self._slices(row)
            except (MirageError, OSError):  # lost or damaged: the others go, and it is told
                continue
            picture = self._picture(f"pictures/{name}.webp", image, self._side)
            small = picture
            if max(image.size) > _SMALL_ENOUGH:
                small = self._picture(f"pictures/{name}-small.webp", image, _THUMBNAIL)
            width, height = _fitted(image.size, self._side)
            yield row, Shown(row.figure, picture, small, width, height, slices)

    def _slices(self, row: FigureRow) -> tuple[str, ...]:
        if row.figure.stack is None:
            return ()
        reader, name = self._atlas.stack(row.figure.id), row.picture.name.partition(".")[0][:32]
        return tuple(
            self._picture(f"slices/{name}/{number}.webp", reader.picture(number), self._side)
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
        parts["worker"] = (_PACKAGE / "site" / "static" / "worker.js").read_bytes()
        plan = {name: self._part(name, content) for name, content in parts.items()}
        engine: dict[str, bytes] = {}
        if python := self._found.files.get(runtime.PYTHON):
            engine["engine"] = _engine()
            lock = json.loads(python["pyodide-lock.json"])
            engine["python-lock"] = _json({"info": lock["info"], "packages": {}})
            engine["python-loader"], engine["python-module"] = python["pyodide.mjs"], python["pyodide.asm.mjs"]
            engine["python-machine"], engine["python-library"] = (
                python["pyodide.asm.wasm"],
                runtime.slim(python["python_stdlib.zip"]),
            )
            if (
                towers := self._found.files.get(runtime.TOWERS)
            ) and self._atlas.encoder_info.digest == StarterEncoder().info().digest:
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
        families = of_rows(self.rows)
        for row in self.rows:
            figure = row.figure
            own = figure.case_id or (figure.slice_of.stack if figure.slice_of else figure.id)
            others = [shown[each.figure.id] for each in families.get(own, ()) if each.key != row.key]
            pages.figure(shown[figure.id], others[:_SIBLINGS], cases.get(figure.case_id))
        for id, case in cases.items():
            pages.case(case, [shown[row.figure.id] for row in families[id]], id in told)
        for name, each in explained.items():
            pages.concept(name, each, shown)
        self.cases, self.concepts = len(cases), len(explained)
        pages.write("index.html", "index.html", examples=self._examples())
        pages.write("concepts.html", "concepts.html", explained={name: concept_page(name) for name in explained})
        pages.write("compare.html", "compare.html")
        pages.write("quiz.html", "quiz.html", questions=self._questions(shown))
        notices = {name: text for name, text in self._found.notices.items() if name in self._found.files}
        pages.write("about.html", "about.html", corpora=self._corpora(), licences=self._counted(), notices=notices)
        pages.write("404.html", "404.html")

    def _questions(self, shown: Mapping[str, Shown]) -> list[dict[str, Any]]:
        """Questions with answers to choose from, made as a server makes them; the right answer first."""
        made: list[dict[str, Any]] = []
        quiz = questions([each.figure for each in shown.values()], self._atlas, kinds=("choose", "side"), count=_QUESTIONS)
        for number, question in enumerate(quiz.questions):
            figure = shown.get(own(question.figure))
            right = next((each.text for each in question.choices if each.concept == question.asked), "")
            tinted = question.value if question.kind == "side" else 0
            if figure is None or not right or (tinted and not self._may_alter(figure)):
                continue
            image = Image.open(io.BytesIO(drawn(question.pictures[0], self._atlas, tinted)))
            picture = self._picture(f"pictures/question-{number}.webp", image, self._side)
            others = [translations().gettext(each.text) for each in question.choices if each.text != right]
            right = translations().gettext(right)  # of a side a text of the catalogue; a diagnosis is its source's words
            hung = _("In the picture the patient's left is on the right.") if question.kind == "side" else ""
            told = {"asks": question.asks, "grounds": question.grounds, "answers": [right, *others], "why": hung}
            made.append({**told, "picture": picture, "page": figure.page})
        return made

    def _may_alter(self, shown: Shown) -> bool:
        way = "page", self._purpose
        return licensing.may_leave(shown.figure, *way, altered=True, non_commercial=self._non_commercial).allowed

    def _examples(self) -> list[str]:
        ids = {row.figure.id for row in self.rows}
        asked = self._atlas.examples(12)
        return [
            query.text for query in asked if (hits := self._atlas.search(query.text, k=1).hits) and hits[0].figure.id in ids
        ][:6]

    def _explained(self, shown: Mapping[str, Shown]) -> dict[str, Explanation]:
        """Explanations of what titles and diagnoses of the site name, where figures of the site hold all that is cited."""
        said = self._atlas.store.mentions.of([row.key for row in self.rows], (), ("title", "diagnosis"))
        named = {each.concept for told in said.values() for each in told if each.polarity == "affirmed"}
        # What a chest is, no sentence of a case says; and what is normal differs from organ to organ.
        named = {name for name in named if name != NORMAL and lexicon().kind(name) in ("disease", "finding")}
        made: dict[str, Explanation] = {}
        for name in sorted(named):
            try:
                explained = self._atlas.explain(name, explainer=explainers.DEFAULT)
            except MirageError:
                continue
            known = {
                each.number
                for each in explained.evidence
                if shown.keys() & set(each.figures) and self._leaves(each.source.licence).allowed
            }
            if explained.claims and all(set(claim.cites) <= known for claim in explained.claims):
                made[name] = explained
        return made

    def _corpora(self) -> list[Any]:
        there = {row.figure.source.corpus for row in self.rows}
        return [corpus for corpus in self._atlas.store.corpora() if corpus.name in there]

    def _counted(self) -> list[tuple[Licence, int]]:
        return Counter(row.figure.source.licence for row in self.rows).most_common()

    def _static(self, pages: Pages) -> None:
        for name in ("site.css", "icon.svg"):
            self._put(f"site/{name}", (_PACKAGE / "web" / "static" / name).read_bytes())
        self._put("site/static.css", (_PACKAGE / "site" / "static" / "static.css").read_bytes())
        self._put("site/all.js", _script())
        for name in pages.written:
            self._count(name)
        for package, text in self._found.notices.items():
            if package in self._found.files:
                self._put(f"NOTICES/{package}.txt", text.encode())
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
        for row in self.rows:
            source = row.figure.source
            own = row.figure.id, shown[row.figure.id].page, source.corpus, source.attribution
            writer.writerow([_no_formula(each) for each in (*own, str(source.licence), source.licence.url, source.url)])
        self._put("licences.csv", table.getvalue().encode())

    def _manifest(self, title: str) -> None:
        about = {"title": title, "made by": f"MIRAGE {__version__}", "figures": len(self.rows), "cases": self.cases}
        self._put(MANIFEST, _json({**about, "files": sorted(self.sizes)}))

    # -- files ------------------------------------------------------------------------------------------------------

    def _put(self, name: str, content: bytes) -> str:
        target = self._folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        self._count(name, content)
        return name

    def _count(self, name: str, content: bytes | None = None) -> None:
        content = (self._folder / name).read_bytes() if content is None else content
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


def _engine() -> bytes:
    """The part of this package that runs in a browser, as an archive; see `mirage.site.browser`."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:

        def put(name: str, content: bytes) -> None:
            archive.writestr(zipfile.ZipInfo(name), content)

        names = set(_MODULES)
        for folder in _FOLDERS:
            names |= {path.relative_to(_PACKAGE).as_posix() for path in (_PACKAGE / folder).glob("*.*")}
        for name in sorted(names - _NOT_IN_BROWSERS):
            put(f"mirage/{name}", (_PACKAGE / name).read_bytes())
        put("mirage/shipped/encoder/tokenizer.json", (SHIPPED / "encoder" / "tokenizer.json").read_bytes())
        for name, own in _IN_PLACE.items():
            put(name, (_PACKAGE / "site" / "browser" / own).read_bytes())
        for name, text in _SHIMS.items():
            put(name, text.encode())
        stemmer = Path(str(snowballstemmer.__file__)).parent
        for own in ("english_stemmer.py", "basestemmer.py", "among.py"):
            put(f"snowballstemmer/{own}", (stemmer / own).read_bytes())
        if lexicon := Settings.load().lexicon:
            put("atlas/lexicon.jsonl", Path(lexicon).read_bytes())
    return made.getvalue()
