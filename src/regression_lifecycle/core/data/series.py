"""The series of a table: what they are called, and in which windows they come and go."""

from __future__ import annotations

import pandas as pd

from regression_lifecycle.core.data.problem import Problem


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
    first = rows.loc[~rows.duplicated(columns), columns].astype("str")
    names = first.iloc[:, 0].str.cat(first.iloc[:, 1:], sep="|").to_numpy()
    return pd.Series(names[grouped.ngroup()], index=rows.index, name="series", dtype="str")


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
