"""Fixtures of this room: invented evidence, and a signing key of the test's own."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType


@pytest.fixture(scope="session")
def fabricated() -> ModuleType:
    """Builders of invented evidence (`tests/fabricated.py`)."""
    if "fabricated" not in sys.modules:
        path = Path(__file__).parents[1] / "fabricated.py"
        spec = importlib.util.spec_from_file_location("fabricated", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["fabricated"] = module
        spec.loader.exec_module(module)
    return sys.modules["fabricated"]
