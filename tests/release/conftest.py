"""Fixtures of this room: invented evidence, and a signing key of the test's own."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from understudy.release import Draft, stage
from understudy.report import render_internal, render_public
from understudy.synthesize.tensors import to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable
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


@pytest.fixture(autouse=True)
def own_key(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test touches the user's real key; returns where the test's own is created."""
    folder = tmp_path_factory.mktemp("config")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    monkeypatch.delenv("UNDERSTUDY_KEY", raising=False)
    return folder / "understudy" / "signing-key.pem"


@pytest.fixture
def write(fabricated: ModuleType) -> Callable[..., Path]:
    """Write a whole invented release and return its folder."""

    def write_release(target: Path, *, internal: bool = True, **how: Any) -> Path:
        with stage(target, **how) as draft:
            fill(draft, fabricated, internal=internal)
        return target

    return write_release


def fill(draft: Draft, fabricated: ModuleType, *, internal: bool = True) -> None:
    """Put a table, a model, evidence and reports into a draft and seal it."""
    draft.synthetic(".csv").write_text("age,harbour\n23,old dock\n41,north quay\n", "utf-8")
    (draft.model / "model.json").write_text('{"format": 1}', "utf-8")
    (draft.model / "arrays.safetensors").write_bytes(to_bytes({"edges": np.array([16.0, 90.0])}))
    public = fabricated.public_evidence(hashes=draft.hashes())
    draft.write_public(public, render_public(public))
    if internal:
        inner = fabricated.internal_evidence()
        draft.write_internal(inner, render_internal(public, inner))
    draft.seal()


@pytest.fixture(scope="session")
def _master(tmp_path_factory: pytest.TempPathFactory, fabricated: ModuleType) -> Path:
    """One release for the session, with the key that signed it beside it."""
    folder = tmp_path_factory.mktemp("master")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        patch.delenv("UNDERSTUDY_KEY", raising=False)
        with stage(folder / "out") as draft:
            fill(draft, fabricated)
    return folder


@pytest.fixture
def release(_master: Path, own_key: Path, tmp_path: Path) -> Path:
    """A copy of a whole release to tamper with, signed by the test's own key."""
    own_key.parent.mkdir(mode=0o700)
    shutil.copy(_master / "config" / "understudy" / own_key.name, own_key)
    return Path(shutil.copytree(_master / "out", tmp_path / "out"))


@pytest.fixture
def fill_draft(fabricated: ModuleType) -> Callable[[Draft], None]:
    """Fill and seal a draft."""
    return lambda draft: fill(draft, fabricated)
