"""What a learner leaves: one table of scores per column, free of rows.

Every learner here is additive: a class scores an intercept and, for every column, what that column's
cell says for it; the softmax of the scores are probabilities. So a fitted learner can be read as a
scorecard, is saved as JSON and arrays, and predicts without the data, with NumPy.

What may not happen here: a pickle, or anything kept of rows that are predicted.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from understudy.errors import ModelError
from understudy.learn.frames import codes_of
from understudy.learn.target import typed
from understudy.prepare.attributes import Attribute

FORMAT_VERSION = 1
JSON_NAME, ARRAYS_NAME = "predictor.json", "arrays.npz"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictor:
    """A fitted learner.

    Parameters
    ----------
    attributes
        Columns that are predicted from.
    tables
        One per attribute: what each of its codes says for each class, shape `(codes, classes)`.
    intercept
        What every row scores, shape `(classes,)`.
    target, target_type, labels
        The column that is predicted, its Arrow type in words, and its classes as they are spelled.
    learner, settings
        What made it.
    rows
        Noisy number of rows that it learned from.
    privacy
        The statement of what was promised and spent.
    """

    attributes: tuple[Attribute, ...]
    tables: tuple[Floats, ...]
    intercept: Floats
    target: str
    target_type: str
    labels: tuple[str, ...]
    learner: str
    rows: float
    settings: dict[str, Any] = field(default_factory=dict)
    privacy: dict[str, Any] = field(default_factory=dict)

    @property
    def classes(self) -> npt.NDArray[Any]:
        """Classes in the target's own type, shape `(classes,)`."""
        return typed(self.labels, self.target_type)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that are predicted from."""
        return tuple(item.name for item in self.attributes)

    def scores(self, table: Any) -> Floats:
        """Score of every class for every row, shape `(rows, classes)`.

        Raises
        ------
        InputError
            It is no table, or a column is missing.
        """
        rows, coded = codes_of(table, self.attributes)
        total = np.tile(self.intercept, (rows, 1))
        for codes, scores in zip(coded, self.tables, strict=True):
            total += scores[codes]
        return total

    def predict_proba(self, table: Any) -> Floats:
        """Probability of every class for every row, shape `(rows, classes)`; rows sum to 1.

        Parameters
        ----------
        table
            A frame with the columns that were learned from, in any order; others are left alone.
            An empty cell, or a label nobody was seen to have, says nothing.
        """
        return softmax(self.scores(table))

    def predict(self, table: Any) -> npt.NDArray[Any]:
        """The most probable class of every row, in the target's own type."""
        return np.asarray(self.classes[np.argmax(self.scores(table), axis=1)])

    def scorecard(self) -> list[dict[str, Any]]:
        """What speaks for which class: column, cell, class, score; the strongest columns first.

        Codes of one column that say the same are told once.
        """
        told: list[tuple[float, list[dict[str, Any]]]] = []
        for item, table in zip(self.attributes, self.tables, strict=True):
            names = item.names()
            _, first = np.unique(table.round(12), axis=0, return_index=True)
            lines = [
                {"column": item.name, "cell": names[row], "class": label, "score": float(score)}
                for row in sorted(first.tolist())
                for label, score in zip(self.labels, table[row], strict=True)
            ]
            spread = float(np.sqrt(item.shares @ (table - item.shares @ table) ** 2).max())
            told.append((spread, lines))
        told.sort(key=lambda one: -one[0])
        return [line for _, lines in told for line in lines]

    def save(self, folder: str | Path) -> Path:
        """Write it into a folder (made when absent) and return the folder."""
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        facts, arrays = self.to_json()
        (place / JSON_NAME).write_text(json.dumps(facts, indent=1, ensure_ascii=False), "utf-8")
        with (place / ARRAYS_NAME).open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
        return place

    def to_json(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Everything it holds: JSON facts, and arrays by name."""
        columns: list[dict[str, Any]] = []
        arrays: dict[str, np.ndarray] = {"intercept": self.intercept}
        for index, (item, table) in enumerate(zip(self.attributes, self.tables, strict=True)):
            told, held = item.to_json()
            columns.append(told)
            arrays |= {f"column_{index}.{name}": array for name, array in held.items()}
            arrays[f"scores_{index}"] = table
        return {
            "understudy_predictor": FORMAT_VERSION,
            "learner": self.learner,
            "settings": self.settings,
            "privacy": self.privacy,
            "rows": self.rows,
            "target": self.target,
            "target_type": self.target_type,
            "labels": list(self.labels),
            "columns": columns,
        }, arrays

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        ModelError
            The files are missing, damaged, foreign or written by a newer version.
        """
        facts, arrays = _read(Path(folder))
        version = facts.get("understudy_predictor")
        if not isinstance(version, int):
            raise ModelError("this is not a learner that Understudy saved", folder=str(folder))
        if version > FORMAT_VERSION:
            raise ModelError(
                "the learner was written by a newer version",
                hint="upgrade understudy",
                version=version,
                newest_known=FORMAT_VERSION,
            )
        try:
            made = cls(
                attributes=tuple(
                    Attribute.from_json(told, _under(arrays, f"column_{index}."))
                    for index, told in enumerate(facts["columns"])
                ),
                tables=tuple(arrays[f"scores_{index}"] for index in range(len(facts["columns"]))),
                intercept=arrays["intercept"],
                target=str(facts["target"]),
                target_type=str(facts["target_type"]),
                labels=tuple(str(label) for label in facts["labels"]),
                learner=str(facts["learner"]),
                settings=dict(facts["settings"]),
                rows=float(facts["rows"]),
                privacy=dict(facts["privacy"]),
            )
            _check(made)
        except (KeyError, TypeError, ValueError, IndexError) as damage:
            raise ModelError(
                "the file of the learner is damaged",
                folder=str(folder),
                part=type(damage).__name__,
            ) from None
        return made


def softmax(scores: Floats) -> Floats:
    """Probabilities of scores, row by row.

    >>> softmax(np.array([[0.0, 0.0], [1e6, 0.0]])).tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def centred(
    tables: Sequence[Floats], intercept: Floats, shares: Sequence[Floats]
) -> tuple[tuple[Floats, ...], Floats]:
    """The same scores, moved so that a column says nothing on average, and classes sum to zero.

    >>> tables, intercept = centred([np.array([[1.0, 0.0], [3.0, 0.0]])], np.zeros(2), [np.array([0.5, 0.5])])
    >>> tables[0].tolist(), intercept.tolist()
    ([[-0.5, 0.5], [0.5, -0.5]], [1.0, -1.0])
    """
    moved = []
    for table, share in zip(tables, shares, strict=True):
        even = table - table.mean(axis=1, keepdims=True)
        middle = share @ even
        moved.append(even - middle)
        intercept = intercept + middle
    return tuple(moved), intercept - intercept.mean()


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Facts and arrays of a folder, as stored."""
    try:
        facts = json.loads((folder / JSON_NAME).read_text("utf-8"))
        with np.load(folder / ARRAYS_NAME, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (FileNotFoundError, NotADirectoryError) as absent:
        raise ModelError(
            "no learner here",
            hint=f"`understudy learn -o` writes a folder with {JSON_NAME} and {ARRAYS_NAME}",
            folder=str(folder),
        ) from absent
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as damage:
        raise ModelError("the file of the learner is damaged", folder=str(folder)) from damage
    if not isinstance(facts, dict):
        raise ModelError("this is not a learner that Understudy saved", folder=str(folder))
    return facts, arrays


def _under(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The arrays of one column, by their names inside it."""
    return {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}


def _check(made: Predictor) -> None:
    """Refuse scores that do not fit columns and classes."""
    classes = len(made.labels)
    shapes = [(item.encoding.size, classes) for item in made.attributes]
    if not classes or made.intercept.shape != (classes,):
        raise ValueError
    if [table.shape for table in made.tables] != shapes:
        raise ValueError
    if not all(np.isfinite(array).all() for array in (made.intercept, *made.tables)):
        raise ValueError
