"""What an atlas answers from: replaced as a whole, while questions that are under way end with what they began with."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from mirage.encoders.base import Encoder, EncoderInfo
from mirage.explain.checker import Checker
from mirage.images import PictureStore
from mirage.indexes.base import Index
from mirage.search.fusion import Calibration
from mirage.search.searcher import Searcher
from mirage.storage.store import Store


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """An index with the encoder that its vectors are of, and what stands on both.

    Attributes
    ----------
    encoder : Encoder
    info : EncoderInfo
    index : Index
    checker : mirage.explain.checker.Checker
    searcher : Searcher
    """

    encoder: Encoder
    info: EncoderInfo
    index: Index
    checker: Checker
    searcher: Searcher

    @classmethod
    def of(cls, store: Store, pictures: PictureStore, encoder: Encoder, index: Index) -> State:
        """Make what stands on an index and its encoder."""
        return cls(encoder, encoder.info(), index, Checker(encoder), Searcher(store, index, encoder, pictures))

    def searching(self, store: Store, pictures: PictureStore, calibration: Calibration | None = None) -> State:
        """The same with a searcher that remembers nothing of the contents yet."""
        return replace(self, searcher=Searcher(store, self.index, self.encoder, pictures, calibration))


class Lending:
    """The state of now, lent to whoever answers a question. Safe to share between threads."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._changed = threading.Condition()
        self._lent = Counter[int]()  # how many answer from an index, by its identity

    @property
    def now(self) -> State:
        """The state of this moment."""
        return self._state

    @contextmanager
    def lent(self) -> Iterator[State]:
        """Lend the state of now; its index stays open until it is given back."""
        with self._changed:
            state = self._state
            self._lent[id(state.index)] += 1
        try:
            yield state
        finally:
            with self._changed:
                self._lent[id(state.index)] -= 1
                self._changed.notify_all()

    def become(self, state: State) -> None:
        """Lend another state from now on."""
        with self._changed:
            self._state = state

    def idle(self, index: Index, seconds: float) -> bool:
        """Wait until nobody answers from an index any more; False when somebody still does after so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._lent[id(index)], seconds)
