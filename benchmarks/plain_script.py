"""The full cycle's work as one script, without Kedro and MLflow: what ``overhead.py`` divides by.

It takes model, features, folds, windows, drift methods and reports from the configuration, fits and
predicts the same, and writes its results to a folder. What it leaves out is what the project
adds: contract validators, checked loading and saving of every table between two steps, model
file, gate, registry, ledger, lineage, run history, summaries and a champion to meet.

Usage: ``python benchmarks/plain_script.py FOLDER PARAMETERS``, the latter as ``project.py`` writes
them, since who reads the configuration knows Kedro.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from sklearn.inspection import permutation_importance

from project import RAW_TABLE
from regression_lifecycle.adapters.evidently import (
    ColumnRoles,
    data_quality_snapshot,
    drift_snapshot,
    regression_snapshot,
)
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.splits import split_by_time
from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.core.drift.profile import compare_tables, make_profile, score_window
from regression_lifecycle.core.evaluation import holdout as evaluation
from regression_lifecycle.core.evaluation.baseline import (
    add_baseline,
    choose_baseline,
    naive_forecasts,
)
from regression_lifecycle.core.evaluation.holdout import CANDIDATE
from regression_lifecycle.core.evaluation.parameters import EvaluationParameters
from regression_lifecycle.core.features.builders import build_features
from regression_lifecycle.core.features.parameters import PreprocessingParameters
from regression_lifecycle.core.ingestion.contract import IngestionParameters, enforce_contract
from regression_lifecycle.core.models import training
from regression_lifecycle.core.models.training import TrainingParameters
from regression_lifecycle.core.windows.windows import list_windows, window_of_rows
from regression_lifecycle.pipelines.roles import column_roles

PREDICTION = "prediction"


def main(folder: Path, parameters: Path) -> None:
    """Do the work.

    Args:
        folder: Where the results go.
        parameters: All parameters as JSON.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sections: dict[str, Any] = json.loads(parameters.read_text())
    problem = Problem.model_validate(sections["problem"])
    preprocessing = PreprocessingParameters.model_validate(sections["preprocessing"])
    fitting = TrainingParameters.model_validate(sections["training"])
    judging = EvaluationParameters.model_validate(sections["evaluation"])
    drift = DriftParameters.model_validate(sections["drift"])
    stamp = problem.timestamp.name

    raw = pd.read_csv(RAW_TABLE)
    ingestion = IngestionParameters.model_validate(sections["ingestion"])
    observations, _ = enforce_contract(raw, problem, ingestion)
    dates = ("date", "datetime")
    described = [name for name, spec in problem.columns.items() if spec.type not in dates]
    data_quality_snapshot(
        observations,
        column_roles(problem, described),
        maximum_rows=ingestion.report_rows,
        seed=0,
    ).save_html(str(folder / "data_quality_report.html"))
    ahead = problem.columns_known_in_advance
    table = build_features(observations, problem, preprocessing.recipe, keep=ahead)
    past, holdout = split_by_time(table, stamp, preprocessing.split, target=problem.target)

    names = list(preprocessing.feature_names)
    features, target = past[names], past[problem.target].astype("float64")
    unfitted = training.make_pipeline(fitting.model)
    scores, out_of_fold = training.cross_validate(unfitted, features, target, past[stamp], fitting)
    scores.to_csv(folder / "cross_validation_scores.csv", index=False)
    reference = past.assign(**{PREDICTION: out_of_fold})
    model = training.fit(unfitted, features, target, fitting.compute)

    constants = {"mean": float(target.mean()), "median": float(target.median())}
    naive = naive_forecasts(observations, holdout, constants, problem, judging.baseline)
    best = choose_baseline(naive, holdout[problem.target], problem.error_metric)
    predictions = add_baseline(holdout, naive, best)
    predictions = predictions.assign(**{CANDIDATE: model.predict(holdout[names])})
    predictions.to_parquet(folder / "holdout_predictions.parquet")
    measure(predictions, problem, judging, folder)
    importance = measure_importance(model, holdout, names, problem, judging, fitting)
    importance.to_csv(folder / "feature_importance.csv", index=False)

    current = predictions.rename(columns={CANDIDATE: PREDICTION})
    roles = column_roles(problem, drift.columns, prediction=PREDICTION)
    regression_snapshot(
        current,
        column_roles(problem, [], prediction=PREDICTION),
        reference=reference.dropna(subset=[PREDICTION]),
        maximum_rows=judging.report_rows,
        seed=0,
    ).save_html(str(folder / "regression_report.html"))
    verdict = compare_tables(reference, current, roles.columns(), drift)
    report = drift_snapshot(reference, current, roles, verdict, drift)
    report.save_html(str(folder / "drift_report.html"))
    (folder / "drift_verdict.json").write_text(
        verdict.to_json(orient="records", double_precision=15)
    )
    compare_windows(reference, current, roles, problem, judging, drift).to_parquet(
        folder / "window_drift.parquet"
    )
    draw(predictions, importance, problem, judging, folder)


def measure(
    predictions: pd.DataFrame, problem: Problem, judging: EvaluationParameters, folder: Path
) -> None:
    """Write metrics of all rows, of segments and of windows, and the worst rows."""
    overall = evaluation.overall_metrics(predictions, problem)
    (folder / "holdout_metrics.json").write_text(json.dumps(overall, indent=2))
    windows = list_windows(predictions, problem, judging.windows)
    tables = {
        "segment_metrics": evaluation.segment_metrics(predictions, problem, judging.segments),
        "window_metrics": evaluation.window_metrics(predictions, windows, problem, judging.windows),
        "worst_rows": evaluation.worst_rows(predictions, problem, judging.worst_rows),
    }
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)


def measure_importance(
    model: Any,
    holdout: pd.DataFrame,
    names: list[str],
    problem: Problem,
    judging: EvaluationParameters,
    fitting: TrainingParameters,
) -> pd.DataFrame:
    """Shuffle one feature after the other; the most important comes first."""
    options = judging.importance
    rows = holdout.sample(min(options.rows, len(holdout)), random_state=options.seed)
    with training.compute_limits(fitting.compute):
        found = permutation_importance(
            model,
            rows[names],
            rows[problem.target],
            scoring="neg_root_mean_squared_error",
            n_repeats=options.repeats,
            random_state=options.seed,
        )
    table = pd.DataFrame(
        {"feature": names, "mean": found.importances_mean, "std": found.importances_std}
    )
    return table.sort_values("mean", ascending=False)


def compare_windows(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    roles: ColumnRoles,
    problem: Problem,
    judging: EvaluationParameters,
    drift: DriftParameters,
) -> pd.DataFrame:
    """Compute the drift verdict of every window of the holdout."""
    windows = list_windows(current, problem, judging.windows)
    place = window_of_rows(current, windows, problem, judging.windows)
    profile = make_profile(reference, roles.columns(), drift)
    tables = [
        score_window(profile, current[place == window.index], drift).assign(window=window.label)
        for window in windows
    ]
    return pd.concat(tables)


def draw(
    predictions: pd.DataFrame,
    importance: pd.DataFrame,
    problem: Problem,
    judging: EvaluationParameters,
    folder: Path,
) -> None:
    """Write the project's four figures as Plotly JSON."""
    target = problem.target
    error = predictions[CANDIDATE] - predictions[target]
    shares = [0.05, 0.25, 0.5, 0.75, 0.95]
    quantiles = error.groupby(predictions[judging.segments[0]]).quantile(shares).unstack()
    windows = pd.read_csv(folder / "window_metrics.csv")
    figures = {
        "predicted_against_actual": go.Figure(
            go.Histogram2d(x=predictions[target], y=predictions[CANDIDATE], nbinsx=60, nbinsy=60)
        ),
        "residuals": go.Figure(
            go.Box(
                x=quantiles.index,
                lowerfence=quantiles[0.05],
                q1=quantiles[0.25],
                median=quantiles[0.5],
                q3=quantiles[0.75],
                upperfence=quantiles[0.95],
            )
        ),
        "error_over_time": go.Figure(
            [
                go.Scatter(x=part["start"], y=part["rmse"], name=str(model))
                for model, part in windows.groupby("model")
            ]
        ),
        "importance": go.Figure(
            go.Bar(x=importance["mean"], y=importance["feature"], orientation="h")
        ),
    }
    for name, figure in figures.items():
        (folder / f"{name}.json").write_text(figure.to_json())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
    foreign = {"kedro", "mlflow"} & {name.partition(".")[0] for name in sys.modules}
    assert not foreign, f"the plain script must not import {foreign}"
