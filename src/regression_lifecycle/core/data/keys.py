"""The name of a row: its key as one text, the same wherever a row is met."""

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
        # A few times faster than one by one; only whole seconds are written in one form.
        moments = values.to_numpy()
        seconds = moments.astype("datetime64[s]")
        if len(moments) and (seconds == moments).all():
            texts = np.strings.replace(np.datetime_as_string(seconds, unit="s"), "T", " ")
            return pd.Series(texts, index=values.index, dtype="str")
    return values.map(str).astype("str")
