"""The life of a model on a table that is larger than memory should be: CPU and memory by command.

A seeded table of hours is written as Parquet, ten million rows unless other sizes are given. It is
described by ``kedro new-table``, which looks at a few of its series, and then run, watched and
scored on an engine, each command in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from project import KEDRO, Cost, by_itself, cost_of, describe_table, own_project

NAME, TARGET = "big_table", "load"
DESCRIBED_SERIES = 20
# Of how many days before the end the ticks know nothing.
TICKS = (60, 30)


def measure(scratch: Path, engine: str, n_series: int, n_hours: int) -> dict[str, Cost]:
    """Run the commands one after the other.

    Args:
        scratch: Folder for everything that is written.
        engine: Environment that is laid over the table; empty for pandas.
        n_series: Series of the table.
        n_hours: Hours of each series.

    Returns:
        What each took.
    """
    table, log = scratch / f"{NAME}.parquet", scratch / "output.log"
    by_itself("load_table", "write_parquet", table, DESCRIBED_SERIES, n_hours)
    project = own_project(scratch / "project")
    describe_table(project, table, NAME, TARGET, log)
    by_itself(
        "load_table", "write_parquet", project / "data/01_raw" / table.name, n_series, n_hours
    )
    env = ",".join(name for name in (NAME, engine, "local") if name)
    end = datetime(2021, 1, 1) + timedelta(hours=n_hours)
    commands = {
        "kedro run": ["run"],
        **{
            f"kedro tick, {days} days before the end": [
                "tick",
                f"--as-of={end - timedelta(days=days)}",
            ]
            for days in TICKS
        },
        "scoring": ["run", "--pipelines=scoring"],
    }
    return {
        name: cost_of(
            [str(KEDRO), *command, f"--env={env}"], log, folder=project, allowed=range(30)
        )
        for name, command in commands.items()
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", default="duckdb", help="empty for pandas")
    parser.add_argument("--series", type=int, default=571)
    parser.add_argument("--hours", type=int, default=17_520, help="of each series")
    parser.add_argument("--folder", type=Path, help="new folder for all that is written; kept")
    options = parser.parse_args()
    rows, engine = options.series * options.hours, options.engine or "pandas"
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {rows:,} rows, ", end="")
    print(f"{engine} {version(engine)}\n")
    with tempfile.TemporaryDirectory() as temporary:
        scratch = (options.folder or Path(temporary)).resolve()
        scratch.mkdir(parents=True, exist_ok=True)
        found = measure(scratch, options.engine, options.series, options.hours)
    print("| command | CPU s | peak MB |\n| --- | ---: | ---: |")
    for name, cost in found.items():
        print(f"| {name} | {cost.cpu_seconds:.1f} | {cost.megabytes:,.0f} |")


if __name__ == "__main__":
    sys.exit(main())
