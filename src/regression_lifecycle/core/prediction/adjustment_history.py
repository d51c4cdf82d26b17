"""The memory of what was served: what level correction and interval may learn from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from regression_lifecycle.core.prediction.adjustment import (
    Adjustment,
    AdjustmentParameters,
    FloatArray,
    interval_width,
    level_factor,
)


@dataclass(frozen=True)
class _ServedWindow:
    end: pd.Timestamp
    version: str
    target: FloatArray
    raw: FloatArray
    prediction: FloatArray

    def sums(self) -> dict[str, float]:
        known = np.isfinite(self.target) & np.isfinite(self.raw)
        return {
            "sum_target": float(self.target[known].sum()),
            "sum_raw_prediction": float(self.raw[known].sum()),
        }


@dataclass
class AdjustmentHistory:
    """Windows that were served, added in any order.

    A window counts as known from its end on, or ``label_delay`` later if labels take time: what a
    later window is served with must not depend on labels that came after it began.

    Attributes:
        label_delay: Time from an observation to its label; None if labels come at once.
    """

    label_delay: pd.Timedelta | None = None
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
        self._windows.append(_ServedWindow(end, version, target, raw, prediction))

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
        delay = self.label_delay or pd.Timedelta(0)
        known = [window for window in self._windows if window.end + delay <= start]
        known.sort(key=lambda window: window.end)
        own: list[dict[str, Any]] = [
            sums
            for window in known
            if window.version == version and (sums := window.sums())["sum_raw_prediction"] > 0
        ]
        labelled = [window for window in known if np.isfinite(window.target).any()]
        newest = labelled[-parameters.interval.windows :]
        width = float("nan")
        if newest:
            width = interval_width(
                np.concatenate([window.target for window in newest]),
                np.concatenate([window.prediction for window in newest]),
                parameters.interval,
            )
        return Adjustment(level_factor(own, parameters.level_correction), width)
