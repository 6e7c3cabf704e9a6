"""Holdout, bounds and samples of streams: one choice for the whole run, each unit's its own."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from understudy.errors import InputError
from understudy.source import (
    SensitiveStream,
    as_stream,
    bound_stream,
    from_frame,
    sample_stream,
    selecting,
    split_stream,
)
from understudy.source.keyed import Key, Pile, distinct_in
from understudy.testing.neighbours import ODD_FLOATS, ODD_TEXTS


def stream_of(cells: dict[str, list[Any]], batch: int = 11, pieces: int = 3) -> SensitiveStream:
    """A stream of several pieces."""
    table = pa.table(cells)
    size = -(-table.num_rows // pieces)
    parts = [as_stream(from_frame(table.slice(k * size, size)), batch=batch) for k in range(pieces)]
    return parts[0].with_pieces([part.pieces[0] for part in parts])


def column(stream: SensitiveStream, name: str) -> list[Any]:
    return list(
        itertools.chain.from_iterable(b.column(0).to_pylist() for b in stream.batches([name]))
    )


def test_rows_are_held_out_by_coins_that_stay() -> None:
    """n = 20,000 coins at 0.3; |z| < 6.2 has alpha 6e-10 and sees a share off by 0.02."""
    n, share = 20_000, 0.3
    stream = stream_of({"a": list(range(n)), "b": list(range(n))}, batch=999)
    train, held = split_stream(stream, share)
    first, second = column(train, "a"), column(held, "a")
    assert sorted(first + second) == list(range(n))
    assert (column(train, "b"), column(held, "b")) == (first, second)
    assert abs(len(second) - share * n) < 6.2 * np.sqrt(n * share * (1 - share))
    assert column(split_stream(stream, share)[1], "a") != second


def test_people_are_held_out_whole_and_on_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    key = Key(lanes=1)
    monkeypatch.setattr(selecting, "Key", lambda lanes: key)
    who = [f"p{k % 400}" for k in range(2000)]
    train, held = split_stream(stream_of({"who": who}), 0.4, "who")
    sides = set(column(train, "who")), set(column(held, "who"))
    assert not sides[0] & sides[1]
    assert 60 < len(sides[1]) < 260
    others = [name for name in who if name != "p7"]
    again = split_stream(stream_of({"who": others}, batch=5, pieces=2), 0.4, "who")
    assert set(column(again[0], "who")) == sides[0] - {"p7"}
    assert set(column(again[1], "who")) == sides[1] - {"p7"}


def test_people_are_held_out_with_the_share_that_was_asked() -> None:
    """n = 20,000 people; |z| < 6.2 has alpha 6e-10 and sees a share off by 0.02."""
    n = 20_000
    who = [f"person {k}" for k in range(n)]
    _, held = split_stream(stream_of({"who": who}, batch=4000), 0.3, "who")
    assert abs(len(column(held, "who")) - 0.3 * n) < 6.2 * np.sqrt(n * 0.21)


@pytest.mark.parametrize("in_memory", [1, 64 << 20])
def test_a_person_counts_within_the_bound_over_all_pieces(in_memory: int) -> None:
    who: list[str | None] = ["often"] * 500 + [f"p{k % 90}" for k in range(400)] + [None] * 30
    rng = np.random.default_rng(1)
    shuffled = [who[k] for k in rng.permutation(len(who))]
    stream = stream_of({"who": shuffled, "row": list(range(len(who)))})
    for bound in (1, 3, 5000):
        kept = bound_stream(stream, "who", bound, in_memory=in_memory)
        found, rows = Counter(column(kept, "who")), column(kept, "row")
        assert found == {name: min(count, bound) for name, count in Counter(shuffled).items()}
        assert rows == sorted(rows) == column(kept, "row")


def test_a_bound_per_piece_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap 6 put back: people are bounded in each piece, so many pieces let many rows through."""
    ours = selecting.bound_stream

    def bug(stream: SensitiveStream, column: str, most: int) -> SensitiveStream:
        parts = [ours(stream.with_pieces([piece]), column, most) for piece in stream.pieces]
        return stream.with_pieces([part.pieces[0] for part in parts])

    kept = bug(stream_of({"who": ["often"] * 100}), "who", 2)
    assert len(column(kept, "who")) > 2


def test_any_row_of_a_person_may_be_kept() -> None:
    """3,000 people with 5 rows, one kept: 5 places of p = 0.2; |z| < 6.2, alpha 3e-9 together."""
    stream = stream_of(
        {"who": [f"p{k // 5}" for k in range(15_000)], "at": [k % 5 for k in range(15_000)]},
        batch=700,
    )
    places = Counter(column(bound_stream(stream, "who", 1), "at"))
    for place in range(5):
        assert abs(places[place] - 600) < 6.2 * np.sqrt(3000 * 0.16)


def test_what_a_persons_rows_are_does_not_depend_on_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lots alone decide: with a person more, everybody else keeps as many rows as before."""
    base = [f"p{k % 50}" for k in range(300)]
    first = Counter(column(bound_stream(stream_of({"who": base}), "who", 4), "who"))
    more = ["new"] * 200 + base
    second = Counter(column(bound_stream(stream_of({"who": more}), "who", 4), "who"))
    assert {name: count for name, count in second.items() if name != "new"} == first


def test_a_source_that_gives_other_rows_later_is_refused() -> None:
    cells = pa.table({"who": ["a", "b"] * 40})
    tables = [from_frame(cells), from_frame(cells), from_frame(cells.slice(0, 60))]

    class Shrinks:
        def batches(self, columns: tuple[str, ...]) -> Any:
            yield from as_stream(tables.pop(0), batch=9).pieces[0].batches(columns)

    stream = as_stream(from_frame(cells)).with_pieces([Shrinks()])
    kept = bound_stream(stream, "who", 3)
    assert len(column(kept, "who")) == 6
    with pytest.raises(InputError, match="another number of rows"):
        column(kept, "who")


def test_wrong_input_is_refused() -> None:
    stream = stream_of({"who": ["a", "b", "c"]})
    with pytest.raises(InputError, match="unit column"):
        split_stream(stream, 0.2, "nobody")
    with pytest.raises(InputError, match="unit column"):
        bound_stream(stream, "nobody", 1)
    with pytest.raises(InputError, match="at least one row"):
        bound_stream(stream, "who", 0)
    for share in (-0.1, 1.0, 2.0):
        with pytest.raises(InputError, match="holdout share"):
            split_stream(stream, share)


def test_a_sample_is_uniform_and_typed() -> None:
    """50 samples of 200 of 2,000 rows: the mean place has z below 6.2, alpha 6e-10."""
    n = 2000
    stream = stream_of({"a": list(range(n)), "b": ["x", "y"] * (n // 2)}, batch=173)
    means = []
    for seed in range(50):
        table, more = sample_stream(stream, 200, seed=seed)
        assert more
        assert table.rows.num_rows == 200
        assert table.headers == stream.headers
        places = table.rows.column("a").to_pylist()
        assert places == sorted(set(places))
        means.append(np.mean(places))
    error = np.sqrt((n**2 / 12) / 200 * (1 - 200 / n) / 50)
    assert abs(np.mean(means) - (n - 1) / 2) < 6.2 * error
    whole, more = sample_stream(stream, 5000)
    assert (whole.rows.num_rows, more) == (n, False)


def test_fingerprints_are_equal_for_equal_cells_alone() -> None:
    key = Key()
    texts = list(
        dict.fromkeys(
            [*(t for t in ODD_TEXTS if t is not None), "", "a", "aa", "a" * 5000, "a" * 5001, None]
        )
    )
    words = key.of(pa.array(texts, pa.string()))
    assert len(np.unique(words, axis=1).T) == len(texts)
    assert np.array_equal(words, key.of(pa.array(["pad", *texts], pa.large_string())[1:]))
    assert np.array_equal(words, key.of(pa.array(texts, pa.string()).dictionary_encode()))
    floats = pa.array([*ODD_FLOATS, float("nan"), float("nan")], pa.float64())
    distinct = len(floats.dictionary_encode(null_encoding="encode").dictionary)
    assert len(np.unique(key.of(floats), axis=1).T) == distinct
    assert not np.array_equal(words, Key().of(pa.array(texts, pa.string())))


@pytest.mark.parametrize("in_memory", [1, 1 << 20])
def test_a_pile_counts_what_is_on_it(in_memory: int) -> None:
    rng = np.random.default_rng(2)
    values = rng.integers(0, 3000, 20_000)
    key = Key(lanes=1)
    with Pile(1, in_memory=in_memory) as pile:
        for start in range(0, len(values), 777):
            pile.add(key.of(pa.array(values[start : start + 777])))
        assert distinct_in(pile) == len(np.unique(values))
        found = [len(words) for _, words in pile.parts(most=1000)]
        assert (sum(found), len(found)) == (20_000, 20)
