"""What depends on real rows only is computed once, however many synthetic tables are measured.

What may not happen here: a value that depends on a synthetic table, or on who asked first. What
is drawn for a shared value comes from a generator named after its key, so that a table gets the
same figures alone and in company.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Shared:
    """A memo of values that all tables with the same real rows have in common.

    Parameters
    ----------
    seed
        Names the generators of shared values.

    >>> shared = Shared(seed=0)
    >>> shared.once("ceiling", lambda: 0.9), shared.once("ceiling", lambda: 0.1)
    (0.9, 0.9)
    """

    seed: int = 0
    _values: dict[Any, Any] = field(default_factory=dict, repr=False)
    _locks: dict[Any, Lock] = field(default_factory=dict, repr=False)
    _guard: Lock = field(default_factory=Lock, repr=False)

    def once(self, key: Any, make: Callable[[], T]) -> T:
        """Return the value of a key, made by whoever asks first.

        Parameters
        ----------
        key
            Hashable; names everything besides the real rows that the value depends on.
        make
            Makes it; must draw from no other generator than one of `generator(key)`.
        """
        with self._guard:
            lock = self._locks.setdefault(key, Lock())
        with lock:
            if key not in self._values:
                self._values[key] = make()
            found: T = self._values[key]
            return found

    def generator(self, key: Any) -> np.random.Generator:
        """A fresh generator that depends on the seed and the key alone."""
        return np.random.default_rng([self.seed, zlib.crc32(repr(key).encode())])
