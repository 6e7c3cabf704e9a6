"""Stand-ins for direct identifiers: invented values of the same format.

Nothing here is modelled on the data: a stand-in depends on the kind of identifier, on a pattern
or a range that was paid for, and on a sampling generator. Where a country keeps numbers, addresses
or domains that nobody has (555-01xx, 9xx social security numbers, example.org, 192.0.2.x), these
are used.

What may not happen here: a look at cells; a value that is known to belong to somebody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from understudy.cells.lettering import assemble, constant, digits
from understudy.cells.patterns import TOO_LONG, distinct_ranks, fill_unique
from understudy.prepare import people, phones
from understudy.schema.model import IdentifierKind

Maker = Callable[["_Order"], pa.Array]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Order:
    """What is asked for."""

    pattern: str | None
    n: int
    rng: np.random.Generator
    locale: str
    integer_range: tuple[int, int] | None


class StandIns:
    """Invented identifiers of every kind.

    >>> rng = np.random.default_rng(1)
    >>> StandIns().generate(IdentifierKind.NATIONAL_ID, "999-99-9999", 1, rng)[0].as_py()[:1]
    '9'
    """

    def generate(
        self,
        kind: IdentifierKind,
        pattern: str | None,
        n: int,
        rng: np.random.Generator,
        *,
        locale: str = "en_US",
        integer_range: tuple[int, int] | None = None,
    ) -> pa.StringArray:
        """Return n stand-ins.

        Parameters
        ----------
        kind
            Which identifier. Keys, UUIDs, e-mails and national ids are unique within the call,
            however few values the pattern or range has: it is widened.
        pattern
            Shape of the real ones (`AA-9999`, see `cells.patterns`), for keys, phones,
            national ids; for names only their letter case and "Last, First" order. None: the
            kind's usual shape.
        n
            How many, at least 0.
        rng
            Sampling generator; the same state gives the same stand-ins.
        locale
            Faker locale of names, streets and phone numbers; an unknown one means `en_US`.
        integer_range
            First and one past the last whole number of a numeric key.

        Returns
        -------
        Array
            n strings, none of them null.
        """
        if n == 0:
            return pa.array([], pa.string())
        usable = None if pattern in (None, "", TOO_LONG) else pattern
        order = _Order(pattern=usable, n=n, rng=rng, locale=locale, integer_range=integer_range)
        return _MAKERS[kind](order).cast(pa.string())


def _pick(pool: Sequence[str], order: _Order) -> pa.Array:
    """Draw n of a pool, with repetition."""
    places = order.rng.integers(0, len(pool), order.n, dtype=np.int32)
    return pa.array(pool, pa.string()).take(pa.array(places))


def _cased(names: pa.Array, order: _Order) -> pa.Array:
    """Give names the letter case of a pattern."""
    form = order.pattern or "Aa"
    if "A" in form and "a" not in form:
        return pc.utf8_upper(names)
    if "a" in form and "A" not in form:
        return pc.utf8_lower(names)
    return names


def _first_names(order: _Order) -> pa.Array:
    """Given names."""
    return _cased(_pick(people.names(order.locale, order.rng).first, order), order)


def _last_names(order: _Order) -> pa.Array:
    """Family names."""
    return _cased(_pick(people.names(order.locale, order.rng).last, order), order)


def _names(order: _Order) -> pa.Array:
    """Full names, family name first where the pattern has a comma."""
    pool = people.names(order.locale, order.rng)
    first, last = _pick(pool.first, order), _pick(pool.last, order)
    if order.pattern is not None and "," in order.pattern:
        return _cased(pc.binary_join_element_wise(last, first, ", "), order)
    return _cased(pc.binary_join_element_wise(first, last, " "), order)


def _numbered(order: _Order) -> pa.Array:
    """Different whole numbers as text, in random order."""
    width = max(6, len(str(order.n * 10)))
    return fill_unique("9" * width, order.n, order.rng)


def _emails(order: _Order) -> pa.Array:
    """Addresses at domains that are reserved for examples; each different."""
    names = _pick(people.names(order.locale, order.rng).logins, order)
    domains = _pick(["example.com", "example.org", "example.net"], order)
    box = pc.binary_join_element_wise(names, _numbered(order), "")
    return _cased(pc.binary_join_element_wise(box, domains, "@"), order)


def _phones(order: _Order) -> pa.Array:
    """Phone numbers in ranges kept for fiction, in the shape of the pattern if there is one."""
    return phones.fictional(order.n, order.rng, locale=order.locale, pattern=order.pattern)


def _national_ids(order: _Order) -> pa.Array:
    """Numbers of identity that no office issues, where the shape tells which."""
    form = order.pattern or "999-99-9999"
    bare = form.replace("-", "").replace(" ", "")
    if bare == "9" * 9:
        return _social_security(order, form)
    if bare == "9" * 16:
        return _cards(order, form)
    if len(bare) >= 15 and bare.startswith("AA99"):
        return _ibans(order, form)
    return fill_unique(form, order.n, order.rng)


def _social_security(order: _Order, form: str) -> pa.Array:
    """US numbers 9xx with groups 01 to 49: neither a social security nor a taxpayer number."""
    size = 100 * 49 * 9999
    ranks = _ranks(size, order)
    values = (900 + ranks % 100) * 10**6 + (1 + ranks // 100 % 49) * 10**4
    values = values + 1 + ranks // 4900
    return _shaped(digits(values, 9), form)


def _cards(order: _Order, form: str) -> pa.Array:
    """Sixteen digits that start with 9, which no card network uses, with a valid check digit."""
    body = digits(9 * 10**14 + _ranks(10**14, order), 15)
    figures = body.astype(np.int64) - 48
    doubled = figures[:, ::2] * 2
    total = figures[:, 1::2].sum(axis=1) + (doubled - 9 * (doubled > 9)).sum(axis=1)
    check = (-total % 10 + 48).astype(np.uint8)
    return _shaped(np.concatenate([body, check[:, None]], axis=1), form)


def _ibans(order: _Order, form: str) -> pa.Array:
    """German IBANs of a bank code that no bank has, with valid check digits."""
    account = _ranks(10**10, order)
    # "DE00" moved to the end reads 131400; the bank code is 00000000.
    check = 98 - (account % 97 * (10**6 % 97) + 131400) % 97
    n = order.n
    pieces = [constant("DE", n), digits(check, 2), constant("00000000", n), digits(account, 10)]
    if " " not in form:
        return assemble(pieces, n)
    whole = np.concatenate(pieces, axis=1)
    return _shaped(whole, "AA99 9999 9999 9999 9999 99")


def _ranks(size: int, order: _Order) -> npt.NDArray[np.int64]:
    """Different integers in [0, size), in random order; repeated only where there are too few."""
    if size < order.n:
        return order.rng.integers(0, size, order.n)
    return distinct_ranks(size, order.n, order.rng)


def _shaped(figures: npt.NDArray[np.uint8], form: str) -> pa.Array:
    """Digits put into a pattern."""
    pieces, used = [], 0
    for letter in form:
        if letter in "9Aa":
            pieces.append(figures[:, used : used + 1])
            used += 1
        else:
            pieces.append(constant(letter, len(figures)))
    return assemble(pieces, len(figures))


def _addresses(order: _Order) -> pa.Array:
    """A street and a number."""
    streets = _pick(people.streets(order.locale, order.rng), order)
    numbers = pc.cast(pa.array(order.rng.integers(1, 200, order.n)), pa.string())
    parts = (numbers, streets) if people.number_first(order.locale) else (streets, numbers)
    return pc.binary_join_element_wise(*parts, " ")


def _urls(order: _Order) -> pa.Array:
    """Pages at a domain that is reserved for examples."""
    words = _pick(people.names(order.locale, order.rng).logins, order)
    return pc.binary_join_element_wise("https://www.example.org", words, _numbered(order), "/")


def _ips(order: _Order) -> pa.Array:
    """Addresses of the ranges that are kept for documentation."""
    if order.pattern is not None and ":" in order.pattern:
        values = order.rng.integers(0, 2**32, order.n).tolist()
        text = [f"2001:db8::{value >> 16:x}:{value & 0xFFFF:x}" for value in values]
        return pa.array(text, pa.string())
    nets = _pick(["192.0.2", "198.51.100", "203.0.113"], order)
    hosts = pc.cast(pa.array(order.rng.integers(1, 255, order.n)), pa.string())
    return pc.binary_join_element_wise(nets, hosts, ".")


def _uuids(order: _Order) -> pa.Array:
    """Version 4 UUIDs."""
    raw = order.rng.integers(0, 256, (order.n, 16), dtype=np.uint8)
    raw[:, 6] = raw[:, 6] & 0x0F | 0x40
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80
    capitals = order.pattern is not None and "A" in order.pattern
    table = np.frombuffer(b"0123456789ABCDEF" if capitals else b"0123456789abcdef", np.uint8)
    letters = np.empty((order.n, 32), dtype=np.uint8)
    letters[:, 0::2], letters[:, 1::2] = table[raw >> 4], table[raw & 15]
    dash = constant("-", order.n)
    cuts = [letters[:, a:b] for a, b in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))]
    pieces = [piece for cut in cuts for piece in (cut, dash)][:-1]
    if order.pattern is not None and "-" not in order.pattern:
        pieces = cuts
    return assemble(pieces, order.n)


def _keys(order: _Order) -> pa.Array:
    """Different keys: whole numbers of a range, or texts of a pattern."""
    if order.integer_range is not None:
        low, high = order.integer_range
        high = max(high, low + order.n)
        values = low + _ranks(high - low, order)
        return pc.cast(pa.array(values), pa.string())
    form = order.pattern or "9" * max(4, len(str(10 * order.n)))
    return fill_unique(form, order.n, order.rng)


def _free_texts(order: _Order) -> pa.Array:
    """Sentences that say nothing, marked as invented."""
    return _pick(people.sentences(order.rng), order)


_MAKERS: dict[IdentifierKind, Maker] = {
    IdentifierKind.NAME: _names,
    IdentifierKind.FIRST_NAME: _first_names,
    IdentifierKind.LAST_NAME: _last_names,
    IdentifierKind.EMAIL: _emails,
    IdentifierKind.PHONE: _phones,
    IdentifierKind.NATIONAL_ID: _national_ids,
    IdentifierKind.ADDRESS: _addresses,
    IdentifierKind.URL: _urls,
    IdentifierKind.IP: _ips,
    IdentifierKind.UUID: _uuids,
    IdentifierKind.KEY: _keys,
    IdentifierKind.FREE_TEXT: _free_texts,
}
