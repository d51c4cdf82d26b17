"""Columns that tell the target label by label: its values in words, steps or shifted by group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from regression_lifecycle.core.profiling.evidence import COPY, FEWEST, Leak, persists

_ROWS_PER_LABEL, _MOST_GROUPS = 10, 50
_ROWS = 5_000


def find_stretches(
    table: Mapping[str, pd.Series], y: pd.Series, series: pd.Series, in_time: bool
) -> Iterable[Leak]:
    """Find labels, flags and steps that stand for a stretch of the target's values each.

    Args:
        table: Columns by name.
        y: The target.
        series: Names the series of every row.
        in_time: Whether the rows are in the order of time.
    """
    # A year is a stretch of what grows from year to year.
    if in_time and persists(y, series):
        table = {n: x for n, x in table.items() if not pd.api.types.is_numeric_dtype(x)}
    for name, labels in table.items():
        if pd.api.types.is_datetime64_any_dtype(labels):
            continue
        both = labels.notna() & y.notna()
        groups = y[both].groupby(labels[both])
        if groups.ngroups < 2 or both.sum() < _ROWS_PER_LABEL * groups.ngroups:
            continue
        # Stretches that do not overlap: no row of a label lies between those of another.
        bounds = groups.agg(["min", "max", "size"]).sort_values(["min", "max"])
        apart = (bounds["min"].iloc[1:].to_numpy() >= bounds["max"].iloc[:-1].to_numpy()).all()
        # A shop that is closed sells nothing: that is known, and tells nothing of the others.
        wide = bounds[(bounds["size"] >= 5) & (bounds["min"] < bounds["max"])]
        if (
            apart
            and len(wide) >= 2
            and wide["size"].sum() >= 0.9 * both.sum()
            and y[both].nunique() > 2 * groups.ngroups
        ):
            reason = f"each of its {groups.ngroups} values is a stretch of the target's values"
            yield Leak(name, "function", 1.0, reason)


def find_shifted_copies(
    table: Mapping[str, pd.Series],
    numbers: Mapping[str, pd.Series],
    y: pd.Series,
    series: pd.Series,
    in_time: bool,
) -> Iterable[Leak]:
    """Find columns that are the target plus something of each label of another column.

    Args:
        table: Columns by name, the labels among them.
        numbers: The numeric ones.
        y: The target.
        series: Names the series of every row.
        in_time: Whether the rows are in the order of time.
    """
    if in_time and persists(y, series):
        return
    codes = {
        name: pd.factorize(labels)[0][-_ROWS:]
        for name, labels in {**table, "": series}.items()
        if 2 <= labels.nunique() <= _MOST_GROUPS
        and (name == "" or not pd.api.types.is_float_dtype(labels) or labels.nunique() <= 3)
    }
    values = {name: x.to_numpy("float64")[-_ROWS:] for name, x in numbers.items()}
    target = y.to_numpy("float64")[-_ROWS:]
    for name, x in values.items():
        for label, code in codes.items():
            known = np.isfinite(x) & np.isfinite(target) & (code >= 0)
            alike = 0.0 if label == name else _alike_within(x[known], target[known], code[known])
            if alike >= COPY:
                of = f"label of '{label}'" if label else "series"
                yield Leak(name, "copy", alike, f"the target, shifted by {of} ({alike:.4f})")
                break


def _alike_within(x: np.ndarray, y: np.ndarray, code: np.ndarray) -> float:
    """Correlation of what differs from the mean of the group, where groups are large."""
    sizes = np.bincount(code) if len(code) else np.zeros(0)
    if (sizes > 0).sum() < 2 or len(code) < FEWEST * (sizes > 0).sum():
        return 0.0
    dx, dy = (v - (np.bincount(code, v) / np.maximum(sizes, 1))[code] for v in (x, y))
    size = float(np.sqrt((dx @ dx) * (dy @ dy)))
    # What differs within no group is told by the label alone.
    if size <= 1e-9 * len(code) * x.std() * y.std():
        return 0.0
    return abs(float(dx @ dy)) / size
