"""Other shares for one column, everything else following from its conditional distribution.

Each row's probability is multiplied by what its group is to hold over what it holds. What may not
happen here: a budget, or a change of how the other columns depend on the one that is changed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from understudy.curator import NumberCells
from understudy.errors import InputError
from understudy.prepare.attributes import Attribute
from understudy.schema import did_you_mean
from understudy.synthesize.conditioning.boxes import boxes_of
from understudy.synthesize.conditioning.comparisons import (
    Comparison,
    Every,
    Formula,
    comparisons,
)
from understudy.synthesize.conditioning.levels import Mask, cuts_of, selected
from understudy.synthesize.conditioning.where import IMPOSSIBLE, cut_model, rebuilt

if TYPE_CHECKING:
    from understudy.synthesize.model import Model

Shares = Mapping[str | None, float]

_ROUNDING = 1e-9
_SIGNED = re.compile(r"\s*(<=|>=|<|>|==?)\s*(.+?)\s*", re.DOTALL)
_RANGE = re.compile(r"\s*(.+?)\s+to\s+(.+?)\s*", re.DOTALL)
_EXAMPLE = 'for example: "income: <=50K=0.5, >50K=0.5" or "age: <30=20%, 30 to 64=50%, >=65=30%"'


def rebalance(model: Model, column: str, shares: Shares) -> Model:
    """A model with these shares of a column; see `Model.rebalance`."""
    from understudy.synthesize.model import Derivation

    if column not in model.columns:
        raise InputError(
            f"the model has no column {column!r}", hint=did_you_mean(column, model.columns)
        )
    wanted = _checked(column, shares)
    item = next(one for one in model.attributes if one.name == column)
    formulas = {group: _group(item, group) for group in wanted}
    cuts = {
        cut for f in formulas.values() for asked in comparisons(f) for cut in cuts_of(item, asked)
    }
    attributes, parts = cut_model(model, {column: cuts})
    item = next(one for one in attributes if one.name == column)
    masks = [_mask(item, formula) for formula in formulas.values()]
    held = np.asarray(sum(w * markov.distribution((column,)).values for w, markov in parts))
    weights = _weights(column, masks, list(wanted.values()), held)
    made = tuple(
        (weight * share, markov.condition({column: weights}))
        for weight, markov in parts
        if (share := markov.probability({column: weights})) > IMPOSSIBLE
    )
    told = ", ".join(f"{'null' if g is None else g}={share:.6g}" for g, share in shares.items())
    derived = Derivation(kind="rebalance", text=f"{column}: {told}")
    return rebuilt(model, attributes, made, derived, model.rows)


def read_shares(text: str, columns: Sequence[str]) -> tuple[str, dict[str | None, float]]:
    """A column and its shares as they are written on a command line.

    Parameters
    ----------
    text
        Such as `income: <=50K=0.5, >50K=0.5`; what stands after the last `=` of each part is its
        share, as a number or in percent. A part with a comma goes in quotes.
    columns
        Names of columns; the longest that starts the text is meant.

    Raises
    ------
    InputError
        The text is not of this form.

    >>> read_shares("income: <=50K=0.4, '>50K, or so'=60%", ["in", "income"])
    ('income', {'<=50K': 0.4, '>50K, or so': 0.6})
    """
    plain = text.strip().replace("`", "")
    named = [name for name in columns if plain.startswith(name)]
    fitting = [name for name in named if plain[len(name) :].lstrip().startswith(":")]
    if not fitting:
        name, colon, _ = plain.partition(":")
        if colon:
            raise InputError(
                f"the model has no column {name.strip()!r}",
                hint=did_you_mean(name.strip(), columns),
            )
        raise InputError("other shares need a column and a colon", hint=_EXAMPLE)
    column = max(fitting, key=len)
    shares: dict[str | None, float] = {}
    for part in _parts(plain[len(column) :].lstrip()[1:]):
        group, sign, share = part.rpartition("=")
        name = group.strip()
        if len(name) > 1 and name[0] == name[-1] and name[0] in "'\"":
            name = name[1:-1]
        if not sign or not name or name in shares:
            raise InputError("other shares are parts with one share each", hint=_EXAMPLE)
        shares[None if name == "null" else name] = _share(share)
    return column, shares


def _parts(text: str) -> list[str]:
    """Parts between commas that stand outside quotes."""
    found = re.findall(r"""(?:'[^']*'|"[^"]*"|[^,'"])+""", text)
    return [part for part in found if part.strip()]


def _share(text: str) -> float:
    """A share as a number, or in percent."""
    plain = text.strip()
    try:
        return float(plain[:-1]) / 100 if plain.endswith("%") else float(plain)
    except ValueError:
        raise InputError("a share is a number, such as 0.5 or 50%", hint=_EXAMPLE) from None


def _checked(column: str, shares: Shares) -> dict[str | None, float]:
    """Shares as numbers from 0 to 1 that do not exceed 1 together."""
    made: dict[str | None, float] = {}
    for group, share in shares.items():
        try:
            made[group] = float(share)
        except (TypeError, ValueError):
            raise InputError(f"a share of column {column!r} is no number") from None
        if not (math.isfinite(made[group]) and 0 <= made[group] <= 1 + _ROUNDING):
            raise InputError(f"a share of column {column!r} is not between 0 and 1")
    if not made:
        raise InputError("other shares name at least one group", hint=_EXAMPLE)
    if sum(made.values()) > 1 + _ROUNDING:
        raise InputError(f"the shares of column {column!r} sum to more than 1")
    return made


def _group(item: Attribute, group: str | None) -> Formula:
    """What a group of a column is: a label, a value, a comparison, a range, or what is missing."""
    name = item.name
    if group is None:
        return Comparison(column=name, sign="null")
    if not isinstance(item.encoding, NumberCells):
        return Comparison(column=name, sign="==", value=str(group))
    text = str(group)
    if (signed := _SIGNED.fullmatch(text)) is not None:
        sign = "==" if signed[1] == "=" else signed[1]
        return Comparison(column=name, sign=sign, value=_value(signed[2]))  # type: ignore[arg-type]
    if (span := _RANGE.fullmatch(text)) is not None:
        return Every(
            (
                Comparison(column=name, sign=">=", value=_value(span[1])),
                Comparison(column=name, sign="<=", value=_value(span[2])),
            )
        )
    return Comparison(column=name, sign="==", value=_value(text))


def _value(text: str) -> float | str:
    """A bound as a number where it is one."""
    plain = text.strip().strip("'\"")
    try:
        return float(plain)
    except ValueError:
        return plain


def _mask(item: Attribute, formula: Formula) -> Mask:
    """Levels of a group; none when it lies outside the column."""
    boxes = boxes_of(formula, lambda asked: selected(item, asked))
    return boxes[0][item.name] if boxes else np.zeros(item.encoding.size, dtype=bool)


def _weights(
    column: str, masks: Sequence[Mask], wanted: Sequence[float], held: np.ndarray
) -> np.ndarray:
    """By what each level's probability is multiplied."""
    if np.sum(masks, axis=0).max() > 1:
        raise InputError(f"groups of column {column!r} overlap", hint=_EXAMPLE)
    rest = ~np.any(masks, axis=0)
    left = 1.0 - sum(wanted)
    if left > _ROUNDING and held[rest].sum() <= IMPOSSIBLE:
        raise InputError(
            f"the shares of column {column!r} sum to less than 1, and nothing else is left to "
            "hold the rest",
            hint="name shares that sum to 1",
        )
    weights = np.zeros(len(held))
    for mask, share in zip([*masks, rest], [*wanted, max(left, 0.0)], strict=True):
        mass = float(held[mask].sum())
        if share > _ROUNDING and mass <= IMPOSSIBLE:
            raise InputError(
                f"a group of column {column!r} has probability zero in the model, so no share can "
                "be given to it",
                hint="its levels: understudy inspect MODEL --column NAME",
            )
        if share > _ROUNDING:
            weights[mask] = share / mass
    return weights
