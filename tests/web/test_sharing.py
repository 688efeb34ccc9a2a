"""What several processes of one site keep for each other."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from pathlib import Path

import pytest

from mirage.web.cache import Cache
from mirage.web.sharing import Held, Sharing


@pytest.fixture
def held() -> Iterator[Held]:
    with Held(1_000) as all_of_it:
        yield all_of_it


def cache_at(held: Held) -> Cache:
    cache = Cache()
    cache.sharing = Sharing(held.address, held.secret)
    return cache


def never() -> bytes:
    raise AssertionError("another one has made it")


def test_what_one_has_made_the_others_are_given(held: Held) -> None:
    one, other = cache_at(held), cache_at(held)
    assert other.known("a", "atlas") is None
    assert one.made("a", "atlas", lambda: b"made", len) == b"made"
    assert other.made("a", "atlas", never, len) == b"made"
    assert other.known("a", "atlas") == b"made"
    one.keep("b", "atlas", b"kept", 4)
    assert other.known("b", "atlas") == b"kept"


def test_of_another_state_nothing_is_given(held: Held) -> None:
    one, other = cache_at(held), cache_at(held)
    one.made("a", "before", lambda: b"made", len)
    assert other.known("a", "after") is None
    assert other.made("a", "after", lambda: b"anew", len) == b"anew"


def test_what_is_too_large_to_keep_is_not_given(held: Held) -> None:
    one, other = cache_at(held), cache_at(held)
    one.made("a", "atlas", lambda: b"made", lambda _: 0)
    assert other.known("a", "atlas") is None


def test_all_of_it_takes_no_more_than_it_may(held: Held) -> None:
    one, other = cache_at(held), cache_at(held)
    for number in range(10):
        one.made(number, "atlas", lambda: bytes(300), len)
    assert [other.known(number, "atlas") is not None for number in range(10)] == [False] * 7 + [True] * 3


def test_who_has_not_the_secret_is_shut_out_and_the_others_go_on(held: Held) -> None:
    with pytest.raises(AuthenticationError):
        Sharing(held.address, b"guessed")
    one, other = cache_at(held), cache_at(held)
    one.made("a", "atlas", lambda: b"made", len)
    assert other.known("a", "atlas") == b"made"


def test_another_process_is_given_it(held: Held) -> None:
    cache_at(held).made("a", "atlas", lambda: b"made", len)
    spawning = multiprocessing.get_context("spawn")
    with spawning.Pool(1) as pool:
        assert pool.apply(known_there, (held.address, held.secret)) == b"made"


def known_there(address: str, secret: bytes) -> object:
    return Sharing(address, secret).known("a", "atlas")


def test_where_nobody_holds_it_each_makes_its_own(tmp_path: Path) -> None:
    alone = Sharing(str(tmp_path / "nobody"), b"secret")
    alone.keep("a", "atlas", b"made")
    assert alone.known("a", "atlas") is None


def test_a_silent_stranger_holds_up_nobody(held: Held) -> None:
    with Client(held.address):  # who never answers what is asked of him
        one, other = cache_at(held), cache_at(held)
        one.made("a", "atlas", lambda: b"made", len)
        assert other.known("a", "atlas") == b"made"


def test_what_comes_late_is_no_answer_to_the_next_question(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Sharing(held.address, held.secret)
    one.keep("owner's", "atlas", b"OWNER")

    def fails(*_: object) -> bool:
        raise MemoryError

    with monkeypatch.context() as once:
        once.setattr("mirage.web.sharing._check_answers", fails)
        with pytest.raises(MemoryError):
            one.known("owner's", "atlas")
    assert one.known("learner's", "atlas") is None


def test_where_who_holds_it_is_gone_each_makes_its_own() -> None:
    with Held(1_000) as gone:
        one = cache_at(gone)
        one.sharing.keep("a", "atlas", b"made")
        assert one.sharing.known("a", "atlas") == b"made"
    one.sharing._connection.close()
    assert one.known("a", "atlas") is None
    assert one.made("a", "atlas", lambda: b"anew", len) == b"anew"
