"""Settings from the environment and from mirage.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirage.errors import BadInput
from mirage.settings import Settings


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_environment_wins_over_the_file_and_an_option_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("mirage.toml").write_text("port = 8111\nthreads = 3\n")
    assert (Settings.load().port, Settings.load().threads) == (8111, 3)
    monkeypatch.setenv("MIRAGE_PORT", "8222")
    assert Settings.load().port == 8222
    assert Settings.load(port=8333).port == 8333
    assert Settings.load(port=None).port == 8222


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "eighty"), ("PORT", "70000"), ("THREADS", "0"), ("UPLOAD_MAX_BYTES", "-1")]
)
def test_a_value_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"MIRAGE_{name}", value)
    with pytest.raises(BadInput) as refused:
        Settings.load()
    assert f"'{name.lower()}'" in str(refused.value)
    assert f"'{value}'" in str(refused.value)
    assert f"MIRAGE_{name}" in str(refused.value)


def test_a_setting_that_does_not_exist_names_those_that_do() -> None:
    Path("mirage.toml").write_text("prot = 8111\n")
    with pytest.raises(BadInput, match=r"There is no setting 'prot'.*port"):
        Settings.load()


def test_a_file_that_is_no_toml_is_named() -> None:
    Path("mirage.toml").write_text("port = = 3\n")
    with pytest.raises(BadInput, match=r"mirage\.toml cannot be read"):
        Settings.load()


def test_lists_may_be_written_as_people_write_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MIRAGE_ALLOWED_HOSTS", "localhost, atlas.example.org")
    monkeypatch.setenv("MIRAGE_FOLDER_ROOTS", f"{tmp_path}/a:{tmp_path}/b c")
    assert Settings.load().allowed_hosts == ("localhost", "atlas.example.org")
    assert Settings.load().folder_roots == (tmp_path / "a", tmp_path / "b c")
    monkeypatch.setenv("MIRAGE_ALLOWED_HOSTS", '["localhost"]')
    assert Settings.load().allowed_hosts == ("localhost",)
    monkeypatch.setenv("MIRAGE_ALLOWED_HOSTS", "[localhost")
    with pytest.raises(BadInput, match="allowed_hosts"):
        Settings.load()


def test_the_home_folder_may_be_written_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIRAGE_ATLAS", "~/an-atlas")
    assert Settings.load().atlas == Path.home() / "an-atlas"


def test_the_paper_s_profile_names_its_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIRAGE_PROFILE", "paper")
    found = Settings.load()
    assert (found.encoder, found.generator, found.explainer) == ("open_clip", "diffusers", "transformers")
    assert found.encoder_model == "hf-hub:luhuitong/CLIP-ViT-L-14-448px-MedICaT-ROCO"
    assert (found.generator_model, found.explainer_model) == ("Nihirc/Prompt2MedImage", "databricks/dolly-v2-3b")


def test_what_a_person_names_wins_over_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("mirage.toml").write_text('profile = "paper"\nencoder = "starter"\n')
    monkeypatch.setenv("MIRAGE_EXPLAINER_MODEL", "nobody/small")
    found = Settings.load(generator_model="my/pipeline")
    assert (found.encoder, found.encoder_model) == ("starter", "")
    assert (found.explainer, found.explainer_model) == ("transformers", "nobody/small")
    assert (found.generator, found.generator_model) == ("diffusers", "my/pipeline")


@pytest.mark.parametrize("profile", ["starter", "custom"])
def test_the_other_profiles_leave_the_defaults(monkeypatch: pytest.MonkeyPatch, profile: str) -> None:
    monkeypatch.setenv("MIRAGE_PROFILE", profile)
    found = Settings.load()
    assert (found.encoder, found.encoder_model, found.generator) == ("starter", "", "starter")


def test_an_unknown_profile_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIRAGE_PROFILE", "best")
    with pytest.raises(BadInput, match="profile"):
        Settings.load()


def test_folders_of_corpora_are_named_by_the_corpus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MIRAGE_MEDPIX", raising=False)
    Path("mirage.toml").write_text('medpix = "/in/the/file"\n\n[corpora]\nroco = "/roco"\n')
    assert Settings.load().corpora == {"medpix": Path("/in/the/file"), "roco": Path("/roco")}
    monkeypatch.setenv("MIRAGE_MEDPIX", str(tmp_path))
    assert Settings.load().corpora["medpix"] == tmp_path
    monkeypatch.setenv("MIRAGE_UNHEARD_OF", "1")
    monkeypatch.setenv("MIRAGE_MEDPIX", "")
    assert Settings.load().corpora == {"medpix": Path("/in/the/file"), "roco": Path("/roco")}
