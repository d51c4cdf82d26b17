"""What a tick costs: with one new window, with nothing new, and with a million old predictions.

A champion is made by `kedro run`, and a first tick looks at all windows up to a moment. Then each
of these is measured in CPU seconds (user plus system) and megabytes:

- a tick a week later, which has one new window
- the same tick again, which has nothing to do
- `kedro run --pipelines=monitoring` at that moment, before and after `predictions` was filled with
  rows of windows that are long over
- scoring, monitoring and a tick, before and after old batches were stored, if `--batch-rows` says
  of how many rows
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from project import KEDRO, PROBLEM, Cost, cost_of, own_configuration, workspace
from regression_lifecycle.adapters.database import upsert_rows
from regression_lifecycle.core.data.tables import PREDICTIONS

FIRST, NEXT = "2012-12-01", "2012-12-08"
PIECE_ROWS = 100_000
BATCH_ROWS = 500_000
# A tick ends with one of these; anything else is an error.
EXIT_CODES = {0, 10, 20, 21}
MAXIMUM_GROWTH_SECONDS = 2.0


def fill_predictions(url: str, n_rows: int) -> None:
    """Store predictions of windows that nobody looks at any more.

    Args:
        url: SQLAlchemy URL of the store.
        n_rows: How many.
    """
    for first in range(0, n_rows, PIECE_ROWS):
        numbers = np.arange(first, min(first + PIECE_ROWS, n_rows))
        moments = pd.Timestamp("1890-01-01") + pd.to_timedelta(numbers, unit="h")
        week = numbers // 168
        rows = pd.DataFrame(
            {
                "problem": PROBLEM,
                "row_key": moments.astype("str"),
                "model_version": "0",
                "timestamp": moments,
                "window": [f"old {number}" for number in week],
                "window_index": week - 10_000,
                "raw_prediction": 100.0,
                "level_factor": 1.0,
                "prediction": 100.0,
                "lower": 50.0,
                "upper": 150.0,
                "baseline": 90.0,
                "target": 110.0,
            }
        )
        upsert_rows(url, PREDICTIONS, rows)


def fill_batches(folder: Path, n_rows: int) -> None:
    """Store batches of predictions for times that nobody looks at any more.

    Args:
        folder: Where batches are stored, with at least one, whose columns the others get.
        n_rows: How many.
    """
    files = (file for file in folder.glob("*/v*.parquet") if ".rejected" not in file.name)
    file = next(files)
    example = parquet.read_table(file)
    about = json.loads(parquet.read_metadata(file).metadata[b"about"])
    rows = example.take(pa.array(np.arange(BATCH_ROWS) % len(example)))
    place = example.schema.get_field_index("timestamp")
    field = example.schema.field(place)
    for number, first in enumerate(range(0, n_rows, BATCH_ROWS)):
        seconds = pd.Timestamp("1890-01-01") + pd.to_timedelta(first + np.arange(BATCH_ROWS), "s")
        stamped = rows.set_column(place, field, pa.array(seconds).cast(field.type))
        batch, ends = f"old{number}", (seconds[0].isoformat(), seconds[-1].isoformat())
        told = {**about, "batch": batch, "first": ends[0], "last": ends[1], "n_rows": BATCH_ROWS}
        told |= {"digest": batch, "trained_until": "1889-01-01", "scored_at": ends[0]}
        (folder / batch).mkdir()
        parquet.write_table(
            stamped.replace_schema_metadata({b"about": json.dumps(told).encode()}),
            folder / batch / "v0.parquet",
            row_group_size=50_000,
        )


def main() -> int:
    """Measure.

    Returns:
        0 if the stored predictions cost no more than the limit, 1 if they do.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="old predictions")
    parser.add_argument("--batch-rows", type=int, default=0, help="old predictions of batches")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        conf = own_configuration(folder)
        place = [f"--conf-source={conf}"]
        url = f"sqlite:///{(workspace(conf) / 'lifecycle.db').as_posix()}"
        log = folder / "output.log"

        def measure(what: str, *arguments: str) -> Cost:
            cost = cost_of([str(KEDRO), *arguments], log, EXIT_CODES)
            print(f"{what:<42}{cost.cpu_seconds:>8.1f} s{cost.megabytes:>8.0f} MB", flush=True)
            return cost

        monitoring = ["run", "--pipelines=monitoring", f"--params=as_of={NEXT}", *place]
        measure("kedro run", "run", *place)
        measure("first tick", "tick", f"--as-of={FIRST}", *place)
        measure("kedro --version", "--version")
        measure("tick with one new window", "tick", f"--as-of={NEXT}", *place)
        # If it has retrained, the next one looks again.
        measure("the same tick again", "tick", f"--as-of={NEXT}", *place)
        measure("the same tick again", "tick", f"--as-of={NEXT}", *place)
        before = measure("monitoring", *monitoring)
        fill_predictions(url, options.rows)
        after = measure(f"monitoring, {options.rows:,} old predictions", *monitoring)
        if options.batch_rows:
            scoring = ["run", "--pipelines=scoring", *place]
            measure("scoring", *scoring)
            measure("the same again", *scoring)
            measure("monitoring", *monitoring)
            fill_batches(workspace(conf) / "07_model_output" / "scored", options.batch_rows)
            measure(f"scoring, {options.batch_rows:,} old rows", *scoring)
            measure(f"monitoring, {options.batch_rows:,} old rows", *monitoring)
            measure("tick", "tick", f"--as-of={NEXT}", *place)
            measure("the same tick again", "tick", f"--as-of={NEXT}", *place)
            measure("the same tick again", "tick", f"--as-of={NEXT}", *place)
    growth = after.cpu_seconds - before.cpu_seconds
    kept = growth <= MAXIMUM_GROWTH_SECONDS
    print(f"{growth:+.1f} s; at most {MAXIMUM_GROWTH_SECONDS:g} s: {'kept' if kept else 'MISSED'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
