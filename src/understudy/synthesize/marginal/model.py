"""A fitted graphical model: marginals, conditioning, entropy, and plain arrays to save.

A model is a domain, a total and log-potentials; probabilities follow from them by one pass of
belief propagation when the value is made. What may not happen here: learning, sampling, files.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from understudy.errors import InputError, ModelError
from understudy.synthesize.marginal.calibrate import Calibration, Plan, Potentials, plan_for
from understudy.synthesize.marginal.cliques import Clique
from understudy.synthesize.marginal.domain import Domain
from understudy.synthesize.marginal.factor import Array, Evidence, Factor

_LARGEST = 1 << 27


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class MarkovModel:
    """A distribution over a domain, known by the potentials of its cliques.

    Parameters
    ----------
    domain
        Attributes and their levels.
    potentials
        Log-potentials; none means uniform.
    total
        Expected number of rows, at least 0.

    Raises
    ------
    InputError
        The potentials forbid every cell, or the total is negative or not finite.

    >>> model = MarkovModel(domain=Domain(("a", "b"), (2, 2)), total=8.0)
    >>> model.marginal(("b",)).values
    array([4., 4.])
    """

    domain: Domain
    total: float
    potentials: Potentials = None  # type: ignore[assignment]
    plan: Plan = field(init=False, repr=False)
    calibration: Calibration = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if cast("Potentials | None", self.potentials) is None:
            object.__setattr__(self, "potentials", Potentials(domain=self.domain))
        if self.potentials.domain != self.domain:
            raise InputError("a model and its potentials have different domains")
        if not (math.isfinite(self.total) and self.total >= 0):
            raise InputError("the total of a model must be a number from 0 up", total=self.total)
        plan = plan_for(self.domain, self.potentials.tables, self.potentials.classes)
        run = plan.calibrate(
            [_to_layout(plan, clique, table) for clique, table in self.potentials.tables.items()]
        )
        if run.log_partition == -math.inf:
            raise InputError("the model's potentials forbid every cell")
        object.__setattr__(self, "plan", plan)
        object.__setattr__(self, "calibration", run)

    @property
    def cliques(self) -> tuple[Clique, ...]:
        """Cliques that carry a potential."""
        return tuple(self.potentials.tables)

    @property
    def nodes(self) -> tuple[Clique, ...]:
        """Cliques of the junction tree, parents first."""
        return self.plan.tree.cliques

    def marginal(self, attributes: Iterable[str]) -> Factor:
        """Expected counts over any attributes, axes in the order given.

        Parameters
        ----------
        attributes
            Any set; fast inside a clique, by variable elimination along the junction tree else.

        Returns
        -------
        Factor
            Sums to `total`.

        Raises
        ------
        InputError
            An attribute is unknown, or the table would exceed 2**27 cells.

        >>> MarkovModel(domain=Domain(("a", "b"), (2, 2)), total=8.0).marginal(()).values
        array(8.)
        """
        made = self.distribution(attributes)
        return Factor(made.domain, made.values * self.total)

    def distribution(self, attributes: Iterable[str]) -> Factor:
        """Probabilities over any attributes, axes in the order given; sums to 1.

        >>> MarkovModel(domain=Domain(("a", "b"), (2, 4)), total=8.0).distribution(("a",)).values
        array([0.5, 0.5])
        """
        asked = self.domain.project(attributes)
        if asked.size() > _LARGEST:
            raise InputError("the table asked for is too large", cells=asked.size(), limit=_LARGEST)
        names = asked.attributes
        if len(names) == 1 and names[0] in self.plan.leaves:
            return Factor(asked, self.calibration.levels[names[0]])
        order = self.plan.layout(names)
        node = self.plan.find(order)
        if node >= 0:
            values = self.plan.table(self.calibration, node, order)
        else:
            order, values = self._eliminate(set(names))
        made = values.transpose([order.index(name) for name in names])
        for axis, name in enumerate(names):
            if name in self.plan.leaves:
                shape = [1] * len(names)
                shape[axis] = -1
                made = np.take(made, self.plan.classes[name], axis=axis)
                made = made * self.within(name).reshape(shape)
        return Factor(asked, made)

    def within(self, attribute: str) -> Array:
        """Probability of each level given its class; ones where every level is its own class.

        >>> MarkovModel(domain=Domain(("a",), (2,)), total=1.0).within("a")
        array([1., 1.])
        """
        if attribute not in self.plan.leaves:
            return np.ones(self.domain[attribute])
        classes = self.plan.classes[attribute]
        levels = self.calibration.levels[attribute]
        sums = np.bincount(classes, levels)
        with np.errstate(invalid="ignore", divide="ignore"):
            made = levels / sums[classes]
        made[sums[classes] == 0] = 0.0
        return made

    def probability(self, evidence: Evidence) -> float:
        """Probability that a row agrees with the evidence.

        >>> model = MarkovModel(domain=Domain(("a", "b"), (2, 4)), total=8.0)
        >>> round(model.probability({"a": 1, "b": np.array([1, 1, 0, 0])}), 6)
        0.25
        """
        given = self._with(evidence)
        plan = plan_for(self.domain, given.tables, given.classes)
        run = plan.calibrate([_to_layout(plan, c, table) for c, table in given.tables.items()])
        return math.exp(run.log_partition - self.calibration.log_partition)

    def condition(self, evidence: Evidence) -> MarkovModel:
        """The model of the rows that agree with the evidence, exactly.

        Parameters
        ----------
        evidence
            Per attribute a level, or an array with a weight (boolean or from 0 up) per level.

        Returns
        -------
        MarkovModel
            Same domain; its total is the expected number of agreeing rows (weighted).

        Raises
        ------
        InputError
            The model gives the evidence probability zero, or it does not fit the domain.

        >>> model = MarkovModel(domain=Domain(("a", "b"), (2, 4)), total=8.0)
        >>> model.condition({"a": 1}).marginal(("a",)).values
        array([0., 4.])
        """
        given = self._with(evidence)
        try:
            made = MarkovModel(domain=self.domain, total=self.total, potentials=given)
        except InputError:
            raise InputError(
                "the model gives this evidence probability zero", attributes=tuple(evidence)
            ) from None
        share = math.exp(made.calibration.log_partition - self.calibration.log_partition)
        object.__setattr__(made, "total", self.total * share)
        return made

    @property
    def entropy(self) -> float:
        """Entropy of one row in nats.

        >>> round(MarkovModel(domain=Domain(("a", "b"), (2, 4)), total=8.0).entropy, 6)
        2.079442
        """
        found = 0.0
        for node, separator, _ in self.plan.steps():
            found += _entropy(self.calibration.beliefs[node])
            if separator:
                found -= _entropy(self.plan.table(self.calibration, node, separator))
        for name, levels in self.calibration.levels.items():
            classes = np.bincount(self.plan.classes[name], levels).astype(np.float64)
            found += _entropy(levels) - _entropy(classes)
        return found

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """The model as JSON-ready facts and plain arrays, for files without pickle.

        Returns
        -------
        tuple
            Facts (attributes, levels, total, cliques, attributes with classes) and arrays named
            ``table_<i>`` and ``classes_<i>``.

        >>> facts, arrays = MarkovModel(domain=Domain(("a",), (2,)), total=1.0).to_arrays()
        >>> MarkovModel.from_arrays(facts, arrays).total
        1.0
        """
        classes = sorted(self.potentials.classes)
        facts: dict[str, Any] = {
            "attributes": list(self.domain.attributes),
            "levels": list(self.domain.shape),
            "total": self.total,
            "cliques": [list(clique) for clique in self.potentials.tables],
            "classes": classes,
        }
        arrays: dict[str, Any] = {
            f"table_{i}": table for i, table in enumerate(self.potentials.tables.values())
        }
        for i, name in enumerate(classes):
            arrays[f"classes_{i}"] = self.potentials.classes[name].astype(np.int32)
        return facts, arrays

    @classmethod
    def from_arrays(cls, facts: Mapping[str, Any], arrays: Mapping[str, Any]) -> MarkovModel:
        """The model that `to_arrays` wrote.

        Raises
        ------
        ModelError
            A fact or an array is missing or does not fit.
        """
        try:
            domain = Domain(tuple(facts["attributes"]), tuple(facts["levels"]))
            potentials = Potentials(
                domain=domain,
                tables={
                    tuple(clique): np.asarray(arrays[f"table_{i}"], dtype=np.float64)
                    for i, clique in enumerate(facts["cliques"])
                },
                classes={
                    name: np.asarray(arrays[f"classes_{i}"]).astype(np.intp)
                    for i, name in enumerate(facts["classes"])
                },
            )
            return cls(domain=domain, total=float(facts["total"]), potentials=potentials)
        except (KeyError, TypeError, ValueError, InputError) as damage:
            raise ModelError("a saved marginal model is damaged", part=type(damage).__name__) from (
                damage
            )

    def _with(self, evidence: Evidence) -> Potentials:
        """Potentials plus the logarithm of the evidence on single tables."""
        tables = dict(self.potentials.tables)
        for name, given in evidence.items():
            levels = self.domain[name]
            if np.ndim(given) == 0:
                weights = np.zeros(levels)
                level = int(given)
                if not 0 <= level < levels:
                    raise InputError("evidence names a level out of range", attribute=name)
                weights[level] = 1.0
            else:
                weights = np.asarray(given, dtype=np.float64)
            if weights.shape != (levels,) or not (weights >= 0).all() or not weights.max() < np.inf:
                raise InputError(
                    "evidence needs one finite weight from 0 up per level",
                    attribute=name,
                    levels=levels,
                )
            with np.errstate(divide="ignore"):
                tables[(name,)] = np.log(weights) + tables.get((name,), 0.0)
        return Potentials(domain=self.domain, tables=tables, classes=self.potentials.classes)

    def _eliminate(self, wanted: set[str]) -> tuple[Clique, Array]:
        """Class-level probabilities of attributes that no node holds, axes as returned."""
        plan = self.plan
        below = [set(node.attributes) for node in plan.nodes]
        children: list[list[int]] = [[] for _ in plan.nodes]
        for i in range(len(plan.nodes) - 1, 0, -1):
            parent = plan.tree.parents[i]
            below[parent] |= below[i]
            children[parent].append(i)
        top = 0
        while any(wanted <= below[child] for child in children[top]):
            top = next(child for child in children[top] if wanted <= below[child])

        def collect(node: int, keep: set[str], table: Array) -> tuple[Clique, Array]:
            """Sum out of a node and what hangs below it everything that is not kept."""
            names: Clique = plan.nodes[node].attributes
            held = set(names)
            parts = []
            for child in children[node]:
                sought = (wanted & below[child]) - held
                if sought:
                    separator = plan.tree.separators[child]
                    parts.append(collect(child, sought | set(separator), self._conditional(child)))
            for i, (others, message) in enumerate(parts):
                later = {name for more, _ in parts[i + 1 :] for name in more}
                names, table = _contract(
                    names, table, others, message, keep | later | (wanted - held)
                )
            away = tuple(axis for axis, name in enumerate(names) if name not in keep)
            left = tuple(name for name in names if name in keep)
            return left, table.sum(axis=away) if away else table

        belief = self.calibration.beliefs[top].reshape(plan.nodes[top].shape)
        return collect(top, wanted, belief)

    def _conditional(self, node: int) -> Array:
        """Probabilities of a node given its separator, in the node's shape."""
        place = self.plan.nodes[node]
        belief = self.calibration.beliefs[node]
        if place.own is None:
            return belief.reshape(place.shape)
        sums = place.own(belief)
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = np.where(sums > 0, 1.0 / sums, 0.0)
        big, small = place.spread
        return (belief.reshape(big) * inverse.reshape(small)).reshape(place.shape)


def _to_layout(plan: Plan, clique: Clique, table: Array) -> Array:
    """A table in domain order as the plan wants it: flat, in the plan's axis order."""
    order = plan.layout(clique)
    return np.ascontiguousarray(table.transpose([clique.index(name) for name in order])).ravel()


def _entropy(probabilities: Array) -> float:
    """Entropy in nats; zero cells add nothing."""
    positive = probabilities[probabilities > 0]
    return float(-(positive * np.log(positive)).sum())


def _contract(
    left: Sequence[str], a: Array, right: Sequence[str], b: Array, keep: set[str]
) -> tuple[Clique, Array]:
    """Product of two named arrays, summed over the attributes not kept."""
    idle = tuple(i for i, name in enumerate(left) if name not in right and name not in keep)
    a = a.sum(axis=idle) if idle else a
    left = [name for i, name in enumerate(left) if i not in idle]
    shared = [name for name in left if name in right]
    batch = [name for name in shared if name in keep]
    inner = [name for name in shared if name not in keep]
    mine = [name for name in left if name not in right]
    theirs = [name for name in right if name not in left]
    rows = [left.index(name) for name in batch + mine + inner]
    columns = [right.index(name) for name in batch + inner + theirs]
    head = tuple(a.shape[left.index(name)] for name in batch)
    tall = tuple(a.shape[left.index(name)] for name in mine)
    deep = math.prod(a.shape[left.index(name)] for name in inner)
    wide = tuple(b.shape[right.index(name)] for name in theirs)
    cells = math.prod(head) * math.prod(tall) * math.prod(wide)
    if cells > _LARGEST:
        raise InputError("a table on the way is too large", cells=cells, limit=_LARGEST)
    first = a.transpose(rows).reshape(math.prod(head), math.prod(tall), deep)
    second = b.transpose(columns).reshape(math.prod(head), deep, math.prod(wide))
    return (*batch, *mine, *theirs), np.matmul(first, second).reshape(head + tall + wide)
