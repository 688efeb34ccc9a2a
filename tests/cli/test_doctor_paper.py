"""``mirage doctor --paper``: what of the paper's profile this machine can do, and what to do about the rest."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from hub_server import COMMIT, Site, files, hub, of_the_hub
from mirage.cli import app, doctor_paper
from mirage.errors import Unavailable
from mirage.locales import translations_of
from mirage.models.pins import pin_of
from mirage.models.runtime import Placement
from mirage.settings import PROFILES
from mirage.wording import speaking

ENCODER, GENERATOR = doctor_paper.PARTS["encoder"][1], doctor_paper.PARTS["generator"][1]


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A hub that has two of the three models; the network is not reached."""
    of_the_hub(monkeypatch, tmp_path / "hf")
    monkeypatch.setenv("MIRAGE_MODELS", str(tmp_path / "models"))
    state = Site({ENCODER: files(), GENERATOR: files()})
    with hub(state) as address:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        yield state


def told() -> dict[str, tuple[bool | None, str]]:
    done = CliRunner().invoke(app, ["doctor", "--paper", "--json"])
    found = json.loads(done.stdout)
    assert done.exit_code == (0 if found["ok"] else 1)
    return {each["name"].removeprefix("paper: "): (each["ok"], each["said"]) for each in found["checks"]}


def test_the_profile_names_models_that_are_known() -> None:
    assert set(doctor_paper.PARTS) == set(PROFILES["paper"])
    assert all(pin_of(model) for _, model in doctor_paper.PARTS.values())


def test_what_the_hub_has_is_told_with_its_commit_and_how_to_get_it() -> None:
    found = told()
    assert found[f"encoder {ENCODER}"][0] is False
    assert f"mirage models pull {ENCODER}" in found[f"encoder {ENCODER}"][1]
    assert "(not pinned here)" in found[f"encoder {ENCODER}"][1]
    assert COMMIT[:12] in found[f"generator {GENERATOR}"][1]
    assert "not pinned" not in found[f"generator {GENERATOR}"][1]
    assert "does not show databricks/dolly-v2-3b" in found["explainer databricks/dolly-v2-3b"][1]


def test_a_model_that_is_here_is_not_asked_for(site: Site) -> None:
    assert CliRunner().invoke(app, ["models", "pull", ENCODER]).exit_code == 0
    assert told()[f"encoder {ENCODER}"][1].startswith(f"here, {COMMIT[:12]}")


def test_without_a_network_it_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    ok, said = told()[f"generator {GENERATOR}"]
    assert ok is False
    assert "No network, or none to http://127.0.0.1:9" in said


def test_what_is_not_installed_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name in ("diffusers", "pyarrow", "mirage-research"):
            raise PackageNotFoundError
        return "1"

    monkeypatch.setattr(doctor_paper, "version", version)
    found = told()
    assert found["packages"] == (False, "lacks diffusers; install them with: pip install diffusers")
    assert "pip install pyarrow" in found["packages for ROCO"][1]
    assert "pip install ./research" in found["measuring"][1]


@pytest.mark.parametrize(
    ("device", "free", "ok", "words"),
    [
        ("cpu", None, None, "slowly"),
        ("cuda", 80_000_000_000, True, "80.0 GB free"),
        ("cuda", 2_000_000_000, False, "stop what else uses it"),
        ("mps", 20_000_000_000, True, "mps"),
    ],
)
def test_the_gpu_is_told_with_what_is_free_on_it(
    monkeypatch: pytest.MonkeyPatch, device: str, free: int | None, ok: bool | None, words: str
) -> None:
    torch = SimpleNamespace(cuda=SimpleNamespace(get_device_name=lambda: "A GPU"))
    monkeypatch.setattr(doctor_paper, "_torch", lambda: torch)
    monkeypatch.setattr(doctor_paper.runtime, "select_device", lambda torch: Placement(device, "bfloat16"))
    monkeypatch.setattr(doctor_paper.runtime, "free_memory", lambda torch, device: free)
    found = told()["GPU"]
    assert found[0] is ok
    assert words in found[1]


def test_without_torch_no_gpu_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise Unavailable("torch cannot be used here: none")

    monkeypatch.setattr(doctor_paper, "_torch", none)
    assert told()["GPU"] == (None, "not looked for: torch is not here")


def test_a_machine_that_is_too_small_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_paper.runtime, "whole_memory", lambda: 4_000_000_000)
    monkeypatch.setattr(doctor_paper.shutil, "disk_usage", lambda there: SimpleNamespace(free=3_000_000_000))
    found = told()
    assert (found["memory"][0], found["disk"][0]) == (False, False)
    assert "use a machine with more" in found["memory"][1]
    assert "MIRAGE_MODELS" in found["disk"][1]


def test_where_roco_lies_is_asked_for_and_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "hf download mdwiratathya/ROCO-radiology" in told()["ROCO"][1]
    monkeypatch.setenv("MIRAGE_ROCO", str(tmp_path / "nowhere"))
    assert "there is no folder" in told()["ROCO"][1]
    monkeypatch.setenv("MIRAGE_ROCO", str(tmp_path))  # which has no table
    assert told()["ROCO"][0] is False


def verdict(*wrong: str, gpu: bool | None = True) -> str:
    """What is said at the end where everything is right but for what is named."""
    every = [*doctor_paper._PACKAGES, "measuring", "memory", "disk", *doctor_paper.PARTS, "ROCO"]
    return doctor_paper._verdict({name: name not in wrong for name in every} | {"GPU": gpu})


@pytest.mark.parametrize(
    ("wrong", "gpu", "said"),
    [
        ((), True, "can do the paper's whole run."),
        ((), None, "can do the paper's whole run, but on its processor, which takes hours."),
        (("ROCO", "disk"), None, "can do drawing synthetic images and explaining with the language model; for measuring"),
        (("generator",), True, "for drawing synthetic images see what is marked"),
        (("memory",), True, "can do nothing of the paper's run yet"),
        ((), False, "can do nothing of the paper's run yet"),
    ],
    ids=range(6),
)
def test_the_verdict_says_what_of_the_run_can_be_done(wrong: tuple[str, ...], gpu: bool | None, said: str) -> None:
    assert said in verdict(*wrong, gpu=gpu)


def test_the_verdict_ends_what_a_person_reads_and_stands_in_json() -> None:
    done = CliRunner().invoke(app, ["doctor", "--paper"])
    assert done.stdout.strip().splitlines()[-1].startswith("Verdict: this machine can")
    assert json.loads(CliRunner().invoke(app, ["doctor", "--paper", "--json"]).stdout)["verdict"].startswith("Verdict:")


def test_what_a_person_reads_is_in_their_language(monkeypatch: pytest.MonkeyPatch) -> None:
    with speaking(translations_of("es")):
        said = CliRunner().invoke(app, ["doctor", "--paper"]).stdout
    assert "artículo: paquetes" in said
    assert "Veredicto: este equipo" in said
    assert not re.search(r" (the|of|is|not|this) ", said)
