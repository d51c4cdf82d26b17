"""What other rows say against a row, found on the engine of the table.

The engine only looks for rows that may be wrong; they are few, and are judged in pandas.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regression_lifecycle.core.calendar.moments import believed_span
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.quarantine import Reasons
from regression_lifecycle.core.durations import AnyDuration, duration_text
from regression_lifecycle.core.frames.collecting import collect, count_rows, on_engine_of
from regression_lifecycle.core.frames.expressions import any_true
from regression_lifecycle.core.ingestion.raw_table import ROW

REPETITION = "an exact repetition of an earlier row"
"""What speaks against a row that is no fault of the table, and counts in no share."""
_FIRST, _LAST, _COUNT = "__first", "__last", "__count"
_SECOND = pd.Timedelta("1 second")


def reject_conflicts(
    typed: Any,
    problem: Problem,
    reasons: Reasons,
    maximum_gap: AnyDuration | None = None,
    known: pd.Series | None = None,
) -> Any:
    """Leave out the rows that other rows speak against.

    Args:
        typed: Rows as :func:`type_rows` gives them, on any engine.
        reasons: Takes up what speaks against a row.
        maximum_gap: Longest gap between a few rows and all others that is believed; None believes
            every gap.
        known: Timestamps of the table that are beyond doubt, if only a piece is seen.

    Returns:
        The other rows, on the same engine and in no order. Of rows with one key the first of the
        raw table is left.
    """
    frame: Any = nw.from_native(typed)
    frame = _reject_repeated(frame, problem, reasons)
    frame = _reject_confused(frame, problem, reasons)
    if maximum_gap is not None:
        frame = _reject_strays(frame, problem, reasons, maximum_gap, known)
    return frame.to_native()


def repeated_keys(frame: Any, key: list[str]) -> Any:
    """Return the keys that more than one row has, with their number in another column.

    Args:
        frame: A Narwhals frame.
        key: Columns that should name a row.
    """
    groups = frame.group_by(*key).agg(nw.len().alias(_COUNT))
    return groups.filter(nw.col(_COUNT) > 1)


def distinct_moments(frame: Any, problem: Problem) -> pd.Series:
    """Return the timestamps of a Narwhals frame, each once, in any order."""
    stamp = problem.timestamp.name
    return collect(frame.select(stamp).unique().to_native(), problem)[stamp]


def repeated_key(problem: Problem) -> str:
    """Return what speaks against a row whose key an earlier row has, with other values."""
    reason = (
        f"the key ({', '.join(problem.key_columns)}) stands in an earlier row already, with other "
        "values"
    )
    date = problem.timestamp.date
    if date is None or problem.columns[date].zone is None:
        return reason
    return f"{reason}; of an hour that the clock repeats, zone: UTC keeps both"


def _reject_repeated(frame: Any, problem: Problem, reasons: Reasons) -> Any:
    key, row = list(problem.key_columns), nw.col(ROW)
    if not count_rows(repeated_keys(frame, key).to_native()):
        return frame
    bounds = frame.with_columns(
        row.min().over(*key).alias(_FIRST), row.max().over(*key).alias(_LAST)
    )
    suspects = bounds.filter(nw.col(_FIRST) < nw.col(_LAST)).drop(_LAST)
    found = collect(suspects.to_native(), problem).sort_values(ROW)
    later = found[found[ROW] > found[_FIRST]]
    first = found.set_index(ROW).loc[later[_FIRST]]
    same = np.ones(len(later), dtype=bool)
    for name in found.columns.difference([*key, ROW, _FIRST]):
        one, other = later[name].reset_index(drop=True), first[name].reset_index(drop=True)
        same &= ((one == other) | (one.isna() & other.isna())).to_numpy("bool")
    rows = later[ROW].to_numpy()
    reasons.add_rows(rows[same], REPETITION)
    reasons.add_rows(rows[~same], repeated_key(problem))
    return _without(frame, rows)


def _reject_confused(frame: Any, problem: Problem, reasons: Reasons) -> Any:
    """Reject rows with the name of others, since a text of their key holds the sign ``|``.

    ``a|b`` beside ``c`` is joined as ``a`` beside ``b|c`` is, and their labels and lags would be
    taken for each other's. The later of two such series is rejected, at all of its times.
    """
    times = {problem.timestamp.name, *problem.timestamp.raw_columns}
    names = [name for name in problem.key_columns if name not in times]
    texts = [name for name in names if problem.columns[name].type == "category"]
    if len(texts) < 2:
        return frame
    holds_sign = any_true(nw.col(name).str.contains("|", literal=True) for name in texts)
    if not count_rows(frame.filter(holds_sign).to_native()):
        return frame
    series = frame.group_by(*names).agg(nw.col(ROW).min().alias(_FIRST))
    first = collect(series.to_native(), problem).sort_values(_FIRST)
    joined = first[names].map(str).agg("|".join, axis=1)
    wrong = first.loc[joined.duplicated(), names]
    if wrong.empty:
        return frame
    wrong_series = nw.from_native(on_engine_of(frame.to_native(), wrong))
    confused = frame.join(wrong_series, on=names, how="inner").select(ROW)
    rows = np.sort(collect(confused.to_native(), problem)[ROW].to_numpy())
    reasons.add_rows(
        rows,
        f"the key ({', '.join(problem.key_columns)}) reads like another one, since a text in it "
        "holds the sign '|' that joins its parts; replace the sign",
    )
    return _without(frame, rows)


def _reject_strays(
    frame: Any,
    problem: Problem,
    reasons: Reasons,
    maximum_gap: AnyDuration,
    known: pd.Series | None,
) -> Any:
    """Reject the few rows that stand far before or far behind all others."""
    moments = distinct_moments(frame, problem)
    if moments.empty:
        return frame
    first, last = believed_span(moments, maximum_gap, known)
    until = last + _SECOND
    if not ((moments < first) | (moments >= until)).any():
        return frame
    stamp = nw.col(problem.timestamp.name)
    is_stray = (stamp < first.to_pydatetime()) | (stamp >= until.to_pydatetime())
    strays = frame.filter(is_stray).select(ROW, problem.timestamp.name)
    found = collect(strays.to_native(), problem).sort_values(ROW)
    rows = found[ROW].to_numpy()
    reasons.add_rows(
        rows,
        f"{problem.timestamp.name} is more than {duration_text(maximum_gap)}, or a tenth of "
        "the table's length, away from all other rows; correct it, or set maximum_gap to null",
        found[problem.timestamp.name].iloc[0],
    )
    return _without(frame, rows)


def _without(frame: Any, rows: NDArray[np.int64]) -> Any:
    """Leave out rows by their position in the raw table."""
    if frame.implementation.is_pandas():
        return frame.filter(~nw.col(ROW).is_in(rows))
    left_out = on_engine_of(frame.to_native(), pd.DataFrame({ROW: rows}))
    return frame.join(nw.from_native(left_out), on=ROW, how="anti")
