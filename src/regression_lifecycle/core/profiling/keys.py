"""Which columns tell apart the rows that stand at one time."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import pandas as pd

from regression_lifecycle.core.profiling.columns import ReadColumn

_TRIED = 12
# Share of the rows that may break a key: slips first, a table with many repeated rows at last.
_BEARABLE = (0.005, 0.1)


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
        columns do. Rows that are copies of others throughout do not count, and few rows may break
        the key. Of several choices the one with the fewest series.
    """
    whole = pd.DataFrame({name: column.values for name, column in columns.items()})
    rows = pd.DataFrame({"": moments})[~whole.duplicated()].dropna()
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
    for bearable in _BEARABLE:
        for size in (0, 1, 2):
            for chosen in combinations(labels[: 60 if size == 1 else _TRIED], size):
                found = rows.assign(**{f"_{name}": values[name] for name in chosen})
                if found.duplicated().sum() <= bearable * len(rows):
                    return chosen
    return None
