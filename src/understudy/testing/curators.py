"""What every curator must pass, wherever it keeps its rows.

The reference is the slowest there can be: one cell at a time, in Python. What may not happen
here: a code path shared with the curator under test, other than reading one cell.
"""

from __future__ import annotations

import bisect
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from understudy.cells.reading import Reading
from understudy.curator import (
    Candidate,
    CellClasses,
    Choose,
    Count,
    Curator,
    Discover,
    Distinct,
    Encoding,
    LabelCells,
    Merged,
    NumberCells,
)
from understudy.curator.encodings import encode
from understudy.curator.protocol import Tally
from understudy.curator.questions import Question
from understudy.errors import BudgetError
from understudy.privacy import Budget, Unit
from understudy.schema import Kind, Storage
from understudy.source import SensitiveTable, from_frame
from understudy.testing.neighbours import ODD_FLOATS, ODD_TEXTS
from understudy.testing.tables import visits

Factory: TypeAlias = Callable[..., Curator]
"""Makes a curator from `(table, budget=...)`."""


def check_curator(factory: Factory, *, odd: SensitiveTable | None = None) -> None:
    """Raise unless a curator counts as brute force does and charges before it counts.

    Parameters
    ----------
    factory
        Makes a curator over a `SensitiveTable` from `(table, budget=...)`.
    odd
        Another `odd_table`, for a place that cannot hold every cell of it.

    Raises
    ------
    AssertionError
        Saying what differs.
    """
    odd = odd or odd_table()
    check_exact_answers(factory, odd)
    check_one_row_one_cell(factory, odd)
    check_charged_first(factory, odd)
    check_refuses_first(factory, odd)
    check_unit_bounded(factory)
    check_says_nothing(factory)


def odd_table(*, nul: bool = True) -> SensitiveTable:
    """Texts and floats with every odd cell once, and some usual ones; without NUL if need be."""
    texts = [*ODD_TEXTS, "12", "12", "7.25", "a", "b", "a", "  ", "NA"]
    if not nul:
        texts = [text and text.replace("\0", "") for text in texts]
    floats = [(*ODD_FLOATS, 1.0, 2.5, -3.0)[place % 11] for place in range(len(texts))]
    labels = ["x", "y", None]
    return from_frame(
        pa.table(
            {
                "text": pa.array(texts, pa.string()),
                "number": pa.array(floats, pa.float64()),
                "label": pa.array([labels[place % 3] for place in range(len(texts))], pa.string()),
                "whole": pa.array(range(len(texts)), pa.int64()),
            }
        )
    )


def encodings() -> tuple[Encoding, ...]:
    """One encoding of every kind over the columns of `odd_table`."""
    steps = Reading(kind=Kind.NUMBER, decimals=2)
    line = NumberCells(
        column="text", reading=steps, edges=(-500.0, 0.0, 300.0, 1000.0), marks=("", "?", None)
    )
    floats = NumberCells(
        column="number", reading=Reading(kind=Kind.NUMBER), edges=(-2.0, 0.0, 1.0, 9.0)
    )
    labels = LabelCells(column="label", labels=("y", None))
    whole = NumberCells(
        column="whole", reading=Reading(kind=Kind.NUMBER, decimals=0), edges=(0.0, 4.0, 9.0)
    )
    return (
        line,
        floats,
        labels,
        whole,
        LabelCells(column="text", labels=("12", " ", "a")),
        LabelCells(column="number", labels=("1", "2.5", None)),
        Merged(base=line, into=(0, 0, 1, 1, 2, 2, 0)),
        CellClasses(column="text"),
        CellClasses(column="number", floats=True),
    )


def check_exact_answers(factory: Factory, odd: SensitiveTable | None = None) -> None:
    """Raise unless exact answers equal brute force, for one column and for pairs."""
    table = odd or odd_table()
    curator = factory(table, budget=Budget(1.0))
    cells = {name: table.rows.column(name).to_pylist() for name in table.column_names}
    storage = {header.name: header.storage for header in table.headers}
    every = encodings()
    size = len(cells["text"])
    assert int(curator.exact(Count(encodings=(), sigma=1.0, stage="t"))) == size, "rows miscounted"
    chosen = [*((one,) for one in every), *itertools.combinations(every[:7], 2)]
    counted = [np.zeros(tuple(one.size for one in clique), dtype=np.int64) for clique in chosen]
    for clique, wanted in zip(chosen, counted, strict=True):
        for place in range(size):
            wanted[
                tuple(code_of(one, cells[one.column][place], storage[one.column]) for one in clique)
            ] += 1
    counts = [Count(encodings=clique, sigma=1.0, stage="t") for clique in chosen]
    offers = [
        Candidate(encodings=clique, expected=np.full(wanted.shape, 0.5), penalty=2.0, weight=0.5)
        for clique, wanted in zip(chosen, counted, strict=True)
    ]
    choice = Choose(candidates=tuple(offers), epsilon=1.0, stage="t")
    *answers, scores = curator.exact_all([*counts, choice])
    for clique, wanted, found, score in zip(chosen, counted, answers, scores, strict=True):
        assert np.shape(found) == wanted.shape, "an answer has another shape than its question"
        assert np.asarray(found).dtype.kind in "iu", "counts must be whole numbers"
        assert np.array_equal(found, wanted), (
            f"counts over {[one.column for one in clique]} differ from brute force"
        )
        by_hand = 0.5 * (np.abs(wanted - 0.5).sum() - 2.0)
        assert np.allclose(score, by_hand), "a score differs"
    alone = np.asarray(curator.exact(counts[-1]))
    assert np.array_equal(alone, counted[-1]), "a question alone has another answer than in a batch"
    for column in ("text", "label"):
        tally = curator.exact(Discover(column=column, sigma=1.0, delta=1e-9, stage="t"))
        assert isinstance(tally, Tally), "Discover has a Tally for its exact answer"
        told = dict(zip(tally.labels, tally.counts.tolist(), strict=True))
        assert told == dict(Counter(cells[column])), f"labels of {column} differ from brute force"
        distinct = curator.exact(Distinct(column=column, sigma=1.0, stage="t"))
        assert distinct == len(set(cells[column])), f"distinct cells of {column} differ"


def code_of(encoding: Encoding, cell: Any, storage: Storage) -> int:
    """The code of one cell, the slow way."""
    match encoding:
        case Merged():
            return encoding.into[code_of(encoding.base, cell, storage)]
        case LabelCells():
            label = _spelled(cell)
            if isinstance(cell, str) and cell and not cell.strip() and " " in encoding.labels:
                label = " "
            known = list(encoding.labels)
            return known.index(label) if label in known else len(known)
        case NumberCells():
            blank = isinstance(cell, str) and cell and not cell.strip()
            mark = " " if blank and " " in encoding.marks else cell
            if mark in encoding.marks:
                return encoding.cells + encoding.marks.index(mark)
            number = _number(encoding.reading, cell)
            if number is None:
                return encoding.size - 1
            return min(max(bisect.bisect_right(encoding.edges, number) - 1, 0), encoding.cells - 1)
    kind = pa.float64() if encoding.floats else pa.string()
    return int(encode(encoding, pa.array([cell], kind), storage)[0])


def _spelled(cell: Any) -> str | None:
    """A cell as a label is spelled."""
    if isinstance(cell, float) and cell == cell and abs(cell) < 2**53 and cell == int(cell):  # noqa: PLR0124
        return str(int(cell))
    return None if cell is None else str(cell)


def _number(reading: Reading, cell: Any) -> float | None:
    """A cell in lattice steps, or None when it cannot be read."""
    if isinstance(cell, str):
        numbers, readable = reading.numbers(pa.array([cell], pa.string()))
        if not readable[0]:
            return None
        value = float(numbers[0])
    elif cell is None or not np.isfinite(cell):
        return None
    else:
        value = float(cell)
    return value if reading.unit is None else float(np.rint(value / reading.unit))


def check_one_row_one_cell(factory: Factory, odd: SensitiveTable | None = None) -> None:
    """Raise unless every cell, however odd, adds one to exactly one code of every encoding."""
    whole = odd or odd_table()
    for place in range(whole.rows.num_rows):
        table = whole.with_rows(whole.rows.slice(place, 1))
        curator = factory(table, budget=Budget(1.0))
        asked = [Count(encodings=(one,), sigma=1.0, stage="t") for one in encodings()]
        for answer in curator.exact_all(asked):
            counts = np.asarray(answer)
            assert counts.sum() == 1, "one row is counted in no cell, or in several"
            assert counts.min() == 0, "a count is negative"


class _Order:
    """Which of charging and counting came first: both ways to an exact answer are watched."""

    def __init__(self, curator: Curator, budget: Budget) -> None:
        self.counted: list[int] = []
        one, every = curator.exact, curator.exact_all

        def exact(question: Question) -> Any:
            self.counted.append(len(budget.events))
            return one(question)

        def exact_all(questions: Sequence[Question]) -> list[Any]:
            self.counted.append(len(budget.events))
            return every(questions)

        curator.exact = exact  # type: ignore[method-assign]
        curator.exact_all = exact_all  # type: ignore[method-assign]


def _batch() -> list[Question]:
    """Three questions of different kinds."""
    return [
        Count(encodings=(encodings()[2],), sigma=20.0, stage="t"),
        Distinct(column="label", sigma=20.0, stage="t"),
        Discover(column="label", sigma=20.0, delta=1e-8, stage="t"),
    ]


def check_charged_first(factory: Factory, odd: SensitiveTable | None = None) -> None:
    """Raise unless a batch is charged, one event per question, before anything is counted."""
    budget = Budget(1.0)
    curator = factory(odd or odd_table(), budget=budget)
    order = _Order(curator, budget)
    answers = curator.ask(_batch())
    assert len(answers) == len(_batch()), "a question was not answered"
    assert len(budget.events) == len(_batch()), "every question needs its own event"
    assert order.counted, "ask counts through neither exact nor exact_all: nothing can watch it"
    assert min(order.counted) == len(_batch()), "something was counted before it was charged"
    assert curator.ask([]) == [], "no questions have no answers"


def check_refuses_first(factory: Factory, odd: SensitiveTable | None = None) -> None:
    """Raise unless a batch beyond the budget is refused before anything is counted or charged."""
    budget = Budget(0.1)
    curator = factory(odd or odd_table(), budget=budget)
    order = _Order(curator, budget)
    for batch in (
        [Count(encodings=(encodings()[2],), sigma=0.5, stage="t")],
        [*_batch(), Count(encodings=(), sigma=0.5, stage="t")],
        [Discover(column="label", sigma=500.0, delta=1e-3, stage="t")],
    ):
        try:
            curator.ask(batch)
        except BudgetError:
            continue
        raise AssertionError("a question beyond the budget was answered")
    assert not order.counted, "something was counted that the budget did not cover"
    assert not budget.events, "something was charged although the batch was refused"


def check_unit_bounded(factory: Factory) -> None:
    """Raise unless each unit contributes at most its bound of rows, and its rest is ignored."""
    table = from_frame(visits(np.random.default_rng(3)))
    held = Counter(table.rows.column("patient").to_pylist())
    for bound in (1, 2, 50):
        unit = Unit(column="patient", max_rows=bound)
        budget = Budget(1.0, unit=unit)
        curator = factory(table, budget=budget)
        assert curator.unit == unit, "the curator does not protect the unit of its budget"
        rows = int(curator.exact(Count(encodings=(), sigma=1.0, stage="t")))
        assert rows == sum(min(count, bound) for count in held.values()), (
            f"with at most {bound} rows of each unit another number of rows is counted"
        )
        names = LabelCells(column="patient", labels=tuple(held))
        each = np.asarray(curator.exact(Count(encodings=(names,), sigma=1.0, stage="t")))
        assert each.max() <= bound, "one unit contributes more rows than its bound"


def check_says_nothing(factory: Factory) -> None:
    """Raise unless a curator's repr and its errors hold no cell."""
    secret = "zq-secret-40917"  # noqa: S105  a canary, no password
    table = from_frame(pa.table({"a": pa.array([secret, "1"], pa.string())}))
    curator = factory(table, budget=Budget(1.0))
    assert secret not in repr(curator), "the repr of the curator shows a cell"

    def fail(asked: Any) -> Any:  # noqa: ARG001  the signature of exact and exact_all
        raise ValueError(f"cannot read {secret}")

    curator.exact = fail  # type: ignore[method-assign, assignment]
    curator.exact_all = fail  # type: ignore[method-assign, assignment]
    try:
        curator.ask([Count(encodings=(), sigma=20.0, stage="t")])
    except Exception as problem:  # noqa: BLE001  whatever comes out is looked at
        chain = [problem, problem.__cause__, problem.__context__]
        assert not any(secret in f"{link!s}{link!r}" for link in chain), (
            "an error that passes the door holds a cell"
        )
    else:
        raise AssertionError("an error inside the curator was swallowed")
