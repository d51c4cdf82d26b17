"""Make ``data/01_raw/day.csv``, the bike-sharing table by the day, from the hourly one.

Numbers of a day are sums of rentals and means of weather over its hours; days that lack hours say
so in ``hours``. It is the table of ``conf/bike_daily``.

    python scripts/make_daily_table.py [--hours PATH] [--output PATH]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

RAW = Path(__file__).resolve().parents[1] / "data" / "01_raw"
CALENDAR = ["season", "yr", "mnth", "holiday", "weekday", "workingday"]
MEANS = ["temp", "atemp", "hum", "windspeed"]
SUMS = ["casual", "registered", "cnt"]


def by_day(hours: pd.DataFrame) -> pd.DataFrame:
    """Bring hours together into days.

    Returns:
        One row per date: calendar, the rounded mean of ``weathersit``, means of the weather to
        six digits, ``hours``, and sums of rentals.
    """
    days = hours.groupby("dteday", sort=True)
    return pd.concat(
        [
            days[CALENDAR].first(),
            days["weathersit"].mean().round().astype("int64"),
            days[MEANS].mean().round(6),
            days.size().rename("hours"),
            days[SUMS].sum(),
        ],
        axis="columns",
    ).reset_index()


def main(arguments: list[str] | None = None) -> int:
    """Read the hours, write the days.

    Args:
        arguments: Command line; that of the process by default.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(description="Make the bike-sharing table by the day.")
    parser.add_argument("--hours", type=Path, default=RAW / "hour.csv")
    parser.add_argument("--output", type=Path, default=RAW / "day.csv")
    options = parser.parse_args(arguments)
    days = by_day(pd.read_csv(options.hours))
    days.to_csv(options.output, index=False, lineterminator="\n")
    print(f"{len(days)} days, {days['cnt'].sum():,} rentals: {options.output}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
