"""What every synthesizer must pass, ours and other people's.

`check_synthesizer` runs everything; the single checks are public so that a failing one can be
run alone. What may not happen here: a check that only our own synthesizers could pass.
"""

from __future__ import annotations

import random
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.random as numpy_random

from understudy.curator import MemoryCurator
from understudy.errors import UnderstudyError
from understudy.privacy import Budget, Unit
from understudy.release.canary import find_values
from understudy.schema import Schema
from understudy.source import SensitiveTable
from understudy.synthesize.model import ARRAYS_NAME, JSON_NAME, Model
from understudy.synthesize.protocol import Synthesizer
from understudy.testing.neighbours import Neighbour, neighbours
from understudy.testing.replay import digest_of, record, replay_all
from understudy.testing.tables import Example, example_tables

Facts: TypeAlias = frozenset[str]

MODEL_FACTS: Facts = frozenset(
    [
        "understudy_model",
        "synthesizer",
        "settings",
        "privacy",
        "rows",
        "pairs",
        "format",
        "columns",
        "codes",
        "derived",
    ]
)
"""What a model's JSON may hold at its top."""

COLUMN_FACTS: Facts = frozenset(
    ["header", "kind", "ordered", "paid", "reading", "marks", "labels", "standin"]
)
"""What it may hold about a column."""

COLUMN_ARRAYS: Facts = frozenset({"counts", "variances", "edges"})
"""Arrays of a column."""

CODES_ARRAYS = re.compile(
    r"(table|classes|within|weight|bias|condition)_\d+|weights|spread"
    r"|back_\d+\.(codes|starts|ends|valued)|prior\.(weights|means|roots)"
)
"""Arrays of a generator of codes."""


def fitted(
    synthesizer: Synthesizer,
    table: SensitiveTable,
    *,
    schema: Schema | None = None,
    unit: Unit | None = None,
    epsilon: float = 1.0,
    delta: float = 1e-6,
) -> tuple[Model, Budget]:
    """A model fitted to a table, and the budget it spent."""
    budget = Budget(epsilon, delta, unit)
    model = synthesizer.fit(MemoryCurator(table, budget=budget), schema or Schema())
    assert isinstance(model, Model), f"fit must return a Model, not {type(model).__name__}"
    return model, budget


def check_synthesizer(
    synthesizer: Synthesizer,
    tables: Iterable[Example] | None = None,
    *,
    schema: Schema | None = None,
) -> None:
    """Raise unless a synthesizer keeps every promise on every table.

    Parameters
    ----------
    synthesizer
        Any object with `name` and `fit`; see `Synthesizer`.
    tables
        Examples to try; all of `example_tables` by default, the awkward ones included.
    schema
        Declared facts for all of them.

    Raises
    ------
    AssertionError
        Saying which promise was broken on which table.

    Guarantees
    ----------
    None by proof: it finds mistakes, it does not show their absence.
    """
    examples: Sequence[Example] = tuple(tables) if tables is not None else example_tables()
    for example in examples:
        with _named(example.name):
            check_budget_kept(synthesizer, example, schema=schema)
            check_schema_kept(synthesizer, example, schema=schema)
            check_sampling(synthesizer, example, schema=schema)
            check_model_file(synthesizer, example, schema=schema)
            check_replay(synthesizer, example, schema=schema, odd=2 if example.awkward else 6)
    plain = [example for example in examples if not example.awkward]
    for example in plain[:1] or examples[:1]:
        with _named(example.name):
            check_noise_unseeded(synthesizer, example, schema=schema)


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Put the name of the table in front of whatever fails on it."""
    try:
        yield
    except AssertionError as problem:
        raise AssertionError(f"on the table {name!r}: {problem}") from problem
    except Exception as problem:
        told = str(problem) if isinstance(problem, UnderstudyError) else ""
        kind = type(problem).__name__
        raise AssertionError(
            f"on the table {name!r} the synthesizer raised {kind} {told}"
        ) from problem


def check_budget_kept(
    synthesizer: Synthesizer, example: Example, *, schema: Schema | None = None
) -> None:
    """Raise unless ε, δ and ρ spent stay within what was asked, from strict to generous."""
    for epsilon in (0.05, 1.0, 12.0):
        _, budget = fitted(
            synthesizer, example.table, schema=schema, unit=example.unit, epsilon=epsilon
        )
        spent = budget.epsilon_spent()
        assert budget.events, "nothing was charged: the model knows the rows for free or not at all"
        assert spent <= epsilon, f"epsilon {spent:.6g} was spent of {epsilon:.6g}"
        assert budget.spent_rho <= budget.rho * (1 + 1e-9), "more rho was spent than the run has"
        assert budget.spent_delta_selection <= budget.delta_selection * (1 + 1e-9), (
            "more delta was spent on selection than the run keeps for it"
        )


def check_schema_kept(
    synthesizer: Synthesizer, example: Example, *, schema: Schema | None = None
) -> None:
    """Raise unless synthetic tables have the table's columns, in order, of the same types."""
    model, _ = fitted(synthesizer, example.table, schema=schema, unit=example.unit)
    dropped = {column.name for column in (schema or Schema()).columns if column.action == "drop"}
    kept = [header for header in example.table.headers if header.name not in dropped]
    for rows in (0, 1, 250):
        made = model.sample(rows, seed=1)
        assert made.num_rows == rows, f"{made.num_rows} rows were drawn where {rows} were asked"
        assert made.column_names == [header.name for header in kept], (
            "the synthetic table has other columns, or in another order"
        )
        for header, field in zip(kept, made.schema, strict=True):
            assert field.type == header.type, (
                f"column {header.name!r} is {field.type} where the table has {header.type}"
            )
        made.validate(full=True)
    example.table.give_back(model.sample(20, seed=1))


def check_sampling(
    synthesizer: Synthesizer, example: Example, *, schema: Schema | None = None
) -> None:
    """Raise unless a seed reproduces a sample, another seed does not, and no count leaks."""
    model, _ = fitted(synthesizer, example.table, schema=schema, unit=example.unit, epsilon=12.0)
    first, again = model.sample(300, seed=7), model.sample(300, seed=7)
    assert first.equals(again), "the same seed gave two different samples"
    if not example.awkward:
        assert not first.equals(model.sample(300, seed=8)), "two seeds gave the same sample"
        assert not first.equals(model.sample(300)), "a sample without a seed repeats a seeded one"
    assert model.sample(seed=0).num_rows == round(model.rows), (
        "the default number of rows is not the noisy one"
    )


CANARY = "zq-canary-85130972"
_CANARY_NUMBER = 7_361_840_927


def check_model_file(
    synthesizer: Synthesizer, example: Example, *, schema: Schema | None = None
) -> None:
    """Raise unless the saved model holds no row, no pickle, no unknown field, and loads again."""
    planted, needles = _with_canary(example.table)
    model, _ = fitted(synthesizer, planted, schema=schema, unit=example.unit)
    with tempfile.TemporaryDirectory() as folder:
        place = model.save(Path(folder) / "model")
        files = sorted(path.name for path in place.iterdir())
        assert files == sorted([JSON_NAME, ARRAYS_NAME]), f"a model is two files, not {files}"
        seen = find_values(place, needles)
        assert not seen, f"a value that one row holds is in the model file {seen[0].path}"
        check_fields(model)
        loaded = Model.load(place)
        assert digest_of(loaded) == digest_of(model), "a loaded model is not the one saved"


def check_fields(model: Model) -> None:
    """Raise unless a model holds nothing but fields of the allow-list, none the size of a table."""
    facts, arrays = model.to_json()
    unknown = set(facts) - MODEL_FACTS
    assert not unknown, f"the model holds fields nobody allowed: {sorted(unknown)}"
    for column in facts["columns"]:
        unknown = set(column) - COLUMN_FACTS
        assert not unknown, f"a column holds fields nobody allowed: {sorted(unknown)}"
    for name, array in arrays.items():
        owner, _, part = name.partition(".")
        assert array.dtype.kind in "iufb", f"array {name!r} is not plain numbers"
        if owner.startswith("column_"):
            assert part in COLUMN_ARRAYS, f"array {name!r} is of no known kind"
        else:
            known = owner == "codes" and CODES_ARRAYS.fullmatch(part)
            assert known, f"array {name!r} belongs to nothing"


def _with_canary(table: SensitiveTable) -> tuple[SensitiveTable, list[str | int | float]]:
    """The table with one more row that could not be there by chance, and what to look for."""
    import pyarrow as pa

    needles: list[str | int | float] = []
    arrays = []
    for header in table.headers:
        old = table.rows.column(header.name)
        if pa.types.is_string(old.type):
            cell: Any = CANARY if len(needles) % 2 == 0 else str(_CANARY_NUMBER)
        elif pa.types.is_int64(old.type):
            cell = _CANARY_NUMBER
        elif pa.types.is_float64(old.type):
            cell = _CANARY_NUMBER + 0.5
        else:
            cell = None
        if cell is not None:
            needles.append(cell)
            fresh = pa.chunked_array([*old.chunks, pa.array([cell], old.type)], old.type)
        else:
            fresh = pa.chunked_array([*old.chunks, old.slice(0, 1).combine_chunks()], old.type)
        arrays.append(fresh)
    return table.with_rows(pa.table(arrays, schema=table.rows.schema)), list(dict.fromkeys(needles))


def check_replay(
    synthesizer: Synthesizer,
    example: Example,
    *,
    schema: Schema | None = None,
    odd: int = 6,
    others: Callable[[SensitiveTable], Iterable[Neighbour]] | None = None,
) -> None:
    """Raise unless record/replay passes on adversarial neighbours; see `replay`."""
    recording = record(
        lambda curator: synthesizer.fit(curator, schema or Schema()),
        example.table,
        unit=example.unit,
    )
    tables = (
        neighbours(recording.table, np.random.default_rng(5), example.unit, odd=odd)
        if others is None
        else others(recording.table)
    )
    for verdict in replay_all(recording, tables):
        verdict.require()


def check_noise_unseeded(
    synthesizer: Synthesizer, example: Example, *, schema: Schema | None = None
) -> None:
    """Raise unless equal seeds give different noise and global generators stay untouched."""
    kept_numpy, kept_python = numpy_random.get_state(legacy=False), random.getstate()  # noqa: NPY002  it is watched, not used
    digests = []
    try:
        for _ in range(2):
            numpy_random.seed(12345)  # noqa: NPY002  it is watched, not used
            random.seed(12345)
            before = _global_states()
            model, _ = fitted(synthesizer, example.table, schema=schema, unit=example.unit)
            assert _global_states() == before, "a fit moved or reseeded a global random generator"
            model.sample(10, seed=3)
            assert _global_states() == before, "sampling moved or reseeded a global generator"
            digests.append(digest_of(model))
    finally:
        numpy_random.set_state(kept_numpy)  # noqa: NPY002  it is watched, not used
        random.setstate(kept_python)
    assert digests[0] != digests[1], "two fits under the same seeds have the same noise"


def _global_states() -> tuple[str, str]:
    """The states of numpy's and Python's global generators."""
    state = numpy_random.get_state(legacy=False)["state"]  # noqa: NPY002  it is watched, not used
    return f"{state['key'].tobytes().hex()}{state['pos']}", repr(random.getstate())


__all__ = [
    "CANARY",
    "check_budget_kept",
    "check_fields",
    "check_model_file",
    "check_noise_unseeded",
    "check_replay",
    "check_sampling",
    "check_schema_kept",
    "check_synthesizer",
    "fitted",
]
