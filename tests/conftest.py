"""Fixtures every room shares: where real data may lie, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of public real tables; the test skips where it is absent."""
    folder = Path(os.environ.get("UNDERSTUDY_TEST_DATA", _BESIDE))
    if not folder.is_dir():
        pytest.skip("real data sets are not beside this checkout")
    return folder
