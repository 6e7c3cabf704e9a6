"""Synthesizers: what learns from the curator's answers and never sees a row.

`SYNTHESIZERS()` lists the built-in ones; others join by the entry point
`understudy.synthesizers`. What may not happen here: reading a table, drawing noise, or keeping
an exact count.
"""

from __future__ import annotations

from typing import Any


def SYNTHESIZERS() -> tuple[Any, ...]:  # noqa: N802 - a tuple that is looked up when needed
    """Every synthesizer that can be named: the built-in ones, then those of other packages."""
    from importlib.metadata import entry_points

    from understudy.synthesize.baseline.independent import Independent
    from understudy.synthesize.baseline.privbayes import PrivBayes
    from understudy.synthesize.marginal.aim import AIM
    from understudy.synthesize.marginal.margnet import MargNet
    from understudy.synthesize.marginal.mst import MST
    from understudy.synthesize.marginal.residual import Residual
    from understudy.synthesize.neural.argn import Argn
    from understudy.synthesize.neural.ctgan import Ctgan
    from understudy.synthesize.neural.gan import Gan
    from understudy.synthesize.neural.pategan import PateCtGan, PateGan
    from understudy.synthesize.neural.vae import Vae
    from understudy.synthesize.tree.cart import Cart

    others = tuple(point.load() for point in entry_points(group="understudy.synthesizers"))
    return (
        AIM,
        MST,
        Residual,
        MargNet,
        PrivBayes,
        Independent,
        Cart,
        Argn,
        Vae,
        Gan,
        PateGan,
        PateCtGan,
        Ctgan,
        *others,
    )
