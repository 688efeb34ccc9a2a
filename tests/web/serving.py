"""An atlas served by a real uvicorn on a free port, and pictures to give it."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import uvicorn
from PIL import Image
from under import PREFIX
from under import client as client_of

from mirage.atlas import Atlas
from mirage.settings import Settings
from mirage.web import create_app
from mirage.web.server import listen
from mirage.web.site import RunningSite
from parts import PATIENCE
from served_as import in_turn, served_as


@dataclass(frozen=True)
class Served:
    """A running site; of several servers the first one, and the atlas as each has it open."""

    url: str
    token: str
    atlas: Atlas
    roots: Path
    site: RunningSite
    atlases: tuple[Atlas, ...]

    def client(self, **options) -> httpx.Client:
        return client_of(self.url, follow_redirects=True, timeout=PATIENCE, **options)


@contextmanager
def serving(atlas: Atlas, settings: Settings, roots: Path, *, root_path: str = PREFIX, **options) -> Iterator[Served]:
    settings = settings.model_copy(update={"root_path": root_path})
    token = "the-token-of-this-start"
    with served_as(atlas) as servers, listen("127.0.0.1", 0) as listening:
        apps = [create_app(each, settings, jobs_of=jobs, token=token, **options) for each, jobs in servers]
        config = uvicorn.Config(
            in_turn(apps, servers),
            log_config=None, access_log=False, proxy_headers=False, lifespan="off", timeout_graceful_shutdown=1,
        )  # fmt: skip
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            url = f"http://localhost:{listening.getsockname()[1]}{root_path}"
            atlases = tuple(atlas for atlas, _ in servers)
            yield Served(url, token, atlases[0], roots, apps[0].state.site, atlases)
        finally:
            server.should_exit = True
            thread.join(PATIENCE)


def picture(*, size: tuple[int, int] = (64, 48), kind: str = "PNG", seed: int = 0, **options) -> bytes:
    """A picture of noise on a slope, which no codec makes small."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 90, (size[1], size[0])) + np.linspace(0, 160, size[0])[None]
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, kind, **options)
    return file.getvalue()
