"""From a raw table to observations that keep the contract."""

from __future__ import annotations

import logging
from typing import Any

import pandas as pd

from regression_lifecycle.adapters import evidently
from regression_lifecycle.core.data.as_of import first_and_last
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import ReadRows
from regression_lifecycle.core.errors import bounded_list, counted
from regression_lifecycle.core.frames.collecting import count_rows, sample
from regression_lifecycle.core.ingestion.changes import (
    CHANGED,
    COLUMNS,
    GONE,
    find_changes,
    find_column_changes,
    with_told_target,
    without_told_target,
)
from regression_lifecycle.core.ingestion.contract import (
    IngestionParameters,
    accept_rows,
    in_order,
    read_rows,
)
from regression_lifecycle.core.ingestion.gaps import find_gaps
from regression_lifecycle.core.ingestion.labels import WAITS, join_labels, read_labels
from regression_lifecycle.core.ingestion.raw_table import RawTable
from regression_lifecycle.pipelines.roles import column_roles
from regression_lifecycle.pipelines.subjects import span

LOGGER = logging.getLogger(__name__)


def read_raw_rows(
    raw: Any,
    problem: Problem,
    parameters: IngestionParameters,
    recorded_columns: pd.DataFrame,
    recorded_parts: pd.DataFrame,
) -> tuple[Any, RawTable]:
    """Read every row of the raw table for itself.

    Args:
        raw: The table as it was read, or pieces of it.
        problem: The contract.
        parameters: What a value does that cannot be read.
        recorded_columns: The columns that the contract did not know in the last run that came to
            its end; no columns without one.
        recorded_parts: The parts that the raw table had in that run; no columns without one.

    Returns:
        The rows that are right in themselves, and the raw table with what speaks against others.

    Raises:
        DataContractError: If the table as a whole cannot be used.
    """
    typed, table = read_rows(raw, problem, parameters.unreadable)
    if "column" in recorded_columns:
        table.recorded_undeclared = tuple(recorded_columns["column"])
    table.recorded_parts = recorded_parts
    return typed, table


def enforce_contract(
    typed_rows: Any, raw_table: RawTable, problem: Problem, parameters: IngestionParameters
) -> tuple[Any, pd.DataFrame]:
    """Decide which rows of the raw table are observations.

    Args:
        typed_rows: Rows that are right in themselves, on any engine.
        raw_table: The raw table with what speaks against the others.
        problem: The contract.
        parameters: How many rejected rows are bearable.

    Returns:
        The accepted rows on the same engine, and the rejected ones with their reasons.

    Raises:
        DataContractError: If the table as a whole cannot be used.
    """
    return accept_rows(typed_rows, raw_table, problem, parameters)


def complete_observations(
    accepted_rows: Any,
    raw_table: RawTable,
    recorded_labels: ReadRows,
    problem: Problem,
    recorded_observations: Any,
) -> tuple[Any, ...]:
    """Fill in labels, and list what is missing and what is other than in the last run.

    Warns of labels that are of no use, and of observations that were there before and are gone or
    have other values.

    Args:
        accepted_rows: Rows that keep the contract, on any engine.
        raw_table: Names the columns that the contract does not know, and knows which of its parts
            are those of the last run.
        recorded_labels: Reads targets that came later than their rows.
        problem: The contract.
        recorded_observations: Those of the last run that came to its end; no columns without one.

    Returns:
        Observations on the same engine, labels that fill in nothing with the reason, gaps, what is
        new, changed and gone since the last run, the columns that the contract does not know, and
        the parts of the raw table.
    """
    told = with_told_target(accepted_rows, problem)
    labels = read_labels(recorded_labels, told, problem)
    joined, unused = join_labels(told, labels, problem)
    _warn_of_unused(unused[unused["reason"] != WAITS])
    undeclared = raw_table.undeclared(problem)
    since = raw_table.unchanged_until()
    changes = pd.concat(
        [
            find_changes(recorded_observations, joined, problem, since),
            find_column_changes(
                raw_table.recorded_undeclared, undeclared, count_rows(accepted_rows)
            ),
        ],
        ignore_index=True,
    )
    _warn_of_changes(changes, problem)
    # Sorted where it is stored, and not once more by everything that looks at it.
    found = without_told_target(joined)
    observations = in_order(found, problem)
    columns = pd.DataFrame({"column": pd.Series(undeclared, dtype="str")})
    gaps = find_gaps(found, problem)
    return observations, unused, gaps, changes, columns, raw_table.describe_parts()


def report_data_quality(
    observations: Any, problem: Problem, parameters: IngestionParameters
) -> Any:
    """Describe the observations in an Evidently report.

    Args:
        observations: Observations on any engine.
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
    first, last = first_and_last(observations, problem)
    rows, n_rows, drawn = observations, count_rows(observations), ""
    if not isinstance(observations, pd.DataFrame):
        rows = sample(observations, problem, parameters.report_rows, seed=0)
        drawn = f", of which {len(rows):,} are drawn" if len(rows) < n_rows else ""
    about = evidently.about_line(
        problem.name,
        "no model",
        f"observations {span(pd.Series([first, last]), problem)}{drawn}",
        n_rows,
    )
    return evidently.data_quality_snapshot(
        rows,
        column_roles(problem, columns),
        timestamp=last,
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
