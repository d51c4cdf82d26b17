"""What drift costs, and how often it alarms: the profile beside Evidently, on the bike table.

Four questions:

- ``cost``: CPU seconds of scoring every week against one reference by the stored profile, and (for
  a few weeks) by Evidently's drift preset.
- ``size``: CPU seconds of two large tables of twelve columns, ``--rows`` each and all of them
  looked at, beside two sorts of every column, under which no comparison of numbers can go. With
  ``--others`` Evidently's drift preset is given the same tables, once. So is NannyML with
  ``--nannyml PYTHON``, an interpreter that has it: it needs older libraries than the project.
- ``pieces``: CPU seconds and memory of counting such a table, ``--rows`` long, from a Parquet file
  and piece by piece on each engine that is installed: columns of few values, and columns in which
  no value occurs twice. Each in a process of its own; ``nothing`` is Python and imports.
- ``alarms``: share of column-weeks that are flagged, by configured and by calibrated thresholds,
  for each reference a week can be compared with.

None writes anything that stays. CPU is user plus system time of this process, imports left out.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from project import RAW_TABLE, by_itself, cost_of
from regression_lifecycle.adapters.evidently import ColumnRoles
from regression_lifecycle.core.drift.calibration import (
    calibrate,
    calibrated_parameters,
    outlasted_columns,
)
from regression_lifecycle.core.drift.columns import ColumnRole
from regression_lifecycle.core.drift.parameters import DriftParameters, ReferenceParameters
from regression_lifecycle.core.drift.profile import (
    compare_tables,
    make_profile,
    merge_profiles,
    score_window,
)
from regression_lifecycle.core.drift.reference import reference_rows
from regression_lifecycle.core.drift.verdict import is_table_drifted
from regression_lifecycle.core.frames.collecting import pieces

WEEK = pd.Timedelta(days=7)
FIRST_WEEKS = 4
FEATURES = ("temp", "atemp", "hum", "windspeed")
CATEGORIES = ("weathersit", "hr", "workingday")

THRESHOLDS: dict[str, dict[str, Any]] = {
    "defaults (ks 0.05, jensenshannon 0.1)": {},
    "conf/base (wasserstein 0.3, jensenshannon 0.1)": {
        "numerical": {"method": "wasserstein", "threshold": 0.3},
        "categorical": {"method": "jensenshannon", "threshold": 0.1},
    },
}
# How many times faster than Evidently's preset the profile must be.
MINIMUM_RATIO = 10.0

ROWS_AT_ONCE = 500_000
COUNTED = {
    "four of few values": ("rounded", "count", "label", "hour"),
    "four without equal values": tuple(f"number_{place}" for place in range(4)),
}

REFERENCES: dict[str, dict[str, Any]] = {
    "training (first 4 weeks)": {"kind": "training"},
    "training (all before)": {"kind": "training"},
    "last 4 windows": {"kind": "last_windows", "windows": 4},
    "last 13 windows": {"kind": "last_windows", "windows": 13},
    "same season, 14 days": {"kind": "same_season", "margin": "14 days"},
}


def read_table() -> pd.DataFrame:
    """Read the bike table in the order of time.

    Returns:
        The raw columns with ``at`` (the moment of a row) and ``prediction``: the count of the
        same hour a week earlier, which is a forecast out of sample.
    """
    table = pd.read_csv(RAW_TABLE)
    table["at"] = pd.to_datetime(table["dteday"]) + pd.to_timedelta(table["hr"], unit="h")
    table = table.sort_values("at", ignore_index=True)
    earlier = table.set_index("at")["cnt"]
    table["prediction"] = earlier.reindex(table["at"] - WEEK).to_numpy()
    return table


def weeks(table: pd.DataFrame) -> Iterator[tuple[pd.Timestamp, pd.DataFrame]]:
    """Cut the table into whole weeks after the first four.

    Args:
        table: What :func:`read_table` gives.

    Yields:
        Start and rows of each week.
    """
    start = table["at"].iloc[0].normalize() + FIRST_WEEKS * WEEK
    while start + WEEK <= table["at"].iloc[-1] + pd.Timedelta(hours=1):
        yield start, table[(table["at"] >= start) & (table["at"] < start + WEEK)]
        start += WEEK


def cpu_seconds(call: Callable[[], Any], repeat: int) -> float:
    """Measure a call after one warm-up.

    Args:
        call: What to measure.
        repeat: How often.

    Returns:
        The smallest CPU time.
    """
    call()
    found = []
    for _ in range(repeat):
        begin = time.process_time()
        call()
        found.append(time.process_time() - begin)
    return min(found)


def measure_cost(repeat: int) -> bool:
    """Compare the profile with Evidently, and print the ratios.

    Args:
        repeat: Rounds of each measurement.

    Returns:
        Whether each ratio reaches :data:`MINIMUM_RATIO`.
    """
    table = read_table()
    roles = ColumnRoles(FEATURES, CATEGORIES, target="cnt", prediction="prediction")
    windows = [rows for _, rows in weeks(table)]
    kept = True
    for name, configured in THRESHOLDS.items():
        parameters = DriftParameters.model_validate(configured)
        for n_weeks in (FIRST_WEEKS, 52):
            reference = table[table["at"] < table["at"].iloc[0].normalize() + n_weeks * WEEK]
            kept &= _compare(name, reference, windows, roles, parameters, repeat)
    return kept


def _compare(
    name: str,
    reference: pd.DataFrame,
    windows: list[pd.DataFrame],
    roles: ColumnRoles,
    parameters: DriftParameters,
    repeat: int,
) -> bool:
    columns = list(roles.columns())
    few = windows[:3]

    def by_profile() -> list[pd.DataFrame]:
        profile = make_profile(reference, columns, parameters)
        return [score_window(profile, rows, parameters) for rows in windows]

    seconds = {
        "profile": cpu_seconds(by_profile, repeat) / len(windows),
        "preset": cpu_seconds(
            lambda: [_preset(reference, rows, parameters) for rows in few], repeat
        )
        / len(few),
        "calibration": cpu_seconds(
            lambda: calibrate(reference, reference["at"], columns, WEEK, parameters),
            repeat,
        ),
    }
    print(f"\n{name}, {len(reference):,} rows of reference, {len(windows)} weeks, 9 columns")
    for what in ("profile", "preset"):
        print(f"  {what:<12}{1000 * seconds[what]:>9.1f} ms per week")
    print(f"  {'calibration':<12}{1000 * seconds['calibration']:>9.1f} ms per reference")
    ratio = seconds["preset"] / seconds["profile"]
    kept = ratio >= MINIMUM_RATIO
    verdict = "kept" if kept else "MISSED"
    print(f"  preset / profile: {ratio:.0f}, at least {MINIMUM_RATIO:g}: {verdict}")
    return kept


def _preset(
    reference: pd.DataFrame,
    rows: pd.DataFrame,
    parameters: DriftParameters,
    numerical: Sequence[str] = (*FEATURES, "cnt", "prediction"),
    categorical: Sequence[str] = CATEGORIES,
) -> None:
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    names = [*numerical, *categorical]
    definition = DataDefinition(
        numerical_columns=list(numerical), categorical_columns=list(categorical)
    )
    preset = DataDriftPreset(
        num_method=parameters.numerical.method,
        num_threshold=parameters.numerical.threshold,
        cat_method=parameters.categorical.method,
        cat_threshold=parameters.categorical.threshold,
    )
    sides = [
        Dataset.from_pandas(side[names], data_definition=definition)
        for side in (rows, reference.dropna())
    ]
    Report([preset]).run(*sides)


def make_large_table(n_rows: int, seed: int) -> tuple[pd.DataFrame, list[ColumnRole]]:
    """Make a table of ten numbers and two categories.

    Args:
        n_rows: Its rows.
        seed: Seed of its values.

    Returns:
        The table; and name, kind and role of its columns.
    """
    random = np.random.default_rng(seed)
    numbers = {f"number_{place}": random.normal(size=n_rows) for place in range(6)}
    table = pd.DataFrame(
        {
            **numbers,
            "rounded": random.normal(size=n_rows).round(2),
            "count": random.poisson(50, size=n_rows),
            "target": random.gamma(2, size=n_rows),
            "prediction": random.gamma(2, size=n_rows),
            "label": random.choice(["north", "east", "south", "west"], size=n_rows),
            "hour": random.integers(24, size=n_rows),
        }
    )
    roles = ColumnRoles(
        (*numbers, "rounded", "count"), ("label", "hour"), target="target", prediction="prediction"
    )
    return table, list(roles.columns())


# Run by an interpreter that has NannyML; prints CPU seconds without those of import and reading.
_NANNYML = """
import sys, time
import nannyml, pandas as pd
reference, current = (pd.read_parquet(path) for path in sys.argv[1:3])
numbers, labels = (text.split(",") for text in sys.argv[3:5])
begin = time.process_time()
found = nannyml.UnivariateDriftCalculator(
    column_names=numbers + labels,
    treat_as_categorical=labels,
    continuous_methods=["wasserstein"],
    categorical_methods=["jensen_shannon"],
    chunk_size=len(current),
).fit(reference).calculate(current)
assert len(found.to_df())
print(time.process_time() - begin)
"""


def measure_others(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    columns: list[ColumnRole],
    nannyml: Path | None,
) -> Iterator[tuple[str, float]]:
    """Measure once what other libraries take for the same tables.

    Args:
        reference: One side.
        current: The other one.
        columns: Name, kind and role of the columns.
        nannyml: The interpreter of an environment with NannyML; None leaves it out.

    Yields:
        A name, and its CPU seconds.
    """
    numbers = [name for name, kind, _ in columns if kind == "numerical"]
    labels = [name for name, kind, _ in columns if kind != "numerical"]
    parameters = DriftParameters.model_validate(list(THRESHOLDS.values())[1])
    # Imports.
    _preset(reference.head(1000), current.head(1000), parameters, numbers, labels)
    begin = time.process_time()
    _preset(reference, current, parameters, numbers, labels)
    yield "Evidently, drift preset", time.process_time() - begin
    if nannyml is not None:
        with TemporaryDirectory() as scratch:
            files = [Path(scratch, "reference.parquet"), Path(scratch, "current.parquet")]
            for table, file in zip((reference, current), files, strict=True):
                table.to_parquet(file)
            line = [
                str(nannyml),
                "-c",
                _NANNYML,
                *map(str, files),
                *map(",".join, (numbers, labels)),
            ]
            quiet = {**os.environ, "NML_DISABLE_USAGE_LOGGING": "1"}
            done = subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True, env=quiet)
        yield "NannyML, univariate drift", float(done.stdout.splitlines()[-1])


def measure_size(n_rows: int, repeat: int, nannyml: Path | None, *, others: bool) -> bool:
    """Print what two large tables cost.

    Args:
        n_rows: Rows of each.
        repeat: Rounds of each measurement.
        nannyml: The interpreter of an environment with NannyML; None leaves it out.
        others: Whether other libraries are measured, too.

    Returns:
        True: there is no limit to keep.
    """
    reference, columns = make_large_table(n_rows, seed=0)
    current, _ = make_large_table(n_rows, seed=1)
    numbers = [name for name, kind, _ in columns if kind == "numerical"]

    def sort_both() -> None:
        for name in numbers:
            for side in (reference, current):
                np.sort(side[name].to_numpy("float64"))

    print(f"\n{n_rows:,} rows on both sides, {len(columns)} columns, CPU seconds")
    sorts = cpu_seconds(sort_both, repeat)
    print(f"  {'two sorts of the numbers':<34}{sorts:>7.2f}")
    for name, configured in THRESHOLDS.items():
        parameters = DriftParameters.model_validate({**configured, "maximum_rows": None})
        profile = make_profile(reference, columns, parameters)
        counted = cpu_seconds(partial(make_profile, reference, columns, parameters), repeat)
        # Both in one call: what a profile finds out when it is asked, it keeps.
        together = cpu_seconds(
            partial(compare_tables, reference, current, columns, parameters), repeat
        )
        method = name.partition(" ")[0]
        print(f"  {method + ': profile, and score':<34}{counted:>7.2f}{together:>7.2f}", end="")
        print(f"   {together / sorts:.1f} times the sorts", flush=True)
    written = cpu_seconds(profile.to_frame, 1)
    print(f"  {'profile as a table':<34}{written:>7.2f}   {len(profile.to_frame()):,} rows")
    if others:
        for name, seconds in measure_others(reference, current, columns, nannyml):
            print(
                f"  {name:<34}{seconds:>7.2f}   {seconds / sorts:.1f} times the sorts", flush=True
            )
    return True


def write_large_table(file: Path, n_rows: int) -> None:
    """Write the table of :func:`make_large_table` with a moment for each row, in ``at``."""
    table, _ = make_large_table(n_rows, seed=0)
    hours = pd.date_range("2021-01-01", periods=n_rows // 60 + 1, freq="h", unit="us")
    table.assign(at=np.repeat(hours, 60)[:n_rows]).to_parquet(file, row_group_size=100_000)


class _Hours:
    """What is known of the table."""

    timestamp = SimpleNamespace(name="at")
    series_columns = ()
    row_order = ("at",)


def count_pieces(file: Path, engine: str, columns: Sequence[str]) -> None:
    """Count columns of a Parquet file piece by piece."""
    frame: Any = nw.scan_parquet(file.as_posix(), backend=engine).to_native()
    roles = [role for role in make_large_table(0, seed=0)[1] if role[0] in columns]
    parameters = DriftParameters(maximum_rows=None)
    rows = pieces(frame, _Hours, ROWS_AT_ONCE, columns)  # type: ignore[arg-type]
    merge_profiles((make_profile(piece, roles, parameters) for piece in rows), parameters)


def measure_pieces(n_rows: int) -> bool:
    """Print what it costs to count a table that is not in memory.

    Args:
        n_rows: Its rows.

    Returns:
        True: there is no limit to keep.
    """
    print(f"\n{n_rows:,} rows in pieces of {ROWS_AT_ONCE:,}")
    print("\n| engine | columns | CPU s | peak MB |\n| --- | --- | ---: | ---: |")
    with TemporaryDirectory() as scratch:
        file = Path(scratch, "table.parquet")
        by_itself("drift_fast_path", "write_large_table", file, n_rows)
        for engine in filter(find_spec, ("duckdb", "polars")):
            for kind, columns in {"nothing": (), **COUNTED}.items():
                line = [__file__, "--what", "pieces", "--count", engine, str(file), *columns]
                cost = cost_of([sys.executable, *line], Path(scratch, "output.log"))
                print(f"| {engine} | {kind} | {cost.cpu_seconds:.1f} | {cost.megabytes:,.0f} |")
    return True


def measure_alarms() -> bool:
    """Print the share of column-weeks that are flagged.

    Returns:
        True: there is no limit to keep.
    """
    table = read_table()
    roles = ColumnRoles(FEATURES, CATEGORIES, target="cnt")
    columns = list(roles.columns())
    for name, configured in THRESHOLDS.items():
        plain = DriftParameters.model_validate(configured)
        print(f"\n{name}\n{'reference':<26}", end="")
        print(f"{'':>14}{'columns':>9}{'tables':>8}{'unjudged':>9}  by column")
        for reference_name, wanted in REFERENCES.items():
            choice = ReferenceParameters.model_validate(wanted)
            until = None
            if "first" in reference_name:
                until = table["at"].iloc[0].normalize() + FIRST_WEEKS * WEEK
            found: dict[str, list[tuple[pd.Series, bool | None]]] = {
                "configured": [],
                "calibrated": [],
            }
            for start, rows in weeks(table):
                chosen = reference_rows(
                    table["at"], start, start + WEEK, choice, trained_until=until
                )
                reference = table[chosen.mask]
                profile = make_profile(reference, columns, plain)
                own = calibrate(reference, reference["at"], columns, WEEK, plain)
                judged = {
                    "configured": (profile, plain),
                    "calibrated": (
                        profile.without(outlasted_columns(own)),
                        calibrated_parameters(plain, own),
                    ),
                }
                for kind, (read, parameters) in judged.items():
                    verdict = score_window(read, rows, parameters)
                    found[kind].append(
                        (
                            verdict.set_index("column")["drifted"].astype("Float64"),
                            is_table_drifted(verdict, parameters),
                        )
                    )
            for kind, verdicts in found.items():
                flags = pd.DataFrame([flag.astype("float64") for flag, _ in verdicts])
                tables = np.mean([bool(table_flag) for _, table_flag in verdicts])
                each = " ".join(f"{column} {share:.0%}" for column, share in flags.mean().items())
                print(
                    f"{reference_name:<26}{kind:>14}{flags.stack().mean():>9.0%}{tables:>8.0%}"
                    f"{flags.isna().to_numpy().mean():>9.0%}  {each}",
                    flush=True,
                )
    return True


def main() -> int:
    """Measure what was asked for.

    Returns:
        0 if every limit was kept, 1 if not.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3, help="rounds after the warm-up")
    parser.add_argument(
        "--what", choices=("cost", "size", "pieces", "alarms", "all"), default="all"
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of size and pieces")
    parser.add_argument("--others", action="store_true", help="of size: Evidently, once")
    parser.add_argument("--nannyml", type=Path, help="of size: interpreter that has NannyML")
    parser.add_argument("--count", nargs="+", help="of pieces: engine, file and columns")
    options = parser.parse_args()
    if options.count is not None:
        engine, file, *columns = options.count
        if columns:
            count_pieces(Path(file), engine, columns)
        return 0
    if options.repeat < 1:
        parser.error("--repeat must be at least 1")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores")
    kept = []
    if options.what in ("cost", "all"):
        kept.append(measure_cost(options.repeat))
    if options.what in ("size", "all"):
        others = options.others or options.nannyml is not None
        kept.append(measure_size(options.rows, options.repeat, options.nannyml, others=others))
    if options.what in ("pieces", "all"):
        kept.append(measure_pieces(options.rows))
    if options.what in ("alarms", "all"):
        kept.append(measure_alarms())
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
