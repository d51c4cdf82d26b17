"""The memory of what was served: what level correction and interval may learn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import NamedTuple

import numpy as np
import pandas as pd

from regression_lifecycle.core.durations import AnyDuration
from regression_lifecycle.core.prediction.level_and_interval import (
    Adjustment,
    AdjustmentParameters,
    FloatArray,
    interval_width,
    level_factor,
)


class ServedRows(NamedTuple):
    """What was served in one window, and what came.

    Attributes:
        target: Labels, NaN where unknown, shape (n,).
        raw: The model's own predictions, shape (n,).
        prediction: What was served, shape (n,).
    """

    target: FloatArray
    raw: FloatArray
    prediction: FloatArray


@dataclass(frozen=True)
class _ServedWindow:
    end: pd.Timestamp
    version: str
    read: Callable[[], ServedRows]

    @cached_property
    def rows(self) -> ServedRows:
        return self.read()

    @property
    def is_labelled(self) -> bool:
        return bool(np.isfinite(self.rows.target).any())

    @cached_property
    def sums(self) -> dict[str, float]:
        target, raw, _ = self.rows
        known = np.isfinite(target) & np.isfinite(raw)
        return {
            "sum_target": float(target[known].sum()),
            "sum_raw_prediction": float(raw[known].sum()),
        }


@dataclass
class AdjustmentHistory:
    """Windows that were served, added in any order and read only if something is learnt from them.

    A window counts as known from its end on, or ``label_delay`` later if labels take time: what a
    later window is served with must not depend on labels that came after it began.

    Attributes:
        label_delay: Time from an observation to its label; None if labels come at once.
    """

    label_delay: AnyDuration | None = None
    _windows: list[_ServedWindow] = field(default_factory=list, init=False)

    def add(
        self,
        end: pd.Timestamp,
        version: str,
        target: FloatArray,
        raw: FloatArray,
        prediction: FloatArray,
    ) -> None:
        """Remember one window.

        Args:
            end: Its end.
            version: The model that served it.
            target: Labels, NaN where unknown, shape (n,).
            raw: The model's own predictions, shape (n,).
            prediction: What was served, shape (n,).
        """
        rows = ServedRows(target, raw, prediction)
        self.add_stored(end, version, lambda: rows)

    def add_stored(self, end: pd.Timestamp, version: str, read: Callable[[], ServedRows]) -> None:
        """Remember one window whose rows are stored.

        Args:
            end: Its end.
            version: The model that served it.
            read: Reads its rows; called at most once.
        """
        self._windows.append(_ServedWindow(end, version, read))

    def copy(self) -> AdjustmentHistory:
        """Return a history to which more can be added while this one stays as it is."""
        made = AdjustmentHistory(self.label_delay)
        made._windows.extend(self._windows)
        return made

    def adjustment(
        self, start: pd.Timestamp, version: str, parameters: AdjustmentParameters
    ) -> Adjustment:
        """Learn what a model's next window is served with.

        Args:
            start: Start of that window; nothing that became known later is used.
            version: The model that serves it. Its level is learnt from its own windows alone, the
                interval from those of every model.
            parameters: Level correction and interval.

        Returns:
            Level factor and interval width.
        """
        correction, interval = parameters.level_correction, parameters.interval
        newest_first = self._known_before(start)
        own = (
            window.sums
            for window in newest_first
            if window.version == version and window.sums["sum_raw_prediction"] > 0
        )
        labelled = (window.rows for window in newest_first if window.is_labelled)
        sums = list(islice(own, correction.windows))
        served = list(islice(labelled, interval.windows))
        width = float("nan")
        if served:
            width = interval_width(
                np.concatenate([rows.target for rows in reversed(served)]),
                np.concatenate([rows.prediction for rows in reversed(served)]),
                interval,
            )
        return Adjustment(level_factor(sums[::-1], correction), width)

    def _known_before(self, start: pd.Timestamp) -> list[_ServedWindow]:
        delay = self.label_delay or pd.Timedelta(0)
        known = [window for window in self._windows if window.end + delay <= start]
        return sorted(known, key=lambda window: window.end)[::-1]
