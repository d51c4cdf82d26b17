"""Columns of a table as lists that JSON takes: moments, numbers, texts."""

from __future__ import annotations

import math

import pandas as pd

from regression_lifecycle.adapters.dashboard.formatting import text


def milliseconds(moments: pd.Series) -> list[int | None]:
    """Write moments as milliseconds since 1970, read as UTC so that no clock change moves them.

    Args:
        moments: Timestamps without a zone.

    Returns:
        Integers; None where there is no moment.
    """
    return [None if pd.isna(m) else int(pd.Timestamp(m).value // 1_000_000) for m in moments]


def numbers(values: pd.Series) -> list[float | None]:
    """Write numbers with six digits, whole ones as integers; more nobody sees in a chart.

    Args:
        values: A column of numbers.

    Returns:
        Numbers; None where there is none.
    """
    rounded = [None if pd.isna(v) or not math.isfinite(v) else float(f"{v:.6g}") for v in values]
    return [int(v) if v is not None and v == int(v) else v for v in rounded]


def texts(values: pd.Series) -> list[str]:
    """Write a column as texts.

    Args:
        values: Any column.

    Returns:
        Texts; empty where there is nothing.
    """
    return [text(value) for value in values]
