"""The arguments that every driver takes."""

from __future__ import annotations

import argparse
from pathlib import Path


def read_arguments(
    about: str | None, synthesizers: tuple[str, ...] | None = None
) -> argparse.Namespace:
    """Read what to fit, at what price, and where to leave the rows."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--domain", type=Path, help="JSON of what is given for free")
    parser.add_argument("--epsilon", type=float, required=True)
    parser.add_argument("--delta", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True, help="of sampling and of peers' noise")
    parser.add_argument(
        "--megabytes", type=float, help="model-size limit, in MB of eight-byte cells"
    )
    parser.add_argument("--codes", action="store_true", help="the table is codes of the domain")
    parser.add_argument("--synthesizer", choices=synthesizers, help="where a driver has several")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()
