"""Three nodes of Ray in one machine, one of them killed meanwhile: every figure once, as a plain addition makes it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirage.atlas import Atlas
from mirage.corpora.folder import FolderCorpus
from mirage.encoders.base import EncoderInfo
from mirage.errors import Unavailable
from mirage.images.bucket import Bucket
from mirage.storage.ingest import add
from mirage.storage.spread import opened
from mirage.storage.spread.base import Recipe
from parts import mirage, picture_folder
from roco_maker import make_roco
from s3 import BUCKET, S3
from spread_maker import added, contents, mixed_folder, plainly
from squares import Squares, installed

ray = pytest.importorskip("ray", reason="ray is not installed; `make test-cluster` installs it")
from ray.cluster_utils import Cluster  # noqa: E402

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, _s3: S3) -> Iterator[Cluster]:
    """A head without processors, so that all work is on the other two nodes, or three."""
    site = installed(tmp_path_factory.mktemp("nodes") / "site")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        patch.setenv("PYTHONPATH", os.pathsep.join([site.as_posix(), *filter(None, sys.path)]))
        patch.setenv("RAY_DISABLE_DOCKER_CPU_WARNING", "1")
        for name, value in {"ENDPOINT_URL": _s3.url, "ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b"}.items():
            patch.setenv(f"AWS_{name}", value)  # each node finds its own
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        made.add_node(num_cpus=1)
        made.add_node(num_cpus=1)
        made.wait_for_nodes()
        ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
        yield made
        ray.shutdown()
        made.shutdown()


@pytest.fixture
def atlas(cluster: Cluster, tmp_path: Path) -> Iterator[Atlas]:
    with Atlas.open(tmp_path / "atlas", encoder=Squares(), create=True) as made:
        yield made


def test_a_node_that_dies_takes_no_figure_with_it(atlas: Atlas, cluster: Cluster, tmp_path: Path) -> None:
    given = {"path": mixed_folder(tmp_path / "ward", 300), "stacks": "series"}
    dying = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    there = {node["NodeID"] for node in ray.nodes() if node["Alive"]}

    def kill() -> None:  # when some is stored
        while not atlas.store.keys():
            time.sleep(0.01)
        cluster.remove_node(dying, allow_graceful=False)

    killing = threading.Thread(target=kill, daemon=True)
    killing.start()
    told = added(atlas, "folder", given, "ray?workers=3&cpus=1")
    killing.join()
    assert (told["state"], told["added"]) == ("done", 301)
    assert len(there) == 4
    with plainly(tmp_path / "plain", "folder", given) as plain:
        assert contents(atlas) == contents(plain)
        assert len(atlas.index) == len(plain.index) == 301
    assert len({row.figure.id for row in atlas.store.rows(atlas.store.keys()).values()}) == 301
    assert added(atlas, "folder", given, "ray?workers=2&cpus=1")["kept"] == 301


def test_parquet_files_are_read_on_the_nodes(atlas: Atlas, tmp_path: Path) -> None:
    given = {"path": make_roco(tmp_path / "roco")}
    added(atlas, "roco", given, "ray?cpus=1")
    with plainly(tmp_path / "plain", "roco", given) as plain:
        assert contents(atlas) == contents(plain)


@pytest.mark.parametrize("kind", ["folder", "roco"])
def test_a_corpus_in_a_bucket_is_read_on_the_nodes(kind: str, atlas: Atlas, s3: S3, tmp_path: Path) -> None:
    folder = mixed_folder(tmp_path / "ward", 40) if kind == "folder" else make_roco(tmp_path / "roco")
    bucket = Bucket(f"s3://{BUCKET}/nodes-{kind}")
    for path in filter(Path.is_file, folder.rglob("*")):
        bucket.put(path.relative_to(folder).as_posix(), path)
    given = {"path": bucket.address} | ({"name": "ward"} if kind == "folder" else {})
    told = added(atlas, kind, given, "ray?cpus=1")
    with plainly(tmp_path / "plain", kind, given | {"path": folder}) as plain:
        assert contents(atlas) == contents(plain)
        assert told["added"] == len(plain.store.keys())


def test_a_node_without_the_model_is_named(atlas: Atlas, tmp_path: Path) -> None:
    recipe = Recipe("folder", {"path": picture_folder(tmp_path / "some", 2)}, EncoderInfo("nobodys", "0" * 64, 48, 64))
    with pytest.raises(
        Unavailable, match=r"The node .* \(\d+\.\d+\.\d+\.\d+, [0-9a-f]{8}\) cannot encode for this atlas: .*nobodys"
    ):
        add(atlas, FolderCorpus(tmp_path / "some"), elsewhere=opened("ray?workers=1&cpus=1", recipe))


def test_the_command_reaches_a_cluster_by_its_address(cluster: Cluster, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    client = [sys.executable, "-m", "ray.util.client.server", f"--address={cluster.address}", "--host=127.0.0.1"]
    serving = subprocess.Popen([*client, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        folder = picture_folder(tmp_path / "ward", 40)
        done = mirage("add", "folder", folder, "--on", f"ray://127.0.0.1:{port}?workers=2&cpus=1", atlas=tmp_path / "new")
        assert done.returncode == 0, done.stderr
        assert "40 figures added" in done.stderr
    finally:
        serving.terminate()
        serving.wait()


def test_a_cluster_that_is_not_there_is_said(tmp_path: Path) -> None:
    done = mirage("add", "folder", picture_folder(tmp_path / "w", 1), "--on", "ray://127.0.0.1:9", atlas=tmp_path / "new")
    assert done.returncode == 7
    assert "The cluster ray://127.0.0.1:9 is not there, or does not answer" in done.stderr
