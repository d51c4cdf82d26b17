"""The numbers inside a snapshot, under names that stay the same from run to run."""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import TYPE_CHECKING, Any

from regression_lifecycle.adapters.evidently.library import evidently_version
from regression_lifecycle.core.drift.methods import METHODS

if TYPE_CHECKING:
    from evidently.core.report import Snapshot

# What MLflow accepts in a metric name on every platform, without the slash that makes folders.
_UNSAFE = re.compile(r"[^A-Za-z0-9_\-. ]")
_LONGEST_NAME = 200


def metric_values(snapshot: Snapshot) -> dict[str, float]:
    """Flatten the numbers of a snapshot for an experiment tracker.

    A name is built from the type of the metric, its column and its part, never from a position:
    ``RMSE``, ``MAE.mean``, ``ValueDrift.temp``, ``QuantileValue.temp.0.25``. Counts per category
    are left out: their number has no bound.

    Args:
        snapshot: A report that has run.

    Returns:
        Finite values by name, in the order of the report. A column name with characters that
        MLflow refuses is written with underscores and a short hash, so that two of them never
        meet under one name.
    """
    return {name: value for name, value in _values(snapshot).items() if math.isfinite(value)}


def summary(snapshot: Snapshot) -> dict[str, Any]:
    """Collect what a small strict JSON file should say about a snapshot.

    Args:
        snapshot: A report that has run.

    Returns:
        ``name``, ``timestamp`` (ISO 8601), ``evidently_version``, ``metadata``, ``notes`` (list),
        ``metrics`` (value by name, None where undefined), ``overall`` (those of them that are not
        about one column), ``columns`` (value by metric for each column described), ``drift`` (one
        record per column compared: column, method, score, threshold, drifted) and ``tests`` (name
        and status).
    """
    model = snapshot.to_snapshot_model()
    metadata = dict(model.metadata)
    notes = metadata.pop("notes", [])
    return {
        "name": model.name or "",
        "timestamp": model.timestamp.isoformat(),
        "evidently_version": evidently_version(),
        "metadata": metadata,
        "notes": notes if isinstance(notes, list) else [str(notes)],
        "metrics": _strict(_values(snapshot)),
        "overall": _strict(_values(snapshot, per_column=False)),
        "columns": _by_column(snapshot),
        "drift": drift_records(snapshot),
        "tests": [
            {"name": str(test.name), "status": str(getattr(test.status, "value", test.status))}
            for test in snapshot.tests_results
        ],
    }


def drift_records(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return one record per column compared: column, method, score, threshold, drifted."""
    return [_drift(metric) for metric in _metrics(snapshot) if _type(metric) == "ValueDrift"]


def _metrics(snapshot: Snapshot) -> list[dict[str, Any]]:
    return [metric for metric in snapshot.dict()["metrics"] if metric]


def _type(metric: dict[str, Any]) -> str:
    return str(metric["config"]["type"]).rsplit(":", 1)[-1]


def _by_column(snapshot: Snapshot) -> dict[str, dict[str, float | None]]:
    found: dict[str, dict[str, float | None]] = {}
    for metric in _metrics(snapshot):
        column = metric["config"].get("column")
        if column is None or _type(metric) == "ValueDrift":
            continue
        row = found.setdefault(str(column), {})
        for part, value in _parts(metric["value"]).items():
            name = ".".join(_name_parts(metric, with_column=False))
            row.setdefault(f"{name}{part}", _or_none(value))
    return found


def _values(snapshot: Snapshot, per_column: bool = True) -> dict[str, float]:
    found: dict[str, float] = {}
    taken: dict[str, str] = {}
    for metric in _metrics(snapshot):
        if not per_column and metric["config"].get("column") is not None:
            continue
        identity = json.dumps(metric["config"], default=str, sort_keys=True)
        name = ".".join(_name_parts(metric))
        if taken.setdefault(name, identity) != identity:
            name += f"_{_digest(identity)}"
        found.update({f"{name}{part}": x for part, x in _parts(metric["value"]).items()})
    return found


def _parts(value: Any) -> dict[str, float]:
    """Split a value into its numbers; counts per category are none of them."""
    if not isinstance(value, dict):
        return {"": _number(value)}
    if set(value) in ({"mean", "std"}, {"count", "share"}):
        return {f".{part}": _number(number) for part, number in value.items()}
    return {}


def _name_parts(metric: dict[str, Any], with_column: bool = True) -> list[str]:
    config = metric["config"]
    parts = [_type(metric)]
    if config.get("regression_name", "default") != "default":
        parts.append(_safe(str(config["regression_name"])))
    if with_column and config.get("column") is not None:
        parts.append(_safe(str(config["column"])))
    if config.get("quantile") is not None:
        parts.append(f"{config['quantile']:g}")
    if config.get("column_type") is not None:
        parts.append(str(getattr(config["column_type"], "value", config["column_type"])))
    return parts


def _safe(name: str) -> str:
    if not _UNSAFE.search(name) and len(name) <= _LONGEST_NAME:
        return name
    return f"{_UNSAFE.sub('_', name)[:_LONGEST_NAME]}_{_digest(name)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _strict(values: dict[str, float]) -> dict[str, float | None]:
    return {name: _or_none(value) for name, value in values.items()}


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _drift(metric: dict[str, Any]) -> dict[str, Any]:
    config, score = metric["config"], _number(metric["value"])
    method, threshold = str(config.get("method")), _number(config.get("threshold"))
    known = METHODS.get(method) if math.isfinite(score) and math.isfinite(threshold) else None
    return {
        "column": str(config["column"]),
        "method": method,
        "score": _or_none(score),
        "threshold": _or_none(threshold),
        "drifted": known.is_drifted(score, threshold) if known else None,
    }
