"""Adversarial neighbours, for tests: those of `understudy.audit.altered`."""

from understudy.audit.altered import ODD_FLOATS, ODD_TEXTS, Neighbour, neighbours, with_cells

__all__ = ["ODD_FLOATS", "ODD_TEXTS", "Neighbour", "neighbours", "with_cells"]
