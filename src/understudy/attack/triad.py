"""The three risks of Art. 29 WP: singling out, linkability and inference, and reconstruction.

What may not happen here: an attack without a control group.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from understudy.attack.attribute_model import ATTRIBUTE_MODEL
from understudy.attack.attribution import ATTRIBUTION
from understudy.attack.inference import INFERENCE
from understudy.attack.linkability import LINKABILITY
from understudy.attack.reconstruction import RECONSTRUCTION
from understudy.attack.singling_out import SINGLING_OUT_MULTIVARIATE, SINGLING_OUT_UNIVARIATE

if TYPE_CHECKING:
    from understudy.attack.protocol import Attack

TRIAD: tuple[Attack, ...] = (
    SINGLING_OUT_UNIVARIATE,
    SINGLING_OUT_MULTIVARIATE,
    LINKABILITY,
    INFERENCE,
    ATTRIBUTION,
    ATTRIBUTE_MODEL,
    RECONSTRUCTION,
)
"""In the order of the report."""
