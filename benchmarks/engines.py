"""What each step over a large table takes on each engine: CPU seconds and memory.

A seeded table of hours is written as Parquet, ``--rows`` in all of ``--series`` series. Then every
step runs on every engine in a process of its own, which reads the file that the step before left
and writes its own, by the datasets of ``conf/base`` and of the engines. Spark has two threads and
the properties of ``conf/spark``; its seconds are those of Python, Java and the workers:

- ``contract``: raw rows in pieces, typed and compared, to observations; pandas takes all at once.
- ``features``: observations to the feature table.
- ``windows``: observations cut into windows of four weeks, with rows and hashes of each.
- ``drift``: two halves of the feature table, a seeded sample of each, compared by column.
- ``scoring``: predictions of the whole feature table, piece by piece, by one small model.

``nothing`` imports what the steps import and opens the table: what every figure contains.
"""

from __future__ import annotations

import argparse
import atexit
import os
import platform
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from project import ROOT, Cost, by_itself, cost_of

ENGINES = ("pandas", "duckdb", "polars", "pyspark")
PROBLEM: dict[str, Any] = {
    "name": "load_table",
    "description": "What stations had to deliver.",
    "target": "load",
    "timestamp": {"date": "at"},
    "frequency": "1 hour",
    "horizon": "1 day",
    "key": ["timestamp", "station"],
    "columns": {
        "station": {"type": "category", "known_in_advance": True},
        "at": {"type": "datetime", "known_in_advance": True},
        "temp": {"type": "float", "known_in_advance": True},
        "price": {"type": "float", "minimum": 0, "known_in_advance": True},
        "promo": {
            "type": "category",
            "allowed": ["leaflet", "none", "radio"],
            "known_in_advance": True,
        },
        "load": {"type": "float"},
    },
}
FEATURES = [
    {"kind": "columns", "names": ["temp", "price"]},
    {"kind": "calendar", "parts": ["hour", "weekday"]},
    {"kind": "time_index", "name": "day_index", "origin": "2021-01-01", "unit": "1 day"},
    {"kind": "lag", "name": "day_ago", "column": "load", "ages": ["1 day"]},
    {"kind": "lag", "name": "season", "column": "load", "ages": ["7 days", "14 days", "21 days"]},
]
DRIFT_ROWS, PIECE_ROWS, MODEL_ROWS = 20_000, 250_000, 20_000
DUCKDB_MEMORY = "2GB"


class Step:
    """One step on one engine, in a process of its own.

    Args:
        engine: Name of the engine's library.
        folder: Where the tables of all engines are.
    """

    def __init__(self, engine: str, folder: Path) -> None:
        from regression_lifecycle.core.data.problem import Problem
        from regression_lifecycle.core.features.specifications import FeatureRecipe

        self.engine, self.folder = engine, folder
        if engine == "pyspark":
            start_spark()
        self.problem = Problem.model_validate(PROBLEM)
        self.recipe = FeatureRecipe.model_validate({"features": FEATURES})

    def table(self, name: str) -> Any:
        """Return the dataset of one of the engine's own tables."""
        from regression_lifecycle.datasets import engine_tables
        from regression_lifecycle.datasets.atomic_files import AtomicParquetDataset

        file = (self.folder / self.engine / f"{name}.parquet").as_posix()
        if self.engine == "duckdb":
            settings = {"memory_limit": DUCKDB_MEMORY, "temp_directory": f"{self.folder}/spilt"}
            return engine_tables.DuckDBParquetDataset(filepath=file, settings=settings)
        if self.engine == "polars":
            return engine_tables.PolarsParquetDataset(filepath=file)
        if self.engine == "pyspark":
            from regression_lifecycle.datasets.spark_tables import SparkTableDataset

            return SparkTableDataset(filepath=file)
        return AtomicParquetDataset(filepath=file)

    def raw(self) -> Any:
        """Return the dataset of the raw table."""
        from regression_lifecycle.datasets.raw_parquet import RawParquetDataset

        file = str(self.folder / "raw.parquet")
        if self.engine == "pyspark":
            from regression_lifecycle.datasets.raw_spark import RawSparkDataset

            return RawSparkDataset(file)
        return RawParquetDataset(file, chunksize=None if self.engine == "pandas" else PIECE_ROWS)

    def nothing(self) -> None:
        """Import, and open the raw table."""
        import sklearn.ensemble

        from regression_lifecycle.core.drift import profile
        from regression_lifecycle.pipelines.monitoring import nodes

        assert all((sklearn.ensemble, profile, nodes))

    def contract(self) -> None:
        """Turn raw rows into observations."""
        from regression_lifecycle.core.ingestion.contract import (
            IngestionParameters,
            accept_rows,
            in_order,
            read_rows,
        )

        raw = self.raw().load()
        typed, table = read_rows(raw, self.problem, "refuse")
        if self.engine != "pandas":
            self.table("typed_rows").save(typed)
            typed = self.table("typed_rows").load()
        found = accept_rows(typed, table, self.problem, IngestionParameters())
        self.table("observations").save(in_order(found.observations, self.problem))

    def features(self) -> None:
        """Build the feature table."""
        from regression_lifecycle.core.features.builders import build_feature_table

        observations = self.table("observations").load()
        ahead = self.problem.columns_known_in_advance
        built = build_feature_table(observations, self.problem, self.recipe, keep=ahead)
        self.table("features").save(built)

    def windows(self) -> None:
        """Cut all observations into windows."""
        from regression_lifecycle.core.windows.parameters import LengthWindows
        from regression_lifecycle.pipelines.monitoring.nodes import cut_windows

        parameters = LengthWindows.model_validate({"kind": "length", "length": "28 days"})
        _, windows = cut_windows(self.table("observations").load(), None, self.problem, parameters)
        assert len(windows)

    def drift(self) -> None:
        """Compare the younger half of the features with the older one."""
        import narwhals as nw
        import pandas as pd

        from regression_lifecycle.core.drift.columns import ColumnRole
        from regression_lifecycle.core.drift.parameters import DriftParameters
        from regression_lifecycle.core.drift.profile import make_profile, score_window
        from regression_lifecycle.core.frames.collecting import sample

        stamp = nw.col(self.problem.timestamp.name)
        rows: Any = nw.from_native(self.table("features").load())
        bounds = rows.lazy().select(stamp.min().alias("first"), stamp.max().alias("last"))
        first, last = bounds.collect().row(0)
        middle = pd.Timestamp(first + (last - first) / 2).floor("h").to_pydatetime()
        older, younger = (
            sample(rows.filter(side).to_native(), self.problem, DRIFT_ROWS, 0)
            for side in (stamp < middle, stamp >= middle)
        )
        columns: list[ColumnRole] = [
            *((name, "numerical", "feature") for name in ("temp", "price", "load")),
            ("promo", "categorical", "feature"),
        ]
        parameters = DriftParameters()
        verdict = score_window(make_profile(older, columns, parameters), younger, parameters)
        assert len(verdict) == len(columns)

    def scoring(self) -> None:
        """Predict every row of the feature table."""
        import joblib

        from regression_lifecycle.core.frames.collecting import pieces
        from regression_lifecycle.datasets.engine_tables import DuckDBParquetDataset

        model = joblib.load(self.folder / "model.joblib")
        names, key = list(model.feature_names_in_), list(self.problem.row_order)
        rows = pieces(self.table("features").load(), self.problem, PIECE_ROWS, [*key, *names])
        predicted = (piece[key].assign(prediction=model.predict(piece[names])) for piece in rows)
        # Saves an iterator of pieces; nothing of DuckDB is used.
        file = (self.folder / self.engine / "predictions.parquet").as_posix()
        DuckDBParquetDataset(filepath=file).save(predicted)


def start_spark() -> None:
    """Say how the session is started: as ``conf/spark`` does, in two threads of this machine."""
    import yaml

    from regression_lifecycle.adapters.spark_session import configure

    properties = yaml.safe_load((ROOT / "conf" / "spark" / "spark.yml").read_text("utf-8"))
    own = {"spark.app.name": "engines", "spark.master": "local[2]", "spark.remote": None}
    configure({**properties, **own})
    # Behind the end of the session, which is registered when it starts.
    atexit.register(end_spark)


def end_spark() -> None:
    """Wait until Java has ended, so that what it took is counted."""
    from pyspark import SparkContext

    gateway = SparkContext._gateway
    if gateway is not None:
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait()


STEPS = ("nothing", "contract", "features", "windows", "drift", "scoring")


def fit_model(folder: Path, engine: str) -> None:
    """Fit the model of the step ``scoring`` on some rows of the features of an engine."""
    import joblib
    import pandas as pd
    from sklearn.ensemble import HistGradientBoostingRegressor

    rows = pd.read_parquet(folder / engine / "features.parquet").iloc[-MODEL_ROWS:]
    kept = {"timestamp", "station", "at", "promo", "load"}
    features = rows[[name for name in rows if name not in kept]]
    model = HistGradientBoostingRegressor(max_iter=50, random_state=0).fit(features, rows["load"])
    joblib.dump(model, folder / "model.joblib")


def measure(folder: Path, engines: list[str], steps: list[str]) -> dict[tuple[str, str], Cost]:
    """Run the steps in turn, each on one engine after the other.

    Args:
        folder: With the raw table.
        engines: Their libraries.
        steps: Names of the steps.

    Returns:
        What each took, by step and engine.
    """
    found: dict[tuple[str, str], Cost] = {}
    for engine in engines:
        (folder / engine).mkdir(exist_ok=True)
    for step in steps:
        if step == "scoring":
            by_itself("engines", "fit_model", folder, engines[0])
        for engine in engines:
            line = [__file__, "--folder", str(folder), "--engine", engine, "--step", step]
            found[step, engine] = cost_of([sys.executable, *line], folder / "output.log")
            show_row(step, engine, found[step, engine])
    return found


def show_row(step: str, engine: str, cost: Cost) -> None:
    """Print one row of the table."""
    print(f"| {step} | {engine} | {cost.cpu_seconds:.1f} | {cost.megabytes:,.0f} |", flush=True)


def main() -> int:
    """Measure, or be one of the processes that are measured.

    Returns:
        0.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=float, default=1e6)
    parser.add_argument("--series", type=int, default=60)
    parser.add_argument("--engine", choices=ENGINES, help="only this one")
    parser.add_argument("--step", choices=STEPS, help="only this one, in this process")
    parser.add_argument("--folder", type=Path, help="new folder for all that is written; kept")
    options = parser.parse_args()
    if options.step is not None:
        getattr(Step(options.engine, options.folder), options.step)()
        return 0
    engines = [name for name in ENGINES if find_spec(name) and options.engine in (None, name)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        n_hours = round(options.rows / options.series)
        by_itself("load_table", "write_parquet", folder / "raw.parquet", options.series, n_hours)
        megabytes = (folder / "raw.parquet").stat().st_size / 2**20
        print(f"Python {platform.python_version()}, {os.cpu_count()} cores,", *_versions(engines))
        print(
            f"{options.series * n_hours:,} rows of {options.series:,} series, {megabytes:,.0f} MB"
        )
        print("\n| step | engine | CPU s | peak MB |\n| --- | --- | ---: | ---: |")
        measure(folder, engines, list(STEPS))
    return 0


def _versions(engines: list[str]) -> list[str]:
    found = []
    for name in (*engines, "narwhals", "pyarrow"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(name)
    return found


if __name__ == "__main__":
    sys.exit(main())
