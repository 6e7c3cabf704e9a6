"""The conformance suites: a third party's synthesizer passes, broken ones do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest

from understudy.curator import Count, Curator, LabelCells, MemoryCurator
from understudy.curator.protocol import Tally
from understudy.errors import SchemaError
from understudy.prepare.attributes import Attribute
from understudy.privacy import Unit
from understudy.schema import Column, Kind, Schema
from understudy.source import SensitiveTable, from_frame
from understudy.synthesize.baseline.independent import Independent
from understudy.synthesize.marginal.aim import AIM
from understudy.synthesize.marginal.codes import MarginalCodes
from understudy.synthesize.marginal.domain import Domain
from understudy.synthesize.marginal.estimate import proportional_fit
from understudy.synthesize.marginal.margnet import MargNet
from understudy.synthesize.marginal.measurement import Measurement
from understudy.synthesize.marginal.mst import MST
from understudy.synthesize.model import Model
from understudy.synthesize.protocol import Progress, silent
from understudy.testing import (
    check_curator,
    check_model_file,
    check_replay,
    check_sampling,
    check_schema_kept,
    check_synthesizer,
    example_tables,
    neighbours,
    record,
    replay,
    replay_all,
)
from understudy.testing.tables import Example

COLOURS, SIZES = ("red", "green", "blue"), ("s", "m")
SCHEMA = Schema(
    columns=(
        Column(name="colour", categories=COLOURS, nulls=()),
        Column(name="size", categories=SIZES, nulls=()),
    )
)


def shop(rows: int = 300) -> Example:
    """Two declared columns, some cells outside the declaration."""
    rng = np.random.default_rng(8)
    colour = rng.choice([*COLOURS, "violet"], rows, p=[0.5, 0.3, 0.15, 0.05]).tolist()
    cells = {"colour": colour, "size": rng.choice(SIZES, rows).tolist()}
    table = pa.table({name: pa.array(part, pa.string()) for name, part in cells.items()})
    return Example(name="shop", table=from_frame(table), awkward=False)


@dataclass(frozen=True, kw_only=True)
class Histograms:
    """A third party's synthesizer: declared labels, one histogram each, nothing else."""

    name: ClassVar[str] = "histograms"

    def fit(
        self,
        curator: Curator,
        schema: Schema,
        *,
        target: str | None = None,
        progress: Progress = silent,
    ) -> Model:
        """One noisy histogram per column."""
        headers = curator.headers
        labels = {header.name: schema.column(header.name).categories for header in headers}
        if not all(labels.values()):
            raise SchemaError("every column needs declared categories")
        sigma = float(
            curator.unit.count_l2
            * np.sqrt(len(headers) / (2 * curator.budget.remaining_rho))
            * (1 + 1e-9)
        )
        cells = {name: LabelCells(column=name, labels=told or ()) for name, told in labels.items()}
        answers = curator.ask(
            [Count(encodings=(one,), sigma=sigma, stage="singles") for one in cells.values()]
        )
        counts = [np.maximum(answer, 0.0) + 1e-6 for answer in answers]
        rows = float(max(np.mean([answer.sum() for answer in answers]), 1.0))
        attributes = tuple(
            Attribute(
                header=header,
                kind=Kind.CATEGORY,
                encoding=cells[header.name],
                counts=part * rows / part.sum(),
                variances=np.full(len(part), sigma**2),
            )
            for header, part in zip(headers, counts, strict=True)
        )
        domain = Domain(
            tuple(item.name for item in attributes), tuple(len(item.counts) for item in attributes)
        )
        singles = [Measurement((item.name,), item.counts, 1.0) for item in attributes]
        return Model(
            attributes=attributes,
            codes=MarginalCodes(markov=proportional_fit(domain, singles, rows)),
            rows=rows,
            synthesizer=self.name,
        )


def test_a_third_partys_synthesizer_passes() -> None:
    check_synthesizer(Histograms(), [shop()], schema=SCHEMA)


@dataclass(frozen=True, kw_only=True)
class Broken(Histograms):
    """The same with a fault: before, inside or after the fit."""

    after: Callable[[Model, Curator], Model] = lambda model, _curator: model
    before: Callable[[Curator], None] = lambda _curator: None

    def fit(self, curator: Curator, schema: Schema, **named: Any) -> Model:
        """Fit with the fault."""
        self.before(curator)
        return self.after(Histograms.fit(self, curator, schema, **named), curator)


def _exact_rows(model: Model, curator: Curator) -> Model:
    return replace(model, rows=float(curator.exact(Count(encodings=(), sigma=1.0, stage="x"))))


def _own_randomness(model: Model, _curator: Curator) -> Model:
    return replace(model, rows=model.rows + float(np.random.default_rng().random()))


def _global_seed(_curator: Curator) -> None:
    np.random.seed(1)  # noqa: NPY002  the fault


def _twice(model: Model, curator: Curator) -> Model:
    cells = LabelCells(column="colour", labels=COLOURS)
    sigma = float(1 / np.sqrt(2 * curator.budget.rho))
    curator.ask([Count(encodings=(cells,), sigma=sigma, stage="x")])
    return model


def _depends_on_rows(curator: Curator) -> None:
    rows = int(curator.exact(Count(encodings=(), sigma=1.0, stage="x")))
    cells = LabelCells(column="colour", labels=COLOURS[: 1 + rows % 3])
    curator.ask([Count(encodings=(cells,), sigma=4_000.0, stage="x")])


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"after": _exact_rows}, "reaches past"),
        ({"after": _own_randomness}, "another model"),
        ({"before": _global_seed}, "global random"),
        ({"after": _twice}, "BudgetExceeded"),
        (
            {"after": lambda model, _: replace(model, attributes=model.attributes[::-1])},
            "another order",
        ),
        ({"after": lambda model, _: replace(model, attributes=model.attributes[:1])}, "columns"),
        (
            {"after": lambda model, _: replace(model, settings={"seen": ["zq-canary-85130972"]})},
            "is in the model file",
        ),
        ({"after": lambda model, _: model.to_json()}, "must return a Model"),
    ],
    ids=["exact rows", "own randomness", "global seed", "overspends", "order", "columns", "canary",
         "no model"],
)  # fmt: skip
def test_a_broken_synthesizer_is_named(fault: dict[str, Any], told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        check_synthesizer(Broken(**fault), [shop()], schema=SCHEMA)


def test_control_flow_that_follows_the_rows_is_seen() -> None:
    with pytest.raises(AssertionError, match="not the recorded one"):
        check_replay(Broken(before=_depends_on_rows), shop(), schema=SCHEMA)


def test_a_failure_on_one_neighbour_only_is_seen() -> None:
    def fail(curator: Curator) -> None:
        if int(curator.exact(Count(encodings=(), sigma=1.0, stage="x"))) % 2:
            raise ValueError("odd")

    recording = record(
        lambda curator: Broken(before=fail).fit(curator, SCHEMA), shop().table, epsilon=2.0
    )
    fewer = recording.table.with_rows(recording.table.rows.slice(1))
    assert any("raised ValueError" in found for found in replay(recording, fewer).findings)


def test_synthesizers_of_ours_pass_on_awkward_tables() -> None:
    few = [e for e in example_tables() if e.name in {"one column", "one row", "all null"}]
    check_synthesizer(Independent(), few)


def test_synthesizers_of_ours_pass_on_a_typed_table_and_on_people() -> None:
    for example in example_tables():
        if example.name in {"typed", "visits"}:
            check_schema_kept(MST(), example)
            check_model_file(MST(), example)
            check_sampling(MST(), example)


@pytest.mark.slow
@pytest.mark.parametrize(
    "synthesizer",
    [Independent(), MST(), AIM(), MargNet(components=32, passes=10)],
    ids=lambda one: one.name,
)
def test_synthesizers_of_ours_pass_everything(synthesizer: Any) -> None:
    check_synthesizer(synthesizer)


def test_ten_thousand_categories_fit_and_sample() -> None:
    example = next(e for e in example_tables() if e.name.startswith("10,000"))
    check_schema_kept(MST(), example)


def test_the_memory_curator_passes() -> None:
    check_curator(MemoryCurator)


class _Miscounts(MemoryCurator):
    def exact(self, question: Any) -> Any:
        found = super().exact(question)
        return (
            found + (np.arange(found.size).reshape(found.shape) == 1)
            if isinstance(question, Count)
            else found
        )


class _ForgetsLabels(MemoryCurator):
    def exact(self, question: Any) -> Any:
        found = super().exact(question)
        if isinstance(found, Tally):
            return Tally(labels=found.labels[1:], counts=found.counts[1:])
        return found


class _Late(MemoryCurator):
    def ask(self, questions: Any) -> list[Any]:
        counted = [self.exact(question) for question in questions]
        super().ask(questions)
        return counted


class _ForgetsUnit(MemoryCurator):
    def __init__(self, table: SensitiveTable, *, budget: Any) -> None:
        super().__init__(table, budget=budget)
        self._table = table


class _Tells(MemoryCurator):
    def __repr__(self) -> str:
        return f"Tells({self._table.rows.to_pydict()})"


@pytest.mark.parametrize(
    ("factory", "told"),
    [
        (_Miscounts, "differ|miscounted"),
        (_ForgetsLabels, "labels"),
        (_Late, "before it was charged"),
        (_ForgetsUnit, "rows of each unit"),
        (_Tells, "shows a cell"),
    ],
)
def test_a_broken_curator_is_named(factory: Any, told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        check_curator(factory)


@pytest.mark.parametrize("example", example_tables()[:3:2], ids=lambda one: one.name)
def test_neighbours_differ_by_one_unit(example: Example) -> None:
    """Rows of one unit differ and no other, as multisets."""
    table, unit = example.table, example.unit
    if unit.column is not None:
        recording = record(lambda c: Independent().fit(c, Schema()), table, unit=unit)
        table = recording.table

    def held(one: SensitiveTable) -> dict[str, int]:
        found: dict[str, int] = {}
        for row in zip(*(part.to_pylist() for part in one.rows.columns), strict=True):
            found[repr(row)] = found.get(repr(row), 0) + 1
        return found

    before = held(table)
    for other in neighbours(table, np.random.default_rng(0), unit):
        after = held(other.table)
        gone = sum(max(before.get(row, 0) - after.get(row, 0), 0) for row in before)
        new = sum(max(after.get(row, 0) - before.get(row, 0), 0) for row in after)
        assert min(gone, new) == 0
        if unit == Unit():
            assert gone + new == 1, other.name
        else:
            assert 1 <= gone + new <= 3 * unit.max_rows, other.name


def test_replay_all_starts_with_the_table_itself() -> None:
    recording = record(lambda curator: Histograms().fit(curator, SCHEMA), shop().table)
    first, *rest = replay_all(recording, neighbours(recording.table, np.random.default_rng(0)))
    assert first.passed
    assert first.largest == 0.0
    assert max(verdict.largest for verdict in rest) == 1.0
