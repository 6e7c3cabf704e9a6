"""Small models whose whole distribution can be written down."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from understudy.cells.reading import Reading
from understudy.curator import LabelCells, NumberCells
from understudy.prepare.attributes import Attribute
from understudy.schema import Kind, Storage
from understudy.source import Header
from understudy.synthesize.marginal import Domain, MarkovModel, Potentials
from understudy.synthesize.marginal.codes import MarginalCodes
from understudy.synthesize.model import CountedPair, Model


def number(name: str, edges: list[float], *, decimals: int | None = 0, marks: Any = (None,)) -> Any:
    """A number column of text cells."""
    reading = Reading(kind=Kind.NUMBER, decimals=decimals)
    encoding = NumberCells(column=name, reading=reading, edges=tuple(edges), marks=marks)
    return Header(name=name, storage=Storage.TEXT, arrow="string"), Kind.NUMBER, encoding


def labels(name: str, spelled: list[str | None], kind: Kind = Kind.CATEGORY) -> Any:
    """A column of labels."""
    encoding = LabelCells(column=name, labels=tuple(spelled))
    return Header(name=name, storage=Storage.TEXT, arrow="string"), kind, encoding


def build(columns: list[Any], cliques: list[tuple[str, ...]], classes: Any, seed: int) -> Model:
    """A model with random potentials; the code for what is neither label nor mark never occurs."""
    rng = np.random.default_rng(seed)
    domain = Domain.of({encoding.column: encoding.size for _, _, encoding in columns})
    coarse = Potentials(domain=domain, classes=classes).coarse
    tables: dict[tuple[str, ...], Any] = {
        clique: 1.5 * rng.normal(size=coarse.project(clique).shape) for clique in cliques
    }
    for _, _, encoding in columns:
        single = rng.normal(size=encoding.size)
        single[-1] = -np.inf
        tables[(encoding.column,)] = single
    markov = MarkovModel(
        domain=domain,
        total=1000.0,
        potentials=Potentials(domain=domain, tables=tables, classes=classes),
    )
    attributes = tuple(
        Attribute(
            header=header,
            kind=kind,
            encoding=encoding,
            counts=markov.marginal((encoding.column,)).values,
            variances=np.full(encoding.size, 9.0),
            ordered=isinstance(encoding, NumberCells),
        )
        for header, kind, encoding in columns
    )
    return Model(
        attributes=attributes,
        codes=MarginalCodes(markov=markov),
        rows=1000.0,
        synthesizer="mst",
        pairs=(CountedPair(columns=("age", "sex"), levels=(3, 4), sigma=5.0),),
    )


@dataclass(frozen=True)
class World:
    """Every possible row with its probability: values as Python holds them, None for missing."""

    names: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    mass: np.ndarray

    def probability(self, keeps: Any) -> float:
        """Probability of the rows that a function of a row's values keeps."""
        return float(sum(m for row, m in self if keeps(**row)))

    def __iter__(self) -> Iterator[tuple[dict[str, Any], float]]:
        for row, mass in zip(self.rows, self.mass.tolist(), strict=True):
            yield dict(zip(self.names, row, strict=True)), mass


def enumerate_world(model: Model) -> World:
    """Every value of every cell of a small model, numbers point by point."""
    markov = model.codes.components()[0][1]  # type: ignore[attr-defined]
    joint = markov.distribution(model.columns).values
    values: list[list[tuple[int, Any, float]]] = []
    for item in model.attributes:
        held: list[tuple[int, Any, float]] = []
        encoding = item.encoding
        if isinstance(encoding, NumberCells):
            for code, (low, high) in enumerate(itertools.pairwise(encoding.edges)):
                points = range(int(low), int(high))
                held += [(code, float(point), 1 / len(points)) for point in points]
            held += [(encoding.cells + i, None, 1.0) for i in range(len(encoding.marks))]
        else:
            held += [(code, label, 1.0) for code, label in enumerate(encoding.labels)]
        values.append(held)
    rows, mass = [], []
    for chosen in itertools.product(*values):
        rows.append(tuple(value for _, value, _ in chosen))
        mass.append(
            joint[tuple(code for code, _, _ in chosen)] * np.prod([share for _, _, share in chosen])
        )
    return World(model.columns, rows, np.array(mass))


@pytest.fixture(scope="session")
def model() -> Model:
    """Age in cells of unequal width, sex with a missing label, a married flag, hours."""
    return build(
        [
            number("age", [0, 10, 18, 30, 31, 40]),
            labels("sex", ["F", "M", None]),
            labels("married", ["yes", "no"], Kind.BOOLEAN),
            number("hours", [0, 4, 8], marks=("?",)),
        ],
        [("age", "sex"), ("sex", "married"), ("age", "hours")],
        {"age": np.array([0, 0, 1, 1, 2, 2, 2])},
        seed=4,
    )


@pytest.fixture(scope="session")
def world(model: Model) -> World:
    """The model's whole distribution."""
    return enumerate_world(model)
