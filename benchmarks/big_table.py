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
import sys
import tempfile
from pathlib import Path

from overhead import PLAIN, PLAIN_SCRIPT, RUN, require_same_figures
from project import KEDRO, Cost, by_itself, cost_of, describe_table, own_project

NAME, TARGET = "big_table", "load"
ENV = f"{NAME},local"
# Of the plain script, as in overhead.py; and of its memory.
MAXIMUM_RUN_RATIO = 2.0
MAXIMUM_MEMORY_RATIO = 1.25


def megabytes_of(features: Path) -> float:
    """Return what a Parquet file takes as a pandas table."""
    import pandas as pd

    return float(pd.read_parquet(features).memory_usage(deep=True).sum()) / 2**20


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
    by_itself("load_table", "write_csv", table, n_series, n_hours)
    project, plain, parameters = own_project(scratch / "project"), scratch / "plain", scratch / "p"
    describe_table(project, table, NAME, TARGET, log)
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
        megabytes = float(by_itself("big_table", "megabytes_of", features))
    print("| command | CPU s | peak MB | feature tables |\n| --- | ---: | ---: | ---: |")
    for name, cost in found.items():
        print(f"| {name} | {cost.cpu_seconds:.1f} | {cost.megabytes:,.0f} ", end="")
        print(f"| {cost.megabytes / megabytes:.1f} |")
    run, plain = found[RUN], found[PLAIN]
    ratio, memory = run.cpu_seconds / plain.cpu_seconds, run.megabytes / plain.megabytes
    print(f"\nThe feature table takes {megabytes:,.0f} MB in pandas.")
    print(f"{RUN} / {PLAIN}: {ratio:.2f} times the CPU, at most {MAXIMUM_RUN_RATIO:g}")
    print(f"{RUN} / {PLAIN}: {memory:.2f} times the memory, at most {MAXIMUM_MEMORY_RATIO:g}")
    return int(ratio > MAXIMUM_RUN_RATIO or memory > MAXIMUM_MEMORY_RATIO)


if __name__ == "__main__":
    sys.exit(main())
