"""In which part of the rows a candidate is worse, and whether chance alone explains it.

Of many parts one looks bad by chance: of 24 hours that are each tested at 5 %, equal models fail
in 1 - 0.95^24 = 71 % of cases. So the p-value of the worst part is multiplied by their number
(Bonferroni), which holds however the parts depend on each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from regression_lifecycle.core.evaluation.block_mean import block_mean
from regression_lifecycle.core.evaluation.comparison import observed_improvement
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
        sums, for which blocks that remember count as fewer, times the number of segments, at
        most 1.
    """
    found = [
        segment
        for column in segments
        for segment in _sums_by_segment(losses, rows.loc[losses.index, column])
    ]
    most = max((len(sums) for _, sums in found), default=0)
    tested = [(name, sums) for name, sums in found if len(sums) >= minimum_blocks]
    if not tested:
        return WorstSegment("", math.nan, math.nan, 0, most)
    p_values = [float(block_mean(sums[:, 0] - sums[:, 1]).p_value()) for _, sums in tested]
    worst = int(np.argmin(p_values))
    name, sums = tested[worst]
    increase = -float(observed_improvement(sums, power))
    return WorstSegment(
        name=name,
        p_value=min(p_values[worst] * len(tested), 1.0),
        increase=increase if math.isfinite(increase) else math.nan,
        n_segments=len(tested),
        n_blocks=most,
    )


def _sums_by_segment(losses: pd.DataFrame, values: pd.Series) -> Iterator[tuple[str, np.ndarray]]:
    """Yield every segment of a column with its losses by block, the oldest block first."""
    labels = (f"{values.name}=" + values.map(segment_label)).rename("segment")
    sums = losses.groupby([labels, "block"])[["candidate", "other"]].sum()
    for name, part in sums.groupby(level=0):
        yield str(name), part.to_numpy(dtype="float64")
