"""What an export of a site writes, refuses and leaves out."""

from __future__ import annotations

import base64
import csv
import gzip
import html
import html.parser
import io
import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from mirage import locales
from mirage.atlas import Atlas
from mirage.cli import app
from mirage.corpora.base import CorpusCard, CorpusInfo, Item
from mirage.errors import BadInput, Unavailable
from mirage.figure import Case, Figure, Licence, Source
from mirage.images import DecodedPicture
from mirage.indexes import bm25
from mirage.language.mentions import number_of
from mirage.site import export, runtime, writing
from mirage.site.data import gather
from mirage.site.pages import Pages, Shown
from mirage.storage.ingest import add
from mirage.wording import speaking
from parts import copy_atlas

HOSTS = re.compile(r"https?://[^\s\"'<>]+")


class Links(html.parser.HTMLParser):
    """The addresses that a page names, and its ids."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[tuple[str, str]] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.ids += [known["id"]] if known.get("id") else []
        self.addresses += [(tag, known[name]) for name in ("href", "src", "action") if known.get(name)]  # type: ignore[list-item]


class TwoTerms:
    """One figure that may be passed on, of a case that may not."""

    card = CorpusCard("Terms", "A figure and its case.")

    def __init__(self, figure: Licence, case: Licence, words: str) -> None:
        self._figure, self._case, self._words = figure, case, words

    def info(self) -> CorpusInfo:
        return CorpusInfo("terms", "Terms", "A figure and its case.", "1", "", self._figure)

    def __len__(self) -> int:
        return 1

    def items(self) -> Iterator[Item]:
        own, whole = (Source("terms", "Somebody", licence=each) for each in (self._figure, self._case))
        case = Case("terms:case", "A closed case", whole, discussion=self._words, topic="Zebrafinkitis")
        figure = Figure("terms:one", "A chest film.", own, title="A film", case_id=case.id)
        yield Item(figure, case, "one.png", "1")

    def read(self, item: Item) -> DecodedPicture:
        return DecodedPicture(Image.linear_gradient("L").resize((300, 280)), "PNG")


def part(folder: Path, name: str) -> bytes:
    script = next((folder / "data").glob(f"{name}-*.js")).read_text()
    coded = re.fullmatch(r'mirageTake\("[\w-]+","([^"]*)"\);\n', script)
    assert coded
    return gzip.decompress(base64.b64decode(coded[1]))


def test_every_link_of_every_page_leads_to_a_file_or_to_a_source(plain_site: Path) -> None:
    pages = sorted(plain_site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        found = Links()
        found.feed(page.read_text("utf-8"))
        assert len(found.ids) == len(set(found.ids)), page
        for tag, address in found.addresses:
            split = urlsplit(address)
            if split.scheme:
                assert split.scheme in ("http", "https"), (page, address)
                assert tag == "a", (page, address)  # nothing is loaded from elsewhere
                continue
            assert not address.startswith("/"), (page, address)  # a site may lie below any path, or on a disk
            if split.path:
                assert (page.parent / unquote(split.path)).resolve().is_file(), (page, address)
            elif split.fragment:
                assert split.fragment in found.ids, (page, address)


def test_every_figure_has_its_source_licence_and_page(plain_site: Path, some: Atlas) -> None:
    rows = {row.figure.id: row.figure for batch in some.store.each() for row in batch}
    with (plain_site / "licences.csv").open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert {row["figure"] for row in table} == set(rows)
    for row in table[:60]:
        page = (plain_site / row["page"]).read_text("utf-8")
        assert row["licence"] == str(rows[row["figure"]].source.licence)
        assert row["licence"] in page
        assert rows[row["figure"]].id in page


def test_titles_of_people_are_text_and_no_markup(plain_site: Path) -> None:
    page = (plain_site / "index.html").read_text("utf-8")
    assert "Some &lt;of&gt; it" in page
    assert "Some <of>" not in page


def test_without_what_the_search_runs_on_the_site_says_so(plain_site: Path) -> None:
    about = (plain_site / "about.html").read_text("utf-8")
    assert "What does not run here" in about
    assert "pyodide" in about
    plan = json.loads(re.search(r'id="plan">(.*?)</script>', (plain_site / "index.html").read_text("utf-8"), re.S)[1])  # type: ignore[index]
    assert "python-machine" not in plan
    assert json.loads(part(plain_site, "head"))["ids"]


def test_the_same_atlas_gives_the_same_parts(plain_site: Path, some: Atlas, tmp_path: Path) -> None:
    export.write(some, tmp_path / "again", title="Some <of> it", fetch=False, explain=False)
    first, second = ({path.name for path in (folder / "data").iterdir()} for folder in (plain_site, tmp_path / "again"))
    assert {name for name in first if not name.startswith("head-")} == {
        name for name in second if not name.startswith("head-")
    }


def test_what_may_not_be_passed_on_what_is_hidden_and_what_was_withdrawn_stays_out(
    some: Atlas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row for batch in some.store.each() for row in batch]
    closed, hidden = [row for row in rows if row.figure.stack is None][:2]
    source = replace(closed.figure.source, licence=Licence("All rights reserved"))
    changed = replace(closed, figure=replace(closed.figure, source=source))
    monkeypatch.setattr(some.store, "each", lambda: iter([[changed if row is closed else row for row in rows]]))
    monkeypatch.setattr(type(some), "hidden_keys", lambda _: frozenset({hidden.key}))
    made = export.write(some, tmp_path / "site", fetch=False, explain=False)
    assert made.figures == len(rows) - 2
    assert [str(licence) for licence in made.behind] == ["All rights reserved"]
    whole = b"".join(path.read_bytes() for path in (tmp_path / "site").rglob("*") if path.suffix in (".html", ".csv"))
    head = part(tmp_path / "site", "head").decode()
    for gone in (closed.figure.id, hidden.figure.id):
        assert f'"{gone}"' not in head
        assert f"{gone}<".encode() not in whole
        assert f"\n{gone},".encode() not in whole


def test_nothing_is_exported_while_it_cannot_be_told_what_is_hidden(some_copy: Path, tmp_path: Path) -> None:
    with Atlas.open(some_copy) as atlas:
        first = next(row.figure.id for batch in atlas.store.each() for row in batch)
        atlas.study.reviews.hidden.set(first, True)
    (some_copy / "study.sqlite").write_bytes(b"no database" * 100)
    with Atlas.open(some_copy) as atlas, pytest.raises(Unavailable, match="cannot be told now what is hidden"):
        export.write(atlas, tmp_path / "site", fetch=False, explain=False)
    assert not (tmp_path / "site").exists()


def test_what_a_remark_says_of_passages_is_said_of_those_that_stand_on_the_page(
    plain_site: Path, some: Atlas, tmp_path: Path
) -> None:
    shown = {row.figure.id: Shown(row.figure, "", "", 1, 1) for batch in some.store.each() for row in batch}
    names = [path.stem.replace("-", " ") for path in sorted((plain_site / "concept").glob("*.html"))]
    whole = max((some.explain(name, explainer="extractive") for name in names), key=lambda each: len(each.evidence))
    explained = replace(whole, claims=whole.claims[:1])
    other = next(each.number for each in whole.evidence if each.number not in explained.claims[0].cites)
    remarks = (f"Not quoted: [{other}].", "Not quoted: [99].", "Nothing is counted.")
    common = {
        "site_title": "",
        "version": "",
        "figures": 1,
        "plan": {},
        "language": "en",
        "teaches": "",
        "address": "",
        "script_words": {},
    }
    Pages(tmp_path, common).concept("x", replace(explained, remarks=remarks), shown)
    page = (tmp_path / "concept").glob("*.html")
    text = next(page).read_text("utf-8")
    (number,) = re.findall(r"Not quoted: \[(\d+)\]\.", text)
    stands = html.unescape(text.partition(f'id="evidence-{number}"')[2])
    assert next(each.text for each in explained.evidence if each.number == other) in stands.partition("</li>")[0]
    assert "[99]" not in text
    assert "Nothing is counted." in text


def test_the_folder_that_one_is_in_and_links_of_somebody_are_not_replaced(
    some: Atlas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="the folder that you are in"):
        export.write(some, Path(), fetch=False, explain=False)
    export.write(some, tmp_path / "site", fetch=False, explain=False)
    (tmp_path / "mine").mkdir()
    (tmp_path / "site" / "mine").symlink_to(tmp_path / "mine")
    with pytest.raises(BadInput, match="other files, as mine"):
        export.write(some, tmp_path / "site", fetch=False, explain=False)


def test_a_folder_with_other_files_is_refused_and_stays_as_it_is(some: Atlas, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("dear")
    for target in (tmp_path / "mine", tmp_path / "mine" / "thesis.txt"):
        with pytest.raises(BadInput, match=r"other files|is a file"):
            export.write(some, target, fetch=False)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "dear"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_an_export_cut_short_leaves_the_site_that_was_there(
    some: Atlas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "site"
    target.mkdir()
    (target / writing.MANIFEST).write_text('{"files": ["index.html"]}')
    (target / "index.html").write_text("before")

    def fails(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(writing.Writing, "_licences", fails)
    with pytest.raises(KeyboardInterrupt):
        export.write(some, target, fetch=False, explain=False)
    assert (target / "index.html").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]
    monkeypatch.undo()
    export.write(some, target, fetch=False, explain=False)
    assert "search" in (target / "index.html").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def archive(path: Path, name: str, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as made:
        for each, content in {
            "package.json": json.dumps({"name": name, "version": runtime.VERSIONS.get(name)}).encode(),
            **files,
        }.items():
            member = tarfile.TarInfo(f"package/{each}")
            member.size = len(content)
            made.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("content", [b"no archive", gzip.compress(b"no tar", mtime=0), b""], ids=["text", "gzip", "empty"])
def test_a_file_that_is_no_runtime_is_refused_by_its_name(tmp_path: Path, content: bytes) -> None:
    given = tmp_path / "given.tgz"
    given.write_bytes(content)
    with pytest.raises(BadInput, match=r"given\.tgz is none of the archives"):
        runtime.find([given], fetch=False)


def test_an_archive_of_another_version_or_with_other_content_is_refused(tmp_path: Path) -> None:
    files = {Path(each).name: b"altered" for each in runtime._FILES["pyodide"]}
    old = json.dumps({"name": "pyodide", "version": "0.0.1"}).encode()
    with pytest.raises(BadInput, match=r"is pyodide 0\.0\.1\. .* `npm pack pyodide@"):
        runtime.find([archive(tmp_path / "a.tgz", "pyodide", {**files, "package.json": old})], fetch=False)
    with pytest.raises(BadInput, match="damaged, or somebody altered it"):
        runtime.find([archive(tmp_path / "b.tgz", "pyodide", files)], fetch=False)


def test_archives_of_other_packages_and_incomplete_ones_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="an archive of left-pad"):
        runtime.find([archive(tmp_path / "a.tgz", "left-pad", {})], fetch=False)
    with pytest.raises(BadInput, match="damaged"):
        runtime.find([archive(tmp_path / "b.tgz", "pyodide", {"pyodide.mjs": b""})], fetch=False)
    with pytest.raises(BadInput, match=r"There is no file .*missing\.tgz"):
        runtime.find([tmp_path / "missing.tgz"], fetch=False)


def test_where_npm_is_not_or_fails_the_site_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert set(runtime.find().missing.values()) == {"npm, which fetches it, is not installed"}
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error network down' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert set(runtime.find().missing.values()) == {"npm could not fetch it (npm error network down)"}


def test_the_command_writes_a_site_while_the_atlas_is_open_elsewhere(
    some_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "VERSIONS", {})  # nothing is fetched
    with Atlas.open(some_copy):
        done = CliRunner().invoke(
            app, ["export", "--site", str(tmp_path / "site"), "--atlas", str(some_copy), "--no-explanations"]
        )
    assert done.exit_code == 0, done.output
    assert (tmp_path / "site" / "index.html").exists()
    assert "a site of" in done.output


@pytest.mark.parametrize(
    "words",
    [
        ["export"],
        ["export", "a.mirage", "--site", "b"],
        ["export", "a.mirage", "--title", "x"],
        ["export", "--site", "b", "--for", "myself"],
    ],
)
def test_options_that_do_not_go_together_are_refused_before_anything_is_done(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert "--site" in done.output
    assert not list(tmp_path.iterdir())


def test_a_copy_that_is_moved_is_whole(plain_site: Path, tmp_path: Path) -> None:
    moved = copy_atlas(plain_site, tmp_path / "elsewhere")
    known = json.loads((moved / writing.MANIFEST).read_text())
    assert all((moved / name).is_file() for name in known["files"])
    assert not HOSTS.findall((moved / "site" / "all.js").read_text("utf-8").replace("https?:", ""))


def test_a_site_speaks_the_language_that_it_is_written_in(some: Atlas, tmp_path: Path) -> None:
    with speaking(locales.translations_of("es")):
        export.write(some, tmp_path / "sitio", fetch=False, explain=False)
    page = (tmp_path / "sitio" / "index.html").read_text("utf-8")
    assert '<html lang="es"' in page
    assert ">Buscar<" in page
    words = json.loads(re.search(r'id="script-words">(.*?)</script>', page, re.S)[1])  # type: ignore[index]
    assert words["Nothing here fits."]
    assert not [text for text in writing._script_words() if text]  # none in English
    assert part(tmp_path / "sitio", "head").count(b'"language":"') >= 1


def test_a_picture_that_is_lost_stays_behind_and_is_told(some_copy: Path, tmp_path: Path) -> None:
    with Atlas.open(some_copy) as atlas:
        rows = [row for batch in atlas.store.each() for row in batch]
        single = next(row for row in rows if row.figure.stack is None)
        same = [row for row in rows if row.picture.name == single.picture.name]
        atlas.pictures.path(single.picture.name).unlink()
        made = export.write(atlas, tmp_path / "site", fetch=False, explain=False)
    assert made.lost == len(same)
    assert made.figures == len(rows) - len(same)
    assert single.figure.id not in (tmp_path / "site" / "licences.csv").read_text()


def test_the_words_of_a_case_that_may_not_be_passed_on_are_nowhere_on_the_site(tmp_path: Path) -> None:
    secret = "Zebrafinkitis, as the discussion of this closed case alone says, and pneumothorax."
    open_terms, closed = Licence("CC0-1.0"), Licence("All rights reserved")
    with Atlas.open(tmp_path / "atlas", create=True) as atlas:
        add(atlas, TwoTerms(open_terms, closed, secret))
        made = export.write(atlas, tmp_path / "site", fetch=False)
        data = gather(atlas, [row for batch in atlas.store.each() for row in batch], {})
    assert made.figures == 1
    assert [str(each) for each in made.stories] == ["All rights reserved"]
    whole = b"".join(path.read_bytes() for path in (tmp_path / "site").rglob("*") if path.suffix in (".html", ".csv"))
    parts = b"".join(part(tmp_path / "site", name) for name in ("head", "words-0"))
    assert b"ebrafink" not in whole + parts
    assert b"pneumothorax" not in parts
    numbers = np.frombuffer(data.postings, "<u4")
    assert bm25.number("zebrafinkitis") not in numbers
    assert number_of("pneumothorax", "rest") not in numbers


def test_a_site_with_files_of_somebody_else_beside_it_is_not_replaced(plain_site: Path, some: Atlas, tmp_path: Path) -> None:
    target = copy_atlas(plain_site, tmp_path / "clone")
    export.check_target(target)
    (target / ".git").mkdir()
    export.check_target(target)
    (target / ".git" / "HEAD").write_text("ref: refs/heads/main")
    with pytest.raises(BadInput, match=r"holds other files, as \.git/HEAD"):
        export.write(some, target, fetch=False)
    assert (target / ".git" / "HEAD").exists()


def test_a_site_that_cannot_be_put_in_place_leaves_the_one_that_is_there(
    plain_site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, made = copy_atlas(plain_site, tmp_path / "site"), tmp_path / "made"
    made.mkdir()
    rename = Path.rename

    def fails(self: Path, to: Path) -> Path:
        if self == made:
            raise OSError("no")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(OSError, match="no"):
        export._put_in_place(made, target)
    assert (target / "index.html").is_file()


def test_what_a_service_worker_keeps_is_another_once_anything_on_the_site_is(
    plain_site: Path, some: Atlas, tmp_path: Path
) -> None:
    stamps = set()
    for title in ("One", "Two"):
        export.write(some, tmp_path / title, title=title, fetch=False, explain=False)
        stamps.add(re.search(r'"stamp": "(\w+)"', (tmp_path / title / "sw.js").read_text())[1])  # type: ignore[index]
    assert len(stamps) == 2


def test_tables_of_licences_reckon_nothing() -> None:
    assert [writing._no_formula(each) for each in ("=1+1", "@x", "CC0-1.0", "")] == ["'=1+1", "'@x", "CC0-1.0", ""]


def test_a_licence_is_named_once_however_many_texts_its_sources_state(plain_site: Path, some: Atlas) -> None:
    about = (plain_site / "about.html").read_text("utf-8")
    listed = re.findall(r"<li>(?:<a[^>]*>)?([^<:]+)(?:</a>)?: \d+", about)
    stated = {str(row.figure.source.licence) for batch in some.store.each() for row in batch}
    assert sorted(listed) == sorted(stated)


def test_pairs_to_compare_are_offered_and_each_side_finds_something(plain_site: Path, some: Atlas) -> None:
    page = (plain_site / "compare.html").read_text("utf-8")
    pairs = re.findall(r'<a href="compare\.html#\?a=([^&"]+)&amp;b=([^"]+)">', page)
    assert pairs
    assert all(some.search(unquote(words), k=1).fits for pair in pairs for words in pair)


def test_a_licence_that_an_archive_names_without_its_text_stands_there_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "sha512", lambda _content: SimpleNamespace(digest=lambda: tested))
    tested = base64.b64decode(runtime.INTEGRITY["pyodide"])
    version = runtime.VERSIONS["pyodide"]
    files = {Path(each).name: b"" for each in runtime._FILES["pyodide"]}
    about = json.dumps({"name": "pyodide", "version": version, "license": "MPL-2.0"}).encode()
    bare = runtime.find([archive(tmp_path / "a.tgz", "pyodide", {**files, "package.json": about})], fetch=False)
    assert bare.notices["pyodide"].startswith(f"pyodide {version}, MPL-2.0\n")
    assert "holds no text of it" in bare.notices["pyodide"]
    assert '"Contributor Version"' in bare.notices["pyodide"]
    own = runtime.find(
        [archive(tmp_path / "b.tgz", "pyodide", {**files, "package.json": about, "LICENSE": b"Mine."})], fetch=False
    )
    assert own.notices["pyodide"] == f"pyodide {version}, MPL-2.0\n\nMine."
    strange = json.dumps({"name": "pyodide", "version": version, "license": "Unheard-1.0"}).encode()
    none = runtime.find([archive(tmp_path / "c.tgz", "pyodide", {**files, "package.json": strange})], fetch=False)
    assert none.notices["pyodide"].endswith("The archive holds no text of its licence.")  # and none is made up
    assert "MIT License" in "".join(runtime._licence("onnxruntime-web", "MIT"))
