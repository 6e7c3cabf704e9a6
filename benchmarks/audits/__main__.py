"""Audit DataSynthesizer 0.1.4, whose noise is too small, and 0.1.13, where that was mended.

    python -m benchmarks.audits --out benchmarks/results/audits

Each version lives in an environment of its own under `benchmarks/.venvs`, made on first use. What
may not happen here: a table that holds anybody; the audit invents its own.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path

from understudy.workflow.auditing import audit

HERE = Path(__file__).resolve().parent
VENVS = HERE.parent / ".venvs"
CONSTRAINTS = HERE / "constraints-datasynthesizer.txt"
VERSIONS = {"0.1.4": ("3.8", "3.9"), "0.1.13": ("3.10", "3.9")}
"""Versions, and the Pythons that still run them and their pandas."""


def environment(version: str) -> Path:
    """Python of an environment that holds one version; made when it is not there."""
    place = VENVS / f"datasynthesizer-{version}"
    python = place / "bin" / "python"
    if python.exists():
        return python
    found = [shutil.which(f"python{number}") for number in VERSIONS[version]]
    base = next((name for name in found if name), None)
    if base is None:
        sys.exit(f"DataSynthesizer {version} needs one of Python {', '.join(VERSIONS[version])}")
    subprocess.run([base, "-m", "venv", place], check=True)
    wanted = [f"DataSynthesizer=={version}"]
    pins = ["-c", str(CONSTRAINTS)] if version == "0.1.4" else ["numpy<2", "pandas<2"]
    subprocess.run([python, "-m", "pip", "install", "-q", *pins, *wanted], check=True)
    return python


def main() -> None:
    """Audit both versions and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    for version in VERSIONS:
        python = environment(version)
        driver = HERE / "datasynthesizer_run.py"
        began = time.perf_counter()
        found = audit(
            command=f"{python} {driver} {{input}} {{output}} {{epsilon}} {{rows}} {{seed}}",
            epsilon=1.0,
            delta=0.0,
            runs=asked.runs,
            workers=asked.workers,
            out=asked.out / version,
        )
        print(f"DataSynthesizer {version}: {found.text} ({time.perf_counter() - began:.0f} s)")


if __name__ == "__main__":
    main()
