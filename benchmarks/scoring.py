"""What scoring costs beside the model itself: `kedro run --pipelines=scoring` on many rows.

A champion is trained in a workspace of its own. Then three commands are run in turn, each in a
process of its own with one native thread:

- ``predict, whole frame``: the champion's estimator on all features at once, which are made before
  the clock starts;
- ``predict, pieces``: the same in pieces of as many rows as scoring reads;
- ``scoring``: the whole command from its start to its end: the CSV file is read, checked, given
  features, predicted and written to Parquet.

CPU is user plus system time. Memory is the largest that the process ever had.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

from project import KEDRO, RAW_TABLE, cost_of, own_configuration, read_sections, workspace

FIRST = pd.Timestamp("2013-01-01")
MINIMUM_SPEED = 0.8
WHOLE, PIECES, SCORING = "predict, whole frame", "predict, pieces", "scoring"


def make_table(rows: int, path: Path) -> None:
    """Write the bundled hours again and again, under the hours that follow.

    Args:
        rows: Hours.
        path: CSV file.
    """
    raw = pd.read_csv(RAW_TABLE)
    table = raw.iloc[np.arange(rows) % len(raw)].reset_index(drop=True)
    moments = pd.date_range(FIRST, periods=rows, freq="h")
    clock = {
        "dteday": moments.strftime("%Y-%m-%d"),
        "hr": moments.hour,
        "mnth": moments.month,
        "weekday": (moments.dayofweek + 1) % 7,
    }
    table.assign(**clock).to_csv(path, index=False)


def score_from(conf: Path, table: Path, pieces: int) -> None:
    """Name the table to score.

    Args:
        conf: Configuration.
        table: CSV file.
        pieces: Rows of a piece.
    """
    entry = {
        "type": "pandas.CSVDataset",
        "filepath": str(table),
        "load_args": {"chunksize": pieces},
        "metadata": {"kedro-viz": {"layer": "raw"}},
    }
    (conf / "local" / "catalog.yml").write_text(json.dumps({"scoring_batch": entry}))


def predict(model: Path, features: Path, pieces: int) -> None:
    """Predict a feature table and print CPU seconds, wall seconds and memory of that alone.

    Args:
        model: Archive of the model.
        features: Parquet file.
        pieces: Rows of a piece; 0 for all at once.
    """
    import resource

    from regression_lifecycle.adapters.mlflow.model_files import read_archive

    champion = read_archive(model)
    table = pd.read_parquet(features)
    estimator = champion.estimator
    cpu, wall = time.process_time(), time.monotonic()
    step = pieces or len(table)
    for first in range(0, len(table), step):
        estimator.predict(table.iloc[first : first + step])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([time.process_time() - cpu, time.monotonic() - wall, peak]))


def bare(model: Path, features: Path, pieces: int) -> tuple[float, float, float]:
    """Run :func:`predict` in a process of its own.

    Args:
        model: Archive of the model.
        features: Parquet file.
        pieces: Rows of a piece; 0 for all at once.

    Returns:
        CPU seconds, wall seconds, and the most memory in MB.
    """
    command = [sys.executable, __file__, "--predict", str(model), str(features), str(pieces)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    cpu, wall, peak = json.loads(done.stdout.splitlines()[-1])
    return cpu, wall, peak


def make_features(model: Path, table: Path, path: Path) -> None:
    """Make the features of the table, as scoring makes them.

    Args:
        model: Archive of the model.
        table: CSV file.
        path: Parquet file.
    """
    from regression_lifecycle.adapters.mlflow.model_files import read_archive
    from regression_lifecycle.core.features.streaming import BatchReader

    problem = read_sections()["problem"]
    recipe = read_archive(model).metadata.recipe
    # Nothing that was observed reaches into the table's time.
    nothing = pd.DataFrame({problem.timestamp.name: pd.Series(dtype="datetime64[us]")})
    reader = BatchReader(recipe, problem, nothing, FIRST)
    pieces = [piece.rows for piece in reader.pieces(pd.read_csv(table, chunksize=100_000))]
    made = pd.concat([piece for piece in pieces if len(piece)], ignore_index=True)
    made[list(recipe.feature_names)].to_parquet(path)


def main() -> None:
    """Measure and print a table; the exit code is 1 if scoring is too slow."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--pieces", type=int, default=50_000, help="rows of a piece")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--predict", nargs=3, metavar=("MODEL", "FEATURES", "PIECES"))
    given = parser.parse_args()
    if given.predict:
        model, features, pieces = given.predict
        predict(Path(model), Path(features), int(pieces))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        log = folder / "output.log"
        table, small = folder / "rows.csv", folder / "few_rows.csv"
        make_table(given.rows, table)
        make_table(given.rows // 4, small)
        conf = own_configuration(folder)
        score_from(conf, table, given.pieces)
        print("training a champion ...", flush=True)
        cost_of([str(KEDRO), "run", f"--conf-source={conf}"], log)
        model = workspace(conf) / "06_models" / "candidate_model.zip"
        features = folder / "features.parquet"
        make_features(model, table, features)
        found: dict[str, list[tuple[float, float, float]]] = {WHOLE: [], PIECES: [], SCORING: []}
        scoring = [str(KEDRO), "run", "--pipelines=scoring", f"--conf-source={conf}"]
        for number in range(given.repeat):
            # Another name each time: an equal batch leaves its file as it was.
            command = [*scoring, f"--params=scoring.batch=round{number}"]
            found[SCORING].append(cost_of(command, log))
            found[WHOLE].append(bare(model, features, 0))
            found[PIECES].append(bare(model, features, given.pieces))
        score_from(conf, small, given.pieces)
        quarter = cost_of([*scoring, "--params=scoring.batch=quarter"], log)
    print(f"\n{given.rows:,} rows in pieces of {given.pieces:,}")
    print(f"{'command':<24}{'CPU s':>9}{'wall s':>9}{'MB':>8}{'rows/CPU s':>13}")
    for name, figures in {**found, f"{SCORING}, a quarter": [quarter]}.items():
        cpu, wall, peak = (median(values) for values in zip(*figures, strict=True))
        rows = given.rows // 4 if name not in found else given.rows
        print(f"{name:<24}{cpu:>9.1f}{wall:>9.1f}{peak:>8.0f}{rows / cpu:>13,.0f}")
    speed = median(f[0] for f in found[WHOLE]) / median(f[0] for f in found[SCORING])
    sliced = median(f[0] for f in found[PIECES]) / median(f[0] for f in found[SCORING])
    print(f"speed of scoring / {WHOLE}: {speed:.2f} (at least {MINIMUM_SPEED:g})")
    print(f"speed of scoring / {PIECES}: {sliced:.2f}")
    sys.exit(0 if speed >= MINIMUM_SPEED else 1)


if __name__ == "__main__":
    main()
