"""CART: columns one after the other, each by a tree on those before it, as synthpop does.

The idea, in three sentences. The first column is drawn from its own values; every later one gets
a classification or regression tree on all columns before it. A synthetic row falls down the tree
by what was drawn for it so far, and its value is drawn from the real values in the leaf. Leaves
hold five rows and more, so rows are recombined and not copied, but nothing bounds what a leaf
tells about the rows in it: **there is no privacy guarantee, and none can be had by asking.**

Reiter 2005, "Using CART to generate partially synthetic public use microdata", Journal of
Official Statistics 21(3); Nowok, Raab & Dibben 2016, "synthpop: Bespoke creation of synthetic
data in R", JSS 74(11). Where we depart: numbers are drawn from fine cells, not from the values in
them; labels are ordered for a tree by how they go with its column (as `ranger` does) instead of
trying all subsets; numbers are fitted by their ranks.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from understudy.curator import Curator
from understudy.curator.batches import open_rows, require_non_private, require_rows
from understudy.errors import InputError
from understudy.prepare.attributes import Attribute
from understudy.prepare.learn import learn
from understudy.schema import Schema
from understudy.synthesize.model import Model
from understudy.synthesize.protocol import NON_PRIVATE_ONLY, Progress, silent
from understudy.synthesize.tree.codes import Tree, TreeCodes

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]

_MANY = 64


@dataclass(frozen=True, kw_only=True)
class Cart:
    """Sequential trees, without privacy.

    Parameters
    ----------
    least_leaf
        Fewest rows in a leaf, 1 or more; synthpop's `minbucket`.
    depth
        Deepest tree, 1 to 60; None lets trees grow.
    most_parents
        Most columns a tree looks at, those drawn last before it; None: all of them.

    Raises
    ------
    InputError
        A setting out of range.

    Guarantees
    ----------
    None. ε is infinite, and every figure, file and page of such a release says so.

    >>> Cart().name, Cart().privacy
    ('cart', ('non-private',))
    """

    name: ClassVar[str] = "cart"
    privacy: ClassVar[tuple[str, ...]] = NON_PRIVATE_ONLY

    least_leaf: int = 5
    depth: int | None = None
    most_parents: int | None = None

    def __post_init__(self) -> None:
        if self.least_leaf < 1:
            raise InputError("least_leaf must be 1 or more", least_leaf=self.least_leaf)
        if self.depth is not None and not 1 <= self.depth <= 60:
            raise InputError("depth must lie in 1 to 60", depth=self.depth)
        if self.most_parents is not None and self.most_parents < 1:
            raise InputError("most_parents must be 1 or more", most_parents=self.most_parents)

    def fit(
        self,
        curator: Curator,
        schema: Schema,
        *,
        target: str | None = None,
        progress: Progress = silent,
    ) -> Model:
        """Learn columns, then a tree for each; see `Synthesizer.fit`.

        Raises
        ------
        InputError
            The budget promises privacy, or the rows cannot be had one by one.
        """
        require_non_private(curator, self.name)
        require_rows(curator, self.name)
        prepared = learn(
            curator,
            schema,
            everything=True,
            progress=lambda text, done: progress(text, 0.3 * done),
        )
        items = prepared.attributes
        opened = open_rows(curator, [item.encoding for item in items], label="rows for trees")
        trees: list[Tree] = []
        for place, item in enumerate(items):
            progress(
                f"growing the tree of column {place + 1} of {len(items)}",
                0.3 + 0.7 * place / len(items),
            )
            first = 0 if self.most_parents is None else max(0, place - self.most_parents)
            trees.append(self._grown(item, items[first:place], opened.codes[:, first : place + 1]))
        progress("fitted", 1.0)
        return Model(
            attributes=items,
            codes=TreeCodes(trees=tuple(trees)),
            rows=prepared.rows,
            synthesizer=self.name,
            settings={**asdict(self), "target": target},
        )

    def _grown(self, item: Attribute, parents: tuple[Attribute, ...], codes: Any) -> Tree:
        """The tree of a column: its codes stand last."""
        own = codes[:, -1].astype(np.int64)
        if not len(own) or not parents:
            return _single(item, own)
        ranks = tuple(
            parent_ranks(parent, codes[:, place], own, item) for place, parent in enumerate(parents)
        )
        features = np.stack(
            [table[codes[:, place]] for place, table in enumerate(ranks)], axis=1
        ).astype(np.float32)
        if item.ordered or len(np.unique(own)) > _MANY:
            grown = self._regression(features, own_ranks(item, own)[own])
        else:
            grown = self._classification(features, own)
        leaf = grown.apply(features)
        starts, held, counts = leaf_codes(leaf, own, grown.node_count, item.encoding.size)
        return Tree(
            column=item.name,
            parents=tuple(parent.name for parent in parents),
            ranks=ranks,
            feature=np.where(grown.children_left < 0, -1, grown.feature).astype(np.int64),
            threshold=grown.threshold.astype(np.float64),
            left=grown.children_left.astype(np.int64),
            right=grown.children_right.astype(np.int64),
            starts=starts,
            codes=held,
            counts=counts,
        )

    def _regression(self, features: Any, response: Floats) -> Any:
        """scikit-learn's tree of a number."""
        from sklearn.tree import DecisionTreeRegressor

        return (
            DecisionTreeRegressor(
                min_samples_leaf=self.least_leaf, max_depth=self.depth, random_state=0
            )
            .fit(features, response)
            .tree_
        )

    def _classification(self, features: Any, response: Ints) -> Any:
        """scikit-learn's tree of a label."""
        from sklearn.tree import DecisionTreeClassifier

        return (
            DecisionTreeClassifier(
                min_samples_leaf=self.least_leaf, max_depth=self.depth, random_state=0
            )
            .fit(features, response)
            .tree_
        )


def _single(item: Attribute, own: Ints) -> Tree:
    """A column drawn from its own values: the first one, or any of an empty table."""
    counts = np.bincount(own, minlength=item.encoding.size).astype(float)
    if not counts.sum():
        counts = item.shares
    held = np.flatnonzero(counts > 0)
    return Tree(
        column=item.name,
        parents=(),
        ranks=(),
        feature=np.array([-1]),
        threshold=np.zeros(1),
        left=np.array([-1]),
        right=np.array([-1]),
        starts=np.array([0, len(held)]),
        codes=held.astype(np.int64),
        counts=counts[held],
    )


def own_ranks(item: Attribute, own: Ints) -> Floats:
    """The response of a regression: the middle rank of each code, from 0 to 1.

    >>> import types
    >>> three = types.SimpleNamespace(encoding=types.SimpleNamespace(size=3))
    >>> own_ranks(three, np.array([0, 0, 1, 2])).tolist()
    [0.25, 0.625, 0.875]
    """
    counts = np.bincount(own, minlength=item.encoding.size).astype(float)
    ends = np.cumsum(counts)
    return np.asarray((ends - counts / 2.0) / max(float(ends[-1]), 1.0))


def parent_ranks(parent: Attribute, codes: Any, own: Ints, item: Attribute) -> Floats:
    """Where each code of a parent stands on the axis a tree cuts.

    Codes in order stand as they are. Labels stand by the first principal component of the shares
    of the response given the label (Coppersmith, Hong & Hosking 1999), for a number by its mean.
    """
    size = parent.encoding.size
    if parent.ordered:
        return np.arange(size, dtype=float)
    rows = codes.astype(np.int64)
    held = np.bincount(rows, minlength=size).astype(float)
    if item.ordered:
        sums = np.bincount(rows, weights=own_ranks(item, own)[own], minlength=size)
        place = sums / np.maximum(held, 1.0)
    else:
        levels, dense = np.unique(own, return_inverse=True)
        joint = np.zeros((size, len(levels)))
        np.add.at(joint, (rows, dense), 1.0)
        shares = joint / np.maximum(held, 1.0)[:, None]
        middle = (held @ shares) / max(held.sum(), 1.0)
        weighted = (shares - middle) * np.sqrt(held)[:, None]
        direction = np.linalg.svd(weighted, full_matrices=False)[2][0]
        place = (shares - middle) @ direction
    order = np.lexsort((np.arange(size), place))
    ranks = np.empty(size)
    ranks[order] = np.arange(size)
    return ranks


def leaf_codes(leaf: Any, own: Ints, nodes: int, size: int) -> tuple[Ints, Ints, Floats]:
    """Codes in each node's rows: where each node begins, the codes, how often.

    >>> leaf_codes(np.array([1, 1, 2]), np.array([4, 4, 0]), 3, 5)
    (array([0, 0, 1, 2]), array([4, 0]), array([2., 1.]))
    """
    cells, counts = np.unique(leaf.astype(np.int64) * size + own, return_counts=True)
    node = cells // size
    starts = np.searchsorted(node, np.arange(nodes + 1))
    return starts.astype(np.int64), cells % size, counts.astype(float)
