"""Error and bias by segment, pooled over the newest windows."""

from __future__ import annotations

from regression_lifecycle.adapters.dashboard.tables import PageTables, Section, of_problem
from regression_lifecycle.core.data.tables import SEGMENT_HISTORY
from regression_lifecycle.core.evaluation.window_metrics import bias_of_sums

_SUMS = ["sum_weight", "sum_target", "sum_absolute_target", "sum_prediction"]


def segments_section(tables: PageTables) -> Section:
    """Return one row per segment value, the one that costs most first.

    ``error_share`` is its part of the error (of the squares where that is the RMSE) over all
    values of its column, ``row_share`` that of the rows; ``width`` is the first in percent of the
    largest.
    """
    rows = of_problem(SEGMENT_HISTORY, tables.monitoring.segments, tables.problem)
    keys = ["window", "model_version"]
    rows = rows.merge(tables.windows[keys], on=keys, how="inner")
    newest = sorted(rows["window_index"].dropna().unique())[-tables.parameters.pooled_windows :]
    known = rows[rows["window_index"].isin(newest)]
    # The mean of squares, or of losses, is what is pooled.
    metric = tables.problem.error_metric
    power = 2 if metric == "rmse" else 1
    known = known[(known["sum_weight"] > 0) & known[metric].notna()]
    known = known.assign(_losses=known[metric] ** power * known["sum_weight"])
    sums = ["n", "_losses", *_SUMS]
    pooled = known.groupby(["segment", "value"], sort=False)[sums].sum(min_count=1).reset_index()
    pooled["error"] = (pooled["_losses"] / pooled["sum_weight"]) ** (1 / power)
    pooled["bias"] = bias_of_sums(pooled)
    for share, of in (("error_share", "_losses"), ("row_share", "sum_weight")):
        total = pooled.groupby("segment")[of].transform("sum")
        pooled[share] = (pooled[of] / total.where(total > 0)).fillna(0.0)
    pooled = pooled.sort_values("error_share", ascending=False, kind="stable")
    kept = pooled.head(tables.parameters.maximum_segments)
    largest = kept["error_share"].max() if len(kept) else 0
    kept = kept.assign(
        width=(100 * kept["error_share"] / largest).round(1) if largest else 0.0,
        # A part that costs more than its rows do is worse than the others.
        is_costly=kept["error_share"] > kept["row_share"],
    )
    return Section(
        {
            "rows": kept.to_dict("records"),
            "n_windows": len(newest),
            "n_hidden": len(pooled) - len(kept),
        }
    )
