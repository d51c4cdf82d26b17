"""Columns that give the target away, each with the evidence.

A column is suspected if it says more than a feature can: it is the target, a function of it, a part
of it, its later value, or it is filled only when the target is. A strong feature is no leak: its
ranks follow those of the target, but not in every row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from regression_lifecycle.core.profiling.evidence import (
    COPY,
    COPY_IN_UNIT,
    FEWEST,
    SAME,
    Leak,
    LeakKind,
    persists,
    rank_correlation,
    steps_of,
)
from regression_lifecycle.core.profiling.leaks_by_label import find_shifted_copies, find_stretches
from regression_lifecycle.core.profiling.leaks_in_time import find_leaks_in_time

_LINEAR = 0.99
_ROWS, _PAIRED = 20_000, 60
_LENGTHS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400}


def find_leaks(
    values: Mapping[str, pd.Series],
    target: str,
    moments: pd.Series | None = None,
    series: pd.Series | None = None,
) -> list[Leak]:
    """Find columns that give the target away.

    Args:
        values: Columns by name on one index, the target among them; numbers as float64, others as
            they are (of these only is looked at where they are filled, how well their labels tell
            the target, and of times how far they lie apart).
        target: Its name.
        moments: The time of every row; None if the table has none.
        series: Names the series of every row; None for a single one.

    Returns:
        One leak per suspected column, in the order of the table.
    """
    table, order = _in_order(values, moments, series)
    y = table.pop(target).astype("float64")
    if y.count() < FEWEST or y.nunique() < 2:
        return []
    in_time = moments is not None
    numbers = _numbers(table)
    found: dict[str, Leak] = {}
    for leaks in (
        _copies(numbers, y, order, in_time),
        find_leaks_in_time(numbers, y, order) if in_time else [],
        find_stretches(table, y, order, in_time),
        _elapsed(table, y, moments),
        _filled_with_target(table, y),
        _parts(numbers, target, y),
        find_shifted_copies(table, numbers, y, order, in_time),
    ):
        for leak in leaks:
            found.setdefault(leak.column, leak)
    return [found[name] for name in table if name in found]


def find_copies(
    values: Mapping[str, pd.Series], target: str, moments: pd.Series | None = None
) -> list[Leak]:
    """Find columns that are the target or a function of it: the cheap part of :func:`find_leaks`.

    Args:
        values: Numeric columns by name on one index, the target among them; others are skipped.
        target: Its name.
        moments: The time of every row; None if the table has none.

    Returns:
        One leak per suspected column, in the order of the table.
    """
    table, order = _in_order(values, moments, None)
    y = table.pop(target).astype("float64")
    return list(_copies(_numbers(table), y, order, moments is not None))


def _in_order(
    values: Mapping[str, pd.Series], moments: pd.Series | None, series: pd.Series | None
) -> tuple[dict[str, pd.Series], pd.Series]:
    """Sort columns by series and time, the newest rows only, and name the series of each row."""
    index = next(iter(values.values())).index
    order = pd.DataFrame(
        {
            "series": 0 if series is None else series,
            "moment": 0 if moments is None else moments,
        },
        index=index,
    )
    order = order.sort_values(["series", "moment"], kind="stable").tail(_ROWS)
    return {name: column.loc[order.index] for name, column in values.items()}, order["series"]


def _numbers(table: Mapping[str, pd.Series]) -> dict[str, pd.Series]:
    return {name: x for name, x in table.items() if pd.api.types.is_numeric_dtype(x)}


def _copies(
    numbers: Mapping[str, pd.Series], y: pd.Series, series: pd.Series, in_time: bool
) -> Iterable[Leak]:
    for name, x in numbers.items():
        both = x.notna() & y.notna()
        if both.sum() < FEWEST or x[both].nunique() < 3 or y[both].nunique() < 3:
            if both.sum() >= FEWEST and x[both].nunique() == 2 and y[both].nunique() == 2:
                yield from _twofold(name, x[both], y[both])
            continue
        rank = rank_correlation(x[both], y[both])
        slope = np.polyfit(x[both], y[both], 1)[0] if np.ptp(x[both]) > 0 else 0.0
        apart = abs((x - y)[both].mean())
        in_unit = abs(slope - 1) < 0.05 and apart < 0.05 * y[both].std()
        if abs(rank) < (COPY_IN_UNIT if in_unit else COPY):
            continue
        # What grows with time is alike without being the same; then the steps are compared.
        if in_time and persists(y, series):
            steps = rank_correlation(*steps_of(x, y, series))
            if abs(steps) < COPY_IN_UNIT:
                continue
        kind, reason = _describe(x[both], y[both], rank)
        yield Leak(name, kind, abs(rank), reason)


def _twofold(name: str, x: pd.Series, y: pd.Series) -> Iterable[Leak]:
    same = (x == x.max()) == (y == y.max())
    share = max(same.mean(), 1 - same.mean())
    if share >= 0.999:
        yield Leak(name, "copy", share, f"tells the target in {share:.1%} of the rows")


def _describe(x: pd.Series, y: pd.Series, rank: float) -> tuple[LeakKind, str]:
    equal = float(np.isclose(x, y, rtol=1e-9).mean())
    if equal >= SAME:
        return "copy", f"equals the target in {equal:.1%} of the rows"
    linear = float(np.corrcoef(x, y)[0, 1])
    if abs(linear) >= _LINEAR:
        return "copy", f"a copy of the target but for scale and noise (correlation {linear:.4f})"
    positive = (y > -1).all()
    if positive and abs(np.corrcoef(x, np.log1p(y))[0, 1]) > 0.9999:
        return "function", f"the logarithm of the target (rank correlation {rank:.4f})"
    if (y > 0).all() and abs(np.corrcoef(x, np.log(y))[0, 1]) > 0.9999:
        return "function", f"the logarithm of the target (rank correlation {rank:.4f})"
    return "function", f"rises and falls with the target (rank correlation {rank:.4f})"


def _elapsed(
    table: Mapping[str, pd.Series], y: pd.Series, moments: pd.Series | None
) -> Iterable[Leak]:
    """Times of which the target is the distance: from another one, or from the row's own."""
    times = {n: x for n, x in table.items() if pd.api.types.is_datetime64_any_dtype(x)}
    own = {} if moments is None else {"": moments.loc[y.index]}
    rounding = _rounding(y)
    for (first, a), (second, b) in combinations({**own, **times}.items(), 2):
        elapsed = (b - a).dt.total_seconds()
        both = elapsed.notna() & y.notna() & (y != 0)
        if both.sum() < FEWEST or y[both].nunique() < 3:
            continue
        for unit, length in _LENGTHS.items():
            apart = elapsed[both].abs() / length
            same = float(
                np.isclose(apart, y[both].abs(), rtol=1e-6, atol=rounding + 1 / length).mean()
            )
            if same >= SAME:
                since = f"'{first}'" if first else "the row's own time"
                reason = f"the target is {unit} between {since} and '{second}' ({same:.1%})"
                yield from (Leak(name, "part", same, reason) for name in (first, second) if name)
                break


def _filled_with_target(table: Mapping[str, pd.Series], y: pd.Series) -> Iterable[Leak]:
    """Columns that are filled in exactly those rows in which the target is, or is not zero."""
    marks = {"the target is filled": y.notna()}
    if (y.dropna() >= 0).all():
        marks["the target is above zero"] = (y > 0) & y.notna()
    for name, values in table.items():
        filled = values.notna()
        for words, mark in marks.items():
            fewest = max(FEWEST, 0.01 * len(y))
            if mark.sum() < fewest or (~mark).sum() < fewest or filled.all() or not filled.any():
                continue
            same = float((filled == mark).mean())
            if same >= 0.995 and (filled & ~mark).sum() <= 0.02 * (~mark).sum():
                yield Leak(name, "filled", same, f"filled only where {words} ({same:.1%})")
                break


def _parts(numbers: Mapping[str, pd.Series], target: str, y: pd.Series) -> Iterable[Leak]:
    """Columns of which the target is made: a sum, a difference, a product or a quotient."""
    frame = pd.DataFrame(numbers)
    frame = frame.loc[:, frame.notna().mean() > 0.5]
    if frame.empty:
        return
    rows = y.notna() & (y != 0) & frame.notna().all(axis=1)
    x, known = frame[rows], y[rows]
    # A shop that is open in every row in which something is sold.
    x = x.loc[:, x.nunique() > 1]
    if len(known) < FEWEST or known.nunique() < 3:
        return
    chosen = list(x.columns)[:_PAIRED]
    few = x.iloc[:: max(1, len(x) // 200)].index
    for first, second in combinations(chosen, 2):
        if not _formula(first, second, x.loc[few, first], x.loc[few, second], known[few])[0]:
            continue
        formula, share = _formula(first, second, x[first], x[second], known)
        if formula:
            reason = f"a part of the target: {target} = {formula} in {share:.1%} of the rows"
            yield Leak(first, "part", share, reason)
            yield Leak(second, "part", share, reason)
            return
    yield from _sum_of_many(x, known, target)


def _formula(
    first: str, second: str, a: pd.Series, b: pd.Series, y: pd.Series
) -> tuple[str, float]:
    made = {
        f"{first} + {second}": a + b,
        f"{first} - {second}": a - b,
        f"{second} - {first}": b - a,
        f"{first} * {second}": a * b,
        f"{first} / {second}": a / b.where(b != 0),
        f"{second} / {first}": b / a.where(a != 0),
    }
    rounding = _rounding(y)
    for formula, values in made.items():
        same = np.isclose(values, y, rtol=1e-6, atol=rounding)
        # Where one of two is nothing, the other one is the target without being a part of it.
        both = (a != 0) & (b != 0) & (a != 1) & (b != 1)
        if same.mean() >= 0.99 and same[both].sum() >= FEWEST:
            return formula, float(same.mean())
    return "", 0.0


def _rounding(y: pd.Series) -> float:
    """Half of the last decimal place that the target is written with."""
    for places in range(6):
        if np.isclose(y, y.round(places), rtol=0, atol=1e-9).all():
            return 0.51 * 10.0**-places if places else 1e-9
    return 1e-9


def _sum_of_many(x: pd.DataFrame, y: pd.Series, target: str) -> Iterable[Leak]:
    """Three columns or more of which all rows' sums are the target, up to a constant."""
    if x.shape[1] < 2 or len(y) < 3 * x.shape[1] + FEWEST:
        return
    scaled = (x - x.mean()) / x.std()
    weights, *_ = np.linalg.lstsq(scaled.to_numpy(), (y - y.mean()).to_numpy(), rcond=None)
    slopes = pd.Series(weights, index=x.columns) / x.std()
    parts = [name for name in x.columns if abs(abs(slopes[name]) - 1) < 0.02]
    if len(parts) < 2:
        return
    total = (x[parts] * np.sign(slopes[parts])).sum(axis=1)
    rest = (y - total).std() / y.std()
    if rest > 0.03:
        return
    formula = " ".join(f"{'+' if slopes[name] > 0 else '-'} {name}" for name in parts).removeprefix(
        "+ "
    )
    reason = f"a part of the target: {target} = {formula} (R2 {1 - rest**2:.4f})"
    for name in parts:
        yield Leak(name, "part", float(1 - rest**2), reason)
