"""`mirage people` and `mirage serve --shared`, as commands of their own."""

from __future__ import annotations

import json
import re
from contextlib import closing
from pathlib import Path

import httpx

from parts import PATIENCE, mirage, start


def asked(*arguments: str, atlas: Path) -> str:
    done = mirage("people", *arguments, atlas=atlas)
    assert done.returncode == 0, done.stderr
    return done.stdout


def come_in(link: str, name: str) -> httpx.Client:
    client = httpx.Client(base_url=link.partition("/invited")[0], timeout=PATIENCE, trust_env=False)
    assert client.post(link, data={"name": name}).status_code == 303
    return client


def test_a_class_is_begun_by_command_and_what_is_said_there_holds_at_once(small: Path) -> None:
    before = asked("invite", "--role", "educator", "--json", atlas=small)
    assert re.search(r"http://localhost:8000/invited/[0-9a-f]{8}\.[\w-]{43}", before)
    serving = start("serve", "--shared", "--port", "0", atlas=small)
    try:
        url, said = "", ""
        while "/invited/" not in said:
            said = serving.stdout.readline()
            url = url or "".join(re.findall(r"MIRAGE is at (\S+)", said))
            assert said, serving.stderr.read()
        with closing(come_in(said.strip(), "Olga")) as olga:
            assert olga.get("/api/me").json()["role"] == "owner"
            link = asked("invite", "--uses", "40", "--until", "2027-03-01", atlas=small).strip()
            assert link.startswith(f"{url}/invited/")
            with closing(come_in(link, "Ada")) as ada:
                assert ada.get("/reviews").status_code == 403
                assert "Ada is educator now." in mirage("people", "role", "ada", "educator", atlas=small).stderr
                assert ada.get("/reviews").status_code == 200
                listed = json.loads(asked("list", "--json", atlas=small))
                assert [(each["name"], each["role"]) for each in listed["people"]] == [
                    ("Olga", "owner"),
                    ("Ada", "educator"),
                ]
                lines = asked("list", atlas=small).splitlines()  # one of each: a program reads them
                assert [line.split()[2] for line in lines] == ["Olga", "Ada", "of", "of"]
                assert any("invitation of 1/40 learners until" in line for line in lines)
                assert "1 session ended." in mirage("people", "end", "Ada", atlas=small).stderr
                assert ada.get("/api/me").status_code == 401
            refused = mirage("people", "remove", "Ada", atlas=small)
            assert refused.returncode == 2
            assert "Add --yes" in refused.stderr
            assert mirage("people", "remove", "Ada", "--yes", atlas=small).returncode == 0
            nobody = mirage("people", "role", "Ada", "owner", atlas=small)
            assert (nobody.returncode, "There is no person 'Ada'" in nobody.stderr) == (4, True)
            nobody = mirage("people", "end", "Ada", atlas=small)
            assert (nobody.returncode, "neither a person nor an open invitation 'Ada'" in nobody.stderr) == (4, True)
            log = asked("audit", atlas=small)
            assert all(re.match(r"\d{4}-\d\d-\d\d ", line) for line in log.splitlines())
            for act in ("Remove somebody with all that they kept: Ada", "Give somebody another role: Ada is educator"):
                assert f"a command on this machine (owner): {act}" in log
            assert "Make an invitation: 1 × educator" in log, "made before the site was served"
            assert "Olga (owner): Come in as owner: by the first link, which makes the owner" in log
            assert len(json.loads(asked("audit", "--most", "2", "--json", atlas=small))["entries"]) == 2
            last = mirage("people", "remove", "Olga", "--yes", atlas=small)
            assert (last.returncode, "last owner" in last.stderr) == (2, True)
    finally:
        serving.terminate()
        out, err = serving.communicate()
    assert "POST /invited/ 303" in err  # the log has no link in it
    assert not {*re.findall(r"[\w-]{43}", out + err)}
