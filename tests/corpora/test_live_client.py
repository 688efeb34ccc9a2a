"""The polite client of living sources: its rate, what it keeps, and everything that a source may do wrong."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from live_server import LOGIN, Place, Reply, of_json, settings_for
from mirage.corpora.live.addresses import check, public
from mirage.corpora.live.client import Client, Rate
from mirage.errors import MirageError, NoNetwork, Unavailable
from mirage.models.download import FetchRefused, TooLarge
from parts import PATIENCE, until

QUICK = Rate(4, 0.001)


@pytest.fixture
def place(served: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(Client, "pause", 0.001)
    served.routes, served.faults, served.asked, served.times = {"/a": of_json({"n": 1})}, {}, [], []
    return served


def client(place: Place, cache: Path, rate: Rate = QUICK, **more: Any) -> Client:
    settings = settings_for(cache, {"here": place.address}, **more.pop("given", {}))
    made = Client("here", "The Source", rate, base="https://source.example", settings=settings, **more)
    return made


def number(told: Any) -> int:
    return int(told["n"])


def test_nothing_is_asked_by_making_it_and_an_answer_is_asked_for_once(place: Place, tmp_path: Path) -> None:
    before = time.time()
    made = client(place, tmp_path)
    assert place.asked == []
    answers = [made.json("/a", number, {"q": "x"}) for _ in range(3)]
    assert [answer.value for answer in answers] == [1, 1, 1]
    assert place.asked == [("/a", {"q": "x"})]
    assert before - 1 <= answers[0].asked == answers[2].asked
    later = client(place, tmp_path)
    assert later.json("/a", number, {"q": "x"}).asked == answers[0].asked
    assert len(place.asked) == 1
    assert later.json("/a", number, {"q": "y"}).value == 1
    assert len(place.asked) == 2


def test_what_was_answered_before_is_asked_anew_once_when_somebody_says_so(place: Place, tmp_path: Path) -> None:
    client(place, tmp_path).json("/a", number)
    place.routes["/a"] = of_json({"n": 2})
    made = client(place, tmp_path, refresh=True)
    assert [made.json("/a", number).value, made.json("/a", number).value] == [2, 2]
    assert len(place.asked) == 2


def test_who_asks_is_told_to_the_source_and_kept_nowhere(place: Place, tmp_path: Path) -> None:
    given = {"live_contact": "reader@example.org"}
    made = client(place, tmp_path, sent={"api_key": "secret", "tool": "mirage"}, given=given)
    made.json("https://source.example/a", number)
    assert place.asked == [("/a", {"api_key": "secret", "tool": "mirage"})]
    assert any("mirage-atlas/" in agent and "reader@example.org" in agent for agent in place.agents)
    assert not any(b"secret" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    place.routes["/bad"] = Reply(b"API key invalid", 400)
    with pytest.raises(FetchRefused, match="answered 400 Bad Request \\(API key invalid\\)") as refused:
        made.json("/bad", number)
    assert "secret" not in str(refused.value)
    assert refused.value.answered == 400


def test_the_switch_turns_it_off_and_what_is_kept_is_still_read(place: Place, tmp_path: Path) -> None:
    client(place, tmp_path).json("/a", number)
    off = client(place, tmp_path, given={"live": False})
    assert off.json("/a", number).value == 1
    with pytest.raises(NoNetwork, match="live is off"):
        off.json("/b", number)
    assert len(place.asked) == 1


# -- rates ------------------------------------------------------------------------------------------------------------------

_ASKS = """
import sys
from pathlib import Path
from live_server import settings_for
from mirage.corpora.live.client import Client, Rate
cache, address, who = sys.argv[1:]
made = Client("here", "The Source", Rate(3, 0.25), base=address, settings=settings_for(Path(cache), {}))
for number in range(5):
    made.json("/a", dict, {"who": who, "n": number})
"""


def test_several_processes_and_threads_keep_the_rate_together(place: Place, tmp_path: Path) -> None:
    paths = [str(Path(__file__).parents[1]), *sys.path]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}\n{_ASKS}", str(tmp_path), place.address, str(who)]
        )
        for who in range(2)
    ]
    made = client(place, tmp_path, Rate(3, 0.25))
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: made.json("/a", number, {"who": "thread", "n": n}), range(8)))
    assert [process.wait(PATIENCE) for process in started] == [0, 0]
    assert len(place.asked) == 18
    assert place.broken("/a", 3, 0.25) == 0


def test_a_short_wait_that_is_asked_for_is_waited_by_all(place: Place, tmp_path: Path) -> None:
    place.faults["/a"] = [Reply(b"slow down", 429, {"Retry-After": "1"})]
    made, other = client(place, tmp_path), client(place, tmp_path)
    assert made.json("/a", number).value == 1
    other.json("/a", number, {"q": "other"})
    first, second, _ = [moment for _, moment in place.times]
    assert second - first >= 0.99


def _in(**time: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(**time), usegmt=True)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("86400", "left alone until"),
        ("999999999999999999999", "left alone until"),
        (1, "left alone until"),
        (40_000, "left alone until"),
        ("a day", "asks to wait “a day”"),
        ("Mon, 99 Foo 2099", "asks to wait"),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_long_wait_is_told_and_nothing_is_asked_before(
    place: Place, tmp_path: Path, said: str | int, told: str, status: int
) -> None:
    when = said if isinstance(said, str) else _in(days=said)
    place.faults["/a"] = [Reply(b"", status, {"Retry-After": when})]
    with pytest.raises(Unavailable, match=told):
        client(place, tmp_path).json("/a", number)
    with pytest.raises(Unavailable, match="left alone until"):
        client(place, tmp_path).json("/a", number)
    assert len(place.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_busy_source_is_asked_three_times_and_then_said_to_be_busy(place: Place, tmp_path: Path, status: int) -> None:
    place.faults["/a"] = [Reply(b"", status)] * 5
    with pytest.raises(Unavailable, match=f"too busy: it answered {status}"):
        client(place, tmp_path).json("/a", number)
    assert len(place.asked) == 3


def test_it_goes_on_where_one_answer_in_between_failed(place: Place, tmp_path: Path) -> None:
    place.faults["/a"] = [Reply(b"", 503, {"Retry-After": _in(days=-3)}), Reply(b'{"n":', promised=100)]
    assert client(place, tmp_path).json("/a", number).value == 1


def test_waiting_can_be_stopped(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stop(Exception):
        pass

    def pulse() -> None:
        if place.asked:
            raise Stop

    monkeypatch.setattr("mirage.corpora.live.client._PATIENCE", 10_000.0)
    place.faults["/a"] = [Reply(b"", 429, {"Retry-After": "9000"})]
    with pytest.raises(Stop):
        client(place, tmp_path, pulse=pulse).json("/a", number)


# -- what is no answer ------------------------------------------------------------------------------------------------------

_NO_ANSWERS = {
    "a log-in page": (Reply(LOGIN), NoNetwork, "log-in"),
    "a log-in page that says it is JSON": (Reply(LOGIN, headers={"Content-Type": "text/json"}), NoNetwork, "log-in"),
    "half of it": (Reply(b'{"n": 1, "m": ['), Unavailable, "breaks off or is damaged"),
    "another shape": (of_json({"result": {"n": 1}}), Unavailable, r"otherwise than it documents \(it lacks 'n'\)"),
    "a list": (of_json([1]), Unavailable, "otherwise than it documents"),
    "nothing": (Reply(b""), Unavailable, "otherwise than it documents"),
    "no text": (Reply(b"\xff\xfe\xfa{}"), Unavailable, "otherwise than it documents"),
    "endless nesting": (Reply(b"[" * 100_000), Unavailable, "nested too deep"),
    "more than agreed": (Reply(b'{"n": 1}' + b" " * 20_000_000), Unavailable, "larger than an answer"),
    "more than agreed, and no length": (Reply(b" " * 20_000_000, promised=-1), Unavailable, "larger than an answer"),
    "packed": (Reply(b"x", headers={"Content-Encoding": "gzip"}), Unavailable, "packs its answer"),
    "refusal": (Reply(b"<h1>no</h1>", 403), FetchRefused, r"answered 403 Forbidden\.$"),
    "a circle": (Reply(b"", 302, {"Location": "/a"}), Unavailable, "without end"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(_NO_ANSWERS))
def test_what_is_no_answer_is_told_and_not_kept(place: Place, tmp_path: Path, name: str) -> None:
    reply, kind, told = _NO_ANSWERS[name]
    place.faults["/a"] = [reply] * 6
    made = client(place, tmp_path)
    with pytest.raises(kind, match=told) as raised:
        made.json("/a", number)
    assert isinstance(raised.value, MirageError)
    place.faults.clear()
    assert made.json("/a", number).value == 1


@pytest.mark.parametrize("promised", [100, 3])
def test_a_source_that_lies_about_its_length_is_not_believed(place: Place, tmp_path: Path, promised: int) -> None:
    place.faults["/a"] = [Reply(json.dumps({"n": 1}).encode(), promised=promised)] * 3
    with pytest.raises((NoNetwork, Unavailable), match=r"broke off|breaks off"):
        client(place, tmp_path).json("/a", number)


def test_no_network_is_said_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Client, "pause", 0.001)
    made = client(Place(address="http://127.0.0.1:9"), tmp_path, instead="Name a copy.")
    with pytest.raises(NoNetwork, match=r"No network, or none to The Source.*Name a copy\."):
        made.json("/a", number)


def test_a_cache_that_cannot_be_written_is_said(place: Place, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file in its place")
    with pytest.raises(Unavailable, match="cannot be written"):
        client(place, tmp_path / "cache").json("/a", number)
    with pytest.raises(Unavailable, match="cannot be written"):
        client(place, tmp_path / "cache").file("/a", tmp_path / "a")
    assert place.asked == []


# -- where it may be sent ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "there",
    [
        "http://127.0.0.1:1/x", "http://localhost/x", "http://10.1.2.3/x", "http://192.168.0.1/", "http://169.254.169.254/latest",
        "http://[::1]/", "http://[::ffff:10.0.0.1]/", "http://[64:ff9b::a00:1]/", "http://0.0.0.0/", "http://printer/",
        "http://a.internal/", "file:///etc/passwd", "ftp://example.org/x", "gopher://example.org", "http://[::1", "http:///x",
        "http://user:word@example.org/",
    ],
)  # fmt: skip
@pytest.mark.parametrize("way", ["redirect", "named"])
def test_it_is_not_sent_into_a_private_network(place: Place, tmp_path: Path, there: str, way: str) -> None:
    place.routes["/a"] = Reply(b"", 302, {"Location": there})
    made = client(place, tmp_path)
    with pytest.raises((Unavailable, NoNetwork)):
        made.json("/a" if way == "redirect" else there, number)
    assert len(place.asked) <= (3 if way == "redirect" else 0)


def test_a_redirect_at_the_source_itself_is_followed(place: Place, tmp_path: Path) -> None:
    place.routes["/old"] = Reply(b"", 301, {"Location": "/a?from=old"})
    assert client(place, tmp_path).json("/old", number).value == 1
    assert place.asked[-1] == ("/a", {"from": "old"})


@pytest.mark.parametrize(
    ("number", "may"),
    [
        ("8.8.8.8", True), ("2001:4860:4860::8888", True), ("::ffff:8.8.8.8", True), ("100.64.0.1", False),
        ("224.0.0.1", False), ("fe80::1%eth0", False), ("fd00::1", False), ("2002:a00:1::", False), ("::", False),
        ("fec0::1", False), ("::127.0.0.1", False), ("64:ff9b::7f00:1", False), ("64:ff9b:1::7f00:1", False),
        ("::ffff:0:127.0.0.1", False), ("192.0.0.192", False), ("::ffff:192.0.0.192", False), ("2002:7f00:1::", False),
        ("2001:0:7f00:1::1", False), ("2a00::5efe:7f00:1", False), ("::ffff:224.0.0.1", False), ("64:ff9b::808:808", True),
    ],
)  # fmt: skip
def test_a_number_is_public_or_not(number: str, may: bool) -> None:
    assert public(number) == may


def test_a_name_that_leads_inside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("10.0.0.7", 80))])
    monkeypatch.setattr("mirage.corpora.live.addresses.proxied", lambda _: False)
    with pytest.raises(Unavailable, match="private network"):
        check("https://rebound.example.org/x", (), "The Source")


def test_a_name_that_leads_elsewhere_the_second_time_is_not_asked(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The stand-in stands for a host that was public when its name was looked at, and is this machine when a line is made.
    monkeypatch.setattr("mirage.corpora.live.client.origin", lambda url: url)
    with pytest.raises(Unavailable, match="private network"):
        client(place, tmp_path).json("/a", number)
    assert place.asked == []


def test_a_source_that_is_asked_by_https_names_no_other_address(place: Place, tmp_path: Path) -> None:
    made = Client("there", "The Source", QUICK, base="https://source.example", settings=settings_for(tmp_path, {}))
    with pytest.raises(Unavailable, match="which is not https"):
        made.json("http://files.example/a", number)


def test_an_answer_of_the_future_is_not_taken_for_a_new_one(place: Place, tmp_path: Path) -> None:
    client(place, tmp_path).json("/a", number)
    kept = next(each for each in (tmp_path / "here" / "answers").rglob("*") if each.is_file())
    os.utime(kept, (time.time() + 86_400, time.time() + 86_400))
    client(place, tmp_path).json("/a", number)
    assert len(place.asked) == 1
    client(place, tmp_path, refresh=True).json("/a", number)
    assert len(place.asked) == 2


# -- files ------------------------------------------------------------------------------------------------------------------

BODY = bytes(range(256)) * 400
DIGEST = hashlib.md5(BODY).hexdigest()


def test_a_file_is_fetched_once_and_checked(place: Place, tmp_path: Path) -> None:
    place.routes["/f"] = BODY
    made, target = client(place, tmp_path), tmp_path / "kept" / "f"
    seen: list[int] = []
    for _ in range(2):
        assert made.file("/f", target, size=len(BODY), digest=DIGEST, progress=lambda there, _: seen.append(there)) == target
    assert target.read_bytes() == BODY
    assert len(place.asked) == 1
    assert seen[-1] == len(BODY)
    target.write_bytes(b"x" * len(BODY))
    made.file("/f", target, size=len(BODY), digest=DIGEST)
    assert target.read_bytes() == BODY


def test_a_file_that_two_want_at_once_is_fetched_once(place: Place, tmp_path: Path) -> None:
    goes_on = threading.Event()
    place.routes["/f"] = Reply(BODY, waits=goes_on)
    several = [client(place, tmp_path) for _ in range(3)]
    with ThreadPoolExecutor(3) as threads:
        made = [threads.submit(each.file, "/f", tmp_path / "f", digest=DIGEST) for each in several]
        until(lambda: place.asked)
        goes_on.set()
        assert {each.result(PATIENCE) for each in made} == {tmp_path / "f"}
    assert (tmp_path / "f").read_bytes() == BODY
    assert len(place.asked) == 1


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(BODY[:-1] + b"?"), "damaged"),
        (Reply(LOGIN), "log-in"),
        (Reply(BODY * 30), "at most 1.0 MB"),
        (Reply(BODY * 30, promised=-1), "at most 1.0 MB"),
        (Reply(b"", 404), "404"),
    ],
)
def test_a_file_that_is_another_one_is_thrown_away(place: Place, tmp_path: Path, reply: Reply, told: str) -> None:
    place.faults["/f"] = [reply] * 3
    with pytest.raises((Unavailable, NoNetwork), match=told):
        client(place, tmp_path).file("/f", tmp_path / "f", digest=DIGEST, most=1_000_000)
    assert not list(tmp_path.glob("f*"))


def test_a_file_that_is_too_large_by_its_own_word_is_not_read(place: Place, tmp_path: Path) -> None:
    never = threading.Event()
    place.routes["/f"] = Reply(BODY, promised=60_000_000, waits=never)
    try:
        with pytest.raises(TooLarge, match=r"60\.0 MB"):
            client(place, tmp_path).file("/f", tmp_path / "f", most=1_000_000)
    finally:
        never.set()
