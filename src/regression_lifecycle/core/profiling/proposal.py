"""The configuration that a table's profile leads to: only what does not follow from it anyway."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from regression_lifecycle.core.data.defaults import derive_defaults
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.durations import (
    duration_text,
    read_duration,
    shortest,
    steps_to_cover,
    whole_steps,
)
from regression_lifecycle.core.errors import DataContractError
from regression_lifecycle.core.profiling.profile import TableProfile, list_counts

# What conf/base takes for too much missing data, and what is no news if it was always missing.
_MISSING, _ALWAYS_MISSING = 0.2, 0.1
# What conf/base asks of a holdout. A smaller one gets more rows and shorter blocks.
_SHARE, _LARGER_SHARE = 0.2, 0.3
_GATE_BLOCKS = 8
_FOLDS, _FEWEST_FOLD_ROWS = 5, 5
_REJECTED = 0.01
# Twice of what the table has now, below what would let every row pass.
_MOST_REJECTED, _LARGEST_LIMIT = 0.5, 0.75
# With most of a year seen, its days say more than a second trend takes away.
_HALF_A_YEAR = pd.Timedelta("183 days")
_PARTS_OF_YEAR = ("day_of_year", "month")


def propose_parameters(profile: TableProfile, description: str = "") -> dict[str, Any]:
    """Make the parameters of a problem.

    Args:
        profile: What the table tells.
        description: One sentence for reports and the model card.

    Returns:
        Sections of the parameters by name, as YAML would give them: ``problem``, and of the others
        only what differs from ``conf/base`` because the table is small, irregular or dirty.

    Raises:
        DataContractError: If more than half of the rows would be set aside: such a description is
            wrong, and a limit that lets them pass guards nothing.
    """
    problem = _problem(profile, description)
    holdout = _holdout(profile, problem)
    sections = {
        "problem": problem,
        "ingestion": _ingestion(profile),
        "preprocessing": _preprocessing(profile, problem, holdout),
        "training": _training(profile, holdout),
        "evaluation": _evaluation(profile, holdout),
        "policy": _policy(profile),
    }
    return {name: section for name, section in sections.items() if section}


def _problem(profile: TableProfile, description: str) -> dict[str, Any]:
    problem: dict[str, Any] = {"description": description, "target": profile.target}
    problem["timestamp"] = _timestamp(profile)
    if profile.frequency is not None:
        problem["frequency"] = profile.frequency.text
        if not profile.frequency.regular:
            problem["irregular"] = True
        if profile.frequency.weekdays:
            problem["weekdays"] = list(profile.frequency.weekdays)
        problem["horizon"] = profile.horizon
    if profile.label_delay is not None:
        problem["label_delay"] = profile.label_delay
    if profile.weight is not None:
        problem["weight_column"] = profile.weight
    if profile.key:
        problem["key"] = [profile.time_name, *profile.key]
    if profile.leaks:
        problem["forbidden_columns"] = {leak.column: leak.reason for leak in profile.leaks}
    problem["columns"] = {name: _column(profile, name) for name in profile.described}
    if "known_in_advance" in profile.assumed and profile.known_in_advance:
        problem["caveats"] = [
            "Nobody has confirmed yet which columns are known before the predicted time; all that "
            "gave no cause for suspicion count as known."
        ]
    return problem


def _timestamp(profile: TableProfile) -> dict[str, Any]:
    found: dict[str, Any] = {} if profile.time_name == "timestamp" else {"name": profile.time_name}
    if not profile.time.has_time:
        return {**found, "rows": True}
    return {**found, **profile.time.parts}


def _column(profile: TableProfile, name: str) -> dict[str, Any]:
    spec = dict(profile.columns[name].spec)
    parts = profile.time.parts
    if name == profile.target:
        spec["minimum"] = 0
        if not profile.nonnegative:
            del spec["minimum"]
        if profile.label_delay is not None:
            # The rows of tomorrow come without it, even if those of this table all have it.
            spec["missing"] = True
    if name in {*parts.values(), profile.weight}:
        spec.pop("missing", None)
    if name in {*parts.values(), *profile.key, *profile.known_in_advance}:
        spec["known_in_advance"] = True
    return spec


def _ingestion(profile: TableProfile) -> dict[str, Any]:
    found: dict[str, Any] = {}
    share = profile.n_rejected / profile.n_rows
    if share > _MOST_REJECTED:
        raise DataContractError(
            f"{profile.n_rejected:,} of {profile.n_rows:,} rows would be set aside: "
            f"{list_counts(profile.rejected)}. Name the columns that make the time and the key "
            "(--time, --key), or mend the table"
        )
    if share > _REJECTED / 2:
        found["maximum_rejected_share"] = min(math.ceil(200 * share) / 100, _LARGEST_LIMIT)
    if profile.n_unreadable:
        found["unreadable"] = "quarantine"
    return found


@dataclass(frozen=True)
class _Holdout:
    """The newest rows, which judge.

    Attributes:
        share: Of all rows: more of a table that is small.
        evidence: Rows with a target in it; of many series the times, as the gate counts them.
        steps: Steps of the frequency that it spans, with or without a row.
        asked_rows: Fewest rows that the gate decides on, as derived from the description.
        block_times: Times in a block of the gate's comparison, likewise.
        gap_times: Times that are left out between training and test.
        step: The frequency.
    """

    share: float
    evidence: float
    steps: float
    asked_rows: int
    block_times: int
    gap_times: int
    step: Any


def _holdout(profile: TableProfile, problem: dict[str, Any]) -> _Holdout:
    described = Problem.model_validate({"name": "table", **problem})
    derived = derive_defaults(described)
    step = described.frequency
    asked_rows = int(derived["gate_rows"])
    block_times = steps_to_cover(read_duration(derived["block"]), step)
    evidence = profile.n_times if described.series_columns else profile.n_labelled
    # Blocks are lengths of time: nights without rows count too.
    moments = profile.time.moments.dropna()
    steps = profile.n_times
    if len(moments):
        steps = max(steps, int(whole_steps(moments.min(), moments.max(), step)) + 1)
    enough = _SHARE * evidence >= asked_rows and _SHARE * steps >= _GATE_BLOCKS * block_times
    share = _SHARE if enough else _LARGER_SHARE
    return _Holdout(
        share,
        share * evidence,
        share * steps,
        asked_rows,
        block_times,
        steps_to_cover(read_duration(derived["gap"]), step),
        step,
    )


def _preprocessing(
    profile: TableProfile, problem: dict[str, Any], holdout: _Holdout
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if holdout.share != _SHARE:
        found["split"] = {"kind": "share", "holdout_share": holdout.share}
    moments = profile.time.moments.dropna()
    if len(moments):
        trained = (1 - holdout.share) * (moments.max() - moments.min())
        found |= _features_of_short_tables(problem, trained)
    return found


def _features_of_short_tables(problem: dict[str, Any], trained: pd.Timedelta) -> dict[str, Any]:
    """Leave out what the training rows are too few to tell.

    In less than half a year the days of a year are a second trend, and a season ago there was
    nothing yet.
    """
    described = Problem.model_validate({"name": "table", **problem})
    features = derive_defaults(described)["features"]
    kept = []
    for feature in features:
        kind, parts = feature["kind"], feature.get("parts", [])
        if kind == "calendar" and trained < _HALF_A_YEAR:
            parts = [part for part in parts if part not in _PARTS_OF_YEAR]
            kept += [{**feature, "parts": parts}] if parts else []
        elif kind != "lag" or trained > shortest(read_duration(feature["ages"][0])):
            kept.append(feature)
    return {"features": kept} if kept != features else {}


def _training(profile: TableProfile, holdout: _Holdout) -> dict[str, Any]:
    """Fewer folds, and smaller ones, where the first would be left without rows to learn from."""
    times = round(profile.n_times * (1 - holdout.share)) - holdout.gap_times
    rows_of_a_time = profile.n_labelled / max(profile.n_times, 1)
    fewest = math.ceil(_FEWEST_FOLD_ROWS / rows_of_a_time)
    for n_splits in range(_FOLDS, 1, -1):
        test = (times + holdout.gap_times) // (n_splits + 1)
        if times - n_splits * test >= fewest:
            return {} if n_splits == _FOLDS else {"cross_validation": {"n_splits": n_splits}}
    return {
        "cross_validation": {
            "n_splits": n_splits,
            "test_size": max((times - fewest) // n_splits, 1),
        }
    }


def _evaluation(profile: TableProfile, holdout: _Holdout) -> dict[str, Any]:
    found: dict[str, Any] = {}
    gate: dict[str, Any] = {}
    if holdout.evidence < holdout.asked_rows:
        gate["minimum_rows"] = max(math.floor(0.8 * holdout.evidence), 5)
    # Hardly as many blocks as the gate asks for; a few more, so that a gap does no harm.
    if holdout.steps < 1.1 * _GATE_BLOCKS * holdout.block_times and holdout.block_times > 1:
        steps = max(math.floor(holdout.steps / (_GATE_BLOCKS + 2)), 1)
        gate["comparison"] = {"block": duration_text(steps * holdout.step)}
    return {**found, **({"gate": gate} if gate else {})}


def _policy(profile: TableProfile) -> dict[str, Any]:
    """Look for what is missing beside what always was: nights, outages."""
    missing = 0.0 if profile.frequency is None else profile.frequency.missing
    if missing <= _ALWAYS_MISSING:
        return {}
    limit = math.ceil(100 * (1 - (1 - missing) * (1 - _MISSING))) / 100
    return {"rules": {"data_quality": {"maximum_share": limit}}}
