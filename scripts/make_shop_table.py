"""Make ``data/01_raw/shops.csv``, months of sales in many shops, by chance alone.

Shops differ in size, trend, season and how much a price cut moves them; some open later and some
close; a few months are not reported. It is the table of ``conf/shop_sales``, and a way to try out
how many series a machine takes.

    python scripts/make_shop_table.py [--shops N] [--months N] [--seed N] [--output PATH]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

RAW = Path(__file__).resolve().parents[1] / "data" / "01_raw"
REGIONS = ["coast", "hills", "city"]


def make_sales(n_shops: int, n_months: int, seed: int) -> pd.DataFrame:
    """Make the table.

    Args:
        n_shops: Shops, of which a tenth opens later and a tenth closes.
        n_months: Months from January 2012 on.
        seed: Of the random numbers.

    Returns:
        One row per shop and month in the order of months: ``month``, ``shop``, ``region``,
        ``price`` and ``sold``.
    """
    random = np.random.default_rng(seed)
    months = pd.date_range("2012-01-01", periods=n_months, freq="MS")
    month = np.arange(n_months)[:, None]
    size = random.lognormal(4.5, 0.6, n_shops)
    trend = 1 + random.normal(0.002, 0.002, n_shops) * month
    season = 1 + random.uniform(0.1, 0.4, n_shops) * np.sin((month + 9) / 12 * 2 * np.pi)
    cut = random.choice([0, 0.1, 0.2], (n_months, n_shops), p=[0.7, 0.2, 0.1])
    effect = 1 + random.uniform(1, 2.5, n_shops) * cut
    # What all shops share, so that their errors are not independent.
    economy = 1 + np.cumsum(random.normal(0, 0.01, n_months))[:, None]
    noise = random.normal(1, 0.08, (n_months, n_shops))
    sold = (size * trend * season * effect * economy * noise).clip(min=0).round()

    opens, closes = np.zeros(n_shops, int), np.full(n_shops, n_months)
    few = max(n_shops // 10, 1)
    opens[:few] = random.integers(n_months // 4, n_months - 6, few)
    closes[few : 2 * few] = random.integers(n_months // 2, n_months - 2, few)
    reported = random.random((n_months, n_shops)) > 0.003
    kept = (month >= opens) & (month < closes) & reported
    rows, shops = np.nonzero(kept)
    return pd.DataFrame(
        {
            "month": months[rows].strftime("%Y-%m"),
            "shop": [f"shop {number:03d}" for number in shops],
            "region": np.array(REGIONS)[shops % len(REGIONS)],
            "price": (10 * (1 - cut[kept])).round(2),
            "sold": sold[kept].astype("int64"),
        }
    )


def main(arguments: list[str] | None = None) -> int:
    """Write the table.

    Args:
        arguments: Command line; that of the process by default.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(description="Make months of sales in many shops.")
    parser.add_argument("--shops", type=int, default=40)
    parser.add_argument("--months", type=int, default=132)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=RAW / "shops.csv")
    options = parser.parse_args(arguments)
    table = make_sales(options.shops, options.months, options.seed)
    table.to_csv(options.output, index=False, lineterminator="\n")
    print(
        f"{len(table)} months of {options.shops} shops, {table['sold'].sum():,} sold: "
        f"{options.output}"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
