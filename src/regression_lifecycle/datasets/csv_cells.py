"""Cells of CSV files that a spreadsheet would run as a formula are written as texts.

A category of the data is written by whoever fills the table; opened in a spreadsheet,
``=HYPERLINK(...)`` would be more than a text. The mark is the one that spreadsheets know
(https://owasp.org/www-community/attacks/CSV_Injection), and reading takes it away again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pandas as pd

# With marks before it, so that what is read is what was written, whatever that was.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def mark_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose texts and names begin with ``'`` where they would be formulas."""
    return _changed(table, lambda text: f"'{text}" if _FORMULA.match(text) else text)


def unmark_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table as it was before :func:`mark_formulas`."""
    return _changed(
        table,
        lambda text: text[1:] if text[:1] == "'" and _FORMULA.match(text) else text,
    )


def _changed(table: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    """The table itself if nothing changes, so that its types stay as they are."""

    def cell(value: Any) -> Any:
        return change(value) if isinstance(value, str) else value

    found = table
    names = [cell(name) for name in table.columns]
    for place, (_, column) in enumerate(table.items()):
        if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_dtype(column):
            continue
        before = list(column)
        after = [cell(value) for value in before]
        if any(one is not other for one, other in zip(before, after, strict=True)):
            found = found.copy() if found is table else found
            found.isetitem(place, pd.Series(after, index=table.index, dtype="object"))
    return found if names == list(table.columns) else found.set_axis(names, axis=1)
