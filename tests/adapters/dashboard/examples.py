"""Tables as the closed loop leaves them behind, for the tests of the page."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.adapters.dashboard import (
    Backtest,
    Champion,
    Deployment,
    Monitoring,
    PageTables,
)
from regression_lifecycle.core.backtest.comparison import add_price_ranges
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import BACKTEST_SUMMARY, ERROR_RATES, SERIES_HISTORY
from regression_lifecycle.core.decisions.records import Finding, Reason, RuleFinding, to_cell

BIAS_RULE = RuleFinding(
    name="bias",
    kind="bias",
    action="retrain",
    verdict="fired",
    value=0.141,
    threshold=0.1,
    figures={
        **{"statistic": "window", "window": "2011-04-16", "n_bad": 2, "n_windows": 3},
        **{"violations": 2, "of": 3, "prediction": "served", "bias": 0.141, "noise": None},
    },
)
ERROR = {"metric": "rmse", "of_baseline": False, "bound": "maximum"}
CHECKS = [
    Finding(kind="rows", verdict="pass", value=504, threshold=168),
    Finding(kind="metric", verdict="fail", value=71.5, threshold=60, figures=ERROR),
]
# What a person writes may hold what once parted one reason from the next.
SAID = "it is warm; and it rains"
_KINDS = {"never": "never", "bias": "configured", "even": "equal_cost", "oracle": "oracle"}


def page_problem(name: str = "bikes") -> Problem:
    return Problem.model_validate(
        {
            "name": name,
            "description": "Bikes rented in one hour.",
            "target": "cnt",
            "timestamp": {"date": "day"},
            "frequency": "1 hour",
            "horizon": "7 days",
            "columns": {"day": {"type": "datetime"}, "cnt": {"type": "integer", "unit": "rentals"}},
        }
    )


def windows(n: int = 12, problem: str = "bikes") -> pd.DataFrame:
    """Weekly windows; the last one waits for its labels, the eighth last one rang."""
    random = np.random.default_rng(0)
    start = pd.date_range("2011-02-05", periods=n, freq="7D")
    bias = random.normal(0, 0.04, n)
    target = np.linspace(20_000, 30_000, n)
    frame = pd.DataFrame(
        {
            "problem": problem,
            "window": start.strftime("%Y-%m-%d"),
            "model_version": (np.arange(n) // 5 + 1).astype(str),
            "revision": 0,
            "window_index": range(n),
            "start": start,
            "end": start + pd.Timedelta("7D"),
            "status": ["complete"] * (n - 1) + ["pending labels"],
            "n": 168,
            "n_labelled": [168] * (n - 1) + [0],
            "rmse": 50 + random.normal(0, 5, n),
            "mae": 31 + random.normal(0, 3, n),
            "bias": bias,
            "baseline_rmse": 120 + random.normal(0, 9, n),
            "coverage": 0.9 + random.normal(0, 0.02, n),
            "sum_target": target,
            "sum_absolute_target": target,
            "sum_prediction": target * (1 + bias),
            "sum_raw_prediction": target * (1 + 2 * bias),
            "n_drift_columns": 2,
            "n_drifted": 1,
            "drifted_columns": "cnt",
            "sum_weight": 168.0,
            "n_missing_rows": 0,
            "n_rejected": 0,
            "missing_share": 0.0,
            "alarms": "",
        }
    )
    figures = ["rmse", "mae", "bias", "baseline_rmse", "coverage"]
    sums = ["sum_target", "sum_absolute_target", "sum_prediction", "sum_raw_prediction"]
    frame.loc[n - 1, [*figures, *sums]] = np.nan
    frame.loc[max(0, n - 8), "alarms"] = "bias,coverage"
    return frame


def drift(of: pd.DataFrame, columns: tuple[str, ...] = ("temp", "cnt")) -> pd.DataFrame:
    """Drift scores that rise from column to column; the last window could not be computed."""
    rows = [
        {
            **row[["problem", "window", "model_version", "window_index", "start"]].to_dict(),
            "column": column,
            "kind": "numerical",
            "role": "target" if column == "cnt" else "feature",
            "method": "wasserstein",
            "score": np.nan if place == len(of) - 1 else 0.1 * (k + 1),
            "threshold": 0.15,
            "drifted": None if place == len(of) - 1 else k >= 1,
            "reason": "not computed: only 3 values" if place == len(of) - 1 else "",
        }
        for k, column in enumerate(columns)
        for place, (_, row) in enumerate(of.iterrows())
    ]
    return pd.DataFrame(rows)


def segments(of: pd.DataFrame) -> pd.DataFrame:
    """Two hours: one 20 percent too high, one 5 percent too low."""
    rows = [
        {
            **row[["problem", "window", "model_version", "window_index", "start"]].to_dict(),
            "segment": "hr",
            "value": value,
            "n": 7,
            "rmse": 40.0,
            "bias": bias,
            "sum_weight": 7.0,
            "sum_target": 1000.0,
            "sum_absolute_target": 1000.0,
            "sum_prediction": 1000.0 * (1 + bias),
        }
        for _, row in of.iterrows()
        for value, bias in (("8", -0.05), ("17", 0.2))
    ]
    return pd.DataFrame(rows)


def ledger(n: int = 4, problem: str = "bikes") -> pd.DataFrame:
    """Promotions and, between them, decisions of the policy."""
    rows: list[dict[str, Any]] = []
    for k in range(n):
        promotion = {
            "kind": "promotion",
            "decision": "refuse",
            "reasons": to_cell([CHECKS[1].reason]),
            "candidate_version": str(k + 1),
            "candidate_fingerprint": f"f{k + 1}",
            "judged_until": "2011-03-05 00:00:00",
            "metrics": json.dumps({"candidate": {"rmse": 71.5}, "baseline": {"rmse": 120.25}}),
            "checks": to_cell(CHECKS),
        }
        decision = {
            "kind": "policy",
            "decision": "retrain",
            "reasons": to_cell([BIAS_RULE.reason, Reason("due", {"policy": SAID})]),
            "as_of": "2011-04-30 00:00:00",
            "window": "2011-04-16",
            "champion_version_before": "3",
            "policy": to_cell([BIAS_RULE]),
        }
        rows.append(
            {
                "decision_id": f"d{k}",
                "recorded_at": f"2011-05-{k % 28 + 1:02d}T10:00:00+00:00",
                "problem": problem,
                **(decision if k % 2 else promotion),
            }
        )
    return pd.DataFrame(rows)


def backtest(
    of: pd.DataFrame, policies: tuple[str, ...] = ("never", "weekly", "bias")
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Windows and summary; every policy after the first has a lower error and retrains more."""
    summary = pd.DataFrame(
        {
            "policy": policies,
            "kind": [_KINDS.get(policy, "every") for policy in policies],
            "description": "what it does",
            "n_windows": len(of),
            "n": 168 * len(of),
            "rmse": [150.0, 46.3, 49.0, *range(60, 60 + len(policies))][: len(policies)],
            "mae": 30.0,
            "rmsle": 0.3,
            "bias": -0.01,
            "coverage": 0.9,
            "retrains": [0, 100, 22, *range(30, 30 + len(policies))][: len(policies)],
            "refused": 2,
            "phases": 1,
            "churn": 0.125,
            "fit_cpu_seconds": 70.5,
        }
    )
    summary = add_price_ranges(BACKTEST_SUMMARY.frame(summary), "rmse")
    history = pd.concat(
        [
            of[["window", "window_index", "start", "end", "status", "n"]].assign(
                policy=policy, rmse=rmse
            )
            for policy, rmse in zip(summary["policy"], summary["rmse"], strict=True)
        ]
    )
    return history, summary


def series(of: pd.DataFrame, names: tuple[str, ...] = ("north", "south")) -> pd.DataFrame:
    """Two shops with errors of 10 and 30, of which the second is told too much."""
    rows = [
        {
            **{name: window[name] for name in ("problem", "window", "model_version")},
            **{name: window[name] for name in ("window_index", "start")},
            "series": name,
            "n": 10,
            "sum_weight": 10.0,
            "sum_squares": 10.0 * error**2,
            "sum_absolutes": 10.0 * error,
            "sum_baseline_squares": 10.0 * 40**2,
            "sum_target": 1000.0,
            "sum_absolute_target": 1000.0,
            "sum_prediction": 1000.0 + k * 10 * error,
        }
        for window in of.to_dict("records")
        for k, (name, error) in enumerate(zip(names, (10.0, 30.0), strict=True))
    ]
    return SERIES_HISTORY.frame(rows)


def page_tables(**given: Any) -> PageTables:
    """The tables of the page by flat names; what is not given is empty."""
    parts: dict[type, dict[str, str]] = {
        Deployment: dict.fromkeys(
            ("problem", "champion", "ledger", "nominal_coverage", "error_rates"), ""
        ),
        Monitoring: {"windows": "window_history", "drift": "drift_history",
                     "segments": "segment_history", "series": "series_history"},
        Backtest: {"history": "backtest_history", "summary": "backtest_summary"},
    }  # fmt: skip
    made = {
        part: part(**{k: given.pop(name or k) for k, name in names.items() if (name or k) in given})
        for part, names in parts.items()
    }
    return PageTables(
        made[Deployment], monitoring=made[Monitoring], backtest=made[Backtest], **given
    )


def full_tables(n: int = 12, columns: tuple[str, ...] = ("temp", "cnt"), **changes: Any) -> Any:
    """Everything that the page can show."""
    of = windows(n)
    history, summary = backtest(of)
    content: dict[str, Any] = {
        "problem": page_problem(),
        "window_history": of,
        "drift_history": drift(of, columns),
        "segment_history": segments(of),
        "series_history": series(of),
        "ledger": ledger(),
        "backtest_history": history,
        "backtest_summary": summary,
        "report_links": pd.DataFrame(
            {
                "name": ["drift_report", "2011-04-16_v3"],
                "path": ["drift_report/report.html", "window_reports/2011-04-16_v3/report.html"],
                "window": ["", "2011-04-16"],
                "candidate": ["f3", ""],
            }
        ),
        "champion": champion(),
        "nominal_coverage": 0.9,
        "error_rates": error_rates(),
    }
    return page_tables(**{**content, **changes})


def error_rates(version: str = "3") -> pd.DataFrame:
    """What the calibration of the champion found, and of a version before it."""
    found = [
        {"subject": "rule", "name": "bias", "stated": 0.5, "measured": 0.51, "limit": 0.234,
         "memory": 0.37, "n_windows": 21},
        {"subject": "losses", "name": "rmse", "memory": 0.41, "n_windows": 21},
        {"subject": "gate", "name": "5% worse", "measured": 0.153},
        {"subject": "gate", "name": "equal challenger", "measured": 0.428},
        {"subject": "interval", "name": "fifth 5", "stated": 0.9, "measured": 0.861},
    ]  # fmt: skip
    about = {"problem": "bikes", "as_of": pd.Timestamp("2011-04-16"), "model_version": version}
    rows = [{**about, **row} for row in found]
    former = {**rows[0], "model_version": "2", "limit": 0.777}
    return ERROR_RATES.frame([*rows, former])


def champion(version: str = "3", estimator: str = "Ridge") -> Champion:
    """The model in use."""
    return Champion(
        version, estimator, pd.Timestamp("2011-01-01"), pd.Timestamp("2011-04-15 23:00"), 2519
    )
