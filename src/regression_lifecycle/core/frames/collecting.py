"""From a table on any engine to pandas: all of it, pieces of it, or a sample.

A frame is a native one of any engine that Narwhals knows: a pandas table, a Polars lazy frame, a
DuckDB relation, a Spark frame. The engine filters, chooses columns and sorts; only what is asked
for comes into memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

_ROW, _FIRST, _BLOCK, _START, _LENGTH, _COUNT = (
    f"__{name}" for name in ("row", "first", "block", "start", "length", "count")
)
_ROWS_AT_ONCE = 500_000
# A generator of pseudorandom numbers whose products fit into 64 bits on every engine (Park and
# Miller, "Random number generators: good ones are hard to find", CACM 31, 1988).
_FACTOR, _MODULUS = 48_271, 2_147_483_647


class Timestamp(Protocol):
    """The column of the moments."""

    @property
    def name(self) -> str:
        """Its name."""


class Problem(Protocol):
    """What is known of every table: by which columns its rows are told apart and ordered."""

    @property
    def timestamp(self) -> Timestamp:
        """The moment of a row."""

    @property
    def series_columns(self) -> Sequence[str]:
        """What names the series of a row."""

    @property
    def row_order(self) -> Sequence[str]:
        """The timestamp, and the rest of the key."""


class Pieces(Iterable[pd.DataFrame]):
    """A table that is made piece by piece, with the same columns and dtypes, when it is saved."""


def collect(frame: Any, problem: Problem, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Bring a frame into memory.

    Args:
        frame: Rows with any columns.
        columns: The wanted ones; all if left out.

    Returns:
        A pandas table stays as it is. Rows of other engines are sorted by time and the rest of the
        key, as far as these columns are there, with the dtypes of the contract: ``str``,
        ``datetime64[us]``, ``int64``, ``bool`` and ``float64``, whose missing values are NaN.
    """
    table: Any = nw.from_native(frame)
    if columns is not None:
        table = table.select(list(columns))
    if isinstance(table, nw.DataFrame):
        if table.implementation.is_pandas():
            found: pd.DataFrame = table.to_native()
            return found
        table = table.lazy()
    names = table.collect_schema().names()
    order = [name for name in problem.row_order if name in names]
    table = table.sort(*order) if order else table
    return _to_pandas(table.collect())


def collect_in_order(
    frame: Any, problem: Problem, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Bring stored rows into memory, as :func:`collect` does.

    As ingestion stores them they are in order, and need not be sorted again unless an engine gives
    them in another one.
    """
    table: Any = nw.from_native(frame)
    if isinstance(table, nw.DataFrame):
        return collect(frame, problem, columns)
    wanted = table if columns is None else table.select(list(columns))
    read = _to_pandas(wanted.collect())
    order = [name for name in problem.row_order if name in read]
    in_order = not read[order].isna().any(axis=None) and is_sorted(read, order)
    return read if in_order else collect(frame, problem, columns)


def count_rows(frame: Any) -> int:
    """Count the rows of a frame."""
    table: Any = nw.from_native(frame)
    if isinstance(table, nw.DataFrame):
        return len(table)
    return int(table.select(nw.len()).collect().item())


def pieces(
    frame: Any, problem: Problem, rows: int, columns: Sequence[str] | None = None
) -> Iterator[pd.DataFrame]:
    """Bring a frame into memory piece by piece.

    Args:
        frame: Rows with the timestamp.
        rows: Most rows of a piece; the rows of one day stay together where they are more.
        columns: The wanted ones; all if left out.

    Yields:
        The rows in the order of time, as :func:`collect` gives them; at least one piece, which is
        empty where there are no rows.
    """
    table: Any = nw.from_native(frame)
    if isinstance(table, nw.DataFrame) and table.implementation.is_pandas():
        whole = collect(frame, problem, columns)
        for start in range(0, max(len(whole), 1), rows):
            yield whole.iloc[start : start + rows].reset_index(drop=True)
        return
    moment = nw.col(problem.timestamp.name)
    found = spans(rows_per_day(frame, problem), rows)
    for start, end in found:
        part = table.filter(moment >= start.to_pydatetime(), moment < end.to_pydatetime())
        yield collect_in_order(part.to_native(), problem, columns)
    if not found:
        yield collect(frame, problem, columns)


def rows_per_day(frame: Any, problem: Problem) -> pd.Series:
    """Count the rows of a frame, on any engine, by the day of their timestamp.

    Returns:
        The counts of days with rows, the oldest first.
    """
    stamp = problem.timestamp.name
    # Spark gives what it truncates the time zone of the session.
    day = nw.col(stamp).dt.truncate("1d").dt.replace_time_zone(None)
    table: Any = nw.from_native(frame)
    days = table.lazy().group_by(day.alias(stamp)).agg(nw.len().alias(_COUNT)).sort(stamp)
    return _to_pandas(days.collect()).set_index(stamp)[_COUNT]


def spans(days: pd.Series, rows: int) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """Put days together until they have so many rows.

    Args:
        days: As :func:`rows_per_day` counts them.
        rows: Most rows of a stretch; a day with more is one all the same.

    Returns:
        Start and end of each stretch, the oldest first; its end is the start of the next one.
    """
    found, n, first = [], 0, 0
    for place, more in enumerate(days):
        if n and n + more > rows:
            found.append((days.index[first], days.index[place]))
            n, first = 0, place
        n += more
    if n:
        found.append((days.index[first], days.index[-1] + pd.Timedelta(days=1)))
    return found


def is_sorted(rows: pd.DataFrame, order: Sequence[str]) -> bool:
    """Return whether rows are sorted by columns, of which no value is missing."""
    tied = np.ones(max(len(rows) - 1, 0), dtype="bool")
    for name in order:
        values = rows[name].reset_index(drop=True)
        earlier, later = values.iloc[:-1], values.iloc[1:].set_axis(range(len(tied)))
        if (tied & (earlier > later).to_numpy("bool")).any():
            return False
        tied &= (earlier == later).to_numpy("bool")
    return True


def fills_memory(frame: Any) -> bool:
    """Return whether many joins of a lazy frame have to be done in pieces.

    Pandas holds its tables in any case, and Spark cuts them itself. Engines of one machine keep a
    table in memory for every join.
    """
    engine = nw.from_native(frame).implementation
    return bool(engine.is_polars() or engine.is_duckdb())


def sample(
    frame: Any, problem: Problem, maximum_rows: int | None, seed: int, n_rows: int | None = None
) -> pd.DataFrame:
    """Bring at most so many rows into memory, of every series and of all its time alike.

    The rows, series by series and each in the order of time, are cut into ``maximum_rows`` blocks
    of equal length, and one row of each is drawn. So every series has its share, no time of day is
    preferred, and every engine draws the same rows.

    Args:
        frame: Rows with the key, which is unique.
        maximum_rows: Most rows; None for all.
        seed: Of the draw.
        n_rows: How many rows there are, if that is known; a lazy frame is counted otherwise.

    Returns:
        What :func:`collect` gives of all rows, or of exactly ``maximum_rows`` of them.
    """
    if maximum_rows is not None and n_rows is None:
        n_rows = count_rows(frame)
    if maximum_rows is None or n_rows is None or n_rows <= maximum_rows:
        return collect(frame, problem)
    if fills_memory(frame):
        return _sample_in_pieces(frame, problem, maximum_rows, seed, n_rows)
    table: Any = nw.from_native(frame)
    names = table.collect_schema().names()
    drawn = _numbered(table, problem).with_columns(
        (nw.col(_ROW) * maximum_rows // n_rows).cast(nw.Int64).alias(_BLOCK)
    )
    start, following = _bounds(nw.col(_BLOCK), n_rows, maximum_rows)
    drawn = drawn.with_columns(start.cast(nw.Int64).alias(_START))
    drawn = drawn.with_columns((following.cast(nw.Int64) - nw.col(_START)).alias(_LENGTH))
    offset = _scrambled(nw.col(_BLOCK), seed).cast(nw.Int64) % nw.col(_LENGTH)
    drawn = drawn.filter(nw.col(_ROW) == nw.col(_START) + offset).select(names)
    found = collect(drawn.to_native(), problem)
    return found.reset_index(drop=True)


def _sample_in_pieces(
    frame: Any, problem: Problem, maximum_rows: int, seed: int, n_rows: int
) -> pd.DataFrame:
    """Draw the same rows from one piece after the other.

    To number all rows an engine of one machine sorts them, in twice the time and the memory.
    """
    blocks = np.arange(maximum_rows)
    start, following = _bounds(blocks, n_rows, maximum_rows)
    chosen = start + _scrambled(blocks, seed) % (following - start)
    known, before = _count_series(frame, problem)
    found = []
    for piece in pieces(frame, problem, _ROWS_AT_ONCE):
        series = _series_of(piece, problem)
        grouped = series.groupby(list(series), sort=False)
        first = pd.MultiIndex.from_frame(series[~series.duplicated()])
        place = known.get_indexer(first)[grouped.ngroup()]
        rows = before[place] + grouped.cumcount().to_numpy()
        before += np.bincount(place, minlength=len(before))
        found.append(piece[chosen[rows * maximum_rows // n_rows] == rows])
    return pd.concat(found, ignore_index=True)


def _count_series(frame: Any, problem: Problem) -> tuple[pd.MultiIndex, NDArray[np.int64]]:
    """List the series in their order, and how many rows all series before each one have."""
    table: Any = nw.from_native(frame)
    named = list(problem.series_columns)
    counted = nw.len().cast(nw.Int64).alias(_COUNT)
    counts = table.group_by(*named).agg(counted) if named else table.select(counted)
    counts = _to_pandas(counts.collect())
    series = _series_of(counts, problem)
    order = series.sort_values(list(series)).index
    n_rows = counts[_COUNT].to_numpy()[order]
    return pd.MultiIndex.from_frame(series.loc[order]), n_rows.cumsum() - n_rows


def _series_of(rows: pd.DataFrame, problem: Problem) -> pd.DataFrame:
    """Take the columns of the series, with values that no key has in place of missing ones."""
    named = list(problem.series_columns)
    if not named:
        return pd.DataFrame({_ROW: np.zeros(len(rows), dtype="int64")})
    given: Any = nw.from_native(rows)
    return given.select(_filled(name, given.schema[name]) for name in named).to_native()


def _numbered(table: Any, problem: Problem) -> Any:
    """Number the rows from 0, series by series and each in the order of time."""
    named, stamp = list(problem.series_columns), problem.timestamp.name
    order = [name for name in problem.row_order if name not in named]
    place = nw.col(stamp).cum_count()
    if not named:
        return table.with_columns((place.over(order_by=order).cast(nw.Int64) - 1).alias(_ROW))
    # No engine joins what is missing.
    schema = table.collect_schema()
    series = [f"__{name}" for name in named]
    table = table.with_columns(*(_filled(name, schema[name]).alias(f"__{name}") for name in named))
    table = table.with_columns(place.over(*series, order_by=order).cast(nw.Int64).alias(_ROW))
    # Few rows: those of a series follow all of the series before it.
    before = table.group_by(*series).agg(nw.len().alias(_COUNT))
    n_rows = nw.col(_COUNT).cast(nw.Int64)
    first = n_rows.cum_sum().over(order_by=series).cast(nw.Int64) - n_rows
    before = before.with_columns(first.alias(_FIRST)).drop(_COUNT)
    table = table.join(before, on=series, how="left")
    return table.with_columns((nw.col(_ROW) + nw.col(_FIRST) - 1).alias(_ROW))


def _filled(name: str, dtype: Any) -> nw.Expr:
    """Put a value that no key has in the place of one that is missing."""
    if dtype == nw.String:
        return nw.col(name).fill_null(" ")
    return nw.col(name).fill_null(-1e300) if dtype.is_float() else nw.col(name)


def _bounds(block: Any, n_rows: int, n_blocks: int) -> tuple[Any, Any]:
    """Return the number of the first row of a block, and that of the next one."""
    start, following = ((each * n_rows + (n_blocks - 1)) // n_blocks for each in (block, block + 1))
    return start, following


def _scrambled(number: Any, seed: int) -> Any:
    """Turn consecutive numbers into what looks like chance."""
    found = (number + (1 + seed % 1_000_003)) % _MODULUS
    for _ in range(3):
        found = (found * _FACTOR + seed % 9_973) % _MODULUS
    # The high bits: the low ones of such a generator follow a short cycle.
    return found // 64


def _to_pandas(frame: Any) -> pd.DataFrame:
    """Convert a collected frame, whose columns are released as they are converted."""
    found = frame.to_arrow().to_pandas(split_blocks=True, date_as_object=False)
    for name, values in found.items():
        if pd.api.types.is_datetime64_any_dtype(values.dtype):
            found[name] = values.astype("datetime64[us]")
        elif isinstance(values.dtype, pd.StringDtype) or values.dtype == object:
            found[name] = values.astype("str")
        elif pd.api.types.is_integer_dtype(values.dtype):
            found[name] = values.astype("int64")
        elif values.dtype == np.float32:
            found[name] = values.astype("float64")
    return found


def on_engine_of(frame: Any, table: pd.DataFrame) -> Any:
    """Give a small pandas table to the engine of a frame, so that both can be joined.

    Args:
        frame: A frame of any engine.
        table: The table; missing values become missing ones of the engine.

    Returns:
        The table itself beside pandas, else a lazy frame of the engine.
    """
    native: Any = nw.from_native(frame)
    engine = native.implementation
    if engine.is_pandas():
        return table
    import pyarrow as pa

    # In Arrow a missing number is missing, and no number that is none.
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    if not (engine.is_pyspark() or engine.is_pyspark_connect()):
        return nw.from_native(arrow).lazy(engine).to_native()
    session = native.to_native().sparkSession
    if arrow.num_rows:
        return nw.from_native(arrow).lazy(engine, session=session).to_native()
    # Spark Connect refuses a table without rows that has not said its types in Spark's own words.
    missing = nw.from_native(pa.Table.from_pylist([{}], schema=arrow.schema))
    return missing.lazy(engine, session=session).head(0).to_native()
