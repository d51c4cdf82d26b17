"""What a claim states, and what simulations measured of it."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Rate:
    """One line of the tables.

    Attributes:
        world: Where it was measured.
        claim: What is measured, such as "equal candidate passes".
        stated: What the project promises; NaN where it promises nothing.
        measured: What came out.
        error: Standard error of what came out.
        as_share: Whether the figures are shares, shown as percent.
    """

    world: str
    claim: str
    stated: float
    measured: float
    error: float = math.nan
    as_share: bool = True

    @property
    def cells(self) -> tuple[str, ...]:
        """What is stated, what was measured, and its standard error, as texts."""
        return tuple(self._cell(figure) for figure in (self.stated, self.measured, self.error))

    def _cell(self, figure: float) -> str:
        if math.isnan(figure):
            return "-"
        return f"{figure:.1%}" if self.as_share else f"{figure:.3f}"


def share(world: str, claim: str, stated: float, passed: int, runs: int) -> Rate:
    """Return the rate at which something happened, with its standard error.

    Args:
        world: Where.
        claim: What.
        stated: The promise.
        passed: How often it happened.
        runs: In how many cases.
    """
    rate = passed / runs
    return Rate(world, claim, stated, rate, math.sqrt(rate * (1 - rate) / runs))
