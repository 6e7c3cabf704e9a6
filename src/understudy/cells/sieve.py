"""A sieve over distinct texts: cheap byte facts first, then patterns on the few that may match.

What may not happen here: a text that is left without a class, or that gets two.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntFlag
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Texts: TypeAlias = "pa.Array | pa.ChunkedArray"


class BIT(IntFlag):
    """Which kinds of byte a text holds."""

    DIGIT = 1
    UPPER = 2
    LOWER = 4
    SPACE = 8
    DASH = 16
    DOT = 32
    COMMA = 64
    COLON = 128
    SLASH = 256
    PLUS = 512
    AT = 1024
    PERCENT = 2048
    DOLLAR = 4096
    CONTROL = 8192
    WIDE = 16384
    OTHER = 32768


ALL = 65535


def _byte_table() -> npt.NDArray[np.uint16]:
    """Return the kind of each of the 256 bytes."""
    table = np.full(256, int(BIT.OTHER), dtype=np.uint16)
    table[:32] = BIT.CONTROL
    table[127] = BIT.CONTROL
    table[128:] = BIT.WIDE
    for kind, letters in (
        (BIT.DIGIT, "0123456789"),
        (BIT.UPPER, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        (BIT.LOWER, "abcdefghijklmnopqrstuvwxyz"),
        (BIT.SPACE, " \t\n\r"),
        (BIT.DASH, "-"),
        (BIT.DOT, "."),
        (BIT.COMMA, ","),
        (BIT.COLON, ":"),
        (BIT.SLASH, "/"),
        (BIT.PLUS, "+"),
        (BIT.AT, "@"),
        (BIT.PERCENT, "%"),
        (BIT.DOLLAR, "$"),
    ):
        table[[ord(letter) for letter in letters]] = kind
    return table


_TABLE = _byte_table()


def texts_of(values: Texts) -> tuple[pa.LargeStringArray, npt.NDArray[np.intp]]:
    """Return (distinct texts, index of each cell in them); nulls get the index past the end.

    Parameters
    ----------
    values
        n cells: string, large string, string view, or a dictionary of one of these.

    >>> distinct, indices = texts_of(pa.array(["a", None, "a"]))
    >>> distinct.to_pylist(), indices.tolist()
    (['a'], [0, 1, 0])
    """
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], pa.string())
    if pa.types.is_null(whole.type):
        return pa.array([], pa.large_string()), np.zeros(len(whole), dtype=np.intp)
    if not pa.types.is_dictionary(whole.type):
        if not (pa.types.is_string(whole.type) or pa.types.is_large_string(whole.type)):
            whole = whole.cast(pa.large_string())
        whole = whole.dictionary_encode()
    words = whole.dictionary.cast(pa.large_string())
    indices = whole.indices
    if indices.null_count:
        indices = pc.fill_null(indices.cast(pa.int64()), len(words))
    places = indices.to_numpy(zero_copy_only=False).astype(np.intp)
    if words.null_count:
        present = words.is_valid().to_numpy(zero_copy_only=False)
        renamed = np.where(present, np.cumsum(present) - 1, int(present.sum()))
        places = np.append(renamed, int(present.sum()))[places]
        words = words.drop_null()
    return words, places


class Sieve:
    """Distinct texts, what is known of their bytes, and those that still have no class.

    Parameters
    ----------
    texts
        Distinct texts without nulls.
    code
        Code of every class name.
    """

    def __init__(self, texts: pa.LargeStringArray, code: Mapping[str, int]) -> None:
        self._texts = texts
        self._code = code
        self.codes: npt.NDArray[np.uint8] = np.zeros(len(texts), dtype=np.uint8)
        self._left = np.arange(len(texts))
        self._bits, self._bytes, self._spaces = _byte_facts(texts)

    def literals(self, codes: Mapping[str, int]) -> None:
        """Give the texts that are spelled exactly so their codes."""
        known = pa.array(list(codes), pa.large_string())
        short = self._where(most=max(len(word) for word in codes))
        if not len(short):
            return
        found = pc.index_in(self._texts.take(pa.array(short)), value_set=known)
        at = found.fill_null(-1).to_numpy(zero_copy_only=False)
        table = np.array(list(codes.values()), dtype=np.uint8)
        self.codes[short[at >= 0]] = table[at[at >= 0]]
        self._drop(short[at >= 0])

    def blanks(self, name: str) -> None:
        """Give texts of nothing but white space one class."""
        self._settle(self._where(only=BIT.SPACE), name)

    def take(
        self,
        name: str,
        pattern: str,
        *,
        needs: int = 0,
        only: int = ALL,
        least: int = 0,
        most: int | None = None,
    ) -> None:
        """Give a class to the texts that match, have these kinds of byte, and this many bytes."""
        near = self._where(needs=needs, only=only, least=least, most=most)
        if len(near):
            hit = pc.match_substring_regex(self._texts.take(pa.array(near)), pattern)
            self._settle(near[hit.to_numpy(zero_copy_only=False)], name)

    def take_places(
        self,
        names: Mapping[int | None, str],
        pattern: str,
        *,
        mark: str,
        needs: int,
        only: int,
        most: int,
    ) -> None:
        """Give numerals a class by how many digits follow the mark; `None` names the rest."""
        near = self._where(needs=needs, only=only, most=most)
        if not len(near):
            return
        texts = self._texts.take(pa.array(near))
        hit = pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)
        near, texts = near[hit], texts.filter(pa.array(hit))
        at = pc.find_substring(texts, mark).to_numpy(zero_copy_only=False)
        places = self._bytes[near] - at - 1
        codes = np.full(64, self._code[names[None]], dtype=np.uint8)
        for count, name in names.items():
            if count is not None:
                codes[count] = self._code[name]
        self.codes[near] = codes[places]
        self._drop(near)

    def any(self, *, needs: int, least: int, most: int) -> bool:
        """Return whether any text is left with these kinds of byte and this many bytes."""
        return bool(len(self._where(needs=needs, least=least, most=most)))

    def odd(self, name: str, *, longest: int) -> None:
        """Give one class to texts with control characters or more characters than `longest`."""
        strange = (self._bits[self._left] & BIT.CONTROL) > 0
        strange |= self._characters(self._left) > longest
        self._settle(self._left[strange], name)

    def sizes(self) -> None:
        """Give every text that is left a class by its words, digits and characters."""
        left = self._left
        bits, characters = self._bits[left], self._characters(left)
        words = self._spaces[left] + 1
        digit = (bits & BIT.DIGIT) > 0
        letter = (bits & (BIT.UPPER | BIT.LOWER | BIT.WIDE)) > 0
        single = words == 1
        few = (words <= 5) & (characters <= 60)
        names = np.select(
            [
                digit & ~letter & (characters <= 60),
                single & letter & ~digit & (characters <= 30),
                single & letter & digit & (characters <= 20),
                single & (characters <= 60),
                few & ~digit,
                few,
                (words <= 8) & (characters <= 60),
            ],
            [
                self._code[name]
                for name in ("digits", "word", "code", "token", "phrase", "phrase_digits")
            ]
            + [self._code["sentence"]],
            default=self._code["long"],
        )
        self.codes[left] = names.astype(np.uint8)
        self._left = left[:0]

    def _where(
        self, *, needs: int = 0, only: int = ALL, least: int = 0, most: int | None = None
    ) -> npt.NDArray[np.intp]:
        """Return the texts left with these kinds of byte and this many bytes."""
        left = self._left
        bits = self._bits[left]
        keep = (bits & np.uint16(needs)) == needs
        if only != ALL:
            keep &= (bits & np.uint16(~only & ALL)) == 0
        if least:
            keep &= self._bytes[left] >= least
        if most is not None:
            keep &= self._bytes[left] <= most
        return np.asarray(left[keep])

    def _characters(self, where: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
        """Return the number of characters, counted only where it differs from the bytes."""
        counts = self._bytes[where].copy()
        wide = np.flatnonzero(self._bits[where] & BIT.WIDE)
        if len(wide):
            texts = self._texts.take(pa.array(where[wide]))
            counts[wide] = pc.utf8_length(texts).to_numpy(zero_copy_only=False)
        return counts

    def _settle(self, where: npt.NDArray[np.intp], name: str) -> None:
        """Give these texts a class."""
        self.codes[where] = self._code[name]
        self._drop(where)

    def _drop(self, where: npt.NDArray[np.intp]) -> None:
        """Take these texts out of those left."""
        if len(where):
            keep = np.ones(len(self._texts), dtype=bool)
            keep[where] = False
            self._left = self._left[keep[self._left]]


def _byte_facts(
    texts: pa.LargeStringArray,
) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return per text: the kinds of byte in it, its length in bytes, its white space."""
    count = len(texts)
    offsets = np.frombuffer(texts.buffers()[1] or b"\0" * 8, dtype=np.int64)
    offsets = offsets[texts.offset : texts.offset + count + 1]
    lengths = np.diff(offsets) if count else np.zeros(0, dtype=np.int64)
    bits = np.zeros(count, dtype=np.uint16)
    spaces = np.zeros(count, dtype=np.int64)
    full = np.flatnonzero(lengths)
    if len(full):
        raw = np.frombuffer(texts.buffers()[2], dtype=np.uint8)[offsets[0] : offsets[-1]]
        kinds = _TABLE[raw]
        starts = offsets[full] - offsets[0]
        bits[full] = np.bitwise_or.reduceat(kinds, starts)
        seen = np.concatenate(([0], np.cumsum(kinds == BIT.SPACE)))
        spaces = seen[offsets[1:] - offsets[0]] - seen[offsets[:-1] - offsets[0]]
    return bits, lengths, spaces
