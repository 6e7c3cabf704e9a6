"""Whatever makes synthetic rows, under one signature: ours, any object, any command.

A generator takes an invented table and gives back synthetic rows; nothing else of it is looked
at. What may not happen here: a statistic, or a table that holds anybody.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any, Protocol

import pyarrow as pa

from understudy.errors import GeneratorError, InputError, UnderstudyError
from understudy.schema import Schema
from understudy.synthesize.commanded import TIME_LIMIT, CommandGenerator
from understudy.synthesize.protocol import NON_PRIVATE_ONLY

_TOLD = 400


class Generator(Protocol):
    """Makes synthetic rows from a table."""

    @property
    def name(self) -> str:
        """What it is called in results."""
        ...

    def settings(self) -> dict[str, Any]:
        """What identifies it, as JSON."""
        ...

    def make(
        self, table: pa.Table, schema: Schema, *, epsilon: float, delta: float, rows: int, seed: int
    ) -> pa.Table:
        """Learn from a table and draw rows.

        Parameters
        ----------
        table
            An invented table.
        schema
            What may be taken as public about it.
        epsilon, delta
            The claim under audit.
        rows
            How many synthetic rows are wanted.
        seed
            Another one for every run; it may not reach privacy noise, but often does.

        Raises
        ------
        GeneratorError
            It failed; the message says how.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class OurGenerator:
    """A synthesizer that learns through a curator."""

    synthesizer: Any

    @property
    def name(self) -> str:
        """The synthesizer's own name."""
        return str(self.synthesizer.name)

    def settings(self) -> dict[str, Any]:
        """The synthesizer's settings."""
        made = self.synthesizer
        return asdict(made) if is_dataclass(made) and not isinstance(made, type) else {}

    def make(
        self, table: pa.Table, schema: Schema, *, epsilon: float, delta: float, rows: int, seed: int
    ) -> pa.Table:
        """Fit through a curator over the table, and sample.

        What can only be run without privacy is run so: the claim is then what an audit refutes.
        """
        from understudy.audit.claimed import ClaimedBudget
        from understudy.curator import MemoryCurator
        from understudy.privacy import Budget
        from understudy.privacy.budget import NonPrivateBudget
        from understudy.source import from_frame

        bare = tuple(getattr(self.synthesizer, "privacy", ())) == NON_PRIVATE_ONLY
        budget: Budget = NonPrivateBudget() if bare else ClaimedBudget(epsilon, delta)
        curator = MemoryCurator(from_frame(table), budget=budget)
        try:
            return self.synthesizer.fit(curator, schema).sample(rows, seed=seed)
        except UnderstudyError as failure:
            raise GeneratorError("the fit failed", failure=str(failure)) from failure


@dataclass(frozen=True, kw_only=True)
class FittedGenerator:
    """An object with `fit(frame)` and `sample(rows)`, as SDV, CTGAN, SmartNoise and dpmm have.

    Parameters
    ----------
    source
        The unfitted object, copied for every run, or a callable that makes one.
    name
        What it is called in results.
    """

    source: Any
    name: str

    def settings(self) -> dict[str, Any]:
        """Nothing is known about a foreign object but its name."""
        return {}

    def make(
        self, table: pa.Table, schema: Schema, *, epsilon: float, delta: float, rows: int, seed: int
    ) -> pa.Table:
        """Fit a fresh copy on a pandas frame and sample."""
        try:
            made = isinstance(self.source, type) or not hasattr(self.source, "fit")
            fresh = self.source() if made else copy.deepcopy(self.source)
            fitted = fresh.fit(table.to_pandas())
            drawn = (fresh if not hasattr(fitted, "sample") else fitted).sample(rows)
            return _as_arrow(drawn, table.column_names)
        except ImportError as missing:
            raise InputError(
                "objects are fitted on pandas frames, and pandas is not installed",
                hint="pip install pandas",
            ) from missing
        except Exception as failure:
            raise GeneratorError(
                "the object failed", failure=f"{type(failure).__name__}: {failure}"[:_TOLD]
            ) from failure


def as_generator(source: Any, *, name: str | None = None, limit: float = TIME_LIMIT) -> Generator:
    """Whatever was handed in, as a generator.

    Parameters
    ----------
    source
        A command line, one of our synthesizers, an object with `fit` and `sample`, a callable
        that makes one, or a generator.
    name
        What a foreign object is called; by default its class.
    limit
        Seconds for one run of a command.

    Raises
    ------
    InputError
        It is none of these.
    """
    if isinstance(source, str):
        return CommandGenerator(template=source, limit=limit)
    if callable(getattr(source, "make", None)) and callable(getattr(source, "settings", None)):
        found: Generator = source
        return found
    if learns_through_a_curator(source):
        return OurGenerator(synthesizer=source() if isinstance(source, type) else source)
    called = str(name or getattr(source, "__name__", type(source).__name__))
    if isinstance(source, type) or not hasattr(source, "fit"):
        if not callable(source):
            raise InputError(
                "what is audited must fit and sample",
                hint="give an object with fit(frame) and sample(rows), or a callable that makes one",
                given=type(source).__name__,
            )
        return FittedGenerator(source=source, name=called)
    if not hasattr(source, "sample"):
        raise InputError("what is audited fits, but has no sample(rows)", given=called)
    return FittedGenerator(source=source, name=called)


def learns_through_a_curator(source: Any) -> bool:
    """Whether `fit` takes a curator: then its measurements can be listened to."""
    fit: Callable[..., Any] | None = getattr(source, "fit", None)
    try:
        return callable(fit) and "curator" in inspect.signature(fit).parameters
    except (TypeError, ValueError):
        return False


def can_be_listened_to(synthesizer: Any) -> bool:
    """Whether it learns from noisy answers alone, and takes no rows: a white box needs that.

    >>> from understudy.synthesize.marginal.mst import MST
    >>> can_be_listened_to(MST())
    True
    """
    takes_rows = "non-private" in getattr(synthesizer, "privacy", ())
    return learns_through_a_curator(synthesizer) and not takes_rows


def _as_arrow(drawn: Any, names: list[str]) -> pa.Table:
    """Synthetic rows in whatever form: a frame, a dictionary of one frame, an array."""
    import narwhals as nw
    import numpy as np

    if isinstance(drawn, Mapping) and len(drawn) == 1:
        drawn = next(iter(drawn.values()))
    if isinstance(drawn, pa.Table):
        return drawn
    if isinstance(drawn, np.ndarray):
        return pa.table({name: drawn[:, place] for place, name in enumerate(names)})
    return nw.from_native(drawn, eager_only=True).to_arrow()
