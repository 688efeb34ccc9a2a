"""Bodies of requests: bounded by kind and by time, and all together by one budget of memory."""

import json
import socket
import threading
from contextlib import ExitStack

import pytest
from serving import picture

from mirage.errors import Busy
from mirage.images.limits import BUDGET, MemoryBudget
from mirage.people.proxies import place_of
from mirage.web import uploads
from parts import PATIENCE, until

HEAD = "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{more}\r\n"
PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
FORM = "multipart/form-data; boundary=b"


def half_sent(site, *, path="/api/embed", kind=FORM, sent=PART, length=5_000_000, more="") -> socket.socket:
    """A request of which a part has been sent."""
    host, port = site.url.removeprefix("http://").partition("/")[0].split(":")
    connection = socket.create_connection((host, int(port)), timeout=PATIENCE)
    connection.sendall(HEAD.format(path=path, kind=kind, length=length, more=more).encode() + sent)
    return connection


def answer_to(connection: socket.socket) -> str:
    """All that the site answers until it hangs up."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts).decode()


@pytest.mark.parametrize(
    ("path", "kind", "sent"),
    [
        ("/api/embed", FORM, PART),
        ("/search", FORM, PART),
        ("/verify", FORM, PART),
        ("/api/search", "application/json", b'{"terms": ['),
        ("/api/generate", "application/json", b'{"terms": ['),
        ("/compare", "application/x-www-form-urlencoded", b"a.q=brain"),
    ],
)
def test_a_body_that_makes_no_progress_ends_in_words(site, client, monkeypatch, path, kind, sent):
    monkeypatch.setattr(uploads, "IDLE_SECONDS", 0.2)
    more = f"X-Mirage-Token: {site.token}\r\n"
    with half_sent(site, path=path, kind=kind, sent=sent, more=more) as connection:
        answer = answer_to(connection)
    assert answer.startswith("HTTP/1.1 408 "), answer[:200]
    assert "took too long" in answer
    assert client.get("/api/atlas").status_code == 200


def test_a_body_that_trickles_ends_too(site, monkeypatch):
    monkeypatch.setattr(uploads, "WHOLE_SECONDS", 0.5)
    ended = threading.Event()
    with half_sent(site) as connection:

        def trickle() -> None:
            while not ended.wait(0.02):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

        sender = threading.Thread(target=trickle)
        sender.start()
        try:
            answer = connection.recv(65536).decode()
        finally:
            ended.set()
            sender.join()
    assert answer.startswith("HTTP/1.1 408 "), answer[:200]


def test_half_sent_uploads_share_one_budget_and_give_it_back(site, client, monkeypatch):
    monkeypatch.setattr(BUDGET, "_size", 24_000_000)
    monkeypatch.setattr(uploads, "IDLE_SECONDS", PATIENCE)  # on a busy machine they stay half sent
    before = BUDGET.used
    upload = {"file": ("a.png", picture(size=(900, 900)))}
    with ExitStack() as stack:
        for number in range(1, 3):
            stack.enter_context(half_sent(site, sent=PART + b"\0" * 1_400_000))
            until(lambda reserved=number * 1_400_000: BUDGET.used - before >= reserved)
        answer = client.post("/api/embed", files=upload)
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert "from one place" in answer.json()["detail"]
        assert client.get("/api/search?q=brain").status_code == 200
    until(lambda: BUDGET.used == before)
    assert client.post("/api/embed", files=upload).status_code == 200
    until(lambda: BUDGET.used == before)


def test_one_sender_leaves_room_for_others_and_sends_one_large_thing() -> None:
    budget = MemoryBudget(24_000_000)
    budget.receive(2_000_000, "Ada")
    with pytest.raises(Busy, match="from one place"):
        budget.receive(1_500_000, "Ada")  # of another body
    budget.receive(1_500_000, "Ada", before=2_000_000)  # of the same one
    budget.receive(2_000_000, "Ben")
    with pytest.raises(Busy, match="Try again in a minute"):
        budget.receive(1_000_000, "Eve")
    for need, who in ((3_500_000, "Ada"), (2_000_000, "Ben")):
        budget.received(need, who)
    budget.receive(3_000_000, "Ada")
    assert [place_of(each) for each in ("10.0.0.1", "2001:db8::1", "2001:db8::ffff", "testclient")] == [
        *("10.0.0.1", "2001:db8::/64", "2001:db8::/64", "testclient"),
    ]


def test_a_page_says_it_in_its_own_form(client, monkeypatch):
    monkeypatch.setattr(BUDGET, "_size", 1000)
    answer = client.post("/search", data={"q": "brain"}, files={"file": ("a.png", picture(size=(300, 300)))})
    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    assert 'id="search"' in answer.text


@pytest.mark.parametrize("path", ["/api/search", "/api/compare", "/api/explain", "/api/generate"])
def test_json_that_is_far_too_large_is_refused_whoever_reads_it(site, client, path):
    body = b'{"terms": [{"text": "' + b"a" * 400_000 + b'"}]}'
    headers = {"Content-Type": "application/json", "X-Mirage-Token": site.token}
    answer = client.post(path, content=body, headers=headers)
    assert answer.status_code == 413
    assert "256 kB" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/reviews/misleading", {"figure": "\ud800", "hidden": True}),
        ("/api/search", {"terms": [{"text": "lung \udfff"}]}),
        ("/api/search", {"terms": [{"text": "lung"}], "filters": {"corpus": ["\ud800"]}}),
        ("/api/collections", {"title": "\ud83d"}),
    ],
)
def test_half_a_character_is_refused_in_words(site, client, path, body):
    headers = {"Content-Type": "application/json", "X-Mirage-Token": site.token}
    answer = client.post(path, content=json.dumps(body), headers=headers)
    assert answer.status_code == 422, answer.text
    assert "valid string" in answer.json()["detail"]


def test_marks_without_end_are_a_query_that_is_answered(client):
    headers = {"Content-Type": "application/json"}
    body = {"terms": [{"text": "lung" + "\u0315\u0300" * 20_000}]}
    assert client.post("/api/search", content=json.dumps(body), headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/verify", "/edit", "/add/start"])
def test_a_form_of_too_many_fields_is_refused_in_words(client, path):
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = client.post(path, content=b"a=b&" * 5_000, headers=kind)
    assert answer.status_code == 400
    assert "damaged" in answer.text
