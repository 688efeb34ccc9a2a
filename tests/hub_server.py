"""A model hub on this machine: the public one's layout, with the faults that tests ask for."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from parts import PATIENCE

MODEL = "org/model"
COMMIT = "84d734c0ffee0123456789abcdef0123456789ab"
TAKEN = ["README.md", "config.json", "model.safetensors", "tokenizer.json"]  # of the files below
OLDER = "1111111111111111111111111111111111111111"


def of_the_hub(monkeypatch: pytest.MonkeyPatch, home: Path, address: str = "http://127.0.0.1:9") -> None:
    """Point the hub's client at an address and a folder of the test's own; nothing of the person who runs it is seen.

    The client reads the environment once, when it is imported; so both are set.
    """
    for name in ("HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("mirage.models.hub._PATIENCE", PATIENCE)
    monkeypatch.setenv("HF_HOME", str(home))
    monkeypatch.setenv("HF_ENDPOINT", address)
    for name, value in {
        "HF_HUB_CACHE": str(home / "hub"),
        "HF_TOKEN_PATH": str(home / "token"),
        "HF_HUB_OFFLINE": False,
        "ENDPOINT": address,
    }.items():
        monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)


def weights(numbers: int = 50_000, seed: int = 1) -> bytes:
    """A whole safetensors file with so many parameters."""
    size = numbers * 4
    header = json.dumps({"weight": {"dtype": "F32", "shape": [numbers], "data_offsets": [0, size]}}).encode()
    noise = hashlib.shake_256(str(seed).encode()).digest(size)
    return len(header).to_bytes(8, "little") + header + noise


def files() -> dict[str, bytes]:
    """A small model as the hub keeps one."""
    return {
        "README.md": b"---\nlicense: openrail\n---\n# A model of the test\n",
        "config.json": b'{"model_type": "clip"}',
        "tokenizer.json": b"{}",
        "model.safetensors": weights(),
        "pytorch_model.bin": b"a pickle",
        "run.py": b"print('code that comes with the model')",
        "flax_model.msgpack": b"for another framework",
    }


def hub_cache(folder: Path) -> Path:
    """The model as the Hugging Face libraries keep one: blobs named by content, and links to them. Gives the snapshot."""
    kept = folder / "models--org--model"
    snapshot = kept / "snapshots" / COMMIT
    for made in (kept / "refs", kept / "blobs", snapshot):
        made.mkdir(parents=True)
    (kept / "refs" / "main").write_text(COMMIT)
    for name in TAKEN:
        body = files()[name]
        large = name.endswith(".safetensors")
        told = hashlib.sha256(body) if large else hashlib.sha1(f"blob {len(body)}\0".encode() + body)
        (kept / "blobs" / told.hexdigest()).write_bytes(body)
        (snapshot / name).symlink_to(Path("..") / ".." / "blobs" / told.hexdigest())
    return snapshot


@dataclass
class Site:
    """What the hub holds and does; tests change it."""

    models: dict[str, dict[str, bytes]] = field(default_factory=dict)
    commits: list[str] = field(default_factory=lambda: [COMMIT, OLDER])
    small: set[str] = field(default_factory=lambda: {".md", ".json", ".txt", ".py"})
    gated: bool = False
    page: int = 3
    drops: list[int] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    served: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)
    sent: int = 0
    address: str = ""

    def bodies(self) -> list[str]:
        """Files that were asked for, without the questions to the API."""
        return [path.rpartition("/resolve/")[2].partition("/")[2] for path, _ in self.asked if "/resolve/" in path]


class Handler(BaseHTTPRequestHandler):
    site: Site
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        place = urlsplit(self.path)
        path = unquote(place.path)
        self.site.asked.append((path, self.headers.get("Range")))
        self.site.tokens.add(self.headers.get("Authorization"))
        for part, status in self.site.statuses.items():
            if part in path:
                return self._refuse(status)
        if path.startswith("/api/models/"):
            return self._api(path.removeprefix("/api/models/"), parse_qs(place.query))
        model, _, rest = path.removeprefix("/").partition("/resolve/")
        commit, _, file = rest.partition("/")
        held = self.site.models.get(model)
        if held is None or file not in held or commit not in self.site.commits:
            return self._refuse(404, "EntryNotFound")
        if self.site.gated and self.headers.get("Authorization") != "Bearer let-me-in":
            return self._refuse(401, "GatedRepo")
        return self._body(self.site.served.get(file, held[file]))

    def _api(self, path: str, query: dict[str, list[str]]) -> None:
        for kind in ("revision", "commits", "tree"):
            model, found, revision = path.partition(f"/{kind}/")
            if found and model in self.site.models:
                break
        else:
            return self._refuse(401, "RepoNotFound")
        commit = self.site.commits[0] if revision == "main" else revision
        if kind == "commits":
            return self._paged(
                [
                    {"id": commit, "title": "x", "message": "", "authors": [], "date": "2026-01-01T00:00:00.000Z"}
                    for commit in self.site.commits
                ],
                query,
            )
        if commit not in self.site.commits:
            return self._refuse(404, "RevisionNotFound")
        if kind == "revision":
            return self._json({"id": model, "sha": commit})
        entries: list[dict[str, Any]] = [{"type": "directory", "path": "some", "oid": "0" * 40, "size": 0}]
        for name, body in self.site.models[model].items():
            git = hashlib.sha1(f"blob {len(body)}\0".encode() + body).hexdigest()
            entry: dict[str, Any] = {"type": "file", "path": name, "size": len(body), "oid": git}
            if not name.endswith(tuple(self.site.small)):
                entry["lfs"] = {"oid": hashlib.sha256(body).hexdigest(), "size": len(body), "pointerSize": 130}
            entries.append(entry)
        return self._paged(entries, query)

    def _paged(self, entries: list[dict[str, Any]], query: dict[str, list[str]]) -> None:
        start = int(query.get("cursor", ["0"])[0])
        more = start + self.site.page < len(entries)
        here = f"http://{self.headers['Host']}{self.path.partition('?')[0]}"
        link = f'<{here}?recursive=true&cursor={start + self.site.page}>; rel="next"'
        self._json(entries[start : start + self.site.page], {"Link": link} if more else {})

    def _json(self, told: Any, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(told).encode()
        self.send_response(200)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _body(self, body: bytes) -> None:
        start, etag = 0, f'"{hashlib.sha256(body).hexdigest()}"'
        if (wanted := self.headers.get("Range")) and self.headers.get("If-Range") == etag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        piece = body[start:]
        self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(piece)))
        self.end_headers()
        if self.site.drops and len(body) > 1000:
            piece = piece[: self.site.drops.pop(0)]
            self.close_connection = True
        self.wfile.write(piece)
        self.site.sent += len(piece)

    def _refuse(self, status: int, code: str = "") -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def hub(site: Site) -> Iterator[str]:
    """Serve a hub for the time of a block; gives its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"site": site}))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
