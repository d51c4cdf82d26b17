"""The nodes of ingestion one after the other, without a catalog between them."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd

from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.ingestion.contract import IngestionParameters
from regression_lifecycle.pipelines.ingestion.nodes import (
    complete_observations,
    enforce_contract,
    read_raw_rows,
)
from tests.readers import reader


class Ingested(NamedTuple):
    """What an ingestion gives."""

    observations: Any
    rejected: pd.DataFrame
    unused: pd.DataFrame
    gaps: pd.DataFrame
    changes: pd.DataFrame
    columns: pd.DataFrame
    parts: pd.DataFrame


def ingest(
    raw: Any,
    labels: pd.DataFrame,
    problem: Problem,
    parameters: IngestionParameters,
    before: Any = None,
    columns: pd.DataFrame | None = None,
    store: Any = lambda typed: typed,
    parts: pd.DataFrame | None = None,
) -> Ingested:
    """Ingest a raw table.

    Args:
        before: Observations of the last run; None if there was none.
        columns: The undeclared columns of the last run, likewise.
        store: Keeps the typed rows, and gives them back as a frame of an engine.
        parts: The parts of the raw table in the last run.
    """
    recorded = pd.DataFrame() if columns is None else columns
    known = pd.DataFrame() if parts is None else parts
    typed, table = read_raw_rows(raw, problem, parameters, recorded, known)
    accepted, rejected = enforce_contract(store(typed), table, problem, parameters)
    before = pd.DataFrame() if before is None else before
    observations, *others = complete_observations(accepted, table, reader(labels), problem, before)
    return Ingested(observations, rejected, *others)
