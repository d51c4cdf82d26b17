"""A batch of predictions that was written, and how it becomes something that was served."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from regression_lifecycle.core.data.keys import row_keys
from regression_lifecycle.core.data.problem import Problem
from regression_lifecycle.core.data.tables import SERVICE_PREDICTIONS


@dataclass(frozen=True)
class BatchPredictions:
    """What is known of a batch; its rows are read when they are asked for.

    Attributes:
        batch: Its name.
        model_version: The model that scored it.
        trained_until: Newest row that the model was trained on.
        scored_at: When it was written, UTC.
        first: Timestamp of its first row.
        last: Timestamp of its last row.
        judged: Whether monitoring judges it.
        digest: Hash of its rows.
        n_rows: Rows with a prediction.
        n_rejected: Rows that were set aside.
        path: Where it is.
        read: Reads its rows in pieces: timestamp, the rest of the key, ``raw_prediction``,
            ``level_factor``, ``prediction``, ``lower`` and ``upper``.
    """

    batch: str
    model_version: str
    trained_until: pd.Timestamp
    scored_at: pd.Timestamp
    first: pd.Timestamp
    last: pd.Timestamp
    judged: bool
    digest: str
    n_rows: int
    n_rejected: int
    path: str
    read: Callable[[], Iterator[pd.DataFrame]]


def window_predictions(
    batches: Sequence[BatchPredictions], stamps: pd.Series, problem: Problem
) -> pd.DataFrame:
    """Read the rows of batches that fall into a range of time.

    Args:
        batches: Batches; those that are not to be judged are left out.
        stamps: Timestamps; their first and last one are the range.
        problem: Names key and timestamp.

    Returns:
        Rows in the form of ``service_predictions``.
    """
    if stamps.empty:
        return SERVICE_PREDICTIONS.frame()
    first, last = stamps.min(), stamps.max()
    tables = [SERVICE_PREDICTIONS.frame()]
    for batch in batches:
        if batch.judged and batch.first <= last and batch.last >= first:
            tables += _rows(batch, batch.read(), first, last, problem)
    return pd.concat(tables, ignore_index=True)


def _rows(
    batch: BatchPredictions,
    pieces: Iterable[pd.DataFrame],
    first: pd.Timestamp,
    last: pd.Timestamp,
    problem: Problem,
) -> Iterator[pd.DataFrame]:
    for piece in pieces:
        rows = piece[piece[problem.timestamp.name].between(first, last)]
        yield SERVICE_PREDICTIONS.frame(
            rows.assign(
                problem=problem.name,
                served_at=batch.scored_at,
                row_key=row_keys(rows, problem).to_numpy(),
                timestamp=rows[problem.timestamp.name].to_numpy(),
                model_version=batch.model_version,
                trained_until=batch.trained_until,
            )
        )
