"""A chain of trees as a generator of codes: arrays that are walked, nothing that is executed.

Columns are drawn one after the other. The tree of a column sends a row, by what was drawn before,
to a leaf; the leaf holds how often each code of the column was seen there. What may not happen
here: fitting, or a library's own tree objects (they would need a pickle).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from understudy.errors import InputError, ModelError

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]

_CHUNK = 1 << 18


@dataclass(frozen=True, kw_only=True, eq=False)
class Tree:
    """One column's tree and the codes in its leaves.

    Parameters
    ----------
    column
        The column it draws.
    parents
        Columns drawn before, in the order of the features.
    ranks
        Per parent the place of each of its codes on the axis that is cut.
    feature, threshold, left, right
        Per node: which parent is cut, where (a rank at or below goes left), and the children;
        `feature` is -1 in a leaf.
    starts
        Per node, where its codes begin in `codes`, and the end of the last; inner nodes have none.
    codes, counts
        Codes seen in the leaves, and how often.
    """

    column: str
    parents: tuple[str, ...]
    ranks: tuple[Floats, ...]
    feature: Ints
    threshold: Floats
    left: Ints
    right: Ints
    starts: Ints
    codes: Ints
    counts: Floats

    def leaves(self, drawn: Mapping[str, Ints], rows: int) -> Ints:
        """The leaf of every row."""
        node = np.zeros(rows, dtype=np.int64)
        if not self.parents:
            return node
        features = np.stack(
            [table[drawn[name]] for name, table in zip(self.parents, self.ranks, strict=True)],
            axis=1,
        )
        going = np.arange(rows)
        while len(going):
            going = going[self.feature[node[going]] >= 0]
            here = node[going]
            below = features[going, self.feature[here]] <= self.threshold[here]
            node[going] = np.where(below, self.left[here], self.right[here])
        return node

    def draw(self, drawn: Mapping[str, Ints], rows: int, generator: np.random.Generator) -> Ints:
        """A code for every row, by the shares in its leaf."""
        leaf = self.leaves(drawn, rows)
        ends = np.cumsum(self.counts)
        before = np.concatenate([[0.0], ends])
        low, high = before[self.starts[leaf]], before[self.starts[leaf + 1]]
        point = low + generator.random(rows) * (high - low)
        place = np.searchsorted(ends, point, side="right")
        inside = np.clip(place, self.starts[leaf], self.starts[leaf + 1] - 1)
        return np.asarray(self.codes[inside])


_NODES = ("feature", "threshold", "left", "right", "starts", "codes", "counts")


@dataclass(frozen=True, kw_only=True, eq=False)
class TreeCodes:
    """Trees in the order in which their columns are drawn.

    Raises
    ------
    InputError
        A tree needs a column that is not drawn before it.
    """

    kind: ClassVar[str] = "trees"

    trees: tuple[Tree, ...]

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for tree in self.trees:
            if tree.column in seen or not set(tree.parents) <= seen:
                raise InputError("a tree's parents must be drawn before its column")
            seen.add(tree.column)

    def draw(self, rows: int, generator: np.random.Generator) -> Mapping[str, np.ndarray]:
        """Codes of new rows: independent of each other, as many as asked."""
        parts: list[dict[str, Ints]] = []
        for start in range(0, max(rows, 1), _CHUNK):
            count = min(_CHUNK, rows - start)
            drawn: dict[str, Ints] = {}
            for tree in self.trees:
                drawn[tree.column] = tree.draw(drawn, count, generator)
            parts.append(drawn)
        return {
            tree.column: np.concatenate([part[tree.column] for part in parts])
            for tree in self.trees
        }

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Names of columns as facts, nodes and leaves as arrays."""
        arrays: dict[str, np.ndarray] = {}
        for place, tree in enumerate(self.trees):
            arrays |= {f"{name}_{place}": getattr(tree, name) for name in _NODES}
            arrays |= {f"ranks_{place}_{index}": table for index, table in enumerate(tree.ranks)}
        facts = [{"column": tree.column, "parents": list(tree.parents)} for tree in self.trees]
        return {"trees": facts}, arrays

    @classmethod
    def from_arrays(cls, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> TreeCodes:
        """The generator that `to_arrays` described.

        Raises
        ------
        ModelError
            Nodes or leaves do not fit each other.
        """
        trees = []
        for place, told in enumerate(facts["trees"]):
            parents = tuple(str(name) for name in told["parents"])
            tree = Tree(
                column=str(told["column"]),
                parents=parents,
                ranks=tuple(arrays[f"ranks_{place}_{index}"] for index in range(len(parents))),
                **{name: arrays[f"{name}_{place}"] for name in _NODES},
            )
            _require_sound(tree)
            trees.append(tree)
        try:
            return cls(trees=tuple(trees))
        except InputError as damage:
            raise ModelError("a saved chain of trees is damaged") from damage


def _require_sound(tree: Tree) -> None:
    """Refuse nodes that lead nowhere or in circles, and leaves without codes."""
    nodes = len(tree.feature)
    inner = np.flatnonzero(tree.feature >= 0)
    leaf = np.flatnonzero(tree.feature < 0)
    sizes = (tree.threshold, tree.left, tree.right, tree.starts[:-1])
    sound = (
        nodes > 0
        and all(len(part) == nodes for part in sizes)
        and len(tree.codes) == len(tree.counts) == tree.starts[-1]
        and bool(np.all(tree.feature < len(tree.parents)))
        and bool(np.all(tree.left[inner] > inner) and np.all(tree.left[inner] < nodes))
        and bool(np.all(tree.right[inner] > inner) and np.all(tree.right[inner] < nodes))
        and bool(np.all(np.diff(tree.starts)[leaf] > 0))
        and bool(np.all(tree.counts > 0))
    )
    if not sound:
        raise ModelError("a saved tree is damaged", column=tree.column)
