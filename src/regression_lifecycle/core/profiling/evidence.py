"""How alike two columns are, and what speaks against one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

LeakKind = Literal["copy", "function", "part", "later", "filled"]

FEWEST = 20
"""Fewest rows that are compared."""
COPY = 0.995
"""Correlation of ranks from which on a column is the target in other clothes: R2 0.99 of them."""
COPY_IN_UNIT = 0.98
"""The same of a column in the target's own unit, of which a little less is enough."""
SAME = 0.98
"""Share of the rows in which two columns have to be equal."""


@dataclass(frozen=True)
class Leak:
    """A column that is suspected to give the target away.

    Attributes:
        column: Its name.
        kind: ``copy`` of the target, ``function`` of it, ``part`` of it, a ``later`` value of it,
            or ``filled`` only when it is.
        figure: Rank correlation, or share of rows, that speaks against it (0 to 1).
        reason: The evidence in words.
    """

    column: str
    kind: LeakKind
    figure: float
    reason: str


def rank_correlation(x: pd.Series, y: pd.Series) -> float:
    """Correlate the ranks of two columns; 0 where too few rows or values tell."""
    if len(x) < FEWEST or x.nunique() < 2 or y.nunique() < 2:
        return 0.0
    return float(np.corrcoef(x.rank(), y.rank())[0, 1])


def persists(y: pd.Series, series: pd.Series) -> bool:
    """Return whether a value is close to the one before it, or grows with the rows."""
    before = y.groupby(series).shift()
    both = before.notna() & y.notna()
    if both.sum() < FEWEST:
        return False
    trend = rank_correlation(pd.Series(np.arange(len(y)), index=y.index)[both], y[both])
    return abs(rank_correlation(y[both], before[both])) > 0.95 or abs(trend) > 0.95


def steps_of(x: pd.Series, y: pd.Series, series: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return how far two columns move from row to row of a series, where both do."""
    dx, dy = x.groupby(series).diff(), y.groupby(series).diff()
    both = dx.notna() & dy.notna()
    return dx[both], dy[both]
