"""The series that make most of the error in the newest windows, and those that come and go."""

from __future__ import annotations

from regression_lifecycle.adapters.dashboard.tables import PageTables, Section, of_problem
from regression_lifecycle.core.data.tables import SERIES_HISTORY
from regression_lifecycle.core.evaluation.series import rank_series


def series_section(tables: PageTables) -> Section:
    """Return one row per series, the one that makes most of the error first.

    ``changes`` has the windows in which series are new or have vanished, the newest first. A
    problem without series has no such section.
    """
    rows = of_problem(SERIES_HISTORY, tables.monitoring.series, tables.problem)
    keys = ["window", "model_version"]
    rows = rows.merge(tables.windows[keys], on=keys, how="inner")
    newest = sorted(rows["window_index"].dropna().unique())[-tables.parameters.pooled_windows :]
    chosen = rows[rows["window_index"].isin(newest)]
    ranked = tables.with_errors(rank_series(chosen, tables.problem.error_metric))
    kept = ranked.head(tables.parameters.maximum_series)
    recent = tables.windows.tail(tables.parameters.pooled_windows).iloc[::-1]
    moved = recent[["new_series", "vanished_series"]].fillna("").ne("").any(axis=1)
    return Section(
        {
            "rows": kept.to_dict("records"),
            "changes": recent[moved.astype("bool")].to_dict("records"),
            "n_series": len(ranked),
            "n_windows": len(newest),
            "n_hidden": len(ranked) - len(kept),
            "kept_share": kept["error_share"].sum(),
        }
    )
