"""``mirage atlas rebuild`` as a person runs it: on an atlas that nobody holds, and on one that a server holds."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import httpx

from mirage.atlas import Atlas
from mirage.corpora import load
from mirage.storage import manifest
from mirage.storage.ingest import add
from mirage.storage.prepare import BATCH
from parts import PATIENCE, Process, mirage, picture_folder, until
from squares import LOG, Squares, encoded, installed

Start = Callable[..., Process]


def url_of(folder: Path) -> str:
    until(lambda: (holder := manifest.Holder.read(folder)) and holder.url)
    holder = manifest.Holder.read(folder)
    assert holder is not None
    return holder.url


def encoder_of(url: str) -> str:
    return httpx.get(f"{url}/api/atlas", trust_env=False, timeout=PATIENCE).json()["encoder"]["name"]


def jobs_of(url: str) -> list[dict]:
    return httpx.get(f"{url}/api/jobs", trust_env=False, timeout=PATIENCE).json()["jobs"]


def test_it_takes_the_encoder_and_its_model_and_says_what_it_did(small: Path, tmp_path: Path) -> None:
    path = str(installed(tmp_path / "site"))
    done = mirage("atlas", "rebuild", "--encoder", "squares", "--model", "turned", atlas=small, PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    assert "6 figures, 6 of them encoded now." in " ".join(done.stderr.split())
    known = manifest.read(small)
    assert known is not None
    assert known.encoder.digest == Squares("turned").info().digest
    refused = mirage("atlas", "rebuild", "--encoder", "starter", "--model", "x", atlas=small, PYTHONPATH=path)
    assert refused.returncode == 2
    assert "takes no model" in refused.stderr
    assert manifest.read(small) == known


def test_a_server_rebuilds_what_it_holds_and_a_killed_one_goes_on_by_itself(tmp_path: Path, started: Start) -> None:
    folder, count = tmp_path / "atlas", 3 * BATCH
    with Atlas.open(folder, create=True) as atlas:
        add(atlas, load("folder", path=picture_folder(tmp_path / "phantoms", count)))
    log = tmp_path / "encoded"
    given = {"PYTHONPATH": str(installed(tmp_path / "site")), LOG: str(log)}
    server = started("serve", "--port", "0", atlas=folder, hold="squares:Squares.encode_images", **given)
    url = url_of(folder)
    asking = started("atlas", "rebuild", "--encoder", "squares", atlas=folder, **given)
    server.until_held()
    assert encoded(log) == BATCH
    assert encoder_of(url) == "starter"
    assert httpx.get(f"{url}/api/search", params={"q": "phantom"}, trust_env=False, timeout=PATIENCE).json()["hits"]
    server.send_signal(signal.SIGKILL)
    server.wait()
    assert asking.wait() == 5, "the command says that its server is gone"
    (folder / manifest.LOCK).unlink()
    started("serve", "--port", "0", atlas=folder, **given)
    url = url_of(folder)
    until(lambda: encoder_of(url) == "squares")
    job = until(lambda: next(iter(found for found in jobs_of(url) if found["ended"]), None))
    assert isinstance(job, dict)
    assert job["state"] == "done"
    assert f"{count} figures" in job["message"]
    # A batch that was encoded and not yet stored when it was killed is the most that is done again.
    assert count <= encoded(log) <= count + BATCH
    again = mirage("atlas", "rebuild", atlas=folder)
    assert again.returncode == 0, again.stderr
    assert "rebuilding through it" in again.stderr
    assert f"The index was made anew: {count} figures, 0 of them encoded now with squares." in " ".join(again.stderr.split())
    assert httpx.get(f"{url}/api/search", params={"q": "phantom"}, trust_env=False, timeout=PATIENCE).json()["hits"]
    assert len(list(folder.glob("index*"))) == 1
