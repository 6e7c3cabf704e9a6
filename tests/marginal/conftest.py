"""The whole joint table by enumeration: what every fast path is checked against."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from understudy.synthesize.marginal import Factor, Potentials

Enumerate = Callable[[Potentials], Factor]


def _enumerate(potentials: Potentials) -> Factor:
    """Probabilities of every cell of the domain."""
    domain = potentials.domain
    logs = np.zeros(domain.shape)
    for clique, table in potentials.tables.items():
        values = table
        for axis, name in enumerate(clique):
            if len(clique) > 1 and name in potentials.classes:
                values = np.take(values, potentials.classes[name], axis=axis)
        logs = logs + Factor(domain.project(clique), values).expand(domain).values
    cells = np.exp(logs - logs.max())
    return Factor(domain, cells / cells.sum())


@pytest.fixture(scope="session")
def enumerate_joint() -> Enumerate:
    """A function from potentials to the joint distribution."""
    return _enumerate
