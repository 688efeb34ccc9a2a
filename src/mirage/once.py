"""What is worked out once, when it is first asked for, however many threads ask."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

Value = TypeVar("Value")


class loaded_once(Generic[Value]):  # noqa: N801 - a decorator, as functools.cached_property is
    """A cached property that is computed once, also when many threads ask for it at the same moment.

    `functools.cached_property` has had no lock since Python 3.12, so that each thread would load a model of its own. Here
    the others wait for the first. If it raises, the next one tries again. Each object has a lock of its own.
    """

    def __init__(self, load: Callable[[Any], Value]) -> None:
        self._load, self._name, self._lock_name = load, load.__name__, f"{load.__name__} lock"
        self.__doc__ = load.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name, self._lock_name = name, f"{name} lock"

    @overload
    def __get__(self, instance: None, owner: type) -> loaded_once[Value]: ...

    @overload
    def __get__(self, instance: object, owner: type) -> Value: ...

    def __get__(self, instance: object | None, owner: type) -> Any:
        if instance is None:
            return self
        kept = vars(instance)  # comes first at every later access: this descriptor has no __set__
        with kept.setdefault(self._lock_name, threading.RLock()):
            if self._name not in kept:
                kept[self._name] = self._load(instance)
        kept.pop(self._lock_name, None)
        return kept[self._name]
