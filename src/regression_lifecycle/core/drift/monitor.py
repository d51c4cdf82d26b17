"""Drift window by window: the reference moves along, and so do the calibrated thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regression_lifecycle.core.drift.calibration import (
    calibrate,
    calibrated_parameters,
    outlasted_columns,
)
from regression_lifecycle.core.drift.columns import ColumnRole
from regression_lifecycle.core.drift.parameters import DriftParameters, ReferenceParameters
from regression_lifecycle.core.drift.profile import ReferenceProfile, make_profile, score_window
from regression_lifecycle.core.drift.reference import reference_rows


@dataclass(frozen=True)
class DriftReference:
    """What a window is compared with, read and calibrated.

    Attributes:
        rows: The reference.
        profile: Its columns.
        thresholds: What the calibration found.
        parameters: Methods with calibrated thresholds.
        kind: Which policy chose the reference; empty if there is none.
        reason: Why it is not the configured policy.
    """

    rows: pd.DataFrame
    profile: ReferenceProfile
    thresholds: pd.DataFrame
    parameters: DriftParameters
    kind: str
    reason: str

    def verdict(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Compare the rows of a window: one row per column, as in ``VERDICT_DTYPES``."""
        return score_window(self.profile, rows, self.parameters)

    def with_columns_of(self, other: DriftReference) -> DriftReference:
        """Return this reference with the columns that another one can compare."""
        usable = {
            column.name: column
            for column in other.profile.columns
            if column.has_values(other.parameters)
        }
        if not usable:
            return self
        columns = tuple(usable.get(column.name, column) for column in self.profile.columns)
        thresholds = other.thresholds
        if len(self.thresholds):
            own = self.thresholds[~self.thresholds["column"].isin(usable)]
            thresholds = pd.concat([own, thresholds], ignore_index=True)
        return replace(
            self,
            profile=ReferenceProfile(columns),
            thresholds=thresholds,
            parameters=calibrated_parameters(self.parameters, thresholds),
        )


@dataclass(frozen=True)
class WindowComparison:
    """A window beside its reference.

    Attributes:
        rows: The rows of the window.
        reference: What they were compared with.
        verdict: One row per column, as in ``VERDICT_DTYPES``.
    """

    rows: pd.DataFrame
    reference: DriftReference
    verdict: pd.DataFrame


@dataclass
class DriftMonitor:
    """Finds the references of windows; one that stays is read and calibrated once.

    Attributes:
        table: Known rows with the compared columns, in the order of time, those of the references
            among them; predictions in it must be out of sample.
        moments: Their timestamps.
        columns: What is compared.
        parameters: Methods and configured thresholds, the policy of the reference, and how
            thresholds are calibrated.
        first: Moment of the oldest known row; None if it is in the table.
    """

    table: pd.DataFrame
    moments: pd.Series
    columns: Sequence[ColumnRole]
    parameters: DriftParameters
    first: pd.Timestamp | None = None
    _known: dict[tuple[object, ...], DriftReference] = field(default_factory=dict, init=False)
    _profiles: dict[tuple[object, ...], ReferenceProfile] = field(default_factory=dict, init=False)

    def reference_for(
        self,
        start: pd.Timestamp,
        end: pd.Timestamp,
        n_rows: int,
        trained_from: pd.Timestamp | None,
        trained_until: pd.Timestamp | None,
    ) -> DriftReference:
        """Choose, read and calibrate the reference of a window.

        Predictions are compared with those of the last windows where the reference has too few:
        rows that no model served, as those of a year ago, have none that is out of sample.

        Args:
            start: Start of the window; only rows from before it are used.
            end: Its end.
            n_rows: Its rows: what the thresholds are calibrated for.
            trained_from: First training moment of the model that serves it.
            trained_until: First moment after its training.

        Returns:
            The reference.
        """
        trained, policy = (trained_from, trained_until), self.parameters.reference
        found = self._read(start, end, n_rows, trained, policy, self.columns)
        lacking = {
            column.name
            for column in found.profile.columns
            if column.role == "prediction" and not column.has_values(self.parameters)
        }
        if not lacking:
            return found
        others = [column for column in self.columns if column[0] in lacking]
        recent = policy.model_copy(update={"kind": "last_windows", "fallback": ()})
        return found.with_columns_of(self._read(start, end, n_rows, trained, recent, others))

    def _read(
        self,
        start: pd.Timestamp,
        end: pd.Timestamp,
        n_rows: int,
        trained: tuple[pd.Timestamp | None, pd.Timestamp | None],
        policy: ReferenceParameters,
        columns: Sequence[ColumnRole],
    ) -> DriftReference:
        chosen = reference_rows(self.moments, start, end, policy, *trained, first=self.first)
        counted = (chosen.start, chosen.end, tuple(columns))
        # Months are not equally long: thresholds are another window's, the counts are the same.
        key = (*counted, n_rows)
        if key not in self._known:
            inside = _stretch(chosen.mask)
            rows = self.table.iloc[inside].reset_index(drop=True)
            moments = self.moments.iloc[inside].reset_index(drop=True)
            found, limits = self.parameters, pd.DataFrame()
            if counted not in self._profiles:
                self._profiles[counted] = make_profile(rows, columns, self.parameters)
            profile = self._profiles[counted]
            if len(rows) and n_rows:
                limits = calibrate(rows, moments, columns, n_rows, self.parameters)
                found = calibrated_parameters(self.parameters, limits)
                profile = profile.without(outlasted_columns(limits))
            self._known[key] = DriftReference(
                rows=rows,
                profile=profile,
                thresholds=limits,
                parameters=found,
                kind=chosen.kind or "",
                reason=chosen.reason,
            )
        return self._known[key]


def _stretch(mask: NDArray[np.bool_]) -> slice | NDArray[np.bool_]:
    """Return chosen rows that follow each other as a slice, of which pandas makes no copy."""
    places = np.flatnonzero(mask)
    if len(places) and places[-1] - places[0] + 1 == len(places):
        return slice(int(places[0]), int(places[-1]) + 1)
    return mask
