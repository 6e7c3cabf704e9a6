"""ctgan: a conditional GAN for tables, private by DP-SGD on the critic when asked.

The idea, in three sentences. Beside noise, the generator is told one mode of one label column and
is to make a row that has it; the critic is told it too. Without privacy this is CTGAN (Xu,
Skoularidou, Cuesta-Infante & Veeramachaneni 2019, arXiv:1907.00503): mode-specific values,
training-by-sampling with logarithms of frequencies, a cross-entropy on the condition, ten rows
judged together, a gradient penalty. With privacy conditions of made rows are drawn by the *noisy*
shares that preparation paid for, a real row is judged under one of its own modes, the column drawn
by a hash, and nothing is judged together: training-by-sampling with exact frequencies, packing and
penalties on real rows are how other private versions leak.

Where the open form departs from the paper: values by mode (the paper's generator gives one value
whatever the mode), parts fitted to histograms, frequent single numbers as modes, an average of the
last parameters, falling step sizes, and single columns set at the end to what was counted.

What may not happen here: a condition by exact frequencies under a promise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from understudy.synthesize.neural.gan import Gan


@dataclass(frozen=True, kw_only=True)
class Ctgan(Gan):
    """A conditional GAN for tables; every setting is one of `Gan`.

    >>> Ctgan().pack, Ctgan().conditional, Ctgan().privacy
    (10, True, ('private', 'non-private'))
    """

    name: ClassVar[str] = "ctgan"
    conditional: ClassVar[bool] = True

    pack: int = 10
    dropout: float = 0.5
