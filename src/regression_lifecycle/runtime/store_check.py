"""The tables of the store held against each other: ``kedro check``, and the end of each tick."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import PREDICTIONS, SEGMENT_HISTORY, WINDOW_HISTORY

# Predictions that are in memory at a time, or those of one window where they are more.
_ROWS_AT_ONCE = 200_000
_FIGURES = ["problem", "window", "window_index", "model_version", "revision", "n", "n_labelled"]


def find_contradictions(
    url: str,
    problem: Problem,
    champion: str,
    is_registered: Callable[[str], bool],
    newest: int | None = None,
) -> list[str]:
    """Find what the store says in two ways.

    Args:
        url: SQLAlchemy URL of the store.
        problem: Whose rows are looked at.
        champion: Where the alias points; empty if nowhere.
        is_registered: Tells whether the registry has a version.
        newest: How many windows are looked at, the newest ones; None for all.

    Returns:
        One sentence per contradiction, those of the oldest window first.
    """
    from regression_lifecycle.adapters import database
    from regression_lifecycle.core.monitoring.consistency import (
        find_wrong_champion,
        find_wrong_figures,
        find_wrong_questions,
    )
    from regression_lifecycle.core.monitoring.window_plan import newest_revisions

    own = {"problem": problem.name}
    windows = newest_revisions(database.read_rows(url, WINDOW_HISTORY, own, [*_FIGURES, "rmse"]))
    sizes = windows.groupby("window", sort=False)["n"].sum()
    said = []
    for names in _in_parts(sizes.iloc[-(newest or len(sizes)) :]):
        where = {**own, "window": names}
        columns = ["window", "model_version", "target", "prediction"]
        said += find_wrong_figures(
            windows[windows["window"].isin(names)],
            database.read_rows(url, PREDICTIONS, where, columns),
            database.read_rows(
                url, SEGMENT_HISTORY, where, ["window", "model_version", "segment", "n"]
            ),
            problem,
        )
    ledger = database.read_decisions(url)
    return [
        *said,
        *find_wrong_champion(ledger, champion, problem),
        *find_wrong_questions(ledger, champion, is_registered, problem),
    ]


def _in_parts(sizes: pd.Series) -> Iterator[list[str]]:
    """Put windows together until they have so many rows."""
    part = (sizes.cumsum() - 1) // _ROWS_AT_ONCE
    for _, names in sizes.groupby(part, sort=False):
        yield list(names.index)
