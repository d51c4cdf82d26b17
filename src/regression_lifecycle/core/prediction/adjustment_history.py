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
from regression_lifecycle.core.metrics import FloatArray
from regression_lifecycle.core.prediction.interval import (
    Interval,
    PredictionInterval,
    adapted_share,
    learn_interval,
)
from regression_lifecycle.core.prediction.level import (
    FOLLOWED_WINDOWS,
    LevelKind,
    LevelSums,
    level_sums,
    proven_share,
    smoothed_level,
)
from regression_lifecycle.core.prediction.level_and_interval import Adjustment, AdjustmentParameters

# Errors of counts grow with the root of what is counted.
_USUAL_EXPONENTS: dict[LevelKind, float] = {"factor": 0.5, "shift": 0.0}


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
    coverage: float
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
        coverage: float,
        rows: ServedRows,
    ) -> None:
        """Remember one window.

        Args:
            start: Its start.
            end: Its end.
            version: The model that served it.
            coverage: Share of its labelled rows inside their interval; NaN if none had one.
            rows: What was served, and what came.
        """
        self.add_stored(start, end, version, coverage, lambda: rows)

    def add_stored(
        self,
        start: pd.Timestamp,
        end: pd.Timestamp,
        version: str,
        coverage: float,
        read: Callable[[], ServedRows],
    ) -> None:
        """Remember one window whose rows are stored.

        Args:
            start: Its start.
            end: Its end.
            version: The model that served it.
            coverage: Share of its labelled rows inside their interval; NaN if none had one.
            read: Reads its rows; called at most once.
        """
        self._windows.append(_ServedWindow(start, end, version, coverage, read, self.kind))

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
            Level and interval; neither where the level is not followed at all.
        """
        if self.kind == "none":
            return Adjustment()
        newest_first = self._known_before(start)
        level = self._level(newest_first, version, parameters.level_correction.windows)
        interval = self._interval(newest_first, parameters.interval)
        if self.kind == "factor":
            return Adjustment(level_factor=1 + level, interval=interval)
        return Adjustment(level_shift=level, interval=interval)

    def _level(
        self, newest_first: Sequence[_ServedWindow], version: str, evidence_windows: int
    ) -> float:
        """Return the level to follow, as much of it as past windows say that it helps."""
        own = _followed(newest_first, version) if evidence_windows else []
        level = smoothed_level(own)
        if not level:
            return 0.0
        judged = (window for window in newest_first if window.is_labelled)
        trials = []
        for window in islice(judged, evidence_windows):
            known = self._known_before(window.start)
            trials.append((smoothed_level(_followed(known, window.version)), window.sums))
        return level * proven_share(level, own[0], [trial for trial in trials if trial[0]])

    def _interval(
        self, newest_first: Sequence[_ServedWindow], parameters: PredictionInterval
    ) -> Interval:
        """Return the interval that the errors and the coverage of past windows ask for."""
        labelled = (window.rows for window in newest_first if window.is_labelled)
        served = list(islice(labelled, parameters.windows))[::-1]
        if not served:
            return Interval()
        targets = [rows.target for rows in served]
        rows = float(np.mean([np.isfinite(target).sum() for target in targets]))
        share = adapted_share((w.coverage for w in newest_first[::-1]), parameters.level, rows)
        usual = _USUAL_EXPONENTS[self.kind]
        return learn_interval(
            targets, [rows.prediction for rows in served], share, usual, parameters
        )

    def _known_before(self, start: pd.Timestamp) -> list[_ServedWindow]:
        delay = self.label_delay or pd.Timedelta(0)
        known = [window for window in self._windows if window.end + delay <= start]
        return sorted(known, key=lambda window: (window.end, window.start, window.version))[::-1]


def _followed(newest_first: Iterable[_ServedWindow], version: str) -> list[LevelSums]:
    own = (w.sums for w in newest_first if w.version == version and w.is_labelled)
    return list(islice(own, FOLLOWED_WINDOWS))
