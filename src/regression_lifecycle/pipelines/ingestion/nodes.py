"""From a raw table to observations that keep the contract."""

from __future__ import annotations

import logging
from typing import Any

import pandas as pd

from regression_lifecycle.adapters import evidently
from regression_lifecycle.core.data.contract import IngestionParameters, enforce_contract
from regression_lifecycle.core.data.gaps import find_gaps
from regression_lifecycle.core.data.keys import CHANGED, COLUMNS, GONE, find_changes
from regression_lifecycle.core.data.labels import WAITS, join_labels
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.errors import bounded_list, counted
from regression_lifecycle.pipelines.roles import column_roles
from regression_lifecycle.pipelines.subjects import span

LOGGER = logging.getLogger(__name__)


def ingest(
    raw: pd.DataFrame,
    labels: pd.DataFrame,
    problem: Problem,
    parameters: IngestionParameters,
    recorded_observations: pd.DataFrame,
) -> tuple[pd.DataFrame, ...]:
    """Sort rows into observations and rejected ones, fill in labels, and list what is missing.

    Warns of labels that are of no use, and of observations that were there before and are gone or
    have other values.

    Args:
        raw: The table as it was read.
        labels: Targets that came later than their rows.
        problem: The contract.
        parameters: How many rejected rows are bearable.
        recorded_observations: The observations as the last run left them; no columns if none did.

    Returns:
        Observations, rejected rows with their reasons, labels that fill in nothing with the
        reason, gaps, and what is new, changed and gone since the last run.

    Raises:
        DataContractError: If the table as a whole cannot be used.
    """
    accepted, rejected = enforce_contract(raw, problem, parameters)
    observations, unused = join_labels(accepted, labels, problem)
    _warn_of_unused(unused[unused["reason"] != WAITS])
    # Kept with the table, so that the next run sees what is other about its columns.
    observations.attrs[COLUMNS] = [str(name) for name in raw if name not in problem.columns]
    told = accepted[problem.target]
    changes = find_changes(recorded_observations, observations, told, problem)
    _warn_of_changes(changes, problem)
    return observations, rejected, unused, find_gaps(observations, problem), changes


def report_data_quality(
    observations: pd.DataFrame, problem: Problem, parameters: IngestionParameters
) -> Any:
    """Describe the observations in an Evidently report.

    Args:
        observations: Observations.
        problem: Says which columns are numbers and which are labels.
        parameters: Most rows to look at.

    Returns:
        An Evidently snapshot.
    """
    columns = [
        name
        for name, spec in problem.columns.items()
        if spec.type not in ("date", "datetime") and name != problem.target
    ]
    moments = observations[problem.timestamp.name]
    about = evidently.about_line(
        problem.name, "no model", f"observations {span(moments, problem)}", len(observations)
    )
    return evidently.data_quality_snapshot(
        observations,
        column_roles(problem, columns),
        timestamp=moments.max(),
        maximum_rows=parameters.report_rows,
        seed=0,
        metadata={"about": about, "problem": problem.name},
    )


def _warn_of_unused(unused: pd.DataFrame) -> None:
    if unused.empty:
        return
    counts = unused.groupby("reason", sort=False)["row_key"].agg(["size", "first"])
    said = (f"{reason} ({n:,}, such as {first})" for reason, n, first in counts.itertuples())
    LOGGER.warning(
        "%s in the table 'labels' of the store cannot be used: %s. The rows keep what the "
        "raw table says. unused_labels lists them; a label that is sent again takes the place of "
        "the stored one",
        counted(len(unused), "label"),
        bounded_list(said, 5),
    )


_WORDS = {
    GONE: "vanished from the raw table. What was judged on them stays recorded",
    CHANGED: "other values now (%s). Windows that hold them are judged again",
}


def _warn_of_changes(changes: pd.DataFrame, problem: Problem) -> None:
    for unknown in changes.loc[changes["change"] == COLUMNS, "columns"]:
        LOGGER.warning(
            "The raw table has other columns than in the last run. Those that problem.columns does "
            "not declare are left aside: %s",
            unknown or "none",
        )
    for row in changes[changes["change"].isin(list(_WORDS))].to_dict("records"):
        first, last = (problem.moment_text(row[side]) for side in ("first", "last"))
        LOGGER.warning(
            "%s of the last run, from %s to %s, %s %s. If the table was cut or edited "
            "by mistake, put it right and run again",
            counted(row["n_rows"], "observation"),
            first,
            last,
            "has" if row["n_rows"] == 1 else "have",
            _WORDS[row["change"]].replace("%s", row["columns"]),
        )
