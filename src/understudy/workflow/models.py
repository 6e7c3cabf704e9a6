"""A model by the folder a person names, and whether there is room for what they ask of it."""

from __future__ import annotations

from pathlib import Path

from understudy.errors import InputError
from understudy.source.memory import require_memory
from understudy.synthesize.model import JSON_NAME, Model

_CELL = 48
"""Bytes a sampled cell takes at most while it is decoded, measured on text tables."""


def model_folder(folder: str | Path) -> Path:
    """The folder of the model: the one named, or `model/` in a release that is named."""
    place = Path(folder)
    inside = place / "model"
    return inside if not (place / JSON_NAME).is_file() and inside.is_dir() else place


def load_model(folder: str | Path) -> Model:
    """Read a model from its own folder or from the release that holds it.

    Raises
    ------
    ModelError
        There is no model, or it is damaged, foreign or too new.
    """
    return Model.load(model_folder(folder))


def rows_to_draw(model: Model, rows: int | None) -> int:
    """How many rows are asked for; by default as many as the data has, about."""
    return round(model.rows) if rows is None else rows


def room_to_sample(model: Model, rows: int | None) -> None:
    """Refuse more rows than fit in memory.

    Raises
    ------
    InputError
        The rows are negative or would not fit.
    """
    if rows is None:
        return
    if rows < 0:
        raise InputError("the number of rows must be 0 or more", rows=rows)
    require_memory(rows * len(model.columns) * _CELL, f"a table of {rows:,} rows")
