"""The name of a row, the same wherever a row is met, and that of the series it is in."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regression_lifecycle.core.data.problem import Problem

NEW, CHANGED, GONE, COLUMNS = "new", "changed", "gone", "unknown columns"
CHANGES = {
    "change": "str",
    "n_rows": "int64",
    "first": "datetime64[us]",
    "last": "datetime64[us]",
    "columns": "str",
}
"""Columns of what an ingestion found other than the last one, with their dtypes."""


def row_keys(table: pd.DataFrame, problem: Problem) -> pd.Series:
    """Name every row by its key, as one text.

    Args:
        table: Rows with the key columns.

    Returns:
        The key's parts joined by ``|``, on the index of ``table``.
    """
    parts = [_as_text(table[name]) for name in problem.key_columns]
    keys = parts[0]
    for part in parts[1:]:
        keys = keys + "|" + part
    return keys.rename("row_key")


def find_confused_keys(rows: pd.DataFrame, problem: Problem) -> np.ndarray:
    """Return which rows have the name of others since a text of their key holds the sign ``|``.

    ``a|b`` beside ``c`` is joined as ``a`` beside ``b|c`` is, and their labels and lags would be
    taken for each other's.

    Args:
        rows: Rows with the key.

    Returns:
        One truth per row, true for those of the later of two such keys. Its times are left aside,
        since a series is confused with another at any time.
    """
    times = {problem.timestamp.name, *problem.timestamp.raw_columns}
    names = [name for name in problem.key_columns if name not in times]
    texts = [name for name in names if problem.columns[name].type == "category"]
    confused = np.zeros(len(rows), dtype="bool")
    if len(texts) < 2 or not any("|" in str(text) for n in texts for text in rows[n].unique()):
        return confused
    first = rows.loc[~rows.duplicated(names), names]
    joined = first.astype("str").agg("|".join, axis=1)
    wrong = first[joined.duplicated().to_numpy()]
    if len(wrong):
        confused = pd.MultiIndex.from_frame(rows[names]).isin(pd.MultiIndex.from_frame(wrong))
    return confused


def find_changes(
    before: pd.DataFrame, now: pd.DataFrame, told: pd.Series, problem: Problem
) -> pd.DataFrame:
    """Hold observations against those of an earlier run, row by row.

    Args:
        before: Earlier observations. If they have another key, nothing is known of any.
        now: Observations. A target that was missing before and is known now is no change.
        told: Their targets as the raw table says them; where a label says another one, it is no
            change of the table either.

    Returns:
        One row per kind of change that there is, as :data:`CHANGES` lists the columns: ``new``,
        ``changed`` or ``gone``, how many rows, the first and the last of them by time, and of those
        that changed in which columns, with counts. ``unknown columns`` where the raw table has
        others than before that the contract does not know (``attrs`` of both), with all of them.
    """
    key = list(problem.row_order)
    is_known = set(key) <= set(before.columns) and not before.duplicated(key).any()
    if before.empty or not is_known:
        return pd.DataFrame(columns=list(CHANGES)).astype(CHANGES)
    known, there = (pd.MultiIndex.from_frame(rows[key]) for rows in (before, now))
    place = known.get_indexer(there)
    met = place >= 0
    old, same = before.iloc[place[met]], now[met]
    labelled = _differ(told, now[problem.target])
    changed, columns = np.zeros(len(same), dtype="bool"), []
    for name in problem.columns:
        if name in old and old[name].dtype == same[name].dtype:
            differs = _differ(old[name], same[name])
            if name == problem.target:
                differs &= old[name].notna().to_numpy() & ~labelled[met]
            changed |= differs
            columns += [f"{name} in {differs.sum():,}"] if differs.any() else []
    gone = np.ones(len(before), dtype="bool")
    gone[place[met]] = False
    stamp = problem.timestamp.name
    found = {
        NEW: now.loc[~met, stamp],
        CHANGED: same.loc[changed, stamp],
        GONE: before.loc[gone, stamp],
    }
    rows = [
        (kind, len(times), times.min(), times.max(), ", ".join(columns) * (kind == CHANGED))
        for kind, times in found.items()
        if len(times)
    ]
    unknown = now.attrs.get(COLUMNS)
    if before.attrs.get(COLUMNS, unknown) != unknown:
        rows.append((COLUMNS, len(now), pd.NaT, pd.NaT, ", ".join(unknown or ())))
    return pd.DataFrame(rows, columns=list(CHANGES)).astype(CHANGES)


def _differ(one: pd.Series, other: pd.Series) -> NDArray[np.bool_]:
    """Compare values by position; two that are missing are equal."""
    differs = (one.reset_index(drop=True) != other.reset_index(drop=True)).to_numpy("bool")
    both: NDArray[np.bool_] = differs & ~(one.isna().to_numpy() & other.isna().to_numpy())
    return both


def _as_text(values: pd.Series) -> pd.Series:
    """Write each value as ``str`` does, whatever stands beside it."""
    if pd.api.types.is_datetime64_dtype(values):
        # A few times faster than one by one; only whole seconds are written in one form.
        moments = values.to_numpy()
        seconds = moments.astype("datetime64[s]")
        if len(moments) and (seconds == moments).all():
            texts = np.strings.replace(np.datetime_as_string(seconds, unit="s"), "T", " ")
            return pd.Series(texts, index=values.index, dtype="str")
    return values.map(str).astype("str")


def series_names(rows: pd.DataFrame, problem: Problem) -> pd.Series:
    """Name the series of every row.

    Args:
        rows: Rows with the columns that name a series, at least one.

    Returns:
        Their values joined by ``|``, as ``series`` on the index of ``rows``.
    """
    columns = list(problem.series_columns)
    # Every series is named once, however many rows it has.
    grouped = rows.groupby(columns, sort=False, dropna=False, observed=True)
    # A whole number that is a feature too has become a float: 1.0 is the series 1.
    whole = {name: "Int64" for name in columns if problem.columns[name].type == "integer"}
    first = rows.loc[~rows.duplicated(columns), columns].astype(whole).astype("str")
    names = first.iloc[:, 0].str.cat(first.iloc[:, 1:], sep="|").to_numpy()
    return pd.Series(names[grouped.ngroup()], index=rows.index, name="series", dtype="str")


def series_of_key(row_key: str, problem: Problem) -> str | None:
    """Take the time out of the name of a row.

    Args:
        row_key: What :func:`row_keys` gave.

    Returns:
        What :func:`series_names` gives for the row; empty for a table without series. None if a
        value holds the sign that joins the parts, so that nothing tells them apart.
    """
    names, series = list(problem.key_columns), set(problem.series_columns)
    if not series:
        return ""
    n_times = len(names) - len(series)
    if set(names[:n_times]).isdisjoint(series):
        return row_key.split("|", n_times)[-1]
    if set(names[-n_times:]).isdisjoint(series):
        return row_key.rsplit("|", n_times)[0]
    parts = row_key.split("|")
    if len(parts) != len(names):
        return None
    return "|".join(part for name, part in zip(names, parts, strict=True) if name in series)


def count_steps(rows: pd.DataFrame, problem: Problem) -> int:
    """Count how much evidence rows are: many series at one time count once.

    They share what moves them all, so that five hundred series of one month do not stand for
    five hundred months.

    Args:
        rows: Rows with the timestamp.

    Returns:
        The number of times of a table of many series, otherwise the number of rows.
    """
    if not problem.series_columns:
        return len(rows)
    return int(rows[problem.timestamp.name].nunique())
