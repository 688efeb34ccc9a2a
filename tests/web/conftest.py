"""A real atlas of some starter figures and a case, served by a real uvicorn on a free port."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
import uvicorn
from PIL import Image
from under import PREFIX, browse_below
from under import client as client_of

from browsing import started
from mirage.atlas import Atlas
from mirage.corpora import load
from mirage.settings import Settings
from mirage.storage.ingest import add
from mirage.web import create_app
from mirage.web.server import listen
from mirage.web.site import RunningSite
from parts import PATIENCE, copy_atlas
from scan_maker import MadeStacks, phantom
from served_as import in_turn, served_as

browse_below()


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


@pytest.fixture(scope="session")
def roots(tmp_path_factory) -> Path:
    """A folder under which the Corpora page may add: two pictures with words and a case, and a broken one."""
    folder = tmp_path_factory.mktemp("roots") / "My teaching files"
    folder.mkdir()
    for number in range(2):
        (folder / f"chest {number}.png").write_bytes(picture(size=(160, 120), seed=number))
    (folder / "broken.png").write_bytes(picture()[:60])
    columns = "file,caption,title,modality,plane,case,history,findings,discussion,diagnosis,licence,url\n"
    story = (
        "case-1,A cough for two weeks.,A shadow <b>on the left</b>.,Shadows have many causes.,Test shadow,,"
        "https://example.org/case-1"
    )
    (folder / "figures.csv").write_text(
        columns
        + "".join(f"chest {n}.png,Frontal chest film number {n},Test shadow,XR,frontal,{story}\n" for n in range(2))
        + f"broken.png,Broken,Test shadow,XR,frontal,{story}\n",
        "utf-8",
    )
    return folder.parent


@pytest.fixture(scope="session")
def site(tmp_path_factory, some_folder, roots) -> Iterator[Served]:
    """The site of an atlas with some starter figures and a folder's case. Tests only read it."""
    with Atlas.open(copy_atlas(some_folder, tmp_path_factory.mktemp("web") / "atlas")) as atlas:
        add(atlas, load("folder", path=roots / "My teaching files"))
        with serving(atlas, Settings(folder_roots=(roots,)), roots) as served:
            yield served


@pytest.fixture(scope="session")
def corpus() -> MadeStacks:
    """A made-up scan."""
    return MadeStacks()


@pytest.fixture(scope="session")
def stacked(tmp_path_factory, roots, corpus) -> Iterator[Served]:
    """The site of an atlas with that scan, a single picture cut from it, and a scan without sides and labels."""
    with Atlas.open(tmp_path_factory.mktemp("stacks") / "atlas", create=True) as atlas:
        add(atlas, corpus)
        add(atlas, MadeStacks(phantom(5, 16, 20, sides_known=False, labels=False), "plain"))
        atlas.succeed({"made:before": "made:scan"}, "made")
        with serving(atlas, Settings(), roots) as served:
            yield served


@pytest.fixture(scope="session")
def _browser():
    """One Chromium for all modules: starting it takes as long as a test. Its loop counts as running until it ends."""
    with started() as browser:
        loop = asyncio.get_running_loop()
        yield browser, loop
        asyncio._set_running_loop(loop)


@pytest.fixture(scope="module")
def chromium(_browser):
    browser, loop = _browser
    asyncio._set_running_loop(loop)
    yield browser
    for context in browser.contexts:
        context.close()
    asyncio._set_running_loop(None)  # a test that comes after may run a loop of its own


@pytest.fixture
def client(site) -> Iterator[httpx.Client]:
    with site.client() as made:
        yield made


@pytest.fixture(scope="session")
def a_case(site) -> str:
    """Id of the case of the folder."""
    folder = next(corpus.name for corpus in site.atlas.info().corpora if corpus.name != "starter")
    return site.atlas.search("frontal chest film", corpus=folder).hits[0].figure.case_id


@pytest.fixture(scope="session")
def a_figure(site) -> str:
    """Id of a starter figure."""
    return site.atlas.search("axial brain MRI").hits[0].figure.id
