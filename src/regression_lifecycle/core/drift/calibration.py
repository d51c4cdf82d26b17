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

Few blocks know the spread badly, and the spread around their own mean is too small; more so where a
column remembers longer than a window. So differences are widened by what
:class:`regression_lifecycle.core.drift.memory.Memory` says: by 1.44 for four windows that forget
each other, and 1.03 for 52. Where the reference is too short for what a column remembers, that
column is not judged.

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

from regression_lifecycle.core.drift.columns import (
    ColumnError,
    ColumnRole,
    read_column,
    read_groups,
)
from regression_lifecycle.core.drift.memory import Memory, cut_parts, measure_memory
from regression_lifecycle.core.drift.methods import DriftMethod, Kind, methods_for
from regression_lifecycle.core.drift.parameters import DriftParameters, MethodChoice
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
    "independent_windows": "float64",
    "reason": "str",
}
"""Columns of calibrated thresholds. ``independent_windows`` is what the reference is worth to a
column that remembers. Where ``reason`` is not empty ``false_alarm_rate`` is missing: no rate is
promised. Then the configured threshold stayed; or it is missing, and the column is not judged."""


def calibrate(
    reference: pd.DataFrame,
    moments: pd.Series,
    columns: Iterable[ColumnRole],
    window: int | pd.Timedelta,
    parameters: DriftParameters,
) -> pd.DataFrame:
    """Find the thresholds of the columns.

    All columns are drawn together, so a resample is a whole pretended window.

    Args:
        reference: The rows that drift is measured against, one row per row of ``moments``.
        moments: When each row was observed; they give the order and the density of the rows.
        columns: Name, kind and role of each column.
        window: Size of the windows to be compared: rows, or a length of time.
        parameters: Methods, configured thresholds, and how to calibrate.

    Returns:
        One row per column, as in :data:`THRESHOLD_DTYPES`.

    Raises:
        ConfigurationError: If moments are missing or do not fit the reference, or the window has
            no row.
    """
    if len(reference) != len(moments) or moments.isna().any():
        raise ConfigurationError("a calibration needs one moment for each row of the reference")
    settings = parameters.calibration
    order = np.argsort(moments.to_numpy(), kind="stable")
    window_rows, block_rows = _sizes(moments, window, settings.block)
    n_blocks = round(len(reference) / block_rows)
    refusal, blocks = "", None
    if n_blocks < settings.minimum_blocks:
        refusal = (
            f"{n_blocks} blocks of {block_rows} rows in the reference, "
            f"minimum_blocks is {settings.minimum_blocks}"
        )
    else:
        blocks = draw_blocks(
            len(reference), window_rows, block_rows, settings.resamples, settings.seed
        )
        parts = cut_parts(moments.to_numpy()[order], window_rows)
    rows = []
    for name, kind, role in columns:
        choice = parameters.choice(name, kind)
        threshold, rate, worth, reason = choice.threshold, math.nan, math.nan, ""
        try:
            if blocks is None:
                raise _NotCalibratedError(refusal)
            groups = read_groups(reference, parameters.given_of(name))[1][order]
            values = read_column(reference, name, kind)[0][order]
            points, codes = cells(values, kind, is_grouped=bool((groups > 0).any()))
            column = _Column(choice.drift_method, points, codes, groups)
            column.check(blocks, parameters)
            memory = measure_memory(
                points, codes, kind, parts, blocks.n_rows / blocks.window_rows, groups
            )
            worth = memory.independent_windows
            if memory.outlasts:
                threshold, reason = math.nan, _too_short(memory)
            else:
                threshold = column.threshold(blocks, memory, parameters)
                rate = settings.false_alarm_rate
        except (_NotCalibratedError, ColumnError) as error:
            reason = f"not calibrated: {error}".removesuffix(",")
        row = (name, kind, role, choice.method, threshold, choice.threshold, rate, n_blocks)
        rows.append((*row, worth, reason))
    return pd.DataFrame(rows, columns=list(THRESHOLD_DTYPES)).astype(THRESHOLD_DTYPES)


def calibrated_parameters(parameters: DriftParameters, thresholds: pd.DataFrame) -> DriftParameters:
    """Put calibrated thresholds into parameters, so that a report judges by the same numbers.

    Args:
        parameters: The configured parameters.
        thresholds: As :func:`calibrate` makes them.

    Returns:
        New parameters with a choice per column that has a threshold.
    """
    own = {
        str(row.column): MethodChoice(method=str(row.method), threshold=float(row.threshold))
        for row in thresholds.dropna(subset="threshold").itertuples()
    }
    return parameters.model_copy(update={"per_column": {**parameters.per_column, **own}})


def outlasted_columns(thresholds: pd.DataFrame) -> dict[str, str]:
    """Name the columns that are not judged, and say why.

    Args:
        thresholds: As :func:`calibrate` makes them.
    """
    missing = thresholds[thresholds["threshold"].isna()]
    return dict(zip(missing["column"], missing["reason"], strict=True))


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


def _too_short(memory: Memory) -> str:
    return (
        "the column remembers longer than the reference lasts: of its "
        f"{memory.n_windows:.3g} windows {memory.independent_windows:.1f} count as independent, "
        f"at least {memory.fewest_windows:.1f} are needed"
    )


@dataclass(frozen=True)
class _Column:
    """A column of the reference in cells and groups, and what it is compared by."""

    method: DriftMethod
    points: Any
    codes: Any
    groups: Any

    @property
    def is_grouped(self) -> bool:
        """Whether there is more than one group."""
        return bool((self.groups > 0).any())

    def check(self, blocks: Blocks, parameters: DriftParameters) -> None:
        """Refuse a column that cannot be compared."""
        n_values, fewest = len(self.points), parameters.minimum_rows
        if n_values < 2:
            raise _NotCalibratedError(f"{'one' if n_values else 'no'} value in the reference")
        if refusal := self.method.refusal(n_values):
            raise _NotCalibratedError(refusal)
        n_reference, n_current = self._sizes(blocks, parameters)
        if min(n_reference, n_current) < fewest:
            raise _NotCalibratedError(
                f"{n_reference} values in the reference and {n_current} in a window, "
                f"minimum_rows is {fewest}"
            )

    def threshold(self, blocks: Blocks, memory: Memory, parameters: DriftParameters) -> float:
        """Find the score that windows without drift pass at the stated rate."""
        method, rate = self.method, parameters.calibration.false_alarm_rate
        found = resampled(
            method, self.points, self.codes, self.groups, blocks, parameters.minimum_rows
        )
        usual = float(np.nanquantile(found, 1 - rate, method="higher"))
        if usual <= method.lowest_statistic:
            raise _NotCalibratedError("stretches of the reference do not differ")
        sizes = self._sizes(blocks, parameters)
        blocks_of_window = blocks.window_rows / blocks.block_rows
        factor = memory.understatement(blocks_of_window)
        spread = memory.uncertainty(rate, blocks_of_window)
        if self.is_grouped:
            # The mean of many small samples is far from 0 without drift, and varies around that.
            middle = float(np.nanmedian(found))
            usual = middle + spread * (usual - middle)
        else:
            factor *= spread
        widened = method.widen(usual, factor, *sizes)
        threshold = float(f"{method.score_of_statistic(widened, *sizes):.12g}")
        if not method.can_be_crossed(threshold):
            raise _NotCalibratedError(
                f"{method.name} comes to {threshold:g} without drift, where no threshold fits; "
                f"{_distance_for(method.kind).name} can be calibrated"
            )
        return threshold

    def _sizes(self, blocks: Blocks, parameters: DriftParameters) -> tuple[int, int]:
        """Values that are known in the reference and in a window."""
        known = float(np.mean((self.codes >= 0) & (self.groups >= 0)))
        sides = (blocks.n_rows, blocks.window_rows)
        most = parameters.maximum_rows or max(sides)
        n_reference, n_current = (round(min(rows, most) * known) for rows in sides)
        return n_reference, n_current


def _distance_for(kind: Kind) -> DriftMethod:
    """The first method whose score does not end where samples differ much."""
    return next(method for method in methods_for(kind) if not method.is_p_value)
