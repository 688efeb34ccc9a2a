"""The command as a person runs it: what it prints, and what it ends with."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from mirage.cli import main
from mirage.cli.client import served as served_atlas
from mirage.errors import AtlasHeld, BadInput
from mirage.settings import Settings
from mirage.storage import manifest
from parts import COMMAND, PATIENCE, STARTER_FIGURES, copy_atlas, environment, in_terminal, mirage, start, until
from roco_maker import ROWS, write_annotations, write_shard

ANSI = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@pytest.fixture(scope="module")
def atlas(starter_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A starter atlas that no process holds between two commands."""
    return copy_atlas(starter_folder, tmp_path_factory.mktemp("cli") / "atlas")


def test_roco_is_added_and_what_was_inferred_is_marked(tmp_path: Path) -> None:
    write_shard(tmp_path / "files" / "train-00000-of-00001.parquet", ROWS[:2])
    write_shard(tmp_path / "files" / "test-00000-of-00001.parquet", ROWS[2:])
    checkout = write_annotations(tmp_path / "checkout", "train", ROWS[:2])
    options = ("--annotations", checkout, "--split", "train")
    done = mirage("add", "roco", tmp_path / "files", *options, atlas=tmp_path / "atlas")
    assert done.returncode == 0, done.stderr
    assert "2 figures added" in done.stdout + done.stderr
    shown = mirage("show", "roco:ROCO_00002", atlas=tmp_path / "atlas").stdout
    assert "CT (inferred)" in shown
    assert "CC BY-NC-ND" in shown
    assert "(of its article)" in " ".join(shown.split())
    found = mirage("search", "drawn", "mass", atlas=tmp_path / "atlas")
    assert "CT?" in found.stdout
    assert "MIRAGE inferred it" in found.stdout + found.stderr
    refused = mirage("add", "rocov2", tmp_path / "files", "--split", "dev", atlas=tmp_path / "atlas")
    assert refused.returncode == 2
    assert "--split is one of train, validation, test; not 'dev'" in refused.stderr


@pytest.mark.parametrize("columns", [80, 140])
def test_hits_are_a_table_that_keeps_to_the_terminal(atlas: Path, columns: int) -> None:
    code, told = in_terminal(columns, "search", "axial", "thalamus", "-k", "3", "--flat", atlas=atlas)
    assert code == 0
    assert ANSI.search(told), "in a terminal it writes in colours"
    printed = ANSI.sub("", told).replace("\r\n", "\n")
    lines = printed.rstrip("\n").split("\n")
    assert lines[0].split() == ["#", "sure", "kind", "what", "figure"]
    assert max(map(len, lines)) <= columns
    assert sum(bool(re.match(r"\d+ +(strong|likely|weak)", line.strip())) for line in lines) == 3
    assert len(lines) <= (22 if columns == 80 else 12)
    assert re.search(r"starter:icbm152-t[12](-axial-[mp]\d{3})?", printed)  # whole, so that it can be copied


def test_a_hit_can_be_shown_and_searched_on_from(atlas: Path) -> None:
    found = json.loads(mirage("search", "thalamus", "-k", "1", "--json", atlas=atlas).stdout)
    name = found["hits"][0]["figure"]["id"]
    shown = mirage("show", name, atlas=atlas)
    assert shown.returncode == 0
    for word in (name, "licence", "source", "plane", f"mirage search --like {name}"):
        assert word in shown.stdout
    wide = mirage("show", name, atlas=atlas, COLUMNS="1000").stdout
    assert Path(re.search(r"^picture +(.+?) *$", wide, re.MULTILINE)[1]).is_file()
    like = mirage("search", "--like", name, "-k", "2", "--json", atlas=atlas)
    assert name not in [hit["figure"]["id"] for hit in json.loads(like.stdout)["hits"]]


def test_a_case_is_shown_with_its_figures(atlas: Path) -> None:
    shown = mirage("show", "starter:icbm152-2009c", atlas=atlas)
    assert shown.returncode == 0
    assert "starter:icbm152-t1-axial-p004" in shown.stdout


def test_a_picture_file_is_searched_for(atlas: Path) -> None:
    picture = next((atlas / "pictures").glob("*/*.webp"))
    done = mirage("search", "--image", picture, "--json", atlas=atlas)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["query"]["terms"][0]["picture"]


ENDS: list[tuple[int, str, list[str]]] = [
    (2, "The query is empty", ["search"]),
    (2, "The query is empty", ["search", "", "--modality", "MR"]),
    (2, "is 10,000 characters long", ["search", "x" * 10_000]),
    (2, "k is how many hits you want", ["search", "brain", "-k", "0"]),
    (2, "k is how many hits you want", ["search", "brain", "-k", "-1"]),
    (2, "k is how many hits you want", ["search", "brain", "-k", "1000000000"]),
    (2, "'-k': give a whole number, in digits.", ["search", "brain", "-k", "abc"]),
    (2, "'--seed': give a whole number, in digits.", ["generate", "brain", "--seed", "x"]),
    (2, "'--strength': give a number, in digits.", ["generate", "brain", "--strength", "x"]),
    (2, "No figure in this atlas has the modality 'PT'", ["search", "brain", "--modality", "PT"]),
    (2, "A weight is a number", ["search", "brain", "--more", "contrast@inf"]),
    (2, "cancel each other out", ["search", "brain", "--less", "brain"]),
    (
        2,
        "https://example.org/scan.png is an address. Nothing is fetched",
        ["search", "--image", "https://example.org/scan.png"],
    ),
    (2, "http://example.org/scan.png is an address. Nothing is fetched", ["search", "http://example.org/scan.png"]),
    (2, "There is no file", ["search", "--image", "/no/such/file.png"]),
    (2, "No such command 'serch'", ["serch"]),
    (2, "No such option", ["search", "--colour", "brain"]),
    (4, "Nothing in this atlas fits", ["search", "qwzx", "vlorp"]),
    (4, "no figure 'starter:nothing'", ["search", "--like", "starter:nothing"]),
    (4, "no figure and no case 'starter:nothing'", ["show", "starter:nothing"]),
    (3, "does not exist. `mirage up` builds", ["search", "brain", "--atlas", "/no/such/atlas"]),
    (3, "does not exist. `mirage up` builds", ["atlas", "rebuild", "--atlas", "/no/such/atlas"]),
    (3, "does not exist. `mirage up` builds", ["export", "new.mirage", "--atlas", "/no/such/atlas"]),
    (4, "nobodys", ["atlas", "rebuild", "--encoder", "nobodys"]),
]


@pytest.mark.parametrize(("code", "told", "arguments"), ENDS, ids=lambda value: str(value)[:60])
def test_what_goes_wrong_is_one_clear_message_and_an_exit_code(
    atlas: Path, code: int, told: str, arguments: list[str]
) -> None:
    done = mirage(*arguments, atlas=atlas)
    message = re.sub(r"[\s│]+", " ", done.stderr)
    assert told in message
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert len(done.stderr) < 1200


@pytest.mark.parametrize("text", ["🧠", "a\tb\nc", "[bold]x[/]", "%s %d {}", "عظم"])
def test_strange_words_are_no_trouble(atlas: Path, text: str) -> None:
    done = mirage("search", text, "-k", "2", atlas=atlas)
    assert done.returncode in (0, 4)
    assert "Traceback" not in done.stderr


def test_bytes_that_are_no_text_are_no_trouble(atlas: Path) -> None:
    done = subprocess.run(
        [*map(os.fsencode, COMMAND), b"search", b"brain \xff\xfe", b"-k", b"1"], env=environment(atlas), capture_output=True
    )
    assert done.returncode in (0, 4)
    assert b"Traceback" not in done.stderr


def test_a_terminal_that_cannot_show_a_sign_shows_the_rest(atlas: Path) -> None:
    done = mirage("doctor", atlas=atlas, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode in (0, 1)
    assert "Traceback" not in done.stderr
    assert "starter encoder" in done.stdout


def test_a_language_that_there_is_none_of_is_refused_with_those_that_there_are():
    with pytest.raises(BadInput, match=r"'language' cannot be used: .* en \(English\), es \(Español\) \(given: 'klingon'\)"):
        Settings.load(language="klingon")
    assert Settings.load(language="es_MX.UTF-8").language == "es_MX.UTF-8"


def test_a_bad_setting_is_named(atlas: Path) -> None:
    done = mirage("doctor", atlas=atlas, MIRAGE_PORT="eighty")
    assert done.returncode == 2
    assert "The setting 'port' cannot be used" in done.stderr
    with pytest.raises(BadInput, match=r"'root_path' cannot be used: a path is written like /mirage"):
        Settings.load(root_path="mirage")


def test_a_reader_that_goes_away_early_is_no_failure(atlas: Path) -> None:
    for arguments in (["search", "brain", "-k", "200"], ["search", "brain", "-k", "200", "--json"]):
        process = subprocess.Popen(
            [*COMMAND, *arguments], env=environment(atlas), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        told = process.stderr.read().decode()
        assert process.wait(PATIENCE) == 0
        assert told == ""


def test_a_defect_is_told_without_a_traceback_unless_one_is_wanted(
    atlas: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no such luck")

    monkeypatch.setattr("mirage.search.searcher.Searcher.search", broken)
    monkeypatch.setattr(sys, "argv", ["mirage", "search", "brain", "--atlas", str(atlas)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert "Something went wrong that should not have: RuntimeError: no such luck" in told
    assert "Traceback" not in told
    monkeypatch.setenv("MIRAGE_TRACEBACK", "1")
    with pytest.raises(RuntimeError):
        main()


def test_every_command_has_help_that_reads_well() -> None:
    for arguments in ([], ["up"], ["serve"], ["add"], ["add", "folder"], ["add", "medpix"], ["search"], ["show"],
                      ["atlas"], ["atlas", "info"], ["atlas", "rebuild"], ["doctor"], ["train"], ["evaluate"]):  # fmt: skip
        done = mirage(*arguments, "-h")
        assert done.returncode == 0
        text = re.sub(r"[\s│╭╮╰╯─]+", " ", done.stdout)
        assert f"Usage: mirage {' '.join(arguments)}".strip() in text
        assert "the extra" not in text or "extra named" in text
        for wrong in ("None", "{}", "TODO", "``"):
            assert wrong not in text, (arguments, wrong)


def test_the_version_is_printed() -> None:
    assert re.fullmatch(r"mirage \d+\.\d+.*\n", mirage("--version").stdout)


def test_the_shell_completes_commands() -> None:
    env = {"_MIRAGE_COMPLETE": "complete_bash", "COMP_WORDS": "mirage se", "COMP_CWORD": "1"}
    assert set(mirage(**env).stdout.split()) == {"search", "serve"}
    # Told which shell it is: a test has none above it to find.
    assert "COMP_WORDS" in mirage("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1").stdout


def test_what_an_atlas_holds_is_told_with_sizes_and_licences(atlas: Path) -> None:
    printed = mirage("atlas", "info", atlas=atlas).stdout
    for word in (str(STARTER_FIGURES), "11 cases", "MB", "licence", "version", "starter"):
        assert word in printed
    record = json.loads(mirage("atlas", "info", "--json", atlas=atlas).stdout)
    assert record["corpora"][0]["figures"] == STARTER_FIGURES


# -- the doctor ---------------------------------------------------------------------------------------------------------


def test_the_doctor_finds_a_sound_atlas_sound(atlas: Path) -> None:
    done = mirage("doctor", atlas=atlas, MIRAGE_PORT="0")
    assert done.returncode == 0, done.stdout
    assert "✗" not in done.stdout
    assert f"{STARTER_FIGURES} figures" in " ".join(done.stdout.split())  # a long path breaks the line


def test_the_doctor_names_what_is_wrong_and_ends_with_1(small: Path, taken_port: int) -> None:
    (small / "atlas.toml").write_text("broken")
    done = mirage("doctor", atlas=small, MIRAGE_PORT=str(taken_port))
    assert done.returncode == 1
    printed = re.sub(r"\s+", " ", done.stdout)
    assert "✗ atlas" in printed
    assert "is damaged" in printed
    assert f"✗ port {taken_port}" in printed
    assert "taken by another program" in printed


def test_an_atlas_that_is_not_there_yet_is_no_fault(tmp_path: Path) -> None:
    done = mirage("doctor", atlas=tmp_path / "none", MIRAGE_PORT="0")
    assert done.returncode == 0
    assert "`mirage up` builds the one" in done.stdout
    signs = {line[2:].split("  ")[0].strip(): line[0] for line in done.stdout.splitlines()}
    assert {signs[each] for each in ("servers", "atlas", "records", "index")} == {" "}, "nothing was looked at"
    assert {signs[each] for each in ("starter encoder", "disk")} == {"✓"}
    assert not (tmp_path / "none").exists()


# -- through the running server -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served(starter_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A starter atlas that `mirage serve` holds, and where."""
    folder = copy_atlas(starter_folder, tmp_path_factory.mktemp("served") / "atlas")
    process = start("serve", "--port", "0", atlas=folder)
    holder = until(lambda: (held := manifest.Holder.read(folder)) and held.url and held)
    yield folder, holder.url  # type: ignore[attr-defined]
    process.terminate()
    assert process.wait(PATIENCE) == 0
    assert not (folder / "atlas.lock").exists()


def test_the_doctor_looks_at_every_server_that_left_word(served: tuple[Path, str]) -> None:
    folder, url = served
    here, port = socket.gethostname(), url.rpartition(":")[2]
    words = [
        manifest.Holder(2**22 + 1, "http://localhost:2", "x", here),  # no process has such a number
        manifest.Holder(7, "http://localhost:3", "x", "another-machine"),
    ]
    files = [folder / f"atlas.lock.{each.host}-{each.pid}" for each in words]
    for file, word in zip(files, words, strict=True):
        file.write_text(json.dumps(asdict(word)))  # later than that of the one which serves
    try:
        done = mirage("doctor", atlas=folder, MIRAGE_PORT=port)
        printed = re.sub(r"\s+", " ", done.stdout)
        assert done.returncode == 0, done.stdout
        assert f"serving {url}: answers" in printed
        assert [line[0] for line in done.stdout.splitlines() if line[2:].startswith(("servers ", "atlas "))] == [" ", " "]
        assert "So it was not looked into" in printed
        assert f"✓ port {port} this atlas is served there" in printed
        assert "gone; its word is left over" in printed
        assert "serving http://localhost:3 on another-machine: not asked" in printed
        silent = manifest.Holder(os.getpid(), "http://localhost:9", "x", here)
        files.append(folder / f"atlas.lock.{here}-{silent.pid}")
        files[-1].write_text(json.dumps(asdict(silent)))
        done = mirage("doctor", atlas=folder, MIRAGE_PORT=port)
        assert done.returncode == 1
        assert f"process {silent.pid}, serving http://localhost:9: does not answer" in re.sub(r"\s+", " ", done.stdout)
    finally:
        for file in files:
            file.unlink(missing_ok=True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["search", "axial brain", "-k", "3", "--modality", "mri", "--less", "contrast@0.5"],
        ["search", "--like", "starter:icbm152-t1-axial-p004", "-k", "3"],
        ["show", "starter:icbm152-t1-axial-p004"],
        ["show", "starter:icbm152-2009c"],
        ["atlas", "info"],
    ],
    ids=" ".join,
)
def test_a_held_atlas_is_worked_through_its_server_with_the_same_answer(
    atlas: Path, served: tuple[Path, str], arguments: list[str]
) -> None:
    here, there = (mirage(*arguments, "--json", atlas=folder) for folder in (atlas, served[0]))
    assert (here.returncode, there.returncode) == (0, 0), there.stderr
    one, other = json.loads(here.stdout), json.loads(there.stdout)
    for answer in (one, other):
        answer.pop("seconds", None)
    assert rounded(one) == rounded(other)
    assert mirage(*arguments, atlas=served[0]).returncode == 0


def rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, list) else value


def test_json_is_what_the_http_api_answers(served: tuple[Path, str]) -> None:
    folder, url = served
    with httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE) as client:
        answer = client.get("/api/search", params={"q": "chest", "k": 3}).json()
        figure = client.get("/api/figures/starter:chest-pa").json()
    printed = json.loads(mirage("search", "chest", "-k", "3", "--json", atlas=folder).stdout)
    assert answer.keys() == printed.keys()
    assert answer["hits"] == printed["hits"]
    assert json.loads(mirage("show", "starter:chest-pa", "--json", atlas=folder).stdout) == figure


def test_a_picture_is_searched_for_through_the_server(served: tuple[Path, str]) -> None:
    picture = next((served[0] / "pictures").glob("*/*.webp"))
    done = mirage("search", "--image", picture, "--json", atlas=served[0])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["hits"]


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (2, ["search", "brain", "--modality", "PT"]),
        (2, ["search", "brain", "--less", "brain"]),
        (4, ["search", "qwzx", "vlorp"]),
        (4, ["show", "starter:no thing?#/x"]),
        (2, ["search", "--image", "https://example.org/x.png"]),
        (4, ["atlas", "rebuild", "--encoder", "nobodys"]),
    ],
    ids=str,
)
def test_through_the_server_a_command_ends_as_it_does_without(
    served: tuple[Path, str], code: int, arguments: list[str]
) -> None:
    done = mirage(*arguments, atlas=served[0])
    assert done.returncode == code, done.stderr
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr


def test_a_proxy_in_the_environment_does_not_come_between(served: tuple[Path, str]) -> None:
    proxies = {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9"}
    assert mirage("search", "brain", "-k", "1", atlas=served[0], **proxies).returncode == 0


def test_up_twice_says_where_it_is_and_opens_nothing_new(served: tuple[Path, str]) -> None:
    folder, url = served
    done = mirage("up", "--port", "0", atlas=folder)
    assert done.returncode == 0
    assert f"served already: {url}" in done.stderr


def test_a_folder_is_added_through_the_server(small: Path, pictures: Callable[..., Path], started: Callable) -> None:
    started("serve", "--port", "0", atlas=small)
    until(lambda: (held := manifest.Holder.read(small)) and held.url)
    folder = pictures(4, "more", first=60)
    done = mirage("add", "folder", folder, atlas=small)
    assert done.returncode == 0, done.stderr
    assert "adding through it" in done.stderr
    assert "4 figures added" in done.stderr
    assert json.loads(mirage("atlas", "info", "--json", atlas=small).stdout)["figures"] == 10
    named = mirage("add", "folder", folder, "--name", "other", "--option", "licence=CC0", "--json", atlas=small)
    report = json.loads(named.stdout)
    assert (report["added"], report["kept"], report["refused"]) == (4, 0, [])
    assert "CC0" in mirage("search", "phantom", "--corpus", "folder-other", "--json", atlas=small).stdout


def test_a_server_that_does_not_answer_is_named(small: Path, started: Callable, taken_port: int) -> None:
    process = started("serve", "--port", "0", atlas=small)
    until(lambda: (held := manifest.Holder.read(small)) and held.url)
    manifest.Holder(process.pid, f"http://127.0.0.1:{taken_port}", "x").write(small)
    done = mirage("search", "phantom", atlas=small)
    assert done.returncode == 5
    assert f"process {process.pid}" in done.stderr
    assert "does not answer" in done.stderr


def test_of_words_that_servers_left_the_one_that_answers_is_taken(tmp_path: Path, taken_port: int) -> None:
    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

    with HTTPServer(("127.0.0.1", 0), Answering) as there:
        Thread(target=there.serve_forever, daemon=True).start()
        urls = f"http://127.0.0.1:{there.server_port}", f"http://127.0.0.1:{taken_port}"
        for number, url in enumerate(urls):
            word = manifest.Holder(4711, url, "x", f"host-{number}")
            (tmp_path / f"atlas.lock.host-{number}-4711").write_text(json.dumps(asdict(word)))
            os.utime(tmp_path / f"atlas.lock.host-{number}-4711", (number, number))
        with served_atlas(tmp_path, AtlasHeld("It is open.")) as client:
            assert client.url == urls[0]
        there.shutdown()
        (tmp_path / "atlas.lock.host-0-4711").unlink()
        with (
            pytest.raises(AtlasHeld, match=f"It is open. It does not answer at {urls[1]}."),
            served_atlas(tmp_path, AtlasHeld("It is open.")),
        ):
            pass


# -- up and serve -------------------------------------------------------------------------------------------------------


def test_a_taken_port_says_what_to_do(atlas: Path, taken_port: int) -> None:
    done = mirage("serve", "--port", str(taken_port), atlas=atlas)
    assert done.returncode == 2
    assert f"Port {taken_port} is taken by another program" in done.stderr
    assert "--port" in done.stderr


def test_serve_wants_an_atlas_that_is_there(tmp_path: Path) -> None:
    done = mirage("serve", "--port", "0", atlas=tmp_path / "none")
    assert done.returncode == 3
    assert "`mirage up` builds the one that ships" in done.stderr


def test_up_opens_what_is_there_and_ctrl_c_ends_it(starter_copy: Path, started: Callable) -> None:
    process = started("up", "--port", "0", atlas=starter_copy)
    words = process.stdout.readline()
    address = re.match(r"MIRAGE is at (http://localhost:\d+)", words)
    assert address, words
    # The port is taken before the line is printed; the first answer tells that the server has started.
    assert httpx.get(address[1], timeout=PATIENCE).status_code == 200
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) in (0, 130)
    assert "Traceback" not in process.stderr.read()
    assert not (starter_copy / "atlas.lock").exists()
