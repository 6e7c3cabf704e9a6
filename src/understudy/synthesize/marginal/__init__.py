"""Marginal inference: exact models from noisy marginals, and rows from models.

Pure post-processing on numbers that were paid for or declared. What may not happen here: rows of a
sensitive table, noise for privacy, files, or any dependency but NumPy.
"""

from __future__ import annotations

from understudy.synthesize.marginal.calibrate import Potentials
from understudy.synthesize.marginal.cliques import (
    Clique,
    JunctionTree,
    junction_tree,
    maximal_cliques,
    tree_bytes,
    tree_cells,
)
from understudy.synthesize.marginal.domain import Domain
from understudy.synthesize.marginal.estimate import (
    SOLVERS,
    Fit,
    Solver,
    estimate,
    mirror_descent,
    penalised_fit,
    penalised_path,
    proportional_fit,
    proximal_fit,
)
from understudy.synthesize.marginal.factor import Factor
from understudy.synthesize.marginal.measurement import Measurement, estimate_total
from understudy.synthesize.marginal.model import MarkovModel
from understudy.synthesize.marginal.problem import common_classes
from understudy.synthesize.marginal.rounding import sample_codes
from understudy.synthesize.marginal.sweep import pair_marginals

__all__ = [
    "SOLVERS",
    "Clique",
    "Domain",
    "Factor",
    "Fit",
    "JunctionTree",
    "MarkovModel",
    "Measurement",
    "Potentials",
    "Solver",
    "common_classes",
    "estimate",
    "estimate_total",
    "junction_tree",
    "maximal_cliques",
    "mirror_descent",
    "pair_marginals",
    "penalised_fit",
    "penalised_path",
    "proportional_fit",
    "proximal_fit",
    "sample_codes",
    "tree_bytes",
    "tree_cells",
]
