"""What a site's search runs on in a browser: Pyodide for Python, ONNX Runtime for the two towers, a part of this package.

The first two come as the archives that ``npm pack`` gives: it is asked where it is installed, or somebody names them.
Nothing of them is kept here, and a site is whole without them: it then searches words alone, and says so.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha512
from importlib import metadata
from pathlib import Path

import snowballstemmer

from mirage.errors import BadInput
from mirage.locales import listed
from mirage.settings import Settings
from mirage.shipped import SHIPPED
from mirage.wording import _

# The versions that this was made and tested with.
PYTHON, TOWERS = "pyodide", "onnxruntime-web"
VERSIONS = {PYTHON: "314.0.7", TOWERS: "1.30.0"}
# Of their archives, as the registry of npm states it.
INTEGRITY = {
    PYTHON: "0YvXxEhfEdpLfb/XkM2BFAeMROq0iMUX2bzzH9pOttyMcWkwq+HbE5uyuGD82LN7y2q+SNvi/6V5JEsOlD2R1A==",
    TOWERS: "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
}
_FILES = {
    PYTHON: ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json"),
    TOWERS: ("dist/ort.wasm.bundle.min.mjs", "dist/ort-wasm-simd-threaded.wasm"),
}
_LICENCES = ("LICENSE", "LICENSE.md", "LICENSE.txt")
# Whose own text is known where its archive has none: the same project's package for Python, which this program needs.
_ALSO_AS = {TOWERS: "onnxruntime"}
STEMMER = "snowballstemmer"
_MOST = 64_000_000  # bytes of one file
_SECONDS = 120
# Of Python's library what neither Pyodide nor a search imports.
_UNUSED = frozenset(
    "_pyrepl bdb cProfile compileall ctypes curses dbm doctest ensurepip filecmp ftplib getopt idlelib imaplib "
    "lib2to3 mailbox multiprocessing netrc nturl2path optparse pdb pickletools plistlib poplib profile pstats pty "
    "py_compile pyclbr pydoc pydoc_data rlcompleter sched shelve smtplib socketserver sqlite3 symtable tabnanny tarfile "
    "test this timeit tkinter trace tracemalloc turtle turtledemo unittest venv wave webbrowser wsgiref xml xmlrpc "
    "zipapp".split()
)
_ENCODINGS = frozenset("__init__ aliases ascii cp1252 cp437 idna latin_1 punycode utf_8 utf_8_sig utf_16 utf_16_le".split())

_PACKAGE = Path(__file__).parent.parent
# What of this package a search runs on in a browser.
_MODULES = (
    "__init__.py", "errors.py", "figure.py", "letters.py", "licensing.py", "locales.py", "once.py", "plugins.py", "query.py",
    "wording.py", "indexes/__init__.py", "indexes/base.py", "indexes/bm25.py", "indexes/ranking.py", "storage/__init__.py",
    "storage/searched.py", "shipped/__init__.py", "site/__init__.py", "site/browser/__init__.py", "site/browser/engine.py",
    "site/browser/explaining.py", "site/browser/wordpiece.py", *(f"explain/explainers/{name}.py" for name in (
        "__init__", "base", "candidates", "cues", "differentials", "extractive", "telling",
    )),
)  # fmt: skip
_FOLDERS = ("explain", "explain/checker", "language", "search", "shipped/lexicon")
_NOT_IN_BROWSERS = frozenset({"explain/refine.py", "search/calibrations.py", "search/facets.py"})
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


@dataclass(frozen=True, slots=True)
class Runtime:
    """What was found.

    Attributes
    ----------
    files : dict
        Package to its files, by the last part of their names; a package that was not found is not there.
    notices : dict
        Package to what it says of itself and its licence.
    missing : dict
        Package to why it is not there, in words.
    """

    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    notices: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def find(given: Sequence[Path] = (), *, fetch: bool = True) -> Runtime:
    """Find what a site's search runs on.

    Parameters
    ----------
    given : sequence of Path
        Archives as ``npm pack`` writes them.
    fetch : bool
        Whether ``npm`` is asked for what is not given.

    Raises
    ------
    mirage.errors.BadInput
        When a file that is given is none of these archives, or lacks something.
    """
    found = Runtime()
    for path in given:
        _read(path, found)
    lacking = [name for name in VERSIONS if name not in found.files]
    if lacking and fetch:
        with tempfile.TemporaryDirectory() as folder:
            for name in lacking:
                why = _fetch(name, Path(folder))
                if why:
                    found.missing[name] = why
                else:
                    _read(next(Path(folder).glob(f"{name}-*.tgz")), found)
    elif lacking:
        found.missing.update(dict.fromkeys(lacking, _("it was not given")))
    return found


def _fetch(name: str, folder: Path) -> str:
    """Have npm write an archive; why it could not, or an empty text."""
    npm = shutil.which("npm")
    if npm is None:
        return _("npm, which fetches it, is not installed")
    command = [npm, "pack", f"{name}@{VERSIONS[name]}", "--pack-destination", str(folder), "--silent"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return _("npm did not answer within %(seconds)s seconds", seconds=_SECONDS)
    if done.returncode or not list(folder.glob(f"{name}-*.tgz")):
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return _("npm could not fetch it (%(why)s)", why=lines[0][:200] if lines else done.returncode)
    return ""


def _read(path: Path, found: Runtime) -> None:
    """Read what is needed of an archive."""
    if not path.is_file():
        raise BadInput(_("There is no file %(path)s. `npm pack` writes what is asked for here.", path=path))
    try:
        with tarfile.open(path, "r:gz") as archive:
            members = {member.name: member for member in archive if member.isfile() and member.size <= _MOST}

            def read(name: str) -> bytes:
                opened = archive.extractfile(members[name])
                return opened.read() if opened else b""

            about = json.loads(read("package/package.json"))
            name = str(about["name"])
            if name not in _FILES:
                raise BadInput(
                    _(
                        "%(path)s is an archive of %(name)s; a site runs on %(wanted)s.",
                        path=path,
                        name=name[:80],
                        wanted=listed(list(VERSIONS)),
                    )
                )
            version = str(about.get("version", ""))
            if version != VERSIONS[name]:
                raise BadInput(
                    _(
                        "%(path)s is %(name)s %(version)s. This program was made and tested with %(wanted)s: "
                        "`npm pack %(pack)s`.",
                        path=path,
                        name=name,
                        version=version[:40],
                        wanted=VERSIONS[name],
                        pack=f"{name}@{VERSIONS[name]}",
                    )
                )
            if sha512(path.read_bytes()).digest() != b64decode(INTEGRITY[name]):
                raise BadInput(
                    _(
                        "%(path)s is not the archive of %(name)s %(version)s that was tested: it is damaged, or somebody "
                        "altered it. Fetch it anew: `npm pack %(pack)s`.",
                        path=path,
                        name=name,
                        version=version,
                        pack=f"{name}@{version}",
                    )
                )
            found.files[name] = {Path(each).name: read(f"package/{each}") for each in _FILES[name]}
            said = f"{name} {version}, {about.get('license', '')}, {about.get('homepage', '')}".rstrip(", ")
            texts = [
                read(f"package/{each}").decode("utf-8", "replace") for each in _LICENCES if f"package/{each}" in members
            ]
            found.notices[name] = "\n\n".join((said, *(texts or _licence(name, str(about.get("license", ""))))))
    except (OSError, KeyError, ValueError, tarfile.TarError, EOFError) as error:
        raise BadInput(
            _(
                "%(path)s is none of the archives of %(wanted)s as `npm pack` writes it, or a damaged one (%(why)s).",
                path=path,
                wanted=listed([f"{name} {version}" for name, version in VERSIONS.items()]),
                why=str(error)[:200],
            )
        ) from error


def _licence(name: str, licence: str) -> list[str]:
    """The text of a licence that an archive names and does not hold, with where it is from, as far as it is known."""
    if (other := _ALSO_AS.get(name)) and (text := licence_of(other)) and licence in text:
        return [f"The archive holds no text of its licence. This is that of the same project's package {other}:", text]
    kept = _PACKAGE / "site" / "licences" / f"{licence}.txt"
    if licence in {path.stem for path in kept.parent.glob("*.txt")}:
        return [
            "The archive names its licence and holds no text of it. This is the licence of that name:",
            kept.read_text("utf-8"),
        ]
    return ["The archive holds no text of its licence."]


def licence_of(distribution: str) -> str:
    """The licence that an installed package holds; empty where it holds none.

    Parameters
    ----------
    distribution : str
    """
    try:
        files = metadata.files(distribution) or []
    except metadata.PackageNotFoundError:
        return ""
    own = [each for each in files if each.stem.upper() in ("LICENSE", "LICENCE", "COPYING")]
    return "\n\n".join(each.read_text("utf-8") for each in own[:1])


def slim(library: bytes) -> bytes:
    """Python's library without what no search imports.

    Parameters
    ----------
    library : bytes
        ``python_stdlib.zip``.
    """
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(library)) as whole, zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as small:
        for each in whole.infolist():
            first, _slash, rest = each.filename.partition("/")
            if first.removesuffix(".py") not in _UNUSED and (first != "encodings" or rest.removesuffix(".py") in _ENCODINGS):
                small.writestr(zipfile.ZipInfo(each.filename), whole.read(each))
    return made.getvalue()


def engine() -> bytes:
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
