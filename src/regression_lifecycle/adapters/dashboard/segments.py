"""Who makes the error: segments, and of many series the worst, pooled over the newest windows."""

from __future__ import annotations

from typing import Any

import pandas as pd

from regression_lifecycle.adapters.dashboard.charts import (
    WindowAxis,
    finished,
    milliseconds,
    numbers,
    time,
    tooltip,
    window_axis,
    window_names,
    with_unit,
)
from regression_lifecycle.adapters.dashboard.formatting import signed
from regression_lifecycle.adapters.dashboard.tables import (
    PageTables,
    Section,
    describe_windows,
    of_problem,
)
from regression_lifecycle.core.data.tables import SEGMENT_HISTORY, SERIES_HISTORY
from regression_lifecycle.core.evaluation.series import rank_series
from regression_lifecycle.core.evaluation.window_metrics import bias_of_sums

_SUMS = ["sum_weight", "sum_target", "sum_absolute_target", "sum_prediction"]
# Keeps what can be picked below a quarter of a megabyte.
_MAXIMUM_PICKED, _MAXIMUM_CELLS, _MAXIMUM_WINDOWS = 500, 6000, 52
_HEIGHT = 170


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
    about = describe_windows(_windows_of(known))
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
    # The one value of a column always makes all of its error.
    pooled["is_only"] = pooled.groupby("segment")["value"].transform("size") == 1
    pooled = pooled.sort_values(["is_only", "error_share"], ascending=[True, False], kind="stable")
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
            "about": about,
            "n_hidden": len(pooled) - len(kept),
        }
    )


def _windows_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the windows of segments or series, one row each, the oldest first."""
    return rows.drop_duplicates("window").sort_values("window_index", kind="stable")


def series_section(tables: PageTables) -> Section:
    """Return one row per series, the one that makes most of the error first.

    ``changes`` has the windows in which series are new or have vanished, the newest first.
    ``picked`` are the names of the series whose error by window can be drawn, the worst first. A
    problem without series has no such section.
    """
    rows = of_problem(SERIES_HISTORY, tables.monitoring.series, tables.problem)
    keys = ["window", "model_version"]
    rows = rows.merge(tables.windows[keys], on=keys, how="inner")
    known = sorted(rows["window_index"].dropna().unique())
    newest = known[-tables.parameters.pooled_windows :]
    chosen = rows[rows["window_index"].isin(newest)]
    ranked = tables.with_errors(rank_series(chosen, tables.problem.error_metric))
    kept = ranked.head(tables.parameters.maximum_series)
    recent = tables.windows.tail(tables.parameters.pooled_windows).iloc[::-1]
    moved = recent[["new_series", "vanished_series"]].fillna("").ne("").any(axis=1)
    names = list(ranked["series"].head(_MAXIMUM_PICKED))
    content = {
        "rows": kept.to_dict("records"),
        "changes": recent[moved.astype("bool")].to_dict("records"),
        "n_series": len(ranked),
        "about": describe_windows(_windows_of(chosen)),
        "n_hidden": len(ranked) - len(kept),
        "kept_share": kept["error_share"].sum(),
        "picked": names,
        "n_unpicked": len(ranked) - len(names),
    }
    if not names:
        return Section(content)
    last = known[-min(_MAXIMUM_WINDOWS, max(2, _MAXIMUM_CELLS // len(names))) :]
    drawn = rows[rows["series"].isin(names) & rows["window_index"].isin(last)]
    axis = window_axis(drawn["start"], tables.problem)
    chart = _series_chart(tables.error_name, tables.unit, axis)
    return Section(content, {"series": chart}, {"series": _series_data(drawn, names, tables)})


def _series_data(rows: pd.DataFrame, names: list[str], tables: PageTables) -> pd.DataFrame:
    """Compute the error of every series in every window; series are counted, the worst is 0."""
    metric = tables.problem.error_metric
    sums = {"rmse": "squares", "mae": "absolutes", "pinball": "pinball"}[metric]
    power = 0.5 if metric == "rmse" else 1
    places = {name: place for place, name in enumerate(names)}
    rows = rows.sort_values(["series", "window_index"], kind="stable")
    error = (rows[f"sum_{sums}"] / rows["sum_weight"]) ** power
    baseline = (
        (rows[f"sum_baseline_{sums}"] / rows["sum_weight"]) ** power
        if f"sum_baseline_{sums}" in rows
        else pd.Series(float("nan"), index=rows.index)
    )
    return pd.DataFrame(
        {
            "series": [places[name] for name in rows["series"]],
            "window": window_names(rows["window"]),
            "start": milliseconds(rows["start"]),
            "error": numbers(error.round(_digits(error))),
            "baseline_error": numbers(baseline.round(_digits(baseline))),
            "t_bias": [signed(bias) for bias in bias_of_sums(rows)],
        }
    )


def _digits(values: pd.Series) -> int:
    """How many decimals leave three digits of a usual value."""
    size = values.abs().median()
    return 3 if pd.isna(size) or size >= 1 else 6


def _series_chart(error_name: str, unit: str, axis: WindowAxis) -> dict[str, Any]:
    """Draw the error of the one series that is picked; its number is a signal of the chart."""
    import altair as alt

    picked = alt.param(name="picked", value=0)
    base = (
        alt.Chart(alt.NamedData(name="series"))
        .transform_filter("datum.series == picked")
        .encode(x=time())
    )
    error = alt.Y("error:Q", title=with_unit(error_name, unit), scale=alt.Scale(zero=True))
    layers = (
        base.mark_line(style="baseline").encode(y="baseline_error:Q"),
        base.mark_line(style="deployed").encode(y=error),
        base.mark_point(style="deployed-point", filled=True, size=40, opacity=1).encode(
            y=error,
            tooltip=tooltip(
                ("window", "window"),
                ("error", error_name),
                ("baseline_error", f"baseline {error_name}"),
                ("t_bias", "bias as served"),
            ),
        ),
    )
    chart = alt.layer(*layers).add_params(picked)
    return finished(chart, _HEIGHT, "Error of one series by window", axis)
