"""What `kedro new-table` and `kedro run` decide about a table, by plain functions."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import pandas as pd
import yaml

from regression_lifecycle.core.data.defaults import derive_defaults
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.splits import split_by_time
from regression_lifecycle.core.decisions.records import GateDecision
from regression_lifecycle.core.evaluation.baseline import (
    add_baseline,
    choose_baseline,
    naive_forecasts,
)
from regression_lifecycle.core.evaluation.gate import Contestant, evaluate_gate
from regression_lifecycle.core.evaluation.holdout import CANDIDATE
from regression_lifecycle.core.evaluation.parameters import EvaluationParameters
from regression_lifecycle.core.features.builders import build_features
from regression_lifecycle.core.features.parameters import PreprocessingParameters
from regression_lifecycle.core.ingestion.contract import IngestionParameters, enforce_contract
from regression_lifecycle.core.models.training import TrainingParameters, fit, make_pipeline
from regression_lifecycle.core.profiling.profile import profile_table
from regression_lifecycle.core.profiling.proposal import propose_parameters
from tests.conftest import ROOT

SECTIONS = ("ingestion", "preprocessing", "training", "evaluation")


@lru_cache
def _base(section: str) -> str:
    return (ROOT / f"conf/base/parameters_{section}.yml").read_text(encoding="utf-8")


def _derived(value: Any, derived: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _derived(inner, derived) for key, inner in value.items()}
    if isinstance(value, list):
        return [_derived(inner, derived) for inner in value]
    found = re.fullmatch(r"\$\{derived:(\w+)\}", value) if isinstance(value, str) else None
    return derived[found[1]] if found else value


def _laid_over(value: Any, over: Any) -> Any:
    if not (isinstance(value, dict) and isinstance(over, dict)):
        return over
    return {**value, **{key: _laid_over(value.get(key), inner) for key, inner in over.items()}}


def parameters_of(table: pd.DataFrame, target: str, **answers: Any) -> dict[str, Any]:
    """The problem and the sections that a model is made and judged by."""
    proposal = propose_parameters(profile_table(table, target, **answers))
    problem = Problem.model_validate({"name": "table", **proposal["problem"]})
    derived = derive_defaults(problem)
    return {
        "problem": problem,
        **{
            name: _laid_over(_derived(yaml.safe_load(_base(name))[name], derived), found)
            for name in SECTIONS
            for found in [proposal.get(name, {})]
        },
    }


def sides_of(
    table: pd.DataFrame, parameters: dict[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Observations, training rows and holdout rows."""
    problem = parameters["problem"]
    ingestion = IngestionParameters.model_validate(parameters["ingestion"])
    observations = enforce_contract(table, problem, ingestion).observations
    preprocessing = PreprocessingParameters.model_validate(parameters["preprocessing"])
    features = build_features(observations, problem, preprocessing.recipe)
    training, holdout = split_by_time(
        features, problem.timestamp.name, preprocessing.split, target=problem.target
    )
    return observations, training, holdout


def judge(table: pd.DataFrame, target: str) -> GateDecision:
    """Train the default model on a table and let the gate decide."""
    (decision,) = judge_by([{}], table, target)
    return decision


def judge_by(gates: list[dict[str, Any]], table: pd.DataFrame, target: str) -> list[GateDecision]:
    """The same, once by each of some gates: what they say in the place of the shipped one."""
    parameters = parameters_of(table, target)
    observations, training, holdout = sides_of(table, parameters)
    names = list(PreprocessingParameters.model_validate(parameters["preprocessing"]).feature_names)
    spec = TrainingParameters.model_validate(parameters["training"])
    y = training[target].astype("float64")
    model = fit(make_pipeline(spec.model), training[names], y, spec.compute)
    predictions = model.predict(holdout[names])
    return [
        decide(
            observations,
            holdout,
            predictions,
            y,
            _laid_over(parameters, {"evaluation": {"gate": gate}}),
        )
        for gate in gates
    ]


def decide(
    observations: pd.DataFrame,
    holdout: pd.DataFrame,
    predictions: Any,
    seen: pd.Series,
    parameters: dict[str, Any],
) -> GateDecision:
    """Let the gate decide about predictions of the holdout; `seen` are the training targets."""
    problem = parameters["problem"]
    evaluation = EvaluationParameters.model_validate(parameters["evaluation"])
    rows = holdout.assign(**{CANDIDATE: predictions})
    constants = {"mean": float(seen.mean()), "median": float(seen.median())}
    forecasts = naive_forecasts(observations, rows, constants, problem, evaluation.baseline)
    best = choose_baseline(forecasts, rows[problem.target], evaluation.gate.comparison.metric)
    rows = add_baseline(rows, forecasts, best)
    return evaluate_gate(rows, Contestant(), None, problem, evaluation.gate)
