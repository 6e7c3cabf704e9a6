"""MST (McKenna, Miklau, Sheldon 2021) on mbi's public API, run by the interpreter that has mbi.

Select, measure and generate as its authors do: a third of ρ for all singles, a third for choosing
the tree by the exponential mechanism, a third for its pairs; rare levels merged at 3 σ; mirror
descent for the estimate. The table arrives as codes of a domain that cost nothing.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable

import numpy as np
from benchmarks.coded import load_codes, save_codes
from benchmarks.drivers.arguments import read_arguments
from benchmarks.stopwatch import Stopwatch
from benchmarks.zcdp import zcdp_rho

SELECT_ITERATIONS = 1000
FINAL_ITERATIONS = 5000
MERGE_BELOW = 3.0


def spanning_tree(
    weights: dict[tuple[str, str], float],
    names: Iterable[str],
    rho: float,
    rng: np.random.Generator,
) -> list[tuple[str, str]]:
    """Kruskal's rounds, each edge chosen by the exponential mechanism at an equal share of ρ."""
    root = {name: name for name in names}
    epsilon = math.sqrt(8 * rho / (len(root) - 1))
    edges = []
    for _ in range(len(root) - 1):
        open_edges = [edge for edge in weights if root[edge[0]] != root[edge[1]]]
        scores = 0.5 * epsilon * np.array([weights[edge] for edge in open_edges])
        chances = np.exp(scores - scores.max())
        left, right = open_edges[rng.choice(len(open_edges), p=chances / chances.sum())]
        edges.append((left, right))
        merged = root[right]
        root = {name: root[left] if top == merged else top for name, top in root.items()}
    return edges


def main() -> None:
    """Fit, sample, write the codes and what it took."""
    options = read_arguments(__doc__)

    import mbi
    from mbi.estimation import MirrorDescent

    rng = np.random.default_rng(options.seed)
    np.random.seed(options.seed)  # noqa: NPY002  mbi's own sampling draws from the global state
    sizes = json.loads(options.domain.read_text())
    data = mbi.Dataset(load_codes(options.input), mbi.Domain.fromdict(sizes))
    rows = len(next(iter(data.data.values())))

    def measure(cliques: list[tuple[str, ...]], scale: float) -> list[mbi.LinearMeasurement]:
        scale *= math.sqrt(len(cliques))
        answers = [np.asarray(data.project(clique).datavector()) for clique in cliques]
        return [
            mbi.LinearMeasurement(answer + rng.normal(0, scale, answer.size), clique, scale)
            for answer, clique in zip(answers, cliques, strict=True)
        ]

    watch = Stopwatch()
    rho = zcdp_rho(options.epsilon, options.delta)
    scale = math.sqrt(3 / (2 * rho))
    singles = measure([(name,) for name in sizes], scale)

    merges = {}
    for single in singles:
        kept = np.asarray(single.noisy_measurement) >= MERGE_BELOW * single.stddev
        if not kept.all():
            merges[single.clique[0]] = np.where(kept, np.cumsum(kept) - 1, kept.sum())
    original = data.domain
    singles = [single.compress(merges, original) for single in singles]
    data = data.compress(merges)

    first = MirrorDescent().estimate(data.domain, singles, iters=SELECT_ITERATIONS)
    weights = {}
    for pair in itertools.combinations(sizes, 2):
        guess, truth = first.project(pair).datavector(), data.project(pair).datavector()
        weights[pair] = float(np.abs(np.asarray(guess) - np.asarray(truth)).sum())
    tree = spanning_tree(weights, sizes, rho / 3, rng)
    pairs = measure(tree, scale)
    model = MirrorDescent().estimate(data.domain, singles + pairs, iters=FINAL_ITERATIONS)
    watch.fitted()
    synthetic = model.synthetic_data(rows=rows).decompress(merges)
    watch.sampled()
    save_codes(
        {name: np.asarray(synthetic.data[name]) for name in sizes}, options.out / "codes.csv"
    )
    watch.write(options.out, chosen=tree)


if __name__ == "__main__":
    main()
