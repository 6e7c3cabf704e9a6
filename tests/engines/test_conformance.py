"""Every engine counts as brute force does, and a fit on it survives record and replay."""

from __future__ import annotations

import pytest
from tests.engines.places import Place

from understudy.testing import check_curator
from understudy.testing.curators import odd_table

pytestmark = pytest.mark.engines


@pytest.mark.parametrize("policy", ["auto", "count", "stream"])
def test_conformance(place: Place, policy: str) -> None:
    # A text of PostgreSQL cannot hold the character NUL at all.
    check_curator(place.curator(policy), odd=odd_table(nul=place.name != "postgresql"))
