"""The steps of the Dockerfiles, run in a bare folder: no Docker engine runs here, and what they say must not drift.

What they copy, run, set and start is read from them; addresses as ``/opt`` lie in a folder of the test. Installing takes
minutes, so that is done by night.
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from parts import until

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
COMPOSE = sorted(DEPLOY.glob("compose*.yaml"))
_OURS = re.compile(r"(?<![\w.~-])/(opt|src|data|home/user)\b")


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile, each with what it says."""
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    whole = re.sub(r"\\\n\s*", " ", kept)
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in whole.splitlines() if line.strip())]


@dataclass
class Built:
    """What a Dockerfile left in a folder."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    where: Path = Path()
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)

    def inside(self, text: str) -> str:
        return _OURS.sub(rf"{self.folder}/\1", text)

    def build(self, dockerfile: Path, context: Path) -> Built:
        for name, rest in instructions(dockerfile.read_text("utf-8")):
            if name == "FROM":
                self.env, self.where = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}, self.folder
            elif name == "WORKDIR":
                self.where = Path(self.inside(rest))
                self.where.mkdir(parents=True, exist_ok=True)
            elif name == "ENV":
                for key, _, value in (each.partition("=") for each in shlex.split(rest)):
                    self.env[key] = self.inside(value.replace("$PATH", self.env["PATH"]))
            elif name == "COPY" and "--from" not in rest:
                self._copy([each for each in rest.split() if not each.startswith("--")], context)
            elif name == "RUN" and "useradd" not in rest:
                done = subprocess.run(
                    ["sh", "-c", self.inside(rest)], env=self.env, cwd=self.where, capture_output=True, text=True
                )
                assert done.returncode == 0, f"{rest}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
            elif name == "CMD":
                self.command = json.loads(rest)
            elif name == "HEALTHCHECK":
                self.health = json.loads(rest.partition(" CMD ")[2])
        return self

    def _copy(self, given: list[str], context: Path) -> None:
        *sources, target = given
        to = self.where / target if not target.startswith("/") else Path(self.inside(target))
        for source in (path for each in sources for path in sorted(context.glob(each))):
            if source.is_dir():
                shutil.copytree(source, to, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, to)


@pytest.fixture(scope="module")
def built() -> Iterator[Built]:
    with tempfile.TemporaryDirectory(prefix="mirage-container-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # another user looks into it
        (folder / "data").mkdir()
        yield Built(folder).build(ROOT / "Dockerfile", ROOT)


@pytest.mark.nightly
@pytest.mark.skipif(sys.platform == "win32", reason="an image of Linux")
@pytest.mark.parametrize("volume", ["own", "read only", "another user's", "no home"])
def test_the_image_answers_whoever_runs_it(built: Built, volume: str) -> None:
    env = dict(built.env)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        env["MIRAGE_PORT"] = str(free.getsockname()[1])
    if volume == "no home":
        env = {key: value for key, value in env.items() if key != "HOME" and not key.startswith("XDG_")}
    data, as_root = built.folder / "data", os.getuid() == 0
    who = {"user": 4242 if volume != "own" else 10001, "group": 10001, "extra_groups": []} if as_root else {}
    if as_root:
        os.chown(data, 10001 if volume in ("own", "read only") else 999, -1)
    data.chmod(0o555 if volume == "read only" else 0o755)
    command = [f"{built.folder}/opt/mirage/bin/{built.command[0]}", *built.command[1:]]

    def lives() -> bool:
        asked = {**env, "http_proxy": "http://127.0.0.1:9"}  # as an engine sets it in every container
        return subprocess.run(built.health, env=asked, capture_output=True).returncode == 0

    with tempfile.TemporaryDirectory() as temporary:
        Path(temporary).chmod(0o777)
        here = {**env, "TMPDIR": temporary}
        if "XDG_CACHE_HOME" in here:  # which lies among the image's temporary files
            here["XDG_CACHE_HOME"] = f"{temporary}/cache"
        with subprocess.Popen(command, env=here, cwd=data, **who) as site:
            try:
                until(lambda: site.poll() is not None or lives())
                assert site.poll() is None
                base = f"http://127.0.0.1:{env['MIRAGE_PORT']}"
                assert httpx.get(f"{base}/readyz").status_code == 200
                assert "etina" in httpx.get(f"{base}/search?q=retina", timeout=60).text
                assert httpx.get(f"{base}/collections", timeout=60).status_code == 200
            finally:
                site.terminate()


def test_the_image_runs_as_nobody_in_particular_and_says_whether_it_lives() -> None:
    steps = instructions((ROOT / "Dockerfile").read_text("utf-8"))
    assert ("USER", "10001:10001") in steps
    assert [rest for name, rest in steps if name == "HEALTHCHECK" and "/healthz" in rest]
    assert [rest for name, rest in steps if name == "FROM"][-1] == "python:3.12-slim"


def test_whether_it_lives_is_asked_of_itself_whatever_proxy_the_engine_sets(tmp_path: Path) -> None:
    health = next(rest for name, rest in instructions((ROOT / "Dockerfile").read_text("utf-8")) if name == "HEALTHCHECK")
    asked = [sys.executable, *json.loads(health.partition(" CMD ")[2])[1:]]
    (tmp_path / "healthz").write_text("ok")
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    ) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        # Nothing listens there, so that what asks by it fails.
        env = {**os.environ, "MIRAGE_PORT": str(site.server_port), "http_proxy": "http://127.0.0.1:9", "no_proxy": ""}
        assert subprocess.run(asked, env=env, capture_output=True).returncode == 0
        (tmp_path / "healthz").unlink()
        assert subprocess.run(asked, env=env, capture_output=True).returncode != 0
        site.shutdown()


def test_all_that_the_image_copies_is_let_through_to_it() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    copied = [rest.split()[:-1] for name, rest in instructions((ROOT / "Dockerfile").read_text("utf-8")) if name == "COPY"]
    wanted = {each for some in copied for each in some if not each.startswith(("--", "/"))}
    assert wanted == {line[1:] for line in ignored if line.startswith("!")}
    assert all((ROOT / each).exists() for each in wanted)


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_what_a_compose_file_names_is_there(path: Path) -> None:
    told = pytest.importorskip("yaml").safe_load(path.read_text("utf-8"))
    mirage, services = told["services"]["mirage"], told["services"]
    assert mirage["read_only"] is True
    assert mirage["cap_drop"] == ["ALL"]
    assert all(port.startswith("127.0.0.1:") for each in services.values() for port in each.get("ports", []))
    named = {volume.partition(":")[0] for each in services.values() for volume in each.get("volumes", [])}
    assert named == set(told["volumes"])
    assert {secret for each in services.values() for secret in each.get("secrets", [])} == set(told.get("secrets", {}))
    assert set(mirage.get("depends_on", [])) <= set(services)
    build = mirage["build"] if isinstance(mirage["build"], dict) else {"context": mirage["build"]}
    assert (path.parent / build["context"] / "Dockerfile").is_file()
    extras = (ROOT / "pyproject.toml").read_text("utf-8")
    assert all(re.search(rf"^{each} = \[", extras, re.M) for each in build.get("args", {}).values())


@pytest.mark.skipif(sys.platform == "win32" or shutil.which("openssl") is None, reason="a command of Linux's")
def test_the_password_is_readable_in_the_container_nobody_else_reaches_it_and_git_leaves_it_out(tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    path = DEPLOY / "compose.postgres.yaml"
    [secret] = yaml.safe_load(path.read_text("utf-8"))["secrets"].values()
    [making] = re.findall(r"^\(umask .*\)$", (ROOT / "docs" / "hosting.md").read_text("utf-8"), re.M)
    assert making in path.read_text("utf-8")
    (tmp_path / "deploy").mkdir()
    subprocess.run(["sh", "-c", f"umask 077; {making}"], cwd=tmp_path, check=True)
    made = tmp_path / "deploy" / secret["file"]
    assert re.fullmatch(r"[0-9a-f]{48}\n", made.read_text("utf-8"))
    # Laid into the container with owner and mode as they are; the user there is another one.
    assert (made.stat().st_mode & 0o777, made.parent.stat().st_mode & 0o777) == (0o644, 0o700)
    ignored = f"/{made.parent.relative_to(tmp_path)}/"
    assert ignored in (ROOT / ".gitignore").read_text("utf-8").splitlines()


def test_the_space_answers_at_the_port_that_it_tells() -> None:
    yaml = pytest.importorskip("yaml")
    front = yaml.safe_load((DEPLOY / "hf-space" / "README.md").read_text("utf-8").split("---")[1])
    steps = instructions((DEPLOY / "hf-space" / "Dockerfile").read_text("utf-8"))
    assert front["sdk"] == "docker"
    assert ("EXPOSE", str(front["app_port"])) in steps
    assert any(name == "ENV" and f"MIRAGE_PORT={front['app_port']}" in rest for name, rest in steps)
    assert len(front["short_description"]) <= 60


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_the_unit_is_one(tmp_path: Path) -> None:
    unit = (DEPLOY / "systemd" / "mirage.service").read_text("utf-8").replace("/opt/mirage/bin/mirage", "/bin/true")
    (tmp_path / "mirage.service").write_text(unit, "utf-8")
    done = subprocess.run(["systemd-analyze", "verify", tmp_path / "mirage.service"], capture_output=True, text=True)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "mirage" in line]) == (0, [])


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not installed")
@pytest.mark.parametrize("path", [ROOT / "Dockerfile", DEPLOY / "hf-space" / "Dockerfile"], ids=["image", "space"])
def test_hadolint_finds_nothing(path: Path) -> None:
    done = subprocess.run(["hadolint", "--no-color", path], capture_output=True, text=True)
    assert done.stdout == ""
