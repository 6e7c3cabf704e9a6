"""Success rates of guesses: attack against control, with intervals, and what luck would explain.

The rates and the risk are those of Giomi et al. (2023): a rate is the centre of Wilson's
interval, the risk is the part of the possible improvement over the control that the attack
reaches. The p-value is the exact one of equal chances for members and controls. What may not
happen here: a random draw, or a row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Z95 = 1.959963984540054
REFERENCE = (
    "Giomi, Boenisch, Wehmeyer, Tasnádi, A Unified Framework for Quantifying Privacy Risk in "
    "Synthetic Data, PoPETs 2023(2), arXiv 2211.10459"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Successes:
    """Successes among independent trials.

    Parameters
    ----------
    hits
        How many guesses were right, 0 to `trials`; a mean over sub-tables need not be whole.
    trials
        How many guesses there were, at least 1.

    Raises
    ------
    ValueError
        If there is no trial, or there are more successes than trials.

    >>> rate = Successes(hits=5, trials=100)
    >>> rate.share, round(rate.value, 4)
    (0.05, 0.0666)
    """

    hits: float
    trials: int

    def __post_init__(self) -> None:
        """Refuse what is no rate."""
        if self.trials < 1 or not 0 <= self.hits <= self.trials:
            raise ValueError("a rate needs trials, and no more successes than trials")

    @classmethod
    def of(cls, guesses: NDArray[np.bool_]) -> Self:
        """Successes of guesses, each right or wrong."""
        return cls(hits=int(guesses.sum()), trials=guesses.size)

    @property
    def share(self) -> float:
        """Successes over trials."""
        return self.hits / self.trials

    @property
    def value(self) -> float:
        """Centre of Wilson's 95 % interval: the rate as it is reported."""
        return (self.hits + 0.5 * Z95 * Z95) / (self.trials + Z95 * Z95)

    @property
    def half(self) -> float:
        """Half the width of Wilson's 95 % interval."""
        inner = self.hits * (self.trials - self.hits) / self.trials
        return Z95 / (self.trials + Z95 * Z95) * math.sqrt(inner + 0.25 * Z95 * Z95)

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval, within 0 and 1."""
        return max(0.0, self.value - self.half), min(1.0, self.value + self.half)

    def told(self) -> dict[str, Any]:
        """Counts and rate in JSON's types."""
        return {
            "hits": self.hits,
            "trials": self.trials,
            "rate": self.value,
            "interval": list(self.interval),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Excess:
    """An attack on members beside the same attack on controls and a blind guess.

    Parameters
    ----------
    attack, control, baseline
        Rates on members, on controls, and of guesses that ignore the target.

    >>> excess = Excess(attack=Successes(hits=60, trials=100),
    ...     control=Successes(hits=20, trials=100), baseline=Successes(hits=10, trials=100))
    >>> round(excess.risk, 3), excess.p_value < 1e-7
    (0.488, True)
    """

    attack: Successes
    control: Successes
    baseline: Successes

    @property
    def risk(self) -> float:
        """(attack - control) / (1 - control), between 0 and 1."""
        return min(1.0, max(0.0, residual(self.attack.value, self.control.value)))

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the risk: Wilson's half widths carried through the formula."""
        value = residual(self.attack.value, self.control.value)
        left = max(1e-12, 1.0 - self.control.value)
        half = math.hypot(
            self.attack.half / left, self.control.half * (1.0 - self.attack.value) / left**2
        )
        return min(1.0, max(0.0, value - half)), min(1.0, max(0.0, value + half))

    @property
    def p_value(self) -> float:
        """Chance of so many successes on members if controls are as easy: Fisher's exact test."""
        return fisher(self.attack, self.control)

    @property
    def beats_guessing(self) -> bool:
        """Whether the attack is better than the blind guess; if not, its risk means little."""
        return self.attack.value > self.baseline.value

    def limit(self, level: float, power: float = 0.8) -> float | None:
        """Smallest chance of success on members that would have been noticed; None if none.

        Parameters
        ----------
        level
            Level of the exact test, 0 to 1.
        power
            Probability with which it is noticed.
        """
        from scipy.stats import beta

        trials = self.attack.trials
        low, high = 0, trials + 1
        while low < high:
            middle = (low + high) // 2
            if fisher(Successes(hits=middle, trials=trials), self.control) > level:
                low = middle + 1
            else:
                high = middle
            if low > trials:
                return None
        return 0.0 if low == 0 else float(beta.ppf(power, low, trials - low + 1))

    def rates(self) -> dict[str, Any]:
        """The rates as an `AttackResult` takes them."""
        return {
            "value": self.attack.value,
            "interval": self.attack.interval,
            "baseline": self.baseline.value,
            "control": self.control.value,
        }

    def told(self) -> dict[str, Any]:
        """Rates, risk and test in JSON's types."""
        return {
            "attack": self.attack.told(),
            "control": self.control.told(),
            "baseline": self.baseline.told(),
            "risk": self.risk,
            "risk_interval": list(self.interval),
            "p_value": self.p_value,
            "beats_guessing": self.beats_guessing,
        }


def residual(attack: float, control: float) -> float:
    """The part of what the control leaves to gain that the attack gains; below 0 if it loses.

    >>> residual(0.6, 0.2)
    0.49999999999999994
    """
    return (attack - control) / max(1e-12, 1.0 - control)


def fisher(attack: Successes, control: Successes) -> float:
    """One-sided exact p-value of two counts of successes.

    Given the successes of both groups together, those of members are hypergeometric if members
    and controls are exchangeable; nothing is asked of the attack.

    Reference: R. A. Fisher, The Design of Experiments, 1935.

    >>> round(fisher(Successes(hits=3, trials=3), Successes(hits=0, trials=3)), 6)
    0.05
    """
    from scipy.stats import hypergeom

    won, lost = round(attack.hits), round(control.hits)
    return float(hypergeom.sf(won - 1, attack.trials + control.trials, won + lost, attack.trials))
