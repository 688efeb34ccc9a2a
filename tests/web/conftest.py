"""A real atlas of some starter figures and a case, served by a real uvicorn on a free port."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from serving import Served, picture, serving
from under import browse_below

from mirage.atlas import Atlas
from mirage.corpora import load
from mirage.settings import Settings
from mirage.storage.ingest import add
from parts import copy_atlas
from scan_maker import MadeStacks, phantom

browse_below()


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
