"""What a person asks of a fitted model beyond plain rows: conditions, other shares, given rows.

A partial table is its owner's own data and not the table the model was learned from: its rows are
read here, filled in and written back, and nothing of them is kept, printed or logged. What may not
happen here: a budget, or a change of the model that was loaded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from understudy.source import read_table
from understudy.synthesize.conditioning.completing import Completed, complete
from understudy.synthesize.conditioning.rebalancing import read_shares
from understudy.synthesize.model import Model

NO_PROMISE = "Privacy: none. The model was made without a promise (epsilon is infinite)."
NOT_THE_POPULATION = "This is not the distribution of the population the model was learned from."


def derive_model(model: Model, *, where: str | None = None, rebalance: Sequence[str] = ()) -> Model:
    """The model of the rows that meet a condition, then with other shares of columns.

    Parameters
    ----------
    model
        Any model whose generator can be conditioned; returned as it is when nothing is asked.
    where
        A condition, such as `age >= 65 and sex = 'F'`.
    rebalance
        Shares, such as `income: <=50K=0.5, >50K=0.5`, applied in turn.

    Raises
    ------
    InputError
        A condition or a share cannot be.
    """
    made = model if where is None else model.condition(where)
    for text in rebalance:
        column, shares = read_shares(text, made.columns)
        made = made.rebalance(column, shares)
    return made


def complete_file(model: Model, path: str | Path, *, seed: int | None = None) -> Completed:
    """Fill in a file with some cells given; see `Model.complete`.

    Raises
    ------
    InputError, FormatError
        The file cannot be read, or has a column the model does not have.
    """
    return complete(model, read_table(path).rows, seed=seed)


def told_of(model: Model, completed: Completed | None = None) -> tuple[str, ...]:
    """What was done to a model or a table, in sentences without a cell; none for plain rows.

    Parameters
    ----------
    model
        The model that was sampled.
    completed
        The table that was filled in, if one was.
    """
    lines: list[str] = []
    for step in model.derived:
        if step.kind == "where":
            lines.append(
                f"Only rows where {step.text}: {_percent(step.probability)} of the modelled rows."
            )
        else:
            lines.append(f"Shares of a column were set: {step.text}.")
    if completed is not None:
        count = sum(completed.filled.values())
        lines.append(
            f"{count:,} cells of {completed.table.num_rows:,} given rows were drawn given the "
            "others; given cells are as they were."
        )
        for name, odd in completed.unknown.items():
            lines.append(
                f"{odd:,} given cells of {name} are unknown to the model and were not used."
            )
        if completed.impossible:
            lines.append(
                f"{completed.impossible:,} rows hold cells that the model considers impossible "
                "together; what contradicts the rest was not used."
            )
    if lines:
        lines.append(NOT_THE_POPULATION)
    return tuple(lines)


def note_beside(out: Path, lines: Sequence[str], model: Model) -> Path:
    """Write what was done into a small text beside a file of rows, and return its path."""
    place = out.with_name(out.name + ".about.txt")
    spent = model.privacy.get("epsilon")
    privacy: tuple[str, ...] = (
        (NO_PROMISE,)
        if spent == math.inf
        else ()
        if spent is None
        else (f"Privacy: the model's promise (epsilon {spent:g}) holds; asking it spends nothing.",)
    )
    text = [f"{out.name}: synthetic rows, drawn from a model made with {model.synthesizer}."]
    place.write_text("\n".join([*text, *lines, *privacy]) + "\n", "utf-8")
    return place


def _percent(share: float) -> str:
    """A share as text, small ones too."""
    return f"{100 * share:.3g} %"
