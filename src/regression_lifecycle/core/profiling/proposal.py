"""The configuration that a table's profile leads to: only what does not follow from it anyway."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.profiling.profile import TableProfile

# What conf/base asks of a holdout. A smaller one gets more rows and shorter blocks.
_SHARE, _LARGER_SHARE = 0.2, 0.3
_GATE_ROWS, _GATE_BLOCKS = 100, 8
_BLOCK_ROWS, _BLOCK_ROWS_WITHOUT_TIME = 7, 25
_FOLDS, _FEWEST_FOLD_ROWS = 5, 5
_REJECTED = 0.01


def propose_parameters(profile: TableProfile, description: str = "") -> dict[str, Any]:
    """Make the parameters of a problem.

    Args:
        profile: What the table tells.
        description: One sentence for reports and the model card.

    Returns:
        Sections of the parameters by name, as YAML would give them: ``problem``, and of the others
        only what differs from ``conf/base`` because the table is small, irregular or dirty.
    """
    sections = {
        "problem": _problem(profile, description),
        "ingestion": _ingestion(profile),
        "preprocessing": _preprocessing(profile),
        "training": _training(profile),
        "evaluation": _evaluation(profile),
    }
    return {name: section for name, section in sections.items() if section}


def _problem(profile: TableProfile, description: str) -> dict[str, Any]:
    problem: dict[str, Any] = {"description": description, "target": profile.target}
    problem["timestamp"] = _timestamp(profile)
    if profile.frequency is not None:
        problem["frequency"] = profile.frequency.text
        if not profile.frequency.regular:
            problem["irregular"] = True
        problem["horizon"] = profile.horizon
    if profile.label_delay is not None:
        problem["label_delay"] = profile.label_delay
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
    elif name == parts.get("date") and profile.time.format is not None:
        spec = {"type": "date", "format": profile.time.format}
    if name in parts.values():
        spec.pop("missing", None)
    if name in {*parts.values(), *profile.key, *profile.known_in_advance}:
        spec["known_in_advance"] = True
    return spec


def _ingestion(profile: TableProfile) -> dict[str, Any]:
    found: dict[str, Any] = {}
    share = profile.n_rejected / profile.n_rows
    if share > _REJECTED / 2:
        found["maximum_rejected_share"] = min(math.ceil(200 * share) / 100, 1.0)
    if profile.n_unreadable:
        found["unreadable"] = "quarantine"
    return found


def holdout_share(profile: TableProfile) -> float:
    """Share of the rows that judges: more of a table that is small."""
    enough_rows = _SHARE * profile.n_labelled >= _GATE_ROWS
    enough_blocks = _SHARE * profile.n_times >= _GATE_BLOCKS * _block_rows(profile)
    return _SHARE if enough_rows and enough_blocks else _LARGER_SHARE


def _block_rows(profile: TableProfile) -> int:
    """Times in a block of the gate's comparison, as it is derived from the table."""
    if profile.frequency is None:
        return _BLOCK_ROWS_WITHOUT_TIME
    try:
        return max(_BLOCK_ROWS, int(pd.Timedelta("7 days") / pd.Timedelta(profile.frequency.text)))
    except ValueError:  # months and years
        return _BLOCK_ROWS


def _preprocessing(profile: TableProfile) -> dict[str, Any]:
    share = holdout_share(profile)
    return {} if share == _SHARE else {"split": {"kind": "share", "holdout_share": share}}


def _training(profile: TableProfile) -> dict[str, Any]:
    """Fewer folds, where five would leave the first one without rows to learn from."""
    rows = round(profile.n_labelled * (1 - holdout_share(profile)))
    gap = _gap_rows(profile)
    for n_splits in range(_FOLDS, 1, -1):
        test = rows // (n_splits + 1)
        if rows - n_splits * test - gap >= _FEWEST_FOLD_ROWS:
            break
    return {} if n_splits == _FOLDS else {"cross_validation": {"n_splits": n_splits}}


def _gap_rows(profile: TableProfile) -> int:
    if profile.frequency is None or profile.horizon == profile.frequency.text:
        return 1
    try:
        return int(np.ceil(pd.Timedelta(profile.horizon) / pd.Timedelta(profile.frequency.text)))
    except ValueError:  # months and years
        return 1


def _evaluation(profile: TableProfile) -> dict[str, Any]:
    found: dict[str, Any] = {}
    gate: dict[str, Any] = {}
    share = holdout_share(profile)
    judged = share * profile.n_labelled
    if judged < _GATE_ROWS:
        gate["minimum_rows"] = max(math.floor(0.8 * judged), 5)
    block = _short_block(profile, share)
    if block is not None:
        gate["comparison"] = {"block": block}
    return {**found, **({"gate": gate} if gate else {})}


def _short_block(profile: TableProfile, share: float) -> str | None:
    """A block of which the holdout has ten, where it has hardly as many as the gate asks for."""
    judged_times = share * profile.n_times
    if judged_times >= 1.1 * _GATE_BLOCKS * _block_rows(profile):
        return None
    count, unit = (profile.frequency.text if profile.frequency else "1 second").split()
    steps = int(count) * max(math.floor(judged_times / (_GATE_BLOCKS + 2)), 1)
    return f"{steps} {unit.rstrip('s')}{'' if steps == 1 else 's'}"
