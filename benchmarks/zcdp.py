"""(ε, δ) as ρ for the peers that take ρ; ours has its own accountant and never uses this."""

from __future__ import annotations

import numpy as np


def zcdp_delta(rho: float, epsilon: float) -> float:
    """δ of ρ-zCDP at ε, minimised over the Rényi order (Canonne, Kamath, Steinke 2020, Cor. 13)."""
    orders = 1 + np.logspace(-4, 6, 20_001)
    logs = (orders - 1) * (orders * rho - epsilon) + orders * np.log1p(-1 / orders)
    return float(np.exp(np.min(logs - np.log(orders - 1))))


def zcdp_rho(epsilon: float, delta: float) -> float:
    """Largest ρ whose δ at ε stays within `delta`, by bisection from below."""
    low, high = 0.0, epsilon + 1
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if zcdp_delta(middle, epsilon) <= delta else (low, middle)
    return low
