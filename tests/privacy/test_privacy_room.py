"""The room's walls: who imports what, and where randomness may come from."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import understudy.privacy

ROOM = Path(understudy.privacy.__file__).parent
PACKAGE = ROOM.parent


def imports(path: Path) -> set[str]:
    """Top-level modules that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize(
    ("library", "only"), [("opendp", "mechanisms.py"), ("dp_accounting", "accountant.py")]
)
def test_one_module_imports_it(library: str, only: str) -> None:
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if any(name.split(".")[0] == library for name in imports(path))
    }
    assert users == {f"privacy/{only}"}


def test_no_pseudorandom_source_in_the_room() -> None:
    for path in ROOM.glob("*.py"):
        assert not {"random", "numpy.random"} & imports(path), path.name
        assert "np.random" not in path.read_text(encoding="utf-8"), path.name


def test_room_imports_only_what_stands_below() -> None:
    for path in ROOM.glob("*.py"):
        for name in imports(path):
            if name.startswith("understudy"):
                assert name.startswith(("understudy.privacy", "understudy.errors")), path.name
