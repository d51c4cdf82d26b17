"""The newest rows of a table in Parquet, without reading the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import PurePosixPath
from typing import Any

import pandas as pd


def files_of_table(file_system: Any, path: str) -> list[str]:
    """Return the Parquet files of a table, which Spark writes as a folder of some.

    Names that begin with a dot or an underscore are of files that are being written, or say
    something about the others, for Spark and Arrow too.
    """
    if not file_system.isdir(path):
        return [path]
    found = (str(file) for file in file_system.glob(f"{path}/*.parquet"))
    return sorted(file for file in found if not is_hidden(file))


def is_hidden(path: str) -> bool:
    """Return whether a file or folder is no part of the table that its folder holds."""
    return PurePosixPath(path).name.startswith((".", "_"))


def read_newest_rows(
    file_system: Any,
    paths: Iterable[str],
    columns: Sequence[str],
    by: str,
    back: pd.Timedelta,
    nrows: int,
) -> pd.DataFrame:
    """Read the newest rows, and little more of the files than these.

    Args:
        file_system: Of fsspec.
        paths: The Parquet files of the table, at least one.
        columns: What is wanted of the rows; what the table does not have is left out.
        by: Column of moments, one of ``columns``.
        back: How far back from the newest row all rows are wanted.
        nrows: How many rows are wanted at least, if there are so many.

    Returns:
        These rows, and what stands in one piece of a file with them.
    """
    from pyarrow.parquet import ParquetFile

    with ExitStack() as opened:
        files = [ParquetFile(opened.enter_context(file_system.open(path, "rb"))) for path in paths]
        names = [name for name in columns if name in files[0].schema_arrow.names]
        groups = [(file, n) for file in files for n in range(file.num_row_groups)]
        wanted = _newest_groups(groups, by, back, nrows)
        found = [
            file.read_row_groups([n for own, n in wanted if own is file], columns=names)
            for file in files
        ]
        import pyarrow as pa

        table: pd.DataFrame = pa.concat_tables(found).to_pandas()
        return table


def _newest_groups(
    groups: list[tuple[Any, int]], by: str, back: pd.Timedelta, nrows: int
) -> list[tuple[Any, int]]:
    """Choose the pieces that may hold wanted rows."""
    described = []
    for file, n in groups:
        place = file.schema_arrow.get_field_index(by)
        group = file.metadata.row_group(n)
        bounds = group.column(place).statistics if place >= 0 else None
        # Where a file does not say what stands in its pieces, all are read.
        if bounds is None or not bounds.has_min_max:
            return groups
        described.append((pd.Timestamp(bounds.max), group.num_rows))
    ends = [end for end, _ in described]
    rows_before, kept = 0, set()
    for place in sorted(range(len(groups)), key=ends.__getitem__, reverse=True):
        if rows_before >= nrows and ends[place] < max(ends) - back:
            break
        rows_before += described[place][1]
        kept.add(place)
    return [group for place, group in enumerate(groups) if place in kept]
