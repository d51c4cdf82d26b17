"""Drift window by window: the reference moves along, and so do the calibrated thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from regression_lifecycle.core.drift.calibration import (
    calibrate_thresholds,
    calibrated_parameters,
)
from regression_lifecycle.core.drift.parameters import (
    CalibrationParameters,
    DriftParameters,
    Kind,
    ReferenceParameters,
    Role,
)
from regression_lifecycle.core.drift.profile import ReferenceProfile, make_profile, score_window
from regression_lifecycle.core.drift.reference import reference_rows

ColumnRole = tuple[str, Kind, Role]


@dataclass(frozen=True)
class DriftReference:
    """What windows are held against, once it was read.

    Attributes:
        rows: The reference.
        profile: Its columns.
        thresholds: What the calibration found.
        parameters: Methods with calibrated thresholds, for scores and for Evidently alike.
        kind: Which policy chose the reference; empty if there is none.
        reason: Why it is not the configured policy.
    """

    rows: pd.DataFrame
    profile: ReferenceProfile
    thresholds: pd.DataFrame
    parameters: DriftParameters
    kind: str
    reason: str


@dataclass
class DriftMonitor:
    """Scores windows of one table; a reference that stays is read and calibrated once.

    Attributes:
        table: All known rows with the watched columns, in the order of time; predictions in it
            must be out of sample.
        moments: Their timestamps.
        columns: Name, kind and role of what is watched.
        parameters: Methods and configured thresholds.
        reference: The policy of the reference.
        calibration: How thresholds are found.
    """

    table: pd.DataFrame
    moments: pd.Series
    columns: Sequence[ColumnRole]
    parameters: DriftParameters
    reference: ReferenceParameters
    calibration: CalibrationParameters
    _known: dict[tuple[pd.Timestamp | None, pd.Timestamp | None, int], DriftReference] = field(
        default_factory=dict, init=False
    )

    def reference_for(
        self,
        start: pd.Timestamp,
        end: pd.Timestamp,
        n_rows: int,
        trained_from: pd.Timestamp | None,
        trained_until: pd.Timestamp | None,
    ) -> DriftReference:
        """Choose, read and calibrate the reference of a window.

        Args:
            start: Start of the window; only rows from before it are used.
            end: Its end.
            n_rows: Its rows: what the thresholds are calibrated for.
            trained_from: First training moment of the model that serves it.
            trained_until: First moment after its training.

        Returns:
            The reference.
        """
        chosen = reference_rows(
            self.moments, start, end, self.reference, trained_from, trained_until
        )
        key = (chosen.start, chosen.end, n_rows)
        if key not in self._known:
            rows = self.table[chosen.mask].reset_index(drop=True)
            moments = self.moments[chosen.mask].reset_index(drop=True)
            found, limits = self.parameters, pd.DataFrame()
            if len(rows) and n_rows:
                limits = calibrate_thresholds(
                    rows, moments, self.columns, n_rows, self.parameters, self.calibration
                )
                found = calibrated_parameters(self.parameters, limits)
            self._known[key] = DriftReference(
                rows=rows,
                profile=make_profile(rows, self.columns, self.parameters),
                thresholds=limits,
                parameters=found,
                kind=chosen.kind or "",
                reason=chosen.reason,
            )
        return self._known[key]

    def verdict(self, rows: pd.DataFrame, reference: DriftReference) -> pd.DataFrame:
        """Score a window.

        Args:
            rows: Its rows.
            reference: Its reference.

        Returns:
            One row per column, as ``VERDICT_DTYPES`` of ``core/drift/parameters.py`` lists them.
        """
        return score_window(reference.profile, rows, reference.parameters)
