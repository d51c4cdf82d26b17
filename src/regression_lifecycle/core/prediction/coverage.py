"""Whether intervals keep their level for small and large predictions alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from regression_lifecycle.core.metrics import interval_coverage

FIFTHS = 5


@dataclass(frozen=True)
class CoverageBin:
    """Rows whose predictions are of like size.

    Attributes:
        smallest: Least prediction among them, in the target's unit.
        largest: Greatest prediction among them.
        n: Labelled rows with an interval.
        coverage: Share of them inside of it.
        mean_width: Mean of upper minus lower bound, in the target's unit.
    """

    smallest: float
    largest: float
    n: int
    coverage: float
    mean_width: float


def coverage_by_prediction(rows: pd.DataFrame, bins: int = FIFTHS) -> list[CoverageBin]:
    """State the coverage of intervals by the size of the prediction.

    Args:
        rows: ``target``, ``prediction``, ``lower`` and ``upper``, as ``predictions`` has them of
            served windows; rows without a label or an interval do not count.
        bins: How many parts of like size the rows are cut into.

    Returns:
        The parts, the smallest predictions first. Equal predictions stay together, so that there
        may be fewer parts; none without rows that count.
    """
    names = ["target", "prediction", "lower", "upper"]
    known = rows[names].astype("float64").dropna()
    if known.empty:
        return []
    edges = np.quantile(known["prediction"], np.arange(1, bins) / bins)
    places = np.searchsorted(edges, known["prediction"], side="left")
    found = []
    for _, part in known.groupby(places):
        target, said, lower, upper = part.to_numpy().T
        found.append(
            CoverageBin(
                smallest=float(said.min()),
                largest=float(said.max()),
                n=len(part),
                coverage=interval_coverage(target, lower, upper),
                mean_width=float((upper - lower).mean()),
            )
        )
    return found
