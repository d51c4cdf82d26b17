"""Which columns Evidently sees as numbers and which as categories, read off the problem.

Evidently guesses types per window if it is not told, and guesses differently from one window to
the next; so it is always told.
"""

from __future__ import annotations

from collections.abc import Iterable

from regression_lifecycle.adapters.evidently import ColumnRoles
from regression_lifecycle.core.data.problem import Problem


def column_roles(
    problem: Problem, columns: Iterable[str], *, target: bool = True, prediction: str | None = None
) -> ColumnRoles:
    """Describe columns of a table for Evidently.

    Args:
        problem: The table's description.
        columns: Columns to look at besides target and prediction; others are unknown here and
            count as numerical.
        target: Whether the target is in the table.
        prediction: Name of the prediction column, if there is one.

    Returns:
        The roles.
    """
    names = [name for name in columns if name != problem.target]
    specs = problem.columns
    return ColumnRoles(
        numerical=tuple(n for n in names if n not in specs or not specs[n].holds_labels),
        categorical=tuple(n for n in names if n in specs and specs[n].holds_labels),
        target=problem.target if target else None,
        prediction=prediction,
        timestamp=problem.timestamp.name,
        quantile=problem.quantile,
        weight=problem.weight_column,
    )
