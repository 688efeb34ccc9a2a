"""The HTTP API under schemathesis, which makes requests from its description: what breaks, and what is not described."""

from __future__ import annotations

import collections
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from benchmarks.measure import Outcome, Row, Setting
from benchmarks.serving import Served
from mirage import corpora
from mirage.atlas import Atlas
from mirage.storage import ingest

EXAMPLES = 25
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
)
# They take away what the others ask for, so they are asked last: the figures, the session, the account.
_LAST = ("POST /api/remove", "POST /api/me/sign-out", "DELETE /api/me")
_SERVER_ERROR = "ST101"
_HEADER = "X-Mirage-Token"
_NOTE = (
    "Left out: positive_data_acceptance, since a well-formed query may be empty or name a region that is not there, and "
    "a file be no picture, which no schema says and a sentence answers; ignored_auth, since the description declares no way "
    "to sign in (tests/web/test_roles.py walks every route); use_after_free, ensure_resource_availability and "
    "object_level_authorization, since it links no operation to another."
)


def fuzzing(setting: Setting) -> Outcome:
    """Ask every operation what fits its description and what does not: alone, then as a learner of a shared site."""
    command = _command()
    if not command:
        return Outcome("fuzzing", (), skipped="left out: schemathesis is not installed (extra bench)")
    ran: dict[str, list[dict[str, Any]]] = {}
    for who in ("alone", "learner"):
        folder = _copy(setting, who)
        with Served(folder, *(["--shared"] if who == "learner" else []), at=_place(setting, who)) as served:
            headers = _learner(served) if who == "learner" else {_HEADER: _token(folder)}
            ran[who] = [
                _run(command, setting, served.url, headers, last, setting.folder / f"{who}-{last}") for last in (0, 1)
            ]
    rows, details = [], {}
    for who, reports in ran.items():
        found = [each for report in reports for each in report["failures"]]
        broken = sum(each["count"] for each in found if each["code"] == _SERVER_ERROR)
        other = sum(each["count"] for each in found) - broken + sum(len(report["errors"]) for report in reports)
        asked = sum(report["test_cases"]["generated"] for report in reports)
        operations = sum(report["operations"]["tested"] for report in reports)
        words = "one's own site" if who == "alone" else "a learner of a shared site"
        rows += [
            Row(f"{words}: requests to {operations} operations", asked, ""),
            Row(f"{words}: answers of 5xx", broken, "", bar=0),
            Row(f"{words}: answers that the description does not allow", other, "", bar=0),
        ]
        kinds: collections.Counter[str] = collections.Counter()
        for each in found:
            kinds[each["title"]] += each["count"]
        details[who] = {
            "kinds": dict(kinds),
            "operations": sorted({name for each in found for name in each["operations"]}),
            "errors": [report["errors"] for report in reports if report["errors"]],
        }
    return Outcome("fuzzing", tuple(rows), {**details, "checks": CHECKS, "seed": setting.seed or 1}, (_NOTE,))


def _command() -> str:
    beside = Path(sys.executable).with_name("schemathesis")
    return str(beside) if beside.exists() else shutil.which("schemathesis") or ""


def _copy(setting: Setting, who: str) -> Path:
    """An atlas of its own for each, of the starter: what is asked changes it."""
    folder, whole = setting.folder / f"fuzzed-{who}", setting.folder / "starter-atlas"
    if not whole.exists():
        with Atlas.open(whole, create=True) as atlas:
            ingest.add(atlas, corpora.load("starter"))
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    return folder


def _place(setting: Setting, who: str) -> Path:
    """An empty folder: a request may name a path, which begins there."""
    place = setting.folder / f"here-{who}"
    place.mkdir(exist_ok=True)
    return place


def _token(folder: Path) -> str:
    token: str = json.loads((folder / "atlas.lock").read_text("utf-8"))["token"]
    return token


def _learner(served: Served) -> dict[str, str]:
    """Become the owner by the link that was printed, invite a learner, and be that one."""
    link = re.search(r"/invited/\S+", served.said)
    assert link, served.said
    with _browser(served) as owner, _browser(served) as learner:
        _enter(owner, link[0], "Owner")
        token = owner.get("/api/me").json()["token"]
        invited = owner.post("/api/invitations", json={"role": "learner"}, headers={_HEADER: token})
        invited.raise_for_status()
        _enter(learner, str(httpx.URL(invited.json()["link"]).path), "Learner")
        me = learner.get("/api/me").json()
        assert me["role"] == "learner", me
        cookie = "; ".join(f"{name}={value}" for name, value in learner.cookies.items())
    return {_HEADER: me["token"], "Cookie": cookie}


def _browser(served: Served) -> httpx.Client:
    return httpx.Client(base_url=served.url, trust_env=False, timeout=60)


def _enter(browser: httpx.Client, link: str, name: str) -> None:
    answer = browser.post(link, data={"name": name})
    assert answer.status_code == 303, answer.text


def _run(command: str, setting: Setting, url: str, headers: dict[str, str], last: int, name: str) -> dict[str, Any]:
    report, most = setting.folder / f"{name}.json", setting.count or setting.size(EXAMPLES, 1)
    words = [command, "run", f"{url}/api/openapi.json", "--url", url, "--checks", ",".join(CHECKS)]
    words += [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    words += [word for each in _LAST for word in ("--include-name" if last else "--exclude-name", each)]
    words += ["--phases", "fuzzing" if setting.quick else "coverage,fuzzing", "--max-examples", str(most)]
    words += ["--seed", str(setting.seed or 1), "--generation-database", "none", "--no-shrink", "--continue-on-failure"]
    words += ["--suppress-health-check", "all", "--warnings", "off", "--request-timeout", "600", "--no-color"]
    words += ["--report", "json", "--report-json-path", str(report)]
    ended = subprocess.run(words, capture_output=True, text=True, cwd=setting.folder, env={**os.environ, "NO_PROXY": "*"})
    report.with_suffix(".txt").write_text(ended.stdout + ended.stderr, "utf-8")
    if ended.returncode not in (0, 1) or not report.exists():
        raise RuntimeError(f"schemathesis ended with {ended.returncode}: {(ended.stdout + ended.stderr)[-2000:]}")
    found: dict[str, Any] = json.loads(report.read_text("utf-8"))
    return found
