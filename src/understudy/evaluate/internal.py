"""The result of an evaluation: figures computed on real rows, and material for charts.

It is internal by type; nothing here turns it into anything public. What may not happen here: a
value from the data in a representation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from understudy.evaluate.distributions import Distribution
from understudy.evaluate.figure import Figure, Skipped, plain
from understudy.evaluate.purposes.answer import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True, slots=True)
class InternalFigures:
    """Everything one evaluation found.

    Parameters
    ----------
    figures
        What was measured, in the order of the metrics.
    skipped
        What was not, and why.
    left_out
        (column, reason) of columns that were not compared.
    distributions
        Each compared column, real beside synthetic.
    charts
        Material by name in JSON's types: `pair_trends` (columns, score, real_strength),
        `worst_columns`, `worst_pairs`, `smoke`.
    kinds
        Kind of each compared column.
    rows, sampled
        Rows of each table, and how many of them were used where a figure samples.
    target, seed
        As asked.
    timings
        Seconds by metric, and `total`.
    answers
        Answers to purposes, in their order.
    """

    figures: tuple[Figure, ...]
    skipped: tuple[Skipped, ...]
    left_out: tuple[tuple[str, str], ...]
    distributions: tuple[Distribution, ...] = field(repr=False)
    charts: Mapping[str, Any] = field(repr=False)
    kinds: Mapping[str, str]
    rows: Mapping[str, int]
    sampled: Mapping[str, int]
    target: str | None
    seed: int
    timings: Mapping[str, float]
    answers: tuple[Answer, ...] = ()

    def figure(self, key: str) -> Figure | None:
        """Return the figure of a key, or None if it was not measured."""
        return next((figure for figure in self.figures if figure.key == key), None)

    def group(self, name: str) -> tuple[Figure, ...]:
        """Return the figures of a group."""
        return tuple(figure for figure in self.figures if figure.group == name)

    def answer(self, purpose: str) -> Answer | None:
        """Return the answer to the purpose of this name, or None."""
        return next((answer for answer in self.answers if answer.name == purpose), None)

    @property
    def worst_columns(self) -> list[Mapping[str, Any]]:
        """Up to ten columns with the lowest shape score, worst first."""
        return list(self.charts.get("worst_columns", ()))

    @property
    def worst_pairs(self) -> list[Mapping[str, Any]]:
        """Up to ten pairs with the lowest similarity, worst first."""
        return list(self.charts.get("worst_pairs", ()))

    @property
    def pair_trends(self) -> Mapping[str, Any] | None:
        """The matrix of pair similarities, or None."""
        return self.charts.get("pair_trends")

    def to_json(self) -> dict[str, Any]:
        """Return everything in JSON's types."""
        return {
            "figures": [figure.to_json() for figure in self.figures],
            "skipped": [
                {"key": s.key, "title": s.title, "group": s.group, "reason": s.reason}
                for s in self.skipped
            ],
            "left_out": [list(item) for item in self.left_out],
            "distributions": [item.to_json() for item in self.distributions],
            "charts": plain(self.charts),
            "kinds": dict(self.kinds),
            "rows": dict(self.rows),
            "sampled": dict(self.sampled),
            "target": self.target,
            "seed": self.seed,
            "timings": dict(self.timings),
            "answers": [answer.to_json() for answer in self.answers],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> InternalFigures:
        """Rebuild from `to_json`."""
        return cls(
            **{
                **data,
                "figures": tuple(Figure.from_json(item) for item in data["figures"]),
                "skipped": tuple(Skipped(**item) for item in data["skipped"]),
                "answers": tuple(Answer.from_json(item) for item in data.get("answers", ())),
                "left_out": tuple((item[0], item[1]) for item in data["left_out"]),
                "distributions": tuple(
                    Distribution.from_json(item) for item in data["distributions"]
                ),
            }
        )
