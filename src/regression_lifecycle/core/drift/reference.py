"""The reference of a window: which earlier rows it is compared with.

No reference fits every question. Against the training rows one sees how far the data have gone
from what the model knows; against the last windows, what is new; against the same season of an
earlier year, what is unusual for the time of year. Whatever is asked for, only rows before the
window may answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regression_lifecycle.core.drift.parameters import ReferenceKind, ReferenceParameters


@dataclass(frozen=True)
class ReferenceRows:
    """The rows that a window is compared with.

    Attributes:
        mask: True for each row of the table that belongs to it, shape (n,).
        kind: Which kind it is; None if there is no row to compare with.
        start: First moment of the stretch that was asked for; None without a kind.
        end: First moment after it; None without a kind.
        reason: Why it is not the kind that was configured; empty if it is.
    """

    mask: NDArray[np.bool_]
    kind: ReferenceKind | None
    start: pd.Timestamp | None
    end: pd.Timestamp | None
    reason: str


def reference_rows(
    moments: pd.Series,
    start: pd.Timestamp,
    end: pd.Timestamp,
    parameters: ReferenceParameters,
    trained_from: pd.Timestamp | None = None,
    trained_until: pd.Timestamp | None = None,
    *,
    first: pd.Timestamp | None = None,
) -> ReferenceRows:
    """Choose the rows that a window is compared with.

    The choice knows moments only. For the prediction's drift the caller must bring a column of
    predictions that were made out of sample: what was predicted for the rows before they were
    trained on, or by models of a cross-validation that did not see them. A row without such a
    prediction is left out for that column alone.

    Args:
        moments: When each row of the table was observed, shape (n,), in any order; a row without
            a moment is never chosen.
        start: First moment of the window.
        end: First moment after it.
        parameters: The kind of reference and its fallback.
        trained_from: First moment of the rows that the model was trained on; None is the first
            of the table.
        trained_until: First moment after them; None is the start of the window.
        first: Where the table begins, if ``moments`` are those of a part of it.

    Returns:
        The rows, all of them before ``start``. A kind counts only if the table begins no later
        than its stretch does (rows may be missing inside) and at least one row is in it.
    """

    def inside(low: pd.Timestamp, high: pd.Timestamp) -> NDArray[np.bool_]:
        mask: NDArray[np.bool_] = ((moments >= low) & (moments < high)).to_numpy(bool)
        return mask

    begins = moments.min() if first is None else first
    trained = trained_from, trained_until
    span = choose_span(
        lambda low, high: bool(inside(low, high).any()), begins, (start, end), parameters, trained
    )
    if span.start is None or span.end is None:
        return ReferenceRows(np.zeros(len(moments), dtype=bool), *span)
    return ReferenceRows(inside(span.start, span.end), *span)


class ReferenceSpan(NamedTuple):
    """The stretch of time that a window is compared with; the attributes of its rows."""

    kind: ReferenceKind | None
    start: pd.Timestamp | None
    end: pd.Timestamp | None
    reason: str


def choose_span(
    has_rows: Callable[[pd.Timestamp, pd.Timestamp], bool],
    first: pd.Timestamp,
    window: tuple[pd.Timestamp, pd.Timestamp],
    parameters: ReferenceParameters,
    trained: tuple[pd.Timestamp | None, pd.Timestamp | None] = (None, None),
) -> ReferenceSpan:
    """Choose the stretch of time that a window is compared with, as :func:`reference_rows` does.

    Args:
        has_rows: Tells whether the table has a row from one moment on and before another.
        first: Moment of its oldest row.
        window: First moment of the window, and the first one after it.
        parameters: The kind of reference and its fallback.
        trained: First moment of the training rows, and the first one after them.

    Returns:
        The stretch; none where no kind counts.
    """
    start, end = window
    refused: list[str] = []
    for kind in dict.fromkeys((parameters.kind, *parameters.fallback)):
        low, high = _stretch(kind, first, start, end, parameters, *trained)
        # A margin or a model trained meanwhile may reach into the window: nothing later is known.
        high = min(high, start)
        if low < first:
            refused.append(f"{kind} would begin {low}, the table begins {first}")
        elif not has_rows(low, high):
            refused.append(f"{kind} has no row from {low} to {high}")
        else:
            return ReferenceSpan(kind, low, high, "; ".join(refused))
    return ReferenceSpan(None, None, None, "; ".join(refused))


def _stretch(
    kind: ReferenceKind,
    first: pd.Timestamp,
    start: pd.Timestamp,
    end: pd.Timestamp,
    parameters: ReferenceParameters,
    trained_from: pd.Timestamp | None,
    trained_until: pd.Timestamp | None,
) -> tuple[pd.Timestamp, pd.Timestamp]:
    """First moment of a stretch, and the first one after it."""
    if kind == "last_windows":
        return start - parameters.windows * (end - start), start
    if kind == "same_season":
        years = pd.DateOffset(years=parameters.years_back)
        return start - years - parameters.margin, end - years + parameters.margin
    return (
        first if trained_from is None else max(first, trained_from),
        start if trained_until is None else trained_until,
    )
