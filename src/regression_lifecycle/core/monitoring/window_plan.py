"""Which windows a monitoring run has to look at: new ones, and those in which something changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from regression_lifecycle.core.data.keys import row_keys
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.fingerprints import table_fingerprint

if TYPE_CHECKING:
    from regression_lifecycle.core.monitoring.logged_predictions import PredictionCoverage

NEW, REFRESH = "new", "refresh"
PLAN_COLUMNS = (
    "window",
    "window_index",
    "start",
    "end",
    "status",
    "n",
    "n_labelled",
    "model_version",
    "revision",
    "action",
    "features_fingerprint",
    "labels_fingerprint",
    "as_of",
)


def of_window(predictions: pd.DataFrame, window: Mapping[str, Any]) -> pd.DataFrame:
    """Take what one model version served in one window.

    Args:
        predictions: ``predictions``.
        window: A row of the plan.

    Returns:
        The rows of that window and model version.
    """
    return predictions[
        (predictions["window"] == window["window"])
        & (predictions["model_version"] == window["model_version"])
    ]


def newest_revisions(recorded: pd.DataFrame) -> pd.DataFrame:
    """Keep the last word on every window and model version.

    Args:
        recorded: ``window_history``.

    Returns:
        The rows with the highest revision, in the order of the windows.
    """
    order = recorded.sort_values(["window_index", "model_version", "revision"], kind="stable")
    newest = order.drop_duplicates(["problem", "window", "model_version"], keep="last")
    return newest.reset_index(drop=True)


def plan_windows(
    windows: pd.DataFrame,
    rows: pd.DataFrame,
    recorded: pd.DataFrame,
    recorded_predictions: pd.DataFrame,
    champion: tuple[str, pd.Timestamp] | None,
    problem: Problem,
    servings: PredictionCoverage,
) -> pd.DataFrame:
    """Compare what is there with what was recorded.

    Args:
        windows: All windows up to ``as_of``, as ``windows_frame`` lists them, with ``as_of``.
        rows: Rows known at ``as_of`` with ``window_index``, features and target (NaN where the
            label is not known yet).
        recorded: ``window_history``.
        recorded_predictions: ``predictions``, whose ``target`` is the label as last seen.
        champion: Version and newest training row of the deployed model; None if there is none,
            and then nothing is planned.
        problem: Names key and target.
        servings: Who answers for which rows.

    Returns:
        One row per window and model version to look at, with the columns of
        :data:`PLAN_COLUMNS`; the counts and the state are those of the version's own rows.
        ``new``: the version was not judged there yet; it really served rows of the window, or it
        is the champion, which is simulated on a window after its training that was never looked
        at. ``refresh``: it was judged; now there are more rows, more labels or other ones. A
        correction of labels that were known asks for a further revision.
    """
    if champion is None:
        return pd.DataFrame(columns=list(PLAN_COLUMNS))
    own = recorded[recorded["problem"] == problem.name]
    by_window = dict(list(newest_revisions(own).groupby("window")))
    inside = dict(list(rows.groupby("window_index")))
    plan: list[dict[str, Any]] = []
    for window in windows.to_dict("records"):
        part = inside.get(window["window_index"], rows.iloc[:0])
        known = by_window.get(window["window"], own.iloc[:0])
        versions = set(servings.versions(window["window"])) - set(known["model_version"])
        if (
            known.empty
            and window["start"] > champion[1]
            and servings.leaves_rows(window["window"], part)
        ):
            versions.add(champion[0])
        for version in sorted(versions):
            share = servings.share(window, part, version)
            plan.append(_row(share, version, 0, NEW, *_fingerprints(part, problem)))
        prints: tuple[str, str] | None = None
        for row in known.to_dict("records"):
            # Who looks from an earlier moment sees less, which is no news.
            if pd.notna(row["seen_as_of"]) and window["as_of"] < row["seen_as_of"]:
                continue
            prints = prints or _fingerprints(part, problem)
            version, revision = str(row["model_version"]), int(row["revision"])
            share = servings.share(window, part, version)
            seen = (row["features_fingerprint"], row["labels_fingerprint"], row["status"])
            if seen == (*prints, share["status"]) and not servings.has_news(
                window["window"], version
            ):
                continue
            if _is_correction(part, recorded_predictions, window["window"], version, problem):
                revision += 1
            plan.append(_row(share, version, revision, REFRESH, *prints))
    return pd.DataFrame(plan, columns=list(PLAN_COLUMNS))


def _row(
    window: dict[str, Any], version: str, revision: int, action: str, features: str, labels: str
) -> dict[str, Any]:
    return {
        **window,
        "model_version": version,
        "revision": revision,
        "action": action,
        "features_fingerprint": features,
        "labels_fingerprint": labels,
    }


def _fingerprints(part: pd.DataFrame, problem: Problem) -> tuple[str, str]:
    key = list(problem.key_columns)
    # Columns of the table alone: what another champion's recipe makes of them is no news.
    observed = [name for name in part if name in problem.columns and name != problem.target]
    names = list(dict.fromkeys([*key, *observed]))
    return table_fingerprint(part[names]), table_fingerprint(part[[*key, problem.target]])


def _is_correction(
    part: pd.DataFrame,
    recorded_predictions: pd.DataFrame,
    window: str,
    version: str,
    problem: Problem,
) -> bool:
    """Whether a label that was known has another value now."""
    seen = recorded_predictions[
        (recorded_predictions["problem"] == problem.name)
        & (recorded_predictions["window"] == window)
        & (recorded_predictions["model_version"] == version)
    ].set_index("row_key")["target"]
    now = pd.Series(part[problem.target].to_numpy(), index=row_keys(part, problem).to_numpy())
    now = now.reindex(seen.index).astype("float64")
    return bool((seen.notna() & (now != seen)).any())
