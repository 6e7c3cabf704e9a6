"""The result of an evaluation of several synthetic tables: each one's figures, and those across.

It is internal by type, as each table's figures are. What may not happen here: a measurement, or
a verdict about which table is best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from understudy.evaluate.figure import Figure, Measured, Skipped, plain
from understudy.evaluate.internal import InternalFigures

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedFigures:
    """Everything one evaluation found about one or more synthetic tables.

    Parameters
    ----------
    tables
        Name of a synthetic table to its figures, in the order given.
    across
        What the comparisons found; empty for a single table.
    seconds
        Wall-clock seconds of the whole evaluation.
    """

    tables: Mapping[str, InternalFigures]
    across: Measured
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return everything in JSON's types."""
        return {
            "tables": {name: figures.to_json() for name, figures in self.tables.items()},
            "across": {
                "figures": [figure.to_json() for figure in self.across.figures],
                "skipped": [
                    {"key": s.key, "title": s.title, "group": s.group, "reason": s.reason}
                    for s in self.across.skipped
                ],
                "charts": plain(self.across.charts),
            },
            "seconds": self.seconds,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ComparedFigures:
        """Rebuild from `to_json`."""
        across = data["across"]
        return cls(
            tables={name: InternalFigures.from_json(item) for name, item in data["tables"].items()},
            across=Measured(
                figures=tuple(Figure.from_json(item) for item in across["figures"]),
                skipped=tuple(Skipped(**item) for item in across["skipped"]),
                charts=across["charts"],
            ),
            seconds=data["seconds"],
        )
