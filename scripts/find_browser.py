"""Make sure that the browser tests have a Chromium: found on the machine, or installed where that is possible.

Prints what it found. Always ends well: without a browser those tests are skipped, and say so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def found() -> str | None:
    """The browser that the tests will use: MIRAGE_CHROMIUM, else the first on the path."""
    given = os.environ.get("MIRAGE_CHROMIUM")
    return given if given and os.access(given, os.X_OK) else next(filter(None, map(shutil.which, NAMES)), None)


def run(*command: str) -> bool:
    """Run quietly; tell whether it went well."""
    try:
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=600).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def install() -> None:
    """Debian and Ubuntu as root: the distribution's package. Elsewhere Playwright's own download."""
    if shutil.which("apt-get") and os.geteuid() == 0:
        os.environ["DEBIAN_FRONTEND"] = "noninteractive"
        run("apt-get", "update")
        if run("apt-get", "install", "--yes", "--no-install-recommends", "chromium"):
            return
    run(sys.executable, "-m", "playwright", "install", "chromium")


def main() -> None:
    """Find, else install, and say what came of it."""
    if found() is None:
        print("No Chromium here; trying to install one for the browser tests.", flush=True)
        install()
    print(f"Browser tests use {found()}." if found() else "Browser tests use Playwright's own Chromium, if there is one.")


if __name__ == "__main__":
    main()
