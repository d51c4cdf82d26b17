"""Rows whose time must be a mistake: 2203 for 2023, 9999-12-31 for "open", 1900-01-01 for unknown.

One such row would be the newest of the table, and everything else would wait for its time to come.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from regression_lifecycle.core.durations import AnyDuration, longest

# Fewer gaps say nothing about what is usual.
_FEWEST_GAPS = 20
_SHARE = 0.01
_TIMES_LONGER = 10


def find_stray_moments(
    stamps: pd.Series,
    good: np.ndarray,
    maximum_gap: AnyDuration,
    known: pd.Series | None = None,
) -> np.ndarray:
    """Find the few rows that stand far before or far after the rest of a table.

    No clock is asked, so that the same table gives the same answer on every day. A table that goes
    on after a long pause soon has more rows behind it than are taken for strays.

    Args:
        stamps: Timestamps, in any order.
        good: Rows that nothing else speaks against, shape (n,).
        maximum_gap: Longest gap that is believed.
        known: Timestamps that belong to the table and are beyond doubt, if it is not seen whole.

    Returns:
        Shape (n,): which rows stand behind a gap that is longer than ``maximum_gap`` and than ten
        times every gap of the rest, with at most 1 % of all moments (or one) at that end. None
        where the rest has fewer than 20 gaps.
    """
    seconds = stamps.to_numpy().astype("datetime64[s]")
    beyond_doubt = [] if known is None else [known.to_numpy().astype("datetime64[s]")]
    moments = np.unique(np.concatenate([seconds[good], *beyond_doubt]))
    gaps = np.diff(moments).astype("int64")
    few = max(1, int(len(moments) * _SHARE))
    inner = gaps[few:-few]
    if len(inner) < _FEWEST_GAPS:
        return np.zeros(len(stamps), dtype=bool)
    limit = max(int(longest(maximum_gap).total_seconds()), _TIMES_LONGER * int(inner.max()))
    long = np.flatnonzero(gaps > limit)
    first = moments[long[long < few].max(initial=-1) + 1]
    last = moments[long[long >= len(gaps) - few].min(initial=len(gaps))]
    return np.asarray(good & ((seconds < first) | (seconds > last)))
