"""Each layer imports only what stands below it, and three libraries have one door each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = (
    "layers",
    "one-source-of-noise",
    "one-accountant",
    "light-core",
    "one-way-to-databases",
    "reports-render",
)


def lint_imports(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run import-linter on this checkout."""
    pytest.importorskip("importlinter")
    program = "from importlinter.cli import lint_imports_command as run; run()"
    command = [sys.executable, "-c", program, "--no-cache", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("contract", CONTRACTS)
def test_contract_is_kept(contract: str) -> None:
    answer = lint_imports("--contract", contract)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "1 kept, 0 broken" in answer.stdout


def test_an_upward_import_is_noticed(tmp_path: Path) -> None:
    """The linter, so configured, breaks on the smallest wrong import there can be."""
    package = tmp_path / "src" / "understudy"
    for room in ("errors", "schema", "privacy", "curator"):
        (package / room).mkdir(parents=True)
        (package / room / "__init__.py").write_text("")
    (package / "__init__.py").write_text("")
    (package / "privacy" / "__init__.py").write_text("import understudy.curator\n")
    settings = tmp_path / ".importlinter"
    settings.write_text(
        "[importlinter]\nroot_package = understudy\n\n"
        "[importlinter:contract:layers]\nname = layers\ntype = layers\ncontainers = understudy\n"
        "layers =\n    curator\n    privacy\n    schema\n    errors\n"
    )
    pytest.importorskip("importlinter")
    program = (
        f"import sys; sys.path.insert(0, {str(package.parent)!r}); "
        "from importlinter.cli import lint_imports_command as run; run()"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program, "--no-cache", "--config", str(settings)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(package.parent), "PATH": "/usr/bin:/bin"},
    )
    assert answer.returncode != 0
    assert "understudy.privacy is not allowed to import understudy.curator" in answer.stdout
