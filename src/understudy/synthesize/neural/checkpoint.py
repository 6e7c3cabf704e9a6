"""A training that was interrupted, as files: what it had learned, and of which run.

One file of arrays without pickle, its facts as JSON, replaced as a whole. Under a promise it holds noisy state alone (parameters, moments, columns that were paid for); without one
it is as sensitive as the rows. Charges are not kept here: the ledger has them, and steps that
were charged and lost stay spent.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from understudy.errors import InputError, OutputError
from understudy.prepare.attributes import Attribute

NAME = "training.npz"


@dataclass(frozen=True, kw_only=True, eq=False)
class Kept:
    """What a checkpoint holds."""

    facts: dict[str, Any]
    arrays: dict[str, np.ndarray]


def saved_run(folder: str | Path | None) -> str | None:
    """The ledger's id of the interrupted run of a folder, if there is one."""
    kept = load(folder)
    return None if kept is None else kept.facts.get("run")


def load(folder: str | Path | None) -> Kept | None:
    """What is kept in a folder, or None.

    Raises
    ------
    InputError
        The file is damaged.
    """
    if folder is None or not (Path(folder) / NAME).exists():
        return None
    try:
        with np.load(Path(folder) / NAME, allow_pickle=False) as held:
            arrays = {name: held[name] for name in held.files}
        facts = json.loads(arrays.pop("facts").tobytes())
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as damage:
        raise InputError(
            "the checkpoint is damaged",
            hint="remove its folder and begin again; what was charged stays charged",
            folder=str(folder),
        ) from damage
    return Kept(facts=facts, arrays=arrays)


def save(folder: str | Path, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Replace what is kept in a folder, which is made when absent, as a whole or not at all."""
    place = Path(folder)
    told = np.frombuffer(json.dumps(facts, ensure_ascii=False).encode(), dtype=np.uint8)
    fresh = place / f".{NAME}.new"
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        with fresh.open("wb") as file:
            np.savez(file, allow_pickle=False, facts=told, **arrays)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(place / NAME)
    except OSError as refused:
        raise OutputError("the checkpoint cannot be written", folder=str(folder)) from refused


def forget(folder: str | Path) -> None:
    """Remove what is kept: the training has ended."""
    (Path(folder) / NAME).unlink(missing_ok=True)


def columns_of(items: tuple[Attribute, ...]) -> tuple[list[Any], dict[str, np.ndarray]]:
    """Columns as facts and arrays."""
    facts: list[Any] = []
    arrays: dict[str, np.ndarray] = {}
    for place, item in enumerate(items):
        told, held = item.to_json()
        facts.append(told)
        arrays |= {f"column_{place}.{name}": array for name, array in held.items()}
    return facts, arrays


def columns_from(kept: Kept) -> tuple[Attribute, ...]:
    """The columns that `columns_of` described."""
    found = []
    for place, told in enumerate(kept.facts["columns"]):
        prefix = f"column_{place}."
        held = {
            name.removeprefix(prefix): array
            for name, array in kept.arrays.items()
            if name.startswith(prefix)
        }
        found.append(Attribute.from_json(told, held))
    return tuple(found)
