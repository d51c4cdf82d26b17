"""Where the table of a new problem comes from, and how a run will read it."""

from __future__ import annotations

import gzip
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from regression_lifecycle.core.errors import ConfigurationError, DataContractError, bounded_list
from regression_lifecycle.core.profiling.csv_format import sniff_csv
from regression_lifecycle.core.profiling.description import escaped
from regression_lifecycle.datasets.raw_csv import UNREADABLE, refuse_renamed
from regression_lifecycle.datasets.raw_parquet import RawParquetDataset

DATABASE_VARIABLE = "LIFECYCLE_RAW_URL"
_HEAD_BYTES = 256_000
# Rows of a piece of a Parquet file that is scored.
_PIECE = 50_000
_PARQUET = (".parquet", ".pq")
_VALIDATOR = {
    "class": "regression_lifecycle.datasets.contract_validator.ContractValidator",
    "on": "load",
    "options": {"stage": "raw", "problem": "${parameter:problem}"},
}
_LAYER = {"kedro-viz": {"layer": "01_raw", "preview": False}}
_PATH = "${globals:raw_folder}/${globals:raw_table}"


@dataclass(frozen=True)
class TableSource:
    """A table and how the catalog reads it.

    Attributes:
        table: The table; of text if it is a CSV file.
        file: Where it lies now, a file or a folder; None for a query.
        suffix: What its file name ends with, such as ``.csv.gz``.
        load_args: Arguments of the CSV reader that differ from its own.
        catalog: Entries of the catalog that differ from those of ``conf/base``.
    """

    table: pd.DataFrame
    file: Path | None
    suffix: str
    load_args: Mapping[str, Any]
    catalog: Mapping[str, Any]


def read_file(path: Path) -> TableSource:
    """Read a table from a file.

    Args:
        path: A CSV file, compressed or not, a Parquet file, or a folder of Parquet files.

    Returns:
        The table.

    Raises:
        ConfigurationError: If there is no such file.
        DataContractError: If it holds no table.
    """
    if not path.exists():
        raise ConfigurationError(f"  there is no file {path}")
    if path.is_dir() or path.suffix.lower() in _PARQUET:
        return _read_parquet(path)
    try:
        found = sniff_csv(_head(path))
        # As it is written: the contract decides what a value is, not the reader.
        how = {**found.load_args, "dtype": "str", "keep_default_na": False}
        table = pd.read_csv(path, **how)
        refuse_renamed(table, how, str(path), lambda given: pd.read_csv(path, **given))
    except UNREADABLE as error:
        message = str(error).splitlines()[0]
        raise DataContractError(f"{path} cannot be read as a CSV file: {message}") from error
    _refuse_empty(table, str(path))
    return TableSource(table, path, _suffix(path), found.load_args, {})


def read_query(query: str) -> TableSource:
    """Read a table from a database.

    Args:
        query: A SQL query; the database is that of the environment variable.

    Returns:
        The table.

    Raises:
        ConfigurationError: If the environment variable is not set, or the query fails.
    """
    from kedro.io import DatasetError
    from kedro_datasets.pandas import SQLQueryDataset

    url = os.environ.get(DATABASE_VARIABLE)
    if not url:
        raise ConfigurationError(
            f"  the environment variable {DATABASE_VARIABLE} is not set: the database of the raw "
            "table, such as postgresql+psycopg://user:password@host:5432/name"
        )
    try:
        table = SQLQueryDataset(sql=query, credentials={"con": url}).load()
    except DatasetError as error:
        cause = error.__cause__ or error
        raise ConfigurationError(f"  the query fails: {str(cause).splitlines()[0]}") from error
    _refuse_repeated(table.columns, "the query")
    _refuse_empty(table, "the query")
    meaning = "the database of the raw table"
    entry = {
        "type": "pandas.SQLQueryDataset",
        "sql": escaped(query),
        "credentials": {"con": f'${{required:{DATABASE_VARIABLE},"{meaning}"}}'},
    }
    catalog = {
        "raw_observations": {**entry, "validator": _VALIDATOR, "metadata": _LAYER},
        "scoring_batch": {**entry, "metadata": _LAYER},
    }
    return TableSource(table, None, "", {}, catalog)


def guess_name(path: Path | None) -> str | None:
    """Make a name for the problem from that of its file; None if there is nothing to go by."""
    if path is None:
        return None
    stem = path.name.split(".")[0]
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", stem).strip("_-")
    if not name:
        return None
    return (name if name[0].isalpha() else f"table_{name}")[:60]


def _read_parquet(path: Path) -> TableSource:
    from kedro.io import DatasetError

    try:
        table = RawParquetDataset(path.as_posix()).load()
    except DatasetError as error:
        raise error.__cause__ or error from None
    assert isinstance(table, pd.DataFrame)
    _refuse_empty(table, str(path))
    entry = {
        "type": "regression_lifecycle.datasets.raw_parquet.RawParquetDataset",
        "filepath": _PATH,
        "metadata": _LAYER,
    }
    catalog = {
        "raw_observations": {
            **entry,
            "chunksize": "${globals:raw_chunksize}",
            "validator": _VALIDATOR,
        },
        "scoring_batch": {**entry, "chunksize": _PIECE},
    }
    return TableSource(table, path, _suffix(path), {}, catalog)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith(b"\x1f\x8b"):
        with gzip.open(path, "rb") as file:
            return file.read(_HEAD_BYTES)
    return head


def _suffix(path: Path) -> str:
    parts = path.name.split(".")[1:]
    # A name such as sales.2024.csv has no suffix of two parts.
    kept = parts[-2:] if parts and parts[-1].lower() in ("gz", "zip", "bz2", "xz") else parts[-1:]
    return "".join(f".{part}" for part in kept)


def _refuse_repeated(names: Sequence[str], place: str) -> None:
    twice = sorted({name for name, count in Counter(names).items() if count > 1})
    if twice:
        raise DataContractError(f"columns that stand twice in {place}: {bounded_list(twice)}")


def _refuse_empty(table: pd.DataFrame, place: str) -> None:
    if table.empty:
        raise DataContractError(f"{place} has no rows")
