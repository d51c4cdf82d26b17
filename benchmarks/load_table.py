"""A seeded table of hours of any size: what stations had to deliver, and what that depended on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow.parquet import ParquetWriter

TARGET = "load"
_ROWS_AT_ONCE = 250_000


def load_pieces(n_series: int, n_hours: int) -> Iterator[pd.DataFrame]:
    """Make the table piece by piece.

    Args:
        n_series: Stations.
        n_hours: Hours of each, from 2021 on.

    Yields:
        Rows in the order of time: ``station``, ``at``, ``temp``, ``price``, ``promo``, ``load``.
    """
    names = np.array([f"s{number:05d}" for number in range(n_series)])
    at_once = max(_ROWS_AT_ONCE // n_series, 1)
    for first in range(0, n_hours, at_once):
        random = np.random.default_rng(first)
        start = pd.Timestamp("2021-01-01") + pd.Timedelta(hours=first)
        hours = pd.date_range(start, periods=min(at_once, n_hours - first), freq="h", unit="us")
        season = 10 * np.sin(2 * np.pi * (hours.dayofyear.to_numpy() - 100) / 365)
        clock = 8 * np.sin(2 * np.pi * hours.hour.to_numpy() / 24) + 5 * (hours.weekday < 5)
        station = np.tile(np.arange(n_series), len(hours))
        n_rows = len(station)
        temp = (10 + np.repeat(season, n_series) + random.normal(0, 3, n_rows)).round(2)
        price = np.round(5 + random.gamma(2, 1, n_rows), 2)
        promo = random.choice(["none", "leaflet", "radio"], n_rows, p=[0.8, 0.1, 0.1])
        load = 20 + station % 100 / 2 + np.repeat(clock, n_series) + 0.4 * temp - price
        load += 3 * (promo == "radio") + random.normal(0, 2, n_rows)
        moments = pd.Series(np.repeat(hours.to_numpy(), n_series))
        yield pd.DataFrame(
            {
                "station": names[station],
                "at": moments,
                "temp": temp,
                "price": price,
                "promo": promo,
                TARGET: load.round(3),
            }
        )


def write_csv(file: Path, n_series: int, n_hours: int) -> None:
    """Write the table of :func:`load_pieces` as CSV."""
    with file.open("w", encoding="utf-8") as output:
        for number, piece in enumerate(load_pieces(n_series, n_hours)):
            piece.to_csv(output, index=False, header=number == 0)


def write_parquet(file: Path, n_series: int, n_hours: int) -> None:
    """Write the table of :func:`load_pieces` as Parquet."""
    pieces = load_pieces(n_series, n_hours)
    first = pa.Table.from_pandas(next(pieces), preserve_index=False)
    with ParquetWriter(file, first.schema) as writer:
        writer.write_table(first)
        for piece in pieces:
            writer.write_table(pa.Table.from_pandas(piece, first.schema, preserve_index=False))
