"""The claim under audit, and the filter of a fit that is audited.

What may not happen here: a budget for rows that belong to anybody.
"""

from __future__ import annotations

from understudy.privacy import Budget, check_privacy
from understudy.privacy.accountant import calibrate_rho
from understudy.privacy.budget import SELECTION_SHARE

_LARGEST_USUAL = 1e-3


class ClaimedBudget(Budget):
    """The budget of a fit on an invented table.

    Nobody's rows are behind it, so that δ may be anything in (0, 0.5): published audits use 0.01,
    which `Budget` refuses.

    Parameters
    ----------
    epsilon, delta
        The claim.
    selection_share
        Share of δ kept for finding labels.

    Raises
    ------
    InputError
        ε or δ out of range.

    >>> round(ClaimedBudget(1.0, 1e-2, selection_share=0.0).rho, 4)
    0.1034
    """

    def __init__(
        self, epsilon: float, delta: float, *, selection_share: float = SELECTION_SHARE
    ) -> None:
        check_claim(epsilon, delta)
        self.remarks = ()
        self.epsilon, self.delta = float(epsilon), float(delta)
        self._delta_convert = self.delta * (1.0 - selection_share)
        self._order = None
        self._start(
            None,
            rho=calibrate_rho(self.epsilon, self._delta_convert) * (1 - 1e-9),
            delta_selection=self.delta * selection_share * (1 - 1e-9),
            ledger=None,
            asset=None,
            run=None,
            who=None,
            purpose=None,
        )


def check_claim(epsilon: float, delta: float) -> None:
    """Refuse an impossible claim; δ may be as large as audits have it.

    >>> check_claim(1.0, 0.01)
    """
    usual = min(delta, _LARGEST_USUAL) if isinstance(delta, float) and delta < 0.5 else delta
    check_privacy(epsilon, usual)
