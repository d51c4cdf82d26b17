"""Columns that tell the target of a row by its place in time: later values, totals and means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from regression_lifecycle.core.errors import counted
from regression_lifecycle.core.profiling.evidence import (
    COPY,
    FEWEST,
    SAME,
    Leak,
    LeakKind,
    persists,
    rank_correlation,
    steps_of,
)

_SHIFTS = (1, 2, 3, 7, 12, 24)
# Rows before and after its own one of which a column may be a weighted sum.
_BEFORE, _AFTER = 13, 6
_ROWS = 5_000
# Share of a column's variance that such a sum may leave over, and how much more the past leaves.
_REST, _TIMES = 0.01, 20


def find_leaks_in_time(
    numbers: Mapping[str, pd.Series], y: pd.Series, series: pd.Series
) -> Iterable[Leak]:
    """Find columns that are made of the target's values in other rows and in their own.

    Args:
        numbers: Numeric columns by name, in the order of series and time.
        y: The target.
        series: Names the series of every row.

    Yields:
        One leak per kind and column.
    """
    in_steps = persists(y, series)
    around = {
        row: y.groupby(series).shift(row).to_numpy()[-_ROWS:] for row in range(-_AFTER, _BEFORE + 1)
    }
    for name, x in numbers.items():
        yield from _later_value(name, x, y, series, in_steps)
        yield from _running_total(name, x, y, series)
        yield from _moving_value(name, x, around)


def _later_value(
    name: str, x: pd.Series, y: pd.Series, series: pd.Series, in_steps: bool
) -> Iterable[Leak]:
    for shift in _SHIFTS:
        later = y.groupby(series).shift(-shift)
        both = x.notna() & later.notna() & y.notna()
        if both.sum() < FEWEST or x[both].nunique() < 3:
            continue
        changes = both & (later != y)
        equal = np.isclose(x[changes], later[changes], rtol=1e-9).mean() if changes.any() else 0
        rank = rank_correlation(x[both], later[both])
        if in_steps:
            rank = rank_correlation(*steps_of(x[both], later[both], series[both]))
        if changes.sum() >= FEWEST and (equal >= SAME or rank >= COPY):
            figure = max(float(equal), rank)
            rows = "the next row" if shift == 1 else f"{shift} rows later"
            yield Leak(name, "later", figure, f"the target of {rows} ({figure:.1%})")
            return


def _running_total(name: str, x: pd.Series, y: pd.Series, series: pd.Series) -> Iterable[Leak]:
    """A column whose step from the row before is the target."""
    step = x.groupby(series).diff()
    both = step.notna() & y.notna() & (y != 0)
    if both.sum() < FEWEST or y[both].nunique() < 3:
        return
    same = float(np.isclose(step[both], y[both], rtol=1e-6, atol=1e-9 * x.abs().max()).mean())
    if same >= SAME:
        yield Leak(name, "function", same, f"the running total of the target ({same:.1%})")


def _moving_value(name: str, x: pd.Series, around: Mapping[int, np.ndarray]) -> Iterable[Leak]:
    """A column that is a weighted sum of the target in rows around, the own or a later among them.

    A sum of earlier values is a feature. So is what follows from them as well, as in a table whose
    rows are all alike.
    """
    values = x.to_numpy("float64")[-_ROWS:]
    rows = np.column_stack(list(around.values()))
    known = np.isfinite(values) & np.isfinite(rows).all(axis=1)
    if known.sum() < 5 * rows.shape[1] or np.unique(values[known]).size < 10:
        return
    rows, values = rows[known], values[known] - values[known].mean()
    rows = rows - rows.mean(axis=0)
    places = np.array(list(around))
    weights, rest = _fitted(rows, values)
    _, rest_of_past = _fitted(rows[:, places > 0], values)
    if rest > _REST or rest_of_past < _TIMES * rest or rest_of_past < _REST:
        return
    matters = places[np.abs(weights) > 0.05 * np.abs(weights).max()]
    first, last = int(matters.max()), int(-matters.min())
    stretch = ", ".join(
        words
        for words, wanted in (
            (f"{counted(first, 'row')} before", first > 0),
            ("the own row", bool(np.isin(0, matters))),
            (f"{counted(last, 'row')} after", last > 0),
        )
        if wanted
    )
    kind: LeakKind = "later" if last > 0 else "function"
    reason = f"a moving sum or mean of the target ({stretch}; R2 {1 - rest:.4f})"
    yield Leak(name, kind, 1 - rest, reason)


def _fitted(rows: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights of least squares, and the share of the variance that they leave over."""
    weights, *_ = np.linalg.lstsq(rows, values, rcond=None)
    total = float(values @ values)
    rest = values - rows @ weights
    return weights, float(rest @ rest) / total if total > 0 else 1.0
