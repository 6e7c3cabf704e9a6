"""How preparation divides its part of the budget, from public and paid-for facts alone."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from understudy.curator import Curator

ROWS_SHARE, DISTINCT_SHARE = 0.005, 0.01
"""Shares of ρ for the number of rows and for distinct cells."""


def kinds_share(rows: float, rho: float, sensitivity: float, columns: int) -> float:
    """Share of ρ for cell classes: noise of half a percent of the rows, within 1 to 12 %.

    >>> kinds_share(24_000, 0.0236, 1.0, 15), kinds_share(300, 0.0236, 1.0, 15)
    (0.0221, 0.12)
    """
    if columns == 0:
        return 0.0
    wanted = columns * (sensitivity / (rows / 200.0)) ** 2 / 2.0
    return round(float(np.clip(wanted / rho, 0.01, 0.12)), 4)


def later_shares(
    rows: float, rho: float, sensitivity: float, *, spent: float, columns: int
) -> dict[str, float]:
    """Shares of ρ for domains and singles, by how far counts stand out of the noise.

    Domains: noise of about a fortieth of the rows per column, within 12 to 30 %, because a
    range that is wrong spoils everything after it. Singles: where noise is large against the
    rows (small tables, small ε) dependence between columns cannot be seen anyway, and single
    columns get more; with plenty of signal they get less. `rows` is noisy; `spent` is the share
    of the stages before.

    >>> later_shares(24_000, 0.0236, 1.0, spent=0.04, columns=15)
    {'domain': 0.12, 'singles': 0.5849}
    >>> later_shares(500, 0.0236, 1.0, spent=0.14, columns=30)
    {'domain': 0.3, 'singles': 0.4368}
    """
    signal = rows * np.sqrt(2.0 * rho) / sensitivity
    wanted = columns * (sensitivity / (rows / 42.0)) ** 2 / rho
    domain = round(float(np.clip(wanted, 0.12, 0.3)), 4)
    part = float(np.clip(0.7 - 0.2 * np.log10(max(signal, 1.0) / 5_000.0), 0.35, 0.78))
    return {"domain": domain, "singles": round(part * (1.0 - spent - domain), 4)}


FEW, RICH = 1_000.0, 8_000.0
"""Rows over noise (rows · √2ρ ÷ sensitivity) that are few, and that are plenty."""


def part_of_singles(
    rows: float, rho: float, sensitivity: float, *, few: float, rich: float | None
) -> float:
    """Part of their usual share that single columns get: `few` falling to `rich` with the signal.

    >>> [round(part_of_singles(n, 0.0236, 1.0, few=0.9, rich=0.6), 2) for n in (1e3, 24e3, 1e6)]
    [0.9, 0.66, 0.6]
    """
    if rich is None:
        return few
    signal = rows * np.sqrt(2.0 * rho) / sensitivity
    way = np.log(max(signal, 1.0) / FEW) / np.log(RICH / FEW)
    return few + (rich - few) * float(np.clip(way, 0.0, 1.0))


ODD_LEAST, ODD_MOST = 0.1, 0.5
"""Parts of a number column's domain share that look for spellings its reading cannot read."""


def odd_part(odd_share: float, rows: float, rho: float, sensitivity: float, delta: float) -> float:
    """Part of a number column's domain share that looks for spellings that are no numbers.

    The noise wanted is that at which partition selection finds a spelling that half of the
    unreadable cells share, two standard deviations above the threshold of `delta`. `odd_share`
    and `rows` are noisy, `rho` is the column's share. Where the most that is spent would not
    find a spelling that all of them share, nothing more than usual is spent on hope.

    >>> [round(odd_part(share, 8_000, 6e-5, 1.0, 1e-8), 2) for share in (0.6, 0.25, 0.15, 0.1)]
    [0.1, 0.48, 0.5, 0.1]
    """
    if odd_share <= 0.0 or rows <= 0.0:
        return ODD_LEAST
    sigmas = NormalDist().inv_cdf(1.0 - min(max(delta, 1e-15), 0.5)) + 2.0
    needed = 0.5 * (sensitivity * sigmas / (0.5 * odd_share * rows)) ** 2 / rho
    hopeless = needed / 4.0 > ODD_MOST
    return ODD_LEAST if hopeless else float(np.clip(needed, ODD_LEAST, ODD_MOST))


@dataclass(kw_only=True)
class Purse:
    """Turns shares of the run's ρ into noise scales."""

    curator: Curator
    shares: dict[str, float]

    def rho(self, stage: str) -> float:
        """ρ of a whole stage."""
        return self.curator.budget.scale_rho * self.shares[stage]

    def sigma(self, rho: float) -> float:
        """Noise scale of one histogram that costs ρ."""
        return float(self.curator.unit.count_l2 / np.sqrt(2.0 * rho))
