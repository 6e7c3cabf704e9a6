"""Patterns keep no letter or digit, and random text follows them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.cells.patterns import TOO_LONG, capacity, fill, fill_unique, pattern


@settings(max_examples=80, deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(max_size=80)), max_size=10))
def test_patterns_are_total_and_keep_nothing(cells: list[str | None]) -> None:
    shapes = pattern(pa.array(cells, pa.string())).to_pylist()
    for cell, shape in zip(cells, shapes, strict=True):
        assert (shape is None) == (cell is None)
        if cell is not None and shape is not None:
            assert shape == TOO_LONG if len(cell) > 64 else len(shape) == len(cell)
            assert all(c in "9Aa" for c in shape if c.isascii() and c.isalnum())


@pytest.mark.parametrize("form", ["AA-9999", "C999999999", "9999-AAAAA", "Éa9", "", "---", "9"])
def test_filled_text_has_the_pattern(form: str) -> None:
    rng = np.random.default_rng(0)
    texts = fill(form, 50, rng)
    assert len(texts) == 50
    assert set(pattern(pa.array(texts)).to_pylist()) == set(pattern(pa.array([form])).to_pylist())


@pytest.mark.parametrize(("form", "n"), [("AA-99", 5_000), ("9", 500), ("", 20), ("9999", 9_000)])
def test_unique_text_is_unique_even_when_the_pattern_is_too_small(form: str, n: int) -> None:
    texts = fill_unique(form, n, np.random.default_rng(1)).to_pylist()
    assert len(set(texts)) == n


def test_bare_numbers_do_not_start_with_zero() -> None:
    assert capacity("9999") == 9_000
    assert all(text[0] != "0" for text in fill("9999", 500, np.random.default_rng(2)))


def test_the_generator_decides() -> None:
    one = fill_unique("AA99", 100, np.random.default_rng(3)).to_pylist()
    assert one == fill_unique("AA99", 100, np.random.default_rng(3)).to_pylist()
    assert one != fill_unique("AA99", 100, np.random.default_rng(4)).to_pylist()
