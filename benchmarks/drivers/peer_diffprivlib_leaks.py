"""What diffprivlib's learners tell of one row, at any ε; run with its own interpreter.

Bounds and norms are declared, so that no warning is given. One row of a class of its own is added to
a table of two classes: fitted classes that follow it show it with certainty. And two fits with the same
`random_state` show whether noise can be drawn again.
"""

from __future__ import annotations

import json
import warnings

import numpy as np
from diffprivlib.models import GaussianNB, LogisticRegression


def main() -> None:
    """Print what was found as JSON."""
    draw = np.random.default_rng(0)
    wide = draw.random((500, 3))
    truth = (wide[:, 0] > 0.5).astype(int)
    one_more = np.vstack([wide, wide[:1]]), np.append(truth, 2)
    makers = {
        "LogisticRegression": lambda **s: LogisticRegression(epsilon=0.1, data_norm=2.0, **s),
        "GaussianNB": lambda **s: GaussianNB(epsilon=0.1, bounds=(np.zeros(3), np.ones(3)), **s),
    }
    told = {}
    for name, make in makers.items():
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            without, present = make().fit(wide, truth), make().fit(*one_more)
            first, again = (make(random_state=1).fit(wide, truth) for _ in range(2))
        numbers = [getattr(one, "coef_", getattr(one, "theta_", None)) for one in (first, again)]
        told[name] = {
            "classes_without": len(without.classes_),
            "classes_with_one_row": len(present.classes_),
            "same_noise_again": bool(np.array_equal(*numbers)),
            "privacy_warnings": sum("Leak" in one.category.__name__ for one in warned),
        }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
