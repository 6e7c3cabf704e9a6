"""Tolerances: how far from the real answer a purpose bears to be.

What may not happen here: a purpose without a bound.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from understudy.schema.column import Frozen

_Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Tolerance(Frozen):
    """What a purpose bears; at least one measure is given."""

    @model_validator(mode="after")
    def _something(self) -> Tolerance:
        """Refuse a tolerance that promises nothing."""
        if not self.given():
            names = ", ".join(type(self).model_fields)
            raise ValueError(f"a tolerance needs at least one of {names}")
        return self

    def given(self) -> dict[str, float]:
        """The measures that are bounded, by name."""
        told = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: value for name, value in told.items() if value is not None}


class TableTolerance(Tolerance):
    """How far a table may be from the real one.

    Parameters
    ----------
    tvd
        Total variation distance: the share of rows that would have to move, in (0, 1].
    cell_share
        Largest difference of any cell's share, in (0, 1].
    """

    tvd: _Share | None = None
    cell_share: _Share | None = None


class RegressionTolerance(Tolerance):
    """How far a regression may be from the real one.

    Parameters
    ----------
    interval_overlap
        Least mean overlap of the coefficients' 95 % intervals, in (0, 1].
    same_conclusion
        Least share of coefficients with the same sign and the same significance at 5 %.
    coefficient_difference
        Largest difference of any coefficient, for numbers per real standard deviation (and in
        real standard deviations of the outcome, when it is a number).
    """

    interval_overlap: _Share | None = None
    same_conclusion: _Share | None = None
    coefficient_difference: _Positive | None = None


class ClassifierTolerance(Tolerance):
    """How much worse classifiers may predict real rows when trained on synthetic ones.

    Parameters
    ----------
    auc_gap
        Largest mean AUC trained on real rows less AUC trained on synthetic rows, in (0, 0.5].
    """

    auc_gap: Annotated[float, Field(gt=0, le=0.5, allow_inf_nan=False)] | None = None


class SubgroupTolerance(Tolerance):
    """How far a figure of any subgroup may be from the real one.

    Parameters
    ----------
    absolute
        In the variable's unit; for shares a difference of shares.
    relative
        As a part of the real figure's size.
    """

    absolute: _Positive | None = None
    relative: _Positive | None = None
