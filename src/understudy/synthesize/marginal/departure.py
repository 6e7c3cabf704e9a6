"""How far counted tables departed from the model that chose them: a bound for the others.

The exponential mechanism picks about the largest departure on offer. What was left on the table at
the last choices departs by no more than what was taken, plus what the mechanism may have missed.
Post-processing of noisy counts: nothing here sees a row.
"""

from __future__ import annotations

import numpy as np


def departure(
    counts: np.ndarray, expected: np.ndarray, sigma: float, *, epsilon: float, offers: int
) -> float:
    """Share of rows by which noisy counts depart from expected ones, with the choice's slack.

    Parameters
    ----------
    counts, expected
        Noisy and expected rows per cell, same shape.
    sigma
        Noise of each count.
    epsilon
        Of the choice; its score was the L1 departure less what sampling alone would show.
    offers
        How many candidates the choice had.

    Returns
    -------
    float
        From 0 up; noise is taken out in quadrature, so a table that is all noise departs by 0.

    >>> counts = np.array([[60.0, 40.0], [40.0, 60.0]])
    >>> round(departure(counts, np.full((2, 2), 50.0), 1.0, epsilon=10.0, offers=2), 3)
    0.087
    """
    rows = max(float(expected.sum()), 1.0)
    found = float(np.abs(counts - expected).sum())
    noise = float(np.sqrt(2.0 / np.pi)) * sigma * counts.size
    alone = float(np.sqrt(2.0 / np.pi) * np.sqrt(np.maximum(expected, 0.0)).sum())
    clear = max(float(np.sqrt(max(found**2 - noise**2, 0.0))) - alone, 0.0)
    slack = 2.0 / max(epsilon, 1e-12) * float(np.log(max(offers, 2)))
    return (clear + slack) / rows
