"""What each step over a large table takes on each engine: CPU seconds and memory.

A seeded table of hours is written as Parquet, ``--rows`` in all of ``--series`` series. Then every
step runs on every engine in a process of its own, which reads the file that the step before left
and writes its own, by the datasets of ``conf/duckdb``, ``conf/polars`` and ``conf/base``:

- ``contract``: raw rows in pieces, typed and compared, to observations; pandas takes all at once.
- ``features``: observations to the feature table.
- ``windows``: observations cut into windows of four weeks, with rows and hashes of each.
- ``drift``: two halves of the feature table, a seeded sample of each, compared by column.
- ``scoring``: predictions of the whole feature table, piece by piece, by one small model.

``nothing`` imports what the steps import and opens the table: what every figure contains.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from project import Cost, by_itself, cost_of

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
            return _SparkTable(file)
        return AtomicParquetDataset(filepath=file)

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
        from regression_lifecycle.datasets.raw_parquet import RawParquetDataset

        chunksize = None if self.engine == "pandas" else PIECE_ROWS
        raw = RawParquetDataset(str(self.folder / "raw.parquet"), chunksize=chunksize).load()
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


class _SparkTable:
    """A Parquet folder of Spark."""

    def __init__(self, file: str) -> None:
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.master("local[2]")
        for name, value in {
            "spark.driver.memory": "2g",
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.timestampType": "TIMESTAMP_NTZ",
            "spark.sql.execution.arrow.pyspark.enabled": "true",
            "spark.ui.enabled": "false",
            "spark.log.level": "ERROR",
        }.items():
            builder = builder.config(name, value)
        self._file, self._spark = file, builder.getOrCreate()

    def load(self) -> Any:
        return self._spark.read.parquet(self._file)

    def save(self, data: Any) -> None:
        if hasattr(data, "write"):
            data.write.mode("overwrite").parquet(self._file)
            return
        for number, piece in enumerate(data):
            made = self._spark.createDataFrame(piece)
            made.write.mode("append" if number else "overwrite").parquet(self._file)


STEPS = ("nothing", "contract", "features", "windows", "drift", "scoring")


def fit_model(folder: Path) -> None:
    """Fit the model of the step ``scoring`` on the first rows of the features of pandas."""
    import joblib
    import pandas as pd
    from sklearn.ensemble import HistGradientBoostingRegressor

    rows = pd.read_parquet(folder / "pandas" / "features.parquet").iloc[-MODEL_ROWS:]
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
            by_itself("engines", "fit_model", folder)
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
