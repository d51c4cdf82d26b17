"""In which part of the rows a candidate is worse, and whether chance alone explains it.

Of many parts one looks bad by chance: of 24 hours that are each tested at 5 %, equal models fail
in 1 - 0.95^24 = 71 % of cases. So the p-value of the worst part is multiplied by their number
(Bonferroni), which holds however the parts depend on each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from regression_lifecycle.core.evaluation.holdout import segment_label


@dataclass(frozen=True)
class WorstSegment:
    """The segment in which it is most certain that the candidate is worse.

    Attributes:
        name: Such as ``hr=8``; empty if no segment has enough blocks.
        p_value: How often equal models have a segment that is as much worse; NaN without one.
        increase: Share by which the error is higher; NaN where the other has none.
        n_segments: Segments that were tested.
        n_blocks: Most blocks of a segment, tested or not.
    """

    name: str
    p_value: float
    increase: float
    n_segments: int
    n_blocks: int


def find_worst_segment(
    losses: pd.DataFrame,
    rows: pd.DataFrame,
    segments: Sequence[str],
    minimum_blocks: int,
    power: int,
) -> WorstSegment:
    """Test by segment whether the candidate's losses are higher.

    Args:
        losses: ``candidate``, ``other`` and ``block`` of the judged rows, by their index.
        rows: The segment columns, by the same index.
        segments: Columns whose every value is a segment.
        minimum_blocks: A segment with rows in fewer blocks is not tested.
        power: 2 for squared losses, 1 for others.

    Returns:
        The one with the smallest p-value: of a one-sided t-test on the differences of the block
        sums, times the number of segments, at most 1.
    """
    from scipy.special import stdtr

    found = pd.concat([_compare(losses, rows.loc[losses.index, name]) for name in segments])
    most = int(found["count"].max()) if len(found) else 0
    tested = found[found["count"] >= minimum_blocks]
    if tested.empty:
        return WorstSegment("", math.nan, math.nan, 0, most)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = tested["mean"] / (tested["std"] / np.sqrt(tested["count"]))
        increase = (tested["candidate"] / tested["other"]) ** (1 / power) - 1
    # Equal losses everywhere have neither a difference nor a spread of it.
    p_values = pd.Series(stdtr(tested["count"] - 1, -statistic.fillna(0.0)), tested.index)
    name = p_values.idxmin()
    return WorstSegment(
        name=str(name),
        p_value=min(float(p_values[name]) * len(tested), 1.0),
        increase=float(increase[name]) if np.isfinite(increase[name]) else math.nan,
        n_segments=len(tested),
        n_blocks=most,
    )


def _compare(losses: pd.DataFrame, values: pd.Series) -> pd.DataFrame:
    """Sum the losses of every segment, and describe the differences of its blocks."""
    labels = (f"{values.name}=" + values.map(segment_label)).rename("segment")
    sums = losses.groupby([labels, "block"])[["candidate", "other"]].sum()
    difference = (sums["candidate"] - sums["other"]).groupby(level=0)
    return difference.agg(["mean", "std", "count"]).join(sums.groupby(level=0).sum())
