"""Error and bias by segment, pooled over the newest windows."""

from __future__ import annotations

from regression_lifecycle.adapters.dashboard.tables import PageTables, Section, of_problem
from regression_lifecycle.core.data.tables import SEGMENT_HISTORY
from regression_lifecycle.core.evaluation.window_metrics import bias_of_sums

_SUMS = ["sum_target", "sum_absolute_target", "sum_prediction"]


def segments_section(tables: PageTables) -> Section:
    """Return one row per segment value, the largest absolute bias first.

    ``width`` is its share of the largest, in percent.
    """
    rows = of_problem(SEGMENT_HISTORY, tables.monitoring.segments, tables.problem)
    keys = ["window", "model_version"]
    rows = rows.merge(tables.windows[keys], on=keys, how="inner")
    newest = sorted(rows["window_index"].dropna().unique())[-tables.parameters.pooled_windows :]
    known = rows[rows["window_index"].isin(newest)].dropna(subset=_SUMS)
    known = known.assign(_squares=known["rmse"] ** 2 * known["n"].astype("float64"))
    sums = ["n", "_squares", *_SUMS]
    pooled = known.groupby(["segment", "value"], sort=False)[sums].sum(min_count=1)
    pooled = pooled[pooled["sum_absolute_target"] > 0].reset_index()
    pooled["bias"] = bias_of_sums(pooled)
    pooled["rmse"] = (pooled["_squares"] / pooled["n"].astype("float64")) ** 0.5
    pooled = pooled.sort_values("bias", key=lambda bias: -bias.abs(), kind="stable")
    kept = pooled.head(tables.parameters.maximum_segments)
    largest = kept["bias"].abs().max() if len(kept) else 0
    kept = kept.assign(width=(100 * kept["bias"].abs() / largest).round(1) if largest else 0.0)
    return Section(
        {
            "rows": kept.to_dict("records"),
            "n_windows": len(newest),
            "n_hidden": len(pooled) - len(kept),
        }
    )
