"""Error and bias by segment, pooled over the newest windows."""

from __future__ import annotations

from regression_lifecycle.adapters.dashboard.tables import PageTables, Section, of_problem
from regression_lifecycle.core.data.tables import SEGMENT_HISTORY
from regression_lifecycle.core.evaluation.window_metrics import bias_of_sums

_SUMS = ["sum_weight", "sum_target", "sum_absolute_target", "sum_prediction"]


def segments_section(tables: PageTables) -> Section:
    """Return one row per segment value, the most biased first; of a quantile the worst first.

    ``width`` is its share of the largest bias (of a quantile, which has none, of the largest
    error), in percent.
    """
    rows = of_problem(SEGMENT_HISTORY, tables.monitoring.segments, tables.problem)
    keys = ["window", "model_version"]
    rows = rows.merge(tables.windows[keys], on=keys, how="inner")
    newest = sorted(rows["window_index"].dropna().unique())[-tables.parameters.pooled_windows :]
    known = rows[rows["window_index"].isin(newest)]
    known = known[known["sum_weight"] > 0]
    # The mean of squares, or of losses, is what is pooled.
    metric = tables.problem.error_metric
    power = 2 if metric == "rmse" else 1
    known = known.assign(_losses=known[metric] ** power * known["sum_weight"])
    sums = ["n", "_losses", *_SUMS]
    pooled = known.groupby(["segment", "value"], sort=False)[sums].sum(min_count=1).reset_index()
    pooled["error"] = (pooled["_losses"] / pooled["sum_weight"]) ** (1 / power)
    pooled["bias"] = bias_of_sums(pooled)
    ranked_by = "bias" if tables.problem.quantile is None else "error"
    pooled = pooled[pooled[ranked_by].notna()]
    pooled = pooled.sort_values(ranked_by, key=lambda values: -values.abs(), kind="stable")
    kept = pooled.head(tables.parameters.maximum_segments)
    size = kept[ranked_by].abs()
    largest = size.max() if len(kept) else 0
    kept = kept.assign(width=(100 * size / largest).round(1) if largest else 0.0)
    return Section(
        {
            "rows": kept.to_dict("records"),
            "n_windows": len(newest),
            "n_hidden": len(pooled) - len(kept),
        }
    )
