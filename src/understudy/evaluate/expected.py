"""What was found of each marginal beside what its release expects of it.

Found is the total variation distance between the real rows and the model on the levels of the
statement. What may not happen here: a change of what is expected; that is public and made without
a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from understudy.curator.encodings import encode
from understudy.evaluate.figure import Figure
from understudy.synthesize.conditioning.expected import expected_marginals

if TYPE_CHECKING:
    import pyarrow as pa

    from understudy.synthesize.model import Model

REFERENCE = "expected error by the noise of the counts and the bound on what was not counted"
_LISTED = 30


def found_beside_expected(model: Model, real: pa.Table) -> Figure | None:
    """The mean distance of all pairs, beside what was expected, marginal by marginal in `detail`.

    Parameters
    ----------
    model
        The released model.
    real
        Real rows with the model's columns.

    Returns
    -------
    Figure or None
        None where the model makes no statement.
    """
    merges, stated = expected_marginals(model)
    codes = {
        item.name: merges[item.name][
            encode(item.encoding, real.column(item.name), item.header.storage)
        ]
        for item in model.attributes
        if item.name in merges and item.name in real.column_names
    }
    rows = []
    for one in stated:
        if not set(one.columns) <= codes.keys():
            continue
        flat = np.ravel_multi_index([codes[name] for name in one.columns], one.shares.shape)
        share = np.bincount(flat, minlength=one.shares.size) / max(len(flat), 1)
        found = float(0.5 * np.abs(share - one.shares.ravel()).sum())
        rows.append(
            {
                "columns": list(one.columns),
                "expected": one.tvd,
                "found": found,
                "counted": one.counted,
                "bounded": one.bounded,
            }
        )
    pairs = [row for row in rows if len(row["columns"]) == 2] or rows  # type: ignore[arg-type]
    if not pairs:
        return None
    found_of = np.array([row["found"] for row in pairs], dtype=float)
    expected = np.array([row["expected"] for row in pairs], dtype=float)
    within = float(np.mean(found_of <= 2 * expected + 1e-12))
    worst = sorted(rows, key=lambda row: -float(row["found"]))  # type: ignore[arg-type]
    return Figure(
        key="expected_tvd",
        title="Marginals of the model, found beside expected",
        group="marginals",
        value=float(found_of.mean()),
        better="lower",
        target=float(expected.mean()),
        explanation=(
            f"Mean distance of all pairs on up to 16 levels a column. The release expects "
            f"{expected.mean():.3f}; {100 * within:.0f} % of the pairs are within twice what "
            "was expected of them."
        ),
        reference=REFERENCE,
        detail={"within_twice": within, "marginals": worst[:_LISTED], "of": len(rows)},
    )
