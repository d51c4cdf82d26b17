"""What ``kedro run`` takes on a table of many rows, beside a plain script: CPU and memory.

A seeded table of hours is made, 60 stations and two years unless other sizes are given, and
described by ``kedro new-table``. Then ``plain_script.py`` and ``kedro run`` do the same fits,
figures and reports, each in a process of its own. Memory is held against the feature table, too:
what it takes in pandas.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from overhead import PLAIN, PLAIN_SCRIPT, RUN, require_same_figures
from project import KEDRO, Cost, cost_of, own_project

NAME, TARGET = "big_table", "load"
ENV = f"{NAME},local"
MAXIMUM_RUN_RATIO = 1.25
MAXIMUM_TABLES = 3.0


def write_table(file: Path, n_series: int, n_hours: int) -> None:
    """Write the hours of some stations, whose load follows clock, weather, price and promotions.

    Args:
        file: The CSV file.
        n_series: Stations.
        n_hours: Hours of each, from 2021 on.
    """
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(0)
    hours = pd.date_range("2021-01-01", periods=n_hours, freq="h")
    season = 10 * np.sin(2 * np.pi * (hours.dayofyear.to_numpy() - 100) / 365)
    clock = 8 * np.sin(2 * np.pi * hours.hour.to_numpy() / 24) + 5 * (hours.weekday < 5)
    station = np.tile(np.arange(n_series), n_hours)
    n = len(station)
    temp = (10 + np.repeat(season, n_series) + random.normal(0, 3, n)).round(2)
    price = np.round(5 + random.gamma(2, 1, n), 2)
    promo = random.choice(["none", "leaflet", "radio"], n, p=[0.8, 0.1, 0.1])
    load = 20 + station / 2 + np.repeat(clock, n_series) + 0.4 * temp - price
    load += 3 * (promo == "radio") + random.normal(0, 2, n)
    names = np.array([f"s{number:04d}" for number in range(n_series)])
    pd.DataFrame(
        {
            "station": names[station],
            "at": np.repeat(hours.strftime("%Y-%m-%d %H:%M:%S").to_numpy(), n_series),
            "temp": temp,
            "price": price,
            "promo": promo,
            TARGET: load.round(3),
        }
    ).to_csv(file, index=False)


def megabytes_of(features: Path) -> float:
    """Return what a Parquet file takes as a pandas table."""
    import pandas as pd

    return float(pd.read_parquet(features).memory_usage(deep=True).sum()) / 2**20


def by_itself(function: str, *arguments: object) -> str:
    """Call a function of this file in a process of its own, so that this one stays small.

    Returns:
        What it returns, as text.
    """
    call = f"from big_table import *; print({function}(*{arguments!r}))"
    code = f"from pathlib import PosixPath; {call}"
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=here, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def measure(scratch: Path, n_series: int, n_hours: int) -> dict[str, Cost]:
    """Run both commands, the plain script first.

    Args:
        scratch: Folder for everything that is written.
        n_series: Series of the table.
        n_hours: Hours of each series.

    Returns:
        What each took.
    """
    table, log = scratch / f"{NAME}.csv", scratch / "output.log"
    by_itself("write_table", table, n_series, n_hours)
    project, plain, parameters = own_project(scratch / "project"), scratch / "plain", scratch / "p"
    described = [str(KEDRO), "new-table", str(table), f"--target={TARGET}", f"--name={NAME}", "-y"]
    cost_of(described, log, folder=project)
    written = [str(PLAIN_SCRIPT.with_name("project.py")), parameters, "--env", ENV]
    cost_of([sys.executable, *map(str, [*written, "--project", project])], log)
    commands = {
        PLAIN: [sys.executable, *map(str, (PLAIN_SCRIPT, plain, parameters, table))],
        RUN: [str(KEDRO), "run", f"--env={ENV}"],
    }
    found = {name: cost_of(command, log, folder=project) for name, command in commands.items()}
    require_same_figures(plain, project / "data" / NAME / "08_reporting")
    return found


def main() -> int:
    """Measure and print.

    Returns:
        0 if every limit was kept, 1 if not.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=60)
    parser.add_argument("--hours", type=int, default=17_520, help="of each series")
    parser.add_argument("--folder", type=Path, help="new folder for all that is written; kept")
    options = parser.parse_args()
    rows = options.series * options.hours
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {rows:,} rows\n")
    with tempfile.TemporaryDirectory() as temporary:
        scratch = (options.folder or Path(temporary)).resolve()
        scratch.mkdir(parents=True, exist_ok=True)
        found = measure(scratch, options.series, options.hours)
        features = scratch / "project" / "data" / NAME / "04_feature" / "feature_table.parquet"
        megabytes = float(by_itself("megabytes_of", features))
    print("| command | CPU s | peak MB | feature tables |\n| --- | ---: | ---: | ---: |")
    for name, cost in found.items():
        print(f"| {name} | {cost.cpu_seconds:.1f} | {cost.megabytes:,.0f} ", end="")
        print(f"| {cost.megabytes / megabytes:.1f} |")
    ratio = found[RUN].cpu_seconds / found[PLAIN].cpu_seconds
    tables = found[RUN].megabytes / megabytes
    print(f"\nThe feature table takes {megabytes:,.0f} MB in pandas.")
    print(f"{RUN} / {PLAIN}: {ratio:.2f} times the CPU, at most {MAXIMUM_RUN_RATIO:g}")
    print(f"{RUN}: {tables:.1f} feature tables of memory, at most {MAXIMUM_TABLES:g}")
    return int(ratio > MAXIMUM_RUN_RATIO or tables > MAXIMUM_TABLES)


if __name__ == "__main__":
    sys.exit(main())
