"""What is predicted: classes that are declared or found privately, never read from the rows.

What may not happen here: a class that only the rows know of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from understudy.curator import LabelCells
from understudy.errors import InputError, InternalError, SchemaError
from understudy.prepare.learn import Prepared
from understudy.schema import Column, Kind, Schema, Storage, did_you_mean
from understudy.source import Header, parse_arrow_type

MOST_CLASSES = 100
"""Classes that are told apart; of more, the most frequent by their noisy counts."""

_STANDS_OUT = 4.5
"""Standard deviations of noise that a class must hold: a public list may offer labels nobody has."""

_CLASSES = (None, Kind.CATEGORY, Kind.BOOLEAN, Kind.NUMBER)


@dataclass(frozen=True, kw_only=True)
class Classes:
    """The classes of a target.

    Parameters
    ----------
    encoding
        How a cell of the target becomes a code.
    labels
        The classes as they are spelled, in the order of the codes.
    codes
        The code of each class; rows with other codes teach nothing.
    shares
        Share of each class among them, by what was paid for.
    """

    encoding: LabelCells
    labels: tuple[str, ...]
    codes: tuple[int, ...]
    shares: npt.NDArray[np.float64]

    @property
    def count(self) -> int:
        """How many classes there are."""
        return len(self.labels)

    def place(self) -> npt.NDArray[np.int64]:
        """The class of every code, or -1; shape `(encoding.size,)`."""
        table = np.full(self.encoding.size, -1, dtype=np.int64)
        table[list(self.codes)] = np.arange(self.count)
        return table


def with_target(
    schema: Schema, headers: Sequence[Header], target: str, classes: Sequence[Any] | None
) -> Schema:
    """The schema with its target declared a label, and its classes where they are given.

    Raises
    ------
    InputError
        There is no such column, or nothing to predict it from; or fewer than two classes are given.
    SchemaError
        The target is dropped, an identifier, or a date.
    """
    names = [header.name for header in headers]
    if target not in names:
        raise InputError(
            f"there is no column {target!r} for the target",
            hint=did_you_mean(target, names) or "see the header line",
        )
    column = schema.column(target)
    if column.action == "drop":
        raise SchemaError("the target is dropped by the schema", target=target)
    if column.kind not in _CLASSES or column.identifier is not None:
        raise SchemaError(
            "a learner predicts classes: the target must be a category",
            hint="declare `kind: category` for it, or choose another target",
            target=target,
        )
    if not any(name != target and schema.column(name).action != "drop" for name in names):
        raise InputError("there is no column to predict the target from", target=target)
    storage = headers[names.index(target)].storage
    told: dict[str, Any] = {"name": target, "nulls": column.nulls, "note": column.note}
    if storage is not Storage.BOOL:
        told |= {"kind": Kind.CATEGORY, "categories": _declared(column, classes)}
    others = tuple(item for item in schema.columns if item.name != target)
    kept = {name: getattr(schema, name) for name in Schema.model_fields if name != "columns"}
    return Schema(columns=(*others, Column(**told)), **kept)


def _declared(column: Column, classes: Sequence[Any] | None) -> tuple[str, ...] | None:
    """Declared labels of the target: those given here, or the schema's."""
    if classes is None:
        if column.true is not None and column.false is not None:
            return (column.false, column.true)
        return column.categories
    labels = tuple(spelled(label) for label in classes)
    if len(set(labels)) != len(labels) or len(labels) < 2:
        raise InputError("declared classes must be two or more, each once", given=len(labels))
    return labels


def spelled(label: Any) -> str:
    """A class as the curator spells it.

    >>> spelled(1), spelled(1.0), spelled(np.int64(3)), spelled(True), spelled("x")
    ('1', '1', '3', 'true', 'x')
    """
    if isinstance(label, bool | np.bool_):
        return "true" if label else "false"
    if isinstance(label, float | np.floating) and float(label).is_integer():
        return str(int(label))
    return str(label)


def classes_of(prepared: Prepared, target: str) -> Classes:
    """The classes of a target that was declared by `with_target` and learned.

    Raises
    ------
    InputError
        No class stood out of the noise.
    """
    attribute = prepared.attribute(target)
    encoding = attribute.encoding
    if not isinstance(encoding, LabelCells) or attribute.standin is not None:
        raise InternalError("the target was not learned as a label")
    role = next(role for role in prepared.roles if role.name == target)
    # Labels that partition selection found stand out already; those of a public list may not.
    doubt = _STANDS_OUT if "vocabulary" in attribute.paid.get("labels", "") else 0.0
    stands = attribute.counts > doubt * np.sqrt(attribute.variances)
    known = [
        code
        for code, label in enumerate(encoding.labels)
        if label is not None and label not in role.marks and (role.closed or stands[code])
    ]
    if not known:
        raise InputError(
            "no class of the target stood out of the noise",
            hint="declare the classes where they are public (`classes=`, or `categories` in the "
            "schema): then nothing has to be found",
            target=target,
        )
    counts = attribute.counts[known]
    if len(known) > MOST_CLASSES:
        kept = np.sort(np.argsort(-counts, kind="stable")[:MOST_CLASSES])
        known, counts = [known[place] for place in kept], counts[kept]
    shares = np.maximum(counts, 1.0)
    return Classes(
        encoding=encoding,
        labels=tuple(str(encoding.labels[code]) for code in known),
        codes=tuple(known),
        shares=shares / shares.sum(),
    )


def typed(labels: Sequence[str], arrow: str) -> npt.NDArray[Any]:
    """Labels as cells of the target's own type: numbers as numbers, else text.

    >>> typed(["0", "1"], "int64"), typed(["no", "yes"], "string").tolist()
    (array([0, 1]), ['no', 'yes'])
    """
    kind = parse_arrow_type(arrow)
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    plain = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    if plain:
        try:
            made = pa.array(list(labels), pa.string()).cast(kind)
        except pa.ArrowInvalid:
            plain = False
        else:
            return np.asarray(made.to_numpy(zero_copy_only=False))
    return np.array(list(labels), dtype=object)
