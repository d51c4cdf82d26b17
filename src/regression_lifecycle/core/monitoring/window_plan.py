"""Which windows a monitoring run has to look at: new ones, and those in which something changed.

Two steps, so that only few predictions are read. First the windows in which something may have
changed are found, without a look at any prediction; then, with the predictions of these, what
there is to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.models.trained_model import TrainedModel, version_of
from regression_lifecycle.core.monitoring.known_windows import KnownTable
from regression_lifecycle.core.monitoring.logged_predictions import LoggedPredictions
from regression_lifecycle.core.monitoring.prediction_coverage import PredictionCoverage

NEW, REFRESH = "new", "refresh"
PLAN_COLUMNS = (
    "window",
    "window_index",
    "start",
    "end",
    "status",
    "n",
    "n_labelled",
    "n_expected",
    # Of many series alone.
    "n_series",
    "new_series",
    "vanished_series",
    "model_version",
    "revision",
    "action",
    "backfill",
    "features_fingerprint",
    "labels_fingerprint",
    "as_of",
    "known_from",
)
# Clocks of several machines differ, a batch is written for hours, a run may be a long one: what
# arrived so long before the last look is looked at again.
_GRACE = pd.Timedelta("1 day")
# A pause is told by its first windows; one mistyped year would otherwise plan thousands.
_EMPTY_IN_A_ROW = 10


def of_window(predictions: pd.DataFrame, window: Mapping[str, Any]) -> pd.DataFrame:
    """Take what one model version predicted in one window.

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


def rows_by(rows: pd.DataFrame, *names: str) -> Callable[..., pd.DataFrame]:
    """Sort rows into groups once, instead of looking through all of them for each group.

    Args:
        rows: Any rows.
        names: The columns whose values make a group.

    Returns:
        A function that takes one value per column and returns the rows that have them, in their
        order; none if there is no such row.
    """
    places = rows.groupby(list(names), sort=False).indices

    def take(*values: Any) -> pd.DataFrame:
        return rows.iloc[places.get(values if len(values) > 1 else values[0], [])]

    return take


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


def find_changed_windows(
    windows: pd.DataFrame,
    known: KnownTable,
    recorded_windows: pd.DataFrame,
    logged: LoggedPredictions,
    champion: TrainedModel | None,
) -> pd.DataFrame:
    """Find the windows in which something may have changed since they were recorded.

    Args:
        windows: All windows up to ``as_of``, with the hashes of their rows and labels.
        known: The table.
        recorded_windows: ``window_history``, with ``recorded_at`` (UTC, ISO text).
        logged: What was predicted; only when rows are whose predictions came lately is read.
        champion: The deployed model; without one there is nothing to look at.

    Returns:
        The windows that begin after the champion's training and were never recorded, whose rows,
        labels or state differ from what was recorded, or of which predictions may have come since.
        Of windows without a row that follow each other, the first ten are new; the others are once
        rows come.
    """
    table = windows
    if champion is None:
        return table.iloc[:0]
    own = recorded_windows[recorded_windows["problem"] == logged.problem.name]
    changed = table["window_index"].isin(logged.windows_asked_since(_last_look(own), known))
    pause = (table["n"] == 0).groupby((table["n"] > 0).cumsum()).cumsum() > _EMPTY_IN_A_ROW
    changed |= (
        ~table["window"].isin(own["window"])
        & ~pause
        & (table["start"] > champion.metadata.trained_until)
    )
    seen = newest_revisions(own).merge(table, on="window", suffixes=("_seen", ""))
    # Who looks from an earlier moment sees less, which is no news; who sees more there, does so
    # since a row that was dated ahead had moved the later look.
    grown = (seen["n"] > seen["n_seen"]) | (seen["n_labelled"] > seen["n_labelled_seen"])
    seen = seen[~(seen["as_of"] < seen["seen_as_of"]) | grown]
    whole = seen["n"] == seen["n_seen"].astype("float64")
    differs = (
        (seen["features_fingerprint"] != seen["features_fingerprint_seen"])
        | (seen["labels_fingerprint"] != seen["labels_fingerprint_seen"])
        # The state of a share of the rows is not known before its predictions are read.
        | (whole & (seen["status"] != seen["status_seen"]))
        | ((seen["end"] > seen["seen_as_of"]) & (seen["as_of"] != seen["seen_as_of"]))
    )
    changed |= table["window"].isin(seen.loc[differs, "window"])
    return table[changed].reset_index(drop=True)


def plan_windows(
    changed_windows: pd.DataFrame,
    window_rows: pd.DataFrame,
    recorded_windows: pd.DataFrame,
    coverage: PredictionCoverage,
    champion: TrainedModel | None,
) -> pd.DataFrame:
    """Compare what is there with what was recorded.

    Args:
        changed_windows: Windows in which something may have changed.
        window_rows: Known rows with ``row_key``, ``window_index`` and target (NaN where the label
            is not known yet).
        recorded_windows: ``window_history``.
        coverage: Who answers for which rows of these windows.
        champion: The deployed model; without one nothing is planned.

    Returns:
        One row per window and model version to look at, with the columns of
        :data:`PLAN_COLUMNS`; the counts and the state are those of the version's own rows.
        ``new``: the version was not judged there yet; it really predicted rows of the window, or
        it is the champion, which predicts a window after its training that was never looked at,
        and rows after its training that a former champion left.
        ``refresh``: it was judged; now there are more rows, more labels or other ones. A
        correction of labels that were known asks for a further revision. ``backfill``: rows that
        nobody asked for get the version's prediction.
    """
    plan: list[dict[str, Any]] = []
    if champion is not None:
        own = recorded_windows[recorded_windows["problem"] == coverage.problem.name]
        by_window = dict(list(newest_revisions(own).groupby("window")))
        inside = dict(list(window_rows.groupby("window_index")))
        for window in changed_windows.to_dict("records"):
            part = inside.get(window["window_index"], window_rows.iloc[:0])
            known = by_window.get(window["window"], own.iloc[:0])
            plan += _plan_window(window, part, known, coverage, champion)
    return pd.DataFrame(plan, columns=list(PLAN_COLUMNS))


def _plan_window(
    window: dict[str, Any],
    rows: pd.DataFrame,
    known: pd.DataFrame,
    coverage: PredictionCoverage,
    champion: TrainedModel,
) -> list[dict[str, Any]]:
    name, deployed = window["window"], version_of(champion)

    def planned(version: str, revision: int, action: str) -> dict[str, Any]:
        return {
            **coverage.share(window, rows, version),
            "model_version": version,
            "revision": revision,
            "action": action,
            "backfill": coverage.backfill and version == deployed,
        }

    versions = set(coverage.new_versions(name)) - set(known["model_version"])
    unseen = known.empty and window["start"] > champion.metadata.trained_until
    left = coverage.leaves_rows(name, rows) if unseen else coverage.has_left(name, rows)
    if left and deployed not in set(known["model_version"]):
        versions.add(deployed)
    plan = [planned(version, 0, NEW) for version in sorted(versions)]
    for row in known.to_dict("records"):
        version, revision = str(row["model_version"]), int(row["revision"])
        found = planned(version, revision, REFRESH)
        grown = any(found[name] > row[name] for name in ("n", "n_labelled"))
        if pd.notna(row["seen_as_of"]) and window["as_of"] < row["seen_as_of"] and not grown:
            continue
        compared = ("features_fingerprint", "labels_fingerprint", "status")
        same = all(row[column] == found[column] for column in compared)
        if same and not coverage.has_news(name, version):
            continue
        if _is_correction(rows, coverage.of(name, version), coverage.problem):
            found["revision"] += 1
        plan.append(found)
    return plan


def _last_look(own: pd.DataFrame) -> pd.Timestamp | None:
    """When predictions that came were last looked for, in UTC, with the grace taken off.

    Who looked from an earlier moment did not see every window, so only rows that were recorded
    from the newest one tell.
    """
    if own.empty or "recorded_at" not in own:
        return None
    newest = own.loc[own["seen_as_of"] == own["seen_as_of"].max(), "recorded_at"]
    if newest.isna().all():
        return None
    return pd.Timestamp(newest.max()).tz_convert("UTC").tz_localize(None) - _GRACE


def _is_correction(rows: pd.DataFrame, predicted: pd.DataFrame, problem: Problem) -> bool:
    """Whether a label that was known has another value now."""
    seen = predicted.set_index("row_key")["target"]
    now = pd.Series(rows[problem.target].to_numpy(), index=rows["row_key"].to_numpy())
    now = now.reindex(seen.index).astype("float64")
    return bool((seen.notna() & (now != seen)).any())
