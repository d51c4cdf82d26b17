"""Which columns tell apart the rows that stand at one time."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import pandas as pd

from regression_lifecycle.core.profiling.columns import ReadColumn

_TRIED = 12


def find_key(
    columns: Mapping[str, ReadColumn], moments: pd.Series, candidates: list[str]
) -> tuple[str, ...] | None:
    """Find the fewest columns that, with the time, name a row.

    Args:
        columns: All columns of the table.
        moments: The time of every row.
        candidates: Columns that may be in a key, in the order of the table.

    Returns:
        The columns beside the time, none if the time alone names a row; None if no one or two
        columns do. Rows that are copies of others throughout do not count, nor do few rows that
        break an otherwise perfect key. Of several choices the one with the fewest series.
    """
    whole = pd.DataFrame({name: column.values for name, column in columns.items()})
    rows = pd.DataFrame({"": moments})[~whole.duplicated()].dropna()
    bearable = 0.005 * len(rows)
    if rows.duplicated().sum() <= bearable:
        return ()
    labels = sorted(
        (
            name
            for name in candidates
            if columns[name].profile.type in ("category", "integer", "boolean")
            and not columns[name].profile.n_missing
            and columns[name].profile.n_unique > 1
        ),
        key=lambda name: (columns[name].profile.n_unique, columns[name].profile.type != "category"),
    )
    values = {name: columns[name].values.loc[rows.index] for name in labels}
    # With a column of one's own per row anything is unique, so these come last.
    for size in (1, 2):
        for chosen in combinations(labels[: 60 if size == 1 else _TRIED], size):
            found = rows.assign(**{f"_{name}": values[name] for name in chosen})
            if found.duplicated().sum() <= bearable:
                return chosen
    return None
