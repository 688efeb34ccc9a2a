"""What can be looked through of one state of an atlas: the facade over this room."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock

from mirage.browse.inventory import Inventory
from mirage.browse.map import Map, Mapmaker
from mirage.browse.organs import System, systems_of
from mirage.browse.suggest import MOST, Suggestion, Suggestions
from mirage.once import loaded_once
from mirage.storage.store import Store


class _Held:
    """What is worked out once for one state, each when it is first needed."""

    def __init__(self, store: Store, hidden: frozenset[int]) -> None:
        self._store, self.hidden = store, hidden

    @loaded_once
    def inventory(self) -> Inventory:
        return Inventory.of(self._store, self.hidden)

    @loaded_once
    def suggestions(self) -> Suggestions:
        return Suggestions(self.inventory)

    @loaded_once
    def systems(self) -> list[System]:
        return systems_of(self.inventory)


class Browse:
    """What one state of an atlas holds; the atlas makes another once it has changed. Safe to share between threads.

    Parameters
    ----------
    store : mirage.storage.store.Store
    folder : Path
        Of the atlas, in which its map is kept.
    encoder : str
        Digest of the encoder whose vectors say what looks alike.
    hidden : callable
        Gives the keys of the figures that are not to be shown.
    """

    def __init__(self, store: Store, folder: Path, encoder: str, hidden: Callable[[], frozenset[int]] = frozenset) -> None:
        self._store, self.hidden = store, hidden
        self._mapmaker = Mapmaker(store, folder, encoder)
        self._held = _Held(store, frozenset())
        self._lock = Lock()

    def _now(self) -> _Held:
        hidden = self.hidden()
        with self._lock:
            if hidden != self._held.hidden:
                self._held = _Held(self._store, hidden)
            return self._held

    @property
    def inventory(self) -> Inventory:
        """Which figures speak of which concept."""
        return self._now().inventory

    @property
    def suggestions(self) -> Suggestions:
        """All that can be suggested."""
        return self._now().suggestions

    @property
    def systems(self) -> list[System]:
        """What it holds of each organ system."""
        return self._now().systems

    def suggest(self, typed: str, most: int = MOST) -> list[Suggestion]:
        """Suggest searches for the beginning of one; each finds something here.

        Parameters
        ----------
        typed : str
        most : int
            How many at most.
        """
        return self.suggestions.of(typed, most)

    def map(self, patience: float = 600.0, *, kept: bool = False) -> Map | None:
        """Where each picture lies on the map of the atlas; it is laid out when it is first asked for, and kept.

        Parameters
        ----------
        patience : float
            Seconds to wait.
        kept : bool
            Wait only while one that is kept is read, not while one is laid out.

        Returns
        -------
        Map or None
            None when it is not ready in time; `map_done` says how far it is.
        """
        return self._mapmaker.get(patience, kept=kept)

    @property
    def map_done(self) -> float:
        """Which share of laying out the map is done, 0 to 1."""
        return self._mapmaker.done

    def close(self, patience: float = 0.0) -> None:
        """Stop laying out a map, and wait so many seconds at most for its end."""
        self._mapmaker.close(patience)
