"""A model comes from a hub, whole and verified, and goes on where it broke; what is wrong is said."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hub_server import COMMIT, MODEL, OLDER, TAKEN, Site, files, hub, hub_cache, weights
from mirage import models
from mirage.errors import BadInput, NoNetwork, NotFound, Unavailable
from mirage.models import hub as hub_module
from mirage.models.files import RECORD, ModelRecord
from mirage.models.pins import Pin


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def pin(monkeypatch: pytest.MonkeyPatch, **facts: Any) -> None:
    """Pin the test's model."""
    given = Pin(
        **{"id": MODEL, "revision": "", "licence": "MIT", "role": "encoder", "adapter": "", "size": 0, "memory": 0, **facts}
    )
    monkeypatch.setattr(hub_module, "pin_of", lambda name: given if name == MODEL else None)


def test_a_model_comes_whole_with_a_record_beside_it(site: Site, home: Path) -> None:
    told: list[tuple[str, int, int]] = []
    got = models.pull(MODEL, progress=lambda *at: told.append(at))
    assert got.path == home / "org--model" / COMMIT
    assert names(got.path) == sorted([*TAKEN, RECORD]), "no code, no pickle, nothing of another framework"
    assert (got.path / "model.safetensors").read_bytes() == weights()
    record = ModelRecord.read(got.path)
    assert record == got.record
    assert (record.id, record.revision, record.licence, record.whole) == (MODEL, COMMIT, "openrail", True)
    total = sum(len(files()[name]) for name in TAKEN)
    assert record.size == got.fetched == total
    done = [at[1] for at in told]
    assert done == sorted(done)
    assert told[-1][1:] == (total, total)


def test_a_second_pull_fetches_nothing(site: Site) -> None:
    first = models.pull(MODEL)
    sent = site.sent
    again = models.pull(MODEL)
    assert (again.path, again.fetched, site.sent) == (first.path, 0, sent)


def test_a_whole_revision_that_is_here_needs_no_network(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    got = models.pull(MODEL)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert models.pull(MODEL, revision=COMMIT).path == got.path
    assert models.pull(MODEL, revision=COMMIT[:8]).path == got.path


def test_the_first_digits_of_a_commit_mean_that_commit(site: Site) -> None:
    got = models.pull(MODEL, revision=OLDER[:7])
    assert got.record is not None
    assert got.record.revision == OLDER
    assert all(f"/resolve/{OLDER}/" in path for path, _ in site.asked if "/resolve/" in path)


def test_digits_that_begin_several_commits_are_refused(site: Site) -> None:
    site.commits = ["a" * 39 + "1", "a" * 39 + "2"]
    with pytest.raises(BadInput, match="Several commits"):
        models.pull(MODEL, revision="aaaaaaa")


def test_the_pinned_revision_is_taken_when_none_is_named(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    pin(monkeypatch, revision=OLDER, licence="MIT")
    got = models.pull(MODEL)
    assert got.record is not None
    assert (got.record.revision, got.record.licence) == (OLDER, "MIT")


def test_a_broken_line_is_resumed_where_it_broke(site: Site) -> None:
    site.drops = [60_000, 60_000]
    got = models.pull(MODEL, pause=0.01)
    assert (got.path / "model.safetensors").read_bytes() == weights()
    assert site.sent == sum(len(files()[name]) for name in TAKEN), "no byte came twice"


def test_a_pull_that_was_stopped_goes_on_and_is_not_found_until_it_is_whole(site: Site, home: Path) -> None:
    def stop(_: str, done: int, __: int) -> None:
        if done > 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        models.pull(MODEL, progress=stop)
    assert models.find(MODEL) is None
    sent = site.sent
    got = models.pull(MODEL)
    assert models.find(MODEL) == got.path
    # What a stopped reader had not taken yet was sent all the same, so a part of it comes twice, but not all.
    assert sum(range_ is not None for path, range_ in site.asked if path.endswith("model.safetensors")) == 1
    assert site.sent - sent < len(weights())


@pytest.mark.parametrize("file", ["model.safetensors", "config.json"])
def test_a_file_that_is_not_what_the_hub_lists_is_thrown_away(site: Site, file: str) -> None:
    body = files()[file]
    site.served[file] = body[:-1] + bytes([body[-1] ^ 1])
    with pytest.raises(Unavailable, match="is not the file"):
        models.pull(MODEL)
    assert models.find(MODEL) is None
    site.served.clear()
    assert (models.pull(MODEL).path / file).read_bytes() == body


def test_a_truncated_file_is_told(site: Site) -> None:
    site.served["model.safetensors"] = weights()[:-5000]
    with pytest.raises(Unavailable, match=r"not the file that was wanted \(.* bytes\)"):
        models.pull(MODEL)


def test_a_model_that_is_not_there_is_told_without_promising_that_it_is(site: Site) -> None:
    with pytest.raises(Unavailable, match=r"does not show org/other without a log-in.*HF_TOKEN"):
        models.pull("org/other")


def test_a_revision_that_is_not_there_is_named(site: Site) -> None:
    with pytest.raises(NotFound, match=r"has no revision v9.*--revision"):
        models.pull(MODEL, revision="v9")


def test_a_file_that_is_gone_is_told(site: Site) -> None:
    site.statuses = {"/resolve/": 404}
    with pytest.raises(NotFound, match=MODEL):
        models.pull(MODEL)


def test_a_gated_model_says_that_its_terms_must_be_accepted(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.gated = True
    with pytest.raises(Unavailable, match=r"accepted its terms.*HF_TOKEN"):
        models.pull(MODEL)
    monkeypatch.setenv("HF_TOKEN", "let-me-in")
    assert models.pull(MODEL).record is not None


def test_the_token_of_a_login_is_used_and_goes_to_no_mirror(site: Site, tmp_path: Path) -> None:
    site.gated = True
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf" / "token").write_text("let-me-in\n")
    models.pull(MODEL)
    mirror = Site({MODEL: files()})
    with hub(mirror) as address:
        models.pull(MODEL, source=address, to=tmp_path / "copy")
    assert mirror.tokens == {None}


def test_a_full_disk_is_told_before_anything_comes(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(Unavailable, match=r"is full.*Make room"):
        models.pull(MODEL)
    assert site.bodies() == []


def test_without_a_network_it_says_so_at_once_and_what_to_do() -> None:
    with pytest.raises(NoNetwork, match=r"No network, or none to http://127\.0\.0\.1:9.*--from"):
        models.pull(MODEL)


def test_without_a_network_it_names_the_copy_that_is_here(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    got = models.pull(MODEL)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(NoNetwork) as told:
        models.pull(MODEL)
    assert str(got.path) in str(told.value)


def test_an_environment_that_says_offline_is_obeyed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(NoNetwork, match="HF_HUB_OFFLINE is set"):
        models.pull(MODEL)
    assert site.asked == []


def test_a_page_in_place_of_an_answer_is_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub_server.Handler._json", lambda self, *_: self._body(b"<html>log in</html>"))
    with pytest.raises(NoNetwork, match="log-in"):
        models.pull(MODEL)


def test_a_revision_with_only_a_pickle_is_refused(site: Site) -> None:
    del site.models[MODEL]["model.safetensors"]
    with pytest.raises(Unavailable, match=r"only as a pickle \(pytorch_model\.bin\).*--revision"):
        models.pull(MODEL)
    assert site.bodies() == []


def test_a_part_of_a_pipeline_that_is_a_pickle_is_refused(site: Site) -> None:
    site.models[MODEL] = {
        "model_index.json": b"{}",
        "unet/diffusion_pytorch_model.safetensors": weights(10),
        "vae/diffusion_pytorch_model.bin": b"a pickle",
        "whole.safetensors": weights(20),
    }
    with pytest.raises(Unavailable, match=r"pickle \(vae/diffusion_pytorch_model\.bin\)"):
        models.pull(MODEL)
    site.models[MODEL]["vae/diffusion_pytorch_model.safetensors"] = weights(10)
    site.models[MODEL]["vae/diffusion_pytorch_model.fp16.safetensors"] = weights(5)
    got = models.pull(MODEL)
    assert [name for name in names(got.path) if name.endswith("safetensors")] == [
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    ]


@pytest.mark.parametrize("path", ["../outside.json", "/etc/x.json", "a/../../x.json", "a\\b.json", "C:/x.json"])
def test_a_file_that_would_lie_outside_is_refused(site: Site, tmp_path: Path, path: str) -> None:
    site.models[MODEL][path] = b"{}"
    with pytest.raises(Unavailable, match="outside its folder"):
        models.pull(MODEL)
    assert site.bodies() == []


@pytest.mark.parametrize("name", ["", "org/../x", "a/b/c", "org/mo del", "../x", "org/*"])
def test_what_is_no_id_is_refused_without_asking(site: Site, name: str) -> None:
    with pytest.raises(BadInput, match="no id"):
        models.pull(name)
    assert site.asked == []


def test_what_is_not_at_a_hub_says_where_it_comes_from() -> None:
    with pytest.raises(BadInput, match="comes with MIRAGE"):
        models.pull("starter-encoder")


class TestInto:
    def test_a_folder_of_ones_own(self, site: Site, tmp_path: Path) -> None:
        got = models.pull(MODEL, to=tmp_path / "mine")
        assert names(tmp_path / "mine") == sorted([*TAKEN, RECORD])
        assert got.path == tmp_path / "mine"
        assert models.pull(MODEL, to=tmp_path / "mine").fetched == 0

    def test_not_a_folder_that_holds_something_else(self, site: Site, tmp_path: Path) -> None:
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "thesis.txt").write_text("important")
        with pytest.raises(BadInput, match="not empty"):
            models.pull(MODEL, to=tmp_path / "mine")
        models.pull(MODEL, to=tmp_path / "other")
        with pytest.raises(BadInput, match="holds org/model"):
            models.pull(MODEL, revision=OLDER, to=tmp_path / "other")


class TestFrom:
    def test_a_mirror_with_the_hubs_layout(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        address = site.address
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
        got = models.pull(MODEL, source=address)
        assert got.record is not None
        assert got.record.source == address

    def test_a_folder_that_was_pulled_on_another_machine(self, site: Site, tmp_path: Path, home: Path) -> None:
        stick = tmp_path / "stick"
        first = models.pull(MODEL, to=stick)
        shutil.rmtree(home, ignore_errors=True)
        got = models.pull(MODEL, source=stick)
        assert got.record is not None
        assert (got.path, got.record.revision) == (home / "org--model" / COMMIT, COMMIT)
        assert got.record.digest == first.record.digest  # type: ignore[union-attr]
        (stick / "model.safetensors").write_bytes(weights(seed=2))
        with pytest.raises(Unavailable, match="damaged"):
            models.pull(MODEL, source=stick, to=tmp_path / "again")

    def test_a_folder_of_models(self, tmp_path: Path) -> None:
        self.plain(tmp_path / "all" / "org" / "model")
        got = models.pull(MODEL, source=tmp_path / "all")
        assert names(got.path) == sorted([*TAKEN, RECORD])
        assert models.find(MODEL) == got.path

    def test_a_plain_copy_does_not_pass_for_the_pinned_revision(self, tmp_path: Path) -> None:
        pipeline = tmp_path / "copy"
        self.plain(pipeline)
        name = "Nihirc/Prompt2MedImage"
        with pytest.raises(BadInput, match=r"does not say which revision.*--revision 84d734c"):
            models.pull(name, source=pipeline)
        got = models.pull(name, source=pipeline, revision="84d734c")
        assert models.find(name) == got.path

    def test_a_cache_of_the_hugging_face_libraries(self, tmp_path: Path) -> None:
        hub_cache(tmp_path / "elsewhere" / "hub")
        got = models.pull(MODEL, source=tmp_path / "elsewhere")
        assert got.record is not None
        assert got.record.revision == COMMIT
        assert not (got.path / "model.safetensors").is_symlink()

    def test_what_the_cache_holds_is_not_fetched_again(self, site: Site, tmp_path: Path) -> None:
        hub_cache(tmp_path / "hf" / "hub")
        got = models.pull(MODEL)
        assert (got.record, got.fetched, site.bodies()) == (None, 0, [])
        assert models.find(MODEL) == got.path
        copy = models.pull(MODEL, to=tmp_path / "copy")
        assert (copy.fetched, site.bodies()) == (0, []), "blobs of the cache are copied"

    def test_a_damaged_blob_of_the_cache_is_fetched_anew(self, site: Site, tmp_path: Path) -> None:
        snapshot = hub_cache(tmp_path / "hf" / "hub")
        blob = (snapshot / "model.safetensors").resolve()
        blob.write_bytes(weights(seed=3))
        got = models.pull(MODEL, to=tmp_path / "copy")
        assert (got.path / "model.safetensors").read_bytes() == weights()
        assert site.bodies() == ["model.safetensors"]

    def test_a_folder_without_the_model_says_what_it_holds(self, site: Site, tmp_path: Path) -> None:
        models.pull(MODEL, to=tmp_path / "stick")
        with pytest.raises(NotFound, match=r"no copy of org/other\. It holds org/model at"):
            models.pull("org/other", source=tmp_path / "stick")
        with pytest.raises(NotFound, match="no folder"):
            models.pull(MODEL, source=tmp_path / "nowhere")

    @staticmethod
    def plain(folder: Path) -> None:
        folder.mkdir(parents=True)
        for name, body in files().items():
            (folder / name).write_bytes(body)
