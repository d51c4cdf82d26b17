"""Out-of-sample predictions of the rows that windows are compared with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pandas as pd

from regression_lifecycle.core.drift.parameters import ReferenceParameters
from regression_lifecycle.core.drift.reference import reference_rows
from regression_lifecycle.core.models.trained_model import TrainedModel
from regression_lifecycle.core.monitoring.logged_predictions import LoggedPredictions

Stretch = tuple[pd.Timestamp, pd.Timestamp]


def read_reference_predictions(
    window_plan: pd.DataFrame,
    known_rows: pd.DataFrame,
    logged: LoggedPredictions,
    champion: TrainedModel | None,
    parameters: ReferenceParameters,
) -> pd.DataFrame:
    """Read what was predicted for the rows that the planned windows are compared with.

    Args:
        window_plan: Windows to look at.
        known_rows: All known rows.
        logged: Reads the predictions of a stretch of time.
        champion: The deployed model, whose training rows may be the reference.
        parameters: The reference. Where it has no prediction, the last windows stand in for it.

    Returns:
        ``row_key``, ``model_version`` and ``prediction`` of the rows of the references; of the
        rows that no model has predicted there is none.
    """
    moments = known_rows[logged.problem.timestamp.name]
    metadata = None if champion is None else champion.metadata
    trained = (
        (None, None)
        if metadata is None
        else (metadata.trained_from, metadata.trained_until + logged.problem.frequency)
    )
    last_windows = parameters.model_copy(update={"kind": "last_windows", "fallback": ()})
    stretches: list[Stretch] = []
    for window in window_plan.to_dict("records"):
        for asked in (parameters, last_windows):
            found = reference_rows(moments, window["start"], window["end"], asked, *trained)
            if found.start is not None and found.end is not None:
                stretches.append((found.start, found.end))
    tables = [logged.judged_between(start, end) for start, end in _merged(stretches)]
    columns = ["row_key", "model_version", "prediction"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def _merged(stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    """Stretches that overlap or touch become one."""
    begun: Stretch | None = None
    for start, end in sorted(stretches):
        if begun is not None and start <= begun[1]:
            begun = (begun[0], max(begun[1], end))
            continue
        if begun is not None:
            yield begun
        begun = (start, end)
    if begun is not None:
        yield begun
