"""Small seeded tables of every shape that a default has to serve: with signal, and of noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

Random = np.random.Generator


@dataclass(frozen=True)
class Shape:
    """How a table is laid out, and what there is to learn in it.

    Attributes:
        moments: The times of its rows; None for a table without one.
        signal: Makes the expected target of the rows from their columns, and the noise's
            standard deviation.
        n_series: Series per time.
        n_rows: Of a table without a time.
    """

    signal: Callable[[pd.DataFrame, Random], tuple[Any, float]]
    moments: Callable[[Random], pd.DatetimeIndex] | None = None
    n_series: int = 1
    n_rows: int = 300

    def table(self, seed: int, *, noise: bool = False) -> pd.DataFrame:
        """Draw the table; as noise the target has nothing to do with its columns."""
        random = np.random.default_rng(seed)
        if self.moments is None:
            table = pd.DataFrame({"step": np.arange(self.n_rows)})
        else:
            moments = self.moments(random)
            table = pd.DataFrame(
                {
                    "day": np.repeat(moments, self.n_series),
                    "step": np.repeat(np.arange(len(moments)), self.n_series),
                }
            )
        n = len(table)
        if self.n_series > 1:
            table["shop"] = np.tile([f"s{one}" for one in range(self.n_series)], n // self.n_series)
        table["price"] = random.uniform(1, 9, n).round(2)
        table["colour"] = random.choice(["red", "green", "blue"], n)
        table["width"] = random.normal(0, 1, n).round(3)
        expected, deviation = (100.0, 10.0) if noise else self.signal(table, random)
        table["sold"] = np.round(expected + deviation * random.normal(size=n), 3)
        table.loc[random.choice(n, n // 30, replace=False), "width"] = np.nan
        return table.drop(columns="step")


def _every(periods: int, freq: str, start: str = "2001-01-01") -> Callable[..., pd.DatetimeIndex]:
    return lambda random: pd.date_range(start, periods=periods, freq=freq)


def _with_gaps(random: Random) -> pd.DatetimeIndex:
    weeks = pd.date_range("2015-01-05", periods=260, freq="7D")
    return weeks[np.sort(random.choice(260, 230, replace=False))]


def _irregular(random: Random) -> pd.DatetimeIndex:
    minutes = np.cumsum(random.exponential(2000, 800).round() + 1)
    return pd.Timestamp("2020-01-01") + pd.to_timedelta(minutes, unit="min")


def _trend_and_season(table: pd.DataFrame, random: Random) -> tuple[Any, float]:
    season = 12 * np.sin(2 * np.pi * table["day"].dt.month / 12)
    return 100 + 0.5 * table["step"] + season, 3.0


def _quarterly(table: pd.DataFrame, random: Random) -> tuple[Any, float]:
    season = table["day"].dt.quarter.map({1: -6, 2: 2, 3: 5, 4: -1})
    return 100 + 1.5 * table["step"] + season, 2.0


def _yearly_trend(table: pd.DataFrame, random: Random) -> tuple[Any, float]:
    return 100 + 4 * table["step"], 2.0


def _driver(table: pd.DataFrame, random: Random) -> tuple[Any, float]:
    return 100 - 8 * table["price"], 5.0


def _weekly(table: pd.DataFrame, random: Random) -> tuple[Any, float]:
    year = 25 * np.sin(2 * np.pi * table["day"].dt.dayofyear / 365)
    return 200 + year - 5 * table["price"] + 10 * (table["colour"] == "red"), 6.0


def _growing(table: pd.DataFrame, random: Random) -> tuple[Any, float]:
    weekend = 1 + 0.4 * (table["day"].dt.dayofweek >= 5)
    return 50 * 1.002 ** table["step"] * weekend * (1.4 - 0.08 * table["price"]), 4.0


def _linear(table: pd.DataFrame, random: Random) -> tuple[Any, float]:
    colour = table["colour"].map({"red": 0, "green": 8, "blue": -8})
    return 40 + 4 * table["price"] + colour + 3 * table["width"], 6.0


def _nonlinear(table: pd.DataFrame, random: Random) -> tuple[Any, float]:
    bent = 3 * (table["price"] - 5) ** 2
    return bent + 15 * (table["colour"] == "red") * (table["width"] > 0), 5.0


def _series(table: pd.DataFrame, random: Random) -> tuple[Any, float]:
    n = table["shop"].nunique()
    level, phase = random.lognormal(5, 0.7, n), random.integers(0, 12, n)
    shop = table["shop"].str[1:].astype(int).to_numpy()
    season = 1 + 0.3 * np.sin(2 * np.pi * (table["day"].dt.month.to_numpy() + phase[shop]) / 12)
    return level[shop] * season * (1 + 0.003 * table["step"]), 12.0


def _signed(table: pd.DataFrame, random: Random) -> tuple[Any, float]:
    return 3 * (table["price"] - 2) + 5 * np.sin(2 * np.pi * table["day"].dt.dayofweek / 7), 4.0


def _zero_inflated(table: pd.DataFrame, random: Random) -> tuple[Any, float]:
    open_ = random.random(len(table)) < np.where(table["colour"] == "red", 0.05, 0.95)
    return open_ * random.poisson(np.exp(4.5 - 0.35 * table["price"])), 0.0


def _hourly(table: pd.DataFrame, random: Random) -> tuple[Any, float]:
    hour = table["day"].dt.hour
    busy = 60 * np.exp(-(((hour - 8) / 2) ** 2)) + 80 * np.exp(-(((hour - 17) / 2.5) ** 2))
    return 20 + busy * np.where(table["day"].dt.dayofweek >= 5, 0.4, 1), 12.0


SHAPES = {
    "monthly_240": Shape(_trend_and_season, _every(240, "MS")),
    "monthly_60": Shape(_trend_and_season, _every(60, "MS")),
    "quarterly_60": Shape(_quarterly, _every(60, "QS")),
    "yearly_trend": Shape(_yearly_trend, _every(40, "YS", "1980-01-01")),
    "yearly_driver": Shape(_driver, _every(40, "YS", "1980-01-01")),
    "weekly_gaps": Shape(_weekly, _with_gaps),
    "daily_growing": Shape(_growing, _every(900, "D")),
    "irregular": Shape(_weekly, _irregular),
    "rows_linear": Shape(_linear),
    "rows_nonlinear": Shape(_nonlinear),
    "series_50": Shape(_series, _every(60, "MS"), 50),
    "series_500": Shape(_series, _every(48, "MS"), 500),
    "signed_daily": Shape(_signed, _every(500, "D")),
    "zero_inflated": Shape(_zero_inflated, _every(700, "D")),
    "hourly": Shape(_hourly, _every(24 * 70, "h")),
}
