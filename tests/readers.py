"""Tables in memory that are read as those of the store are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from regression_lifecycle.core.data.tables import Between, ReadRows


def reader(table: pd.DataFrame, on_read: Callable[[pd.DataFrame], None] | None = None) -> ReadRows:
    """Read rows of a table by values and ranges.

    Args:
        table: The table. A condition on a column that it lacks holds for every row.
        on_read: Called with the rows of every read.

    Returns:
        What a dataset of the type TableReaderDataset loads.
    """

    def read(
        where: Mapping[str, Any] | None = None, columns: Sequence[str] | None = None
    ) -> pd.DataFrame:
        rows = table
        for name, wanted in (where or {}).items():
            if name in table:
                rows = rows[_matches(rows[name], wanted)]
        if on_read is not None:
            on_read(rows)
        order = [name for name in ("window_index", "row_key") if name in rows]
        rows = rows.sort_values(order, kind="stable", ignore_index=True)
        return rows if columns is None else rows[list(columns)]

    return read


def _matches(values: pd.Series, wanted: Any) -> pd.Series:
    if isinstance(wanted, Between):
        inside = values.notna()
        if wanted.low is not None:
            inside &= values >= wanted.low
        return inside if wanted.high is None else inside & (values < wanted.high)
    return values.isin(wanted if isinstance(wanted, list) else [wanted])
