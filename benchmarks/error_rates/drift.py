"""Drift: how often a week without drift alarms, and one with it.

Hourly columns with a mean of 0 and a spread of 1 remember the hour before (AR(1)), some with a
daily cycle on top. References of 4, 13 and 52 weeks are compared with weeks of their own process
that lie far from them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from rates import Rate
from scipy.signal import lfilter

from regression_lifecycle.core.drift.calibration import (
    calibrate,
    calibrated_parameters,
    outlasted_columns,
)
from regression_lifecycle.core.drift.columns import ColumnRole
from regression_lifecycle.core.drift.parameters import DriftParameters
from regression_lifecycle.core.drift.profile import make_profile, score_window

WEEK = 168
REFERENCES = (4, 13, 52)
COLUMNS, COLUMNS_SHORT = 200, 12
WINDOWS = 6
PARAMETERS = DriftParameters.model_validate({"numerical": {"method": "wasserstein"}})
GIVEN = DriftParameters.model_validate({"numerical": {"method": "wasserstein"}, "given": "hr"})


@dataclass(frozen=True)
class World:
    """How hours follow each other.

    Attributes:
        name: For the table.
        memory: Correlation of an hour with the one before.
        cycle: Amplitude of the daily cycle.
    """

    name: str
    memory: float
    cycle: float = 0.0

    def hours(
        self, random: np.random.Generator, n: int, columns: int, later: int = 0
    ) -> pd.DataFrame:
        """Draw columns of so many hours, whose cycle comes so many hours late; and ``hr``."""
        settled = min(6000, round(8 / (1 - self.memory)))
        news = random.normal(0, math.sqrt(1 - self.memory**2), (settled + n, columns))
        level = lfilter([1.0], [1.0, -self.memory], news, axis=0)[settled:]
        hour = np.arange(n) % 24
        cycle = self.cycle * np.sin(2 * np.pi * (hour - later) / 24)
        names = [f"column {place}" for place in range(columns)]
        return pd.DataFrame(level + cycle[:, None], columns=names).assign(hr=hour)


CYCLE = World("AR .9 + cycle", 0.9, 1.0)
WORLDS = (
    World("AR 0", 0.0),
    World("AR .5", 0.5),
    World("AR .9", 0.9),
    CYCLE,
    World("AR .99", 0.99),
    World("AR .998", 0.998),
)
CHANGES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "shift of .5 sd": lambda hours: hours + 0.5 * math.sqrt(1.5),
    "shift of 1 sd": lambda hours: hours + math.sqrt(1.5),
    "scale x1.5": lambda hours: hours * 1.5,
    "scale x.5": lambda hours: hours * 0.5,
}


def measure(*, short: bool) -> Iterator[Rate]:
    """Yield false alarms by memory and length of the reference, then what is seen."""
    columns = COLUMNS_SHORT if short else COLUMNS
    stated = PARAMETERS.calibration.false_alarm_rate
    for world in WORLDS:
        for weeks in REFERENCES:
            yield from _false_alarms(Reference(world, weeks, columns, PARAMETERS), stated)
    for weeks in REFERENCES:
        yield from _false_alarms(Reference(CYCLE, weeks, columns // 2, GIVEN), stated)
    for parameters in (PARAMETERS, GIVEN):
        reference = Reference(CYCLE, 52, columns // 2, parameters)
        for name, change in CHANGES.items():
            yield _rate(reference.name, name, math.nan, reference.alarms(change=change))
        yield _rate(reference.name, "cycle six hours late", math.nan, reference.alarms(later=6))


class Reference:
    """A reference of many columns, read and calibrated."""

    def __init__(self, world: World, weeks: int, columns: int, parameters: DriftParameters) -> None:
        self._world, self._columns = world, columns
        self._seed = [weeks, round(1000 * world.memory), round(world.cycle)]
        hours = world.hours(np.random.default_rng(self._seed), weeks * WEEK, columns)
        moments = pd.Series(pd.date_range("2021-01-04", periods=len(hours), freq="h"))
        roles: list[ColumnRole] = [(name, "numerical", "feature") for name in hours if name != "hr"]
        thresholds = calibrate(hours, moments, roles, WEEK, parameters)
        self._parameters = calibrated_parameters(parameters, thresholds)
        profile = make_profile(hours, roles, parameters)
        self._profile = profile.without(outlasted_columns(thresholds))
        given = "" if parameters.given is None else ", given hr"
        self.name = f"{world.name}, {weeks} weeks{given}"

    def alarms(
        self, change: Callable[[pd.DataFrame], pd.DataFrame] = lambda hours: hours, later: int = 0
    ) -> np.ndarray:
        """Judge weeks that were changed.

        Returns:
            1 for an alarm, 0 for none, NaN for a column that is not judged: (columns, windows).
        """
        random = np.random.default_rng([*self._seed, 1])
        found = []
        for _ in range(WINDOWS):
            hours = self._world.hours(random, WEEK, self._columns, later)
            week = change(hours.drop(columns="hr")).assign(hr=hours["hr"])
            verdict = score_window(self._profile, week, self._parameters)
            found.append(verdict["drifted"].to_numpy("float64", na_value=np.nan))
        return np.array(found).T


def _false_alarms(reference: Reference, stated: float) -> Iterator[Rate]:
    alarms = reference.alarms()
    judged = ~np.isnan(alarms[:, 0])
    yield _rate(reference.name, "harmless week alarms", stated, np.nan_to_num(alarms))
    if not judged.all():
        yield _rate(reference.name, "column is not judged", math.nan, ~judged[:, None])
    if judged.any() and not judged.all():
        yield _rate(reference.name, "harmless week alarms, if judged", stated, alarms[judged])


def _rate(world: str, claim: str, stated: float, found: np.ndarray) -> Rate:
    """Average over columns, whose weeks share a reference and are no draws of their own."""
    by_column = np.nan_to_num(found.astype("float64")).mean(axis=1)
    error = float(by_column.std() / math.sqrt(len(by_column)))
    return Rate(world, claim, stated, float(by_column.mean()), error)
