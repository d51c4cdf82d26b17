"""Figures of the evaluation, as Plotly figures that the catalog stores and Kedro-Viz draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.evaluation.holdout import BASELINE, CANDIDATE, CHAMPION
from regression_lifecycle.core.evaluation.parameters import ImportanceParameters
from regression_lifecycle.core.frames.collecting import sample
from regression_lifecycle.core.metrics import ERROR_LABELS, compute_metrics, main_metric
from regression_lifecycle.core.models.rounding import round_to_largest
from regression_lifecycle.core.models.trained_model import TrainedModel
from regression_lifecycle.core.models.training import Compute, compute_limits
from regression_lifecycle.pipelines.subjects import short_fingerprint, span

if TYPE_CHECKING:
    import plotly.graph_objects as go

# Okabe and Ito's palette: told apart by colour-blind readers, on light and dark ground.
COLOURS = {CANDIDATE: "#0072B2", CHAMPION: "#009E73", BASELINE: "#E69F00"}
_GREY = "#888888"
# Most shuffled rows that are predicted together: they take memory.
_ROWS_AT_ONCE = 100_000


def plot_predicted_against_actual(
    predictions: pd.DataFrame, candidate: TrainedModel, problem: Problem
) -> go.Figure:
    """Draw the candidate's predictions against what happened.

    Args:
        predictions: Holdout rows with the column ``candidate``.

    Returns:
        A two-dimensional histogram with the diagonal of perfect predictions.
    """
    import plotly.graph_objects as go

    actual, predicted = predictions[problem.target], predictions[CANDIDATE]
    # Over both at once: a holdout without any label has predictions still.
    both = pd.concat([actual, predicted])
    bottom, top = float(both.min()), float(both.max())
    edges = np.linspace(bottom, top, 61)
    counts, _, _ = np.histogram2d(predicted, actual, bins=(edges, edges))
    middle = round_to_largest((edges[:-1] + edges[1:]) / 2, 9)
    figure = go.Figure(
        go.Heatmap(
            x=middle,
            y=middle,
            # Empty cells stay blank, and a logarithm keeps the dense corner from hiding the rest.
            z=np.where(counts > 0, np.round(np.log10(np.maximum(counts, 1)), 3), np.nan),
            customdata=counts,
            hovertemplate="actual %{x}<br>predicted %{y}<br>%{customdata} rows<extra></extra>",
            colorscale="Blues",
            showscale=False,
        )
    )
    figure.add_trace(
        go.Scatter(
            x=[bottom, top],
            y=[bottom, top],
            mode="lines",
            line={"color": _GREY, "dash": "dash"},
            hoverinfo="skip",
        )
    )
    return _laid_out(
        figure,
        _title("Predicted against actual", predictions, candidate, problem),
        f"actual {problem.target}",
        "predicted",
        legend=False,
    )


def plot_residuals(
    predictions: pd.DataFrame, candidate: TrainedModel, problem: Problem, segments: Sequence[str]
) -> go.Figure:
    """Draw the spread of the candidate's errors for each value of the first segment.

    Args:
        predictions: Holdout rows with the column ``candidate``.
        segments: Columns; without one it is the hour of the timestamp.

    Returns:
        A box per value: median, quartiles, and the 5th to 95th percentile as whiskers.
    """
    import plotly.graph_objects as go

    error = predictions[CANDIDATE] - predictions[problem.target]
    if segments:
        name = segments[0]
        groups = predictions[name]
    else:
        name, groups = "hour", predictions[problem.timestamp.name].dt.hour
    quantiles = error.groupby(groups).quantile([0.05, 0.25, 0.5, 0.75, 0.95]).unstack()
    quantiles[:] = round_to_largest(quantiles)
    figure = go.Figure(
        go.Box(
            x=[f"{value:g}" if isinstance(value, float) else value for value in quantiles.index],
            lowerfence=quantiles[0.05],
            q1=quantiles[0.25],
            median=quantiles[0.5],
            q3=quantiles[0.75],
            upperfence=quantiles[0.95],
            marker_color=COLOURS[CANDIDATE],
        )
    )
    figure.add_hline(y=0, line_color=_GREY, line_dash="dash")
    title = _title(f"Residuals by {name}", predictions, candidate, problem)
    return _laid_out(figure, title, name, "prediction minus actual", legend=False)


def plot_error_over_time(
    window_metrics: pd.DataFrame,
    predictions: pd.DataFrame,
    candidate: TrainedModel,
    problem: Problem,
) -> go.Figure:
    """Draw the error of every model in each window.

    Args:
        window_metrics: One row per window and model.
        predictions: The holdout rows that the windows are cut from.
        problem: Its main metric is drawn.

    Returns:
        One line per model.
    """
    import plotly.graph_objects as go

    figure, name = go.Figure(), ERROR_LABELS[problem.error_metric]
    for model, part in window_metrics.groupby("model", sort=False):
        figure.add_trace(
            go.Scatter(
                x=part["start"].astype(str),
                y=round_to_largest(part[problem.error_metric]),
                name=str(model),
                mode="lines+markers",
                line={"color": COLOURS.get(str(model), _GREY)},
                text=part["window"],
                hovertemplate=f"%{{text}}<br>{name} %{{y}}<extra>%{{fullData.name}}</extra>",
            )
        )
    figure.update_yaxes(rangemode="tozero")
    title = _title("Error over time", predictions, candidate, problem)
    return _laid_out(figure, title, "window start", name, legend=True)


def measure_importance(
    holdout_set: Any,
    candidate: TrainedModel,
    problem: Problem,
    parameters: ImportanceParameters,
    compute: Compute,
) -> pd.DataFrame:
    """Measure how much the candidate's error grows when a feature is shuffled.

    The error is the problem's main metric.

    Args:
        holdout_set: Rows the candidate was not trained on, on any engine.

    Returns:
        ``feature``, ``error_increase`` and ``standard_deviation`` in the target's unit, the most
        important first, on rows that count; missing where there is none.
    """
    rows = sample(problem.counting(holdout_set), problem, parameters.rows, parameters.seed)
    features = rows[list(candidate.metadata.recipe.feature_names)]
    if rows.empty:
        unknown = pd.DataFrame({"feature": features.columns})
        return unknown.assign(error_increase=np.nan, standard_deviation=np.nan)
    random = np.random.default_rng(parameters.seed)
    drawn = np.stack([random.permutation(len(rows)) for _ in range(parameters.repeats)])
    at_once = max(1, _ROWS_AT_ONCE // drawn.size)
    names = [*features.columns]
    weight, metric = problem.weights_of(rows), main_metric(problem.quantile)

    def error(predicted: Any) -> float:
        return compute_metrics(rows[problem.target], predicted, problem.quantile, weight)[metric]

    errors = []
    with compute_limits(compute):
        known = error(candidate.predict(features))
        for first in range(0, len(names), at_once):
            shuffled = names[first : first + at_once]
            predicted = candidate.predict(_shuffle(features, shuffled, drawn)).to_numpy()
            errors += [error(each) for each in predicted.reshape(-1, len(rows))]
    increases = np.reshape(errors, (len(names), parameters.repeats)) - known
    table = pd.DataFrame(
        {
            "feature": names,
            "error_increase": increases.mean(axis=1),
            "standard_deviation": increases.std(axis=1),
        }
    )
    table = table.sort_values("error_increase", ascending=False, kind="stable")
    return table.reset_index(drop=True)


def _shuffle(features: pd.DataFrame, shuffled: list[str], drawn: np.ndarray) -> pd.DataFrame:
    """Repeat a table, each time with one of its columns in another order.

    scikit-learn's ``permutation_importance`` predicts every copy apart, which for a few hundred
    rows takes as long as predicting them all.

    Args:
        features: Shape (n, columns).
        shuffled: The columns to shuffle, one after another.
        drawn: Orders of the rows, shape (repeats, n).

    Returns:
        Shape (shuffled x repeats x n, columns), the repeats of a column beneath one another.
    """
    in_order = np.tile(np.arange(len(features)), (len(shuffled), len(drawn), 1))
    columns = {}
    for name in features.columns:
        order = in_order
        if name in shuffled:
            order = in_order.copy()
            order[shuffled.index(name)] = drawn
        columns[name] = features[name].array.take(order.ravel())
    return pd.DataFrame(columns)


def plot_importance(
    importance: pd.DataFrame, predictions: pd.DataFrame, candidate: TrainedModel, problem: Problem
) -> go.Figure:
    """Draw the permutation importance.

    Args:
        importance: What :func:`measure_importance` returns.
        predictions: The holdout rows that it was measured on.

    Returns:
        A bar per feature, the most important on top.
    """
    import plotly.graph_objects as go

    table = importance.iloc[::-1]
    figure = go.Figure(
        go.Bar(
            x=round_to_largest(table["error_increase"]),
            y=table["feature"],
            error_x={"array": round_to_largest(table["standard_deviation"])},
            orientation="h",
            marker_color=COLOURS[CANDIDATE],
        )
    )
    title = _title("Permutation importance", predictions, candidate, problem)
    return _laid_out(figure, title, "Increase of the error when shuffled", "", legend=False)


def _title(what: str, predictions: pd.DataFrame, candidate: TrainedModel, problem: Problem) -> str:
    """Return a title that says which model and which rows a plot shows."""
    rows = span(predictions[problem.timestamp.name], problem)
    subject = f"candidate {short_fingerprint(candidate)}, holdout {rows}".rstrip()
    return f"{what}<br><sub>{problem.name}: {subject}</sub>"


def _laid_out(figure: go.Figure, title: str, x: str, y: str, *, legend: bool) -> go.Figure:
    figure.update_layout(
        title=title,
        xaxis_title=x,
        yaxis_title=y,
        showlegend=legend,
        margin={"l": 60, "r": 20, "t": 70, "b": 50},
    )
    return figure
