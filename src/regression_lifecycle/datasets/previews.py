"""What Kedro-Viz shows of a table that lives in a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NewType

if TYPE_CHECKING:
    import pandas as pd

# Kedro-Viz reads the name of the return annotation of ``preview``.
TablePreview = NewType("TablePreview", dict[str, Any])


def newest_first(table: pd.DataFrame, nrows: int) -> TablePreview:
    """Show the last rows of a table, the last one on top.

    Args:
        table: Rows, the oldest first.
        nrows: How many.

    Returns:
        The table in pandas' split form: numbers stay numbers, a missing value is an empty text,
        and what JSON or a web page cannot show, such as a moment or a truth value, is text.
    """
    shown = table.tail(nrows).iloc[::-1]
    plain = {name: [_plain(value) for value in column.tolist()] for name, column in shown.items()}
    return TablePreview(
        {
            "index": shown.index.tolist(),
            "columns": list(plain),
            "data": [list(row) for row in zip(*plain.values(), strict=True)],
        }
    )


def _plain(value: Any) -> Any:
    from pandas import isna

    if isna(value):
        return ""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
