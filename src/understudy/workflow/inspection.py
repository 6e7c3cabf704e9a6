"""Every number and every name in a model file: where it came from and what it cost.

The walk covers each leaf of `model.json` and each array; a leaf this module cannot place is
reported as `unknown`, never left out. What may not happen here: a look at anything but the model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from understudy.errors import ModelError
from understudy.privacy.events import Event, from_json
from understudy.schema import did_you_mean
from understudy.synthesize.model import ARRAYS_NAME, JSON_NAME, Model, read_files
from understudy.workflow.models import model_folder

Origin = Literal["charge", "declared", "container", "chosen", "program", "unknown"]
"""Paid for; declared public; read off the container; chosen by a person; fixed by the code."""

ORIGINS: Mapping[Origin, str] = {
    "charge": "learned privately and charged, or computed from that",
    "declared": "declared public in the schema",
    "container": "public in the file's header and layout",
    "chosen": "chosen by the person who ran it",
    "program": "fixed by the program",
    "unknown": "not known to this version",
}
_FREE = {"storage type", "by its name"}
_PAID_KEY = {
    "kind": "kind",
    "reading": "kind",
    "marks": "null marks",
    "labels": "labels",
    "standin": "identifier",
    "edges": "range",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One leaf of the model: a number, a name, or an array.

    Parameters
    ----------
    path
        Where it stands: `model.json: columns[0].kind`, `arrays.safetensors: column_0.counts`.
    values
        How many numbers or names it holds.
    origin, how
        Where it came from, and by which mechanism or declaration.
    columns
        Columns it speaks of; empty for the whole table.
    shown
        The value, or a short form of an array.
    """

    path: str
    values: int
    origin: Origin
    how: str
    columns: tuple[str, ...]
    shown: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnAccount:
    """What the model knows of a column and what that cost.

    `own` is the share of all ρ spent on this column alone, `shared` the share of charges that
    read it together with others.
    """

    name: str
    kind: str
    how: Mapping[str, str]
    values: int
    own: float
    shared: float
    charges: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A cell of a column: its name, its noisy rows, and the noise's standard deviation, about."""

    name: str
    count: float
    sigma: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Inspection:
    """A model file, number by number."""

    model: Model
    folder: Path
    synthesizer: str
    epsilon: float
    delta: float
    epsilon_spent: float
    unit: str
    rows: float
    columns: tuple[ColumnAccount, ...]
    items: tuple[Item, ...]
    charges: tuple[Event, ...]

    def cells(self, name: str) -> Iterator[Cell]:
        """The cells of a column."""
        for item in self.model.attributes:
            if item.name == name:
                for label, count, variance in zip(
                    item.names(), item.counts, item.variances, strict=True
                ):
                    yield Cell(name=label, count=float(count), sigma=float(variance) ** 0.5)

    @property
    def totals(self) -> dict[str, int]:
        """How many values each origin accounts for."""
        return {
            origin: sum(item.values for item in self.items if item.origin == origin)
            for origin in ORIGINS
        }

    def of_column(self, name: str) -> tuple[Item, ...]:
        """The items that speak of a column.

        Raises
        ------
        ModelError
            The model has no such column.
        """
        known = [column.name for column in self.columns]
        if name not in known:
            raise ModelError(
                f"the model has no column {name!r}", hint=did_you_mean(name, known) or None
            )
        return tuple(item for item in self.items if name in item.columns)

    def to_json(self) -> dict[str, Any]:
        """Everything in JSON's types."""
        return {
            "folder": str(self.folder),
            "synthesizer": self.synthesizer,
            "epsilon": self.epsilon,
            "delta": self.delta,
            "epsilon_spent": self.epsilon_spent,
            "unit": self.unit,
            "rows": self.rows,
            "totals": self.totals,
            "columns": [asdict(column) for column in self.columns],
            "items": [asdict(item) for item in self.items],
            "charges": [event.to_json() for event in self.charges],
        }


def inspect_model(folder: str | Path) -> Inspection:
    """List every number and name of a model file.

    Parameters
    ----------
    folder
        The model's folder, or the release that holds it.

    Raises
    ------
    ModelError
        There is no model, or it is damaged, foreign or too new.
    """
    place = model_folder(folder)
    model = Model.load(place)
    facts, arrays = read_files(place)
    try:
        charges = tuple(from_json(told) for told in model.privacy.get("charges", ()))
    except (KeyError, TypeError, ValueError) as damage:
        raise ModelError("the model's charges are damaged", folder=str(place)) from damage
    items = (*_json_items(facts), *_array_items(facts, arrays))
    return Inspection(
        model=model,
        folder=place,
        synthesizer=model.synthesizer,
        epsilon=float(model.privacy.get("epsilon", math.inf)),
        delta=float(model.privacy.get("delta", 1.0)),
        epsilon_spent=float(model.privacy.get("epsilon_spent", math.inf)),
        unit=str(model.privacy.get("unit", "not stated")),
        rows=model.rows,
        columns=tuple(_accounts(facts, items, charges)),
        items=items,
        charges=charges,
    )


def _accounts(
    facts: Mapping[str, Any], items: Sequence[Item], charges: Sequence[Event]
) -> Iterator[ColumnAccount]:
    """Each column with what it cost."""
    total = math.fsum(event.rho or 0.0 for event in charges) or 1.0
    for told in facts["columns"]:
        name = told["header"]["name"]
        mine = [event for event in charges if name in event.columns]
        alone = [event for event in mine if len(event.columns) == 1]
        own = math.fsum(event.rho or 0.0 for event in alone)
        everything = math.fsum(event.rho or 0.0 for event in mine)
        yield ColumnAccount(
            name=name,
            kind=told["kind"],
            how=dict(told["paid"]),
            values=sum(item.values for item in items if name in item.columns),
            own=own / total,
            shared=(everything - own) / total,
            charges=len(mine),
        )


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every leaf of plain JSON with its path; an empty list or mapping is a leaf."""
    if isinstance(value, Mapping) and value:
        for key, inside in value.items():
            yield from _leaves(inside, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for place, inside in enumerate(value):
            yield from _leaves(inside, f"{path}[{place}]")
    else:
        yield path, value


def _json_items(facts: Mapping[str, Any]) -> Iterator[Item]:
    """Every leaf of `model.json`."""
    for part, value in facts.items():
        for path, leaf in _leaves(value, part):
            origin, how, columns = _place(part, path, facts)
            yield Item(
                path=f"{JSON_NAME}: {path}",
                values=0 if leaf in ([], {}) else 1,
                origin=origin,
                how=how,
                columns=columns,
                shown=_short(leaf),
            )


def _short(leaf: Any) -> str:
    """A leaf as text; a long one cut."""
    text = f"{leaf:.6g}" if isinstance(leaf, float) else str(leaf)
    return text if len(text) <= 60 else text[:59] + "…"


def _index(path: str) -> int:
    """The first index in a path."""
    return int(path[path.index("[") + 1 : path.index("]")])


def _place(part: str, path: str, facts: Mapping[str, Any]) -> tuple[Origin, str, tuple[str, ...]]:
    """Origin, mechanism and columns of one leaf of `model.json`."""
    match part:
        case "understudy_model":
            return "program", "version of the file format", ()
        case "synthesizer" | "settings":
            return "chosen", "settings of the run", ()
        case "privacy":
            return _privacy(path, facts)
        case "rows":
            return "charge", "mean of noisy totals", ()
        case "format":
            return "container", "layout of the input file", ()
        case "pairs":
            return _pair(path, facts)
        case "derived":
            how = "the model, under the condition" if path.endswith("probability") else "asked for"
            return ("charge" if path.endswith("probability") else "chosen"), how, ()
        case "columns":
            return _column(path, facts)
        case "codes":
            return _code(path, facts)
    return "unknown", "", ()


def _privacy(path: str, facts: Mapping[str, Any]) -> tuple[Origin, str, tuple[str, ...]]:
    """Leaves of the statement of what was promised and spent."""
    if path.startswith("privacy.charges["):
        charge = facts["privacy"]["charges"][_index(path)]
        return "charge", "record of a charge", tuple(charge.get("columns", ()))
    if path == "privacy.epsilon_spent":
        return "program", "the accountant, from the charges", ()
    return "chosen", "the promise", ()


def _pair(path: str, facts: Mapping[str, Any]) -> tuple[Origin, str, tuple[str, ...]]:
    """Leaves of the pairs that were counted together."""
    if "[" not in path:
        return "charge", "choice of pairs", ()
    pair = facts["pairs"][_index(path)]
    how = f"choice and count of {' × '.join(pair['columns'])}"
    return "charge", how, tuple(pair["columns"])


def _column(path: str, facts: Mapping[str, Any]) -> tuple[Origin, str, tuple[str, ...]]:
    """Leaves of a column."""
    if "[" not in path:
        return "container", "the header", ()
    told = facts["columns"][_index(path)]
    name = (told["header"]["name"],)
    field = path.partition("].")[2].partition(".")[0].partition("[")[0]
    if field == "header":
        return "container", "name and storage type", name
    if field == "paid":
        return "program", "how each fact was come by", name
    if field == "ordered":
        return _by_paid(told, "kind", name)
    key = _PAID_KEY.get(field)
    return ("unknown", "", name) if key is None else _by_paid(told, key, name)


def _by_paid(
    told: Mapping[str, Any], key: str, name: tuple[str, ...]
) -> tuple[Origin, str, tuple[str, ...]]:
    """Origin by what the column says of how a fact was come by; without a word, by a charge."""
    how = told["paid"].get(key) or told["paid"].get("kind") or "noisy counts"
    if how.startswith("declared"):
        return "declared", "schema", name
    if how in _FREE:
        return "container", how, name
    return "charge", how, name


_NETWORKS = frozenset({"autoregressive", "latent", "layers"})
"""Kinds of generators that are networks."""


def _network(path: str) -> tuple[Origin, str, tuple[str, ...]]:
    """Leaves of a generator that is a network."""
    match path.partition(".")[0].partition("[")[0]:
        case "kind":
            return "program", "name of the generator", ()
        case "training":
            return "charge", "how training went: constants, and what the noisy network says", ()
        case "shape" | "columns" | "conditions":
            return "charge", "names of columns, and how many codes they were paid for", ()
    return "chosen", "architecture, by the settings", ()


def _network_array(name: str, facts: Mapping[str, Any]) -> tuple[Origin, str, tuple[str, ...]]:
    """Origin, mechanism and columns of one array of a network."""
    part, _, index = name.split(".")[1].rpartition("_")
    tables = {
        "classes": "merged codes, from the noisy counts",
        "within": "shares of codes within a merged one, from the noisy counts",
        "back": "codes of a mode, from the noisy counts",
        "condition": "shares of a condition, from the noisy counts",
    }
    if part in tables and index.isdecimal():
        column = facts["columns"][int(index)]["header"]["name"]
        return "charge", tables[part], (column,)
    return "charge", "trained; steps and what they cost are among the charges", ()


def _code(path: str, facts: Mapping[str, Any]) -> tuple[Origin, str, tuple[str, ...]]:
    """Leaves of the generator of codes."""
    codes, path = facts["codes"], path.partition(".")[2]
    return _network(path) if codes["kind"] in _NETWORKS else _table(path, codes)


def _table(path: str, codes: Mapping[str, Any]) -> tuple[Origin, str, tuple[str, ...]]:
    """Leaves of a generator that is fitted tables."""
    field = path.partition("[")[0]
    if field == "weights":
        return "charge", "shares of the parts of a condition, from the fitted tables", ()
    if field == "parts":
        codes, path = codes["parts"][_index(path)], path.partition("].")[2]
        field = path.partition("[")[0]
    match field:
        case "kind":
            return "program", "name of the generator", ()
        case "total":
            return "charge", "mean of noisy totals", ()
        case "attributes" | "classes" | "within":
            columns = (codes[field][_index(path)],) if "[" in path else ()
            return "container", "names of columns", columns
        case "levels":
            columns = (codes["attributes"][_index(path)],)
            return "charge", "number of cells the column was cut into", columns
        case "order":
            columns = (codes["order"][_index(path)],) if "[" in path else ()
            return "charge", "order of drawing, from the pairs", columns
        case "cliques":
            if "[" not in path:
                return "charge", "choice of pairs", ()
            clique = tuple(codes["cliques"][_index(path)])
            return "charge", f"choice of {' × '.join(clique)}", clique
    return "unknown", "", ()


def _array_items(facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Iterator[Item]:
    """Every array of the model."""
    for name, array in arrays.items():
        network = name.startswith("codes.") and facts["codes"]["kind"] in _NETWORKS
        origin, how, columns = (_network_array if network else _array)(name, facts)
        yield Item(
            path=f"{ARRAYS_NAME}: {name}",
            values=int(array.size),
            origin=origin,
            how=how,
            columns=columns,
            shown=f"{' × '.join(str(n) for n in array.shape)} {array.dtype}",
        )


def _array(name: str, facts: Mapping[str, Any]) -> tuple[Origin, str, tuple[str, ...]]:
    """Origin, mechanism and columns of one array."""
    owner, _, field = name.partition(".")
    kind, _, index = field.rpartition("_")
    try:
        if owner.startswith("column_"):
            told = facts["columns"][int(owner.removeprefix("column_"))]
            column = (told["header"]["name"],)
            if field in ("counts", "variances"):
                return "charge", told["paid"].get("spread", "noisy counts"), column
            if field == "edges":
                return "charge", "cells cut by noisy histograms", column
        elif owner == "codes":
            codes = facts["codes"]
            part, _, inner = field.rpartition(".")
            if part.startswith("part_"):
                codes = codes["parts"][int(part.removeprefix("part_"))]
                kind, _, index = inner.rpartition("_")
            if kind == "table":
                clique = tuple(codes["cliques"][int(index)])
                return "charge", f"fitted to the counts of {' × '.join(clique)}", clique
            if kind == "classes":
                merged = (codes["classes"][int(index)],)
                return "charge", "merged levels, from the noisy counts", merged
            if kind == "within":
                cut = (codes["within"][int(index)],)
                return "charge", "shares of levels within a merged one, from the noisy counts", cut
    except (IndexError, ValueError):
        pass
    return "unknown", "", ()
