"""The name of a row, the same wherever a row is met, and that of the series it is in."""

from __future__ import annotations

import numpy as np
import pandas as pd

from regression_lifecycle.core.data.problem import Problem


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


def _as_text(values: pd.Series) -> pd.Series:
    """Write each value as ``str`` does, whatever stands beside it."""
    if pd.api.types.is_datetime64_dtype(values):
        # A few times faster than one by one, and of many series each moment once; only whole
        # seconds are written in one form.
        codes, moments = pd.factorize(values.to_numpy(), use_na_sentinel=False)
        seconds = moments.astype("datetime64[s]")
        if len(moments) and (seconds == moments).all():
            texts = np.strings.replace(np.datetime_as_string(seconds, unit="s"), "T", " ")
            return pd.Series(texts, dtype="str").take(codes).set_axis(values.index)
    if isinstance(values.dtype, pd.StringDtype):
        return values.fillna(str(np.nan))
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
