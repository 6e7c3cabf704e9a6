"""AIM (McKenna, Mullins, Sheldon, Miklau 2022) on mbi's public API, run by the interpreter with mbi.

The wheel of mbi holds inference and no mechanism, so this is the paper's pseudo code with the
constants of its authors' script: 16 rounds per column to begin with, nine tenths of ρ for
measuring, all pairs as the workload with all singles below them, mirror descent of 1,000 steps
warm-started in every round and 1,000 more at the end. What the model answers to every candidate
comes from the library's own bulk elimination. The table arrives as codes of a domain that cost
nothing.
"""

from __future__ import annotations

import itertools
import json
import math
import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from benchmarks.coded import load_codes, save_codes
from benchmarks.drivers.arguments import read_arguments
from benchmarks.stopwatch import Stopwatch
from benchmarks.zcdp import zcdp_rho
from numpy.typing import NDArray

ITERATIONS = 1000
MEASURE_SHARE = 0.9
ROUNDS_PER_COLUMN = 16
MANY_ROWS = 100_000
EXPECTED = math.sqrt(2 / math.pi)
Clique = tuple[str, ...]


@dataclass(kw_only=True)
class Aim:
    """The paper's mechanism and what it has so far."""

    data: Any
    rho: float
    megabytes: float
    rng: np.random.Generator
    candidates: list[Clique] = field(init=False)
    weights: dict[Clique, int] = field(init=False)
    truth: dict[Clique, NDArray[np.float64]] = field(init=False)
    measured: list[Any] = field(default_factory=list)
    chosen: list[Clique] = field(default_factory=list)

    def __post_init__(self) -> None:
        from mbi.clique_utils import downward_closure

        workload = list(itertools.combinations(self.data.domain.attributes, 2))
        self.candidates = downward_closure(workload)
        self.weights = {
            one: sum(len(set(one) & set(pair)) for pair in workload) for one in self.candidates
        }
        self.truth = {
            one: np.asarray(self.data.project(one).datavector()) for one in self.candidates
        }

    def measure(self, clique: Clique, sigma: float) -> None:
        """MEASURE: one marginal with Gaussian noise."""
        import mbi

        noisy = self.truth[clique] + self.rng.normal(0, sigma, self.truth[clique].size)
        self.measured.append(mbi.LinearMeasurement(noisy, clique, sigma))

    def estimate(self, model: Any) -> Any:
        """GENERATE: mirror descent over everything measured, from the last model on."""
        from mbi.estimation import MirrorDescent

        domain = self.data.domain
        solver = MirrorDescent()
        return solver.estimate(domain, self.measured, iters=ITERATIONS, warm_start=model)

    def select(self, model: Any, sigma: float, epsilon: float, limit: float) -> Clique:
        """SELECT: a marginal that the model gets wrong, among those that keep it small."""
        import jax
        from mbi.clique_utils import downward_closure
        from mbi.junction_tree import hypothetical_model_size
        from mbi.marginal_oracles import bulk_variable_elimination

        held = [one.clique for one in self.measured]
        free = set(downward_closure(held))
        domain = self.data.domain
        small = [
            one
            for one in self.candidates
            if one in free or hypothetical_model_size(domain, [*held, one]) <= limit
        ]
        answers = bulk_variable_elimination(model.potentials, small, float(model.total))
        # Programs compiled for an earlier model are of no use and would fill the process's maps.
        jax.clear_caches()
        scores = [self._score(one, answers.project(one), sigma) for one in small]
        logits = 0.5 * epsilon * np.array(scores) / max(self.weights[one] for one in small)
        chances = np.exp(logits - logits.max())
        return small[self.rng.choice(len(small), p=chances / chances.sum())]

    def _score(self, clique: Clique, answer: Any, sigma: float) -> float:
        """How wrong the model is, less what measuring would be."""
        truth = self.truth[clique]
        wrong = np.abs(truth - np.asarray(answer.datavector())).sum()
        return float(self.weights[clique] * (wrong - EXPECTED * sigma * truth.size))

    def fit(self) -> Any:
        """Singles first, then rounds until ρ is spent, noise halved when a round teaches little."""
        rounds = ROUNDS_PER_COLUMN * len(self.data.domain.attributes)
        sigma = math.sqrt(rounds / (2 * MEASURE_SHARE * self.rho))
        epsilon = math.sqrt(8 * (1 - MEASURE_SHARE) * self.rho / rounds)
        singles = [one for one in self.candidates if len(one) == 1]
        for single in singles:
            self.measure(single, sigma)
        spent = len(singles) / (2 * sigma**2)
        model = self.estimate(None)
        last = False
        while not last:
            left = self.rho - spent
            if left <= 2 * (1 / (2 * sigma**2) + epsilon**2 / 8):
                last = True
                sigma = math.sqrt(1 / (2 * MEASURE_SHARE * left))
                epsilon = math.sqrt(8 * (1 - MEASURE_SHARE) * left)
            spent += 1 / (2 * sigma**2) + epsilon**2 / 8
            clique = self.select(model, sigma, epsilon, self.megabytes * spent / self.rho)
            self.chosen.append(clique)
            sys.stderr.write(f"{spent / self.rho:.4f} of rho: {clique}\n")
            before = np.asarray(model.project(clique).datavector())
            self.measure(clique, sigma)
            model = self.estimate(model)
            moved = np.abs(np.asarray(model.project(clique).datavector()) - before).sum()
            if moved <= EXPECTED * sigma * self.truth[clique].size:
                sigma, epsilon = sigma / 2, epsilon * 2
        return self.estimate(model)


def main() -> None:
    """Fit, sample, write the codes and what it took."""
    options = read_arguments(__doc__)

    import jax

    sizes = json.loads(options.domain.read_text())
    codes = load_codes(options.input)
    rows = len(next(iter(codes.values())))
    # Both are what the library asks for.
    jax.config.update("jax_enable_compilation_cache", False)
    if rows > MANY_ROWS:
        jax.config.update("jax_enable_x64", True)

    import mbi

    np.random.seed(options.seed)  # noqa: NPY002  mbi's own sampling draws from the global state
    data = mbi.Dataset(codes, mbi.Domain.fromdict({name: sizes[name] for name in codes}))

    watch = Stopwatch()
    aim = Aim(
        data=data,
        rho=zcdp_rho(options.epsilon, options.delta),
        megabytes=options.megabytes,
        rng=np.random.default_rng(options.seed),
    )
    model = aim.fit()
    watch.fitted()
    synthetic = model.synthetic_data(rows=rows)
    watch.sampled()
    save_codes(
        {name: np.asarray(synthetic.data[name]) for name in codes}, options.out / "codes.csv"
    )
    watch.write(options.out, rounds=len(aim.chosen), chosen=aim.chosen)


if __name__ == "__main__":
    main()
