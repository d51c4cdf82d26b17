"""Conditions of rows, in the words of any engine."""

from __future__ import annotations

from collections.abc import Iterable

import narwhals as nw


def any_true(conditions: Iterable[nw.Expr]) -> nw.Expr:
    """Combine conditions into one that holds where any of them does.

    They are combined two by two: one chain of them would be as deep as they are many, and Spark
    Connect reads a hundred levels.

    Args:
        conditions: Any number of them; null counts as false.

    Returns:
        The condition, never null; false without any.
    """
    level = [nw.lit(False), *conditions]
    while len(level) > 1:
        pairs = [level[start : start + 2] for start in range(0, len(level), 2)]
        level = [nw.any_horizontal(*pair, ignore_nulls=True) for pair in pairs]
    return level[0]
