"""Pools of invented people: names, streets, sentences. The only module that imports Faker.

What may not happen here: the global generator of Faker or of Python touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

POOL = 1_000
"""Draws per pool; names repeat in it as they do among people."""

_POOLS = 16
_NUMBER_FIRST = ("en_", "fr_", "ga_")


@dataclass(frozen=True, kw_only=True, slots=True)
class Names:
    """Given names, family names, and names as they stand in an e-mail address."""

    first: tuple[str, ...]
    last: tuple[str, ...]
    logins: tuple[str, ...]


def names(locale: str, rng: np.random.Generator) -> Names:
    """Return the pool of names that a generator's next draw selects.

    Parameters
    ----------
    locale
        Faker locale; an unknown one means `en_US`.
    rng
        Sampling generator; one of 16 pools is drawn, the same state gives the same one.

    >>> len(names("en_US", np.random.default_rng(0)).first) == POOL
    True
    """
    return _names(locale, int(rng.integers(0, _POOLS)))


def streets(locale: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Return the pool of street names that a generator's next draw selects."""
    return _streets(locale, int(rng.integers(0, _POOLS)))


def sentences(rng: np.random.Generator) -> tuple[str, ...]:
    """Return the pool of sentences that a generator's next draw selects."""
    return _sentences(int(rng.integers(0, _POOLS)))


@lru_cache(maxsize=64)
def public_list(provider: str, field: str, part: int = 0) -> tuple[str, ...]:
    """Return a published list that Faker carries; of entries with parts, one part.

    Parameters
    ----------
    provider
        Module below `faker.providers`, such as `address.pl_PL`.
    field
        Name of the list in it.
    part
        Which part of entries that are tuples, such as (code, name).

    >>> public_list("address.de_DE", "states")[1]
    'Bayern'
    """
    from importlib import import_module

    entries = getattr(import_module(f"faker.providers.{provider}").Provider, field, ())
    told = (entry if isinstance(entry, str) else entry[part] for entry in entries)
    return tuple(dict.fromkeys(" ".join(label.replace(" - ", "-").split()) for label in told))


def number_first(locale: str) -> bool:
    """Whether a house number stands before the street in a locale."""
    return locale.startswith(_NUMBER_FIRST)


def _faker(locale: str, seed: int) -> Any:
    """Return a Faker with a generator of its own."""
    from faker import Faker

    try:
        faker = Faker(locale)
    except AttributeError:
        faker = Faker("en_US")
    faker.seed_instance(seed)
    return faker


@lru_cache(maxsize=8)
def _names(locale: str, seed: int) -> Names:
    """Draw one pool of names."""
    faker = _faker(locale, seed)
    first = tuple(str(faker.first_name()) for _ in range(POOL))
    last = tuple(str(faker.last_name()) for _ in range(POOL))
    pairs = zip(first, last, strict=True)
    logins = tuple(f"{_login(one)}.{_login(other)}" for one, other in pairs)
    return Names(first=first, last=last, logins=logins)


@lru_cache(maxsize=8)
def _streets(locale: str, seed: int) -> tuple[str, ...]:
    """Draw one pool of street names."""
    faker = _faker(locale, seed)
    return tuple(str(faker.street_name()) for _ in range(POOL))


@lru_cache(maxsize=8)
def _sentences(seed: int) -> tuple[str, ...]:
    """Draw one pool of sentences, marked as invented."""
    faker = _faker("en_US", seed)
    return tuple(f"[text removed] {faker.sentence(nb_words=8)}" for _ in range(POOL // 4))


def _login(name: str) -> str:
    """Return a name as it stands in an address: small ASCII letters."""
    plain = "".join(letter for letter in name.lower() if letter.isascii() and letter.isalpha())
    return plain or "user"
