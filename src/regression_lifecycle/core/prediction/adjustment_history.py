"""The memory of what was served: what level correction and interval may learn from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
    LevelCorrection,
    LevelKind,
    LevelSums,
    followed_level,
    interval_width,
    level_sums,
    proven_share,
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
    start: pd.Timestamp
    end: pd.Timestamp
    version: str
    read: Callable[[], ServedRows]
    kind: LevelKind

    @cached_property
    def rows(self) -> ServedRows:
        return self.read()

    @cached_property
    def is_labelled(self) -> bool:
        return bool(np.isfinite(self.rows.target).any())

    @cached_property
    def sums(self) -> LevelSums:
        return level_sums(self.rows.target, self.rows.raw, self.kind)


@dataclass
class AdjustmentHistory:
    """Windows that were served, added in any order and read only if something is learnt from them.

    A window counts as known from its end on, or ``label_delay`` later if labels take time: what a
    later window is served with must not depend on labels that came after it began.

    Attributes:
        kind: How the level is followed.
        label_delay: Time from an observation to its label; None if labels come at once.
    """

    kind: LevelKind
    label_delay: AnyDuration | None = None
    _windows: list[_ServedWindow] = field(default_factory=list, init=False)

    def add(
        self,
        start: pd.Timestamp,
        end: pd.Timestamp,
        version: str,
        rows: ServedRows,
    ) -> None:
        """Remember one window.

        Args:
            start: Its start.
            end: Its end.
            version: The model that served it.
            rows: What was served, and what came.
        """
        self.add_stored(start, end, version, lambda: rows)

    def add_stored(
        self,
        start: pd.Timestamp,
        end: pd.Timestamp,
        version: str,
        read: Callable[[], ServedRows],
    ) -> None:
        """Remember one window whose rows are stored.

        Args:
            start: Its start.
            end: Its end.
            version: The model that served it.
            read: Reads its rows; called at most once.
        """
        self._windows.append(_ServedWindow(start, end, version, read, self.kind))

    def copy(self) -> AdjustmentHistory:
        """Return a history to which more can be added while this one stays as it is."""
        made = AdjustmentHistory(self.kind, self.label_delay)
        made._windows.extend(self._windows)
        return made

    def adjustment(
        self, start: pd.Timestamp, version: str, parameters: AdjustmentParameters
    ) -> Adjustment:
        """Learn what a model's next window is served with.

        Args:
            start: Start of that window; nothing that became known later is used.
            version: The model that serves it. The level that is followed is learnt from its own
                windows alone; how much of it is believed, and the interval, from those of every
                model.
            parameters: Level correction and interval.

        Returns:
            Level and interval width; neither where the level is not followed at all.
        """
        if self.kind == "none":
            return Adjustment()
        interval = parameters.interval
        newest_first = self._known_before(start)
        labelled = (window.rows for window in newest_first if window.is_labelled)
        served = list(islice(labelled, interval.windows))
        width = float("nan")
        if served:
            width = interval_width(
                np.concatenate([rows.target for rows in reversed(served)]),
                np.concatenate([rows.prediction for rows in reversed(served)]),
                interval,
            )
        correction = parameters.level_correction
        level = self._level(newest_first, version, correction)
        if self.kind == "factor":
            factor = min(max(1 + level, correction.minimum_factor), correction.maximum_factor)
            return Adjustment(level_factor=factor, interval_width=width)
        return Adjustment(interval_width=width, level_shift=level)

    def _level(
        self, newest_first: Sequence[_ServedWindow], version: str, parameters: LevelCorrection
    ) -> float:
        """Return the level to follow, as much of it as past windows say that it helps."""
        if not parameters.windows:
            return 0.0
        level = _followed(newest_first, version, parameters)
        if not level:
            return 0.0
        judged = (window for window in newest_first if window.is_labelled)
        trials = [
            (_followed(self._known_before(window.start), window.version, parameters), window.sums)
            for window in islice(judged, parameters.evidence_windows)
        ]
        return level * proven_share([trial for trial in trials if trial[0]])

    def _known_before(self, start: pd.Timestamp) -> list[_ServedWindow]:
        delay = self.label_delay or pd.Timedelta(0)
        known = [window for window in self._windows if window.end + delay <= start]
        return sorted(known, key=lambda window: window.end)[::-1]


def _followed(
    newest_first: Iterable[_ServedWindow], version: str, parameters: LevelCorrection
) -> float:
    own = (w.sums for w in newest_first if w.version == version and w.is_labelled)
    return followed_level(list(islice(own, parameters.windows)), parameters)
