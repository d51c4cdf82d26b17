"""How much of a model's figures is luck: its errors with one seed after the other.

The columns and rows that a fit draws move an error by a per cent or so. A change of the model is
worth keeping if the median over seeds gets better, not if one lucky seed does. With ``--backtest``
two policies are replayed as well: ``always``, which fits a model for every window, and the
configured one.

The functions are those of the pipelines; nothing is stored.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import pandas as pd

from project import PROBLEM, ROOT, open_loader, read_sections
from regression_lifecycle.core.backtest.parameters import BacktestParameters
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.splits import split_by_time
from regression_lifecycle.core.features.builders import build_features
from regression_lifecycle.core.ingestion.contract import enforce_contract
from regression_lifecycle.core.metrics import compute_metrics
from regression_lifecycle.core.models import training
from regression_lifecycle.core.models.training import TrainingParameters
from regression_lifecycle.pipelines.backtest.drift import check_history
from regression_lifecycle.pipelines.backtest.nodes import (
    build_history,
    collect_past,
    cut_windows,
    make_models,
    replay_policies,
    summarise_policies,
)

POLICIES = {
    "always": {"kind": "every", "windows": 1},
    "configured": {"kind": "configured"},
}
Figures = dict[str, float]


def with_seed(parameters: TrainingParameters, seed: int) -> TrainingParameters:
    """Give the same training another seed.

    Args:
        parameters: Training with any seed.
        seed: The seed wanted.

    Returns:
        A copy.
    """
    model = parameters.model.model_copy(update={"seed": seed})
    return parameters.model_copy(update={"model": model})


def holdout_measure(
    sections: dict[str, Any], observations: pd.DataFrame, problem: Problem
) -> Callable[[TrainingParameters], Figures]:
    """Prepare the holdout.

    Args:
        sections: Typed parameters by section.
        observations: Rows that keep the contract.
        problem: Names time and target.

    Returns:
        A function that fits on the training rows and returns errors of the holdout.
    """
    preprocessing = sections["preprocessing"]
    names = list(preprocessing.feature_names)
    table = build_features(observations, problem, preprocessing.recipe)
    past, holdout = split_by_time(
        table, problem.timestamp.name, preprocessing.split, target=problem.target
    )
    target = past[problem.target].astype("float64")

    def measure(parameters: TrainingParameters) -> Figures:
        unfitted = training.make_pipeline(parameters.model)
        model = training.fit(unfitted, past[names], target, parameters.compute)
        found = compute_metrics(holdout[problem.target], model.predict(holdout[names]))
        return {"rmse": found["rmse"], "mae": found["mae"], "rmsle": found["rmsle"]}

    return measure


def backtest_measure(
    sections: dict[str, Any], observations: pd.DataFrame, problem: Problem
) -> Callable[[TrainingParameters], Figures]:
    """Prepare the replay.

    Args:
        sections: Typed parameters by section.
        observations: Rows that keep the contract.
        problem: Names time and target.

    Returns:
        A function that replays the policies and returns their errors and numbers of retrainings.
    """
    preprocessing, retraining = sections["preprocessing"], sections["retraining"]
    asked = BacktestParameters.model_validate(
        {"start": sections["backtest"].start, "policies": POLICIES, "oracle": False}
    )
    known, windows = cut_windows(observations, None, problem, sections["windows"], asked)
    rows = build_history(known, windows, problem, preprocessing, sections["evaluation"].baseline)
    drift = check_history(rows, windows, problem, sections["drift"])
    past = collect_past(rows, windows, drift, problem, sections["windows"])

    def measure(parameters: TrainingParameters) -> Figures:
        models = make_models(past, rows, preprocessing, parameters, retraining)
        replays = replay_policies(
            models, sections["adjustment"], sections["policy"], retraining, asked
        )
        _, summary = summarise_policies(replays, models, asked)
        found = summary.set_index("policy")
        return {
            **found["rmse"].to_dict(),
            "retrains": found.loc["configured", "retrains"],
        }

    return measure


def main() -> None:
    """Print one row per seed, and the median."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--env", default=PROBLEM, help="environments of the model")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--backtest", action="store_true", help="replay the policies as well")
    options = parser.parse_args()

    sections = read_sections(options.env)
    raw = pd.read_csv(ROOT / open_loader(options.env)["catalog"]["raw_observations"]["filepath"])
    problem = sections["problem"]
    observations, _ = enforce_contract(raw, problem, sections["ingestion"])
    measures = [holdout_measure(sections, observations, problem)]
    if options.backtest:
        measures.append(backtest_measure(sections, observations, problem))
    parameters = sections["training"]

    rows: list[Figures] = []
    for seed in options.seeds:
        began, seeded = time.process_time(), with_seed(parameters, seed)
        found = {name: value for measure in measures for name, value in measure(seeded).items()}
        rows.append({**found, "cpu_seconds": time.process_time() - began})
        print_row(str(seed), rows[-1], titles=len(rows) == 1)
    print_row("median", pd.DataFrame(rows).median().to_dict())


def print_row(name: str, figures: Figures, *, titles: bool = False) -> None:
    """Print figures.

    Args:
        name: What stands in the first column.
        figures: Figures by title.
        titles: Whether to print the titles first.
    """
    if titles:
        print(f"{'seed':<8}" + "".join(f"{title:>13}" for title in figures))
    print(f"{name:<8}" + "".join(f"{value:>13.3f}" for value in figures.values()), flush=True)


if __name__ == "__main__":
    # Before numpy is asked for anything: more than one thread is slower on busy cores.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
