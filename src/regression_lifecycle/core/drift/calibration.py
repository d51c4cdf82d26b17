"""Thresholds from the reference itself, so that a window without drift alarms at a stated rate.

The rows of a window follow each other, and neighbours are alike: a week of weather is a handful
of independent draws, not 168. A p-value that counts rows, or a fixed distance, then alarms in
most weeks. What a harmless window scores is found by resampling the reference in blocks, which
keep what hangs together (Kuensch 1989; circular: Politis and Romano 1992): a pretended window and
a pretended reference are drawn from it many times and compared, and the threshold is the quantile
of their scores.

Blocks are as long as the window unless told otherwise: shorter ones cut correlation that goes on,
and alarm too often. One block is then one whole stretch of the reference, with its own daily cycle
and its own weekend.

Few blocks know the spread badly, and the spread around their own mean is too small. So differences
are widened by ``t(1 - rate / 2; 1.5 b) / z(1 - rate / 2) / sqrt(1 - 1 / b)`` for ``b`` blocks: the
spread of overlapping blocks has about 1.5 degrees of freedom for each (Meketon and Schmeiser
1984, "Overlapping batch means: something for nothing?"). This is 1.44 for four blocks and 1.03
for 52.

The rate is that of windows which come from the same process as the reference. A season that the
reference has not seen is drift, and alarms as such.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.drift.columns import ColumnError, ColumnRole, read_column
from regression_lifecycle.core.drift.methods import DriftMethod, Kind, methods_for
from regression_lifecycle.core.drift.parameters import (
    CalibrationParameters,
    DriftParameters,
    MethodChoice,
)
from regression_lifecycle.core.drift.resampling import Blocks, cells, draw_blocks, resampled
from regression_lifecycle.core.durations import AnyDuration, usual_length
from regression_lifecycle.core.errors import ConfigurationError

THRESHOLD_DTYPES: dict[str, str] = {
    "column": "str",
    "kind": "str",
    "role": "str",
    "method": "str",
    "threshold": "float64",
    "configured_threshold": "float64",
    "false_alarm_rate": "float64",
    "n_blocks": "int64",
    "reason": "str",
}
"""Columns of calibrated thresholds. Where ``reason`` is not empty, the configured threshold stayed
and ``false_alarm_rate`` is missing: no rate is promised."""


@dataclass(frozen=True)
class Calibration:
    """What the reference says about harmless windows.

    Attributes:
        thresholds: One row per column, as in :data:`THRESHOLD_DTYPES`.
        drifted_share: Share of drifted columns that a harmless window reaches at most at the
            stated rate; it knows how the columns move together. None if no column was calibrated.
    """

    thresholds: pd.DataFrame
    drifted_share: float | None


def calibrate(
    reference: pd.DataFrame,
    moments: pd.Series,
    columns: Iterable[ColumnRole],
    window: int | pd.Timedelta,
    parameters: DriftParameters,
    calibration: CalibrationParameters,
) -> Calibration:
    """Find the thresholds of the columns and of the share of drifted columns.

    All columns are drawn together, so a resample is a whole pretended window.

    Args:
        reference: The rows that drift is measured against, one row per row of ``moments``.
        moments: When each row was observed; they give the order and the density of the rows.
        columns: Name, kind and role of each column.
        window: Size of the windows to be compared: rows, or a length of time.
        parameters: Methods and configured thresholds.
        calibration: Rate, blocks and draws.

    Returns:
        The thresholds, and the limit of the share.

    Raises:
        ConfigurationError: If moments are missing or do not fit the reference, or the window has
            no row.
    """
    if len(reference) != len(moments) or moments.isna().any():
        raise ConfigurationError("a calibration needs one moment for each row of the reference")
    order = np.argsort(moments.to_numpy(), kind="stable")
    window_rows, block_rows = _sizes(moments, window, calibration.block)
    n_blocks = round(len(reference) / block_rows)
    blocks = None
    if n_blocks >= calibration.minimum_blocks:
        blocks = draw_blocks(
            len(reference), window_rows, block_rows, calibration.resamples, calibration.seed
        )
    rows, alarms = [], []
    for name, kind, role in columns:
        choice = parameters.choice(name, kind)
        threshold, reason = choice.threshold, ""
        try:
            if blocks is None:
                raise _NotCalibratedError(
                    f"{n_blocks} blocks of {block_rows} rows in the reference, "
                    f"minimum_blocks is {calibration.minimum_blocks}"
                )
            values = read_column(reference, name, kind)[0][order]
            threshold, alarmed = _threshold(
                values, choice.drift_method, blocks, parameters, calibration
            )
            alarms.append(alarmed)
        except (_NotCalibratedError, ColumnError) as error:
            reason = f"not calibrated: {error}".removesuffix(",")
        rate = math.nan if reason else calibration.false_alarm_rate
        rows.append(
            (name, kind, role, choice.method, threshold, choice.threshold, rate, n_blocks, reason)
        )
    thresholds = pd.DataFrame(rows, columns=list(THRESHOLD_DTYPES)).astype(THRESHOLD_DTYPES)
    return Calibration(thresholds, _share_limit(alarms, calibration.false_alarm_rate))


def calibrated_parameters(
    parameters: DriftParameters, thresholds: pd.DataFrame, drifted_share: float | None = None
) -> DriftParameters:
    """Put calibrated thresholds into parameters, so that a report judges by the same numbers.

    Args:
        parameters: The configured parameters.
        thresholds: Those of a :class:`Calibration`.
        drifted_share: The calibrated limit of the table; None keeps the configured one.

    Returns:
        New parameters with a choice per column.
    """
    own = {
        str(row.column): MethodChoice(method=str(row.method), threshold=float(row.threshold))
        for row in thresholds.itertuples()
    }
    changes: dict[str, Any] = {"per_column": {**parameters.per_column, **own}}
    if drifted_share is not None:
        changes["drifted_share"] = drifted_share
    return parameters.model_copy(update=changes)


def _sizes(
    moments: pd.Series, window: int | pd.Timedelta, block: AnyDuration | None
) -> tuple[int, int]:
    """Rows of a window and of a block; whole blocks fill the window."""
    rows = window if isinstance(window, int) else round(_rows_within(moments, window))
    if rows < 1:
        raise ConfigurationError(f"a window of {window} has no row; take a longer one")
    wanted = (
        rows
        if block is None
        else min(rows, max(1, round(_rows_within(moments, usual_length(block)))))
    )
    return rows, round(rows / round(rows / wanted))


def _rows_within(moments: pd.Series, length: pd.Timedelta) -> float:
    """Rows in a stretch of this length, on average over the time that the reference covers.

    Single missing rows thin windows out as well; a gap longer than the stretch lies between two
    parts of the reference and is no time of its own.
    """
    distances = np.diff(np.sort(moments.drop_duplicates().to_numpy()))
    if not len(distances):
        return float(len(moments))
    usual = np.median(distances)
    covered = usual + np.where(distances > length.to_numpy(), usual, distances).sum()
    return float(len(moments) * (length / pd.Timedelta(covered)))


class _NotCalibratedError(Exception):
    """A column keeps its configured threshold; the message says why."""


def _threshold(
    values: Any,
    method: DriftMethod,
    blocks: Blocks,
    parameters: DriftParameters,
    calibration: CalibrationParameters,
) -> tuple[float, Any]:
    """Find the threshold of one column, and which resamples go beyond the plain quantile."""
    rate, fewest = calibration.false_alarm_rate, parameters.minimum_rows
    points, codes = cells(values, method.kind)
    if len(points) < 2:
        raise _NotCalibratedError(f"{'one value' if len(points) else 'no value'} in the reference")
    if refusal := method.refusal(len(points)):
        raise _NotCalibratedError(refusal)
    known = float(np.mean(codes >= 0))
    n_reference = round(min(blocks.n_rows, parameters.maximum_rows) * known)
    n_current = round(min(blocks.window_rows, parameters.maximum_rows) * known)
    if min(n_reference, n_current) < fewest:
        raise _NotCalibratedError(
            f"{n_reference} values in the reference and {n_current} in a window, "
            f"minimum_rows is {fewest}"
        )
    found = resampled(method, points, codes, blocks, fewest)
    usual = float(np.nanquantile(found, 1 - rate, method="higher"))
    if usual <= method.lowest_statistic:
        raise _NotCalibratedError("stretches of the reference do not differ")
    widened = method.widen(usual, _widening(blocks, rate), n_reference, n_current)
    threshold = float(f"{method.score_of_statistic(widened, n_reference, n_current):.12g}")
    if not method.can_be_crossed(threshold):
        raise _NotCalibratedError(
            f"{method.name} comes to {threshold:g} without drift, where no threshold fits; "
            f"{_distance_for(method.kind).name} can be calibrated"
        )
    return threshold, np.where(np.isnan(found), np.nan, found > usual)


def _distance_for(kind: Kind) -> DriftMethod:
    """The first method whose score does not end where samples differ much."""
    return next(method for method in methods_for(kind) if not method.is_p_value)


def _widening(blocks: Blocks, rate: float) -> float:
    """How much wider than the resamples a new window may differ: see the module."""
    from scipy import special

    n_blocks, tail = blocks.n_blocks, 1 - rate / 2
    spread = special.stdtrit(1.5 * n_blocks, tail) / special.ndtri(tail)
    return float(spread / math.sqrt(1 - 1 / n_blocks))


def _share_limit(alarms: list[Any], rate: float) -> float | None:
    """Find the share of columns above which at most ``rate`` of the resamples are.

    The limit lies halfway to the next smaller share, so that a column which cannot be compared
    does not shift a share of equal numbers across it.
    """
    if not alarms:
        return None
    flags = np.array(alarms, dtype="float64")
    compared = np.maximum(np.sum(~np.isnan(flags), axis=0), 1)
    shares = np.nansum(flags, axis=0) / compared
    usual = float(np.quantile(shares, 1 - rate, method="higher"))
    return min(1.0, usual + 0.5 / len(alarms))
