"""One of our synthesizers or a foreign one, fitted anew on a part of the real rows.

Ours learn through a curator and spend a budget of their own on it. A foreign object is handed the
rows as a frame, as whoever fits it by hand would. What may not happen here: a fitted model that
outlives the call, or a foreign message, which may hold values, in an error.
"""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from understudy.errors import GeneratorError, InputError
from understudy.evaluate.cells import NULL_MARKERS, numbers_of
from understudy.schema import Schema
from understudy.source import SensitiveTable, from_frame
from understudy.synthesize import SYNTHESIZERS
from understudy.workflow.main_job import synthesize
from understudy.workflow.named import AUTO, named_synthesizer


class Refit(Protocol):
    """Makes synthetic rows from a part of the real ones."""

    @property
    def name(self) -> str:
        """What it is called in results."""
        ...

    @property
    def settings(self) -> str:
        """What tells it from others of that name, as text."""
        ...

    def make(self, part: SensitiveTable, *, seed: int) -> pa.Table:
        """Learn from a part and draw rows; the seed is of sampling, never of noise.

        Raises
        ------
        GeneratorError
            A foreign object failed.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class OurRefit:
    """A synthesizer of ours, fitted through the curator on a budget of its own."""

    synthesizer: Any
    schema: Schema
    epsilon: Any
    delta: float
    target: str | None = None
    units: tuple[str | None, int | None] = (None, None)

    @property
    def name(self) -> str:
        """The synthesizer's name."""
        made = self.synthesizer
        return made if isinstance(made, str) else str(made.name)

    @property
    def settings(self) -> str:
        """The synthesizer's settings."""
        made = self.synthesizer
        return str(asdict(made)) if is_dataclass(made) and not isinstance(made, type) else ""

    def make(self, part: SensitiveTable, *, seed: int, rows: int | None = None) -> pa.Table:
        """Fit, sample, forget the model; by default as many rows as were counted, with noise."""
        run = synthesize(
            part,
            epsilon=self.epsilon,
            delta=self.delta,
            schema=self.schema,
            synthesizer=self.synthesizer,
            target=self.target,
            holdout=0.0,
            unit_column=self.units[0],
            max_rows_per_unit=self.units[1],
            rows=rows,
            seed=seed,
            evaluate=False,
        )
        return run.table


@dataclass(frozen=True, kw_only=True)
class ForeignRefit:
    """An object with `fit(frame)` and `sample(rows)`, copied for every fit, or what makes one.

    Parameters
    ----------
    source
        The object, or a callable without arguments.
    numbers
        Columns that are numbers, whatever the file's cells are.
    """

    source: Any = field(repr=False)
    numbers: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the object, of its type, or of what makes it."""
        told = getattr(self.source, "name", None) or getattr(self.source, "__name__", None)
        return str(told or type(self.source).__name__)

    @property
    def settings(self) -> str:
        """Nothing is known about a foreign object."""
        return ""

    def make(self, part: SensitiveTable, *, seed: int) -> pa.Table:
        """Fit a copy on a pandas frame and sample as many rows."""
        frame = typed_frame(part, self.numbers)
        try:
            made = hasattr(self.source, "fit") and not isinstance(self.source, type)
            fresh = copy.deepcopy(self.source) if made else self.source()
            fitted = fresh.fit(frame)
            drawn = (fitted if hasattr(fitted, "sample") else fresh).sample(len(frame))
            return from_frame(drawn).rows
        except Exception as failure:  # noqa: BLE001 - a foreign object may raise anything
            raise GeneratorError(
                f"{self.name} failed to fit a frame or to sample one",
                hint="its message is not shown, for it may hold values; try it by itself",
                failure=type(failure).__name__,
            ) from None


def refitting(
    synthesizer: Any,
    *,
    schema: Schema,
    target: str,
    epsilon: Any,
    delta: float,
    units: tuple[str | None, int | None],
    numbers: tuple[str, ...],
) -> Refit:
    """What fits a synthesizer anew, or a refusal before anything is fitted.

    Raises
    ------
    InputError
        The name is unknown, one of ours has no epsilon, or a foreign one is given one.
    """
    if isinstance(synthesizer, str) and synthesizer != AUTO:
        named_synthesizer(synthesizer)
    ours = isinstance(synthesizer, (str, *SYNTHESIZERS()))
    if not ours:
        refit = ForeignRefit(source=synthesizer, numbers=numbers)
        if epsilon is not None:
            raise InputError(
                f"{refit.name} is given no epsilon by us",
                hint="set its budget in the object itself",
            )
        if not hasattr(synthesizer, "fit") and not callable(synthesizer):
            raise InputError(f"{refit.name} has no fit", hint="an object with fit and sample")
        return refit
    made = OurRefit(
        synthesizer=synthesizer, schema=schema, target=target, epsilon=epsilon, delta=delta,
        units=units,
    )  # fmt: skip
    if epsilon is None:
        raise InputError(f"{made.name} needs an epsilon", hint="the ε that each fit may spend")
    return made


def typed_frame(part: SensitiveTable, numbers: tuple[str, ...]) -> Any:
    """A pandas frame whose number columns are numbers; whole ones without gaps are integers.

    Raises
    ------
    InputError
        pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise InputError(
            "objects are fitted on pandas frames, and pandas is not installed",
            hint="pip install pandas",
        ) from None
    columns: dict[str, Any] = {}
    for name in part.column_names:
        cells = part.rows.column(name)
        if name not in numbers:
            columns[name] = cells.to_pandas()
            continue
        values = numbers_of(cells, NULL_MARKERS)
        whole = bool(np.all(np.isfinite(values)) and np.all(values == np.floor(values)))
        whole = whole and bool(np.all(np.abs(values) < 2**53))
        columns[name] = values.astype(np.int64) if whole else values
    return pd.DataFrame(columns)
