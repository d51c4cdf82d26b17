"""Whether the stored tables tell one story: a figure and the rows that it was made from."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.decisions.champion_history import (
    champion_moves,
    unfinished_move,
    version_text,
)
from regression_lifecycle.core.decisions.waiting import waiting_versions
from regression_lifecycle.core.errors import bounded_list, counted

# Databases keep all digits of a float, and sums may be taken in another order.
_TOLERANCE = 1e-6


def find_wrong_figures(
    windows: pd.DataFrame, predictions: pd.DataFrame, segments: pd.DataFrame, problem: Problem
) -> list[str]:
    """Hold the figures of windows against the predictions that are stored for them.

    Args:
        windows: Newest revisions of rows of ``window_history``.
        predictions: ``window``, ``model_version``, ``target`` and ``prediction`` of all rows of
            ``predictions`` in these windows.
        segments: Rows of ``segment_history`` of these windows.
        problem: Says whether rows are weighted; then only rows are counted.

    Returns:
        One sentence per contradiction: a window that counts more rows, or other labelled ones,
        than are stored, an error that other rows give, or segments with more rows than the window.
    """
    key = ["window", "model_version"]
    squares = (predictions["prediction"] - predictions["target"]) ** 2
    stored = predictions.assign(square=squares).groupby(key)
    found = pd.DataFrame(
        {
            "stored": stored.size(),
            "labelled": stored["target"].count(),
            "measured": stored["square"].count(),
            "error": stored["square"].mean() ** 0.5,
        }
    )
    if len(segments):
        by_segment = segments.groupby([*key, "segment"])["n"].sum()
        found = found.join(by_segment.groupby(key).max().rename("in_segments"), how="outer")
    counts = ["stored", "labelled", "measured", "in_segments"]
    table = windows.merge(found, left_on=key, right_index=True, how="left")
    table = table.reindex(columns=list(dict.fromkeys([*table.columns, *counts])))
    table[counts] = table[counts].astype("float64").fillna(0)
    said = []
    for row in table.to_dict("records"):
        name = f"window {row['window']} of version {row['model_version']}"
        n, n_labelled = int(row["n"]), int(row["n_labelled"])
        stored_rows, labelled, measured = (int(row[count]) for count in counts[:3])
        if n > stored_rows or n_labelled != labelled:
            said.append(
                f"{name} counts {n:,} rows, {n_labelled:,} of them labelled; {stored_rows:,} "
                f"predictions are stored, {labelled:,} with a target"
            )
        elif measured != labelled:
            said.append(
                f"{name}: {counted(labelled - measured, 'labelled row')} without a prediction"
            )
        elif problem.weight_column is None and not _equal(row["rmse"], row["error"]):
            said.append(
                f"{name} has an RMSE of {row['rmse']:g}; its {labelled:,} stored rows give "
                f"{row['error']:g}"
            )
        if row["in_segments"] > n_labelled:
            said.append(f"{name} has more rows in its segments than labelled ones")
    return said


def find_wrong_champion(ledger: pd.DataFrame, champion: str, problem: Problem) -> list[str]:
    """Hold the alias ``champion`` against the ledger.

    Args:
        ledger: Every decision, the oldest first.
        champion: Where the alias points; empty if nowhere.

    Returns:
        One sentence if it is not where the newest decision about a champion put it.
    """
    moves = champion_moves(ledger, problem.name)
    wanted = "" if moves.empty else version_text(moves.iloc[-1]["candidate_version"])
    if champion == wanted:
        return []
    if unfinished_move(ledger, problem.name, champion):
        return [f"version {wanted} was decided to be champion; the next tick puts it in place"]
    named = f"version {champion}" if champion else "no version"
    ledger_says = f"version {wanted}" if wanted else "none"
    return [f"{named} is champion, and the ledger's newest champion is {ledger_says}"]


def find_wrong_questions(
    ledger: pd.DataFrame, champion: str, is_registered: Callable[[str], bool], problem: Problem
) -> list[str]:
    """Hold the versions that wait for approval against the ledger, the alias and the registry.

    Args:
        ledger: Every decision, the oldest first.
        champion: Where the alias points; empty if nowhere.
        is_registered: Tells whether the registry has a version.

    Returns:
        Sentences if more than one waits, if one that is champion already does, or if the registry
        lacks one.
    """
    waiting = [one.version for one in waiting_versions(ledger, problem.name)]
    said = []
    if len(waiting) > 1:
        said.append(f"versions {bounded_list(waiting)} wait for approval, and only one can")
    if champion in waiting:
        said.append(f"version {champion} is champion, and by the ledger it waits for approval")
    said += [
        f"version {version} waits for approval, and MLflow has no such version; refuse it"
        for version in waiting
        if not is_registered(version)
    ]
    return said


def _equal(one: float, other: float) -> bool:
    if pd.isna(one) or pd.isna(other):
        return bool(pd.isna(one) and pd.isna(other))
    return bool(abs(one - other) <= _TOLERANCE * max(abs(one), abs(other), 1e-30))
